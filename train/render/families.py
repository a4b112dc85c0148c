"""Procedural poses: what motion capture lacks (chairs, floors, beds, desks, phones, arms overhead, handstands)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation

from train.render.rig import ROTATING, FloatArray


def _euler(order: str, *degrees: float) -> FloatArray:
    quaternion: FloatArray = Rotation.from_euler(order, degrees, degrees=True).as_quat()
    return quaternion


def _set(local: FloatArray, joint: int, quaternion: FloatArray) -> None:
    local[ROTATING.index(joint)] = quaternion


def standing(random: np.random.Generator) -> FloatArray:
    """Stand, legs nearly straight, arms as in the T-pose."""
    local = np.tile([0.0, 0.0, 0.0, 1.0], (len(ROTATING), 1))
    n = random.normal
    _set(local, 0, _euler("XYZ", n(0, 6), 0, n(0, 4)))
    for joint in (1, 2):
        _set(local, joint, _euler("XYZ", n(4, 7), n(0, 7), n(0, 5)))
    _set(local, 4, _euler("XYZ", n(5, 14), n(0, 22), n(0, 7)))
    for hip, knee, sign in ((16, 17, 1), (20, 21, -1)):
        bend = abs(n(0, 12))
        _set(local, hip, _euler("XYZ", n(-4, 12) - bend / 2, sign * abs(n(0, 8)), sign * n(4, 6)))
        _set(local, knee, _euler("XYZ", bend, 0, 0))
    return local


_ARMS: Final = ("hang", "hang", "bent", "phone", "desk", "overhead", "forward", "side")


def set_arms(random: np.random.Generator, local: FloatArray, kinds: tuple[str, ...] = _ARMS) -> None:
    """Set both arms: hanging, on the hips, phone, desk, overhead, forwards, sideways; sometimes each its own."""
    both = kinds[int(random.integers(len(kinds)))]
    for shoulder, elbow, wrist, sign in ((7, 8, 9, 1), (12, 13, 14, -1)):
        kind = both if random.random() < 0.55 else kinds[int(random.integers(len(kinds)))]
        n = random.normal
        # Degrees: the arm turns down (about z), then forwards (about y), then the elbow bends forwards.
        down, forward, bend, twist = {
            "hang": (n(76, 7), n(0, 14), abs(n(12, 14)), n(0, 15)),
            "bent": (n(60, 12), n(-15, 15), n(85, 22), n(20, 35)),
            "phone": (n(68, 9), n(12, 12), n(125, 14), n(-10, 25)),
            "desk": (n(58, 9), n(42, 14), n(62, 20), n(-10, 20)),
            "overhead": (n(-68, 14), n(8, 18), abs(n(22, 24)), n(0, 25)),
            "forward": (n(12, 22), n(68, 18), abs(n(16, 18)), n(0, 25)),
            "side": (n(5, 22), n(8, 18), abs(n(16, 22)), n(0, 25)),
        }[kind]
        turn = Rotation.from_euler("y", -sign * forward, degrees=True)
        drop = Rotation.from_euler("z", -sign * down, degrees=True)
        own = Rotation.from_euler("x", twist, degrees=True)
        _set(local, shoulder, (turn * drop * own).as_quat())
        _set(local, elbow, _euler("y", -sign * float(np.clip(bend, 0, 145))))
        _set(local, wrist, _euler("XYZ", n(0, 10), n(0, 12), n(0, 12)))


def sit(random: np.random.Generator, local: FloatArray) -> None:
    """Sit on something as high as a chair."""
    n = random.normal
    _set(local, 0, _euler("XYZ", n(0, 12), 0, n(0, 3)))
    cross = random.random() < 0.15
    for hip, knee, ankle, sign in ((16, 17, 18, 1), (20, 21, 22, -1)):
        spread = -sign * 15 if cross and hip == 16 else sign * abs(n(8, 9))
        _set(local, hip, _euler("XYZ", n(-82, 10), spread, sign * n(0, 4)))
        _set(local, knee, _euler("XYZ", float(np.clip(n(80, 20), 5, 135)), 0, 0))
        _set(local, ankle, _euler("XYZ", n(0, 10), 0, 0))


def crouch(random: np.random.Generator, local: FloatArray) -> None:
    """Crouch, more or less deep."""
    n = random.normal
    depth = float(random.uniform(0.4, 1.0))
    _set(local, 0, _euler("XYZ", n(28, 12) * depth, 0, n(0, 4)))
    for hip, knee, ankle, sign in ((16, 17, 18, 1), (20, 21, 22, -1)):
        _set(local, hip, _euler("XYZ", n(-112, 8) * depth, sign * abs(n(12, 9)), 0))
        _set(local, knee, _euler("XYZ", float(np.clip(n(122, 9) * depth, 0, 145)), 0, 0))
        _set(local, ankle, _euler("XYZ", n(-28, 8) * depth, 0, 0))


def kneel(random: np.random.Generator, local: FloatArray) -> None:
    """Kneel on one knee or both."""
    n = random.normal
    up = int(random.integers(3))
    for index, (hip, knee, sign) in enumerate(((16, 17, 1), (20, 21, -1))):
        foot_down = index == up
        _set(local, hip, _euler("XYZ", n(-85, 9) if foot_down else n(0, 9), sign * abs(n(6, 6)), 0))
        _set(local, knee, _euler("XYZ", n(85, 9) if foot_down else float(np.clip(n(92, 18), 40, 145)), 0, 0))


def _family(
    legs: Callable[[np.random.Generator, FloatArray], None] | None, *arms: str
) -> Callable[[np.random.Generator], FloatArray]:
    def pose(random: np.random.Generator) -> FloatArray:
        local = standing(random)
        set_arms(random, local, arms or _ARMS)
        if legs is not None:
            legs(random, local)
        return local

    return pose


def floor_sit(random: np.random.Generator, local: FloatArray) -> None:
    """Sit on the floor, legs forwards, bent or straight."""
    n = random.normal
    _set(local, 0, _euler("XYZ", n(-14, 10), 0, n(0, 4)))
    for hip, knee, sign in ((16, 17, 1), (20, 21, -1)):
        bend = float(np.clip(abs(n(20, 45)), 0, 140))
        _set(local, hip, _euler("XYZ", n(-78, 8) - 0.4 * bend, sign * abs(n(10, 10)), sign * n(5, 8)))
        _set(local, knee, _euler("XYZ", bend, 0, 0))


def lie(random: np.random.Generator, local: FloatArray) -> None:
    """Lie on the back, the front or a side."""
    n = random.normal
    side = float(random.choice([0.0, 180.0, 90.0, -90.0], p=[0.4, 0.25, 0.175, 0.175]))
    _set(local, 0, (Rotation.from_euler("x", -90, degrees=True) * Rotation.from_euler("y", side + n(0, 10),
        degrees=True)).as_quat())  # fmt: skip
    curl = 0.4 if side == 180.0 else 1.0
    for hip, knee, ankle, sign in ((16, 17, 18, 1), (20, 21, 22, -1)):
        bend = float(np.clip(abs(n(0, 45)) * curl, 0, 130))
        _set(local, hip, _euler("XYZ", -0.7 * bend * curl + n(0, 5), sign * abs(n(5, 6)), sign * abs(n(6, 6))))
        _set(local, knee, _euler("XYZ", bend, 0, 0))
        _set(local, ankle, _euler("XYZ", n(30, 10), 0, 0))


def upend(random: np.random.Generator, local: FloatArray) -> None:
    """Stand on the hands."""
    n = random.normal
    _set(local, 0, _euler("XYZ", 180 + n(0, 9), 0, n(0, 6)))
    for shoulder, elbow, sign in ((7, 8, 1), (12, 13, -1)):
        _set(local, shoulder, _euler("XYZ", n(0, 12), -sign * n(6, 8), sign * n(84, 7)))
        _set(local, elbow, _euler("y", -sign * abs(n(0, 8))))
    _set(local, 4, _euler("XYZ", n(-25, 12), 0, 0))
    for hip, knee, ankle, sign in ((16, 17, 18, 1), (20, 21, 22, -1)):
        _set(local, hip, _euler("XYZ", n(-5, 25), sign * 0.0, sign * abs(n(6, 10))))
        _set(local, knee, _euler("XYZ", abs(n(0, 30)), 0, 0))
        _set(local, ankle, _euler("XYZ", n(35, 12), 0, 0))


FAMILIES: Final[dict[str, Callable[[np.random.Generator], FloatArray]]] = {
    "standing": _family(None, "hang", "bent", "side"),
    "greeting": _family(None, "hang", "overhead", "forward"),
    "phoning": _family(None, "phone", "hang"),
    "reaching up": _family(None, "overhead"),
    "sitting": _family(sit, "hang", "bent", "forward"),
    "working at a desk": _family(sit, "desk", "phone"),
    "crouching": _family(crouch),
    "kneeling": _family(kneel),
    "sitting on the floor": _family(floor_sit, "hang", "bent", "forward", "phone"),
    "lying": _family(lie, "hang", "bent", "overhead", "phone"),
    "handstand": _family(upend),
}
"""Procedural actions, each a function that draws (19, 4) local rotations."""
UPRIGHT: Final = ("standing", "sitting", "crouching", "kneeling")
"""Families whose upper body may be another pose's."""
_SHARE: Final = {
    "standing": 0.22, "greeting": 0.06, "phoning": 0.06, "reaching up": 0.07, "sitting": 0.19,
    "working at a desk": 0.08, "crouching": 0.09, "kneeling": 0.06, "sitting on the floor": 0.05, "lying": 0.08,
    "handstand": 0.04,
}  # fmt: skip


def draw_name(random: np.random.Generator) -> str:
    """Draw a family."""
    return str(random.choice(list(_SHARE), p=list(_SHARE.values())))
