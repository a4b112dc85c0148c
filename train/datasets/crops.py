"""The one form in which every dataset reaches the trainer: decoded square crops in one array, with their labels.

Crops are decoded once, kept on disk as a memory-mapped uint8 array and read page by page, so that an epoch of any
length needs no more memory than a batch, and several runs share the same pages.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core import crop
from core.errors import RunError, UserError
from core.skeleton import JOINT_COUNT
from train.datasets.reading import Problems

FloatArray = NDArray[np.float64]

STORED_PX = 256
"""Side of a stored crop."""
CONTEXT = 1.5
"""A stored crop shows this much more than the person's box, for augmentation to turn and shrink into."""
LABELS = ("joints_stored", "annotated", "joints_mm")
"""Arrays beside the pictures."""
OTHER = "other_stored"
"""And one more, where a set tells of somebody else in its pictures."""
LEFT_OUT = "left-out.json"
"""File beside them that says what was left out, so that a later run, which only opens the set, can tell it too."""
CROP_BYTES = STORED_PX * STORED_PX * 3
"""Size of a stored crop."""
BOX_STORED = STORED_PX / CONTEXT
"""Side of the person's box, which is centred in the stored crop."""


@dataclass(frozen=True)
class Sample:
    """One labelled person in one picture, before cropping.

    Attributes:
        image: (h, w, 3) RGB.
        joints_px: (16, 2); meaningless where not annotated.
        annotated: (16,) bool: joints with a 2D label inside or near the picture.
        box_px: the person's box, room included.
        joints_mm: (16, 3) root-relative, or None for pictures with 2D labels only.
        name: where it came from.
        scene: scene of a 3D set, else empty.
        subject: person of a 3D set ("S9", "TS1"), else empty.
        action: what the person does, where the set says so.
        head_px: 0.6 times the diagonal of the head's box, which PCKh measures with; NaN where not annotated.
        other_px: (16, 2) joints of somebody else in the picture, or None where nobody is or the set does not tell.
    """

    image: NDArray[np.uint8]
    joints_px: FloatArray
    annotated: NDArray[np.bool_]
    box_px: crop.Box
    joints_mm: FloatArray | None
    name: str
    scene: str = ""
    subject: str = ""
    action: str = ""
    head_px: float = math.nan
    other_px: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class CropSet:
    """N crops of ``STORED_PX`` and their labels; the frame of a stored crop is written ``_stored``.

    Attributes:
        images: (N, STORED_PX, STORED_PX, 3) uint8 RGB, memory-mapped.
        joints_stored: (N, 16, 2) float32.
        annotated: (N, 16) bool.
        joints_mm: (N, 16, 3) float32, NaN for samples without 3D.
        other_stored: (N, 16, 2) float32, joints of somebody else, NaN where none are told; None where none are at all.
        left_out: one line for each kind of sample that was left out when the set was decoded.
        bad: how many of those were bad, not left out by rule.
    """

    images: NDArray[np.uint8]
    joints_stored: NDArray[np.float32]
    annotated: NDArray[np.bool_]
    joints_mm: NDArray[np.float32]
    other_stored: NDArray[np.float32] | None = None
    left_out: tuple[str, ...] = ()
    bad: int = 0

    def __len__(self) -> int:
        return len(self.images)

    @staticmethod
    def is_there(folder: Path) -> bool:
        """Tell whether a folder holds a whole set."""
        return (folder / "labels.npz").is_file()

    @classmethod
    def open(cls, folder: Path) -> CropSet:
        """Map the set that ``cached`` or ``train.staging`` wrote into a folder.

        Raises:
            UserError: it is not there, or damaged.
        """
        try:
            with np.load(folder / "labels.npz") as labels:
                arrays = {name: labels[name] for name in (*LABELS, OTHER) if name != OTHER or OTHER in labels.files}
            images = np.load(folder / "images.npy", mmap_mode="r")
            told = json.loads((folder / LEFT_OUT).read_text("utf-8")) if (folder / LEFT_OUT).exists() else {}
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise UserError(f"{folder} holds no decoded crops", "delete the folder: they are made anew") from error
        return cls(
            images[: len(arrays["annotated"])],
            **arrays,
            left_out=tuple(told.get("lines", ())),
            bad=int(told.get("bad", 0)),
        )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, for keys that must change with its contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached(
    key: dict[str, object], count: int, samples: Iterator[Sample], cache: Path, label: str,
    problems: Problems | None = None,
) -> CropSet:  # fmt: skip
    """Build a crop set, or map the one an earlier run built from the same data.

    Args:
        key: everything the crops depend on: the set, the contents of its labels, the split.
        count: an upper bound of the number of samples.
        samples: read only when the set is not there yet.
        cache: folder for decoded crops.
        label: shown beside the progress bar.
        problems: what reading ``samples`` finds wrong, kept beside the crops; a set decoded without its bad samples
            is refused where they are not to be skipped.

    Raises:
        UserError: see ``problems``, or there is no usable sample.
        RunError: the disk is full or cannot be written; nothing half-written stays, and the next run decodes anew.
    """
    text = json.dumps({**key, "stored_px": STORED_PX, "context": CONTEXT}, sort_keys=True, default=str)
    folder = cache / f"{label}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if not CropSet.is_there(folder):
        partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        try:
            partial.mkdir(parents=True, exist_ok=True)
            _write(partial, count, samples, label)
            if problems is not None:
                told = {"lines": problems.lines(), "bad": problems.bad}
                (partial / LEFT_OUT).write_text(json.dumps(told, indent=1), encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(partial, folder)
        except OSError as error:
            # The samples' own readers have turned theirs into words.
            raise RunError(
                f"the decoded crops could not be written to {cache} ({error.strerror or error})",
                f"make room for {count * CROP_BYTES / 1e9:.1f} GB there, or set data.cache to another folder",
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    crops = CropSet.open(folder)
    if crops.bad and problems is not None and problems.on_bad == "stop":
        raise UserError("; ".join(crops.left_out), "mend them, or skip them")
    return crops


def _write(folder: Path, count: int, samples: Iterator[Sample], label: str) -> None:
    joints, annotated, millimetres, others = [], [], [], []
    # Not through a memory map: there a full disk is a bus error, which ends the process without a word.
    with (folder / "images.npy").open("wb") as file:
        write_header(file, count)
        for sample in tqdm(samples, total=count, desc=f"decoding {label}", unit="picture"):
            x, y, side, _ = crop.square(sample.box_px)
            wide = side * CONTEXT
            matrix = crop.crop_to_picture((x - (wide - side) / 2, y - (wide - side) / 2, wide, wide), STORED_PX)
            file.write(crop.cut(sample.image, matrix, STORED_PX).tobytes())
            joints.append(crop.apply(crop.invert(matrix), sample.joints_px))
            annotated.append(sample.annotated)
            millimetres.append(np.full((JOINT_COUNT, 3), np.nan) if sample.joints_mm is None else sample.joints_mm)
            other_px = np.full((JOINT_COUNT, 2), np.nan) if sample.other_px is None else sample.other_px
            others.append(crop.apply(crop.invert(matrix), other_px))
        if not joints:
            raise UserError(f"{label} holds no usable sample", "check the set with `bonesight doctor`")
        file.seek(0)
        write_header(file, len(joints))
        file.flush()
        # Else a power cut could leave the folder's final name with black pictures in it.
        os.fsync(file.fileno())
    arrays = {
        "joints_stored": np.array(joints, dtype=np.float32),
        "annotated": np.array(annotated, dtype=bool),
        "joints_mm": np.array(millimetres, dtype=np.float32),
    }
    if not np.isnan(others).all():
        arrays[OTHER] = np.array(others, dtype=np.float32)
    np.savez(folder / "labels.npz", **arrays)  # type: ignore[arg-type]  # numpy's stub takes a name for allow_pickle


def write_header(file: BinaryIO, count: int) -> None:
    """Begin an .npy file of ``count`` crops; numpy leaves room, so that a later count fits into its place."""
    shape = (count, STORED_PX, STORED_PX, 3)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
