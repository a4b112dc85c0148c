"""What a body cannot do: bend knees and elbows backwards, or put a limb through itself."""

from __future__ import annotations

from typing import Final

import numpy as np

from train.render.rig import PARENTS, ROTATING, FloatArray, globals_of, positions_of

_HINGES: Final = ((8, 1, -1.0), (13, 1, 1.0), (17, 0, 1.0), (21, 0, 1.0))
"""Joint, the axis it bends about, the sign of bending: elbows and knees."""
_HINGE_ROWS: Final = [ROTATING.index(joint) for joint, _, _ in _HINGES]
_HINGE_AXES: Final = [axis for _, axis, _ in _HINGES]
_HINGE_SIGNS: Final = np.array([sign for _, _, sign in _HINGES])
_BACKWARDS, _FURTHEST = np.deg2rad(-12.0), np.deg2rad(158.0)

_ALONG: Final = np.linspace(0.0, 1.0, 6)
# Nearest the axes may come, metres: the radii less the depth that skin and flesh give way.
_TRUNK, _HEAD, _ARM_ARM, _ARM_LEG, _LEG_LEG = 0.075, 0.075, 0.035, 0.05, 0.065
_ARMS: Final = (((8, 9), (9, 10)), ((13, 14), (14, 15)))
"""Forearm and hand, left and right."""
_THIGHS: Final = ((16, 17), (20, 21))
_SHANKS: Final = ((17, 18), (21, 22))


def is_possible(local_xyzw: FloatArray) -> bool:
    """Tell whether (19, 4) local rotations bend no hinge backwards and put no limb through trunk, head or limb."""
    hinges = local_xyzw[_HINGE_ROWS]
    # The rotation vector's part about the hinge's own axis; the quaternion's sign is free.
    w, sine = np.abs(hinges[:, 3]), np.linalg.norm(hinges[:, :3], axis=1)
    about = hinges[range(len(_HINGES)), _HINGE_AXES] * np.where(hinges[:, 3] < 0.0, -1.0, 1.0)
    bend = 2.0 * np.arctan2(sine, w) * about / np.maximum(sine, 1e-12) * _HINGE_SIGNS
    if (bend <= _BACKWARDS).any() or (bend >= _FURTHEST).any():
        return False
    return not touches_itself(positions_of(globals_of(local_xyzw)))


def touches_itself(at_m: FloatArray) -> bool:
    """Tell whether a limb of (24, 3) joint positions goes deeper into another part than flesh gives way."""
    points, starts, ends = _POINTS @ at_m, _STARTS @ at_m, _ENDS @ at_m
    along = ends - starts
    from_start = points[:, None] - starts
    share = np.einsum("psi,si->ps", from_start, along) / np.einsum("si,si->s", along, along)
    apart = from_start - np.clip(share, 0.0, 1.0)[..., None] * along
    return bool((np.einsum("psi,psi->ps", apart, apart) < _NEAREST**2).any())


def _tables() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return points on forearms, hands and shanks, the axes' starts and ends, and how near each may come to each.

    Points and axes are (n, 24) weights of the joints; the last table is (points, axes) metres, 0 where they may touch.
    """
    joint = np.eye(len(PARENTS))

    def on(start: int, end: int) -> FloatArray:
        return np.asarray(joint[start] + _ALONG[:, None] * (joint[end] - joint[start]))

    # The half of a forearm next to the elbow goes with the upper arm, which lies on the trunk.
    outer = np.tile(np.arange(12) >= 3, 2)
    arm_points = np.concatenate([on(*part) for arm in _ARMS for part in arm])
    shank_points = np.concatenate([on(*shank) for shank in _SHANKS])
    below_knee = np.tile(np.arange(6) >= 1, 2)
    middle = 0.5 * (joint[7] + joint[12])
    trunk = [(joint[0], joint[3])]
    trunk += [(joint[hip], 0.55 * joint[shoulder] + 0.45 * middle) for hip, shoulder in ((16, 7), (20, 12))]
    axes = [*trunk, *((joint[a], joint[b]) for a, b in ((4, 5), *_ARMS[1], *_THIGHS, *_SHANKS))]
    arms, shanks = np.zeros((24, len(axes))), np.zeros((12, len(axes)))
    arms[outer, :3], arms[outer, 3] = _TRUNK, _HEAD
    arms[:12, 4:6] = _ARM_ARM
    arms[outer, 6:10] = _ARM_LEG
    shanks[below_knee, :3], shanks[below_knee, 3] = _TRUNK, _HEAD
    shanks[1:6, 7], shanks[7:12, 6] = _LEG_LEG, _LEG_LEG
    shanks[:6, 9] = _LEG_LEG
    return (
        np.concatenate([arm_points, shank_points]), np.array([start for start, _ in axes]),
        np.array([end for _, end in axes]), np.concatenate([arms, shanks]),
    )  # fmt: skip


_POINTS, _STARTS, _ENDS, _NEAREST = _tables()
