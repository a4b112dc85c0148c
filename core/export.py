"""Poses as files: JSON, CSV, NPZ and figures, each written whole or not at all.

``entry`` turns a ``Pose`` into the plain dictionary that every format and the printed tables are made from, so that
screen, files and command line cannot disagree.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from core import skeleton
from core.compare import LETTERS
from core.errors import RunError, UserError
from core.made import KEYS
from core.pose import Pose

SCHEMA: Final = "bonesight.poses/1"
CSV_SCHEMA: Final = "bonesight.csv/1"
UNITS: Final[dict[str, str]] = {
    "joints_px": "pixels of the picture as it is shown upright",
    "box_px": "x, y, width, height in pixels of the picture",
    "confidence": "0 to 1",
    "joints_mm": "millimetres from the pelvis",
    "length_mm": "millimetres",
    "ratio": "length over the canonical length of the bone",
    "deviation_percent": "percent from the mean ratio of the bone's group",
    "left_right_percent": "right minus left, in percent of their mean",
    "loss": "variance of the ratios (mean ratio 1), summed over the groups; no unit",
    "time_s": "seconds from the start of the video",
    "height_mm": "millimetres: the person's stature that joints_mm are scaled by; null for the mean size",
}
AXES: Final = (
    "px: x right, y down from the top-left corner of the picture; "
    "mm: x right, y down, z away from the camera, from the pelvis"
)
_ELSEWHERE = "choose another folder or make room on the disk"


def write_atomically(path: str | Path, data: bytes) -> Path:
    """Write a file through a temporary one in the same folder, so that a crash never leaves half a file.

    Missing parent folders are made.

    Returns:
        The path.

    Raises:
        UserError: the folder cannot be written or the disk is full; what was at ``path`` stays as it was.
    """
    path = Path(path)
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


@contextmanager
def replacing(path: Path, suffix: str = ".partial") -> Iterator[Path]:
    """Give a temporary file in the same folder to write to; it takes the place of ``path`` when the block ends well.

    Missing parent folders are made.

    Args:
        path: the file to replace.
        suffix: of the temporary file, for writers that choose their format by it.

    Raises:
        UserError: the folder cannot be written or the disk is full; what was at ``path`` stays as it was.
    """
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise UserError(f"{path} is a folder", "give the name of a file")
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=suffix, dir=path.parent)
        partial = Path(name)
        os.close(handle)
        yield partial
        # mkstemp makes private files; an export is as readable as any other new file.
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
        partial = None
    except OSError as error:
        raise RunError(f"{path} could not be written ({error.strerror or error})", _ELSEWHERE) from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def entry(pose: Pose, source: str | Path, frame: int = 0, time_s: float | None = None) -> dict[str, Any]:
    """Turn a pose into one JSON-ready entry of ``poses``.

    Args:
        pose: from the predictor.
        source: the picture or video, as the user named it.
        frame: number of the frame in its video, from 0.
        time_s: seconds from the start of the video, None for a picture.
    """
    report = pose.geometry
    return {
        "input": printable(source),
        "frame": frame,
        "time_s": None if time_s is None else round(time_s, 4),
        "picture_size_px": list(pose.picture_size_px),
        "box_px": _rounded(pose.box_px, 2),
        "located_by": pose.located_by,
        **pose.made.facts(),
        "joints_px": _rounded(pose.joints_px, 2),
        "confidence": _rounded(np.clip(pose.confidence, 0.0, 1.0), 4),
        "joints_mm": _rounded(pose.joints_mm, 2),
        "bones": [
            {
                "name": bone.name,
                "joints": list(bone.joints),
                "length_mm": round(bone.length_mm, 2),
                "ratio": round(bone.ratio, 4),
                "group": bone.group,
                "deviation_percent": round(bone.deviation_percent, 2),
                "left_right_percent": None if bone.left_right_percent is None else round(bone.left_right_percent, 2),
                "verdict": bone.verdict,
            }
            for bone in report.bones
        ],
        "geometry": {
            "loss": round(report.loss, 6),
            "groups": {name: round(report.groups[name], 6) for name in skeleton.GROUP_NAMES},
        },
    }


def failure(source: str | Path, error: UserError) -> dict[str, str]:
    """Turn an input that failed into one entry of ``failed``."""
    return {"input": printable(source), "error": error.what, "what_to_do": error.what_to_do}


def printable(name: str | Path) -> str:
    """Return a file name as valid Unicode: bytes that are none become replacement characters."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def document(
    entries: Sequence[Mapping[str, Any]], checkpoint: Mapping[str, Any], failed: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """Return the JSON document: what ``resources/poses.schema.json`` describes.

    Args:
        entries: from ``entry``.
        checkpoint: name, preset, geometry_loss and sha256, from ``checkpoint.summary``.
        failed: from ``failure``.
    """
    return {
        "schema": SCHEMA,
        "checkpoint": identity(checkpoint),
        "joint_names": list(skeleton.JOINT_NAMES),
        "units": UNITS,
        "axes": AXES,
        "poses": list(entries),
        "failed": list(failed),
    }


