"""Everything without the mouse: the box, the 3D view, the menus; and the Help page lists all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
from app_fakes import FakeBackend, Opener, write_picture
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QGraphicsView, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot
from screens import pixels

from app.actions import ACTIONS, help_text
from app.window import MainWindow

pytest_plugins = ("app_fixtures",)

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def has_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def test_the_box_is_moved_and_sized_by_keys_and_a_held_key_is_undone_at_once(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    backend = FakeBackend()
    window = open_window(photo, backend)
    has_keyboard(window, qtbot)
    assert window.state.pose is not None
    found = np.array(window.state.pose.box_px)
    step = 0.04 * max(found[2:])
    for _ in range(3):
        qtbot.keyClick(window, Qt.Key.Key_Right, CTRL)
    qtbot.keyClick(window, Qt.Key.Key_Up, CTRL)
    np.testing.assert_allclose(window.state.box_px, found + (3 * step, -step, 0, 0))
    moved = np.array(window.state.box_px)
    qtbot.keyClick(window, Qt.Key.Key_Up, CTRL | SHIFT)
    larger = np.array(window.state.box_px)
    np.testing.assert_allclose(larger[2:], moved[2:] * 1.04)
    np.testing.assert_allclose(larger[:2] + larger[2:] / 2, moved[:2] + moved[2:] / 2)
    qtbot.waitUntil(lambda: bool(backend.asked) and backend.asked[-1][1] == window.state.box_px)
    qtbot.keyClick(window, Qt.Key.Key_Z, CTRL)
    assert window.state.box_px is None and not window.actions_by_key["undo"].isEnabled()


def test_without_a_picture_there_is_no_box_to_move(open_window: Opener) -> None:
    window = open_window()
    window.actions_by_key["box_left"].trigger()
    assert any("no box to move" in text for text in window.toasts.texts)


def test_the_3d_view_is_turned_by_keys_and_where_it_looks_from_is_remembered(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    open_window.gl = True
    window = open_window(photo)
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    has_keyboard(window, qtbot)
    camera = window.space.scene.camera
    azimuth, elevation, scale = camera.azimuth, camera.elevation, camera.scale_factor
    qtbot.keyClick(window, Qt.Key.Key_Right, SHIFT)
    qtbot.keyClick(window, Qt.Key.Key_Up, SHIFT)
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    assert (camera.azimuth, camera.elevation) == (azimuth + 10.0, elevation + 10.0)
    assert camera.scale_factor < scale
    window.close()
    again = open_window(photo)
    assert again.space.looks_from == pytest.approx((azimuth + 10.0, elevation + 10.0))


def test_help_lists_everything_and_every_menu_has_a_key_of_its_own(open_window: Opener) -> None:
    page = help_text()
    for spec in ACTIONS:
        assert f"'>{spec.text.rstrip('…')}</td>" in page, spec.key
        for keys in spec.shortcuts:
            assert keys in page
    window = open_window()
    names = [action.text() for action in window.menuBar().actions()]
    keys = [name[name.index("&") + 1].lower() for name in names]
    assert len(set(keys)) == len(keys)


def test_no_two_actions_share_a_key() -> None:
    keys = [keys for spec in ACTIONS for keys in spec.shortcuts]
    assert len(set(keys)) == len(keys)


def with_tab(window: MainWindow, qtbot: QtBot) -> list[QWidget]:
    """Return what the Tab key goes to, all around."""
    first = at = window.focusWidget()
    stops: list[QWidget] = []
    while at is not None and at not in stops:
        stops.append(at)
        qtbot.keyClick(at, Qt.Key.Key_Tab)
        at = window.focusWidget()
    assert at is first
    return stops


def test_the_tab_key_goes_through_the_bone_table_and_on(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    window = open_window(write_picture(tmp_path / "a.png"))
    qtbot.waitUntil(lambda: window.session.state.pose is not None)
    has_keyboard(window, qtbot)
    window.bones.table.setFocus(Qt.FocusReason.TabFocusReason)
    assert len(with_tab(window, qtbot)) > 5, "it did not stay in the table"


def test_whatever_the_tab_key_goes_to_shows_it(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("a.png", "b.png"):
        write_picture(album / name)
    window = open_window(album)
    window.resize(1280, 800)
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    window.compare_panel.all_pictures.setChecked(True)
    has_keyboard(window, qtbot)
    stops = with_tab(window, qtbot)
    assert len(stops) > 12 and not any(isinstance(widget, pg.PlotWidget) for widget in stops)
    hidden = []
    for widget in stops:
        if isinstance(widget, QStackedWidget | QGraphicsView):
            # A picture: all of its keys are the window's, which work from everywhere.
            continue
        place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        # As with the key itself.
        window.setAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
        seen = pixels(window.grab(place)).astype(int)
        widget.clearFocus()
        if np.abs(seen - pixels(window.grab(place))).max(axis=2).astype(bool).sum() < 2 * min(place.width(), 40):
            hidden.append(f"{type(widget).__name__} {widget.accessibleName()}")
    assert not hidden
