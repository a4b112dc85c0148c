"""MPI-INF-3DHP: 3D PCK at 150 mm and AUC (0, 5, ..., 150 mm) on 14 joints, by scene and by group of joints.

The hips and the pelvis of every prediction are moved a fifth of the way to the neck, for this set's are higher than
those of the sets that networks are trained on; the truth stays, so that figures of others compare.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import geometry
from core.skeleton import JOINT_INDEX
from train import metrics
from train.datasets.mpi_inf_3dhp import SCENES, hips_towards_neck
from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, figures_2d, figures_3d, scenes_3d

FloatArray = NDArray[np.float64]

SCALES: Final = {
    "training": "bones sum to {bone_sum_mm:.2f} mm, the training subjects' mean",
    "true_skeleton": "each frame's bones sum to those of its true skeleton, as in the authors' release",
}
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "head": ("head_top",), "neck": ("upper_neck",),
    **{f"{joint}s": (f"right_{joint}", f"left_{joint}") for joint in ("shoulder", "elbow", "wrist")},
    **{f"{joint}s": (f"right_{joint}", f"left_{joint}") for joint in ("hip", "knee", "ankle")},
}  # fmt: skip


def figures(found: Collected, bone_sum_mm: float) -> Figures:
    """Return the set's figures; the bare names in ``three_d`` are at training scale."""
    truth = found.truth_mm
    predicted = hips_towards_neck(metrics.scaled(found.predicted_mm, bone_sum_mm))
    true_size = hips_towards_neck(metrics.scaled(found.predicted_mm, geometry.bone_lengths(truth).sum(-1)))
    return {
        **figures_2d(found),
        "scales": {name: text.format(bone_sum_mm=bone_sum_mm) for name, text in SCALES.items()},
        "hips_and_pelvis": "of the predictions: moved 0.2 of the way towards the neck",
        "three_d": scenes_3d(
            found, bone_sum_mm, list(dict.fromkeys(SCENES.values())), metrics.PCK3D_JOINTS, hips_towards_neck
        ),
        "pck_150_mm_by_group": {
            "training": by_group(predicted, truth),
            "true_skeleton": by_group(true_size, truth),
        },
        **figures_3d(found, bone_sum_mm, metrics.PCK3D_JOINTS, hips_towards_neck),
    }


def by_group(predicted_mm: FloatArray, truth_mm: FloatArray) -> dict[str, float]:
    """Return the 3D PCK at 150 mm of each group of joints."""
    right = metrics.hits_3d(predicted_mm, truth_mm)
    return {
        group: float(100.0 * right[:, [JOINT_INDEX[name] for name in names]].mean()) for group, names in GROUPS.items()
    }
