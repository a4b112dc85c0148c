"""MPII: PCKh at 0.5 of the head size (0.6 of the head box's diagonal), mean without pelvis and thorax."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.skeleton import JOINT_INDEX
from train import metrics
from train.evaluation import intervals
from train.evaluation.collecting import Collected
from train.evaluation.shared import Figures, by_joint, figures_2d

THRESHOLD: Final = 0.5
SCORED: Final = [index for name, index in JOINT_INDEX.items() if name not in ("pelvis", "thorax")]


def figures(found: Collected, _bone_sum_mm: float) -> Figures:
    """Return the set's figures."""
    right, counts = metrics.pck_hits(found.predicted_px, found.truth_px, found.annotated, found.head_px, THRESHOLD)
    part, total = right.sum(0), counts.sum(0)
    pckh = {
        "mean": pooled(part, total),
        "mean_95_percent": intervals.interval(
            lambda weights: pooled(weights @ right.astype(np.int64), weights @ counts.astype(np.int64)), len(found)
        ),
        "mean_is": "over all annotated joints but pelvis and thorax",
        "per_joint": by_joint(metrics.share_percent(part, total)),
        "persons_without_head_size": int(np.isnan(found.head_px).sum()),
    }
    return {**figures_2d(found), "pckh_0.5": pckh}


def pooled(part: NDArray[np.int64], total: NDArray[np.int64]) -> float:
    """Return the percentage of all scored joints that are right, from (16,) counts: joints weigh by how often."""
    return float(metrics.share_percent(part[SCORED].sum(), total[SCORED].sum()))
