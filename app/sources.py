"""What can be opened by its name, and the bundled samples with their truth. No Qt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import skeleton

Box = tuple[float, float, float, float]
"""(x, y, width, height) in picture pixels."""

# The dialog's list; what can be read is decided by core.media, which is slow to import and stays out of the start.
PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
# .pth and .pt: the authors' published weights, which core.published converts.
CHECKPOINT_SUFFIXES = frozenset({".safetensors", ".pth", ".pt"})
PICTURE_FILTER = (
    f"Pictures and videos ({' '.join('*' + suffix for suffix in PICTURE_SUFFIXES + VIDEO_SUFFIXES)});;All files (*)"
)
CHECKPOINT_FILTER = "Checkpoints (*.safetensors *.pth *.pt);;All files (*)"


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


def is_checkpoint(path: Path) -> bool:
    """Tell a checkpoint file by its name."""
    return path.suffix.lower() in CHECKPOINT_SUFFIXES


def is_video(path: Path) -> bool:
    """Tell a video file by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


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
