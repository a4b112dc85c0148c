"""Human3.6M: root-aligned MPJPE per action over 16 joints, averaged over the 15 actions."""

from __future__ import annotations

from typing import Final

import numpy as np

from train import metrics
from train.datasets.human36m import ACTIONS
from train.evaluation import intervals
from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, figures_2d, figures_3d, parts

RELEASE_BONE_SUM_MM: Final = 4296.99
"""The release scales every prediction to this: nearer to the test subjects' mean than to the training ones'."""
RELEASE_SCALE: Final = f"mpjpe_release_scale_{RELEASE_BONE_SUM_MM:.2f}_mm"
AVERAGE: Final = "average of actions"


def figures(found: Collected, bone_sum_mm: float) -> Figures:
    """Return the set's figures; ``three_d`` has the average first, then the actions in the set's order."""
    each = {
        "mpjpe_training_scale_mm": metrics.mpjpe(metrics.scaled(found.predicted_mm, bone_sum_mm), found.truth_mm),
        RELEASE_SCALE: metrics.mpjpe(metrics.scaled(found.predicted_mm, RELEASE_BONE_SUM_MM), found.truth_mm),
        "n_mpjpe_mm": metrics.n_mpjpe(found.predicted_mm, found.truth_mm),
        "pa_mpjpe_mm": metrics.pa_mpjpe(found.predicted_mm, found.truth_mm),
        "pck_150_mm": metrics.pck_3d_each(found.predicted_mm, found.truth_mm),
        "auc_0_150_mm": metrics.auc_3d_each(found.predicted_mm, found.truth_mm),
    }
    actions: Figures = {
        action: {"persons": int(chosen.sum()), **{name: float(values[chosen].mean()) for name, values in each.items()}}
        for action, chosen in parts(found.actions, list(ACTIONS.values())).items()
    }
    average: Figures = {"persons": len(found), "actions": len(actions)}
    for name, values in each.items():
        average[name] = float(np.mean([row[name] for row in actions.values()]))
        average[f"{name}_95_percent"] = intervals.of_mean_of_groups(values, found.actions)
    return {
        **figures_2d(found),
        "scales": {
            "mpjpe_training_scale_mm": f"bones sum to {bone_sum_mm:.2f} mm, the training subjects' mean",
            RELEASE_SCALE: f"bones sum to {RELEASE_BONE_SUM_MM} mm, as in the authors' release",
        },
        "three_d": {AVERAGE: average, **actions},
        **figures_3d(found, bone_sum_mm),
    }
