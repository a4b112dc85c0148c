"""Following one person from frame to frame, live or in a video.

Each frame is cut around the joints of the frame before (``locate.next_box``): one crop instead of a search. Three rules
keep this steady:

* *Found and lost have different limits* (hysteresis). A search must be surer to begin a track than a track must be to
  go on, and one that is unsure is held for a moment before it counts as lost: one blurred frame changes nothing.
* *A person moves only so fast* (gating). Joints that jump farther than a body can, as when the crop slips onto a
  neighbour, are not believed: the place is held, and only if nobody is found there again the track ends.
* *Another person is another track.* A track has a number and its own memory of the person's bones; a new number means
  that nothing before it says anything about who is seen now.

``Track`` knows one person and nothing of the others, so that several can be followed side by side; ``Follower`` follows
one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import geometry, locate, skeleton
from core.crop import Box
from core.media import Picture
from core.one_euro import OneEuro
from core.pose import Pose
from core.track import LOST_CONFIDENCE, Look

FloatArray = NDArray[np.float64]
HOLD_S: Final = 0.5
"""How long a person who is not seen is waited for."""
SEARCH_EVERY_S: Final = 0.25
"""While nobody is there, the whole picture is searched this often: a search costs as much as many crops."""
REACH: Final = 0.25
"""Parts of the box's side that joints may jump by from one frame to the next whatever the time between them."""
SPEED: Final = 2.0
"""Sides of the box a second that a person may move besides."""
GROWTH: Final = 2.0
"""Factor that a person's box may change by while out of sight."""
MEMORY_FRAMES: Final = 150
FEWEST_FRAMES: Final = 5
SPACE_BETA: Final = 5.0
"""The filter's Hz of cutoff for each metre a second in space. Less than in the picture, where people walk: here their
own pelvis stands still, and the depths jitter most."""


class Seen(Enum):
    """What a frame shows of the person who is followed."""

    FOLLOWED = "followed"
    HELD = "held"
    """Not seen just now: the pose is the last one that was."""
    NOBODY = "nobody"


@dataclass(frozen=True, eq=False)
class Sight:
    """What one frame shows.

    Attributes:
        seen: whether the person is there.
        track: number of the person's track, from 1; 0 if there is nobody.
        pose: smoothed if smoothing is on; the last one while held; None if there is nobody.
        raw: the same as the network sees it.
        departure_percent: (14,) how much longer each bone of ``raw`` is than the person's own median so far, in percent
            of it; NaN where that is not known yet.
    """

    seen: Seen
    track: int = 0
    pose: Pose | None = None
    raw: Pose | None = None
    departure_percent: FloatArray | None = None


class BoneMemory:
    """The median length of each of a person's bones over the last frames in which both its ends were sure.

    The lengths are relative: every skeleton is scaled to one sum of bones.
    """

    def __init__(self, frames: int = MEMORY_FRAMES) -> None:
        self._rows: deque[FloatArray] = deque(maxlen=frames)

    def add(self, pose: Pose) -> None:
        """Take in one pose."""
        lengths = geometry.bone_lengths(pose.joints_mm)
        sure = (pose.confidence[skeleton.BONE_ENDS] >= locate.SURE).all(axis=1)
        self._rows.append(np.where(sure, lengths, np.nan))

    @property
    def median_mm(self) -> FloatArray:
        """(14,) medians; NaN for a bone seen in fewer than five frames."""
        median = np.full(skeleton.BONE_COUNT, np.nan)
        if self._rows:
            rows = np.stack(self._rows)
            known = (~np.isnan(rows)).sum(axis=0) >= FEWEST_FRAMES
            if known.any():
                median[known] = np.nanmedian(rows[:, known], axis=0)
        return median

    def departure_percent(self, pose: Pose) -> FloatArray:
        """Return (14,) how much longer the bones of a pose are than the medians, in percent of these."""
        lengths = geometry.bone_lengths(pose.joints_mm)
        return np.asarray(100.0 * (lengths / np.maximum(self.median_mm, 1e-9) - 1.0))


class PoseSmoother:
    """Smooths one person's joints with the One-Euro filter, in the picture and in space.

    The skeleton in space keeps its sum of bones, which the filter alone would shorten in a turn.
    """

    def __init__(self) -> None:
        self._px = OneEuro()
        self._mm = OneEuro(beta=SPACE_BETA)

    def __call__(self, pose: Pose, time_s: float) -> Pose:
        """Return the pose with smoothed joints and the geometry of these."""
        joints_px = self._px(pose.joints_px, time_s, unit=pose.box_px[2])
        smooth = self._mm(pose.joints_mm, time_s, unit=1000.0)
        joints_mm = geometry.lift_mm(smooth[:, :2], smooth[:, 2], float(geometry.bone_lengths(pose.joints_mm).sum()))
        return replace(pose, joints_px=joints_px, joints_mm=joints_mm, geometry=geometry.report(joints_mm))


