"""Evaluation metrics, each a few lines and named as in the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from core import geometry, skeleton

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEFT_SHOULDER = skeleton.JOINT_INDEX["left_shoulder"]
RIGHT_HIP = skeleton.JOINT_INDEX["right_hip"]


def torso_px(joints_px: FloatArray, annotated: BoolArray) -> FloatArray:
    """Return (N,) torso lengths, left shoulder to right hip; NaN where either is not annotated.

    Args:
        joints_px: (N, 16, 2) truth.
        annotated: (N, 16).
    """
    length = np.linalg.norm(joints_px[:, LEFT_SHOULDER] - joints_px[:, RIGHT_HIP], axis=-1)
    known = annotated[:, LEFT_SHOULDER] & annotated[:, RIGHT_HIP] & (length > 1.0)
    return np.where(known, length, np.nan)


def pck(
    predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, reference_px: FloatArray, threshold: float
) -> FloatArray:
    """Return (16,) percentages of joints within ``threshold`` of the reference length; NaN where none is annotated.

    Args:
        predicted_px, truth_px: (N, 16, 2).
        annotated: (N, 16).
        reference_px: (N,) length per person; persons whose reference is NaN do not count.
        threshold: share of the reference length.
    """
    right, counts = pck_hits(predicted_px, truth_px, annotated, reference_px, threshold)
    return share_percent(right.sum(axis=0), counts.sum(axis=0))


def pck_hits(
    predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, reference_px: FloatArray, threshold: float
) -> tuple[BoolArray, BoolArray]:
    """Return (N, 16) which joints are right and which count; arguments as for ``pck``."""
    error = np.linalg.norm(predicted_px - truth_px, axis=-1)
    counts = annotated & np.isfinite(reference_px)[:, None]
    return counts & (error <= threshold * np.nan_to_num(reference_px)[:, None]), counts


def share_percent(part: NDArray[np.integer], total: NDArray[np.integer]) -> FloatArray:
    """Return ``part`` in percent of ``total``; NaN where there is nothing."""
    return np.where(total > 0, 100.0 * part / np.maximum(total, 1), np.nan)


def limb_mean(per_joint: FloatArray) -> float:
    """Return the mean over the 12 limb joints."""
    limbs = per_joint[list(skeleton.LIMB_JOINTS)]
    return float(np.nanmean(limbs)) if np.isfinite(limbs).any() else float("nan")


def root_aligned(joints_mm: FloatArray) -> FloatArray:
    """Move (N, 16, 3) skeletons to have their pelvis at the origin."""
    return joints_mm - joints_mm[:, skeleton.ROOT : skeleton.ROOT + 1]


def scaled(joints_mm: FloatArray, bone_sum_mm: float | FloatArray) -> FloatArray:
    """Scale (N, 16, 3) root-aligned skeletons so that their 14 bones sum to one length, or to (N,) lengths."""
    total = np.maximum(geometry.bone_lengths(joints_mm).sum(-1), 1e-9)
    out: FloatArray = joints_mm * (np.asarray(bone_sum_mm) / total)[:, None, None]
    return out


ALL_JOINTS = tuple(range(skeleton.JOINT_COUNT))


def mpjpe(predicted_mm: FloatArray, truth_mm: FloatArray, joints: Sequence[int] = ALL_JOINTS) -> FloatArray:
    """Return (N,) mean position errors of the given joints, mm, root-aligned."""
    errors: FloatArray = np.linalg.norm(root_aligned(predicted_mm) - root_aligned(truth_mm), axis=-1)
    return np.asarray(errors[:, list(joints)].mean(-1))


def n_mpjpe(predicted_mm: FloatArray, truth_mm: FloatArray, joints: Sequence[int] = ALL_JOINTS) -> FloatArray:
    """Return (N,) MPJPE after the scale that fits each skeleton best (Rhodin et al., CVPR 2018)."""
    predicted, truth = (root_aligned(joints_mm)[:, list(joints)] for joints_mm in (predicted_mm, truth_mm))
    scale = (predicted * truth).sum((1, 2)) / np.maximum((predicted**2).sum((1, 2)), 1e-9)
    return np.asarray(np.linalg.norm(predicted * scale[:, None, None] - truth, axis=-1).mean(-1))


def pa_mpjpe(predicted_mm: FloatArray, truth_mm: FloatArray, joints: Sequence[int] = ALL_JOINTS) -> FloatArray:
    """Return (N,) MPJPE after the best similarity transform of each skeleton (Procrustes; reflections excluded)."""
    predicted_mm, truth_mm = predicted_mm[:, list(joints)], truth_mm[:, list(joints)]
    predicted = predicted_mm - predicted_mm.mean(axis=1, keepdims=True)
    truth = truth_mm - truth_mm.mean(axis=1, keepdims=True)
    u, singular, vt = np.linalg.svd(np.swapaxes(predicted, 1, 2) @ truth)
    sign = np.sign(np.linalg.det(u @ vt))
    singular[:, -1] *= sign
    u[:, :, -1] *= sign[:, None]
    scale = singular.sum(1) / np.maximum((predicted**2).sum((1, 2)), 1e-9)
    aligned = scale[:, None, None] * (predicted @ (u @ vt))
    errors: FloatArray = np.linalg.norm(aligned - truth, axis=-1).mean(-1)
    return errors


PCK3D_JOINTS = tuple(index for index, name in enumerate(skeleton.JOINT_NAMES) if name not in ("pelvis", "thorax"))
"""MPI-INF-3DHP scores 14 joints: no pelvis, no spine."""


def hits_3d(predicted_mm: FloatArray, truth_mm: FloatArray, threshold_mm: float = 150.0) -> BoolArray:
    """Return (N, 16) which joints are within a distance, root-aligned."""
    error = np.linalg.norm(root_aligned(predicted_mm) - root_aligned(truth_mm), axis=-1)
    return np.asarray(error <= threshold_mm)


def pck_3d_each(predicted_mm: FloatArray, truth_mm: FloatArray, threshold_mm: float = 150.0) -> FloatArray:
    """Return (N,) percentages of each person's 14 joints within a distance (Mehta et al., 3DV 2017)."""
    return np.asarray(100.0 * hits_3d(predicted_mm, truth_mm, threshold_mm)[:, list(PCK3D_JOINTS)].mean(-1))


