"""The One-Euro filter: points that hold still when the body does and keep up when it moves.

Source: Casiez, Roussel, Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", CHI 2012. With T the time since the sample before and X the sample:

    smoothing factor      alpha(fc) = 1 / (1 + tau / T),  tau = 1 / (2 pi fc)             (their equations 4 and 5)
    exponential smoothing x_i = alpha X_i + (1 - alpha) x_(i-1)                            (equation 1)
    cutoff                fc = min_cutoff + beta |v|                                       (equation 6)

where v is the speed (X_i - x_(i-1)) / T, smoothed likewise with the fixed cutoff ``speed_cutoff``. Little speed gives
a low cutoff (no jitter, some lag), much speed a high one (no lag, some jitter, which nobody sees in a fast movement).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MIN_CUTOFF_HZ: Final = 1.0
BETA: Final = 20.0
"""Hz of cutoff for each unit of speed: for joints in a picture, a unit is the side of the person's box a second."""
SPEED_CUTOFF_HZ: Final = 1.0
LONGEST_GAP_S: Final = 1.0
"""After a longer silence the next sample starts the filter anew: what was before says nothing about it."""


class OneEuro:
    """Filters the points of one body over time; all points at once, each by its own speed.

    The cutoff of a point follows the length of its velocity, so x, y and z are smoothed alike and a turned picture
    gives the turned result.

    Args:
        min_cutoff_hz: cutoff at rest: lower is steadier and lags more.
        beta: Hz the cutoff rises by for each unit of speed: higher lags less in movements.
        speed_cutoff_hz: cutoff of the speed's own smoothing.

    Raises:
        ValueError: a cutoff is not positive, or beta is negative.
    """

    def __init__(
        self,
        min_cutoff_hz: float = MIN_CUTOFF_HZ,
        beta: float = BETA,
        speed_cutoff_hz: float = SPEED_CUTOFF_HZ,
    ) -> None:
        if not (min_cutoff_hz > 0 and speed_cutoff_hz > 0 and beta >= 0):
            raise ValueError("cutoffs must be positive and beta must not be negative")
        self._min_cutoff_hz = min_cutoff_hz
        self._beta = beta
        self._speed_cutoff_hz = speed_cutoff_hz
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample comes out as it goes in."""
        self._points: FloatArray | None = None
        self._velocity: FloatArray | None = None
        self._time_s = -math.inf

    def __call__(self, points: FloatArray, time_s: float, unit: float = 1.0) -> FloatArray:
        """Take one sample and return it filtered.

        Args:
            points: (..., D) finite positions; another shape than before starts anew.
            time_s: when they were so; steps may be of any length. A sample that is not later than the one before
                moves nothing.
            unit: how many units of ``points`` make one unit of speed for ``beta`` (the person's size in pixels for
                pixels, 1000 for millimetres), so that one setting suits people near and far.

        Returns:
            Filtered points of the same shape.
        """
        points = np.asarray(points, dtype=np.float64)
        step_s = time_s - self._time_s
        before, velocity = self._points, self._velocity
        if before is None or velocity is None or before.shape != points.shape or step_s > LONGEST_GAP_S:
            self._points, self._velocity, self._time_s = points.copy(), np.zeros_like(points), time_s
            return points.copy()
        if step_s <= 0:
            return before.copy()
        velocity = velocity + _alpha(self._speed_cutoff_hz, step_s) * ((points - before) / step_s - velocity)
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True) / unit
        filtered = before + _alpha(self._min_cutoff_hz + self._beta * speed, step_s) * (points - before)
        self._points, self._velocity, self._time_s = filtered, velocity, time_s
        return filtered.copy()


def _alpha(cutoff_hz: float | FloatArray, step_s: float) -> FloatArray:
    """Return the smoothing factor, 0 to 1: 1 / (1 + tau / T)."""
    turns = 2.0 * math.pi * step_s * np.asarray(cutoff_hz, dtype=np.float64)
    factor: FloatArray = turns / (1.0 + turns)
    return factor
