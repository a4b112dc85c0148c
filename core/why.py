"""Why a joint is where the network put it: its first and second peak, their ratio, and the edge of the crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from core.pose import Joint, Pose

TWO_GUESSES: Final = 2.0
"""A first peak less than this many times the second is one of two guesses."""


@dataclass(frozen=True)
class Why:
    """What decided where a joint is.

    Attributes:
        joint: everything known about it.
        ratio: the first peak's confidence over the second's, None where there is no second.
        at_edge: whether the heatmap is highest in its outermost cells, so that the joint may lie outside the crop;
            None where the heatmap is not known.
    """

    joint: Joint
    ratio: float | None
    at_edge: bool | None

    @property
    def is_two_guesses(self) -> bool:
        """Whether the second peak is nearly as strong as the first."""
        return self.ratio is not None and self.ratio < TWO_GUESSES


def explain(pose: Pose, index: int) -> Why:
    """Return what decided where a joint of a pose is."""
    joint = pose.joint(index)
    has_second = joint.second_xy_px is not None and joint.second_confidence > 0.0
    heatmap = pose.heatmaps[index]
    at_edge: bool | None = None
    if heatmap.max() > 0.0:
        row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
        at_edge = bool(row in (0, heatmap.shape[0] - 1) or column in (0, heatmap.shape[1] - 1))
    return Why(joint, joint.confidence / joint.second_confidence if has_second else None, at_edge)
