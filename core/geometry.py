"""Bone lengths, what they say about a skeleton, weak perspective, and the geometry loss.

Source: Zhou et al., ICCV 2017, section 3.3: within a group, the ratios of bone length to canonical length should not
vary. The loss is that variance, summed over groups.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import skeleton
from core.pose import Bone, GeometryReport, Verdict

FloatArray = NDArray[np.float64]
Weighting = Literal["poster", "lua"]

DOUBTFUL_PERCENT = 15.0
IMPLAUSIBLE_PERCENT = 30.0
"""Limits of the verdict on the larger of |deviation| and |left - right|. Real people's arms and legs differ by a few
percent between the sides; the poster's own models err by 13 to 15 % on average."""

USUAL_UNGROUPED = {"torso": 1.175, "head": 1.502}
"""Mean ratio of torso and head to the body's other ratios, on 400 rendered bodies (standard deviation 0.04 and 0.09).
Their canonical lengths were measured between other points (H36M's neck and head), so 1 is not usual for them."""


def bone_lengths(joints: FloatArray) -> FloatArray:
    """Return (..., 14) bone lengths of (..., 16, D) joints, in the joints' unit."""
    ends = joints[..., skeleton.BONE_ENDS, :]
    lengths: FloatArray = np.linalg.norm(ends[..., 0, :] - ends[..., 1, :], axis=-1)
    return lengths


def report(joints_mm: FloatArray) -> GeometryReport:
    """Judge the bones of one skeleton, (16, 3) mm."""
    lengths_mm = bone_lengths(joints_mm)
    ratios = lengths_mm / skeleton.CANONICAL_MM
    grouped = [index for bones in skeleton.GROUPS.values() for index in bones]
    reference = {name: float(ratios[list(bones)].mean()) for name, bones in skeleton.GROUPS.items()}
    overall = float(ratios[grouped].mean())
    left_right = _left_right_percent(lengths_mm)
    bones = []
    for index, definition in enumerate(skeleton.BONES):
        group = definition.group
        mean = overall * USUAL_UNGROUPED[definition.name] if group is None else reference[group]
        deviation = 100.0 * (ratios[index] / mean - 1.0) if mean > 0 else 0.0
        bones.append(
            Bone(
                name=definition.name,
                joints=definition.joints,
                length_mm=float(lengths_mm[index]),
                ratio=float(ratios[index]),
                group=definition.group,
                deviation_percent=float(deviation),
                left_right_percent=left_right.get(index),
                verdict=verdict(float(deviation), left_right.get(index)),
            )
        )
    scale = overall if overall > 0 else 1.0
    groups = {name: float(np.var(ratios[list(members)] / scale)) for name, members in skeleton.GROUPS.items()}
    return GeometryReport(bones=tuple(bones), groups=groups, loss=float(sum(groups.values())))


def verdict(deviation_percent: float, left_right_percent: float | None) -> Verdict:
    """Name how believable a bone of this deviation and left-right difference is."""
    worst = max(abs(deviation_percent), abs(left_right_percent or 0.0))
    if worst >= IMPLAUSIBLE_PERCENT:
        return "implausible"
    return "doubtful" if worst >= DOUBTFUL_PERCENT else "plausible"


def _left_right_percent(lengths_mm: FloatArray) -> dict[int, float]:
    """Return right minus left over their mean in percent, for both bones of each pair."""
    percents: dict[int, float] = {}
    for right, left in skeleton.LEFT_RIGHT_BONES:
        mean = float(lengths_mm[right] + lengths_mm[left]) / 2
        percent = 100.0 * float(lengths_mm[right] - lengths_mm[left]) / mean if mean > 0 else 0.0
        percents[right] = percents[left] = percent
    return percents


def asymmetry_percent(joints: FloatArray) -> dict[str, FloatArray]:
    """Return per limb |right - left| over their mean, percent, of (..., 16, D) joints: arrays of shape (...)."""
    lengths = bone_lengths(joints)
    out: dict[str, FloatArray] = {}
    for limb, (right, left) in skeleton.LIMBS.items():
        mean = np.maximum((lengths[..., right] + lengths[..., left]) / 2, 1e-9)
        out[limb] = 100.0 * np.abs(lengths[..., right] - lengths[..., left]) / mean
    return out


