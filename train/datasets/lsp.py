"""Leeds Sports Pose and its extension: people at sports, 14 joints in 2D. Johnson & Everingham, BMVC 2010, CVPR 2011.

Terms: pictures from Flickr, for research; sam.johnson.io/research/lsp.html.

Folder (or its ``lspet`` or ``lsp`` folder): ``images/`` and ``joints.mat``, MATLAB v5 with ``joints``: x, y and a flag
of 14 joints, 1-based. The two sets write the same fields with opposite meanings:

* LSP, 3 x 14 x 2000, ``im0001.jpg``: flag 1 means *occluded*. Every joint has a label. The first 1,000 persons are
  for training, the last 1,000 for testing.
* LSP-Extended, 14 x 3 x 10000, ``im00001.jpg``: flag 1 means *visible*. The others have no label.

Which set it is, is told by the pictures' names, and without pictures by the shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.crop import box_around
from core.errors import UserError
from core.sharding import ALONE, Share
from core.skeleton import JOINT_COUNT
from train.datasets.crops import CropSet, Sample, cached, file_hash
from train.datasets.reading import GET_AGAIN, Inventory, OnBad, Problems, matlab, picture_or_problem, told

Kind = Literal["lsp", "lspet"]
Labels = dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]

NAMES: Final[dict[Kind, str]] = {"lsp": "LSP", "lspet": "LSP-Extended"}
GET: Final[dict[Kind, str]] = {
    "lsp": "get lsp_dataset.zip (2,000 pictures and joints.mat) from sam.johnson.io/research/lsp.html",
    "lspet": "get lspet_dataset.zip (10,000 pictures and joints.mat) from sam.johnson.io/research/lspet.html",
}
TO_MPII: Final = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 8, 9)
"""Joint index of each of the 14 LSP joints; pelvis and thorax have no annotation here."""
FEWEST_JOINTS: Final = 6
"""Persons with fewer annotated joints are left out: their box says little."""
TRAINING_PERSONS: Final = 1000
"""The first persons of LSP are for training, the others for testing."""


def find(data: Path, only: Kind | None = None) -> Path:
    """Return the folder of the set: ``data`` itself or its ``lspet`` or ``lsp`` folder.

    Args:
        only: which of the two sets it must be.

    Raises:
        UserError: none holds the set.
    """
    for folder in (data, data / "lspet", data / "lsp"):
        if (
            (folder / "joints.mat").is_file()
            and (folder / "images").is_dir()
            and (only is None or kind(folder) == only)
        ):
            return folder
    if only == "lsp":
        raise UserError(f"{data} holds no LSP set", GET["lsp"])
    raise UserError(
        f"{data} holds no LSP-Extended set",
        "give a folder with joints.mat and images/im00001.jpg, im00002.jpg, ...; " + GET["lspet"],
    )


def kind(folder: Path) -> Kind:
    """Tell the two sets apart, by the pictures' names or without pictures by the annotation's shape."""
    for path in (folder / "images").iterdir():
        if match := re.fullmatch(r"im(\d{4,5})\.jpg", path.name):
            return "lsp" if len(match[1]) == 4 else "lspet"
    return "lsp" if _joints(folder)[1] else "lspet"


def read_split(data: Path, split: str) -> list[str]:
    """Read a split: a file of picture names, by path or by name within the set, or LSP's own ``train`` or ``test``.

    Raises:
        UserError: there is no such file.
    """
    folder = find(data)
    for path in (Path(split), folder / split):
        if path.is_file():
            return path.read_text(encoding="utf-8").split()
    own = ""
    if kind(folder) == "lsp":
        count = _joints(folder)[0].shape[2]
        numbers = {"train": range(1, TRAINING_PERSONS + 1), "test": range(TRAINING_PERSONS + 1, count + 1)}
        if split in numbers:
            return [_picture("lsp", number) for number in numbers[split] if number <= count]
        own = ", or choose train or test"
    raise UserError(f"there is no split file {split}", f"give a text file with one picture name per line{own}")


def labels(data: Path, problems: Problems | None = None) -> Labels:
    """Read every usable person: picture name -> ((16, 2) joints_px, (16,) annotated).

    Args:
        problems: counts the others.

    Raises:
        UserError: the annotation file is missing or of another shape.
    """
    folder = find(data)
    which = kind(folder)
    problems = problems or Problems(NAMES[which])
    joints, _ = _joints(folder)
    found = {}
    for number, person in enumerate(np.moveaxis(joints, 2, 0), start=1):
        name = _picture(which, number)
        labelled = person[:, 2] > 0 if which == "lspet" else np.ones(len(person), dtype=bool)
        if not np.isfinite(person[labelled]).all():
            problems.add("a joint is not a number", name)
            continue
        if labelled.sum() < FEWEST_JOINTS:
            problems.leave_out(f"fewer than {FEWEST_JOINTS} joints are annotated", name)
            continue
        annotated = np.zeros(JOINT_COUNT, dtype=bool)
        joints_px = np.zeros((JOINT_COUNT, 2))
        # 1-based pixel centres become continuous coordinates with the origin at the picture's corner.
        joints_px[list(TO_MPII)] = person[:, :2] - 0.5
        annotated[list(TO_MPII)] = labelled
        found[name] = (joints_px, annotated)
    return found


def samples(
    data: Path, names: list[str], on_bad: OnBad = "skip", problems: Problems | None = None, share: Share = ALONE
) -> Iterator[Sample]:
    """Read the persons of the named pictures; those without annotation or picture are counted and left out."""
    folder = find(data)
    everyone = Problems(NAMES[kind(folder)])
    known = labels(data, everyone)
    why = {name: reason for reason, left_out in everyone.found.items() for name in left_out}
    with told(everyone.label, on_bad, problems) as counted:
        for name in share.take(names):
            if name not in known:
                if why.get(name, "").startswith("fewer"):
                    counted.leave_out(why[name], name)
                else:
                    counted.add(why.get(name, "there is no annotation"), name, "check the split file and joints.mat")
                continue
            picture = picture_or_problem(folder / "images" / name, name, counted)
            if picture is not None:
                joints_px, annotated = known[name]
                yield Sample(picture, joints_px, annotated, box_around(joints_px[annotated]), None, name)


def training_crops(data: Path, cache: Path, held_out: str = "val.txt", on_bad: OnBad = "skip") -> CropSet:
    """Return the crops of every annotated picture that is not in the held-out split."""
    folder = find(data)
    kept = set(read_split(data, held_out))
    problems = Problems(NAMES[kind(folder)], on_bad)
    known = labels(data, problems)
    absent = [name for name in known if name not in kept and not (folder / "images" / name).is_file()]
    for name in absent:
        problems.add("the picture is missing", name, GET[kind(folder)])
    names = [name for name in sorted(known) if name not in kept and name not in set(absent)]
    digest = file_hash(folder / "joints.mat")
    key = {"set": kind(folder), "names": len(names), "labels": digest, "held_out": sorted(kept)}
    read = samples(data, names, on_bad, problems)
    crops = cached({**key, "format": 2}, len(names), read, cache, kind(folder), problems)
    problems.tell()
    return crops


def inventory(data: Path, only: Kind | None = None) -> Inventory:
    """Say which persons and pictures the annotation names."""
    folder = find(data, only)
    problems = Problems(NAMES[kind(folder)])
    known = labels(folder, problems)
    notes = [(line, GET_AGAIN) for line in problems.lines() if "fewer" not in line]
    if kind(folder) == "lspet" and not (folder / "val.txt").is_file():
        notes.append(("no val.txt", "training needs the names of the pictures to hold out, one per line"))
    pictures = tuple(folder / "images" / name for name in known)
    return Inventory(f"joints.mat, {len(known)} annotated persons", pictures, tuple(notes))


def _picture(which: Kind, number: int) -> str:
    return f"im{number:04d}.jpg" if which == "lsp" else f"im{number:05d}.jpg"


def _joints(folder: Path) -> tuple[NDArray[np.float64], bool]:
    """Return (14, 3, N) x, y, flag, and whether they were stored as 3 x 14 x N, which is LSP's way.

    Raises:
        UserError: the annotation is damaged or of another shape.
    """
    path = folder / "joints.mat"
    try:
        joints = np.asarray(matlab(path, "joints"), dtype=np.float64)
    except (UserError, ValueError, TypeError) as error:
        raise UserError(f"{path.name} is not LSP's or LSP-Extended's annotation", "download the set again") from error
    if joints.ndim == 2:
        joints = joints[..., None]
    turned = joints.ndim == 3 and joints.shape[:2] == (3, 14)
    if turned:
        joints = joints.transpose(1, 0, 2)
    if joints.ndim != 3 or joints.shape[:2] != (14, 3):
        raise UserError(
            f"{path.name} has the shape {joints.shape}", "it should be 14 x 3 or 3 x 14 x number of pictures"
        )
    return joints, turned
