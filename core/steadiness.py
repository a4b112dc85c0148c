"""How steady each bone's length is over a clip: a real bone does not change, so every change is the network's."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_S: Final = 0.5
"""A length is compared with the median of this long around it."""
_FEWEST: Final = 3


class Spike(NamedTuple):
    """A moment at which a bone is suddenly longer or shorter than around it.

    Attributes:
        frame: where it is farthest off.
        bone: index in ``skeleton.BONES``.
        percent: how far, signed, in percent of the median around it.
    """

    frame: int
    bone: int
    percent: float


def window_frames(rate: float) -> int:
    """Return ``WINDOW_S`` as an odd number of frames, at least 3."""
    return max(_FEWEST, 2 * round(WINDOW_S * rate / 2) + 1)


def variation_percent(lengths_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return each bone's coefficient of variation over time: standard deviation over mean, in percent.

    Args:
        lengths_mm: (frames, bones); rows with NaN are left out.

    Returns:
        (bones,); NaN with fewer than two frames.
    """
    rows = lengths_mm[~np.isnan(lengths_mm).any(axis=1)].astype(np.float64)
    if len(rows) < 2:
        return np.full(lengths_mm.shape[1], np.nan)
    return np.asarray(100.0 * rows.std(axis=0) / np.maximum(rows.mean(axis=0), 1e-9))


def spikes(lengths_mm: NDArray[np.floating], window: int, limit_percent: float) -> list[Spike]:
    """Find where bones jump: one spike for each stretch of frames that are off, at the frame that is farthest off.

    Args:
        lengths_mm: (frames, bones) without gaps.
        window: odd number of frames of the running median; at the ends it is shorter on one side.
        limit_percent: from how far off the median on it is a spike.

    Returns:
        Spikes by frame, then bone.
    """
    if len(lengths_mm) < _FEWEST:
        return []
    percent = 100.0 * (lengths_mm / np.maximum(_running_median(lengths_mm, window), 1e-9) - 1.0)
    found: list[Spike] = []
    for bone in range(lengths_mm.shape[1]):
        # A stretch ends where the bone is back within the limit, or where it jumps to the other side.
        side = np.where(np.abs(percent[:, bone]) >= limit_percent, np.sign(percent[:, bone]), 0.0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0.0], side, [0.0]])))
        for start, end in zip(edges[:-1], edges[1:], strict=True):
            if side[start]:
                frame = start + int(np.abs(percent[start:end, bone]).argmax())
                found.append(Spike(int(frame), bone, float(percent[frame, bone])))
    return sorted(found)


def _running_median(values: NDArray[np.floating], window: int) -> NDArray[np.float64]:
    half = min(window // 2, (len(values) - 1) // 2)
    padded = np.pad(values.astype(np.float64), ((half, half), (0, 0)), constant_values=np.nan)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    # Only the ends hold NaN, and the median that knows NaN takes ten times as long.
    start, end = np.nanmedian(around[:half], axis=-1), np.nanmedian(around[len(around) - half :], axis=-1)
    return np.concatenate([start, np.median(around[half : len(around) - half], axis=-1), end])