def depth_scale_norm(joints_px: FloatArray, joints_mm: FloatArray, crop_side_px: float) -> float:
    """Return the factor from millimetres of depth to half crop widths (method, "Depth").

    s = (sum of 2D bone lengths in px) / (sum of the bones' XY-only 3D lengths in mm): the unit of x and y normalised
    to [-1, 1] over the crop.

    Args:
        joints_px: (16, 2) picture pixels.
        joints_mm: (16, 3) millimetres.
        crop_side_px: the crop's side in the same pixels.
    """
    flat_mm = float(bone_lengths(joints_mm[:, :2]).sum())
    return float(bone_lengths(joints_px).sum()) / max(flat_mm, 1e-9) / (crop_side_px / 2)


def lift_mm(joints_norm: FloatArray, depth_norm: FloatArray, bone_sum_mm: float) -> FloatArray:
    """Join 2D and depth to a skeleton of a given size under weak perspective.

    Args:
        joints_norm: (16, 2) x, y in [-1, 1] over the crop.
        depth_norm: (16,) depth in the same unit.
        bone_sum_mm: what the 14 bones shall sum to.

    Returns:
        (16, 3) millimetres from the pelvis, x right, y down, z away from the camera.
    """
    joints = np.column_stack([joints_norm, depth_norm]).astype(np.float64)
    joints -= joints[skeleton.ROOT]
    total = float(bone_lengths(joints).sum())
    return joints * (bone_sum_mm / total) if total > 1e-9 else joints


_GROUP_MASK = torch.zeros(len(skeleton.GROUP_NAMES), skeleton.BONE_COUNT)
for _row, _bones in enumerate(skeleton.GROUPS.values()):
    _GROUP_MASK[_row, list(_bones)] = 1.0
_ENDS = torch.from_numpy(skeleton.BONE_ENDS)
_CANONICAL = torch.from_numpy(skeleton.CANONICAL_MM)


def geometry_loss_terms(
    joints_norm: Tensor, depth_norm: Tensor, annotated: Tensor, weighting: Weighting = "poster", epsilon: float = 1e-8
) -> Tensor:
    """Return the geometry loss of each sample and group.

    Lengths are in the ``_norm`` unit and ratios in multiples of the sample's size per canonical metre, so that values
    are of order one.

    Args:
        joints_norm: (B, 16, 2) annotated x, y; no gradient flows into them (method, "L_geo").
        depth_norm: (B, 16) predicted depth.
        annotated: (B, 16) bool. A bone needs both ends; a group with fewer than two bones gives zero.
        weighting: ``poster`` divides by the canonical length; ``lua`` scales to the longest bone of the group, which
            is the same times l_ref squared.
        epsilon: added under the root, so that a bone of length zero has a gradient.

    Returns:
        (B, 4) losses in the order of ``skeleton.GROUP_NAMES``.
    """
    ends = _ENDS.to(joints_norm.device)
    dtype = depth_norm.dtype
    canonical = (_CANONICAL.to(depth_norm.device) / 1000.0).to(dtype)
    mask = _GROUP_MASK.to(depth_norm.device).to(dtype)
    bone_known = (annotated[:, ends[:, 0]] & annotated[:, ends[:, 1]]).to(dtype)
    # An unannotated joint may hold anything, NaN included.
    flat = torch.where(annotated[..., None], joints_norm, torch.zeros_like(joints_norm)).detach().to(dtype)
    plane = (flat[:, ends[:, 0]] - flat[:, ends[:, 1]]).square().sum(-1)
    depth = (depth_norm[:, ends[:, 0]] - depth_norm[:, ends[:, 1]]).square()
    ratio = torch.sqrt(plane + depth + epsilon) / canonical
    weight = bone_known[:, None, :] * mask
    count = weight.sum(-1)
    mean = (weight * ratio[:, None, :]).sum(-1) / count.clamp_min(1.0)
    variance = (weight * (ratio[:, None, :] - mean[..., None]).square()).sum(-1) / count.clamp_min(1.0)
    terms = torch.where(count >= 2, variance, torch.zeros_like(variance))
    if weighting == "lua":
        longest = (mask * canonical).amax(-1)
        terms = terms * longest.square()
    return terms


def geometry_loss(
    joints_norm: Tensor, depth_norm: Tensor, annotated: Tensor, weighting: Weighting = "poster", epsilon: float = 1e-8
) -> Tensor:
    """Return (B,) geometry losses: ``geometry_loss_terms`` summed over groups."""
    return geometry_loss_terms(joints_norm, depth_norm, annotated, weighting, epsilon).sum(-1)
