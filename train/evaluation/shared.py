"""What is measured on every set, and on every set with 3D truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core import geometry, skeleton
from train import metrics
from train.evaluation import intervals
from train.evaluation.collecting import Collected

FloatArray = NDArray[np.float64]
Figures = dict[str, Any]

DEPTH_MARGIN_MM: Final = 50.0
"""Joints whose true depths are nearer to each other than this have no order worth asking for."""
CALIBRATION_BINS: Final = 10
AVERAGE: Final = "average of actions"
TRUE_SCALE: Final = "_true_skeleton_scale"
"""Ends the names of figures of skeletons whose bones sum to those of the true one, as in the authors' release."""
SAME_BOX: Final = 0.5
"""A searched box of this overlap with the labels' has found the person."""
CURVE: Final = tuple(round(0.02 * step, 2) for step in range(26))
"""Thresholds of the PCK curve, in torsos."""
PCK_SHARE: Final = 0.2
"""A joint is right within this share of the torso."""


def figures_2d(found: Collected) -> Figures:
    """Return PCK at 0.2 torso, geometry, collapse, swaps, confidence and its calibration."""
    torso = metrics.torso_px(found.truth_px, found.annotated)
    right, counts = metrics.pck_hits(found.predicted_px, found.truth_px, found.annotated, torso, PCK_SHARE)
    per_joint = metrics.share_percent(right.sum(0), counts.sum(0))
    asymmetry = metrics.limb_asymmetry_percent(found.predicted_mm)
    pairs = (found.predicted_px, found.truth_px, found.annotated, torso)
    return {
        "persons": len(found),
        "persons_without_torso": int(np.isnan(torso).sum()),
        "pck_0.2_torso": {
            "limb_joints_mean": metrics.limb_mean(per_joint),
            "limb_joints_mean_95_percent": intervals.of_pck(right, counts, metrics.limb_mean),
            "annotated_joints_mean": mean_known(per_joint),
            "per_joint": by_joint(per_joint),
        },
        "pck_curve": pck_curve(found, torso),
        "left_right_asymmetry_percent": {**asymmetry, "mean": float(np.mean(list(asymmetry.values())))},
        "geometry_validity": geometry_validity(found),
        "pair_collapse_percent": metrics.pair_collapse_percent(*pairs),
        "left_right_swap_percent": metrics.swap_percent(*pairs),
        "mean_confidence": float(found.confidence.mean()),
        "calibration": calibration(found.confidence, right, counts),
    }


def pck_curve(found: Collected, torso: FloatArray) -> Figures:
    """Return the PCK over a sweep of thresholds: of the 12 limb joints, and of each pair of them.

    Args:
        found: predictions beside truth.
        torso: (N,) reference lengths, from ``metrics.torso_px``.
    """
    joints = (found.predicted_px, found.truth_px, found.annotated, torso)
    each = np.array([metrics.pck(*joints, threshold) for threshold in CURVE])
    return {
        "thresholds_torso": list(CURVE),
        "limb_joints_mean": [metrics.limb_mean(row) for row in each],
        "by_pair": {
            skeleton.JOINT_NAMES[right].removeprefix("right_") + "s": [mean_known(row[[right, left]]) for row in each]
            for right, left in skeleton.MIRROR_PAIRS
        },
    }


def search_figures(found: Collected) -> Figures:
    """Return how well the boxes that a search found fit those of the labels."""
    near = np.where(found.box_overlap >= SAME_BOX, 100.0, 0.0)
    return {
        "overlap_mean": float(found.box_overlap.mean()),
        "overlap_mean_95_percent": intervals.of_mean(found.box_overlap),
        "found_percent": float(near.mean()),
        "found_percent_95_percent": intervals.of_mean(near),
        "found_is": f"the intersection of both boxes is at least {SAME_BOX:g} of their union",
    }


def geometry_validity(found: Collected) -> Figures:
    """Return the mean |left - right| per limb of the lifted skeletons, in mm and in px of the 256 px crop."""
    frames = {"mm": found.predicted_mm, "px_of_256_crop": found.predicted_crop}
    out: Figures = {"what": "mean |left - right| of the lifted skeleton; mm at training scale, px with depth in px too"}
    for unit, joints in frames.items():
        each = metrics.limb_difference(joints)
        out[unit] = {limb: float(values.mean()) for limb, values in each.items()}
        overall = np.mean(list(each.values()), axis=0)
        out[unit] |= {"mean": float(overall.mean()), "mean_95_percent": intervals.of_mean(overall)}
    return out


