"""Other people in a picture: shown beside the pose, chosen by click and key, taken back by Undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_fakes import FakeBackend, Opener, make_pose
from loopback import camera, plain
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from app.window import MainWindow
from core.errors import UserError
from core.locate import Candidate, box_of_joints

pytest_plugins = ("app_fixtures",)

SIZE = (320, 400)
LEFT = Candidate((5.0, 100.0, 90.0, 200.0), 0.62)
RIGHT = Candidate((230.0, 90.0, 85.0, 210.0), 0.4)


def backend() -> FakeBackend:
    """Return one that finds somebody in the middle, and two others beside them."""
    made = FakeBackend()
    made.answer = lambda name, size, box: make_pose(size, box or (110.0, 100.0, 110.0, 200.0), name=name)
    middle = make_pose(SIZE, (110.0, 100.0, 110.0, 200.0))
    made.crowd = [Candidate(box_of_joints(middle.joints_px), 0.97), LEFT, RIGHT]
    return made


def click(window: MainWindow, qtbot: QtBot, x_px: float, y_px: float) -> None:
    """Click at a point of the picture."""
    view, graphics = window.picture.box_view, window.picture.graphics
    place = graphics.mapFromScene(view.mapViewToScene(QPointF(x_px, y_px)))
    qtbot.mouseClick(graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_others_are_shown_with_their_scores_and_a_click_looks_at_one_until_undo(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = open_window(photo, backend())
    layer = window.people.layer
    qtbot.waitUntil(lambda: len(layer.shown) == 2)
    assert layer.labels == ["62 %", "40 %"], "not the one whose pose is shown"
    assert "2 more" in window.picture.note.text()
    click(window, qtbot, 50, 130)
    assert window.state.box_px == LEFT.box_px
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.box_px == LEFT.box_px)
    qtbot.waitUntil(lambda: layer.labels == ["97 %", "40 %"])
    window.actions_by_key["undo"].trigger()
    assert window.state.box_px is None
    qtbot.waitUntil(lambda: layer.labels == ["62 %", "40 %"])


def test_the_keyboard_goes_from_person_to_person_and_around(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    used = backend()
    window = open_window(photo, used)
    qtbot.waitUntil(lambda: len(window.people.layer.shown) == 2)
    window.activateWindow()
    window.picture.take_focus()
    went = []
    for key in ("person_next", "person_next", "person_next", "person_previous"):
        before = window.state.pose
        window.actions_by_key[key].trigger()
        qtbot.waitUntil(lambda before=before: window.state.pose is not before and not window.state.activity)
        went.append(window.state.box_px)
    assert went == [RIGHT.box_px, LEFT.box_px, used.crowd[0].box_px, LEFT.box_px]


def test_a_person_alone_has_no_other_boxes_and_the_key_says_so(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    used = backend()
    used.crowd = used.crowd[:1]
    window = open_window(photo, used)
    with qtbot.waitSignal(window.session.inference.people, raising=False, timeout=300):
        pass
    assert window.people.layer.shown == [] and "more" not in window.picture.note.text()
    window.actions_by_key["person_next"].trigger()
    assert "obody else" in window.toasts.texts[0] and window.state.box_px is None


def test_their_boxes_are_switched_off_and_gone_with_the_picture(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo, backend())
    layer = window.people.layer
    qtbot.waitUntil(lambda: len(layer.shown) == 2)
    window.actions_by_key["others"].trigger()
    assert layer.shown == [] and not window.actions_by_key["others"].isChecked()
    click(window, qtbot, 50, 130)
    assert window.state.box_px is None, "what is not shown is not chosen"
    window.actions_by_key["others"].trigger()
    assert len(layer.shown) == 2
    window.actions_by_key["close"].trigger()
    assert layer.shown == []


def test_a_damaged_locating_network_is_said_once_and_poses_go_on(
    open_window: Opener, qtbot: QtBot, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = backend()
    window = open_window(photo, used)
    qtbot.waitUntil(lambda: len(window.people.layer.shown) == 2)

    def fail(_rgb: object) -> list[Candidate]:
        raise UserError("locate.safetensors is missing or damaged", "install the program again")

    monkeypatch.setattr(used, "people", fail)
    for _ in range(3):
        with qtbot.waitSignal(window.session.inference.people_failed):
            window.session.open([photo])
    assert len(window.toasts.texts) == 1 and window.state.pose is not None


def test_live_the_others_are_shown_and_a_click_follows_one(open_window: Opener, qtbot: QtBot) -> None:
    used = FakeBackend()
    used.answer = lambda name, size, box: make_pose(size, box or (10.0, 60.0, 120.0, 120.0), name=name)
    used.crowd = [Candidate((200.0, 70.0, 80.0, 110.0), 0.7)]
    window = open_window(None, used)
    with camera(plain(320, 240)) as served:
        window.live_mode.open(served.url)
        qtbot.waitUntil(lambda: window.people.layer.labels == ["70 %"])
        qtbot.waitUntil(lambda: "1 more" in window.picture.note.text())
        click(window, qtbot, 240, 120)
        qtbot.waitUntil(lambda: window.state.live is not None and window.state.live.track == 2)
        pose = window.state.pose
        assert pose is not None and pose.joints_px[:, 0].mean() > 180
        qtbot.waitUntil(lambda: window.people.layer.shown == [], timeout=3000)
        window.live_mode.live.stop()
        assert window.state.others == ()
