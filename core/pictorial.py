"""Reading the joints of both sides together: a pictorial structure over the peaks of the heatmaps.

The paper takes every map's highest peak by itself. Where the maps cannot tell left from right, both ankles then often
lie on the same leg. Here each map offers its best few peaks, and the choice falls on the joints that are likely
together: the belief in each peak, the distance between a joint and its mirror twin, the length of each limb bone, and
the difference between the bone's two sides, and how far the neck is from between the shoulders and the head from the
neck, all as seen in the picture. The parts form a tree: a chain of mirror pairs (ankles, knees, hips, shoulders,
elbows, wrists), and from the shoulders neck and head. So the best choice is found exactly by dynamic programming
(Felzenszwalb and Huttenlocher, "Pictorial structures for object recognition", IJCV 2005). This is beyond Zhou et al.,
ICCV 2017. The weights are fitted to a checkpoint's own maps on training photos (train/pictorial.py) and kept in its
metadata; without them every joint takes its highest peak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

STEM: Final = (skeleton.JOINT_INDEX["upper_neck"], skeleton.JOINT_INDEX["head_top"])
"""The joints that follow from the shoulders, each depending on the one before."""

_SHOULDERS: Final = CHAIN.index(_pair("shoulder"))
_NECK: Final = len(CHAIN)
PARENT: Final = {**{part: part - 1 for part in range(1, len(CHAIN))}, _NECK: _SHOULDERS, _NECK + 1: _NECK}
"""The part that each part of the tree but the first depends on: parts are the pairs of ``CHAIN``, then ``STEM``."""
PARTS: Final = len(CHAIN) + len(STEM)

READ: Final = (*(joint for pair in CHAIN for joint in pair), *STEM)
"""All joints that are read together; pelvis and thorax take their highest peak."""

_PART_OF: Final = [*(part for part in range(len(CHAIN)) for _ in range(2)), *range(_NECK, PARTS)]
"""The part that each joint of ``READ`` belongs to."""

_RIGHT: Final = [right for right, _ in CHAIN]
_LEFT: Final = [left for _, left in CHAIN]

KNOTS: Final = 14
TWINS_REACH_NORM: Final = 1.0
LENGTH_REACH_NORM: Final = 1.2
DIFFERENCE_REACH_NORM: Final = 0.6
STEM_REACH_NORM: Final = 0.8
"""Where the tables end, in half crop widths; what lies beyond counts as their last knot."""

NEVER: Final = -1e4
"""Log weight of what cannot be."""


@dataclass(frozen=True, eq=False)
class Structure:
    """What makes a choice of peaks likely: log weights, fitted to one checkpoint's maps.

    Attributes:
        belief: (8,) weight of the log belief in a peak, per pair of ``CHAIN`` and joint of ``STEM``.
        floor: (8,) belief that is added before the logarithm, so that a faint peak is not impossible.
        twins: (6, KNOTS) by the distance between the two joints of a pair.
        length: (5, KNOTS) by the length of the bone between a pair and the next, each side by itself.
        difference: (5, KNOTS) by the difference between that bone's two sides.
        stem: (2, KNOTS) by the neck's distance from the middle of the shoulders, and the head's from the neck.
    """

    belief: Tensor
    floor: Tensor
    twins: Tensor
    length: Tensor
    difference: Tensor
    stem: Tensor

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {field.name: getattr(self, field.name).numpy().round(5).tolist() for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Structure:
        """Read what ``to_dict`` wrote.

        Raises:
            ValueError: something is missing, of another shape, or not finite.
        """
        pairs, bones, parts = len(CHAIN), len(CHAIN) - 1, PARTS
        shapes = ((parts,), (parts,), (pairs, KNOTS), (bones, KNOTS), (bones, KNOTS), (len(STEM), KNOTS))
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
        (N, 16) indices below K; 0, the highest peak, for the joints that are not in ``READ``.
    """
    parts, links = log_weights(structure, places_norm, belief)
    totals = list(parts)
    best_of: dict[int, Tensor] = {}
    for child, parent in reversed(PARENT.items()):
        reached, best_of[child] = (links[child] + totals[child][:, None, :]).max(2)
        totals[parent] = totals[parent] + reached
    states = [totals[0].argmax(1)]
    for child, parent in PARENT.items():
        states.append(best_of[child].gather(1, states[parent][:, None])[:, 0])
    chosen = np.zeros(belief.shape[:2], dtype=np.intp)
    for (right, left), state in zip(CHAIN, states[: len(CHAIN)], strict=True):
        chosen[:, right], chosen[:, left] = np.divmod(state.numpy(), belief.shape[-1])
    for joint, state in zip(STEM, states[len(CHAIN) :], strict=True):
        chosen[:, joint] = state.numpy()
    return chosen