def calibration(confidence: FloatArray, right: NDArray[np.bool_], counts: NDArray[np.bool_]) -> Figures:
    """Return the expected calibration error of the peak confidence, with the table it comes from.

    Args:
        confidence: (N, 16).
        right, counts: (N, 16) within 0.2 torso; annotated with a torso to measure by.
    """
    found = metrics.reliability(confidence[counts], right[counts], CALIBRATION_BINS)
    place = np.clip((confidence * CALIBRATION_BINS).astype(np.int64), 0, CALIBRATION_BINS - 1)
    within = [counts & (place == row) for row in range(CALIBRATION_BINS)]
    table = [
        {
            "from": row / CALIBRATION_BINS,
            "to": (row + 1) / CALIBRATION_BINS,
            "joints": int(found.count[row]),
            "mean_confidence": float(found.confidence[row]),
            "share_right": float(found.accuracy[row]),
            "share_right_95_percent": _share_interval(right, within[row]),
        }
        for row in range(CALIBRATION_BINS)
    ]
    return {
        "right": f"within {PCK_SHARE:g} torso",
        "joints": int(found.count.sum()),
        "expected_calibration_error": found.error,
        "expected_calibration_error_95_percent": _ece_interval(confidence, right, within),
        "reliability": table,
    }


def _share_interval(right: NDArray[np.bool_], within: NDArray[np.bool_]) -> list[float] | None:
    """Return the interval over persons of the share of right joints among those within a bin."""
    percent = intervals.of_ratio((right & within).sum(1), within.sum(1)) if within.any() else None
    return percent and [limit / 100.0 for limit in percent]


def _ece_interval(
    confidence: FloatArray, right: NDArray[np.bool_], within: Sequence[NDArray[np.bool_]]
) -> list[float] | None:
    """Return the interval over persons: per bin, sums of each person's joints are drawn together."""
    # (N, bins): what each person adds to each bin; the bin's |accuracy - confidence| times its count is |sum of both|.
    surplus = np.stack([np.where(chosen, right - confidence, 0.0).sum(1) for chosen in within], axis=1)
    total = np.sum(within, axis=0).sum(1)

    def error(weights: NDArray[np.int64]) -> float:
        joints = int(weights @ total)
        return float(np.abs(weights @ surplus).sum() / joints) if joints else float("nan")

    return intervals.interval(error, len(confidence))


Correction = Callable[[FloatArray], FloatArray]
"""What a protocol does to predicted (N, 16, 3) skeletons before they are scored; each axis for itself."""


def figures_3d(
    found: Collected, bone_sum_mm: float, joints: Sequence[int] = metrics.ALL_JOINTS,
    correct: Correction = metrics.root_aligned,
) -> Figures:  # fmt: skip
    """Return the depth order and which share of the error comes from where.

    Args:
        found: with 3D truth.
        bone_sum_mm: the training subjects' mean sum of bones.
        joints: those that the protocol scores.
        correct: what the protocol does to predictions.
    """
    right, total = metrics.depth_order(found.predicted_mm, found.truth_mm, DEPTH_MARGIN_MM, joints)
    pairs = int(total.sum())
    return {
        "depth_order": {
            "margin_mm": DEPTH_MARGIN_MM,
            "pairs": pairs,
            "right_percent": 100.0 * int(right.sum()) / pairs if pairs else float("nan"),
            "right_percent_95_percent": intervals.of_ratio(right, total),
        },
        "error_split": error_split(found, bone_sum_mm, joints, correct),
    }


def error_split(
    found: Collected, bone_sum_mm: float, joints: Sequence[int] = metrics.ALL_JOINTS,
    correct: Correction = metrics.root_aligned,
) -> Figures:  # fmt: skip
    """Return the errors of skeletons joined from own and true 2D and depth, all lifted alike.

    What is left with both true is the weak camera's and the scale's. The protocol's correction is for what the network
    learned elsewhere: it changes what is the network's own (x and y, or z), never what is true.
    """
    flat_mm = np.maximum(geometry.bone_lengths(found.truth_mm[..., :2]).sum(-1), 1e-9)
    crop_per_mm = geometry.bone_lengths(found.truth_crop).sum(-1) / flat_mm
    depths = {"own": found.predicted_crop[..., 2], "true": found.truth_mm[..., 2] * crop_per_mm[:, None]}
    planes = {"own": found.predicted_crop[..., :2], "true": found.truth_crop}
    out: Figures = {}
    for plane, flat in planes.items():
        for depth, deep in depths.items():
            lifted = metrics.scaled(metrics.root_aligned(np.concatenate([flat, deep[..., None]], -1)), bone_sum_mm)
            own = np.array([plane == "own", plane == "own", depth == "own"])
            joined = np.where(own, correct(lifted), lifted)
            out[f"{plane}_2d_{depth}_depth"] = {
                "mpjpe_training_scale_mm": float(metrics.mpjpe(joined, found.truth_mm, joints).mean()),
                "n_mpjpe_mm": float(metrics.n_mpjpe(joined, found.truth_mm, joints).mean()),
            }
    return out


