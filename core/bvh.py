"""Poses as BVH motion: a body of named joints for animation programs, exact to the joints it was made from.

BVH has no field for units, axes or origin and knows no comments, so these are written beside it (``NAME.bvh.json``).
A body in BVH has bones of constant length; a network's has not. One pose therefore gets the pose's own lengths as
offsets; a motion gets the median lengths as offsets and, in the position channels of every joint, the length of each
frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.errors import UserError
from core.export import identity, write_atomically, write_note
from core.made import Made

FloatArray = NDArray[np.float64]

SCHEMA: Final = "bonesight.bvh/1"
UNITS: Final = {"positions": "centimetres", "rotations": "degrees, intrinsic Z then X then Y", "frame_time": "seconds"}
AXES: Final = "x right, y up, z towards the camera, from the pelvis; the place of the person in the room is not known"
STILL_S: Final = 0.04
"""Frame time of a single pose, which has none."""

_CM_PER_MM: Final = 0.1
_PLACES: Final = "Xposition Yposition Zposition"
_TURNS: Final = "Zrotation Xrotation Yrotation"
_TO_BVH: Final = np.array([1.0, -1.0, -1.0])
"""From x right, y down, z away to x right, y up, z towards the camera: a half turn about x, so right stays right."""

_CHILDREN: Final[dict[str, tuple[str, ...]]] = {
    "pelvis": ("right_hip", "left_hip", "thorax"),
    "right_hip": ("right_knee",), "right_knee": ("right_ankle",),
    "left_hip": ("left_knee",), "left_knee": ("left_ankle",),
    "thorax": ("upper_neck",),
    "upper_neck": ("head_top", "right_shoulder", "left_shoulder"),
    "right_shoulder": ("right_elbow",), "right_elbow": ("right_wrist",),
    "left_shoulder": ("left_elbow",), "left_elbow": ("left_wrist",),
}  # fmt: skip

# A person who faces the camera in a T-pose has the left side at +x.
_REST: Final[dict[str, tuple[float, float, float]]] = {
    "right_hip": (-1, 0, 0), "left_hip": (1, 0, 0), "thorax": (0, 1, 0), "upper_neck": (0, 1, 0),
    "head_top": (0, 1, 0), "right_knee": (0, -1, 0), "left_knee": (0, -1, 0), "right_ankle": (0, -1, 0),
    "left_ankle": (0, -1, 0), "right_shoulder": (-1, 0, 0), "left_shoulder": (1, 0, 0), "right_elbow": (-1, 0, 0),
    "left_elbow": (1, 0, 0), "right_wrist": (-1, 0, 0), "left_wrist": (1, 0, 0),
}  # fmt: skip


def write(path: str | Path, entries: Sequence[Mapping[str, Any]], checkpoint: Mapping[str, Any]) -> Path:
    """Write the poses of one input, and what BVH cannot say in ``PATH.json``.

    Args:
        path: the file.
        entries: from ``export.entry``, all of one picture or video, in order.
        checkpoint: from ``checkpoint.summary``.

    Raises:
        UserError: there is no pose, or it cannot be written.
    """
    if not entries:
        raise UserError("there is no pose to write as BVH", "give a picture or video that can be read")
    joints_mm = np.array([item["joints_mm"] for item in entries], dtype=np.float64)
    seconds = frame_time_s([item["time_s"] for item in entries])
    told = {
        "schema": SCHEMA,
        "input": entries[0]["input"],
        "checkpoint": identity(checkpoint),
        "units": UNITS,
        "axes": AXES,
        **Made.of(entries[0]).facts(),
        "frame_time_s": seconds,
        "time_s": [item["time_s"] for item in entries],
    }
    written = write_atomically(path, text(joints_mm, seconds).encode("ascii"))
    write_note(written, told)
    return written


def frame_time_s(times_s: Sequence[float | None]) -> float:
    """Return the seconds of one frame: the median step of the time stamps, ``STILL_S`` without any."""
    known = np.array([time for time in times_s if time is not None], dtype=np.float64)
    steps = np.diff(known)
    steps = steps[steps > 0]
    return float(np.median(steps)) if steps.size else STILL_S


def text(joints_mm: FloatArray, seconds: float) -> str:
    """Return a BVH file of N poses.

    Args:
        joints_mm: (N, 16, 3) millimetres from the pelvis, x right, y down, z away from the camera.
        seconds: time of one frame.
    """
    joints = joints_mm * _TO_BVH * _CM_PER_MM
    joints = joints - joints[:, skeleton.ROOT : skeleton.ROOT + 1]
    moving = len(joints) > 1
    offsets, degrees = _solve(joints)
    lines = ["HIERARCHY"]
    columns: list[FloatArray] = []

    def add(name: str, depth: int) -> None:
        index = skeleton.JOINT_INDEX[name]
        indent = "  " * depth
        rest = np.median(offsets[:, index], axis=0)
        root = index == skeleton.ROOT
        positions = root or moving
        lines.append(f"{indent}{'ROOT' if root else 'JOINT'} {name}")
        lines.append(indent + "{")
        lines.append(f"{indent}  OFFSET {_numbers(rest)}")
        lines.append(f"{indent}  CHANNELS " + (f"6 {_PLACES} {_TURNS}" if positions else f"3 {_TURNS}"))
        if positions:
            columns.append(offsets[:, index])
        columns.append(degrees[:, index])
        for child in _CHILDREN.get(name, ()):
            add(child, depth + 1)
        if name not in _CHILDREN:
            lines.extend([f"{indent}  End Site", indent + "  {", f"{indent}    OFFSET 0 0 0", indent + "  }"])
        lines.append(indent + "}")

    add("pelvis", 0)
    lines += ["MOTION", f"Frames: {len(joints)}", f"Frame Time: {seconds:.6f}"]
    lines += [_numbers(row) for row in np.concatenate(columns, axis=1)]
    return "\n".join(lines) + "\n"


def _numbers(values: FloatArray) -> str:
    # Four decimals of a centimetre are a thousandth of a millimetre; adding zero turns -0.0 into 0.0.
    return " ".join(f"{value:.4f}" for value in np.round(values, 4) + 0.0)


def _solve(joints: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Solve the body's rotations so that forward kinematics gives the joints back exactly.

    A joint with several children takes the rotation that fits their rest directions best (orthogonal Procrustes);
    one with a single child turns its parent's frame the short way onto the child, without twist.

    Args:
        joints: (N, 16, 3) in the axes of the file.

    Returns:
        (N, 16, 3) offset of each joint in its parent's frame, and (N, 16, 3) local Z, X, Y angles in degrees.
    """
    count = len(joints)
    turns = np.tile(np.eye(3), (count, skeleton.JOINT_COUNT, 1, 1))
    offsets = np.zeros_like(joints)
    degrees = np.zeros_like(joints)

    def visit(name: str, parent: FloatArray) -> None:
        index = skeleton.JOINT_INDEX[name]
        children = _CHILDREN.get(name, ())
        rest = np.array([_REST[child] for child in children])
        ends = [skeleton.JOINT_INDEX[child] for child in children]
        for frame in range(count):
            found = joints[frame, ends] - joints[frame, index]
            turns[frame, index] = _fit(rest, found, parent[frame])
        own = turns[:, index]
        degrees[:, index] = _angles(np.swapaxes(parent, 1, 2) @ own)
        for child, end in zip(children, ends, strict=True):
            offsets[:, end] = np.einsum("nji,nj->ni", own, joints[:, end] - joints[:, index])
            visit(child, own)

    visit("pelvis", np.tile(np.eye(3), (count, 1, 1)))
    return offsets, degrees


