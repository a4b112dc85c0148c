"""Reading the joints of both sides together: a pictorial structure over the peaks of the heatmaps.

The paper takes every map's highest peak by itself. Where the maps cannot tell left from right, both ankles then often
lie on the same leg. Here each map offers its best few peaks, and the choice falls on the joints that are likely
together: the belief in each peak, the distance between a joint and its mirror twin, the length of each limb bone, and
the difference between the bone's two sides, all as seen in the picture. The parts form a chain of mirror pairs (ankles,
knees, hips, shoulders, elbows, wrists), so the best choice is found exactly by dynamic programming (Felzenszwalb and
Huttenlocher, "Pictorial structures for object recognition", IJCV 2005). This is beyond Zhou et al., ICCV 2017. The
weights are fitted to a checkpoint's own maps on training photos (train/pictorial.py) and kept in its metadata; without
them every joint takes its highest peak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import skeleton

CANDIDATES: Final = 4
"""Peaks that each map offers."""


def _pair(name: str) -> tuple[int, int]:
    return skeleton.JOINT_INDEX[f"right_{name}"], skeleton.JOINT_INDEX[f"left_{name}"]


CHAIN: Final = tuple(_pair(name) for name in ("ankle", "knee", "hip", "shoulder", "elbow", "wrist"))
"""The mirror pairs (right, left) in the order in which each depends on the one before."""

_RIGHT: Final = [right for right, _ in CHAIN]
_LEFT: Final = [left for _, left in CHAIN]

KNOTS: Final = 14
TWINS_REACH_NORM: Final = 1.0
LENGTH_REACH_NORM: Final = 1.2
DIFFERENCE_REACH_NORM: Final = 0.6
"""Where the tables end, in half crop widths; what lies beyond counts as their last knot."""

NEVER: Final = -1e4
"""Log weight of what cannot be."""


@dataclass(frozen=True, eq=False)
class Structure:
    """What makes a choice of peaks likely: log weights, fitted to one checkpoint's maps.

    Attributes:
        belief: (6,) weight of the log belief in a peak, per pair of ``CHAIN``.
        floor: (6,) belief that is added before the logarithm, so that a faint peak is not impossible.
        twins: (6, KNOTS) by the distance between the two joints of a pair.
        length: (5, KNOTS) by the length of the bone between a pair and the next, each side by itself.
        difference: (5, KNOTS) by the difference between that bone's two sides.
    """

    belief: Tensor
    floor: Tensor
    twins: Tensor
    length: Tensor
    difference: Tensor

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {field.name: getattr(self, field.name).numpy().round(5).tolist() for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Structure:
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: something is missing, of another shape, or not finite.
        """
        pairs, bones = len(CHAIN), len(CHAIN) - 1
        shapes = ((pairs,), (pairs,), (pairs, KNOTS), (bones, KNOTS), (bones, KNOTS))
        arrays = []
        for field, shape in zip(fields(cls), shapes, strict=True):
            array = np.asarray(values.get(field.name), dtype=np.float64)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"{field.name} is not an array of {shape} numbers")
            arrays.append(array)
        if (arrays[1] <= 0).any():
            raise ValueError("floor holds values that are not positive")
        return cls(*(torch.from_numpy(array) for array in arrays))


def choose(structure: Structure, places_norm: Tensor, belief: Tensor) -> NDArray[np.intp]:
    """Return which candidate each joint takes.

    Args:
        structure: the weights.
        places_norm: (N, 16, K, 2) candidates, [-1, 1] over the crop.
        belief: (N, 16, K) belief in each, 0 for a candidate that does not exist.

    Returns:
        (N, 16) indices below K; 0, the highest peak, for the joints that are not in ``CHAIN``.
    """
    pairs, bones = log_weights(structure, places_norm, belief)
    best = pairs[0]
    came_from: list[Tensor] = []
    for bone, pair in zip(bones, pairs[1:], strict=True):
        reached, state = (best[:, :, None] + bone).max(1)
        came_from.append(state)
        best = reached + pair
    states = [best.argmax(1)]
    for before in reversed(came_from):
        states.append(before.gather(1, states[-1][:, None])[:, 0])
    chosen = np.zeros(belief.shape[:2], dtype=np.intp)
    for (right, left), state in zip(reversed(CHAIN), states, strict=True):
        chosen[:, right], chosen[:, left] = np.divmod(state.numpy(), belief.shape[-1])
    return chosen


def log_weights(structure: Structure, places_norm: Tensor, belief: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return what the choices of a pair weigh, and those of a pair together with the next.

    Args:
        structure, places_norm, belief: as for ``choose``.

    Returns:
        Six (N, K * K) of the pairs of ``CHAIN``, a state being right * K + left; five (N, K * K, K * K) of the bones.
    """
    right, left = places_norm[:, _RIGHT], places_norm[:, _LEFT]
    apart = torch.cdist(right, left)
    pairs = _sure(structure, belief[:, _RIGHT])[..., :, None] + _sure(structure, belief[:, _LEFT])[..., None, :]
    pairs = pairs + _read(structure.twins, apart, TWINS_REACH_NORM)
    rights = torch.cdist(right[:, :-1], right[:, 1:])
    lefts = torch.cdist(left[:, :-1], left[:, 1:])
    # Right and left of a pair by right and left of the next.
    bones = _by_right(_read(structure.length, rights, LENGTH_REACH_NORM))
    bones = bones + _by_left(_read(structure.length, lefts, LENGTH_REACH_NORM))
    uneven = (_by_right(rights) - _by_left(lefts)).abs()
    bones = bones + _read(structure.difference, uneven, DIFFERENCE_REACH_NORM)
    return list(pairs.flatten(2).unbind(1)), list(bones.flatten(4).flatten(2, 3).unbind(1))


def _sure(structure: Structure, belief: Tensor) -> Tensor:
    """Return what the belief in each candidate of one side weighs: (N, 6, K)."""
    weighed = structure.belief[:, None] * torch.log(belief + structure.floor[:, None])
    return torch.where(belief > 0, weighed, NEVER)


def _by_right(values: Tensor) -> Tensor:
    return values[:, :, :, None, :, None]


def _by_left(values: Tensor) -> Tensor:
    return values[:, :, None, :, None, :]


def _read(tables: Tensor, value: Tensor, reach: float) -> Tensor:
    """Interpolate each row's table linearly between its knots: (R, KNOTS) at (N, R, ...)."""
    place = (value * ((KNOTS - 1) / reach)).clamp(0.0, KNOTS - 1.0)
    low = place.floor().clamp(max=KNOTS - 2).long()
    share = place - low
    row = torch.arange(len(tables)).view(1, -1, *[1] * (value.ndim - 2))
    return tables[row, low] * (1.0 - share) + tables[row, low + 1] * share
