"""What is read of a live pose is drawn in turns, between two frames: together it takes longer than a frame. No Qt."""

from __future__ import annotations

import math
from typing import Final

READ_EVERY_S: Final = 0.25
"""Words, table, bars and maps change no oftener: nobody could read them."""


class Turns:
    """Tells which parts are to be drawn anew now.

    Args:
        count: of the parts.
    """

    def __init__(self, count: int) -> None:
        self._drawn_s = [-math.inf] * count

    def forget(self) -> None:
        """Have all parts drawn the next time."""
        self._drawn_s = [-math.inf] * len(self._drawn_s)

    def take(self, now_s: float, waits: bool) -> list[int]:
        """Return whose turn it is: one part; while a frame ``waits``, and any more parts, only those that are late."""
        taken: list[int] = []
        for part in sorted(range(len(self._drawn_s)), key=self._drawn_s.__getitem__):
            if now_s - self._drawn_s[part] < READ_EVERY_S * (2 if waits or taken else 1):
                break
            self._drawn_s[part] = now_s
            taken.append(part)
        return taken
