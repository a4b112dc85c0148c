"""What the tests of training share: small sets on the disk, and the real command in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from core import skeleton
from train.datasets.crops import LABELS, STORED_PX, CropSet

ROOT = Path(__file__).parent.parent


def crop_set(count: int, depth: bool, seed: int = 0) -> CropSet:
    """Build crops of coloured noise around random skeletons."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, STORED_PX, STORED_PX, 3), dtype=np.uint8)
    joints_mm = random.normal(0, 300, (count, 16, 3)).astype(np.float32)
    joints_mm -= joints_mm[:, skeleton.ROOT : skeleton.ROOT + 1]
    joints = (joints_mm[..., :2] * 0.07 + STORED_PX / 2).astype(np.float32)
    if not depth:
        joints_mm = np.full_like(joints_mm, np.nan)
    annotated = np.ones((count, 16), bool)
    annotated[:, 6:8] = depth
    return CropSet(images, joints, annotated, joints_mm)


def write_crops(folder: Path, crops: CropSet) -> Path:
    """Write a set as ``train.staging`` does."""
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", crops.images)
    np.savez(folder / "labels.npz", **{name: getattr(crops, name) for name in LABELS})
    return folder


def write_sets(data: Path, count: int = 12) -> Path:
    """Write decoded photos, held-out photos and people with depth below a folder."""
    write_crops(data / "photos", crop_set(count, depth=False))
    write_crops(data / "photos-held-out", crop_set(5, depth=False, seed=2))
    write_crops(data / "people", crop_set(count, depth=True, seed=1))
    return data


SHORT = (
    "data.photos=photos", "data.rendered=people", "data.empty=", "optimiser.batch=4", "optimiser.precision=float32",
    "run.threads=1", "run.name=short", "stage.0.iterations=2", "stage.1.iterations=2", "stage.2.iterations=2",
)  # fmt: skip
"""Settings that make six steps of compact.toml on ``write_sets``."""


def command(data: Path, out: Path, *words: str, settings: tuple[str, ...] = SHORT) -> list[str]:
    """Return the words after ``python`` that train in a folder."""
    sets = [word for setting in settings for word in ("--set", setting)]
    config = "resources/configs/compact.toml"
    return ["main.py", "train", config, "--data", str(data), "--out", str(out), "--device", "cpu", *sets, *words]


def start(words: list[str], env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start Python with words, in the program's folder."""
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
