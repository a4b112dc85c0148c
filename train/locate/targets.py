"""What the maps should say of a scene, and how far they are from it.

Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, section 3: Gaussians around the centres and an L1 loss of position
and size. Two things differ. The Gaussian is itself what the map should say, by the quality focal loss (Li et al.,
"Generalized Focal Loss", NeurIPS 2020, equation 4): with one place in the middle of each person alone as a positive, a
low score says "here, but not exactly here" as often as "nobody", and the threshold that keeps empty places quiet takes
the people with it. And position and size are learned wherever the Gaussian is high, in parts of the box, so that they
mean the same for near and far people (many places a person also learn sooner: Liu et al., "Training-Time-Friendly
Network", AAAI 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.crop import Box
from core.locate.network import SIZE_UNIT, STRIDE, Maps

SPREAD: Final = 0.15
"""Standard deviation of a centre's Gaussian, in parts of the box's sides."""
LEAST_SPREAD: Final = 0.8
"""And at least so many places of the map."""
LARGE: Final = 46.0
"""Sum of the Gaussian of somebody 18 places high and wide; the places of those with less count more."""
FAINT: Final = 0.05
"""A place of which the Gaussian is lower is no longer the person's."""
NEAR: Final = 0.35
"""Position and size are learned where a Gaussian is higher."""


@dataclass(frozen=True)
class Targets:
    """What is to be found in B scenes.

    Attributes:
        centre: (B, h, w) in 0..1, 1 at people's centres.
        count: (B, h, w) how much this place counts: nothing where it would not be known if somebody's centre were here,
            1 where nobody is, more in small people, whose few places would be nothing beside the many of large ones.
        box: (B, 4, h, w) as ``core.locate.network.Maps.box``.
        weight: (B, h, w) how much this place's box counts; sums to 1 for each person.
    """

    centre: Tensor
    count: Tensor
    box: Tensor
    weight: Tensor

    def to(self, device: str) -> Targets:
        """Return them on a device."""
        return Targets(*(getattr(self, item.name).to(device) for item in fields(self)))


def of_scene(boxes: Sequence[Box], known: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return the targets of one scene.

    Args:
        boxes: of the people, in input pixels.
        known: (H, W) uint8, 255 where it is known who is there.
    """
    height, width = known.shape[0] // STRIDE, known.shape[1] // STRIDE
    centre = np.zeros((height, width), np.float32)
    box = np.zeros((4, height, width), np.float32)
    weight = np.zeros((height, width), np.float32)
    count = (cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA) > 127).astype(np.float32)
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    # The largest first: where boxes meet, the nearer person is small beside the other's Gaussian.
    for x, y, wide, high in sorted(boxes, key=lambda item: -item[2] * item[3]):
        middle_x, middle_y = (x + wide / 2) / STRIDE, (y + high / 2) / STRIDE
        column, row = int(middle_x), int(middle_y)
        if not (0 <= column < width and 0 <= row < height):
            continue
        spread_x, spread_y = (max(SPREAD * side / STRIDE, LEAST_SPREAD) for side in (wide, high))
        bell = np.exp(-(((columns - middle_x) / spread_x) ** 2 + ((rows - middle_y) / spread_y) ** 2) / 2)
        bell[row, column] = 1.0
        near = (bell > NEAR) & (bell >= centre)
        box[0][near] = (middle_x - columns + 0 * rows)[near]
        box[1][near] = (middle_y - rows + 0 * columns)[near]
        box[2][near], box[3][near] = np.log(wide / SIZE_UNIT), np.log(high / SIZE_UNIT)
        weight[near] = bell[near] / bell[near].sum()
        count[row, column] = 1.0
        mine = (bell > FAINT) & (bell >= centre) & (count > 0.0)
        count[mine] = max((LARGE / bell.sum()) ** 0.5, 1.0)
        np.maximum(centre, bell, out=centre, casting="same_kind")
    return {"centre": centre, "count": count, "box": box, "weight": weight}


def stacked(scenes: Sequence[dict[str, NDArray[np.float32]]]) -> Targets:
    """Return the targets of a batch."""
    arrays = {name: torch.from_numpy(np.stack([scene[name] for scene in scenes])) for name in scenes[0]}
    return Targets(**arrays)


def losses(maps: Maps, wanted: Targets) -> dict[str, Tensor]:
    """Return the quality focal loss of the centres, in parts of all there is to find, and the L1 loss of the boxes."""
    logits = maps.centre.float()
    people = wanted.weight.sum().clamp_min(1.0)
    wrong = (torch.sigmoid(logits) - wanted.centre) ** 2
    unlike = functional.binary_cross_entropy_with_logits(logits, wanted.centre, reduction="none")
    centre = (wrong * unlike * wanted.count).sum() / (wanted.centre * wanted.count).sum().clamp_min(1.0)
    off = (maps.box.float() - wanted.box).abs()
    # A shift by a whole box is as bad as a size wrong by a factor e.
    sides = wanted.box[:, 2:].exp() * (SIZE_UNIT / STRIDE)
    far = off[:, 0] / sides[:, 0] + off[:, 1] / sides[:, 1] + off[:, 2] + off[:, 3]
    return {"centre": centre, "box": (far * wanted.weight).sum() / people}
