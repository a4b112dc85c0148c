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


def _levels() -> tuple[tuple[list[int], list[int]], ...]:
    """Return joints and their parents, all of one depth together, so that parents are done before children."""
    depth = [0] * len(PARENTS)
    for joint, parent in enumerate(PARENTS[1:], 1):
        depth[joint] = depth[parent] + 1
    levels = [[joint for joint in range(len(PARENTS)) if depth[joint] == level] for level in range(1, max(depth) + 1)]
    return tuple((joints, [PARENTS[joint] for joint in joints]) for joints in levels)


def _chains() -> FloatArray:
    """Return (24, 24) ones where the second joint lies on the way from the pelvis to the first, ends included."""
    out = np.eye(len(PARENTS))
    for joint, parent in enumerate(PARENTS[1:], 1):
        out[joint] += out[parent]
    return out


_LEVELS, _CHAINS = _levels(), _chains()


def globals_of(local_xyzw: FloatArray) -> FloatArray:
    """Turn (19, 4) local rotations into (24, 3, 3) global ones."""
    out = np.tile(np.eye(3), (len(PARENTS), 1, 1))
    out[list(ROTATING)] = Rotation.from_quat(local_xyzw).as_matrix()
    for joints, parents in _LEVELS:
        out[joints] = out[parents] @ out[joints]
    return out


def positions_of(rotations: FloatArray) -> FloatArray:
    """Return (24, 3) joint positions, metres from the pelvis, of (24, 3, 3) global rotations."""
    steps = np.einsum("jik,jk->ji", rotations[[0, *PARENTS[1:]]], OFFSETS_M)
    return np.asarray(_CHAINS @ steps)


def jitter(random: np.random.Generator, local_xyzw: FloatArray, degrees: float) -> FloatArray:
    """Turn every joint of a pose by a little, about ``degrees`` in all."""
    noise = Rotation.from_rotvec(np.deg2rad(degrees) * random.normal(0, 0.6, (len(ROTATING), 3)))
    out: FloatArray = (Rotation.from_quat(local_xyzw) * noise).as_quat()
    return out
