"""What the maps should say of a scene, and how far they are from it.

Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, section 3: the focal loss of the centre map with Gaussians around
the centres (after Law and Deng, "CornerNet", ECCV 2018, equation 1) and an L1 loss of position and size; here it is
taken wherever the Gaussian is high, in parts of the box, so that it means the same for near and far people.
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

SPREAD: Final = 0.1
"""Standard deviation of a centre's Gaussian, in parts of the box's sides."""
LEAST_SPREAD: Final = 0.6
"""And at least so many places of the map."""
NEAR: Final = 0.25
"""Position and size are learned where a Gaussian is higher."""


@dataclass(frozen=True)
class Targets:
    """What is to be found in B scenes.

    Attributes:
        centre: (B, h, w) in 0..1, 1 at people's centres.
        known: (B, h, w) bool: whether it would be known if somebody's centre were here.
        box: (B, 4, h, w) as ``core.locate.network.Maps.box``.
        weight: (B, h, w) how much this place's box counts; sums to 1 for each person.
    """

    centre: Tensor
    known: Tensor
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
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    share = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
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
        np.maximum(centre, bell, out=centre, casting="same_kind")
        share[row, column] = 1.0
    return {"centre": centre, "known": share, "box": box, "weight": weight}


def stacked(scenes: Sequence[dict[str, NDArray[np.float32]]]) -> Targets:
    """Return the targets of a batch."""
    arrays = {name: torch.from_numpy(np.stack([scene[name] for scene in scenes])) for name in scenes[0]}
    return Targets(arrays["centre"], arrays["known"] > 0.5, arrays["box"], arrays["weight"])


def losses(maps: Maps, wanted: Targets) -> dict[str, Tensor]:
    """Return the focal loss of the centres, per person, and the mean L1 loss of the boxes."""
    logits = maps.centre.float()
    people = wanted.weight.sum().clamp_min(1.0)
    sure = torch.sigmoid(logits)
    here = wanted.centre >= 1.0
    found = -functional.logsigmoid(logits) * (1.0 - sure) ** 2
    missed = -functional.logsigmoid(-logits) * sure**2 * (1.0 - wanted.centre) ** 4
    centre = torch.where(here, found, missed * wanted.known).sum() / people
    off = (maps.box.float() - wanted.box).abs()
    # A shift by a whole box is as bad as a size wrong by a factor e.
    sides = wanted.box[:, 2:].exp() * (SIZE_UNIT / STRIDE)
    far = off[:, 0] / sides[:, 0] + off[:, 1] / sides[:, 1] + off[:, 2] + off[:, 3]
    return {"centre": centre, "box": (far * wanted.weight).sum() / people}