def row_3d(
    predicted_mm: FloatArray,
    truth_mm: FloatArray,
    joints: Sequence[int] = metrics.ALL_JOINTS,
    *,
    with_intervals: bool = False,
) -> Figures:
    """Return one row of 3D figures over (N, 16, 3) skeletons at training scale."""
    each = {
        "mpjpe_training_scale_mm": metrics.mpjpe(predicted_mm, truth_mm, joints),
        "n_mpjpe_mm": metrics.n_mpjpe(predicted_mm, truth_mm, joints),
        "pa_mpjpe_mm": metrics.pa_mpjpe(predicted_mm, truth_mm, joints),
        "pck_150_mm": metrics.pck_3d_each(predicted_mm, truth_mm),
        "auc_0_150_mm": metrics.auc_3d_each(predicted_mm, truth_mm),
    }
    return {"persons": len(truth_mm), **means(each, with_intervals)}


def scenes_3d(
    found: Collected, bone_sum_mm: float, order: Sequence[str] = (), joints: Sequence[int] = metrics.ALL_JOINTS,
    correct: Correction = metrics.root_aligned,
) -> Figures:  # fmt: skip
    """Return 3D figures over all persons and by scene, at training scale and at each true skeleton's.

    Args:
        found: with 3D truth.
        bone_sum_mm: the training subjects' mean sum of bones.
        order: of the scenes; others follow by name.
        joints: those that the errors are the mean of.
        correct: what the protocol does to predictions once they have their scale.
    """
    truth = found.truth_mm
    trained = correct(metrics.scaled(found.predicted_mm, bone_sum_mm))
    true_size = correct(metrics.scaled(found.predicted_mm, geometry.bone_lengths(truth).sum(-1)))
    out: Figures = {}
    for scene, chosen in {"all": np.ones(len(found), bool), **parts(found.scenes, order)}.items():
        whole = scene == "all"
        released = {
            f"pck_150_mm{TRUE_SCALE}": metrics.pck_3d_each(true_size[chosen], truth[chosen]),
            f"auc_0_150_mm{TRUE_SCALE}": metrics.auc_3d_each(true_size[chosen], truth[chosen]),
        }
        out[scene] = {
            **row_3d(trained[chosen], truth[chosen], joints, with_intervals=whole), **means(released, whole),
        }  # fmt: skip
    return out


def actions_3d(each: dict[str, FloatArray], actions: NDArray[np.str_], order: Sequence[str] = ()) -> Figures:
    """Return the average over actions, with intervals, then each action's means.

    Args:
        each: name of a figure -> (N,) values, one for each person.
        actions: (N,) what each does.
        order: of the actions; others follow by name.
    """
    rows: Figures = {
        action: {"persons": int(chosen.sum()), **{name: float(values[chosen].mean()) for name, values in each.items()}}
        for action, chosen in parts(actions, order).items()
    }
    average: Figures = {"persons": len(actions), "actions": len(rows)}
    for name, values in each.items():
        average[name] = float(np.mean([row[name] for row in rows.values()]))
        average[f"{name}_95_percent"] = intervals.of_mean_of_groups(values, actions)
    return {AVERAGE: average, **rows}


def means(each: dict[str, FloatArray], with_intervals: bool) -> Figures:
    """Return the mean of each (N,) array, and its interval if wanted."""
    out: Figures = {}
    for name, values in each.items():
        out[name] = float(values.mean())
        if with_intervals:
            out[f"{name}_95_percent"] = intervals.of_mean(values)
    return out


def parts(words: NDArray[np.str_], order: Sequence[str] = ()) -> dict[str, NDArray[np.bool_]]:
    """Return who belongs to each word, in the given order, then the others by name."""
    there = [str(word) for word in np.unique(words)]
    names = [word for word in order if word in there] + [word for word in there if word not in order]
    return {name: words == name for name in names}


def by_joint(values: FloatArray) -> dict[str, float | None]:
    """Name the joints of (16,) values; None where there is none."""
    return {
        name: None if np.isnan(value) else float(value)
        for name, value in zip(skeleton.JOINT_NAMES, values, strict=True)
    }


def mean_known(values: FloatArray) -> float:
    """Return the mean of the values that are there."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


Protocol = Callable[[Collected, float], Figures]
"""Takes what was collected and the training subjects' mean sum of bones in mm."""
