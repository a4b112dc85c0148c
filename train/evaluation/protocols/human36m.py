"""Human3.6M: root-aligned MPJPE per action over 16 joints, averaged over the 15 actions."""

from __future__ import annotations

from typing import Final

from train import metrics
from train.datasets.human36m import ACTIONS
from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, actions_3d, figures_2d, figures_3d

RELEASE_BONE_SUM_MM: Final = 4296.99
"""The release scales every prediction to this: nearer to the test subjects' mean than to the training ones'."""
RELEASE_SCALE: Final = f"mpjpe_release_scale_{RELEASE_BONE_SUM_MM:.2f}_mm"


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
    return {
        **figures_2d(found),
        "scales": {
            "mpjpe_training_scale_mm": f"bones sum to {bone_sum_mm:.2f} mm, the training subjects' mean",
            RELEASE_SCALE: f"bones sum to {RELEASE_BONE_SUM_MM} mm, as in the authors' release",
        },
        "three_d": actions_3d(each, found.actions, list(ACTIONS.values())),
        **figures_3d(found, bone_sum_mm),
    }
