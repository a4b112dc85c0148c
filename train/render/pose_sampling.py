"""Poses for rendered people: motion capture, widened to what it lacks (sitting, crouching, overhead, phone, desk)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from train.render import anatomy, families, prior
from train.render.prior import PosePrior
from train.render.rig import LOWER, ROTATING, FloatArray, globals_of, jitter

Split = Literal["train", "val", "test"]

_PICKED, _SWAPPED = 0.53, 0.08
"""Shares of poses that are picked whole, and with the legs of another; the others are procedural."""
_TRIES: Final = 8


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

    def pick(self, random: np.random.Generator) -> tuple[FloatArray, int, str]:
        """Draw (19, 4) local rotations, their clip and action."""
        index = int(random.integers(len(self.clip)))
        return self.local_xyzw[index].copy(), int(self.clip[index]), str(self.action[index])


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


def load(path: Path | None, split: Split) -> PoseSource | PosePrior:
    """Open the motion-capture poses of a split, or without a file the split's bundled prior.

    Raises:
        UserError: the file is not a pose file.
    """
    return prior.load(split) if path is None else read(path, split)


def read(path: Path, split: Split) -> PoseSource:
    """Read the motion-capture poses of a split.

    Raises:
        UserError: the file is not a pose file.
    """
    try:
        with np.load(path) as poses:
            local, clip = poses["local_quat_xyzw"].astype(np.float64), poses["clip"].astype(np.int64)
            names = [str(name) for name in poses["clip_names"]]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a file of poses", "give mocap_poses.npz, or leave --poses out") from error
    chosen = np.array([split_of(name) == split for name in names])[clip]
    return PoseSource(local[chosen], clip[chosen], np.array([action_of(name) for name in names])[clip[chosen]])


def draw(random: np.random.Generator, source: PoseSource | PosePrior) -> tuple[FloatArray, int, str]:
    """Draw one pose that a body can take: (24, 3, 3) global rotations, its clip (-1: none), and the action."""
    local, clip, action = _draw(random, source)
    for _ in range(_TRIES):
        if anatomy.is_possible(local):
            break
        local, clip, action = _draw(random, source)
    return globals_of(local), clip, action


def _draw(random: np.random.Generator, source: PoseSource | PosePrior) -> tuple[FloatArray, int, str]:
    kind = random.random()
    local, clip, action = source.pick(random)
    if kind < _PICKED:
        return jitter(random, local, 4.0), clip, action
    if kind < _PICKED + _SWAPPED:
        other, _, _ = source.pick(random)
        local[list(LOWER)] = other[list(LOWER)]
        return jitter(random, local, 4.0), clip, action
    action = families.draw_name(random)
    made = families.FAMILIES[action](random)
    if action in families.UPRIGHT and random.random() < 0.4:
        keep = [row for row in range(1, len(ROTATING)) if row not in LOWER]
        made[keep] = local[keep]
        return jitter(random, made, 6.0), clip, action
    return jitter(random, made, 6.0), -1, action
