"""The bars of the bones stay readable, whatever one bone does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from app_fakes import FakeBackend, Opener, make_pose
from numpy.typing import NDArray
from poses import STANDING_MM

from app.window import MainWindow
from core import geometry, skeleton
from core.pose import BARS_END, Pose

pytest_plugins = ("app_fixtures",)

_MOST = BARS_END * geometry.IMPLAUSIBLE_PERCENT


def long_forearm(times: float) -> NDArray[np.float64]:
    """Return (16, 3) a body whose right forearm is this many times as long as it should be."""
    joints = STANDING_MM.copy()
    elbow, wrist = (skeleton.JOINT_INDEX[f"right_{name}"] for name in ("elbow", "wrist"))
    joints[wrist] = joints[elbow] + times * (joints[wrist] - joints[elbow])
    return joints


def bars_of(open_window: Opener, photo: Path, joints_mm: NDArray[np.float64]) -> tuple[Pose, MainWindow]:
    backend = FakeBackend()
    backend.answer = lambda name, size, box: make_pose(size, box, joints_mm=joints_mm)
    window = open_window(photo, backend)
    assert window.state.pose is not None
    return window.state.pose, window


def test_a_bone_four_times_too_long_ends_at_the_edge_with_its_number_and_the_others_stay_readable(
    open_window: Opener, photo: Path
) -> None:
    pose, window = bars_of(open_window, photo, long_forearm(6.0))
    bars = window.bones.bars
    true = {bone.name: bone.deviation_percent for bone in pose.geometry.bones}
    drawn = dict(zip(skeleton.BONE_NAMES, bars.heights(), strict=True))
    assert true["right_forearm"] > 2 * _MOST and drawn["right_forearm"] == _MOST
    low, high = bars.getPlotItem().getViewBox().viewRange()[1]
    assert high < 2 * _MOST and low > -2 * _MOST, "the outlier must not choose the axis"
    past = {name: f"{value:+.0f}".replace("-", "−") for name, value in true.items() if abs(value) > _MOST}
    assert bars.numbers() == past
    for name, value in true.items():
        if name not in past:
            assert drawn[name] == value


def test_an_ordinary_body_has_no_numbers_and_an_axis_that_shows_all_limits(open_window: Opener, photo: Path) -> None:
    pose, window = bars_of(open_window, photo, long_forearm(1.4))
    bars = window.bones.bars
    assert bars.heights() == [bone.deviation_percent for bone in pose.geometry.bones]
    assert bars.numbers() == {}
    low, high = bars.getPlotItem().getViewBox().viewRange()[1]
    assert low < -geometry.IMPLAUSIBLE_PERCENT and high > geometry.IMPLAUSIBLE_PERCENT