class Track:
    """One person: where they were last, how their bones measure, and their filter.

    Args:
        number: of the track, from 1.
        pose: the first one.
        time_s: its time.
        smooth: filter the joints.
    """

    def __init__(self, number: int, pose: Pose, time_s: float, smooth: bool) -> None:
        self.number = number
        self.bones = BoneMemory()
        self._smoother = PoseSmoother() if smooth else None
        self.sight = self.take(pose, time_s)

    def take(self, pose: Pose, time_s: float) -> Sight:
        """Take the pose for this person's and return what it shows."""
        self.raw, self.seen_s = pose, time_s
        departure = self.bones.departure_percent(pose)
        self.bones.add(pose)
        shown = pose if self._smoother is None else self._smoother(pose, time_s)
        self.sight = Sight(Seen.FOLLOWED, self.number, shown, pose, departure)
        return self.sight

    def hold(self) -> Sight:
        """Return what is shown while the person is out of sight: the last pose."""
        return replace(self.sight, seen=Seen.HELD)

    @property
    def box_px(self) -> Box:
        """Where to look next."""
        raw = self.raw
        # Knowing the box before, the next one cannot collapse onto joints that fell together.
        return locate.next_box(raw.joints_px, raw.confidence, raw.picture_size_px, raw.box_px)

    def could_be(self, pose: Pose, time_s: float) -> bool:
        """Tell whether a pose can be this person's: near enough for the time that has passed, and of like size."""
        before, side = self.raw, self.raw.box_px[2]
        sure = np.minimum(before.confidence, pose.confidence) >= locate.SURE
        if not sure.any():
            sure[:] = True
        jump = float(np.median(np.linalg.norm(pose.joints_px[sure] - before.joints_px[sure], axis=1)))
        growth = pose.box_px[2] / side
        return jump <= side * (REACH + SPEED * (time_s - self.seen_s)) and 1 / GROWTH <= growth <= GROWTH


class Follower:
    """Follows one person through frames that are given in the order of their times.

    Args:
        look: what finds poses.
        given: a box that holds for every frame: nobody is searched for, and whoever is in it is one person.
        smooth: filter the joints (``core.one_euro``).
    """

    def __init__(self, look: Look, given: Box | None = None, smooth: bool = False) -> None:
        self._look = look
        self._given = given
        self._smooth = smooth
        self._track: Track | None = None
        self._tracks = 0
        self._searched_s = -math.inf

    def step(self, image: Picture, time_s: float) -> Sight:
        """Look at the next frame.

        Args:
            image: (h, w, 3) RGB; another size than before starts anew.
            time_s: its time in seconds, not earlier than that of the frame before.

        Raises:
            UserError: the picture cannot be looked at.
        """
        size = (image.shape[1], image.shape[0])
        if self._track is not None and self._track.raw.picture_size_px != size:
            self._track = None
        if self._given is not None:
            pose = self._look(image, self._given)
            return self._begin(pose, time_s) if self._track is None else self._track.take(pose, time_s)
        track = self._track
        if track is not None:
            pose = replace(self._look(image, track.box_px), located_by="track")
            if pose.mean_confidence >= LOST_CONFIDENCE and track.could_be(pose, time_s):
                return track.take(pose, time_s)
        return self._search(image, time_s)

    def _search(self, image: Picture, time_s: float) -> Sight:
        """Look for the person, or when they are gone for anybody, in the whole picture."""
        track = self._track
        found = None
        if not 0 <= time_s - self._searched_s < SEARCH_EVERY_S:
            self._searched_s = time_s
            found = self._look(image, None)
            if found.mean_confidence < locate.NOBODY_CONFIDENCE:
                found = None
        if track is not None:
            if found is not None and track.could_be(found, time_s):
                return track.take(found, time_s)
            if time_s - track.seen_s < HOLD_S:
                return track.hold()
            self._track = None
        return Sight(Seen.NOBODY) if found is None else self._begin(found, time_s)

    def _begin(self, pose: Pose, time_s: float) -> Sight:
        self._tracks += 1
        self._track = Track(self._tracks, pose, time_s, self._smooth)
        return self._track.sight
