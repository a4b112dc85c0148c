"""Evaluation metrics, each a few lines and named as in the field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    error = np.linalg.norm(predicted_px - truth_px, axis=-1)
    counts = annotated & np.isfinite(reference_px)[:, None]
    right = counts & (error <= threshold * np.nan_to_num(reference_px)[:, None])
    total = counts.sum(axis=0)
    return np.where(total > 0, 100.0 * right.sum(axis=0) / np.maximum(total, 1), np.nan)


def limb_mean(per_joint: FloatArray) -> float:
    """Return the mean over the 12 limb joints."""
    limbs = per_joint[list(skeleton.LIMB_JOINTS)]
    return float(np.nanmean(limbs)) if np.isfinite(limbs).any() else float("nan")


def root_aligned(joints_mm: FloatArray) -> FloatArray:
    """Move (N, 16, 3) skeletons to have their pelvis at the origin."""
    return joints_mm - joints_mm[:, skeleton.ROOT : skeleton.ROOT + 1]


def mpjpe(predicted_mm: FloatArray, truth_mm: FloatArray) -> FloatArray:
    """Return (N,) mean per-joint position errors, mm, root-aligned."""
    errors: FloatArray = np.linalg.norm(root_aligned(predicted_mm) - root_aligned(truth_mm), axis=-1).mean(-1)
    return errors


def n_mpjpe(predicted_mm: FloatArray, truth_mm: FloatArray) -> FloatArray:
    """Return (N,) MPJPE after the scale that fits each skeleton best (Rhodin et al., CVPR 2018)."""
    predicted, truth = root_aligned(predicted_mm), root_aligned(truth_mm)
    scale = (predicted * truth).sum((1, 2)) / np.maximum((predicted**2).sum((1, 2)), 1e-9)
    return mpjpe(predicted * scale[:, None, None], truth)


def pa_mpjpe(predicted_mm: FloatArray, truth_mm: FloatArray) -> FloatArray:
    """Return (N,) MPJPE after the best similarity transform of each skeleton (Procrustes; reflections excluded)."""
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


def pck_3d(predicted_mm: FloatArray, truth_mm: FloatArray, threshold_mm: float = 150.0) -> float:
    """Return the percentage of the 14 joints within a distance, root-aligned (Mehta et al., 3DV 2017)."""
    error = np.linalg.norm(root_aligned(predicted_mm) - root_aligned(truth_mm), axis=-1)[:, list(PCK3D_JOINTS)]
    return float(100.0 * (error <= threshold_mm).mean())


def auc_3d(predicted_mm: FloatArray, truth_mm: FloatArray) -> float:
    """Return the mean of ``pck_3d`` over the thresholds 0, 5, ..., 150 mm."""
    return float(np.mean([pck_3d(predicted_mm, truth_mm, float(limit)) for limit in range(0, 151, 5)]))


def limb_asymmetry_percent(joints_mm: FloatArray) -> dict[str, float]:
    """Return the mean |left - right| over their mean of each limb, percent, over (N, 16, 3) skeletons."""
    return {limb: float(values.mean()) for limb, values in geometry.asymmetry_percent(joints_mm).items()}


PAIRS = {"ankles": (0, 5), "wrists": (10, 15)}


def pair_collapse_percent(
    predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, torso: FloatArray
) -> dict[str, float]:
    """Return how often both predicted ankles (wrists) fall together though the true ones are apart.

    Together: within 0.1 torso; apart: over 0.3 torso. Percent of the pairs that are apart.
    """
    rates = {}
    for name, (right, left) in PAIRS.items():
        known = annotated[:, right] & annotated[:, left] & np.isfinite(torso)
        apart = known & (np.linalg.norm(truth_px[:, right] - truth_px[:, left], axis=-1) > 0.3 * np.nan_to_num(torso))
        together = np.linalg.norm(predicted_px[:, right] - predicted_px[:, left], axis=-1) < 0.1 * np.nan_to_num(torso)
        rates[name] = float(100.0 * (apart & together).sum() / max(int(apart.sum()), 1))
    return rates


def swap_percent(predicted_px: FloatArray, truth_px: FloatArray, annotated: BoolArray, torso: FloatArray) -> float:
    """Return how often a left-right pair of limb joints would fit better swapped, and well (both within 0.3 torso).

    Percent of the annotated pairs whose true joints are over 0.3 torso apart.
    """
    swapped = total = 0
    limit = 0.3 * np.nan_to_num(torso)
    for right, left in skeleton.MIRROR_PAIRS:
        apart = annotated[:, right] & annotated[:, left] & np.isfinite(torso)
        apart &= np.linalg.norm(truth_px[:, right] - truth_px[:, left], axis=-1) > limit
        crossed = np.stack(
            [np.linalg.norm(predicted_px[:, a] - truth_px[:, b], axis=-1) for a, b in ((right, left), (left, right))]
        )
        swapped += int((apart & (crossed < limit).all(axis=0)).sum())
        total += int(apart.sum())
    return 100.0 * swapped / max(total, 1)
