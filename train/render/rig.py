"""The motion-capture skeleton: 24 joints, 19 of which turn. Axes: x to the subject's left, y up, z forward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

FloatArray = NDArray[np.float64]

PARENTS = (-1, 0, 1, 2, 3, 4, 2, 6, 7, 8, 9, 2, 11, 12, 13, 14, 0, 16, 17, 18, 0, 20, 21, 22)
ROTATING = (0, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 16, 17, 18, 20, 21, 22)
LOWER = tuple(ROTATING.index(joint) for joint in (16, 17, 18, 20, 21, 22))
# T-pose offsets of the skeleton (metres, y up, z forward, x left), rounded to the millimetre.
OFFSETS_M = np.array([
    [0, 0, 0], [0, 0.11, -0.005], [0, 0.19, 0], [0, 0.21, 0], [0, 0.09, 0.01], [0, 0.18, 0.02],
    [0.03, 0.15, 0], [0.145, 0.02, 0], [0.28, 0, 0], [0.25, 0, 0], [0.15, 0, 0],
    [-0.03, 0.15, 0], [-0.145, 0.02, 0], [-0.28, 0, 0], [-0.25, 0, 0], [-0.15, 0, 0],
    [0.09, -0.06, 0], [0, -0.42, 0], [0, -0.41, 0], [0, -0.06, 0.18],
    [-0.09, -0.06, 0], [0, -0.42, 0], [0, -0.41, 0], [0, -0.06, 0.18],
])  # fmt: skip


def globals_of(local_xyzw: FloatArray) -> FloatArray:
    """Turn (19, 4) local rotations into (24, 3, 3) global ones."""
    local = np.tile(np.eye(3), (len(PARENTS), 1, 1))
    local[list(ROTATING)] = Rotation.from_quat(local_xyzw).as_matrix()
    out = local.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            out[joint] = out[parent] @ local[joint]
    return out


def positions_of(rotations: FloatArray) -> FloatArray:
    """Return (24, 3) joint positions, metres from the pelvis, of (24, 3, 3) global rotations."""
    out = np.zeros((len(PARENTS), 3))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            out[joint] = out[parent] + rotations[parent] @ OFFSETS_M[joint]
    return out


def jitter(random: np.random.Generator, local_xyzw: FloatArray, degrees: float) -> FloatArray:
    """Turn every joint of a pose by a little, about ``degrees`` in all."""
    noise = Rotation.from_rotvec(np.deg2rad(degrees) * random.normal(0, 0.6, (len(ROTATING), 3)))
    out: FloatArray = (Rotation.from_quat(local_xyzw) * noise).as_quat()
    return out
