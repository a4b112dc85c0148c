"""Finding the person a picture is about, with the pose network's own confidence.

Windows over the picture are scored by how sure the network is of the joints it sees in them, and the best one is cut
again around those joints, two or three times. It finds one person.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.crop import Box, box_around

FloatArray = NDArray[np.float64]

PASSES = 3
"""Re-crops around the joints found, at most."""
SURE = 0.25
"""Joints of at least this confidence decide where the next crop goes, if there are enough of them."""
FEWEST_SURE = 5
SETTLED = 0.85
"""Overlap (intersection over union) of two successive boxes at which the search stops."""
TRUST = 0.3
"""So much less confidence may a crop around the joints have and still be preferred to the window they were found in: it
shows the person as large as the network learned them (chosen with ``candidates.LEAD``)."""
NOBODY_CONFIDENCE = 0.35
"""Under this mean confidence a search has probably found nobody. With the bundled compact-geo 50 of 54 places without
people were under it, and 2 of 67 photos of people: a search takes the best of many crops, an empty place's luckiest."""


MOST_STEPS = 60
"""Steps of a window along one side at most: a strip over 30 times as long as it is high is searched with gaps."""
SMALLEST_PX = 24.0
"""No box is smaller than this."""


def windows(picture_size_px: tuple[int, int]) -> list[Box]:
    """Return the square windows a search starts from: the whole picture, then smaller ones that overlap by half.

    Args:
        picture_size_px: (width, height).
    """
    width, height = picture_size_px
    long, short = float(max(width, height)), float(min(width, height))
    boxes: list[Box] = [((width - long) / 2, (height - long) / 2, long, long)]
    sides = [short, short * 0.6] if long > 1.2 * short else [short * 0.7]
    for side in (side for side in sides if side >= SMALLEST_PX):
        for x in _starts(width, side):
            for y in _starts(height, side):
                boxes.append((x, y, side, side))
    return boxes


def _starts(length: float, side: float) -> list[float]:
    count = int(np.clip(np.ceil(2 * (length - side) / side - 1e-6), 0, MOST_STEPS)) + 1
    return [float(start) for start in np.linspace(0.0, length - side, count)]


def next_box(
    joints_px: FloatArray, confidence: FloatArray, picture_size_px: tuple[int, int], before: Box | None = None
) -> Box:
    """Return the box around the joints the network is sure of, kept in touch with the picture.

    Args:
        joints_px: (16, 2).
        confidence: (16,) in 0..1.
        picture_size_px: (width, height).
        before: the box the joints were found in: the next one is not below a third of it, lest joints that fell
            together shrink it to nothing.
    """
    order = np.argsort(-confidence)
    count = max(FEWEST_SURE, int((confidence >= SURE).sum()))
    chosen = joints_px[order[:count]]
    limit = np.array(picture_size_px, dtype=np.float64)
    x, y, side, _ = box_around(np.clip(chosen, 0.0, limit))
    wanted = max(side, SMALLEST_PX, before[2] / 3 if before is not None else 0.0)
    return (x - (wanted - side) / 2, y - (wanted - side) / 2, wanted, wanted)


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes."""
    left, top = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[0] + a[2], b[0] + b[2]), min(a[1] + a[3], b[1] + b[3])
    common = max(0.0, right - left) * max(0.0, bottom - top)
    return common / max(a[2] * a[3] + b[2] * b[3] - common, 1e-9)
