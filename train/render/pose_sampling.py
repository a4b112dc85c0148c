"""Poses for rendered people: motion capture, widened to what it lacks (sitting, crouching, overhead, phone, desk)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.errors import UserError

FloatArray = NDArray[np.float64]
Split = Literal["train", "val", "test"]

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


@dataclass(frozen=True)
class PoseSource:
    """Poses to draw from, all of one split.

    Attributes:
        local_xyzw: (N, 19, 4) local rotations of ``ROTATING``.
        clip: (N,) clip number.
        action: (N,) what the clip shows.
    """

    local_xyzw: FloatArray
    clip: NDArray[np.int64]
    action: NDArray[np.str_]


def split_of(name: str) -> Split:
    """Assign a clip to a split by its name: 80 % train, 10 % val, 10 % test, for ever the same."""
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 10
    return "val" if draw == 8 else "test" if draw == 9 else "train"


_ACTIONS: Final = {
    # the motion-capture library's own descriptions of subjects and trials, by the start of a clip's name
    "cmu_acrnn_indian": "indian dance", "cmu_acrnn_martial": "martial arts", "cmu_acrnn_salsa": "salsa",
    "cmu_amc/01": "playground", "cmu_amc/02_03": "running", "cmu_amc/02_04": "jumping", "cmu_amc/02_05": "punching",
    "cmu_amc/02_06": "bending", "cmu_amc/02_07": "swordplay", "cmu_amc/02_08": "swordplay",
    "cmu_amc/02_09": "swordplay", "cmu_amc/02_10": "washing", "cmu_amc": "walking", "cmu_iclone/005": "modern dance",
    "cmu_iclone/006": "basketball", "cmu_iclone/007": "walking", "deepmimic/humanoid3d_walk": "walking",
    "deepmimic/humanoid3d_jog": "running", "deepmimic/humanoid3d_run": "running",
}  # fmt: skip


def action_of(clip_name: str) -> str:
    """Return what a clip shows, in a word or two."""
    for start, action in _ACTIONS.items():
        if clip_name.startswith(start):
            return action
    return clip_name.rpartition("/")[2].removeprefix("humanoid3d_").replace("_", " ")


def load(path: Path | None, split: Split) -> PoseSource:
    """Read the motion-capture poses of a split; without a file only the procedural poses are drawn.

    Raises:
        UserError: the file is not a pose file.
    """
    if path is None:
        return PoseSource(np.zeros((0, len(ROTATING), 4)), np.zeros(0, np.int64), np.zeros(0, np.str_))
    try:
        with np.load(path) as poses:
            local, clip = poses["local_quat_xyzw"].astype(np.float64), poses["clip"].astype(np.int64)
            names = [str(name) for name in poses["clip_names"]]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a file of poses", "give mocap_poses.npz, or leave --poses out") from error
    chosen = np.array([split_of(name) == split for name in names])[clip]
    return PoseSource(local[chosen], clip[chosen], np.array([action_of(name) for name in names])[clip[chosen]])


def draw(random: np.random.Generator, source: PoseSource) -> tuple[FloatArray, int, str]:
    """Draw one pose: (24, 3, 3) global rotations, its clip (-1: procedural), and the action."""
    kind = random.random()
    if len(source.clip) == 0:
        kind = 0.62 + 0.38 * kind
    if kind < 0.62:
        index = int(random.integers(len(source.clip)))
        local, clip = source.local_xyzw[index].copy(), int(source.clip[index])
        if kind > 0.54:
            other = int(random.integers(len(source.clip)))
            local[list(LOWER)] = source.local_xyzw[other][list(LOWER)]
        return globals_of(jitter(random, local, 4.0)), clip, str(source.action[index])
    local = _standing(random)
    clip = -1
    if len(source.clip) and random.random() < 0.4:
        index = int(random.integers(len(source.clip)))
        keep = [row for row in range(1, len(ROTATING)) if row not in LOWER]
        local[keep] = source.local_xyzw[index][keep]
        clip = int(source.clip[index])
    else:
        _arms(random, local)
    lower, action = random.random(), "standing"
    if lower < 0.35:
        _sit(random, local)
        action = "sitting"
    elif lower < 0.5:
        _crouch(random, local)
        action = "crouching"
    elif lower < 0.62:
        _kneel(random, local)
        action = "kneeling"
    return globals_of(jitter(random, local, 6.0)), clip, action


def globals_of(local_xyzw: FloatArray) -> FloatArray:
    """Turn (19, 4) local rotations into (24, 3, 3) global ones."""
    local = np.tile(np.eye(3), (len(PARENTS), 1, 1))
    local[list(ROTATING)] = Rotation.from_quat(local_xyzw).as_matrix()
    out = local.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            out[joint] = out[parent] @ local[joint]
    return out


def _euler(order: str, *degrees: float) -> FloatArray:
    quaternion: FloatArray = Rotation.from_euler(order, degrees, degrees=True).as_quat()
    return quaternion


def _set(local: FloatArray, joint: int, quaternion: FloatArray) -> None:
    local[ROTATING.index(joint)] = quaternion


def _standing(random: np.random.Generator) -> FloatArray:
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


def _arms(random: np.random.Generator, local: FloatArray, kinds: tuple[str, ...] = _ARMS) -> None:
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


def _sit(random: np.random.Generator, local: FloatArray) -> None:
    n = random.normal
    _set(local, 0, _euler("XYZ", n(0, 12), 0, n(0, 3)))
    cross = random.random() < 0.15
    for hip, knee, ankle, sign in ((16, 17, 18, 1), (20, 21, 22, -1)):
        spread = -sign * 15 if cross and hip == 16 else sign * abs(n(8, 9))
        _set(local, hip, _euler("XYZ", n(-82, 10), spread, sign * n(0, 4)))
        _set(local, knee, _euler("XYZ", float(np.clip(n(80, 20), 5, 135)), 0, 0))
        _set(local, ankle, _euler("XYZ", n(0, 10), 0, 0))


def _crouch(random: np.random.Generator, local: FloatArray) -> None:
    n = random.normal
    depth = float(random.uniform(0.4, 1.0))
    _set(local, 0, _euler("XYZ", n(28, 12) * depth, 0, n(0, 4)))
    for hip, knee, ankle, sign in ((16, 17, 18, 1), (20, 21, 22, -1)):
        _set(local, hip, _euler("XYZ", n(-112, 8) * depth, sign * abs(n(12, 9)), 0))
        _set(local, knee, _euler("XYZ", float(np.clip(n(122, 9) * depth, 0, 145)), 0, 0))
        _set(local, ankle, _euler("XYZ", n(-28, 8) * depth, 0, 0))


def _kneel(random: np.random.Generator, local: FloatArray) -> None:
    n = random.normal
    up = int(random.integers(3))
    for index, (hip, knee, sign) in enumerate(((16, 17, 1), (20, 21, -1))):
        foot_down = index == up
        _set(local, hip, _euler("XYZ", n(-85, 9) if foot_down else n(0, 9), sign * abs(n(6, 6)), 0))
        _set(local, knee, _euler("XYZ", n(85, 9) if foot_down else float(np.clip(n(92, 18), 40, 145)), 0, 0))


def jitter(random: np.random.Generator, local_xyzw: FloatArray, degrees: float) -> FloatArray:
    """Turn every joint of a pose by a little, about ``degrees`` in all."""
    noise = Rotation.from_rotvec(np.deg2rad(degrees) * random.normal(0, 0.6, (len(ROTATING), 3)))
    out: FloatArray = (Rotation.from_quat(local_xyzw) * noise).as_quat()
    return out


def _family(
    legs: Callable[[np.random.Generator, FloatArray], None] | None, *arms: str
) -> Callable[[np.random.Generator], FloatArray]:
    def pose(random: np.random.Generator) -> FloatArray:
        local = _standing(random)
        _arms(random, local, arms or _ARMS)
        if legs is not None:
            legs(random, local)
        return local

    return pose


FAMILIES: Final[dict[str, Callable[[np.random.Generator], FloatArray]]] = {
    "standing": _family(None, "hang", "bent", "side"),
    "greeting": _family(None, "hang", "overhead", "forward"),
    "phoning": _family(None, "phone", "hang"),
    "reaching up": _family(None, "overhead"),
    "sitting": _family(_sit, "hang", "bent", "forward"),
    "working at a desk": _family(_sit, "desk", "phone"),
    "crouching": _family(_crouch),
    "kneeling": _family(_kneel),
}
"""Procedural actions, each a function that draws (19, 4) local rotations."""
