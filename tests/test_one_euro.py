"""The One-Euro filter: still when still, quick when quick, whatever the clock does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.one_euro import LONGEST_GAP_S, OneEuro

JOINTS = 16
steps = st.lists(st.floats(0.001, 0.5), min_size=1, max_size=30)
skeletons = hnp.arrays(np.float64, st.sampled_from([(JOINTS, 2), (JOINTS, 3)]), elements=st.floats(-1e4, 1e4))


def times(step_list: list[float]) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(step_list)])


def run(signal: np.ndarray, time_s: np.ndarray, **settings: float) -> np.ndarray:
    smooth = OneEuro(**settings)
    return np.stack([smooth(points, float(moment)) for points, moment in zip(signal, time_s, strict=True)])


@given(points=skeletons, step_list=steps)
def test_what_holds_still_comes_out_as_it_went_in(points: np.ndarray, step_list: list[float]) -> None:
    moments = times(step_list)
    np.testing.assert_allclose(run(np.stack([points] * len(moments)), moments), [points] * len(moments), atol=1e-9)


@given(points=skeletons, target=st.floats(-100, 100), step_list=steps)
def test_every_output_lies_between_what_was_and_what_is(
    points: np.ndarray, target: float, step_list: list[float]
) -> None:
    smooth = OneEuro()
    before = smooth(points, 0.0)
    aim = np.full_like(points, target)
    for moment in times(step_list)[1:]:
        now = smooth(aim, float(moment))
        slack = 1e-9 * (1.0 + np.abs(before) + np.abs(aim))
        assert (now >= np.minimum(before, aim) - slack).all() and (now <= np.maximum(before, aim) + slack).all()
        before = now


@given(step_list=steps, angle=st.floats(0, 6.28))
def test_a_turned_movement_gives_the_turned_result(step_list: list[float], angle: float) -> None:
    moments = times(step_list)
    signal = np.random.default_rng(len(step_list)).normal(0, 1, (len(moments), JOINTS, 2)).cumsum(axis=0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(run(signal @ turn.T, moments), run(signal, moments) @ turn.T, atol=1e-9)


def test_jitter_at_rest_is_cut_to_less_than_half() -> None:
    moments = np.arange(300) / 30
    noise = np.random.default_rng(0).normal(0, 0.005, (300, JOINTS, 3))
    assert run(noise, moments)[60:].std() < 0.5 * noise[60:].std()


def test_a_step_is_reached_within_its_lag_and_sooner_with_more_beta() -> None:
    moments = np.arange(60) / 30
    signal = np.zeros((60, 1, 2))
    signal[10:] = 1.0
    reached = [int((run(signal, moments, beta=beta)[:, 0, 0] > 0.9).argmax()) - 10 for beta in (0.0, 1.5, 15.0)]
    # At rest the cutoff is 1 Hz: 90 % after ln(10) / (2 pi) s = 0.37 s, about 11 frames.
    assert 9 <= reached[0] <= 14
    assert reached[0] > reached[1] > reached[2] and reached[2] <= 2


def test_irregular_time_stamps_give_what_regular_ones_give() -> None:
    rng = np.random.default_rng(1)
    fine = np.arange(0, 4, 1 / 60)
    kept = np.sort(rng.choice(len(fine), len(fine) // 2, replace=False))
    kept[-1] = len(fine) - 1
    ramp = np.clip(fine, 0, 1)[:, None, None] * np.ones((1, 1, 2))
    regular, irregular = run(ramp, fine), run(ramp[kept], fine[kept])
    np.testing.assert_allclose(irregular, regular[kept], atol=0.03)


def test_the_unit_makes_near_and_far_people_alike() -> None:
    moments = np.arange(30) / 30
    far = np.random.default_rng(2).normal(0, 0.1, (30, JOINTS, 2)).cumsum(axis=0)
    a, b = OneEuro(), OneEuro()
    for points, moment in zip(far, moments, strict=True):
        small, large = a(points, float(moment), 1.0), b(points * 400.0, float(moment), 400.0)
        np.testing.assert_allclose(large, small * 400.0, atol=1e-6)


def test_after_a_long_gap_or_for_another_body_it_starts_anew() -> None:
    smooth = OneEuro()
    smooth(np.zeros((1, 2)), 0.0)
    assert smooth(np.ones((1, 2)), LONGEST_GAP_S + 0.1) == pytest.approx(np.ones((1, 2)))
    assert smooth(np.full((3, 2), 7.0), LONGEST_GAP_S + 0.2) == pytest.approx(np.full((3, 2), 7.0))


def test_a_sample_that_is_not_later_moves_nothing() -> None:
    smooth = OneEuro()
    smooth(np.zeros((1, 2)), 1.0)
    for moment in (1.0, 0.5):
        assert (smooth(np.ones((1, 2)), moment) == 0).all()


def test_what_comes_out_is_the_callers_own() -> None:
    smooth = OneEuro()
    first = np.zeros((1, 2))
    smooth(first, 0.0)[:] = 99.0
    first[:] = 99.0
    assert smooth(np.zeros((1, 2)), 0.03) == pytest.approx(np.zeros((1, 2)))


@pytest.mark.parametrize("wrong", [{"min_cutoff_hz": 0.0}, {"beta": -1.0}, {"speed_cutoff_hz": -1.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        OneEuro(**wrong)
