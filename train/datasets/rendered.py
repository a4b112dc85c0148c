"""Pictures the program rendered, with exact 3D: the shards that ``render`` writes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from core.crop import box_around
from core.errors import UserError
from core.sharding import ALONE, Share
from core.skeleton import JOINT_COUNT
from train.datasets.crops import CropSet, Sample, cached
from train.datasets.reading import Arrays, OnBad, Problems, told

FEWEST_JOINTS: Final = 6
"""Persons with fewer joints in the picture are left out: their box says little."""
AGAIN: Final = "delete the shard and render again"
_FIELDS: Final = ("jpeg", "offset", "joints_px", "joints_mm", "visible", "scene")
_NEWER: Final = ("subject", "action", "other_px")
_DAMAGED: Final = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def shards(folder: Path) -> list[Path]:
    """List the shards of a rendered set.

    Raises:
        UserError: there are none.
    """
    found = sorted(folder.glob("shard-*.npz"))
    if not found:
        raise UserError(
            f"{folder} holds no rendered pictures", f"make some with `bonesight render --out {folder} --count 2000`"
        )
    return found


def pictures(folder: Path) -> int:
    """Return how many pictures a folder's readable shards hold; 0 if it is not there."""
    return sum(_persons(path) for path in sorted(folder.glob("shard-*.npz")))


def samples(
    folder: Path, on_bad: OnBad = "skip", problems: Problems | None = None, share: Share = ALONE
) -> Iterator[Sample]:
    """Read every rendered person, or a share of them; a box is drawn around the joints that are in the picture.

    Shards of earlier versions tell no subject, no action and nothing of who stands beside.
    """
    files = shards(folder)
    with told(f"rendered {folder.name}", on_bad, problems) as counted:
        for path in files:
            arrays = _read(path, counted)
            for index in share.take(range(len(arrays["joints_px"]) if arrays else 0)):
                sample = _sample(arrays, index, f"{path.stem}:{index}", counted)
                if sample is not None:
                    yield sample


def training_crops(folder: Path, cache: Path, on_bad: OnBad = "skip") -> CropSet:
    """Return the crops of a rendered set."""
    files = shards(folder)
    key: dict[str, object] = {
        "set": "rendered",
        "files": [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files],
    }
    problems = Problems(f"rendered {folder.name}", on_bad)
    crops = cached(key, pictures(folder), samples(folder, on_bad, problems), cache, f"rendered-{folder.name}", problems)
    problems.tell()
    return crops


def _persons(path: Path) -> int:
    """Return how many persons a shard holds; none in a damaged one, which ``samples`` tells of."""
    try:
        with path.open("rb") as file, np.load(file) as shard:
            return len(shard["joints_px"])
    except (KeyError, *_DAMAGED):
        return 0


def _read(path: Path, problems: Problems) -> Arrays:
    """Read a shard; nothing when it is damaged, which is then counted."""
    try:
        with path.open("rb") as file, np.load(file) as shard:
            arrays = {name: shard[name] for name in _FIELDS}
            arrays |= {name: shard[name] for name in _NEWER if name in shard.files}
    except KeyError as error:
        problems.add(f"the shard lacks {error.args[0].split(' ')[0]}", path.name, AGAIN)
        return {}
    except _DAMAGED:
        problems.add("the shard is damaged", path.name, AGAIN)
        return {}
    count = len(arrays["scene"])
    shapes: dict[str, tuple[int, ...]] = {
        "joints_px": (count, JOINT_COUNT, 2), "joints_mm": (count, JOINT_COUNT, 3), "visible": (count, JOINT_COUNT),
        "offset": (count + 1,),
    }  # fmt: skip
    shapes |= {"subject": (count,), "action": (count,), "other_px": (count, JOINT_COUNT, 2)}
    if any(arrays[name].shape != shape for name, shape in shapes.items() if name in arrays):
        problems.add("the shard's fields are of different lengths", path.name, AGAIN)
        return {}
    return arrays


def _sample(arrays: Arrays, index: int, name: str, problems: Problems) -> Sample | None:
    joints_px = arrays["joints_px"][index].astype(np.float64)
    joints_mm = arrays["joints_mm"][index].astype(np.float64)
    visible = arrays["visible"][index].astype(bool)
    if not (np.isfinite(joints_px).all() and np.isfinite(joints_mm).all()):
        problems.add("a joint is not a number", name, AGAIN)
        return None
    if visible.sum() < FEWEST_JOINTS:
        problems.leave_out(f"fewer than {FEWEST_JOINTS} joints are in the picture", name)
        return None
    stream = arrays["jpeg"][arrays["offset"][index] : arrays["offset"][index + 1]]
    image = cv2.imdecode(stream, cv2.IMREAD_COLOR) if stream.dtype == np.uint8 and len(stream) else None
    if image is None:
        problems.add("the picture is damaged", name, AGAIN)
        return None
    picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    box = box_around(joints_px[visible])
    scene, subject, action = (
        str(arrays[field][index]) if field in arrays else "" for field in ("scene", "subject", "action")
    )
    other_px = arrays["other_px"][index].astype(np.float64) if "other_px" in arrays else None
    if other_px is not None and not np.isfinite(other_px).all():
        other_px = None
    return Sample(picture, joints_px, visible, box, joints_mm, name, scene, subject, action, other_px=other_px)
