"""Bootstrap intervals: how far a figure would move had other persons been in the set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train import metrics

FloatArray = NDArray[np.float64]
Weights = NDArray[np.int64]

ROUNDS: Final = 1000
SPREAD: Final = (2.5, 97.5)
"""Percentiles: 95 % of the rounds lie between."""


def interval(statistic: Callable[[Weights], float], count: int) -> list[float] | None:
    """Return the 95 % bootstrap interval of a figure, over persons.

    Args:
        statistic: the figure when person i was drawn ``weights[i]`` times, (N,) whole numbers; NaN if there is none.
        count: number of persons.

    Returns:
        [low, high], or None when there is no figure.
    """
    random = np.random.default_rng(0)
    draws = (np.bincount(random.integers(count, size=count), minlength=count) for _ in range(ROUNDS))
    return _spread([statistic(weights) for weights in draws])


def of_mean(values: FloatArray) -> list[float] | None:
    """Return the interval of the mean of (N,) values."""
    return interval(lambda weights: float(weights @ values / weights.sum()), len(values))


def of_mean_of_groups(values: FloatArray, groups: NDArray[np.str_]) -> list[float] | None:
    """Return the interval of the mean over groups of each group's mean (the average over actions, say).

    Args:
        values: (N,).
        groups: (N,) the group of each.
    """
    members = (groups[None, :] == np.unique(groups)[:, None]).astype(np.float64)

    def mean(weights: Weights) -> float:
        total = members @ weights
        there = total > 0
        return float(((members @ (weights * values))[there] / total[there]).mean())

    return interval(mean, len(values))


def of_pck(
    right: NDArray[np.bool_], counts: NDArray[np.bool_], mean: Callable[[FloatArray], float]
) -> list[float] | None:
    """Return the interval of a mean over joints of their PCK.

    Args:
        right, counts: (N, 16) from ``metrics.pck_hits``.
        mean: takes (16,) percentages, NaN where there is none.
    """
    right_whole, counts_whole = right.astype(np.int64), counts.astype(np.int64)

    def pck(weights: Weights) -> float:
        return mean(metrics.share_percent(weights @ right_whole, weights @ counts_whole))

    return interval(pck, len(right))


def of_ratio(part: NDArray[np.int64], total: NDArray[np.int64]) -> list[float] | None:
    """Return the interval of the sum of (N,) parts in percent of the sum of (N,) totals."""

    def percent(weights: Weights) -> float:
        whole = int(weights @ total)
        return 100.0 * int(weights @ part) / whole if whole else float("nan")

    return interval(percent, len(part))


def of_roc_auc(positive: FloatArray, negative: FloatArray) -> list[float] | None:
    """Return the interval of the area under the ROC curve, both sides drawn anew."""
    random = np.random.default_rng(0)
    return _spread(
        [metrics.roc_auc(random.choice(positive, len(positive)), random.choice(negative, len(negative)))
         for _ in range(ROUNDS)]
    )  # fmt: skip


def _spread(rounds: list[float]) -> list[float] | None:
    known = np.array(rounds)[np.isfinite(rounds)]
    return [float(limit) for limit in np.percentile(known, SPREAD)] if len(known) else None
