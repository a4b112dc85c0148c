"""Poses written by hand: where each limb points, instead of joint angles.

Axes of the motion-capture skeleton: x to the subject's left, y up, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from train.render.rig import PARENTS

FloatArray = NDArray[np.float64]
Direction = tuple[float, float, float]

LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = 7, 12, 16, 20
_DOWN: Final[Direction] = (0.0, -1.0, 0.0)


@dataclass(frozen=True)
class HandPose:
    """Where the limbs point (no need of unit length) and how the trunk bends (degrees).

    Attributes:
        left_arm, right_arm: directions of upper arm and forearm.
        left_leg, right_leg: directions of thigh and shank.
        trunk: (forwards, to the left, leaning right) of pelvis, spine, chest, neck and head,
        each on top of the one below.
        toes: how far the left and the right foot point down.
        feet_out: how far the feet turn outwards.
        over: turn of the whole body, Euler angles about x, y, z.
    """

    left_arm: tuple[Direction, Direction] = ((0.25, -1.0, 0.0), (0.15, -1.0, 0.2))
    right_arm: tuple[Direction, Direction] = ((-0.25, -1.0, 0.0), (-0.15, -1.0, 0.2))
    left_leg: tuple[Direction, Direction] = ((0.06, -1.0, 0.02), (0.03, -1.0, -0.03))
    right_leg: tuple[Direction, Direction] = ((-0.06, -1.0, 0.02), (-0.03, -1.0, -0.03))
    trunk: tuple[Direction, ...] = ((0.0, 0.0, 0.0),) * 5
    toes: tuple[float, float] = (0.0, 0.0)
    feet_out: float = 8.0
    over: Direction = (0.0, 0.0, 0.0)


def rotations_of(pose: HandPose) -> FloatArray:
    """Return (24, 3, 3) global rotations."""
    out = np.tile(np.eye(3), (len(PARENTS), 1, 1))
    turn = np.eye(3)
    for joint, bend in zip((0, 1, 2, 3, 4), pose.trunk, strict=True):
        turn = turn @ Rotation.from_euler("YXZ", [bend[1], bend[0], bend[2]], degrees=True).as_matrix()
        out[joint] = turn
    for shoulder, sign, (upper, fore) in ((LEFT_ARM, 1.0, pose.left_arm), (RIGHT_ARM, -1.0, pose.right_arm)):
        raised = max(float(np.dot(out[2][:, 1], _unit(upper))), -0.3)
        lift = Rotation.from_euler("z", sign * (20.0 * raised + 4.0), degrees=True).as_matrix()
        out[shoulder - 1] = out[2] @ lift
        x = sign * _unit(upper)
        z = _across(_unit(fore), x, out[2] @ np.array([0.0, 0.0, 1.0]))
        frame = np.stack([x, np.cross(z, x), z], axis=1)
        angle = np.arccos(np.clip(_unit(upper) @ _unit(fore), -1, 1))
        bent = frame @ Rotation.from_euler("y", -sign * angle).as_matrix()
        out[shoulder], out[shoulder + 1], out[shoulder + 2] = frame, bent, bent
    for hip, sign, (thigh, shank), point in (
        (LEFT_LEG, 1.0, pose.left_leg, pose.toes[0]), (RIGHT_LEG, -1.0, pose.right_leg, pose.toes[1])
    ):  # fmt: skip
        y = -_unit(thigh)
        z = -_across(_unit(shank), y, -out[0] @ np.array([0.0, 0.0, 1.0]))
        frame = np.stack([np.cross(y, z), y, z], axis=1)
        angle = np.arccos(np.clip(_unit(thigh) @ _unit(shank), -1, 1))
        out[hip] = frame
        out[hip + 1] = frame @ Rotation.from_euler("x", angle).as_matrix()
        foot = Rotation.from_euler("YX", [sign * pose.feet_out, point], degrees=True).as_matrix()
        out[hip + 2] = out[0] @ foot if _unit(shank)[1] < -0.8 else out[hip + 1] @ foot
    return np.asarray(Rotation.from_euler("xyz", pose.over, degrees=True).as_matrix() @ out)


def _unit(direction: Direction | FloatArray) -> FloatArray:
    vector = np.asarray(direction, dtype=np.float64)
    return np.asarray(vector / np.linalg.norm(vector))


def _across(direction: FloatArray, axis: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Return the unit part of a direction at right angles to an axis; of another one where it lies along the axis."""
    for candidate in (direction, otherwise, axis[[1, 2, 0]]):
        part = candidate - (candidate @ axis) * axis
        if np.linalg.norm(part) > 0.05:
            return _unit(part)
    return _unit(np.cross(axis, [1.0, 0.3, 0.2]))
