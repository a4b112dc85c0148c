"""Joints, bones, mirror pairs, bone groups and canonical lengths: the one place they are written.

The joints are the 16 of the MPII annotation; the bones, the groups of the geometry loss and the canonical
lengths are those of Zhou et al., ICCV 2017 (section 3.3 and the authors' Torch release).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Side = Literal["right", "left", "centre"]

JOINT_NAMES: Final[tuple[str, ...]] = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "pelvis", "thorax", "upper_neck", "head_top",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)  # fmt: skip
JOINT_COUNT: Final = len(JOINT_NAMES)
JOINT_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(JOINT_NAMES)}

PELVIS: Final = JOINT_INDEX["pelvis"]
ROOT: Final = PELVIS
"""Depths and millimetres are relative to this joint."""

MIRROR_PAIRS: Final[tuple[tuple[int, int], ...]] = ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13))


def _mirror_permutation() -> tuple[int, ...]:
    order = list(range(JOINT_COUNT))
    for right, left in MIRROR_PAIRS:
        order[right], order[left] = left, right
    return tuple(order)


MIRROR: Final[tuple[int, ...]] = _mirror_permutation()
"""``joints[MIRROR]`` renames the joints of a mirrored picture; applied twice it is the identity."""

LIMB_JOINTS: Final[tuple[int, ...]] = (0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15)
"""The 12 joints of arms and legs (hips and shoulders included) that LSP scores are averaged over."""


@dataclass(frozen=True)
class BoneDefinition:
    """One bone: its name, its two joints, its side and its canonical length in millimetres.

    ``group`` is the group of the geometry loss it belongs to, or None for torso, neck and head.
    """

    name: str
    joints: tuple[int, int]
    side: Side
    canonical_mm: float
    group: str | None


BONES: Final[tuple[BoneDefinition, ...]] = (
    BoneDefinition("right_shank", (0, 1), "right", 452.13, "legs"),
    BoneDefinition("right_thigh", (1, 2), "right", 456.01, "legs"),
    BoneDefinition("right_hip_bone", (2, 6), "right", 134.20, "hips"),
    BoneDefinition("left_thigh", (3, 4), "left", 456.01, "legs"),
    BoneDefinition("left_hip_bone", (3, 6), "left", 134.20, "hips"),
    BoneDefinition("left_shank", (4, 5), "left", 452.13, "legs"),
    BoneDefinition("torso", (6, 8), "centre", 421.52 + 77.94, None),
    BoneDefinition("head", (8, 9), "centre", 182.55, None),
    BoneDefinition("right_collar", (12, 8), "right", 180.78, "shoulders"),
    BoneDefinition("right_forearm", (10, 11), "right", 249.77, "arms"),
    BoneDefinition("right_upper_arm", (11, 12), "right", 284.13, "arms"),
    BoneDefinition("left_collar", (13, 8), "left", 180.78, "shoulders"),
    BoneDefinition("left_upper_arm", (13, 14), "left", 284.13, "arms"),
    BoneDefinition("left_forearm", (14, 15), "left", 249.77, "arms"),
)
"""The 14 bones, in the order of the method. The torso runs pelvis to upper neck, so its canonical length is the
sum of the published pelvis-torso (421.52) and torso-neck (77.94) lengths."""

BONE_COUNT: Final = len(BONES)
BONE_NAMES: Final[tuple[str, ...]] = tuple(bone.name for bone in BONES)
BONE_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(BONE_NAMES)}
BONE_ENDS: Final = np.array([bone.joints for bone in BONES], dtype=np.int64)
"""(14, 2) joint indices."""
CANONICAL_MM: Final = np.array([bone.canonical_mm for bone in BONES], dtype=np.float64)
"""(14,) canonical bone lengths, mm."""

GROUP_NAMES: Final[tuple[str, ...]] = ("legs", "arms", "hips", "shoulders")
GROUPS: Final[dict[str, tuple[int, ...]]] = {
    group: tuple(index for index, bone in enumerate(BONES) if bone.group == group) for group in GROUP_NAMES
}
"""Bone indices of each group of the geometry loss."""

LEFT_RIGHT_BONES: Final[tuple[tuple[int, int], ...]] = tuple(
    (BONE_INDEX[name], BONE_INDEX["left" + name.removeprefix("right")])
    for name in BONE_NAMES
    if name.startswith("right")
)
"""(right, left) bone index pairs that should have the same length."""

LIMBS: Final[dict[str, tuple[int, int]]] = {
    "upper_arm": (BONE_INDEX["right_upper_arm"], BONE_INDEX["left_upper_arm"]),
    "lower_arm": (BONE_INDEX["right_forearm"], BONE_INDEX["left_forearm"]),
    "upper_leg": (BONE_INDEX["right_thigh"], BONE_INDEX["left_thigh"]),
    "lower_leg": (BONE_INDEX["right_shank"], BONE_INDEX["left_shank"]),
}
"""The four limbs whose left-right difference the poster reports: (right, left) bone indices."""


def _parent_bones() -> tuple[int | None, ...]:
    """Walk from the pelvis outwards: a joint's parent bone is the one it was reached by."""
    parents: dict[int, int] = {}
    reached = [ROOT]
    for joint in reached:
        for index, bone in enumerate(BONES):
            if joint in bone.joints and index != parents.get(joint):
                far = bone.joints[1] if bone.joints[0] == joint else bone.joints[0]
                parents[far] = index
                reached.append(far)
    return tuple(parents.get(joint) for joint in range(JOINT_COUNT))


PARENT_BONE: Final[tuple[int | None, ...]] = _parent_bones()
"""Per joint the bone that joins it to the body on the way to the pelvis: the forearm for the wrist. None for the
pelvis, and for the thorax, which is no end of a bone."""


def joint_side(joint: int) -> Side:
    """Return the side of the body a joint is on."""
    name = JOINT_NAMES[joint]
    if name.startswith("right"):
        return "right"
    return "left" if name.startswith("left") else "centre"


def plain_name(name: str) -> str:
    """Turn a joint's or bone's identifier into words for people: ``right_upper_arm`` -> ``right upper arm``."""
    return name.replace("_", " ")
