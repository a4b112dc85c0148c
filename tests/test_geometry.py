"""The geometry loss and the bone report keep the promises of the method."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import geometry, skeleton


def canonical_skeleton(scale: float = 1.0) -> np.ndarray:
    """Build (16, 3) joints whose bones have exactly the canonical lengths times ``scale``."""
    mm = dict(zip(skeleton.BONE_NAMES, skeleton.CANONICAL_MM, strict=True))
    joints = np.zeros((16, 3))
    index = skeleton.JOINT_INDEX

    def place(child: str, parent: str, bone: str, direction: tuple[float, float, float]) -> None:
        unit = np.array(direction) / np.linalg.norm(direction)
        joints[index[child]] = joints[index[parent]] + mm[bone] * unit

    for side, sign in (("right", -1.0), ("left", 1.0)):
        place(f"{side}_hip", "pelvis", f"{side}_hip_bone", (sign, 0.1, 0.0))
        place(f"{side}_knee", f"{side}_hip", f"{side}_thigh", (0.1 * sign, 1.0, -0.3 * sign))
        place(f"{side}_ankle", f"{side}_knee", f"{side}_shank", (0.0, 1.0, 0.2 + 0.3 * sign))
    place("upper_neck", "pelvis", "torso", (0.0, -1.0, 0.1))
    place("head_top", "upper_neck", "head", (0.0, -1.0, -0.2))
    for side, sign in (("right", -1.0), ("left", 1.0)):
        place(f"{side}_shoulder", "upper_neck", f"{side}_collar", (sign, 0.3, 0.0))
        place(f"{side}_elbow", f"{side}_shoulder", f"{side}_upper_arm", (sign, 0.6, 0.5 * sign))
        place(f"{side}_wrist", f"{side}_elbow", f"{side}_forearm", (0.2, -0.7, -0.5))
    joints[index["thorax"]] = joints[[index["right_shoulder"], index["left_shoulder"]]].mean(0)
    return joints * scale


ALL = torch.ones(1, 16, dtype=torch.bool)


def loss_of(joints: np.ndarray, annotated: torch.Tensor = ALL, **options: object) -> float:
    tensor = torch.from_numpy(np.array(joints, dtype=np.float64))[None]
    return float(geometry.geometry_loss(tensor[..., :2], tensor[..., 2], annotated, **options)[0])  # type: ignore[arg-type]


@given(scale=st.floats(1e-4, 10.0), angle=st.floats(-3.2, 3.2))
@settings(max_examples=30, deadline=None)
def test_canonical_proportions_cost_nothing_at_any_scale_and_rotation(scale: float, angle: float) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert loss_of(canonical_skeleton(scale) @ turn.T, epsilon=0.0) == pytest.approx(0.0, abs=1e-9 * max(scale, 1) ** 2)


@given(angle=st.floats(-3.2, 3.2), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_loss_does_not_change_under_rotation_about_the_optical_axis(angle: float, seed: int) -> None:
    joints = np.random.default_rng(seed).normal(0, 0.4, (16, 3))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert loss_of(joints @ turn.T) == pytest.approx(loss_of(joints), rel=1e-9)


def test_loss_equals_hand_computed_variance_per_group() -> None:
    # Legs only: ratios r = length / canonical (m). Right shank stretched to 1.2 of its canonical length, scale 1 norm
    # per metre: ratios 1.2, 1, 1, 1 have mean 1.05 and variance (0.15^2 + 3 * 0.05^2) / 4 = 0.0075.
    joints = canonical_skeleton(1e-3)
    knee, ankle = joints[1].copy(), joints[0].copy()
    joints[0] = knee + 1.2 * (ankle - knee)
    tensor = torch.from_numpy(joints)[None]
    terms = geometry.geometry_loss_terms(tensor[..., :2], tensor[..., 2], ALL, epsilon=0.0)[0]
    assert terms.tolist() == pytest.approx([0.0075, 0.0, 0.0, 0.0], abs=1e-12)
    lua = geometry.geometry_loss_terms(tensor[..., :2], tensor[..., 2], ALL, "lua", epsilon=0.0)[0]
    assert lua[0].item() == pytest.approx(0.0075 * 0.45601**2)


def test_two_bone_group_is_a_quarter_of_the_squared_difference() -> None:
    joints = canonical_skeleton(1e-3)
    neck, shoulder = joints[8].copy(), joints[12].copy()
    joints[12] = neck + 1.4 * (shoulder - neck)
    tensor = torch.from_numpy(joints)[None]
    only_collars = torch.zeros(1, 16, dtype=torch.bool)
    only_collars[0, [8, 12, 13]] = True
    terms = geometry.geometry_loss_terms(tensor[..., :2], tensor[..., 2], only_collars, epsilon=0.0)[0]
    assert terms.tolist() == pytest.approx([0.0, 0.0, 0.0, 0.4**2 / 4], abs=1e-12)


def test_gradient_is_exact_and_reaches_only_the_depths() -> None:
    torch.manual_seed(1)
    plane = (torch.randn(3, 16, 2, dtype=torch.float64) * 0.3).requires_grad_(True)
    depth = (torch.randn(3, 16, dtype=torch.float64) * 0.3).requires_grad_(True)
    annotated = torch.rand(3, 16) > 0.2
    assert torch.autograd.gradcheck(lambda z: geometry.geometry_loss(plane, z, annotated), (depth,))
    geometry.geometry_loss(plane, depth, annotated).sum().backward()
    assert plane.grad is None
    assert depth.grad is not None and bool((depth.grad != 0).any())


def test_bone_of_length_zero_has_a_finite_gradient() -> None:
    depth = torch.zeros(1, 16, requires_grad=True)
    geometry.geometry_loss(torch.zeros(1, 16, 2), depth, ALL).sum().backward()
    assert depth.grad is not None and bool(torch.isfinite(depth.grad).all())


def test_unannotated_joints_are_ignored_whatever_they_hold() -> None:
    joints = canonical_skeleton(1e-3)
    joints[0] += 0.3
    annotated = ALL.clone()
    annotated[0, 0] = False
    assert loss_of(joints, annotated, epsilon=0.0) == pytest.approx(0.0, abs=1e-12)
    joints[0] = np.nan
    tensor = torch.from_numpy(joints)[None]
    depth = tensor[..., 2].nan_to_num().requires_grad_(True)
    value = geometry.geometry_loss(tensor[..., :2], depth, annotated)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert depth.grad is not None and float(depth.grad[0, 0]) == 0.0


def test_group_with_one_known_bone_gives_zero() -> None:
    annotated = torch.zeros(1, 16, dtype=torch.bool)
    annotated[0, [0, 1]] = True
    assert loss_of(np.random.default_rng(0).normal(size=(16, 3)), annotated) == 0.0


def test_loss_sees_the_2d_evidence() -> None:
    joints = canonical_skeleton(1e-3)
    squeezed = joints.copy()
    squeezed[0, :2] = squeezed[1, :2]
    assert loss_of(squeezed) > loss_of(joints) + 1e-4


def test_report_of_a_canonical_skeleton_finds_nothing() -> None:
    joints = canonical_skeleton(1.07)
    report = geometry.report(joints)
    assert [bone.verdict for bone in report.bones if bone.group] == ["plausible"] * 12
    assert report.loss == pytest.approx(0.0, abs=1e-12)
    assert all(bone.ratio == pytest.approx(1.07) for bone in report.bones)
    assert report.sentence() == "Left and right bones agree within 10 %."


def test_torso_and_head_are_judged_by_what_is_usual_between_our_joints() -> None:
    joints = canonical_skeleton()
    pelvis, neck, head = (joints[skeleton.JOINT_INDEX[name]].copy() for name in ("pelvis", "upper_neck", "head_top"))
    joints[8:] += (geometry.USUAL_UNGROUPED["torso"] - 1.0) * (neck - pelvis)
    joints[9] += (geometry.USUAL_UNGROUPED["head"] - 1.0) * (head - neck)
    bones = {bone.name: bone for bone in geometry.report(joints).bones}
    for name in ("torso", "head"):
        assert bones[name].ratio == pytest.approx(geometry.USUAL_UNGROUPED[name])
        assert bones[name].deviation_percent == pytest.approx(0.0, abs=1e-9)
        assert bones[name].verdict == "plausible"


def test_report_names_the_stretched_forearm() -> None:
    joints = canonical_skeleton()
    elbow, wrist = joints[11].copy(), joints[10].copy()
    joints[10] = elbow + 1.4 * (wrist - elbow)
    report = geometry.report(joints)
    bone = report.bones[skeleton.BONE_INDEX["right_forearm"]]
    assert bone.left_right_percent == pytest.approx(100 * 0.4 / 1.2)
    assert bone.deviation_percent == pytest.approx(100 * (1.4 / 1.1 - 1))
    assert bone.verdict == "implausible"
    assert report.sentence() == "Right forearm is 40 % longer than the left."


def test_report_names_a_bone_that_is_long_on_both_sides() -> None:
    joints = canonical_skeleton()
    for elbow, wrist in ((11, 10), (14, 15)):
        joints[wrist] = joints[elbow] + 1.5 * (joints[wrist] - joints[elbow])
    report = geometry.report(joints)
    # Ratios of the arms are 1, 1, 1.5, 1.5: a mean of 1.25, from which both kinds differ by 20 %.
    assert "20 % too" in report.sentence() and "beside the other arms" in report.sentence()


def test_report_survives_a_collapsed_skeleton() -> None:
    report = geometry.report(np.zeros((16, 3)))
    assert np.isfinite(report.loss)
    assert all(np.isfinite(bone.deviation_percent) for bone in report.bones)


def test_lift_has_the_asked_size_and_keeps_proportions() -> None:
    joints = canonical_skeleton(2e-3)
    joints[:, :2] += 0.2
    lifted = geometry.lift_mm(joints[:, :2], joints[:, 2], 4000.0)
    assert geometry.bone_lengths(lifted).sum() == pytest.approx(4000.0)
    assert geometry.report(lifted).loss == pytest.approx(0.0, abs=1e-12)
    assert np.allclose(lifted[skeleton.ROOT], 0.0)


def test_depth_scale_makes_depth_share_the_unit_of_the_plane() -> None:
    joints_mm = canonical_skeleton()
    pixels_per_mm, crop_side = 0.1, 160.0
    joints_px = joints_mm[:, :2] * pixels_per_mm + 300.0
    factor = geometry.depth_scale_norm(joints_px, joints_mm, crop_side)
    assert factor == pytest.approx(pixels_per_mm / (crop_side / 2))


def test_mirror_twice_is_the_identity_and_swaps_sides() -> None:
    order = np.array(skeleton.MIRROR)
    assert (order[order] == np.arange(16)).all()
    for right, left in skeleton.MIRROR_PAIRS:
        assert skeleton.joint_side(right) == "right" and skeleton.joint_side(left) == "left"
    bones = {frozenset(bone.joints) for bone in skeleton.BONES}
    assert {frozenset(int(order[joint]) for joint in bone) for bone in bones} == bones
