"""MPII Human Pose: 25,000 pictures from videos, 16 joints in 2D. Andriluka et al., CVPR 2014; simplified BSD licence.

Folder (or its ``mpii`` folder): ``images/`` and, there or in ``annot/``, any of

* ``mpii_human_pose_v1_u12_1.mat``, the official MATLAB v5 struct ``RELEASE``: ``annolist(i).image.name``,
  ``annolist(i).annorect(k)`` with x1, y1, x2, y2 (head box), scale, objpos.x/.y and annopoints.point(j).x/.y/.id,
  ``img_train(i)``, ``act(i).act_name``. Most fields of a rectangle may be missing or empty. The labels of the test
  pictures are not published. Which persons are for validation is not in it: ``val.txt`` (a picture name per line)
  or the (index, person) pairs of ``valid.h5`` say so.
* the split of Tompson et al. (2,958 persons for validation) as HDF5: ``valid.h5`` and ``train.h5``, or ``annot.h5``
  with ``istrain``. Fields: index, person (0-based, into the official struct), imgname (text or character codes), part
  (N, 16, 2), center, scale, normalize (0.6 of the head box's diagonal). Files with ``multi`` and ``istrain`` hold
  center and scale as annotated; files without them were written with the crop's room already in both.
* the same split as JSON: ``valid.json``, ``train.json``, a list of {image, joints, joints_vis, center, scale};
  ``gt_valid.mat`` beside it adds the head sizes.

All coordinates are MATLAB's, 1-based; x of 1 or less means that the joint was not annotated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import UserError
from core.media import Picture
from core.sharding import ALONE, Share
from train.datasets.crops import CropSet, Sample, cached
from train.datasets.mpii_files import (
    OFFICIAL,
    Person,
    file_of,
    from_hdf5,
    from_json,
    from_official,
    validation_of,
)
from train.datasets.reading import GET_AGAIN, Inventory, OnBad, Problems, picture_or_problem, told

SPLITS: Final = ("train", "val", "trainval")
VALIDATION_PERSONS: Final = 2958
GET: Final = (
    f"get images/ and {OFFICIAL} from human-pose.mpi-inf.mpg.de, and valid.h5 and train.h5 (or .json) of the split"
)

_FILES: Final[dict[str, tuple[str, ...]]] = {
    "val": ("valid.h5", "val.h5", "valid.json", "val.json", OFFICIAL),
    "train": ("train.h5", "annot.h5", "train.json", OFFICIAL),
    "trainval": (OFFICIAL, "annot.h5", "trainval.json"),
}


def find(data: Path) -> Path:
    """Return the folder of the set: ``data`` itself or its ``mpii`` folder.

    Raises:
        UserError: neither holds an annotation of the set.
    """
    for folder in (data, data / "mpii"):
        if any(file_of(folder, name) for names in _FILES.values() for name in names):
            return folder
    raise UserError(f"{data} holds no MPII set", GET)


def persons(data: Path, split: str, problems: Problems) -> list[Person]:
    """Read the annotated persons of a split: ``train``, ``val`` or ``trainval``.

    Raises:
        UserError: there is no annotation of that split, or it is damaged.
    """
    folder = find(data)
    path = annotation(folder, split)
    if path.suffix == ".h5":
        found = from_hdf5(path, split, problems)
    elif path.suffix == ".json":
        found = from_json(path, problems)
    else:
        found = from_official(path, split, problems)
    if not found:
        raise UserError(f"{path.name} has no usable person for {split}", GET)
    return found


def annotation(folder: Path, split: str) -> Path:
    """Return the annotation file that a split is read from.

    Raises:
        UserError: there is no such split, or no file for it.
    """
    if split not in SPLITS:
        raise UserError(f"MPII has no split {split}", f"choose one of {', '.join(SPLITS)}")
    for name in _FILES[split]:
        path = file_of(folder, name)
        if path is None:
            continue
        if path.name in (OFFICIAL, "annot.h5") and split != "trainval" and validation_of(folder) is None:
            raise UserError(
                f"{path.name} does not say which persons are for validation",
                "put valid.h5 or val.txt (a picture name per line) beside it, or use the split trainval",
            )
        return path
    raise UserError(f"{folder} has no annotation of MPII's split {split}", GET)


def samples(
    data: Path, split: str = "val", on_bad: OnBad = "skip", problems: Problems | None = None, share: Share = ALONE
) -> Iterator[Sample]:
    """Read the persons of a split with their pictures, or a share of them."""
    with told("MPII", on_bad, problems) as counted:
        yield from _samples(find(data), share.take(persons(data, split, counted)), counted)


def training_crops(data: Path, cache: Path, split: str = "train", on_bad: OnBad = "skip") -> CropSet:
    """Return the crops of a split's persons."""
    problems = Problems("MPII", on_bad)
    folder = find(data)
    found = persons(data, split, problems)
    path = annotation(folder, split)
    key = {"set": "mpii", "file": path.name, "size": path.stat().st_size, "split": split, "persons": len(found)}
    crops = cached(
        {**key, "format": 1}, len(found), _samples(folder, found, problems), cache, f"mpii-{split}", problems
    )
    problems.tell()
    return crops


def inventory(data: Path) -> Inventory:
    """Say which persons and pictures the annotations name."""
    folder = find(data)
    summary: list[str] = []
    pictures: set[str] = set()
    notes: list[tuple[str, str]] = []
    for split in SPLITS:
        try:
            path = annotation(folder, split)
        except UserError as error:
            if split != "trainval":
                notes.append((error.what, error.what_to_do))
            continue
        if split == "trainval" and summary:
            continue
        problems = Problems("MPII")
        found = persons(data, split, problems)
        pictures |= {person.picture for person in found}
        summary.append(f"{path.name}: {len(found)} persons for {split}")
        notes += [(line, GET_AGAIN) for line in problems.lines()]
        if split == "val" and len(found) != VALIDATION_PERSONS:
            notes.append((f"the published validation split has {VALIDATION_PERSONS} persons", GET))
        if split == "val" and all(np.isnan(person.head_px) for person in found):
            notes.append(("no head sizes, so no PCKh", "put gt_valid.mat beside the JSON, or use valid.h5"))
    return Inventory("; ".join(summary), tuple(folder / "images" / name for name in sorted(pictures)), tuple(notes))


def _samples(folder: Path, found: Sequence[Person], problems: Problems) -> Iterator[Sample]:
    read: tuple[str, Picture | None] = ("", None)
    for person in found:
        # A picture's persons follow each other; decoding it once for all of them saves a third of the time.
        if read[0] != person.picture or read[1] is None:
            read = person.picture, picture_or_problem(folder / "images" / person.picture, person.name, problems)
        if read[1] is not None:
            yield Sample(
                read[1], person.joints_px, person.annotated, person.box_px, None, person.name,
                action=person.action, head_px=person.head_px,
            )  # fmt: skip