def auc_3d_each(predicted_mm: FloatArray, truth_mm: FloatArray) -> FloatArray:
    """Return (N,) means of ``pck_3d_each`` over the thresholds 0, 5, ..., 150 mm."""
    limits = range(0, 151, 5)
    return np.asarray(np.mean([pck_3d_each(predicted_mm, truth_mm, float(limit)) for limit in limits], axis=0))


def pck_3d(predicted_mm: FloatArray, truth_mm: FloatArray, threshold_mm: float = 150.0) -> float:
    """Return the percentage of all persons' 14 joints within a distance, root-aligned."""
    return float(pck_3d_each(predicted_mm, truth_mm, threshold_mm).mean())


def auc_3d(predicted_mm: FloatArray, truth_mm: FloatArray) -> float:
    """Return the mean of ``pck_3d`` over the thresholds 0, 5, ..., 150 mm."""
    return float(auc_3d_each(predicted_mm, truth_mm).mean())


def limb_difference(joints: FloatArray) -> dict[str, FloatArray]:
    """Return per limb the (N,) |left - right| lengths of (N, 16, D) skeletons, in their unit."""
    lengths = geometry.bone_lengths(joints)
    return {limb: np.abs(lengths[:, right] - lengths[:, left]) for limb, (right, left) in skeleton.LIMBS.items()}


