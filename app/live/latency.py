"""How old what is on screen is, part by part. No Qt."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

PARTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("grab", "grab", "the frame's arrival until the network is free for it, decoding included"),
    ("locate", "locate", "where to look next, and who is who; while nobody is there, the search"),
    ("crop", "crop", "cutting the person out, at the size the network takes"),
    ("infer", "infer", "the network"),
    ("decode", "decode", "from heatmaps to joints and bones"),
    ("draw", "draw", "until picture and body are on screen"),
)
"""The parts in their order: key, short name, what happens in it."""
WINDOW_S: Final = 1.5
"""Over this time the bar shows medians: single frames would flicker."""


class Latency:
    """The parts of the frames drawn last."""

    def __init__(self) -> None:
        self._rows: deque[tuple[float, dict[str, float]]] = deque()

    def add(self, now_s: float, parts: dict[str, float]) -> None:
        """Take in one frame that was looked at and drawn."""
        self._rows.append((now_s, parts))
        while now_s - self._rows[0][0] > WINDOW_S:
            self._rows.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()

    def medians_ms(self) -> dict[str, float]:
        """Return the median of each part in milliseconds; empty without frames."""
        if not self._rows:
            return {}
        return {
            key: 1000.0 * statistics.median(row.get(key, 0.0) for _, row in self._rows) for key, _name, _tip in PARTS
        }

    def rate(self, now_s: float) -> float:
        """Return how many of them there are a second."""
        recent = [drawn_s for drawn_s, _ in self._rows if now_s - drawn_s <= WINDOW_S]
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-3) if len(recent) > 1 else 0.0
