"""Pictures without people: what the network should be unsure about.

One picture in five, chosen by its name, is held out: confidence is measured on those.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core import media
from core.crop import Box
from core.errors import UserError
from core.skeleton import JOINT_COUNT
from train.datasets.crops import CropSet, Sample, cached
from train.datasets.reading import OnBad, Problems, picture_or_problem

HELD_OUT_OF = 5


def is_held_out(name: str) -> bool:
    """Tell whether a picture, by its file name, is kept for measuring."""
    return zlib.crc32(name.encode()) % HELD_OUT_OF == 0


def pictures(folder: Path, held_out: bool) -> list[Path]:
    """List the pictures of one half, in the order of their paths.

    Raises:
        UserError: there are none.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in media.PICTURE_SUFFIXES)
    if not found:
        raise UserError(
            f"{folder} holds no pictures", 'give a folder of pictures without people, or set data.empty = ""'
        )
    return [path for path in found if is_held_out(path.name) == held_out]


def central_square(width: int, height: int) -> Box:
    """Return the largest square in the middle of a picture: the box where there is nobody to put one around."""
    side = min(width, height)
    return ((width - side) / 2, (height - side) / 2, float(side), float(side))


def samples(folder: Path, held_out: bool, problems: Problems | None = None) -> Iterator[Sample]:
    """Read every picture of one half; no joint is annotated. Damaged ones are counted and left out."""
    counted = problems or Problems("pictures without people")
    for path in pictures(folder, held_out):
        image = picture_or_problem(path, path.name, counted)
        if image is None:
            continue
        yield Sample(
            image, np.zeros((JOINT_COUNT, 2)), np.zeros(JOINT_COUNT, bool),
            central_square(image.shape[1], image.shape[0]), None, path.name, scene="empty",
        )  # fmt: skip
    if problems is None:
        counted.tell()


def training_crops(folder: Path, cache: Path, on_bad: OnBad = "skip") -> CropSet:
    """Return the crops of the pictures that are not held out."""
    problems = Problems("pictures without people", on_bad)
    names = [(path.name, path.stat().st_size) for path in pictures(folder, held_out=False)]
    read = samples(folder, held_out=False, problems=problems)
    crops = cached({"set": "empty", "files": names}, len(names), read, cache, "empty", problems)
    problems.tell()
    return crops
