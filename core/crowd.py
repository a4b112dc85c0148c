"""Following several people from frame to frame, each as a track of their own; one of them is the one who is meant.

Each person is cut around the joints of the frame before: one crop instead of a search. Four rules keep this steady:

* *Found and lost have different limits* (hysteresis). A search must be surer to begin a track than a track must be to
  go on, and one that is unsure is held for a moment before it counts as lost: one blurred frame changes nothing.
* *A person moves only so fast* (gating). Joints that jump farther than a body can, as when the crop slips onto a
  neighbour, are not believed: the place is held, and only if nobody is found there again the track ends.
* *One body is one person.* Where two tracks see the same body, as when people cross, it belongs to the one whose way it
  fits better. The other is hidden: they are taken to walk on and looked for there, and now and then everywhere.
* *Another person is another track.* A track has a number and its own memory of the person's bones; a new number means
  that nothing before it says anything about who is seen now.

Who is meant is looked at in every frame; the others as often as the time allows.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from core import crop, locate
from core.crop import Box
from core.locate import Find
from core.media import Picture
from core.person import Seen, Sight, Track, is_same_body
from core.pose import Pose
from core.track import LOST_CONFIDENCE, Look

HOLD_S: Final = 0.5
"""How long a person who is not seen is waited for."""
HIDDEN_S: Final = 2.0
"""How long one who is hidden behind another is."""
SEARCH_EVERY_S: Final = 0.25
"""While nobody is there, the whole picture is searched this often: a search costs as much as many crops."""
MORE_EVERY_S: Final = 1.0
MORE_SHARE: Final = 0.1
"""For more people it is searched this often, but for no more than this share of the time."""
NAMED_AT_ONCE: Final = 4
"""Of those whom the locating network names so many are looked at in one frame; the next search goes on."""
OTHERS_EVERY_S: Final = 0.2
"""The others are looked at this often however slow the machine."""

Search = Callable[[Picture, Sequence[Pose]], list[Pose]]
"""Finds people in an (h, w, 3) RGB picture besides those whose poses are given."""


@dataclass(frozen=True, eq=False)
class Group:
    """What one frame shows: who is meant, and the others."""

    chosen: Sight
    others: tuple[Sight, ...] = ()


def search_one(look: Look) -> Search:
    """Return a search that finds one person at a time: ``locate``'s windows, with those who are known covered."""

    def search(image: Picture, known: Sequence[Pose]) -> list[Pose]:
        pose = look(_covered(image, known), None)
        return [] if pose.mean_confidence < locate.NOBODY_CONFIDENCE else [pose]

    return search


def search_named(find: Find, look: Look) -> Search:
    """Return a search that looks at those whom the locating network names and who are not known, the surest first.

    It costs one pass of a small network where nobody new is, and whom the network does not name is not found.
    """

    def search(image: Picture, known: Sequence[Pose]) -> list[Pose]:
        found: list[Pose] = []
        for candidate in locate.besides(find(image), [pose.joints_px for pose in known])[:NAMED_AT_ONCE]:
            pose = replace(_look_twice(look, image, crop.square(candidate.box_px)), located_by="search")
            sure = pose.mean_confidence >= locate.NOBODY_CONFIDENCE
            if sure and not any(is_same_body(pose, other) for other in (*known, *found)):
                found.append(pose)
        return found

    return search


def _look_twice(look: Look, image: Picture, box: Box) -> Pose:
    """Return the pose in a box that was cut again around the joints found in it."""
    pose = look(image, box)
    for _ in range(locate.PASSES - 1):
        around = locate.next_box(pose.joints_px, pose.confidence, pose.picture_size_px, pose.box_px)
        pose = look(image, around)
    return pose


def _covered(image: Picture, known: Sequence[Pose]) -> Picture:
    if not known:
        return image
    covered = image.copy()
    for pose in known:
        low = np.floor(np.maximum(pose.joints_px.min(axis=0), 0)).astype(int)
        high = np.ceil(np.maximum(pose.joints_px.max(axis=0), 0)).astype(int)
        covered[low[1] : high[1] + 1, low[0] : high[0] + 1] = 127
    return covered


