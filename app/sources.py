"""Tells what was dropped, typed or chosen, lists folders in natural order, and knows the bundled samples. No Qt."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.errors import UserError

Box = tuple[float, float, float, float]
"""(x, y, width, height) in picture pixels."""

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
CHECKPOINT_SUFFIXES = frozenset({".safetensors"})
PICTURE_FILTER = f"Pictures ({' '.join(sorted('*' + suffix for suffix in PICTURE_SUFFIXES))});;All files (*)"
CHECKPOINT_FILTER = "Checkpoints (*.safetensors);;All files (*)"


class SourceKind(StrEnum):
    """What a path leads to."""

    PICTURE = "picture"
    FOLDER = "folder"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known to be true about a sample picture.

    Attributes:
        joints_px: (16, 2) picture pixels.
        joints_mm: (16, 3) millimetres from the pelvis, x right, y down, z away from the camera.
        box_px: (x, y, width, height) of the person.
    """

    joints_px: NDArray[np.float64]
    joints_mm: NDArray[np.float64]
    box_px: Box


@dataclass(frozen=True)
class Sample:
    """One bundled sample: its file, its title, and what is true about it."""

    path: Path
    title: str
    truth: Truth | None


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key with numbers in their order: 9.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def kind_of(path: Path) -> SourceKind:
    """Tell what a path leads to; raise UserError if there is nothing."""
    if path.is_dir():
        return SourceKind.FOLDER
    if not path.exists():
        raise UserError(f"{path.name or path} does not exist", "check the name, or open another file")
    if path.suffix.lower() in CHECKPOINT_SUFFIXES:
        return SourceKind.CHECKPOINT
    return SourceKind.PICTURE


def pictures_in(folder: Path) -> list[Path]:
    """List a folder's pictures in natural order; raise UserError if there are none."""
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()]
    except OSError as error:
        raise UserError(f"the folder {folder.name} cannot be read ({error.strerror})", "open another folder") from error
    if not found:
        raise UserError(f"the folder {folder.name} has no pictures", "open one with JPEG, PNG, WebP, BMP or TIFF files")
    return sorted(found, key=natural_key)


def bundled_samples() -> list[Sample]:
    """Return the bundled samples with their truth; an incomplete installation has none rather than no window."""
    folder = Path(str(files("resources") / "samples"))
    try:
        entries = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
        samples = [_sample(folder, entry) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [sample for sample in samples if sample.path.is_file()]


def _sample(folder: Path, entry: dict[str, object]) -> Sample:
    name = str(entry["file"])
    truth = None
    joints_px = np.asarray(entry.get("joints_px", ()), dtype=np.float64)
    joints_mm = np.asarray(entry.get("joints_mm", ()), dtype=np.float64)
    box = np.asarray(entry.get("box_px", ()), dtype=np.float64)
    count = skeleton.JOINT_COUNT
    if joints_px.shape == (count, 2) and joints_mm.shape == (count, 3) and box.shape == (4,):
        truth = Truth(joints_px, joints_mm, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    return Sample(folder / name, str(entry.get("title", name)), truth)


def sample_truth(path: Path) -> Sample | None:
    """Return the sample that a path is, so that a sample opened by any way shows its truth."""
    try:
        resolved = path.resolve()
    except OSError:
        return None
    return next((sample for sample in bundled_samples() if sample.path.resolve() == resolved), None)
