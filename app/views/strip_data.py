"""What the bone strips draw, worked out from a track as it grows: spread, variation and spikes. No Qt."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.clip import PoseTrack
from core import skeleton
from core.steadiness import Spike, spikes, variation_percent, window_frames

ROWS: Final[tuple[tuple[str, tuple[int, ...]], ...]] = tuple(
    (label, tuple(skeleton.BONE_INDEX[name] for name in names))
    for label, names in (
        ("Thigh", ("right_thigh", "left_thigh")),
        ("Shank", ("right_shank", "left_shank")),
        ("Upper arm", ("right_upper_arm", "left_upper_arm")),
        ("Forearm", ("right_forearm", "left_forearm")),
        ("Hip", ("right_hip_bone", "left_hip_bone")),
        ("Collar", ("right_collar", "left_collar")),
        ("Torso", ("torso",)),
        ("Head", ("head",)),
    )
)
"""Label and bones of each strip: right and left share one, so that their difference shows."""
_LEAST_SPREAD: Final = 0.25
"""A strip spans at least this share of the bone's length up and down: noise of a steady bone must look small."""


class StripData:
    """Numbers behind the strips, brought up to date with little work a time."""

    def __init__(self) -> None:
        self.variation = np.full(skeleton.BONE_COUNT, np.nan)
        """(14,) coefficient of variation, percent."""
        self.spikes: list[Spike] = []
        self.ranges = np.zeros((len(ROWS), 2))
        """(rows, 2) lowest and highest length drawn, mm."""
        self._track: PoseTrack | None = None
        self._settled = 0

    def update(self, track: PoseTrack | None, rate: float, limit_percent: float) -> None:
        """Take in what was found since."""
        if track is not self._track:
            self._track, self._settled, self.spikes = track, 0, []
        if track is None or not track.known.any():
            self.variation = np.full(skeleton.BONE_COUNT, np.nan)
            return
        known = track.lengths_mm[track.known]
        self.variation = variation_percent(known)
        self._span(known)
        self._find_spikes(track, window_frames(rate), limit_percent)

    def _span(self, known: NDArray[np.float32]) -> None:
        for row, (_, bones) in enumerate(ROWS):
            values = known[:, bones]
            middle = float(np.median(values))
            low, high = np.percentile(values, (1, 99))
            reach = max(_LEAST_SPREAD * middle, high - middle, middle - low)
            self.ranges[row] = middle - 1.05 * reach, middle + 1.05 * reach

    def _find_spikes(self, track: PoseTrack, window: int, limit_percent: float) -> None:
        # The run goes on from the start, so only the last windows can still change.
        length = track.run_length()
        start = max(0, self._settled - 2 * window)
        fresh = spikes(track.lengths_mm[start:length], window, limit_percent)
        kept = [spike for spike in self.spikes if spike.frame < self._settled]
        moved = (spike._replace(frame=spike.frame + start) for spike in fresh)
        self.spikes = kept + [spike for spike in moved if spike.frame >= self._settled]
        self._settled = max(self._settled, length - window)


def column_spread(values: NDArray[np.float32], columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reduce a line of many frames to the lowest and highest value in each column of pixels.

    Args:
        values: (frames,), NaN where nothing is known.
        columns: width in pixels, at most the number of frames.

    Returns:
        Two (columns,) arrays; NaN where a column knows nothing.
    """
    starts = (np.arange(columns) * len(values)) // columns
    low = np.fmin.reduceat(values, starts)
    high = np.fmax.reduceat(values, starts)
    return low, high
