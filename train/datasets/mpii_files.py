"""MPII's annotation as others wrote it: the official MATLAB struct, Tompson's HDF5, JSON; ``mpii`` describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.crop import Box
from core.errors import UserError
from core.skeleton import JOINT_COUNT
from train.datasets.reading import GET_AGAIN, Problems, hdf5, matlab, same_length

FloatArray = NDArray[np.float64]

OFFICIAL: Final = "mpii_human_pose_v1_u12_1.mat"
ROOM: Final = 1.25
"""The crop's side is 200 px times the scale times this."""
DOWN: Final = 15.0
"""The crop's centre is this many pixels times the scale below the annotated one, so that feet are not cut off."""
HEAD: Final = 0.6
"""PCKh's head size as a share of the head box's diagonal."""


@dataclass(frozen=True, eq=False)
class Person:
    """One annotated person.

    Attributes:
        picture: file name below ``images/``.
        number: which person of the picture, from 0.
        joints_px: (16, 2), origin at the picture's corner.
        annotated: (16,) bool.
        box_px: the crop's square, with room.
        head_px: PCKh's head size, NaN if unknown.
        action: what the person does, where the annotation says so.
    """

    picture: str
    number: int
    joints_px: FloatArray
    annotated: NDArray[np.bool_]
    box_px: Box
    head_px: float = np.nan
    action: str = ""

    @property
    def name(self) -> str:
        """Picture and person, as messages name them."""
        return f"{self.picture}#{self.number}"


def file_of(folder: Path, name: str) -> Path | None:
    """Return a file of the annotation, in the set's folder or in ``annot/`` below it; None if it is not there."""
    return next((path for path in (folder / name, folder / "annot" / name) if path.is_file()), None)


def validation_of(folder: Path) -> set[tuple[int, int]] | set[str] | None:
    """Return what is for validation: (index, person) pairs, or names of pictures, or None if nothing says so."""
    names = file_of(folder, "val.txt")
    if names is not None:
        return set(names.read_text(encoding="utf-8").split())
    pairs = file_of(folder, "valid.h5") or file_of(folder, "val.h5")
    if pairs is None:
        return None
    arrays = hdf5(pairs, ("index", "person"))
    same_length(pairs, arrays)
    return {(int(index), int(person)) for index, person in zip(arrays["index"], arrays["person"], strict=True)}


def from_hdf5(path: Path, split: str, problems: Problems) -> list[Person]:
    """Read the persons of a split out of Tompson's HDF5.

    Raises:
        UserError: the file as a whole cannot be trusted.
    """
    arrays = hdf5(path, ("imgname", "part", "center", "scale"), ("index", "person", "normalize", "multi", "istrain"))
    count = same_length(path, arrays)
    part = arrays["part"].astype(np.float64)
    if part.shape != (count, JOINT_COUNT, 2):
        raise UserError(f"{path.name} has `part` of shape {part.shape}", f"it should be N x {JOINT_COUNT} x 2")
    names = [_text(name) for name in arrays["imgname"]]
    numbers = arrays["person"].astype(int) if "person" in arrays else np.zeros(count, int)
    rows = np.arange(count)
    if path.name == "annot.h5":
        # The one file for everything: test persons have no labels, and valid.h5 says who is for validation.
        if not {"index", "person", "istrain"} <= arrays.keys():
            raise UserError(f"{path.name} has no index, person or istrain", "use train.h5 and valid.h5")
        validation = validation_of(_folder_of(path)) or set()
        rows = np.array(
            [
                row
                for row in np.flatnonzero(arrays["istrain"] == 1)
                if _wanted(split, validation, int(arrays["index"][row]), int(numbers[row]), names[row])
            ],
            dtype=int,
        )
    roomy = not ("multi" in arrays and "istrain" in arrays)
    found = []
    for row in rows:
        joints = part[row]
        # The writer of these files marks a missing joint with 0; its readers take x of 1 or less for missing.
        annotated = ~(joints[:, 0] <= 1.0)
        person = _person(
            names[row], int(numbers[row]), joints, annotated, arrays["center"][row].astype(np.float64),
            float(arrays["scale"][row]), problems, roomy,
        )  # fmt: skip
        if person is not None:
            head = float(arrays["normalize"][row]) if "normalize" in arrays else np.nan
            found.append(replace(person, head_px=head if head > 0 else np.nan))
    return found


def _text(name: Any) -> str:
    """Return a picture's name that was stored as text, or as a row of character codes padded with zeros."""
    if isinstance(name, bytes):
        return name.rstrip(b"\0").decode(errors="replace")
    if isinstance(name, str):
        return name
    return "".join(chr(int(code)) for code in np.ravel(name) if code > 0)


