"""``--scene studio-lab``: narrow on purpose, like a motion-capture laboratory.

Few people in tight clothes, named actions, four cameras that never move, plain paper, one kind of light, nothing in
the way: what is learnt here alone fails elsewhere, and that is what the scene is for. Training and test share the
actions, the room and its cameras, but neither people nor takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.render import camera, families, rig, scene
from train.render.camera import View
from train.render.pose_sampling import PoseSource, Split
from train.render.prior import PosePrior
from train.render.rig import FloatArray
from train.render.scene import Light, Stage

SCENE: Final = "studio-lab"
PEOPLE: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("L1", "L2", "L3", "L4", "L5"), "val": ("L6",), "test": ("L7", "L8"),
}  # fmt: skip
TAKES: Final = 4
"""Takes of each action and split; a take is a clip, or for procedural actions one drawn pose and its small changes."""
CAPTURED: Final = ("basketball", "martial arts", "modern dance", "salsa", "walking")
"""Actions of the motion capture that have clips in every split."""
POSED: Final = (
    "standing", "greeting", "phoning", "reaching up", "sitting", "working at a desk", "crouching", "kneeling",
)  # fmt: skip
"""Procedural actions."""
_BUILDS: Final = (
    # gender, height, weight, muscle, proportions of L1, L2, ...
    (0.95, 0.42, 0.42, 0.55, 0.6), (0.05, 0.34, 0.45, 0.45, 0.7), (0.9, 0.36, 0.62, 0.5, 0.5),
    (0.1, 0.38, 0.38, 0.6, 0.8), (0.9, 0.46, 0.5, 0.65, 0.6), (0.1, 0.33, 0.55, 0.45, 0.6),
    (0.92, 0.4, 0.52, 0.5, 0.7), (0.08, 0.36, 0.42, 0.55, 0.65),
)  # fmt: skip
_CAMERAS: Final = ((45.0, 1.45), (135.0, 1.6), (225.0, 1.55), (315.0, 1.5))
"""Where each camera stands: degrees round the room, height in metres."""
_DISTANCE_M: Final = 4.8
_TARGET_Z_M: Final = 0.9
_STOOL: Final = np.array([0.45, 0.36, 0.28])
_PAPER: Final = np.array([0.62, 0.63, 0.62])


@dataclass(frozen=True)
class Take:
    """What is filmed: (24, 3, 3) global rotations, the clip's number (-1: procedural) and the action's name."""

    rotations: FloatArray
    clip: int
    action: str


def phenotype_of(person: str) -> dict[str, float]:
    """Return the build of a person of the laboratory, ``L1`` to ``L8``."""
    gender, height, weight, muscle, proportions = _BUILDS[int(person[1:]) - 1]
    return {
        "age": 0.7, "gender": gender, "height": height, "weight": weight, "muscle": muscle,
        "proportions": proportions,
    }  # fmt: skip


def draw_take(random: np.random.Generator, poses: PoseSource | PosePrior, split: Split) -> Take:
    """Draw a pose of one action: from a few clips of the split, or near one of a few procedural poses."""
    source = poses if isinstance(poses, PoseSource) else None
    captured = [name for name in CAPTURED if source is not None and (source.action == name).any()]
    actions = (*captured, *POSED)
    action = actions[int(random.integers(len(actions)))]
    number = int(random.integers(TAKES))
    if source is not None and action in captured:
        clips = clips_of(source, action)
        clip = clips[number % len(clips)]
        rows = np.flatnonzero(source.clip == clip)
        local, degrees = source.local_xyzw[int(random.choice(rows))], 2.0
    else:
        # A take is the same for every seed of a set, and another one in another split.
        clip, degrees = -1, 5.0
        kind = POSED.index(action)
        fixed = np.random.default_rng((41, list(PEOPLE).index(split), kind, number))
        local = families.FAMILIES[action](fixed)
    return Take(rig.globals_of(rig.jitter(random, local, degrees)), clip, action)


def clips_of(poses: PoseSource, action: str) -> tuple[int, ...]:
    """Return the few clips of an action that are used: those with the most poses."""
    clips, counts = np.unique(poses.clip[poses.action == action], return_counts=True)
    return tuple(int(clip) for clip in clips[np.argsort(-counts, kind="stable")][:TAKES])


def draw_place(random: np.random.Generator, vertices_m: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Draw which way the person faces and where they stand: (3, 3) turn and (3,) shift onto the floor at height 0."""
    turn = camera.draw_turn(random, tilted=0.0)
    shift = np.array([*random.uniform(-0.7, 0.7, 2), -float(vertices_m[:, 2].min())])
    return turn, shift


def draw_view(random: np.random.Generator, joints_m: FloatArray, size_px: tuple[int, int]) -> View:
    """Draw one of the four cameras; the picture is the square around the person, cut from what it films."""
    around, height = _CAMERAS[int(random.integers(len(_CAMERAS)))]
    distance = float(np.hypot(_DISTANCE_M, height - _TARGET_Z_M))
    pitch = float(np.rad2deg(np.arctan2(height - _TARGET_Z_M, _DISTANCE_M)))
    at = np.array([0.0, 0.0, _TARGET_Z_M])
    return camera.aim(at, distance, pitch, 0.0, around, joints_m, size_px, float(random.uniform(0.66, 0.72)))


def stage(seat: scene.Box | None) -> Stage:
    """Return the laboratory: grey paper that rises into the wall, and a stool for who sits."""
    boxes = () if seat is None else (replace(seat, colour=_STOOL),)
    return Stage(0.0, scene.STUDIO, boxes, floor_a=_PAPER, wall_a=_PAPER, seed=1.0)


def light() -> Light:
    """Return its light: a large lamp high up and much light from everywhere, the same for all cameras."""
    sun = np.array([0.15, -0.2, 1.0])
    return Light(sun / np.linalg.norm(sun), np.full(3, 0.5), np.full(3, 0.5), np.full(3, 0.3))
