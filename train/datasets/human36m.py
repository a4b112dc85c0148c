"""Human3.6M: 11 people before 4 cameras in a laboratory, 3D by motion capture. Ionescu et al., TPAMI 2014.

Terms: academic use only, after registration at vision.imar.ro/human3.6m; it must not be passed on.

Folder (or its ``human36m`` or ``h36m`` folder): pictures ``images/SEQUENCE/SEQUENCE_000001.jpg`` of 224 x 224 px, every
fifth frame cropped around the person, SEQUENCE = ``s_01_act_02_subact_01_ca_01``; and, there or in ``annot/``, HDF5
files (``annotSampleTest.h5``, ``annotFullTest.h5``) with a row per frame: id (frame number from 1), subject, action
(2..16), subaction, camera, joint_2d (N, J, 2) in pixels of the 224 crop, joint_3d_mono (N, J, 3) in millimetres of the
camera's frame; bbox and istrain may be there. J is 16 in MPII's order, or 17 in Human3.6M's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import geometry
from core.errors import UserError
from core.sharding import ALONE, Share
from core.skeleton import JOINT_COUNT, JOINT_INDEX, ROOT
from train.datasets.crops import CropSet, Sample, cached
from train.datasets.reading import Arrays, Inventory, OnBad, Problems, hdf5, picture_or_problem, same_length, told

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GET: Final = (
    "register at vision.imar.ro/human3.6m, cut every fifth frame to 224 px crops, and write the HDF5 annotation "
    "that docs/datasets.md describes"
)
TO_MPII: Final = (3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13)
"""For each of the 16 joints, its index among Human3.6M's 17."""
SUBJECTS: Final = {"train": (1, 5, 6, 7, 8), "test": (9, 11)}
ACTIONS: Final = {
    2: "Directions", 3: "Discussion", 4: "Eating", 5: "Greeting", 6: "Phoning", 7: "Posing", 8: "Purchases",
    9: "Sitting", 10: "SittingDown", 11: "Smoking", 12: "Photo", 13: "Waiting", 14: "Walking", 15: "WalkDog",
    16: "WalkTogether",
}  # fmt: skip
"""The 15 actions by the set's own numbers; 1 stands for all of them."""
DROPPED: Final = (11, 2, 2, 1)
"""s_11_act_02_subact_02_ca_01: a damaged sequence, which everyone leaves out."""
EVERY: Final = {"train": 1, "test": 64}
"""Of the test subjects one frame in 64 is evaluated (one in 200 while training)."""
PICTURE_PX: Final = 224

_FIELDS: Final = ("id", "subject", "action", "subaction", "camera", "joint_2d", "joint_3d_mono")
_KEYS: Final = ("subject", "action", "subaction", "camera", "id")
_LEFT_SHOULDER, _RIGHT_SHOULDER = JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]
_THORAX: Final = JOINT_INDEX["thorax"]


@dataclass(frozen=True, eq=False)
class Frames:
    """N frames in the order of their sequences.

    Attributes:
        key: (N, 5) subject, action, subaction, camera, frame number.
        joints_px: (N, 16, 2) weak-perspective projections in the 224 px picture.
        joints_mm: (N, 16, 3) relative to the pelvis, x right, y down, z away from the camera.
    """

    key: IntArray
    joints_px: FloatArray
    joints_mm: FloatArray

    def __len__(self) -> int:
        return len(self.key)

    def sequence(self, row: int) -> str:
        """Return the name of a row's sequence."""
        subject, action, subaction, camera = self.key[row, :4]
        return f"s_{subject:02d}_act_{action:02d}_subact_{subaction:02d}_ca_{camera:02d}"

    def picture(self, row: int) -> str:
        """Return a row's picture below the picture folder."""
        return f"{self.sequence(row)}/{self.sequence(row)}_{self.key[row, 4]:06d}.jpg"