def from_json(path: Path, problems: Problems) -> list[Person]:
    """Read the persons of a split that was written as JSON.

    Raises:
        UserError: the file as a whole cannot be trusted.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise TypeError
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{path.name} is not MPII's list of persons", GET_AGAIN) from error
    heads = _head_sizes(path, len(entries))
    found = []
    numbers: dict[str, int] = {}
    for row, (entry, head) in enumerate(zip(entries, heads, strict=True)):
        picture = f"person {row}"
        try:
            picture = str(entry["image"])
            number = numbers[picture] = numbers.get(picture, -1) + 1
            joints = np.array(entry["joints"], dtype=np.float64)
            annotated = np.array(entry["joints_vis"], dtype=np.float64) > 0
            centre = np.array(entry["center"], dtype=np.float64)
            scale = float(entry["scale"])
        except (KeyError, ValueError, TypeError):
            problems.add("the annotation is incomplete or not numbers", picture)
            continue
        if joints.shape == (JOINT_COUNT, 2) and annotated.shape == (JOINT_COUNT,):
            annotated &= ~(joints[:, 0] <= 1.0)
        person = _person(picture, number, joints, annotated, centre, scale, problems)
        if person is not None:
            found.append(replace(person, head_px=head))
    return found


def _head_sizes(path: Path, count: int) -> list[float]:
    """Return the head sizes beside a validation JSON: ``gt_valid.mat`` with ``headboxes_src``, 2 x 2 x N."""
    heads = path.with_name("gt_valid.mat")
    if path.stem not in ("val", "valid") or not heads.is_file():
        return [np.nan] * count
    boxes = np.asarray(matlab(heads, "headboxes_src"), dtype=np.float64).reshape(2, 2, -1)
    if boxes.shape[2] != count:
        raise UserError(
            f"{heads.name} has {boxes.shape[2]} heads and {path.name} {count} persons", "take both from one source"
        )
    return [float(size) for size in HEAD * np.linalg.norm(boxes[1] - boxes[0], axis=0)]


def from_official(path: Path, split: str, problems: Problems) -> list[Person]:
    """Read the persons of a split out of the official struct.

    Raises:
        UserError: the file as a whole cannot be trusted.
    """
    release = matlab(path, "RELEASE")
    pictures = _many(getattr(release, "annolist", ()))
    for_training = np.atleast_1d(np.asarray(getattr(release, "img_train", ())))
    if not pictures or len(pictures) != len(for_training):
        raise UserError(f"{path.name} has {len(pictures)} pictures and {len(for_training)} marks img_train", GET_AGAIN)
    acts = _many(getattr(release, "act", ()))
    validation = validation_of(_folder_of(path)) or set()
    found = []
    for index, picture in enumerate(pictures):
        if not for_training[index]:
            continue
        name = str(picture.image.name)
        for number, rectangle in enumerate(_many(getattr(picture, "annorect", ()))):
            points = _many(getattr(getattr(rectangle, "annopoints", None), "point", ()))
            if not points or not _wanted(split, validation, index, number, name):
                continue
            person = _official_person(name, number, rectangle, points, problems)
            if person is not None:
                action = getattr(acts[index], "act_name", "") if len(acts) == len(pictures) else ""
                found.append(replace(person, action=action if isinstance(action, str) else ""))
    return found


def _official_person(name: str, number: int, rectangle: Any, points: list[Any], problems: Problems) -> Person | None:
    joints = np.zeros((JOINT_COUNT, 2))
    annotated = np.zeros(JOINT_COUNT, dtype=bool)
    for point in points:
        # is_visible says whether the joint is hidden; it has a label all the same.
        joint = _number(point, "id")
        if joint not in range(JOINT_COUNT):
            problems.add("a joint has an unknown id", f"{name}#{number}")
            return None
        joints[int(joint)] = _number(point, "x"), _number(point, "y")
        annotated[int(joint)] = True
    position = getattr(rectangle, "objpos", None)
    centre = np.array([_number(position, "x"), _number(position, "y")])
    person = _person(name, number, joints, annotated, centre, _number(rectangle, "scale"), problems)
    if person is None:
        return None
    width, height = (_number(rectangle, f"{axis}2") - _number(rectangle, f"{axis}1") for axis in "xy")
    return replace(person, head_px=float(HEAD * np.hypot(width, height)))


def _person(
    picture: str,
    number: int,
    joints: FloatArray,
    annotated: NDArray[np.bool_],
    centre: FloatArray,
    scale: float,
    problems: Problems,
    roomy: bool = False,
) -> Person | None:
    """Check one person and turn 1-based coordinates into ``_px``; None if it is bad, which is then counted.

    Args:
        joints: (16, 2), 1-based.
        annotated: (16,).
        centre: (2,), 1-based.
        scale: the person's height / 200 px.
        roomy: centre and scale already have the crop's room in them.
    """
    name = f"{picture}#{number}"
    if joints.shape != (JOINT_COUNT, 2) or annotated.shape != (JOINT_COUNT,):
        problems.add(f"the annotation has not {JOINT_COUNT} joints", name)
    elif not np.isfinite(joints[annotated]).all():
        problems.add("a joint is not a number", name)
    elif centre.shape != (2,) or not np.isfinite(centre).all() or not (np.isfinite(scale) and scale > 0):
        problems.add("centre or scale is missing", name)
    elif annotated.any():
        if not roomy:
            centre, scale = centre + (0.0, DOWN * scale), scale * ROOM
        # 1-based pixel centres become continuous coordinates with the origin at the picture's corner.
        x, y = centre - 0.5
        side = 200.0 * scale
        joints_px = np.where(annotated[:, None], joints - 0.5, 0.0)
        box = (float(x - side / 2), float(y - side / 2), side, side)
        return Person(picture, number, joints_px, annotated, box)
    return None


def _wanted(split: str, validation: set[Any], index: int, number: int, picture: str) -> bool:
    held_out = picture in validation or (index, number) in validation
    return split == "trainval" or held_out == (split == "val")


def _folder_of(path: Path) -> Path:
    return path.parent.parent if path.parent.name == "annot" else path.parent


def _many(value: Any) -> list[Any]:
    """Return a MATLAB struct array as a list: none, one and many look different once loaded."""
    if isinstance(value, np.ndarray):
        return list(value.ravel())
    return [] if isinstance(value, (tuple, str)) else [value]


def _number(struct: Any, field: str) -> float:
    """Return a number of a struct; NaN if the field is missing or empty."""
    value = getattr(struct, field, None)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
