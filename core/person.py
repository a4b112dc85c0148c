"""One person over time: where they were last, how their bones measure, and their filter.

``Track`` knows one person and nothing of the others, so that several can be followed side by side (``core.follow``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import geometry, locate, skeleton
from core.crop import Box
from core.one_euro import OneEuro
from core.pose import Pose

FloatArray = NDArray[np.float64]
REACH: Final = 0.25
"""Parts of the box's side that joints may jump by from one frame to the next whatever the time between them."""
SPEED: Final = 2.0
"""Sides of the box a second that a person may move besides."""
GROWTH: Final = 2.0
"""Factor that a person's box may change by while out of sight."""
MOTION_S: Final = 0.25
"""Over about this time a person's motion is averaged."""
LONGEST_GUESS_S: Final = 1.0
"""So long a person is taken to go on as they did while they are hidden."""
SAME: Final = 0.06
"""Parts of the box's side within which the joints of one body are found from two crops."""
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
        median_mm: (14,) these medians.
    """

    seen: Seen
    track: int = 0
    pose: Pose | None = None
    raw: Pose | None = None
    departure_percent: FloatArray | None = None
    median_mm: FloatArray | None = None


class BoneMemory:
    """The median length of each of a person's bones over the last frames in which both its ends were sure.

    The lengths are relative: every skeleton is scaled to one sum of bones.
    """

    def __init__(self, frames: int = MEMORY_FRAMES) -> None:
        self._rows: deque[FloatArray] = deque(maxlen=frames)
        self._median_mm: FloatArray | None = None

    def add(self, pose: Pose) -> None:
        """Take in one pose."""
        lengths = geometry.bone_lengths(pose.joints_mm)
        sure = (pose.confidence[skeleton.BONE_ENDS] >= locate.SURE).all(axis=1)
        self._rows.append(np.where(sure, lengths, np.nan))
        self._median_mm = None

    @property
    def median_mm(self) -> FloatArray:
        """(14,) medians; NaN for a bone seen in fewer than five frames."""
        if self._median_mm is None:
            median = np.full(skeleton.BONE_COUNT, np.nan)
            if self._rows:
                rows = np.stack(self._rows)
                known = (~np.isnan(rows)).sum(axis=0) >= FEWEST_FRAMES
                if known.any():
                    median[known] = np.nanmedian(rows[:, known], axis=0)
            self._median_mm = median
        return self._median_mm

    def departure_percent(self, pose: Pose) -> FloatArray:
        """Return (14,) how much longer the bones of a pose are than the medians, in percent of these."""
        lengths = geometry.bone_lengths(pose.joints_mm)
        return np.asarray(100.0 * (lengths / np.maximum(self.median_mm, 1e-9) - 1.0))


def is_same_body(one: Pose, other: Pose) -> bool:
    """Tell whether two poses of one picture are of one body: most of their joints lie nearly upon each other."""
    side = min(one.box_px[2], other.box_px[2])
    return float(np.median(np.linalg.norm(one.joints_px - other.joints_px, axis=1))) < SAME * side


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
        made = replace(pose.made, smoothed=True)
        return replace(pose, joints_px=joints_px, joints_mm=joints_mm, geometry=geometry.report(joints_mm), made=made)


class Track:
    """One person: where they were last, how they move, how their bones measure, and their filter.

    Args:
        number: of the track, from 1.
        pose: the first one.
        time_s: its time.
        smooth: filter the joints.
    """

    def __init__(self, number: int, pose: Pose, time_s: float, smooth: bool) -> None:
        self.number = number
        self.bones = BoneMemory()
        self.hidden_by = 0
        """Number of the track of who stands before them, 0 if nobody does."""
        self.looked_s = time_s
        self._smoother = PoseSmoother() if smooth else None
        self._velocity_px = np.zeros(2)
        self.raw, self.seen_s = pose, time_s
        self.sight = self.take(pose, time_s)

    def take(self, pose: Pose, time_s: float) -> Sight:
        """Take the pose for this person's and return what it shows."""
        self._note_motion(pose, time_s)
        self.raw, self.seen_s = pose, time_s
        median_mm = self.bones.median_mm
        departure = self.bones.departure_percent(pose)
        self.bones.add(pose)
        shown = pose if self._smoother is None else self._smoother(pose, time_s)
        self.sight = Sight(Seen.FOLLOWED, self.number, shown, pose, departure, median_mm)
        return self.sight

    def hold(self) -> Sight:
        """Return what is shown while the person is out of sight: the last pose."""
        self.sight = replace(self.sight, seen=Seen.HELD)
        return self.sight

    def smooth(self, smooth: bool) -> None:
        """Switch the filter; it begins with the next pose."""
        if smooth != (self._smoother is not None):
            self._smoother = PoseSmoother() if smooth else None

    @property
    def box_px(self) -> Box:
        """Where to look next."""
        raw = self.raw
        # Knowing the box before, the next one cannot collapse onto joints that fell together.
        return locate.next_box(raw.joints_px, raw.confidence, raw.picture_size_px, raw.box_px)

    def place_px(self, time_s: float) -> Box:
        """Return where to look at a time: around the last joints, and for who is hidden, where they have walked to."""
        x, y, width, height = self.box_px
        if not self.hidden_by:
            return (x, y, width, height)
        across, down = self._gone_px(time_s)
        limit = self.raw.picture_size_px
        # A box must touch the picture, also that of somebody who has walked out of it.
        return (
            min(max(x + across, 1 - width), limit[0] - 1.0), min(max(y + down, 1 - height), limit[1] - 1.0),
            width, height,
        )  # fmt: skip

    def expected(self, time_s: float) -> Pose:
        """Return the last pose where it has probably gone to by now."""
        return replace(self.raw, joints_px=self.raw.joints_px + self._gone_px(time_s))

    def distance(self, pose: Pose, time_s: float) -> float:
        """Return how far a pose is from where the person is expected, in sides of their box."""
        shift = np.linalg.norm(self._shift_px(pose) - self._gone_px(time_s), axis=1)
        return float(np.median(shift)) / self.raw.box_px[2]

    def could_be(self, pose: Pose, time_s: float) -> bool:
        """Tell whether a pose can be this person's: near enough for the time that has passed, and of like size."""
        growth = pose.box_px[2] / self.raw.box_px[2]
        reach = REACH + SPEED * (time_s - self.seen_s)
        jump = float(np.median(np.linalg.norm(self._shift_px(pose), axis=1))) / self.raw.box_px[2]
        return min(jump, self.distance(pose, time_s)) <= reach and 1 / GROWTH <= growth <= GROWTH

    def _gone_px(self, time_s: float) -> FloatArray:
        """Return (2,) how far they have gone since they were seen, if they went on as they did."""
        return self._velocity_px * min(max(time_s - self.seen_s, 0.0), LONGEST_GUESS_S)

    def _shift_px(self, pose: Pose) -> FloatArray:
        """Return (n, 2) by how much the joints that are sure in both poses have moved."""
        before = self.raw
        sure = np.minimum(before.confidence, pose.confidence) >= locate.SURE
        if not sure.any():
            sure[:] = True
        return np.asarray(pose.joints_px[sure] - before.joints_px[sure])

    def _note_motion(self, pose: Pose, time_s: float) -> None:
        step_s = time_s - self.seen_s
        if step_s > 0:
            velocity = np.median(self._shift_px(pose), axis=0) / step_s
            share = 1.0 - float(np.exp(-step_s / MOTION_S))
            self._velocity_px = self._velocity_px + share * (velocity - self._velocity_px)
