"""The panel of the bones: what it says at a glance, and bars that stay readable whatever one bone does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose
from numpy.typing import NDArray
from poses import STANDING_MM
from pytestqt.qtbot import QtBot

from app.colours import SIDE_COLOURS, VERDICT_COLOURS
from app.naming import short_name
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


@pytest.mark.parametrize("times", [1.0, 1.1, 6.0])
def test_the_panel_counts_the_bones_that_cannot_be_real(open_window: Opener, photo: Path, times: float) -> None:
    pose, window = bars_of(open_window, photo, long_forearm(times))
    verdicts = [bone.verdict for bone in pose.geometry.bones]
    worst = next((verdict for verdict in ("implausible", "doubtful") if verdict in verdicts), "plausible")
    told = re.match(r"(All|\d+ of) ?(\d+) bones (?:is|are) (\w+)[.:]", window.bones.sentence.text())
    assert told is not None and told[3] == worst
    assert verdicts.count(worst) == int(told[2] if told[1] == "All" else told[1].removesuffix(" of"))
    few = [short_name(bone.name) for bone in pose.geometry.bones if bone.verdict == worst]
    assert ", ".join(few) in window.bones.sentence.text() or len(few) > 4
    assert pose.geometry.sentence() in window.bones.sentence.text()


def test_the_table_goes_from_head_to_foot_with_the_right_bone_above_the_left(open_window: Opener, photo: Path) -> None:
    _, window = bars_of(open_window, photo, STANDING_MM)
    rows = window.bones.table.model()
    names = [rows.index(row, 0).data() for row in range(rows.rowCount())]
    assert names[:4] == ["head", "torso", "R collar", "L collar"] and names[-2:] == ["R shank", "L shank"]
    assert len(set(names)) == skeleton.BONE_COUNT


def test_a_legend_names_the_colours_that_are_shown(open_window: Opener, photo: Path) -> None:
    _, window = bars_of(open_window, photo, STANDING_MM)
    legend = window.bones.legend
    assert legend.isVisible()
    for side, name in (("right", "right"), ("left", "left"), ("centre", "middle")):
        assert f"rgb{SIDE_COLOURS[side]}'>●</span>&nbsp;{name}" in legend.text()
    window.actions_by_key["verdict"].trigger()
    for verdict, colour in VERDICT_COLOURS.items():
        assert f"rgb{colour}'>●</span>&nbsp;{verdict}" in legend.text()


def test_the_axis_keeps_its_name_in_the_middle_when_there_is_room_for_it_again(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    _, window = bars_of(open_window, photo, STANDING_MM)
    axis = window.bones.bars.getPlotItem().getAxis("left")
    for height, name in ((520, "%"), (1000, "deviation from group, %")):
        window.resize(1000, height)
        qtbot.waitUntil(lambda name=name: axis.label.toPlainText().strip() == name)
        shown = axis.label.mapRectToParent(axis.label.boundingRect())
        assert abs(shown.center().y() - axis.size().height() / 2) < 12, name
