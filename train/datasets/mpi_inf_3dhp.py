"""MPI-INF-3DHP's test set: 6 sequences in a studio and outdoors, 3D without markers. Mehta et al., 3DV 2017.

Terms: non-commercial research; vcai.mpi-inf.mpg.de/3dhp-dataset. Only its test set is used, and never for training.

Folder (or its ``mpi_inf_3dhp_test_set`` or ``mpi_inf_3dhp`` folder): ``TS1`` to ``TS6``, each with
``imageSequence/img_000001.jpg`` ... and ``annot_data.mat``, MATLAB v7.3 (HDF5), per frame: ``univ_annot3``
(3 x 17 x 1 x N in MATLAB, N x 1 x 17 x 3 as read; millimetres of the camera's frame, scaled to one height for all),
``annot2`` (N x 1 x 17 x 2, pixels), ``valid_frame`` (1 where annotated), ``activity_annotation`` (1..7). The N-th row
is picture N, counted from 1. 2,929 frames are valid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.crop import box_around
from core.errors import UserError
from core.sharding import ALONE, Share
from core.skeleton import JOINT_COUNT, JOINT_INDEX, ROOT
from train.datasets.crops import Sample
from train.datasets.reading import (
    GET_AGAIN,
    Arrays,
    Inventory,
    OnBad,
    Problems,
    hdf5,
    picture_or_problem,
    same_length,
    told,
)

FloatArray = NDArray[np.float64]

GET: Final = "get the test set (mpi_inf_3dhp_test_set, with TS1 to TS6) from vcai.mpi-inf.mpg.de/3dhp-dataset"
SCENES: Final = {
    "TS1": "studio GS", "TS2": "studio GS", "TS3": "studio no GS", "TS4": "studio no GS",
    "TS5": "outdoor", "TS6": "outdoor",
}  # fmt: skip
"""Sequence -> scene, named as in the tables: studio with and without green screen, outdoor."""
ACTIVITIES: Final = (
    "Standing/Walking", "Exercising", "Sitting", "Reaching/Crouching", "On The Floor", "Sports", "Miscellaneous",
)  # fmt: skip
"""Names of activity 1 to 7."""
TO_MPII: Final = (10, 9, 8, 11, 12, 13, 14, 15, 1, 0, 4, 3, 2, 5, 6, 7)
"""For each of the 16 joints, its index among the set's 17. In the thorax' place is its spine, lower than MPII's
thorax: no 2D label, and not among the 14 joints that are scored."""
_SOURCE_JOINTS: Final = 17
_THORAX: Final = JOINT_INDEX["thorax"]
_HIPS: Final = (JOINT_INDEX["right_hip"], JOINT_INDEX["left_hip"], ROOT)
_NECK: Final = JOINT_INDEX["upper_neck"]


@dataclass(frozen=True, eq=False)
class Sequence:
    """The valid frames of one sequence.

    Attributes:
        name: ``TS1`` to ``TS6``.
        number: (N,) picture numbers, from 1.
        joints_px: (N, 16, 2).
        joints_mm: (N, 16, 3) relative to the pelvis, x right, y down, z away from the camera.
        activity: (N,) 1 to 7.
    """

    name: str
    number: NDArray[np.int64]
    joints_px: FloatArray
    joints_mm: FloatArray
    activity: NDArray[np.int64]


def find(data: Path) -> Path:
    """Return the folder of the set: ``data`` itself or one of its usual folders.

    Raises:
        UserError: none holds a sequence of the test set.
    """
    usual = ("mpi_inf_3dhp_test_set", "mpi_inf_3dhp", "mpi_inf_3dhp/mpi_inf_3dhp_test_set")
    for folder in (data, *(data / name for name in usual)):
        if any((folder / name / "annot_data.mat").is_file() for name in SCENES):
            return folder
    raise UserError(f"{data} holds no MPI-INF-3DHP test set", GET)


def sequence(folder: Path, name: str) -> Sequence:
    """Read one sequence's annotation.

    Raises:
        UserError: it is missing, damaged or of another shape.
    """
    path = folder / name / "annot_data.mat"
    if not path.is_file():
        raise UserError(f"{name} has no annot_data.mat", GET)
    arrays = hdf5(path, ("univ_annot3", "annot2", "valid_frame", "activity_annotation"))
    # One number per frame: MATLAB writes it as a row or as a column.
    arrays |= {field: arrays[field].ravel() for field in ("valid_frame", "activity_annotation")}
    try:
        count = same_length(path, arrays)
    except UserError as error:
        raise UserError(f"{name}/{error.what}", error.what_to_do) from error
    joints_px, joints_mm = _joints(name, arrays, "annot2", count, 2), _joints(name, arrays, "univ_annot3", count, 3)
    valid = np.flatnonzero(arrays["valid_frame"] > 0.5)
    return Sequence(
        name,
        valid + 1,
        joints_px[valid],
        joints_mm[valid] - joints_mm[valid, ROOT : ROOT + 1],
        arrays["activity_annotation"][valid].astype(np.int64),
    )


def samples(
    data: Path, split: str = "test", on_bad: OnBad = "skip", problems: Problems | None = None, share: Share = ALONE
) -> Iterator[Sample]:
    """Read the valid frames of all sequences, or of the one that ``split`` names (``TS1`` to ``TS6``)."""
    if split != "test" and split not in SCENES:
        raise UserError(f"MPI-INF-3DHP has no split {split}", f"choose test or one of {', '.join(SCENES)}")
    folder = find(data)
    with told("MPI-INF-3DHP", on_bad, problems) as counted:
        for name in SCENES if split == "test" else (split,):
            if not (folder / name / "annot_data.mat").is_file():
                counted.add("the sequence is missing", name, GET)
                continue
            yield from _samples(folder, sequence(folder, name), counted, share)


def hips_towards_neck(joints_mm: FloatArray, share: float = 0.2) -> FloatArray:
    """Move hips and pelvis of (..., 16, 3) joints towards the neck, and the root with them.

    This set's hips are not where Human3.6M's are; the reference's protocol moves them by a fifth of the way.
    """
    moved = joints_mm.copy()
    for joint in _HIPS:
        moved[..., joint, :] += share * (joints_mm[..., _NECK, :] - joints_mm[..., joint, :])
    return moved - moved[..., ROOT : ROOT + 1, :]


def inventory(data: Path) -> Inventory:
    """Say which sequences, frames and pictures are annotated."""
    folder = find(data)
    summary, notes = [], []
    pictures: list[Path] = []
    for name in SCENES:
        try:
            found = sequence(folder, name)
        except UserError as error:
            notes.append((error.what, error.what_to_do))
            continue
        summary.append(f"{name} {len(found.number)}")
        pictures += [_picture(folder, name, int(number)) for number in found.number]
    return Inventory("valid frames: " + ", ".join(summary), tuple(pictures), tuple(notes))


def _joints(name: str, arrays: Arrays, field: str, count: int, dimensions: int) -> FloatArray:
    """Return (N, 16, dimensions) joints in MPII's order out of N x 1 x 17 x dimensions."""
    shape = arrays[field].shape
    if shape not in ((count, 1, _SOURCE_JOINTS, dimensions), (count, _SOURCE_JOINTS, dimensions)):
        raise UserError(
            f"{name}/annot_data.mat has `{field}` of shape {shape}",
            f"it should be {count} x 1 x {_SOURCE_JOINTS} x {dimensions}",
        )
    joints: FloatArray = arrays[field].reshape(count, _SOURCE_JOINTS, dimensions).astype(np.float64)
    return joints[:, list(TO_MPII)]


def _picture(folder: Path, name: str, number: int) -> Path:
    return folder / name / "imageSequence" / f"img_{number:06d}.jpg"


def _samples(folder: Path, found: Sequence, problems: Problems, share: Share) -> Iterator[Sample]:
    annotated = np.ones(JOINT_COUNT, dtype=bool)
    annotated[_THORAX] = False
    for row in share.take(range(len(found.number))):
        number = int(found.number[row])
        name = f"{found.name}/img_{number:06d}"
        joints_px, joints_mm = found.joints_px[row], found.joints_mm[row]
        activity = int(found.activity[row])
        if not (np.isfinite(joints_px).all() and np.isfinite(joints_mm).all()):
            problems.add("a joint is not a number", name)
            continue
        if not 1 <= activity <= len(ACTIVITIES):
            problems.add("the activity's number is unknown", name, GET_AGAIN)
            continue
        picture = picture_or_problem(_picture(folder, found.name, number), name, problems)
        if picture is not None:
            yield Sample(
                picture, joints_px, annotated.copy(), box_around(joints_px), joints_mm, name,
                SCENES[found.name], found.name, ACTIVITIES[activity - 1],
            )  # fmt: skip
