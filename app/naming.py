"""Names of joints and bones for tight places, and the order in which people read a body. No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from core import skeleton

_READING_ORDER: Final = (
    "head_top", "upper_neck", "thorax", "pelvis",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
JOINT_ORDER: Final[tuple[int, ...]] = tuple(skeleton.JOINT_INDEX[name] for name in _READING_ORDER)
"""All joints from head to foot: the order of the heatmap strip and of the joint list."""

_BONES_READ: Final = (
    "head", "torso",
    *(f"{side}_{bone}" for bone in ("collar", "upper_arm", "forearm", "hip_bone", "thigh", "shank")
      for side in ("right", "left")),
)  # fmt: skip
BONE_PLACES: Final[tuple[int, ...]] = tuple(_BONES_READ.index(name) for name in skeleton.BONE_NAMES)
"""Where each bone stands in a table: from head to foot, right above left, so that the two are compared at a glance."""


def short_name(name: str) -> str:
    """Shorten a joint's or bone's identifier: ``left_upper_arm`` -> ``L upper arm``."""
    plain = skeleton.plain_name(name)
    for side in ("right", "left"):
        if plain.startswith(side + " "):
            return f"{side[0].upper()} {plain.removeprefix(side + ' ')}"
    return plain


def short_joint_name(joint: int) -> str:
    """Shorten a joint's name: ``R ankle``."""
    return short_name(skeleton.JOINT_NAMES[joint])


def tiny_joint_name(joint: int) -> str:
    """Shorten a joint's name to what fits under a thumbnail: ``R ank``."""
    name = skeleton.JOINT_NAMES[joint]
    centre = {"head_top": "head", "upper_neck": "neck", "thorax": "thorax", "pelvis": "pelvis"}
    if name in centre:
        return centre[name]
    side, part = name.split("_", 1)
    return f"{side[0].upper()} {part[:3]}"


def common_start(names: Sequence[str]) -> str:
    """Return the whole words that different names all begin with, ``compact-`` of ``compact-geo`` and ``compact-a``."""
    if len(set(names)) < 2:
        return ""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(min(names), max(names), strict=False))
    words = re.match(r".*[-_. ]", "".join(letter for letter, _ in alike))
    return words[0] if words and min(map(len, names)) > words.end() else ""
