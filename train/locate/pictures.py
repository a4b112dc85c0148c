"""What the locating network learns from: whole pictures, decoded once and kept beside the pose trainer's crops.

One picture in ``ASIDE_OF``, chosen by its name, is not trained on: the threshold is chosen on those, so that the
held-out pictures (LSP-Extended's split, one background in five) stay for measuring.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.crop import Box
from core.errors import UserError
from train.datasets import empty, lsp, rendered
from train.datasets.crops import CONTEXT, CropSet, Sample, cached, file_hash
from train.datasets.reading import Problems
from train.locate.config import LocateData

ASIDE_OF: Final = 12


@dataclass(frozen=True, eq=False)
class Source:
    """A picture that goes into a scene, and who is known to be in it.

    Attributes:
        image: (h, w, 3) RGB.
        joints_px: (16, 2); meaningless where not annotated.
        annotated: (16,) bool; nobody annotated: a picture without people.
        other_px: (16, 2) joints of somebody else, or None where nobody is known of.
    """

    image: NDArray[np.uint8]
    joints_px: NDArray[np.float64]
    annotated: NDArray[np.bool_]
    other_px: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Sets:
    """Photos of one annotated person each, rendered people, and pictures of nobody."""

    photos: CropSet
    rendered: CropSet
    empty: CropSet


def is_aside(name: str) -> bool:
    """Tell whether a picture is kept for choosing the threshold."""
    return zlib.crc32(f"locate {name}".encode()) % ASIDE_OF == 0


def source(pictures: CropSet, index: int) -> Source:
    """Return a decoded picture without the black margins that make it square."""
    image = pictures.images[index]
    inside = _inside_margins(pictures, index)
    if inside is None:
        return Source(image, np.zeros((16, 2)), np.zeros(16, bool))
    top, bottom, left, right = inside
    joints = pictures.joints_stored[index].astype(np.float64) - (left, top)
    other = None if pictures.other_stored is None else pictures.other_stored[index].astype(np.float64) - (left, top)
    if other is not None and np.isnan(other).any():
        other = None
    return Source(image[top:bottom, left:right], joints, pictures.annotated[index], other)


@functools.lru_cache(2**16)
def _inside_margins(pictures: CropSet, index: int) -> tuple[int, int, int, int] | None:
    """Return the first row and the one after the last that are not black, and the columns likewise."""
    image = pictures.images[index]
    # Every eighth line is enough to see where the margins end.
    rows, columns = np.flatnonzero(image[:, ::8].any(axis=(1, 2))), np.flatnonzero(image[::8].any(axis=(0, 2)))
    if not len(rows) or not len(columns):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def of_sample(sample: Sample) -> Source:
    """Return a sample's picture with what is known about it."""
    return Source(sample.image, sample.joints_px, sample.annotated, sample.other_px)


def open_sets(section: LocateData, data: Path, cache: Path, aside: bool) -> Sets:
    """Decode, or map what an earlier run decoded.

    Args:
        section: names the sets.
        data: folder that they are below.
        cache: folder for decoded pictures.
        aside: those the threshold is chosen on, not those that are trained on.

    Raises:
        UserError: a set is not there, or holds no usable picture.
    """
    rendered.shards(data / section.rendered)
    empty.pictures(data / section.empty, held_out=False)
    photos = _photos(data / section.photos, cache, aside)
    return Sets(
        photos, _rendered(data / section.rendered, cache, aside, section), _empty(data / section.empty, cache, aside)
    )


def _photos(folder: Path, cache: Path, aside: bool) -> CropSet:
    folder = lsp.find(folder)
    kept = set(lsp.read_split(folder, "val.txt" if lsp.kind(folder) == "lspet" else "test"))
    problems = Problems(lsp.NAMES[lsp.kind(folder)])
    names = [
        name for name in sorted(lsp.labels(folder, problems))
        if name not in kept and is_aside(name) == aside and (folder / "images" / name).is_file()
    ]  # fmt: skip
    key = {"set": lsp.kind(folder), "names": names, "labels": file_hash(folder / "joints.mat")}
    return _decoded(key, len(names), lsp.samples(folder, names, problems=problems), cache, lsp.kind(folder), aside)


def _rendered(folder: Path, cache: Path, aside: bool, section: LocateData) -> CropSet:
    files = rendered.shards(folder)
    most = section.rendered_most or 10**9
    key = {"set": "rendered", "files": [(path.name, path.stat().st_size) for path in files], "most": most}
    found = (sample for sample in rendered.samples(folder) if is_aside(sample.name) == aside)
    count = min(most, 250 * len(files))
    return _decoded(key, count, _first(found, most if not aside else most // ASIDE_OF + 1), cache, "rendered", aside)


def _empty(folder: Path, cache: Path, aside: bool) -> CropSet:
    names = [path.name for path in empty.pictures(folder, held_out=False)]
    found = (sample for sample in empty.samples(folder, held_out=False) if is_aside(sample.name) == aside)
    return _decoded({"set": "empty", "names": names}, len(names), found, cache, "empty", aside)


def _first(samples: Iterator[Sample], most: int) -> Iterator[Sample]:
    for _, sample in zip(range(most), samples, strict=False):
        yield sample


def _decoded(
    key: dict[str, Any], count: int, samples: Iterator[Sample], cache: Path, label: str, aside: bool
) -> CropSet:
    whole = (replace(sample, box_px=_whole(sample.image)) for sample in samples)
    name = f"locate-{label}{'-aside' if aside else ''}"
    if count == 0:
        raise UserError(f"{label} holds no usable picture", "check the set with `bonesight doctor`")
    return cached({**key, "whole": True, "aside": aside}, count, whole, cache, name)


def _whole(image: NDArray[np.uint8]) -> Box:
    """Return the box whose stored crop is the whole picture."""
    height, width = image.shape[:2]
    side = max(width, height) / CONTEXT
    return ((width - side) / 2, (height - side) / 2, side, side)