def find(data: Path) -> Path:
    """Return the folder of the set: ``data`` itself or its ``human36m`` or ``h36m`` folder.

    Raises:
        UserError: none holds an annotation of the set.
    """
    for folder in (data, data / "human36m", data / "h36m"):
        if _annotations(folder):
            return folder
    raise UserError(f"{data} holds no Human3.6M set", GET)


def frames(data: Path, split: str, every: int | None = None) -> Frames:
    """Read the frames of a split: ``train`` (S1, S5, S6, S7, S8) or ``test`` (S9, S11).

    Args:
        every: of each window of this many frames of the video the first stored one is kept, so that it does not
            matter how densely the file was sampled; None for the protocol's.

    Raises:
        UserError: there is no such split, no frame of it, or an annotation is damaged.
    """
    if split not in SUBJECTS:
        raise UserError(f"Human3.6M has no split {split}", f"choose one of {', '.join(SUBJECTS)}")
    read = [_read(path) for path in _annotations(find(data))]
    joined = {name: np.concatenate([arrays[name] for arrays in read]) for name in _FIELDS}
    key = np.stack([joined[name].astype(np.int64) for name in _KEYS], axis=1)
    # Several files may hold the same frame; sorted rows also put each sequence's frames in their order.
    key, rows = np.unique(key, axis=0, return_index=True)
    # The subject decides: what istrain marks differs between files in use.
    chosen = np.isin(key[:, 0], SUBJECTS[split])
    chosen &= ~(key[:, :4] == DROPPED).all(axis=1)
    key, rows = key[chosen], rows[chosen]
    windows = np.column_stack([key[:, :4], (key[:, 4] - 1) // (every or EVERY[split])])
    _, first = np.unique(windows, axis=0, return_index=True)
    key, rows = key[first], rows[first]
    if not len(key):
        raise UserError(f"Human3.6M has no frame for {split} here", GET)
    joints_px, joints_mm = to_mpii(joined["joint_2d"][rows], joined["joint_3d_mono"][rows])
    return Frames(key, weak_perspective(joints_px, joints_mm), joints_mm)


def to_mpii(joints_2d: NDArray[np.floating], joints_3d: NDArray[np.floating]) -> tuple[FloatArray, FloatArray]:
    """Bring (N, 16 or 17, 2) and (N, 16 or 17, 3) joints into MPII's order, 3D relative to the pelvis.

    Human3.6M has no thorax where MPII has it: the middle of the shoulders replaces it.
    """
    both = []
    for joints in (joints_2d, joints_3d):
        moved = joints.astype(np.float64)
        if moved.shape[1] != JOINT_COUNT:
            moved = moved[:, list(TO_MPII)]
        moved[:, _THORAX] = (moved[:, _LEFT_SHOULDER] + moved[:, _RIGHT_SHOULDER]) / 2
        both.append(moved)
    return both[0], both[1] - both[1][:, ROOT : ROOT + 1]


def weak_perspective(joints_px: FloatArray, joints_mm: FloatArray) -> FloatArray:
    """Return the (N, 16, 2) labels that agree exactly with the 3D ones: scaled x and y, from the pelvis' pixel.

    Args:
        joints_px: (N, 16, 2) perspective projections; they give the scale (sum of the 2D bones over the sum of the
            bones' x and y lengths) and the place.
        joints_mm: (N, 16, 3) relative to the pelvis.
    """
    # What a damaged file holds may overflow; the frame is then not finite, and counted as such.
    with np.errstate(over="ignore", invalid="ignore"):
        flat_mm = geometry.bone_lengths(joints_mm[..., :2]).sum(-1)
        scale = geometry.bone_lengths(joints_px).sum(-1) / np.maximum(flat_mm, 1e-9)
        labels: FloatArray = joints_px[:, ROOT : ROOT + 1] + scale[:, None, None] * joints_mm[..., :2]
    return labels


def samples(
    data: Path,
    split: str = "test",
    on_bad: OnBad = "skip",
    problems: Problems | None = None,
    every: int | None = None,
    share: Share = ALONE,
) -> Iterator[Sample]:
    """Read the frames of a split with their pictures; the box is the whole crop, as in the reference."""
    with told("Human3.6M", on_bad, problems) as counted:
        yield from _samples(find(data), frames(data, split, every), counted, share)


def training_crops(data: Path, cache: Path, every: int | None = None, on_bad: OnBad = "skip") -> CropSet:
    """Return the crops of the training subjects; ``every`` as in ``frames``."""
    problems = Problems("Human3.6M", on_bad)
    folder = find(data)
    found = frames(data, "train", every)
    files = [(path.name, path.stat().st_size) for path in _annotations(folder)]
    key = {"set": "human36m", "files": files, "every": every, "frames": len(found)}
    crops = cached({**key, "format": 1}, len(found), _samples(folder, found, problems), cache, "human36m", problems)
    problems.tell()
    return crops


def inventory(data: Path) -> Inventory:
    """Say which frames and pictures the annotation names."""
    folder = find(data)
    summary, notes = [], []
    pictures: list[Path] = []
    for split in SUBJECTS:
        try:
            found = frames(data, split)
        except UserError as error:
            notes.append((error.what, error.what_to_do))
            continue
        subjects = ", ".join(f"S{subject}" for subject in np.unique(found.key[:, 0]))
        summary.append(f"{len(found)} frames for {split} ({subjects})")
        pictures += [_picture_folder(folder) / found.picture(row) for row in range(len(found))]
        absent = sorted(set(ACTIONS.values()) - {ACTIONS.get(int(action), "") for action in np.unique(found.key[:, 1])})
        if absent:
            notes.append((f"{split} has no frame of {', '.join(absent)}", GET))
    return Inventory("; ".join(summary), tuple(pictures), tuple(notes))


def _annotations(folder: Path) -> list[Path]:
    # Not annot.h5, which is MPII's.
    return sorted(path for place in (folder, folder / "annot") for path in place.glob("annot?*.h5"))


def _read(path: Path) -> Arrays:
    arrays = hdf5(path, _FIELDS)
    count = same_length(path, arrays)
    for name, dimensions in (("joint_2d", 2), ("joint_3d_mono", 3)):
        shape = arrays[name].shape
        if len(shape) != 3 or shape[1] not in (JOINT_COUNT, 17) or shape[2] != dimensions:
            raise UserError(
                f"{path.name} has `{name}` of shape {shape}", f"it should be {count} x 16 (or 17) x {dimensions}"
            )
    for name in _KEYS:
        arrays[name] = arrays[name].reshape(count)
        if not np.isfinite(arrays[name]).all():
            raise UserError(f"{path.name} has a row without {name}", "write the annotation again")
    for name in ("joint_2d", "joint_3d_mono"):
        if arrays[name].shape[1] == 17:
            arrays[name] = arrays[name][:, list(TO_MPII)]
    return arrays


def _picture_folder(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _samples(folder: Path, found: Frames, problems: Problems, share: Share = ALONE) -> Iterator[Sample]:
    pictures = _picture_folder(folder)
    for row in share.take(range(len(found))):
        path = pictures / found.picture(row)
        action = ACTIONS.get(int(found.key[row, 1]))
        if action is None:
            problems.add("the action's number is unknown", path.stem, "actions are numbered 2 to 16")
            continue
        if not (np.isfinite(found.joints_px[row]).all() and np.isfinite(found.joints_mm[row]).all()):
            problems.add("a joint is not a number", path.stem)
            continue
        picture = picture_or_problem(path, path.stem, problems)
        if picture is None:
            continue
        if picture.shape[:2] != (PICTURE_PX, PICTURE_PX):
            # The labels are in pixels of the crop; on another picture every joint would be in the wrong place.
            problems.add(f"the picture is not {PICTURE_PX} px wide and high", path.stem, "cut it again")
            continue
        yield Sample(
            picture, found.joints_px[row], np.ones(JOINT_COUNT, dtype=bool), (0.0, 0.0, PICTURE_PX, PICTURE_PX),
            found.joints_mm[row], path.stem, subject=f"S{found.key[row, 0]}", action=action,
        )  # fmt: skip
