"""Fitting a checkpoint's pictorial structure (``core.pictorial``) to its own maps of training pictures.

The weights are those under which the right choice of peaks is most likely: the tree of the parts is a conditional
random field (Lafferty, McCallum and Pereira, ICML 2001), whose likelihood and gradient are exact. The network is left
as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import pictorial
from core.errors import UserError
from core.pictorial import CHAIN, KNOTS, PARTS, STEM, Structure
from train import metrics
from train.readings import Readings

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MOST: Final = 11_000
"""Pictures to fit on; more of them no longer tell."""
RIGHT_TORSO: Final = 0.2
"""A candidate within this share of the torso is the joint (PCK at 0.2)."""
HALF_PX: Final = 128.0
"""``_norm`` times this is pixels of a 256 px crop, in which a torso's length is judged."""
ROUNDS: Final = 15
RATE: Final = 0.03
MINIBATCH: Final = 300
SHRINK: Final = 1e-3
SMOOTH: Final = 0.1
"""Penalties of the tables' squares and of their squared second differences."""


@dataclass(frozen=True)
class Examples:
    """Candidates beside truth.

    Attributes:
        places_norm: (N, 16, K, 2); belief: (N, 16, K).
        right: (N, 16, K) bool: the candidate that is the joint; all True where that is not known or none is.
    """

    places_norm: Tensor
    belief: Tensor
    right: Tensor


def examples(readings: Readings) -> Examples:
    """Find out which candidates are the joints.

    Raises:
        UserError: no picture shows a torso to measure by.
    """
    every = max(1, round(len(readings.belief) / MOST))
    truth_norm, annotated = readings.truth_norm[::every].numpy(), readings.annotated[::every].numpy()
    places_norm, belief = readings.places_norm[::every], readings.belief[::every]
    torso_norm = metrics.torso_px(truth_norm * HALF_PX, annotated) / HALF_PX
    if np.isnan(torso_norm).all():
        raise UserError("no training picture shows hips and shoulders", "fit on another set")
    right = _right(places_norm.numpy(), belief.numpy(), truth_norm, annotated, torso_norm)
    return Examples(places_norm, belief, torch.from_numpy(right))


def _right(
    places_norm: FloatArray, belief: FloatArray, truth_norm: FloatArray, annotated: BoolArray, torso_norm: FloatArray
) -> BoolArray:
    """Return (N, 16, K): the nearest candidate if it is near enough, else all of them, for then nothing is learned."""
    offset = np.linalg.norm(places_norm - truth_norm[:, :, None], axis=-1)
    offset = np.where(belief > 0, offset, np.inf)
    near = offset.min(-1) < RIGHT_TORSO * np.nan_to_num(torso_norm)[:, None]
    nearest = np.arange(belief.shape[-1]) == offset.argmin(-1)[..., None]
    return np.asarray(np.where((near & annotated)[..., None], nearest, True))


def fit(given: Examples, seed: int = 0) -> Structure:
    """Return the most likely weights, slightly shrunk and smoothed."""
    pairs, bones, parts = len(CHAIN), len(CHAIN) - 1, PARTS
    belief, floor = torch.ones(parts, dtype=torch.float64), torch.full((parts,), -5.0, dtype=torch.float64)
    tables = [torch.zeros(rows, KNOTS, dtype=torch.float64) for rows in (pairs, bones, bones, len(STEM))]
    # The floor's logarithm is what is learned: it must stay positive.
    learned = [belief.requires_grad_(), floor.requires_grad_(), *(table.requires_grad_() for table in tables)]
    optimiser = torch.optim.Adam(learned, RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, ROUNDS)
    random = torch.Generator().manual_seed(seed)
    for _ in range(ROUNDS):
        for rows in torch.randperm(len(given.belief), generator=random).split(MINIBATCH):  # type: ignore[no-untyped-call]
            part = Examples(given.places_norm[rows], given.belief[rows], given.right[rows])
            loss = _surprise(Structure(belief, floor.exp(), *tables), part)
            for table in tables:
                bend = table[:, 2:] - 2.0 * table[:, 1:-1] + table[:, :-2]
                loss = loss + SHRINK * table.square().sum() + SMOOTH * bend.square().sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
    return Structure(belief.detach(), floor.detach().exp(), *(table.detach() for table in tables))


def _surprise(structure: Structure, given: Examples) -> Tensor:
    """Return the mean negative log likelihood of the right choices among all choices."""
    parts, links = pictorial.log_weights(structure, given.places_norm, given.belief)
    rights = [given.right[:, first, :, None] & given.right[:, second, None, :] for first, second in CHAIN]
    rights = [*(both.flatten(1) for both in rights), *(given.right[:, joint] for joint in STEM)]
    right = [torch.where(allowed, part, pictorial.NEVER) for allowed, part in zip(rights, parts, strict=True)]
    return (pictorial.log_sum(parts, links) - pictorial.log_sum(right, links)).mean()
