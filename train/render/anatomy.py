"""What a body cannot do: bend knees and elbows backwards, or put a limb through itself."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from train.render.rig import ROTATING, FloatArray, globals_of, positions_of

_HINGES: Final = ((8, 1, -1.0), (13, 1, 1.0), (17, 0, 1.0), (21, 0, 1.0))
"""Joint, the axis it bends about, the sign of bending: elbows and knees."""
_BACKWARDS, _FURTHEST = np.deg2rad(-12.0), np.deg2rad(158.0)
_ALONG: Final = np.linspace(0.0, 1.0, 6)
_FOREARMS: Final = (((8, 9), (9, 10)), ((13, 14), (14, 15)))
_SHANKS: Final = ((17, 18), (21, 22))
_THIGHS: Final = ((16, 17), (20, 21))
# Nearest the axes may come, metres: the radii less the depth that skin and flesh give way.
_TRUNK, _HEAD, _ARM_ARM, _ARM_LEG, _LEG_LEG = 0.075, 0.075, 0.035, 0.05, 0.065


def is_possible(local_xyzw: FloatArray) -> bool:
    """Tell whether (19, 4) local rotations bend no hinge backwards and put no limb through trunk, head or limb."""
    for joint, axis, sign in _HINGES:
        bend = float(Rotation.from_quat(local_xyzw[ROTATING.index(joint)]).as_rotvec()[axis]) * sign
        if not _BACKWARDS < bend < _FURTHEST:
            return False
    return not touches_itself(positions_of(globals_of(local_xyzw)))


def touches_itself(at_m: FloatArray) -> bool:
    """Tell whether a limb of (24, 3) joint positions goes deeper into another part than flesh gives way."""
    middle = 0.5 * (at_m[7] + at_m[12])
    trunk = [(at_m[0], at_m[3])]
    trunk += [(at_m[hip], 0.55 * at_m[shoulder] + 0.45 * middle) for hip, shoulder in ((16, 7), (20, 12))]
    arms = [np.concatenate([_points(at_m, *part) for part in arm]) for arm in _FOREARMS]
    shanks = [_points(at_m, *shank)[1:] for shank in _SHANKS]
    both = np.concatenate([arms[0][3:], arms[1][3:]])
    if min(_distance(np.concatenate([both, *shanks]), *axis) for axis in trunk) < _TRUNK:
        return True
    if _distance(np.concatenate([both, *shanks]), at_m[4], at_m[5]) < _HEAD:
        return True
    if min(_distance(arms[0], at_m[start], at_m[end]) for start, end in _FOREARMS[1]) < _ARM_ARM:
        return True
    if min(_distance(both, at_m[start], at_m[end]) for start, end in (*_THIGHS, *_SHANKS)) < _ARM_LEG:
        return True
    return (
        min(
            _distance(_points(at_m, *_SHANKS[0]), at_m[21], at_m[22]),
            _distance(shanks[0], at_m[20], at_m[21]),
            _distance(shanks[1], at_m[16], at_m[17]),
        )
        < _LEG_LEG
    )


def _points(at_m: FloatArray, start: int, end: int) -> FloatArray:
    out: FloatArray = at_m[start] + _ALONG[:, None] * (at_m[end] - at_m[start])
    return out


def _distance(points_m: FloatArray, start_m: FloatArray, end_m: FloatArray) -> float:
    """Return the least distance of (N, 3) points from a segment."""
    along = end_m - start_m
    share = np.clip((points_m - start_m) @ along / (along @ along), 0.0, 1.0)
    return float(np.sqrt(((points_m - start_m - share[:, None] * along) ** 2).sum(axis=1).min()))
