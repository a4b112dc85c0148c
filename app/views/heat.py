"""Smooth enlargement of heatmaps for the screen: a 32 px map stretched over a photo looks blocky otherwise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FACTOR = 8


@lru_cache(maxsize=8)
def _weights(size: int, factor: int) -> NDArray[np.float32]:
    """Return the (size * factor, size) matrix of cubic (Catmull-Rom) interpolation between pixel centres."""
    places = (np.arange(size * factor) + 0.5) / factor - 0.5
    base = np.floor(places).astype(int)
    share = places - base
    taps = np.stack([
        -0.5 * share + share**2 - 0.5 * share**3,
        1.0 - 2.5 * share**2 + 1.5 * share**3,
        0.5 * share + 2.0 * share**2 - 1.5 * share**3,
        -0.5 * share**2 + 0.5 * share**3,
    ], axis=1)  # fmt: skip
    matrix = np.zeros((size * factor, size))
    for tap in range(4):
        # At the rim the last pixel goes on.
        np.add.at(matrix, (np.arange(size * factor), np.clip(base + tap - 1, 0, size - 1)), taps[:, tap])
    return matrix.astype(np.float32)


def enlarge(heatmap: NDArray[np.float32], factor: int = FACTOR) -> NDArray[np.float32]:
    """Return the (h, w) map enlarged by a whole factor, smooth, never negative, over the same extent."""
    height, width = heatmap.shape
    out = _weights(height, factor) @ heatmap @ _weights(width, factor).T
    return np.maximum(out, 0.0).astype(np.float32)
