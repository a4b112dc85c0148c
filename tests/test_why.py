"""The card that says why a joint is where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose
from pytestqt.qtbot import QtBot

from app.views.why import sentence
from core import skeleton
from core.why import explain

pytest_plugins = ("app_fixtures",)
RIGHT_WRIST, LEFT_WRIST = skeleton.JOINT_INDEX["right_wrist"], skeleton.JOINT_INDEX["left_wrist"]


def test_the_ratio_is_first_over_second_and_near_one_means_two_guesses() -> None:
    pose = make_pose()
    assert explain(pose, RIGHT_WRIST).ratio == pytest.approx(8.0)
    assert sentence(explain(pose, RIGHT_WRIST)) == "one clear peak"
    assert explain(pose, LEFT_WRIST).ratio is None
    close = replace(pose, second_confidence=np.where(pose.second_confidence > 0, 0.6, 0.0))
    assert explain(close, RIGHT_WRIST).is_two_guesses
    assert sentence(explain(close, RIGHT_WRIST)) == "one of two guesses"
    unsure = replace(pose, confidence=np.full(16, 0.1))
    assert sentence(explain(unsure, LEFT_WRIST)) == "a guess: belief is spread out"


@pytest.mark.parametrize(("row", "column", "at_edge"), [(0, 9, True), (31, 0, True), (9, 31, True), (1, 30, False)])
def test_a_peak_in_the_outermost_cells_touches_the_edge(row: int, column: int, at_edge: bool) -> None:
    maps = np.zeros((16, 32, 32), np.float32)
    maps[:, row, column] = 0.5
    why = explain(replace(make_pose(), heatmaps=maps), 0)
    assert why.at_edge is at_edge
    assert ("edge" in sentence(why)) is at_edge
    assert explain(replace(make_pose(), heatmaps=np.zeros((16, 2, 2), np.float32)), 0).at_edge is None


def test_the_card_follows_the_chosen_joint_and_the_pointer(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo, FakeBackend())
    card = window.picture.why
    assert card.isVisible()
    assert card.name.text() == "Right wrist"
    assert [value.text() for value in card.values][2:] == ["8.0 : 1", "clear", card.values[4].text(), "−180 mm"]
    window.state.choose_joint(skeleton.PELVIS)
    assert card.values[5].text() == "0, root"
    card.hover(LEFT_WRIST)
    assert (card.name.text(), card.values[1].text()) == ("Left wrist", "none")
    card.hover(None)
    assert card.name.text() == "Pelvis"
    window.actions_by_key["heat_off"].trigger()
    assert card.name.text() == "No joint"
    window.actions_by_key["why"].trigger()
    assert not card.isVisible()
