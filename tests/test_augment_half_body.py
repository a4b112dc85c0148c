"""Half-body crops: exact for 3D, around the half they promise, and switched off by default."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import crop, geometry, skeleton
from train import augment, batches, config, losses
from train.augment import AugmentConfig
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet

PLAIN = AugmentConfig(scale_sd=0.0, rotate_probability=0.0, mirror_probability=0.0, half_body_probability=1.0)


def _people(count: int, seed: int) -> CropSet:
    random = np.random.default_rng(seed)
    joints_mm = random.normal(0, 300, (count, 16, 3)).astype(np.float32)
    joints_mm -= joints_mm[:, skeleton.ROOT : skeleton.ROOT + 1]
    joints = (joints_mm[..., :2] * 0.07 + STORED_PX / 2).astype(np.float32)
    images = random.integers(0, 256, (count, STORED_PX, STORED_PX, 3), dtype=np.uint8)
    return CropSet(images, joints, np.ones((count, 16), bool), joints_mm)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 100_000))
def test_half_body_crops_keep_the_3d_exact(seed: int) -> None:
    """Depth in the crop's unit, joined with x and y, is a scaled and turned copy of the true skeleton."""
    people = _people(2, seed)
    stage = config.Stage("a", 5, depth_fraction=1.0, weights=losses.LossWeights(1.0, 10.0, 1.0))
    settings_ = config.Config(stage=(stage,), augment=AugmentConfig(half_body_probability=1.0, shift=0.05))
    settings_ = dataclasses.replace(settings_, optimiser=dataclasses.replace(settings_.optimiser, batch=3))
    plan = batches.Planner(settings_, 160, None, people).plan(seed % 5)
    for row in range(3):
        found = np.column_stack([plan.targets.joints_norm[row], plan.targets.depth_norm[row]]).astype(np.float64)
        if plan.views[row].mirrored:
            found = found[list(skeleton.MIRROR)]
        ratio = geometry.bone_lengths(found) / geometry.bone_lengths(people.joints_mm[plan.index[row]].astype(float))
        assert np.ptp(ratio) / ratio.mean() < 1e-3


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 100_000))
def test_the_crop_holds_the_whole_half_and_is_tighter_than_the_body(seed: int) -> None:
    random = np.random.default_rng(seed)
    joints = random.uniform(50, 206, (16, 2))
    joints[list(augment.LOWER_BODY), 1] += 90
    annotated = random.random(16) < 0.9
    view = augment.draw_view(random, PLAIN, 400.0, STORED_PX, 160, (joints, annotated))
    inside_px = crop.apply(crop.invert(view.to_stored), joints)
    inside = ((inside_px > 0) & (inside_px < 160)).all(axis=1)
    halves = [[joint for joint in half if annotated[joint]] for half in (augment.UPPER_BODY, augment.LOWER_BODY)]
    assert view.side_stored == 400.0 or any(inside[half].all() for half in halves)
    assert view.side_stored <= 400.0


def test_half_bodies_are_off_by_default_and_change_no_earlier_batch() -> None:
    joints = np.random.default_rng(0).uniform(60, 190, (16, 2))
    labels = joints, np.ones(16, bool)
    for seed in range(20):
        views = [
            augment.draw_view(np.random.default_rng(seed), AugmentConfig(), BOX_STORED, STORED_PX, 160, given_labels)
            for given_labels in (labels, None)
        ]
        assert np.array_equal(views[0].to_stored, views[1].to_stored)


def test_a_half_with_too_few_labels_is_not_cropped_to() -> None:
    joints, annotated = np.zeros((16, 2)), np.zeros(16, bool)
    annotated[list(augment.UPPER_BODY)[: augment.FEWEST_OF_HALF - 1]] = True
    assert augment.half_body_box(joints, annotated, augment.UPPER_BODY) is None
    view = augment.draw_view(np.random.default_rng(0), PLAIN, 170.0, STORED_PX, 160, (joints, annotated))
    assert view.side_stored == 170.0
    assert view.to_stored @ [80, 80, 1] == pytest.approx([STORED_PX / 2] * 2)


def test_no_two_steps_share_random_numbers() -> None:
    """Workers take steps, and every step's draws come from (seed, step): so no two workers can draw alike."""
    people = _people(40, 0)
    stage = config.Stage("a", 60, depth_fraction=1.0, weights=losses.LossWeights(1.0, 10.0, 1.0))
    settings_ = config.Config(stage=(stage,), augment=AugmentConfig(half_body_probability=0.5))
    settings_ = dataclasses.replace(settings_, optimiser=dataclasses.replace(settings_.optimiser, batch=8))
    planner = batches.Planner(settings_, 160, None, people)
    drawn = [change.gains.tobytes() for step in range(50) for change in planner.plan(step).colours]
    assert len(set(drawn)) == len(drawn) == 400
