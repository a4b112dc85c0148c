"""Who else is in a live source's frames than those who are followed, as the locating network sees them now and then.

One look names them; a second one must agree before they count, and one that misses them is forgiven: who is at the
network's threshold would otherwise come and go with every look.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from core import locate
from core.locate import Candidate, Find
from core.media import Picture
from core.pose import Pose

EVERY_S: Final = 0.5
"""Between two looks."""
SHARE: Final = 0.05
"""A look costs no more than this share of the time: on a slow machine they are rarer."""
STAYS: Final = 0.3
"""Boxes of two looks that overlap by so much (intersection over union) are of one person."""


class Bystanders:
    """Names people besides those who are followed.

    Args:
        find: names everybody in a picture.
        clock: tells what a look costs.
    """

    def __init__(self, find: Find, clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._clock = clock
        self._looked_s = -math.inf
        self._took_s = 0.0
        self._size_px = (0, 0)
        self._found: tuple[Candidate, ...] = ()
        self._shown: tuple[Candidate, ...] = ()

    def step(self, image: Picture, time_s: float, followed: Sequence[Pose]) -> tuple[Candidate, ...]:
        """Return who else is there in the next frame; most frames are not looked at and return the same as before.

        Args:
            image: (h, w, 3) RGB; another size than before starts anew.
            time_s: its time in seconds.
            followed: the poses of those who are followed in it.

        Raises:
            UserError: the locating network's file is damaged.
        """
        size = (image.shape[1], image.shape[0])
        if size != self._size_px:
            self._size_px, self._found, self._shown, self._looked_s = size, (), (), -math.inf
        bodies = [pose.joints_px for pose in followed]
        if 0 <= time_s - self._looked_s < max(EVERY_S, self._took_s / SHARE):
            # Who was chosen since the last look is followed now.
            self._shown = locate.besides(self._shown, bodies)
            return self._shown
        started = self._clock()
        found = locate.besides(self._find(image), bodies)
        self._took_s, self._looked_s = self._clock() - started, time_s
        agreed = tuple(candidate for candidate in found if _among(candidate, (*self._found, *self._shown)))
        missed = tuple(
            candidate
            for candidate in locate.besides(self._shown, bodies)
            if _among(candidate, self._found) and not _among(candidate, found)
        )
        self._found, self._shown = found, agreed + missed
        return self._shown


def _among(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    return any(locate.overlap(candidate.box_px, other.box_px) >= STAYS for other in others)
