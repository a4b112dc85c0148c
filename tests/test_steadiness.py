"""Steadiness of bone lengths over a clip: the coefficient of variation, and spikes where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import skeleton
from core.steadiness import Spike, spikes, variation_percent, window_frames

BODY = skeleton.CANONICAL_MM


def steady(count: int) -> np.ndarray:
    return np.tile(BODY, (count, 1))


def test_a_rigid_body_does_not_vary_and_has_no_spike() -> None:
    assert variation_percent(steady(50)) == pytest.approx(np.zeros(14))
    assert spikes(steady(50), 15, 15.0) == []


def test_the_coefficient_of_variation_is_deviation_over_mean() -> None:
    lengths = steady(4)
    lengths[:, 3] = (90.0, 110.0, 90.0, 110.0)
    unknown = np.full((2, 14), np.nan)
    assert variation_percent(np.concatenate([lengths, unknown]))[3] == pytest.approx(10.0)
    assert np.isnan(variation_percent(unknown)).all()


@given(frame=st.integers(0, 39), bone=st.integers(0, 13), factor=st.sampled_from([0.5, 0.8, 1.25, 2.0]))
def test_one_wrong_frame_is_one_spike_where_it_is(frame: int, bone: int, factor: float) -> None:
    lengths = steady(40)
    lengths[frame, bone] *= factor
    assert spikes(lengths, 15, 15.0) == [Spike(frame, bone, pytest.approx(100.0 * (factor - 1.0)))]


def test_a_stretch_is_one_spike_at_its_worst_frame() -> None:
    lengths = steady(60)
    lengths[30:34, 1] *= (1.2, 1.5, 1.3, 1.2)
    lengths[34, 1] *= 0.7
    assert [(spike.frame, round(spike.percent)) for spike in spikes(lengths, 15, 15.0)] == [(31, 50), (34, -30)]


def test_a_slow_change_is_no_spike() -> None:
    lengths = steady(100)
    lengths[:, 0] *= np.linspace(0.7, 1.4, 100)
    assert spikes(lengths, 15, 15.0) == []


def test_short_clips_are_judged_too() -> None:
    assert spikes(steady(2), 15, 15.0) == []
    lengths = steady(5)
    lengths[2, 7] *= 2
    assert [spike.frame for spike in spikes(lengths, 15, 15.0)] == [2]
    assert window_frames(30.0) == 17
    assert window_frames(2.0) == 3
