"""Evaluation metrics against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core import skeleton
from train import metrics


def skeletons(count: int = 3, seed: int = 0) -> np.ndarray:
    return metrics.root_aligned(np.random.default_rng(seed).normal(0, 300, (count, 16, 3)))


def test_pck_counts_annotated_joints_within_the_threshold() -> None:
    truth = np.zeros((2, 16, 2))
    truth[:, metrics.LEFT_SHOULDER] = [0, 100]
    annotated = np.ones((2, 16), bool)
    annotated[1, 0] = False
    torso = metrics.torso_px(truth, annotated)
    assert torso.tolist() == [100, 100]
    predicted = truth.copy()
    predicted[0, 0] += [20.0, 0.0]
    predicted[0, 1] += [0.0, 20.1]
    per_joint = metrics.pck(predicted, truth, annotated, torso, 0.2)
    assert per_joint[0] == 100.0 and per_joint[1] == 50.0 and per_joint[2] == 100.0
    assert metrics.limb_mean(per_joint) == pytest.approx(100 - 50 / 12)


def test_persons_without_a_torso_do_not_count() -> None:
    truth = np.zeros((1, 16, 2))
    annotated = np.ones((1, 16), bool)
    annotated[0, metrics.RIGHT_HIP] = False
    torso = metrics.torso_px(truth, annotated)
    assert np.isnan(torso).all() and np.isnan(metrics.pck(truth, truth, annotated, torso, 0.2)).all()


def test_mpjpe_is_the_mean_distance_after_root_alignment() -> None:
    truth = skeletons()
    predicted = truth + np.array([10.0, -5.0, 300.0])
    predicted[:, 3] += [30.0, 40.0, 0.0]
    assert metrics.mpjpe(predicted, truth) == pytest.approx(np.full(3, 50 / 16))


@given(scale=st.floats(0.2, 5.0))
@settings(max_examples=20, deadline=None)
def test_n_mpjpe_ignores_scale(scale: float) -> None:
    assert metrics.n_mpjpe(scale * skeletons(), skeletons()) == pytest.approx(np.zeros(3), abs=1e-6)


@given(seed=st.integers(0, 500), scale=st.floats(0.2, 5.0))
@settings(max_examples=30, deadline=None)
def test_pa_mpjpe_ignores_any_similarity_but_not_a_mirror(seed: int, scale: float) -> None:
    truth = skeletons(seed=seed)
    turned = scale * truth @ Rotation.random(random_state=seed).as_matrix().T + 50.0
    assert metrics.pa_mpjpe(turned, truth) == pytest.approx(np.zeros(3), abs=1e-6)
    assert (metrics.pa_mpjpe(truth * [-1, 1, 1], truth) > 20).all()


def test_3d_pck_and_auc_on_14_joints() -> None:
    truth = skeletons()
    predicted = truth.copy()
    predicted[:, skeleton.JOINT_INDEX["thorax"]] += 1000.0
    assert metrics.pck_3d(predicted, truth) == 100.0 and metrics.auc_3d(predicted, truth) == 100.0
    predicted[:, 0, 2] += 151.0
    predicted[:, 1, 2] += 75.0
    assert metrics.pck_3d(predicted, truth) == pytest.approx(100 * 13 / 14)
    # 12 joints are right at all 31 thresholds, one from 75 mm on (16 of 31), one never.
    assert metrics.auc_3d(predicted, truth) == pytest.approx(100 * (12 * 31 + 16) / (14 * 31))


def test_collapse_and_swap_are_counted_by_name() -> None:
    truth = np.zeros((1, 16, 2))
    annotated = np.zeros((1, 16), bool)
    annotated[0, [0, 5, 10, 15]] = True
    truth[0, 0], truth[0, 5] = [0, 0], [60, 0]
    truth[0, 10], truth[0, 15] = [0, 200], [60, 200]
    predicted = truth.copy()
    predicted[0, 5] = [5, 0]
    predicted[0, [10, 15]] = truth[0, [15, 10]]
    torso = np.array([100.0])
    assert metrics.pair_collapse_percent(predicted, truth, annotated, torso) == {"ankles": 100.0, "wrists": 0.0}
    assert metrics.swap_percent(predicted, truth, annotated, torso) == 50.0
