"""Fitting a checkpoint's pictorial structure (``core.pictorial``) to its own maps of training pictures.

``python -m train.pictorial CHECKPOINT CONFIG --data DIR`` fits one and stores it in the checkpoint; ``train`` does so
at the end of a run. The weights are those under which the right choice of peaks is most likely: the tree of the parts
is a conditional random field (Lafferty, McCallum and Pereira, ICML 2001), whose likelihood and gradient
are exact. The network is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from core import checkpoint, heatmap, pictorial
from core.errors import UserError
from core.pictorial import CHAIN, KNOTS, PARTS, STEM, Structure
from core.predictor import BATCH, Predictor
from train import config as configuration
from train import metrics, sources, tool
from train.batches import stored_view
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet
from train.sources import Sources

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PHOTOS: Final = 1500
PEOPLE: Final = 500
"""Pictures to fit on, of each kind, evenly spread."""
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


def examples(predictor: Predictor, sets: Sources, show: bool = True) -> Examples:
    """Run the network, mirror averaging and all, on pictures it was trained on.

    Raises:
        UserError: there are none with a torso to measure by.
    """
    config = predictor.checkpoint.network.config
    picked = [*_spread(sets.photos, PHOTOS), *_spread(sets.people, PEOPLE)]
    parts = []
    for start in tqdm(range(0, len(picked), BATCH), desc="reading limbs", unit="batch", disable=not show):
        part = picked[start : start + BATCH]
        maps, _ = predictor.raw(np.stack([stored_view(crops, index, config.input_px) for crops, index in part]))
        places, belief = heatmap.peaks(maps, config.maps, pictorial.CANDIDATES)
        parts.append((2.0 * places / config.heatmap_px - 1.0, belief))
    # The crop that was looked at is the middle of the stored one.
    truth_norm = np.stack([crops.joints_stored[index] for crops, index in picked]).astype(np.float64)
    truth_norm = (truth_norm - STORED_PX / 2) / (BOX_STORED / 2)
    annotated = np.stack([crops.annotated[index] for crops, index in picked])
    torso_norm = metrics.torso_px(truth_norm * HALF_PX, annotated) / HALF_PX
    if np.isnan(torso_norm).all():
        raise UserError("no training picture shows hips and shoulders", "fit on another set")
    places_norm, belief = (torch.cat(values) for values in zip(*parts, strict=True))
    right = _right(places_norm.numpy(), belief.numpy(), truth_norm, annotated, torso_norm)
    return Examples(places_norm, belief, torch.from_numpy(right))


def _spread(crops: CropSet | None, most: int) -> Iterator[tuple[CropSet, int]]:
    if crops is not None:
        for index in np.unique(np.linspace(0, len(crops) - 1, most).astype(int)):
            yield crops, int(index)


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


def fit_file(path: Path, sets: Sources, show: bool = True) -> None:
    """Fit a checkpoint's structure and store it in the file.

    Raises:
        UserError: the checkpoint's maps are not distributions, or the sets hold nothing to fit on.
    """
    loaded = checkpoint.load(path)
    if loaded.network.config.maps != "softmax":
        raise UserError(f"the maps of {path.name} are not distributions", "only softmax maps can be read together")
    given = examples(Predictor(loaded, "cpu"), sets, show)
    checkpoint.edit_metadata(path, {checkpoint.STRUCTURE_KEY: fit(given).to_dict()})


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Fit how likely joints are together to a checkpoint's maps.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("config", type=Path, help="of the run it came from: the same pictures are read")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()

    def fit_one() -> None:
        config = configuration.load(args.config, args.set)
        fit_file(args.checkpoint, sources.open_sets(config, args.data, args.data / "cache"))

    return tool.finished(fit_one)


if __name__ == "__main__":
    sys.exit(main())