def depth_order(
    predicted_mm: FloatArray, truth_mm: FloatArray, margin_mm: float, joints: Sequence[int] = ALL_JOINTS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the pairs of joints whose order from the camera is right.

    Args:
        predicted_mm, truth_mm: (N, 16, 3).
        margin_mm: pairs whose true depths differ by no more than this do not count.
        joints: those that are paired.

    Returns:
        (N,) pairs in the right order and (N,) pairs that count.
    """
    first, second = np.triu_indices(len(joints), 1)
    chosen = list(joints)
    truth = truth_mm[:, chosen, 2][:, first] - truth_mm[:, chosen, 2][:, second]
    predicted = predicted_mm[:, chosen, 2][:, first] - predicted_mm[:, chosen, 2][:, second]
    counts = np.abs(truth) > margin_mm
    return (counts & (truth * predicted > 0)).sum(1), counts.sum(1)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How far confidence can be believed, over B bins of equal width (Guo et al., ICML 2017).

    Attributes:
        count: (B,) joints.
        confidence, accuracy: (B,) means in 0..1, NaN in an empty bin.
        error: expected calibration error in 0..1: the mean |accuracy - confidence| over joints; NaN without joints.
    """

    count: NDArray[np.int64]
    confidence: FloatArray
    accuracy: FloatArray
    error: float


def reliability(confidence: FloatArray, right: BoolArray, bins: int = 10) -> Reliability:
    """Compare (M,) confidences in 0..1 with (M,) whether the joint was right."""
    place = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.maximum(count, 1)
    mean, accuracy = (
        np.bincount(place, values, minlength=bins) / filled for values in (confidence, right.astype(float))
    )
    error = float((count * np.abs(accuracy - mean)).sum() / count.sum()) if count.sum() else float("nan")
    empty = count == 0
    return Reliability(count, np.where(empty, np.nan, mean), np.where(empty, np.nan, accuracy), error)


def roc_auc(positive: FloatArray, negative: FloatArray) -> float:
    """Return how often a positive's score is above a negative's, ties counting half: the area under the ROC curve."""
    ranks = rankdata(np.concatenate([positive, negative]))
    count = len(positive)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(negative)))


def limb_asymmetry_percent(joints_mm: FloatArray) -> dict[str, float]:
    """Return the mean |left - right| over their mean of each limb, percent, over (N, 16, 3) skeletons."""
    return {limb: float(values.mean()) for limb, values in geometry.asymmetry_percent(joints_mm).items()}


PAIRS = {"ankles": (0, 5), "wrists": (10, 15)}


def pair_collapse(
    predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, torso: FloatArray
) -> dict[str, tuple[BoolArray, BoolArray]]:
    """Tell of each of ``PAIRS`` whose predicted joints fall together though the true ones are apart.

    Together: within 0.1 torso; apart: over 0.3 torso.

    Args:
        predicted_px, truth_px: (N, 16, 2).
        annotated: (N, 16).
        torso: (N,) from ``torso_px``.

    Returns:
        By pair: (N,) who fails so, and (N,) whose true joints are apart.
    """
    found = {}
    for name, (right, left) in PAIRS.items():
        known = annotated[:, right] & annotated[:, left] & np.isfinite(torso)
        apart = known & (np.linalg.norm(truth_px[:, right] - truth_px[:, left], axis=-1) > 0.3 * np.nan_to_num(torso))
        together = np.linalg.norm(predicted_px[:, right] - predicted_px[:, left], axis=-1) < 0.1 * np.nan_to_num(torso)
        found[name] = apart & together, apart
    return found


def pair_collapse_percent(
    predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, torso: FloatArray
) -> dict[str, float]:
    """Return how often each pair falls together, in percent of those that are apart; see ``pair_collapse``."""
    found = pair_collapse(predicted_px, truth_px, annotated, torso)
    return {
        name: float(100.0 * collapsed.sum() / max(int(apart.sum()), 1)) for name, (collapsed, apart) in found.items()
    }


def swaps(
    predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, torso: FloatArray
) -> tuple[BoolArray, BoolArray]:
    """Tell whose left-right pairs of limb joints would fit swapped, and well (both within 0.3 torso).

    Args:
        predicted_px, truth_px, annotated, torso: as for ``pair_collapse``.

    Returns:
        (N, 6) swapped pairs, in the order of ``skeleton.MIRROR_PAIRS``, and (N, 6) those annotated and over 0.3 torso
        apart in truth.
    """
    right, left = (list(side) for side in zip(*skeleton.MIRROR_PAIRS, strict=True))
    limit = 0.3 * np.nan_to_num(torso)[:, None]
    apart = annotated[:, right] & annotated[:, left] & np.isfinite(torso)[:, None]
    apart &= np.linalg.norm(truth_px[:, right] - truth_px[:, left], axis=-1) > limit
    crossed = [
        np.linalg.norm(predicted_px[:, one] - truth_px[:, other], axis=-1) < limit
        for one, other in ((right, left), (left, right))
    ]
    return apart & crossed[0] & crossed[1], apart


def swap_percent(predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, torso: FloatArray) -> float:
    """Return how often a pair is swapped, in percent of those that are apart; see ``swaps``."""
    swapped, apart = swaps(predicted_px, truth_px, annotated, torso)
    return 100.0 * int(swapped.sum()) / max(int(apart.sum()), 1)
