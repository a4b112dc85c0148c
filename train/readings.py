"""What a trained network answers on pictures it was trained on, beside the truth: what is fitted after it learns from.

``train.pictorial`` fits how joints are read from the maps, ``train.lifting`` how depths follow from where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from core import heatmap, pictorial
from core.predictor import BATCH, Predictor
from train import batches
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet
from train.sources import Sources

PHOTOS: Final = 8000
PEOPLE: Final = 16_000
"""Most pictures that are read, of each kind, evenly spread."""
FEWEST: Final = 500
SHARE: Final = 0.05
"""Of each kind no more are read than this share of the samples that were learned from, unless that is very few: what
is fitted at the end of a run should not take longer than the training."""


@dataclass(frozen=True)
class Readings:
    """N pictures, photos first.

    Attributes:
        places_norm: (N, 16, K, 2) each map's best peaks, [-1, 1] over the crop; belief: (N, 16, K).
        depth_norm: (N, 16) the depth module's answer.
        truth_norm: (N, 16, 2) and annotated: (N, 16) bool, the labels.
        truth_depth_norm: (N, 16), meaningless where has_depth: (N,) bool is False.
    """

    places_norm: Tensor
    belief: Tensor
    depth_norm: Tensor
    truth_norm: Tensor
    annotated: Tensor
    truth_depth_norm: Tensor
    has_depth: Tensor


def read(predictor: Predictor, sets: Sources, samples: int | None = None, show: bool = True) -> Readings:
    """Run the network, mirror averaging and all.

    Args:
        predictor: with softmax maps.
        sets: what it was trained on.
        samples: how many it has learned from; None to read as many pictures as tell anything.
        show: whether a progress bar is drawn.
    """
    config = predictor.checkpoint.network.config
    few = max(PHOTOS, PEOPLE) if samples is None else max(FEWEST, int(SHARE * samples))
    photos = list(_spread(sets.photos, min(PHOTOS, few)))
    picked = [*photos, *_spread(sets.people, min(PEOPLE, few))]
    answers = []
    for start in tqdm(range(0, len(picked), BATCH), desc="reading pictures", unit="batch", disable=not show):
        part = picked[start : start + BATCH]
        maps, depth = predictor.raw(np.stack([batches.stored_view(*one, config.input_px) for one in part]))
        places, belief = heatmap.peaks(maps, config.maps, pictorial.CANDIDATES)
        answers.append((2.0 * places / config.heatmap_px - 1.0, belief, depth.double()))
    places_norm, belief, depth_norm = (torch.cat(values) for values in zip(*answers, strict=True))
    # The crop that was looked at is the middle of the stored one.
    view = batches.plain_view(config.input_px)
    has_depth = np.arange(len(picked)) >= len(photos)
    depths = [
        batches.true_depth_norm(*one, view) if known else np.zeros(belief.shape[1])
        for one, known in zip(picked, has_depth, strict=True)
    ]
    truth = np.stack([crops.joints_stored[index] for crops, index in picked]).astype(np.float64)
    return Readings(
        places_norm, belief, depth_norm, torch.from_numpy((truth - STORED_PX / 2) / (BOX_STORED / 2)),
        torch.from_numpy(np.stack([crops.annotated[index] for crops, index in picked])),
        torch.from_numpy(np.stack(depths)), torch.from_numpy(has_depth),
    )  # fmt: skip


def _spread(crops: CropSet | None, most: int) -> Iterator[tuple[CropSet, int]]:
    if crops is not None:
        for index in np.unique(np.linspace(0, len(crops) - 1, most).astype(int)):
            yield crops, int(index)
