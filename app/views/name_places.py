"""Where names in the 3D view stand, so that none lies over another and as few as can be over what they name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QFont, QFontMetricsF

FACE: Final = "DejaVu Sans"
WAYS: Final = np.array([[1, 0], [1, -1], [1, 1], [-1, 0], [-1, -1], [-1, 1], [0, -1], [0, 1]], dtype=np.float64)
"""Where a name may stand about its point: right, above right, below right, left, ..., above, below; y down."""
_MEASURED_PX: Final = 100
_EDGE_PX: Final = 2.0


@lru_cache(maxsize=8)
def text_sizes(names: tuple[str, ...], size_pt: float, dpi: float) -> NDArray[np.float64]:
    """Return (N, 2): width and height of names as vispy draws them, in pixels."""
    font = QFont(FACE)
    # Measured large: at its own size Qt fits letters to whole pixels, vispy does not.
    font.setPixelSize(_MEASURED_PX)
    metrics = QFontMetricsF(font)
    sizes = [(metrics.horizontalAdvance(name), metrics.ascent() + metrics.descent()) for name in names]
    return np.array(sizes) * (size_pt / 72.0 * dpi / _MEASURED_PX)


def boxes_about(middles: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, C, 4) left, top, right, bottom of N names at (N, C, 2) places, for (N, 2) sizes."""
    half = sizes[:, None, :] / 2
    return np.concatenate([middles - half, middles + half], axis=2)


def covered(boxes: NDArray[np.float64], points: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Return (N, C): how many of (P, 2) points lie in each box or within so many pixels of it."""
    x, y = points.T
    low, high = boxes[..., None] - margin, boxes[..., None] + margin
    inside = (x > low[..., 0, :]) & (x < high[..., 2, :]) & (y > low[..., 1, :]) & (y < high[..., 3, :])
    return inside.sum(axis=2).astype(np.float64)


def leaves(boxes: NDArray[np.float64], view: tuple[float, float]) -> NDArray[np.bool_]:
    """Return (N, C): whether a box is at the edge of a view of so many pixels, or beyond it."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.asarray(((low < _EDGE_PX) | (high > np.asarray(view) - _EDGE_PX)).any(axis=2))


def overlap(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether boxes (..., 4) lie over others (..., 4)."""
    return np.asarray(((boxes[..., :2] < others[..., 2:]) & (boxes[..., 2:] > others[..., :2])).all(axis=-1))


def place(
    boxes: NDArray[np.float64], costs: NDArray[np.float64], order: Iterable[int], always: int = 0,
    taken: Sequence[NDArray[np.float64]] = (),
) -> NDArray[np.intp]:  # fmt: skip
    """Choose a place for each name, one after the other: the cheapest that no name before it takes.

    Args:
        boxes: (N, C, 4) of the places there are.
        costs: (N, C), lower is better.
        order: the names, most important first.
        always: how many of the first get a place also where none is free.
        taken: boxes of (4,) that no name may touch.

    Returns:
        (N,) the place of each, -1 for none.
    """
    # Plain numbers: most names get their first or second place, for which arrays take longer to set up.
    ranked, sides = costs.argsort(axis=1).tolist(), boxes.tolist()
    stand = [box.tolist() for box in taken]

    def is_free(box: Sequence[float]) -> bool:
        left, top, right, bottom = box
        return not any(left < other[2] and right > other[0] and top < other[3] and bottom > other[1] for other in stand)

    chosen = np.full(len(boxes), -1, dtype=np.intp)
    for number, name in enumerate(order):
        otherwise = ranked[name][0] if number < always else -1
        way = next((way for way in ranked[name] if is_free(sides[name][way])), otherwise)
        if way >= 0:
            chosen[name] = way
            stand.append(sides[name][way])
    return chosen
