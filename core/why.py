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
        at_edge: whether the peak is highest in the heatmap's outermost cells, so that the joint may lie outside the
            crop; None where the heatmap is not known.
        passed_over: whether a higher peak was passed over because the limbs were read together.
    """

    joint: Joint
    ratio: float | None
    at_edge: bool | None
    passed_over: bool

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
        row, column = _highest_cell(pose, index)
        at_edge = bool(row in (0, heatmap.shape[0] - 1) or column in (0, heatmap.shape[1] - 1))
    ratio = joint.confidence / joint.second_confidence if has_second else None
    return Why(joint, ratio, at_edge, pose.decoded_by == "limbs" and ratio is not None and ratio < 1.0)


def _highest_cell(pose: Pose, index: int) -> tuple[int, int]:
    """Return the row and column in which the joint's own peak is highest."""
    heatmap = pose.heatmaps[index]
    if pose.decoded_by == "peaks":
        row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
        return int(row), int(column)
    # Imported late: they take OpenCV and torch, which whoever made the pose has loaded.
    from core import crop
    from core.heatmap import peak_radius

    side = heatmap.shape[0]
    joint_crop = crop.apply(crop.invert(pose.crop_to_picture), pose.joints_px[index])
    centre_column, centre_row = np.clip(joint_crop * side / pose.crop_size, 0, side - 1).astype(int)
    # A joint lies at the mean of its peak, which at the edge is a little inside of its highest cell.
    reach = peak_radius(side)
    top, left = max(0, centre_row - reach), max(0, centre_column - reach)
    near = heatmap[top : centre_row + reach + 1, left : centre_column + reach + 1]
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    return int(top + row), int(left + column)
