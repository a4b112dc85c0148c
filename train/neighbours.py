"""Other people laid beside the person who is meant: whose joints a network should name when it sees several.

Photos of one person each never show that the person in the middle of the crop is meant. A strip of another person's
crop, where none of the meant person's joints lie, does (in the spirit of CutMix: Yun et al., ICCV 2019, but the labels
stay those of one person).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from train.augment import AugmentConfig, View, draw_view, placed
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet

FloatArray = NDArray[np.float64]
Edge = Literal["left", "right", "top", "bottom"]

EDGES: Final[tuple[Edge, ...]] = ("left", "right", "top", "bottom")
OFTEN: Final = (0.4, 0.4, 0.1, 0.1)
"""How often a neighbour stands at each edge."""
_ACROSS: Final = ("top", "bottom")
_FAR: Final = ("right", "bottom")
"""Edges whose strips lie across, and those that y and x grow towards."""
ROOM: Final = 0.04
"""Share of the crop's side that is left between the meant person's joints and the strip."""
NARROWEST: Final = 0.15
"""Share of the crop's side; a narrower strip shows nothing of a person."""
SOFT: Final = 0.03
"""Share of the crop's side over which the strip fades in, so that its edge gives nothing away."""


@dataclass(frozen=True)
class Neighbour:
    """A strip of the crop in which somebody else is seen.

    Attributes:
        index: their sample, of the same set.
        view: how their stored crop is turned into the network's crop.
        edge: where the strip lies.
        width: of the strip, share of the crop's side.
    """

    index: int
    view: View
    edge: Edge
    width: float

    def cover(self, side_px: int) -> NDArray[np.float32]:
        """Return (s, s) how much of each pixel is theirs, 0..1."""
        from_edge = (np.arange(side_px) + 0.5) / side_px
        ramp = np.clip((self.width - from_edge) / SOFT, 0.0, 1.0).astype(np.float32)
        if self.edge in _FAR:
            ramp = ramp[::-1]
        return np.broadcast_to(ramp[:, None] if self.edge in _ACROSS else ramp, (side_px, side_px))


def draw(
    random: np.random.Generator, config: AugmentConfig, source: CropSet, joints_norm: NDArray[np.float32],
    annotated: NDArray[np.bool_], crop_px: int,
) -> Neighbour | None:  # fmt: skip
    """Draw a neighbour for a sample, most often none.

    Args:
        random: source of all draws.
        config: how often, and how far the neighbour is varied.
        source: where they come from.
        joints_norm: (16, 2) the meant person's joints, [-1, 1] over the crop; annotated: (16,) which of them are known.
        crop_px: side of the network's crop.
    """
    # No draw when it is switched off: the batches of older configurations stay as they were.
    if config.neighbour_probability <= 0 or random.random() >= config.neighbour_probability:
        return None
    edge = EDGES[int(random.choice(len(EDGES), p=OFTEN))]
    free = free_share(joints_norm[annotated].astype(np.float64), edge)
    if free < NARROWEST:
        return None
    width = float(random.uniform(max(NARROWEST, free / 2), free))
    index = int(random.integers(len(source)))
    view = draw_view(random, config, BOX_STORED, STORED_PX, crop_px)
    inward, along = random.uniform(0.0, width), random.uniform(0.3, 0.7)
    across = 1.0 - inward if edge in _FAR else inward
    at_crop = np.array((along, across) if edge in _ACROSS else (across, along)) * crop_px
    # The middle of the stored crop is where its person is.
    to_stored = placed(view.to_stored[:, :2], np.full(2, STORED_PX / 2), at_crop)
    return Neighbour(index, replace(view, to_stored=to_stored), edge, width)


def free_share(joints_norm: FloatArray, edge: Edge) -> float:
    """Return how wide a strip at an edge may be without coming near a joint, share of the crop's side.

    Args:
        joints_norm: (J, 2) in [-1, 1]; without any there is no room: nobody is meant.
        edge: where the strip would lie.
    """
    if len(joints_norm) == 0:
        return 0.0
    along = (joints_norm[:, 1 if edge in _ACROSS else 0] + 1.0) / 2.0
    return float((1.0 - along.max() if edge in _FAR else along.min()) - ROOM)