def _fit(rest: FloatArray, found: FloatArray, parent: FloatArray) -> FloatArray:
    """Return the rotation that brings rest directions (C, 3) onto found vectors (C, 3); the parent's without any."""
    lengths = np.linalg.norm(found, axis=1)
    seen = lengths > 1e-9
    if not seen.any():
        return parent
    directions = found[seen] / lengths[seen, None]
    if len(rest) == 1:
        return _short_way(parent @ rest[0], directions[0]) @ parent
    left, _, right = np.linalg.svd(directions.T @ rest[seen])
    return np.asarray(left @ np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))]) @ right)


def _short_way(start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the smallest rotation (3, 3) that turns one unit vector onto another."""
    axis = np.cross(start, end)
    cosine = float(start @ end)
    if cosine < -1.0 + 1e-12:
        # Opposite: a half turn about any axis across it.
        across = np.cross(start, np.eye(3)[int(np.argmin(np.abs(start)))])
        across = across / np.linalg.norm(across)
        return np.asarray(2.0 * np.outer(across, across) - np.eye(3))
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1.0 + cosine))


def _angles(turns: FloatArray) -> FloatArray:
    """Return (N, 3) angles Z, X, Y in degrees with R = Rz Rx Ry, without jumps of a whole turn from frame to frame."""
    sine = np.clip(turns[:, 2, 1], -1.0, 1.0)
    x = np.arcsin(sine)
    level = np.abs(sine) < 1.0 - 1e-10
    # At the pole Z and Y turn about the same axis: all of it goes to Z.
    z = np.where(level, np.arctan2(-turns[:, 0, 1], turns[:, 1, 1]), np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))
    y = np.where(level, np.arctan2(-turns[:, 2, 0], turns[:, 2, 2]), 0.0)
    return np.asarray(np.unwrap(np.degrees(np.stack([z, x, y], axis=1)), period=360.0, axis=0))
