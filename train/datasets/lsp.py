"""Leeds Sports Pose Extended in its own format: ``images/im00001.jpg`` ... and ``joints.mat``.

``joints.mat`` holds ``joints``, 14 x 3 x N: x, y and, in this set, 1 for visible. Coordinates are 1-based, as MATLAB
writes them. Johnson & Everingham, CVPR 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import scipy.io
from numpy.typing import NDArray

from core.crop import box_around
from core.errors import UserError
from core.media import read_picture
from core.skeleton import JOINT_COUNT
from train.datasets.crops import CropSet, Sample, cached

TO_MPII: Final = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9)
"""Joint index of each of the 14 LSP joints; pelvis and thorax have no annotation here."""
FEWEST_JOINTS: Final = 6
"""Persons with fewer annotated joints are left out: their box says little."""


def find(data: Path) -> Path:
    """Return the folder of the set: ``data`` itself or its ``lspet`` folder.

    Raises:
        UserError: neither holds the set.
    """
    for folder in (data, data / "lspet"):
        if (folder / "joints.mat").is_file() and (folder / "images").is_dir():
            return folder
    raise UserError(
        f"{data} holds no LSP-Extended set", "give a folder with joints.mat and images/im00001.jpg, im00002.jpg, ..."
    )


def read_split(data: Path, split: str) -> list[str]:
    """Read a split file of picture names, by path or by name within the set.

    Raises:
        UserError: there is no such file.
    """
    for path in (Path(split), find(data) / split):
        if path.is_file():
            return path.read_text(encoding="utf-8").split()
    raise UserError(f"there is no split file {split}", "give a text file with one picture name per line")


def labels(data: Path) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Read every annotated person: picture name -> ((16, 2) joints_px, (16,) annotated).

    Raises:
        UserError: the annotation file is missing or of another shape.
    """
    path = find(data) / "joints.mat"
    try:
        joints = np.asarray(scipy.io.loadmat(path)["joints"], dtype=np.float64)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path.name} is not LSP-Extended's annotation", "download the set again") from error
    if joints.ndim != 3 or joints.shape[:2] != (14, 3):
        raise UserError(f"{path.name} has the shape {joints.shape}", "it should be 14 x 3 x number of pictures")
    found = {}
    for number, person in enumerate(np.moveaxis(joints, 2, 0), start=1):
        annotated = np.zeros(JOINT_COUNT, dtype=bool)
        joints_px = np.zeros((JOINT_COUNT, 2))
        # 1-based pixel centres become continuous coordinates with the origin at the picture's corner.
        joints_px[list(TO_MPII)] = person[:, :2] - 0.5
        annotated[list(TO_MPII)] = (person[:, 2] > 0) & np.isfinite(person[:, :2]).all(axis=1)
        if annotated.sum() >= FEWEST_JOINTS:
            found[f"im{number:05d}.jpg"] = (joints_px, annotated)
    return found


def samples(data: Path, names: list[str]) -> Iterator[Sample]:
    """Read the persons of the named pictures, those without annotation or picture left out."""
    known = labels(data)
    folder = find(data) / "images"
    for name in names:
        if name not in known or not (folder / name).is_file():
            continue
        joints_px, annotated = known[name]
        yield Sample(read_picture(folder / name), joints_px, annotated, box_around(joints_px[annotated]), None, name)


def training_crops(data: Path, cache: Path, held_out: str = "val.txt") -> CropSet:
    """Return the crops of every annotated picture that is not in the held-out split."""
    folder = find(data)
    kept = set(read_split(data, held_out))
    names = [name for name in sorted(labels(data)) if name not in kept and (folder / "images" / name).is_file()]
    stat = (folder / "joints.mat").stat()
    key = {"set": "lspet", "names": len(names), "size": stat.st_size, "held_out": sorted(kept), "format": 1}
    return cached(key, len(names), samples(data, names), cache, "lspet")
