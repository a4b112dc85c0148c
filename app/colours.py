"""The colours that carry meaning: sides of the body, verdicts, confidence and heat. One table for every view."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.pose import GeometryReport

Rgb = tuple[int, int, int]

SIDE_COLOURS: Final[dict[str, Rgb]] = {
    "right": (255, 122, 77),
    "left": (74, 163, 255),
    "centre": (139, 221, 134),
}
VERDICT_COLOURS: Final[dict[str, Rgb]] = {
    "plausible": (79, 200, 142),
    "doubtful": (242, 190, 66),
    "implausible": (255, 84, 92),
}
TRUTH_COLOUR: Final[Rgb] = (236, 238, 243)

COMPARE_COLOURS: Final[tuple[Rgb, ...]] = ((122, 167, 255), (255, 179, 71), (209, 143, 255), (79, 219, 205))
"""Models A to D where several are in one plot: none is a side of the body nor a verdict."""


def compare_ink(place: int, dark: bool) -> Rgb:
    """Return the colour of model A (0) to D (3) for lines and words on a dark or a light ground."""
    red, green, blue = COMPARE_COLOURS[place]
    return (red, green, blue) if dark else (int(0.62 * red), int(0.62 * green), int(0.62 * blue))


def letter_style(place: int, dark: bool) -> str:
    """Return the style sheet of a model's letter, from which its lines and ghosts are known."""
    return f"color: rgb{compare_ink(place, dark)}; font-weight: 600;"


LATENCY_COLOURS: Final[dict[str, Rgb]] = {
    "grab": (122, 134, 154),
    "locate": (58, 166, 160),
    "crop": (176, 160, 72),
    "infer": (148, 112, 219),
    "decode": (201, 104, 160),
    "draw": (90, 150, 90),
}
"""The parts of a live frame's way to the screen."""

LOW_CONFIDENCE: Final = 0.25
"""Under this a joint is drawn hollow and its bones dashed: the network is guessing."""


class ColourMode(StrEnum):
    """What the colours of the bones say."""

    SIDE = "side"
    VERDICT = "verdict"


JOINT_COLOURS: Final[tuple[Rgb, ...]] = tuple(
    SIDE_COLOURS[skeleton.joint_side(joint)] for joint in range(skeleton.JOINT_COUNT)
)


def bone_colours(mode: ColourMode, report: GeometryReport | None) -> tuple[Rgb, ...]:
    """Return the colour of each of the 14 bones, the same for 2D, 3D, table and bars."""
    if mode is ColourMode.VERDICT and report is not None:
        return tuple(VERDICT_COLOURS[bone.verdict] for bone in report.bones)
    return tuple(SIDE_COLOURS[bone.side] for bone in skeleton.BONES)


def joint_colours(mode: ColourMode) -> tuple[Rgb, ...]:
    """Return the colour of each joint: its side, or neutral where the bones carry a verdict."""
    if mode is ColourMode.VERDICT:
        return ((205, 210, 220),) * skeleton.JOINT_COUNT
    return JOINT_COLOURS


_HEAT_STOPS: Final = np.array(
    [
        # position, red, green, blue, alpha: dark violet to pale yellow, transparent where there is nothing
        (0.00, 40, 11, 84, 0),
        (0.08, 60, 15, 110, 30),
        (0.25, 120, 28, 109, 130),
        (0.50, 210, 65, 70, 205),
        (0.75, 250, 140, 20, 235),
        (1.00, 252, 250, 165, 250),
    ],
    dtype=np.float64,
)


def heat_table(steps: int = 256) -> NDArray[np.uint8]:
    """Return the (steps, 4) RGBA colour table of the heatmaps, transparent at zero so that the picture shows."""
    positions = np.linspace(0.0, 1.0, steps)
    columns = [np.interp(positions, _HEAT_STOPS[:, 0], _HEAT_STOPS[:, channel]) for channel in range(1, 5)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)
