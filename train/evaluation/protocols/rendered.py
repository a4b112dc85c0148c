"""Rendered people: 2D and 3D figures in all and by scene; by action too where the set is of one scene."""

from __future__ import annotations

import numpy as np

from train import metrics
from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, actions_3d, figures_2d, figures_3d, scenes_3d


def figures(found: Collected, bone_sum_mm: float) -> Figures:
    """Return the set's figures; ``by_action`` is there for a set like the laboratory's, as Human3.6M is measured."""
    out = {**figures_2d(found), "three_d": scenes_3d(found, bone_sum_mm), **figures_3d(found, bone_sum_mm)}
    if (found.actions != "").all() and len(np.unique(found.scenes)) == 1:
        trained = metrics.scaled(found.predicted_mm, bone_sum_mm)
        each = {
            "mpjpe_training_scale_mm": metrics.mpjpe(trained, found.truth_mm),
            "n_mpjpe_mm": metrics.n_mpjpe(found.predicted_mm, found.truth_mm),
            "pa_mpjpe_mm": metrics.pa_mpjpe(found.predicted_mm, found.truth_mm),
        }
        out["by_action"] = actions_3d(each, found.actions)
    return out