class Crowd:
    """Follows people through frames that are given in the order of their times.

    Args:
        look: what finds poses.
        most: how many people at most.
        smooth: filter the joints (``core.one_euro``).
        search: what finds people; None for ``search_one``.
        budget_s: how long the looks at one frame may take together before the others wait for the next.
        clock: for ``budget_s``.
    """

    def __init__(
        self, look: Look, most: int = 1, smooth: bool = False, search: Search | None = None,
        budget_s: float = math.inf, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.most = most
        self.chosen = 0
        """Number of the track of who is meant."""
        self._look = look
        self.search = search or search_one(look)
        """What finds people; may be replaced between two frames."""
        self._smooth = smooth
        self._budget_s = budget_s
        self._clock = clock
        self._tracks: dict[int, Track] = {}
        self._count = 0
        self._searched_s = -math.inf
        self._search_took_s = 0.0
        self._wish: Box | None = None

    @property
    def smooth(self) -> bool:
        """Whether the joints are filtered."""
        return self._smooth

    @smooth.setter
    def smooth(self, smooth: bool) -> None:
        self._smooth = smooth
        for track in self._tracks.values():
            track.smooth(smooth)

    def choose(self, number: int) -> None:
        """Mean another of those who are followed."""
        if number in self._tracks:
            self.chosen = number

    def point_at(self, box: Box) -> None:
        """Mean whoever is in a box of the next frame; nothing changes if nobody is."""
        self._wish = box

    def forget(self) -> None:
        """Let go of everybody and search anew."""
        self._tracks.clear()
        self.chosen = 0
        self._searched_s = -math.inf

    def step(self, image: Picture, time_s: float) -> Group:
        """Look at the next frame.

        Args:
            image: (h, w, 3) RGB; another size than before starts anew.
            time_s: its time in seconds, not earlier than that of the frame before.

        Raises:
            UserError: the picture cannot be looked at.
        """
        size = (image.shape[1], image.shape[0])
        if any(track.raw.picture_size_px != size for track in self._tracks.values()):
            self._tracks.clear()
            self._wish = None
        for number in [number for number in self._tracks if number != self.chosen][max(self.most - 1, 0) :]:
            del self._tracks[number]
        wish, self._wish = self._wish, None
        if wish is not None:
            self._turn_to(image, wish, time_s)
        seen = {} if wish is not None else self._look_at_all(image, time_s)
        claims = {number: pose for number, pose in seen.items() if pose is not None}
        self._settle(claims, time_s)
        for number, pose in claims.items():
            self._tracks[number].take(pose, time_s)
        if wish is None:
            self._find(image, time_s, seen.keys() - claims.keys())
        self._choose_if_gone()
        return self._group()

    # Looking

    def _look_at_all(self, image: Picture, time_s: float) -> dict[int, Pose | None]:
        """Return the poses of those who are looked at in this frame, None for who is not there."""
        seen: dict[int, Pose | None] = {}
        for track in self._in_turn(time_s):
            track.looked_s = time_s
            pose = replace(self._look(image, track.place_px(time_s)), located_by="track")
            believed = pose.mean_confidence >= LOST_CONFIDENCE and track.could_be(pose, time_s)
            seen[track.number] = pose if believed else None
        return seen

    def _in_turn(self, time_s: float) -> Iterator[Track]:
        started = self._clock()
        others = sorted(self._tracks.values(), key=lambda track: track.looked_s)
        chosen = self._tracks.get(self.chosen)
        if chosen is not None:
            yield chosen
            others.remove(chosen)
        spent = self._clock() - started
        for number, other in enumerate(others):
            each = (self._clock() - started) / (number + 1) if chosen is not None or number else 0.0
            due = number == 0 and time_s - other.looked_s >= OTHERS_EVERY_S
            if spent + each > self._budget_s and not due:
                return
            yield other
            spent = self._clock() - started

    def _turn_to(self, image: Picture, box: Box, time_s: float) -> None:
        """Mean whoever is in a box: somebody known, or a new track in the place of who was meant."""
        pose = _look_twice(self._look, image, box)
        if pose.mean_confidence < locate.NOBODY_CONFIDENCE:
            return
        known = next((track for track in self._tracks.values() if is_same_body(track.raw, pose)), None)
        if known is None:
            if len(self._tracks) >= self.most:
                self._tracks.pop(self.chosen, None)
            known = self._begin(pose, time_s)
        else:
            known.take(pose, time_s)
        self.chosen = known.number

    # Who is who

    def _settle(self, claims: dict[int, Pose], time_s: float) -> None:
        """Leave each body to one track only."""
        for a, b in itertools.combinations(self._tracks.values(), 2):
            one, other = claims.get(a.number), claims.get(b.number)
            if (one is None and (other is None or a.hidden_by)) or (other is None and b.hidden_by):
                # Neither was looked at, or one of them is not to be seen anyway.
                continue
            if is_same_body(one or a.expected(time_s), other or b.expected(time_s)):
                pose = one or other
                assert pose is not None
                # Who is hidden does not take the body of who hides them: that one was never out of sight.
                aside = a.hidden_by == b.number or (
                    b.hidden_by != a.number and a.distance(pose, time_s) > b.distance(pose, time_s)
                )
                loser, winner = (a, b) if aside else (b, a)
                claims.pop(loser.number, None)
                loser.hidden_by = winner.number
        for number in claims:
            self._tracks[number].hidden_by = 0

    # Coming and going

    def _find(self, image: Picture, time_s: float, away: set[int]) -> None:
        """Search the whole picture if it is time to: for those who are not where they were, and for more people."""
        chosen = self._tracks.get(self.chosen)
        missing = chosen is None or (chosen.number in away and not chosen.hidden_by)
        more = bool(away) or len(self._tracks) < self.most
        every_s = SEARCH_EVERY_S if missing else max(MORE_EVERY_S, self._search_took_s / MORE_SHARE)
        found: list[Pose] = []
        if (missing or more) and not 0 <= time_s - self._searched_s < every_s:
            self._searched_s = time_s
            started = self._clock()
            found = self.search(image, [track.raw for number, track in self._tracks.items() if number not in away])
            self._search_took_s = self._clock() - started
        for pose in list(found):
            back = [track for track in map(self._tracks.__getitem__, sorted(away)) if track.could_be(pose, time_s)]
            if back:
                nearest = min(back, key=lambda track: track.distance(pose, time_s))
                nearest.hidden_by = 0
                nearest.take(pose, time_s)
                away = away - {nearest.number}
                found.remove(pose)
        for number in away:
            self._tracks[number].hold()
        self._let_go(time_s)
        for pose in found:
            known = any(is_same_body(track.expected(time_s), pose) for track in self._tracks.values())
            if not known and len(self._tracks) < self.most:
                self._begin(pose, time_s)

    def _let_go(self, time_s: float) -> None:
        for number, track in list(self._tracks.items()):
            if time_s - track.seen_s >= (HIDDEN_S if track.hidden_by else HOLD_S):
                del self._tracks[number]
        for track in self._tracks.values():
            if track.hidden_by not in self._tracks:
                track.hidden_by = 0

    def _begin(self, pose: Pose, time_s: float) -> Track:
        self._count += 1
        track = self._tracks[self._count] = Track(self._count, pose, time_s, self._smooth)
        return track

    def _choose_if_gone(self) -> None:
        if self.chosen not in self._tracks:
            surest = max(self._tracks.values(), key=lambda track: track.raw.mean_confidence, default=None)
            self.chosen = 0 if surest is None else surest.number

    def _group(self) -> Group:
        chosen = self._tracks.get(self.chosen)
        others = tuple(track.sight for number, track in sorted(self._tracks.items()) if number != self.chosen)
        return Group(Sight(Seen.NOBODY) if chosen is None else chosen.sight, others)
