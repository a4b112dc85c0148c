"""What many comparisons say together: how deviation and asymmetry are spread, and where the models differ most.

The pictures of a folder and the frames of a video are both places, filled in any order while a comparison runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.compare import Comparison, asymmetry_percent, deviation_percent

FloatArray = NDArray[np.float64]

BIN_PERCENT: Final = 5.0
LAST_PERCENT: Final = 100.0
"""Distributions are counted in bins of 5 % up to here; whatever is beyond counts in the last one."""
MOMENT_S: Final = 0.25
"""Moments of a video are at least so far apart: the frames beside the worst one say nothing new."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """How one quantity is spread over many pictures.

    Attributes:
        values: (N,) percent.
    """

    values: FloatArray

    @property
    def mean(self) -> float:
        """Their mean; 0 without any."""
        return float(self.values.mean()) if self.values.size else 0.0

    def quantile(self, share: float) -> float:
        """Return the value that so large a share (0..1) of all does not exceed; 0 without any."""
        return float(np.quantile(self.values, share)) if self.values.size else 0.0

    def counts(self) -> NDArray[np.int64]:
        """Return how many values lie in each bin of ``bin_edges``, those beyond the last edge in the last bin."""
        counts, _ = np.histogram(np.clip(self.values, 0.0, LAST_PERCENT), bin_edges())
        return counts.astype(np.int64)


def bin_edges() -> FloatArray:
    """Return the edges of the distributions' bins, percent."""
    return np.arange(0.0, LAST_PERCENT + BIN_PERCENT / 2, BIN_PERCENT)


@dataclass(frozen=True, eq=False)
class Summary:
    """What many comparisons of one pair say together.

    Attributes:
        count: how many there are.
        deviation: of all bones, (A, B).
        asymmetry: of all limbs, (A, B).
        loss: mean geometry loss, (A, B).
        mean_mm, mean_px, mean_degrees: mean over the pictures of the mean over the joints.
        joint_mm: (16,) mean distance of each joint.
        order: places of the comparisons in what was given, those that differ most in millimetres first.
    """

    count: int
    deviation: tuple[Distribution, Distribution]
    asymmetry: tuple[Distribution, Distribution]
    loss: tuple[float, float]
    mean_mm: float
    mean_px: float
    mean_degrees: float
    joint_mm: FloatArray
    order: tuple[int, ...]


class Tally:
    """The numbers of many comparisons of one pair, by place: 0.5 kB each, so that an hour of video has room.

    Attributes:
        known: (N,) which places are filled; the rest of what is kept is NaN elsewhere.
        mean_mm, mean_px, mean_degrees: (N,) means over the joints.
        joint_mm: (N, 16) distance of each joint.
        deviation: (N, 2, 14) percent without sign, of A and B.
        asymmetry: (N, 2, 4) percent without sign, of A and B.
        loss: (N, 2) geometry loss of A and B.
    """

    def __init__(self, count: int) -> None:
        self.known = np.zeros(count, np.bool_)
        self.mean_mm, self.mean_px, self.mean_degrees = (np.full(count, np.nan) for _ in range(3))
        self.joint_mm = np.full((count, skeleton.JOINT_COUNT), np.nan)
        self.deviation = np.full((count, 2, skeleton.BONE_COUNT), np.nan)
        self.asymmetry = np.full((count, 2, len(skeleton.LIMBS)), np.nan)
        self.loss = np.full((count, 2), np.nan)

    def put(self, place: int, found: Comparison) -> None:
        """Fill a place."""
        reports = (found.geometry_a, found.geometry_b)
        self.mean_mm[place], self.mean_px[place], self.mean_degrees[place] = (
            found.mean_mm, found.mean_px, found.mean_degrees,
        )  # fmt: skip
        self.joint_mm[place] = [joint.distance_mm for joint in found.joints]
        self.deviation[place] = [deviation_percent(report) for report in reports]
        self.asymmetry[place] = [asymmetry_percent(report) for report in reports]
        self.loss[place] = [report.loss for report in reports]
        self.known[place] = True

    def worst_joint(self, place: int) -> tuple[int, float]:
        """Return the joint that differs most at a filled place, and by how many millimetres."""
        joint = int(np.argmax(self.joint_mm[place]))
        return joint, float(self.joint_mm[place, joint])

    def summary(self) -> Summary:
        """Put what is filled together; without any, everything is empty or 0."""
        known = self.known
        count = int(known.sum())

        def mean(values: FloatArray) -> FloatArray:
            return values[known].mean(axis=0) if count else np.zeros(values.shape[1:])

        deviation, asymmetry = (
            tuple(Distribution(values[known, side].ravel()) for side in (0, 1))
            for values in (self.deviation, self.asymmetry)
        )
        loss = mean(self.loss)
        return Summary(
            count=count,
            deviation=(deviation[0], deviation[1]),
            asymmetry=(asymmetry[0], asymmetry[1]),
            loss=(float(loss[0]), float(loss[1])),
            mean_mm=float(mean(self.mean_mm)),
            mean_px=float(mean(self.mean_px)),
            mean_degrees=float(mean(self.mean_degrees)),
            joint_mm=mean(self.joint_mm),
            order=ranking([self]),
        )


def summarise(comparisons: Sequence[Comparison]) -> Summary:
    """Put many comparisons of one pair together; without any, everything is empty or 0."""
    tally = Tally(len(comparisons))
    for place, found in enumerate(comparisons):
        tally.put(place, found)
    return tally.summary()


def furthest_mm(tallies: Sequence[Tally]) -> FloatArray:
    """Return (N,) the mean distance from A of the model that is furthest from it; NaN where one is not known yet."""
    furthest: FloatArray = np.max([tally.mean_mm for tally in tallies], axis=0)
    return furthest


def ranking(tallies: Sequence[Tally]) -> tuple[int, ...]:
    """Return the places that all pairs know, those at which one differs most from A first."""
    furthest = furthest_mm(tallies)
    # Stable, so that equal ones keep the order they were given in; NaN goes last.
    order = np.argsort(-furthest, kind="stable")
    return tuple(int(place) for place in order[: int(np.isfinite(furthest).sum())])


def moments(order: Sequence[int], times_s: FloatArray, most: int) -> tuple[int, ...]:
    """Return the frames at which two differ most, without those that belong to the same moment.

    Args:
        order: frames from ``ranking``.
        times_s: (N,) the time of each frame.
        most: so many at most.
    """
    free = np.ones(len(times_s), np.bool_)
    found: list[int] = []
    for frame in order:
        if free[frame]:
            found.append(frame)
            free &= np.abs(times_s - times_s[frame]) >= MOMENT_S
            if len(found) == most:
                break
    return tuple(found)
