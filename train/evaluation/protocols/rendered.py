"""Rendered people: 2D and 3D figures in all and by scene."""

from __future__ import annotations

import numpy as np

from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, figures_2d, figures_3d, parts, row_3d


def figures(found: Collected, bone_sum_mm: float) -> Figures:
    """Return the set's figures."""
    three_d = {
        scene: row_3d(found.predicted_mm[chosen], found.truth_mm[chosen], with_intervals=scene == "all")
        for scene, chosen in {"all": np.ones(len(found), bool), **parts(found.scenes)}.items()
    }
    return {**figures_2d(found), "three_d": three_d, **figures_3d(found, bone_sum_mm)}
