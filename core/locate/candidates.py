"""People that a picture may hold, and how they are read off the maps of the locating network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.crop import ROOM, Box, square
from core.locate.search import overlap

FloatArray = NDArray[np.float64]

LocateBy = Literal["network", "both", "search"]
LOCATE_BY: Final[tuple[LocateBy, ...]] = ("network", "both", "search")
"""Ways of finding a person who has no given box; the first is the default (docs/locate.md has the figures)."""
CHOICES: Final = 1
"""So many of the locating network's likeliest candidates are set against the windows: the pose network is asked in
which it is surest. On held-out pictures (300 photos, 200 of them again at any size) a second one cost 0.7 and 0.8
points of PCK: it was somebody else."""
LOOSER: Final = 1.15
"""The crop of somebody who was located is larger than their box by this: a hand that was cut off cannot be found."""
LEAD: Final = 0.1
"""So much surer the pose network must be in a window than in a candidate's crop to be believed: it is asked about many
windows, and the luckiest may show half a person. On these pictures LOOSER, LEAD and TRUST together bring 1.2 and 0.5
points of PCK, and the right box for 6 and 4 more in a hundred (all windows looked at)."""
SAME_PERSON: Final = 0.5
"""Two boxes that overlap by more (intersection over union) are one person, whose better box is kept."""
SAME_BODY: Final = 0.25
"""The candidate that overlaps a body's box most is that body from this on: its joints may be found too near or far."""
MOST: Final = 20
"""So many people are named at most."""


@dataclass(frozen=True)
class Candidate:
    """Somebody who may be in the picture.

    Attributes:
        box_px: (x, y, width, height) in picture pixels: the extent of the joints, with room (``box_of_joints``). Its
            square is the crop that the pose network was trained on. Parts may lie outside the picture.
        score: 0..1, how sure the network is that somebody's centre is there; of a confirmed one how sure both networks
            are together (``core.locate.confirming``).
    """

    box_px: Box
    score: float


Find = Callable[[NDArray[np.uint8]], Sequence[Candidate]]
"""Names the people in an (h, w, 3) RGB picture, the surest first: ``Locator.find``."""


def besides(candidates: Sequence[Candidate], bodies_px: Iterable[FloatArray]) -> tuple[Candidate, ...]:
    """Return the candidates that are none of the bodies whose (16, 2) joints in the picture are given."""
    left = list(candidates)
    for joints_px in bodies_px:
        box = box_of_joints(joints_px)
        shares = [overlap(candidate.box_px, box) for candidate in left]
        limit = min(SAME_PERSON, max(SAME_BODY, max(shares, default=0.0)))
        left = [candidate for candidate, share in zip(left, shares, strict=True) if share < limit]
    return tuple(left)


def at(boxes: Sequence[Box], x_px: float, y_px: float) -> int | None:
    """Return which of several boxes is meant by a point: of those it is in, the one whose middle is nearest.

    Near is told in parts of the box, so that a small box before a large one can be meant.
    """
    found: list[tuple[float, int]] = []
    for number, (x, y, width, height) in enumerate(boxes):
        aside = max(abs(x_px - x - width / 2) / width, abs(y_px - y - height / 2) / height)
        if aside <= 0.5:
            found.append((aside, number))
    return min(found)[1] if found else None


def crop_of(candidate: Candidate) -> Box:
    """Return the square in which the pose network looks for a candidate's joints."""
    x, y, side, _ = square(candidate.box_px)
    aside = side * (LOOSER - 1.0) / 2
    return (x - aside, y - aside, side * LOOSER, side * LOOSER)


def box_of_joints(joints_px: FloatArray, room: float = ROOM) -> Box:
    """Return the box of (N, 2) joints: their extent, wider on all sides by the same share of its longer side.

    ``core.crop.square`` of it is ``core.crop.box_around`` of the joints.
    """
    low, high = joints_px.min(axis=0), joints_px.max(axis=0)
    longer = float((high - low).max())
    width, height = (high - low) + max(longer * room, 1.0) - longer
    centre = (low + high) / 2
    return (float(centre[0] - width / 2), float(centre[1] - height / 2), float(width), float(height))


def read_maps(scores: FloatArray, boxes_input: FloatArray, threshold: float) -> list[tuple[Box, float]]:
    """Return the boxes at the peaks of a score map, best first, one for each person.

    Args:
        scores: (h, w) in 0..1.
        boxes_input: (4, h, w) x, y, width and height of the box that each place stands for.
        threshold: peaks of less are left out.
    """
    padded = np.pad(scores, 1, constant_values=-1.0)
    around = np.stack([padded[y : y + scores.shape[0], x : x + scores.shape[1]] for y in range(3) for x in range(3)])
    rows, columns = np.nonzero((scores >= threshold) & (scores >= around.max(axis=0)))
    order = np.argsort(-scores[rows, columns], kind="stable")
    kept: list[tuple[Box, float]] = []
    for row, column in zip(rows[order], columns[order], strict=True):
        x, y, width, height = (float(value) for value in boxes_input[:, row, column])
        box = (x, y, width, height)
        if all(overlap(box, other) <= SAME_PERSON for other, _ in kept):
            kept.append((box, float(scores[row, column])))
        if len(kept) == MOST:
            break
    return kept
