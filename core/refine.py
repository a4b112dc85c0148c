"""Refinement at test time, beyond the paper: the most believable skeleton near what the network said.

The network's depth, its 2D joints and the rule of the geometry loss (bone ratios within a group are alike; Zhou et
al., ICCV 2017, section 3.3) are each taken as a measurement with its own standard deviation, and the skeleton that
fits all three best is found by Gauss-Newton. It can only bend what the evidence leaves open: a joint with a sharp
heatmap hardly moves across the picture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import skeleton

FloatArray = NDArray[np.float64]

RATIO_SD = 0.1
DEPTH_SD_NORM = 0.08
"""How far the two rules are believed; chosen on rendered people, where they lower the 3D error most."""
STEPS = 5
DAMPING = 1e-3

_GROUPED = np.concatenate([np.array(members) for members in skeleton.GROUPS.values()])
# Takes each grouped bone's ratio to its distance from its group's mean, and every other bone's to zero.
_CENTRING = np.zeros((skeleton.BONE_COUNT, skeleton.BONE_COUNT))
for _members in skeleton.GROUPS.values():
    _CENTRING[np.ix_(_members, _members)] = np.eye(len(_members)) - 1.0 / len(_members)


class Refined(NamedTuple):
    """A refined skeleton in the ``_norm`` frame: (16, 2) joints and (16,) depth."""

    joints_norm: FloatArray
    depth_norm: FloatArray


def refine(
    joints_norm: FloatArray, depth_norm: FloatArray, spread_norm: FloatArray, ratio_sd: float = RATIO_SD,
    depth_sd_norm: float = DEPTH_SD_NORM,
) -> Refined:  # fmt: skip
    """Bend a skeleton towards bones that can be real.

    The result is for the skeleton in space only: where a joint is seen in the picture, its heatmap says best.

    Args:
        joints_norm: (16, 2) in [-1, 1] over the crop.
        depth_norm: (16,) in the same unit.
        spread_norm: (16,) standard deviation of each joint's place in the picture.
        ratio_sd: of a bone's ratio around its group's mean, as a share of the mean ratio of all grouped bones.
        depth_sd_norm: of the network's depth.
    """
    start = np.column_stack([joints_norm, depth_norm]).astype(np.float64)
    sd = np.column_stack([spread_norm, spread_norm, np.full(skeleton.JOINT_COUNT, depth_sd_norm)])
    weight = (1.0 / np.maximum(sd, 1e-3) ** 2).ravel()
    ratios = _ratios(start)[0]
    overall = float(ratios[_GROUPED].mean())
    if overall < 1e-6:
        return Refined(start[:, :2], start[:, 2])
    scale = 1.0 / (ratio_sd * overall)
    now = start
    for _ in range(STEPS):
        ratios, slope = _ratios(now)
        residual = scale * (_CENTRING @ ratios)
        jacobian = scale * (_CENTRING @ slope)
        pull = weight * (now - start).ravel()
        normal = jacobian.T @ jacobian
        normal[np.diag_indices_from(normal)] += weight * (1.0 + DAMPING)
        now = now - np.linalg.solve(normal, jacobian.T @ residual + pull).reshape(now.shape)
    return Refined(now[:, :2], now[:, 2])


def _ratios(joints: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (14,) ratios of length to canonical length in metres, and their (14, 48) derivative."""
    first, second = skeleton.BONE_ENDS[:, 0], skeleton.BONE_ENDS[:, 1]
    along = joints[first] - joints[second]
    canonical = skeleton.CANONICAL_MM / 1000.0
    length = np.sqrt((along**2).sum(-1) + 1e-8)
    direction = along / (length * canonical)[:, None]
    slope = np.zeros((skeleton.BONE_COUNT, skeleton.JOINT_COUNT, 3))
    rows = np.arange(skeleton.BONE_COUNT)
    slope[rows, first] = direction
    slope[rows, second] = -direction
    return length / canonical, slope.reshape(skeleton.BONE_COUNT, -1)