def identity(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every file says of the checkpoint that made it."""
    return {key: checkpoint[key] for key in ("name", "preset", "geometry_loss", "sha256")}


def maker(pose: Pose) -> str:
    """Return in words which checkpoint made a pose, and how."""
    return f"checkpoint {pose.checkpoint_name}, sha256 {pose.checkpoint_sha256}; {pose.made.words()}"


def signature(poses: Sequence[Pose]) -> str:
    """Return what the metadata of pictures and films say: the program, and how each of the poses was made."""
    made = [maker(pose) for pose in poses]
    if len(made) > 1:
        made = [f"{letter}: {text}" for letter, text in zip(LETTERS, made, strict=False)]
    return f"Bonesight, {'. '.join(made)}"


def write_json(
    path: str | Path,
    entries: Sequence[Mapping[str, Any]],
    checkpoint: Mapping[str, Any],
    failed: Sequence[Mapping[str, str]] = (),
) -> Path:
    """Write ``document`` as UTF-8 JSON.

    Raises:
        UserError: it cannot be written.
    """
    text = json.dumps(document(entries, checkpoint, failed), indent=1, ensure_ascii=False, allow_nan=False)
    return write_atomically(path, (text + "\n").encode("utf-8"))


CSV_HEADER: Final = (
    "input", "frame", "time_s", "joint", "x_px", "y_px", "confidence_0_to_1", "x_mm", "y_mm", "z_mm", *KEYS,
)  # fmt: skip


def write_csv(path: str | Path, entries: Sequence[Mapping[str, Any]], checkpoint: Mapping[str, Any]) -> Path:
    """Write one row per joint, units in the header; how it was made (``core.made``) as in JSON.

    What has no column, axes and checkpoint, stands beside it (``note_of``).

    Raises:
        UserError: it cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_HEADER)
    for item in entries:
        time_s = "" if item["time_s"] is None else item["time_s"]
        made = [_cell(item[key]) for key in KEYS]
        columns = zip(skeleton.JOINT_NAMES, item["joints_px"], item["confidence"], item["joints_mm"], strict=True)
        for name, (x_px, y_px), confidence, xyz_mm in columns:
            row = [item["input"], item["frame"], time_s, name, x_px, y_px, confidence, *xyz_mm]
            writer.writerow([*row, *made])
    written = write_atomically(path, text.getvalue().encode("utf-8"))
    units = {name: UNITS[name] for name in ("joints_px", "confidence", "joints_mm", "time_s", "height_mm")}
    write_note(written, {"schema": CSV_SCHEMA, "checkpoint": identity(checkpoint), "units": units, "axes": AXES})
    return written


def note_of(path: Path) -> Path:
    """Return the file beside another that tells what its format has no place for: ``NAME.csv.json``."""
    return path.with_name(path.name + ".json")


def write_note(path: Path, told: Mapping[str, Any]) -> Path:
    """Write what a file's format has no place for beside it.

    Raises:
        UserError: it cannot be written.
    """
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_atomically(note_of(path), text.encode("utf-8"))


def _cell(value: Any) -> Any:
    """Return a value as a cell: true and false as in JSON, nothing for none."""
    return json.dumps(value) if isinstance(value, bool) else value


_MADE_KINDS: Final[dict[str, Any]] = {
    "refined": np.bool_, "decoded_by": np.str_, "mirror_averaged": np.bool_, "smoothed": np.bool_, "engine": np.str_,
    "precision": np.str_, "height_mm": np.float64,
}  # fmt: skip


def write_npz(path: str | Path, entries: Sequence[Mapping[str, Any]], checkpoint: Mapping[str, Any]) -> Path:
    """Write N poses as arrays, readable without pickle.

    Arrays: ``joints_px`` (N, 16, 2), ``confidence`` (N, 16), ``joints_mm`` (N, 16, 3), ``box_px`` (N, 4),
    ``picture_size_px`` (N, 2), ``bone_length_mm`` (N, 14), ``deviation_percent`` (N, 14), ``left_right_percent``
    (N, 14) with NaN for bones in the middle, ``geometry_loss`` (N,), ``input`` (N,), ``frame`` (N,), ``time_s`` (N,)
    with NaN for pictures, each key of ``core.made`` (N,), ``height_mm`` with NaN for none, ``joint_names``,
    ``bone_names``, ``units`` (JSON text), ``axes``, ``checkpoint``, ``checkpoint_sha256``.

    Raises:
        UserError: it cannot be written.
    """
    count = len(entries)
    joints, bones = skeleton.JOINT_COUNT, skeleton.BONE_COUNT

    def stack(key: str, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([item[key] for item in entries], dtype=np.float64).reshape(count, *shape)

    def of_bones(key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        rows = [[np.nan if bone[key] is None else bone[key] for bone in item["bones"]] for item in entries]
        return np.array(rows, dtype=np.float64).reshape(count, bones)

    made: dict[str, Any] = {key: np.array([item[key] for item in entries], kind) for key, kind in _MADE_KINDS.items()}
    times = [np.nan if item["time_s"] is None else item["time_s"] for item in entries]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        joints_px=stack("joints_px", (joints, 2)),
        confidence=stack("confidence", (joints,)),
        joints_mm=stack("joints_mm", (joints, 3)),
        box_px=stack("box_px", (4,)),
        picture_size_px=stack("picture_size_px", (2,)).astype(np.int64),
        bone_length_mm=of_bones("length_mm"),
        deviation_percent=of_bones("deviation_percent"),
        left_right_percent=of_bones("left_right_percent"),
        geometry_loss=np.array([item["geometry"]["loss"] for item in entries], dtype=np.float64),
        input=np.array([item["input"] for item in entries], dtype=np.str_),
        frame=np.array([item["frame"] for item in entries], dtype=np.int64),
        time_s=np.array(times, dtype=np.float64),
        **made,
        joint_names=np.array(skeleton.JOINT_NAMES),
        bone_names=np.array(skeleton.BONE_NAMES),
        units=np.array(json.dumps(UNITS)),
        axes=np.array(AXES),
        checkpoint=np.array(str(checkpoint["name"])),
        checkpoint_sha256=np.array(str(checkpoint["sha256"])),
    )
    return write_atomically(path, buffer.getvalue())


def _rounded(values: Any, digits: int) -> Any:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("a pose holds values that are not finite")
    # Adding zero turns -0.0 into 0.0.
    return (np.round(array, digits) + 0.0).tolist()
