"""Leeds Sports Pose: PCK at 0.2 of the torso (left shoulder to right hip), person-centric."""

from __future__ import annotations

from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, figures_2d


def figures(found: Collected, _bone_sum_mm: float) -> Figures:
    """Return the set's figures: its protocol is what is measured on every set."""
    return figures_2d(found)