def log_sum(parts: Sequence[Tensor], links: Mapping[int, Tensor]) -> Tensor:
    """Return (N,) the logarithm of the weights' sum over all choices; arguments as from ``log_weights``."""
    totals = list(parts)
    for child, parent in reversed(PARENT.items()):
        totals[parent] = totals[parent] + torch.logsumexp(links[child] + totals[child][:, None, :], 2)
    return totals[0].logsumexp(1)


def log_weights(structure: Structure, places_norm: Tensor, belief: Tensor) -> tuple[list[Tensor], dict[int, Tensor]]:
    """Return what the choices of each part weigh, and those of a part together with the one it depends on.

    Args:
        structure, places_norm, belief: as for ``choose``.

    Returns:
        For each part its choices, (N, K * K) of a pair, a choice being right * K + left,
        and (N, K) of a joint; for each part but the first (N, choices of its parent, its own).
    """
    right, left = places_norm[:, _RIGHT], places_norm[:, _LEFT]
    sure = _sure(structure, belief)
    pairs = sure[:, _RIGHT][..., :, None] + sure[:, _LEFT][..., None, :]
    pairs = pairs + _read(structure.twins, torch.cdist(right, left), TWINS_REACH_NORM)
    rights = torch.cdist(right[:, :-1], right[:, 1:])
    lefts = torch.cdist(left[:, :-1], left[:, 1:])
    # Right and left of a pair by right and left of the next.
    bones = _by_right(_read(structure.length, rights, LENGTH_REACH_NORM))
    bones = bones + _by_left(_read(structure.length, lefts, LENGTH_REACH_NORM))
    uneven = (_by_right(rights) - _by_left(lefts)).abs()
    bones = bones + _read(structure.difference, uneven, DIFFERENCE_REACH_NORM)
    neck, head = (places_norm[:, joint] for joint in STEM)
    middle = (right[:, _SHOULDERS, :, None] + left[:, _SHOULDERS, None, :]).flatten(1, 2) / 2
    for_neck = _read(structure.stem[:1], torch.cdist(middle, neck)[:, None], STEM_REACH_NORM)
    for_head = _read(structure.stem[1:], torch.cdist(neck, head)[:, None], STEM_REACH_NORM)
    parts = [*pairs.flatten(2).unbind(1), *(sure[:, joint] for joint in STEM)]
    links = [*bones.flatten(4).flatten(2, 3).unbind(1), for_neck[:, 0], for_head[:, 0]]
    return parts, dict(enumerate(links, start=1))


def _sure(structure: Structure, belief: Tensor) -> Tensor:
    """Return what the belief in each candidate weighs: (N, 16, K); 0 for the joints that are not in ``READ``."""
    weight, floor = structure.belief[_PART_OF, None], structure.floor[_PART_OF, None]
    weighed = belief.new_zeros(belief.shape)
    given = belief[:, READ]
    weighed[:, READ] = torch.where(given > 0, weight * torch.log(given + floor), NEVER)
    return weighed


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
