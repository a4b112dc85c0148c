"""Room in the window: everything fits a screen of 1280 x 800, and what is narrow leaves out instead of cutting off."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_fakes import FakeBackend, Opener, make_pose, write_picture
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QSplitter, QToolButton
from pytestqt.qtbot import QtBot
from video_clips import write_clip

from app.services.training import RunView
from app.theme import ThemeWatcher
from app.views.curves import Curves
from app.window import MainWindow

pytest_plugins = ("app_fixtures",)


def album_window(open_window: Opener, tmp_path: Path) -> MainWindow:
    """Open a folder in a window of 1280 x 800, with the 3D views."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("a picture with a long name.png", "another.png"):
        write_picture(folder / name)
    open_window.gl = True
    backend = FakeBackend()
    backend.answer = lambda name, size, box: make_pose(size, box, name=name)
    window = open_window(folder, backend)
    window.resize(1280, 800)
    return window


def compare(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)


def shown_widths(window: MainWindow) -> list[int]:
    names = ("picture", "picture_b", "space", "space_b")
    return [window._panels[name].width() for name in names if window._panels[name].isVisible()]


def test_a_folder_in_a_comparison_fits_a_small_screen_in_equal_parts(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    window = album_window(open_window, tmp_path)
    before = window.picture.width()
    compare(window, qtbot)
    panels = 4 if window.space.scene is not None else 3
    qtbot.waitUntil(lambda: len(shown_widths(window)) == panels and max(shown_widths(window)) < before)
    assert window.minimumSizeHint().width() <= 1280 and window.width() == 1280
    qtbot.waitUntil(lambda: max(shown_widths(window)) - min(shown_widths(window)) <= 2)
    export = window.chrome.export
    assert export.isVisible() and export.mapTo(window, export.rect().topRight()).x() < 1280
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: abs(window.picture.width() - before) <= 2)


def test_what_is_narrow_leaves_out_instead_of_cutting(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    window = album_window(open_window, tmp_path)
    why, names = window.picture.why, window.thumbnails.model
    assert all(label.isVisible() for label in why.values[:4]) and names.data(names.index(0)) is not None
    compare(window, qtbot)
    qtbot.waitUntil(lambda: not why.values[4].isVisible())
    assert why.values[0].isVisible() and why.values[0].text().endswith("%")
    qtbot.waitUntil(lambda: names.data(names.index(0)) is None)
    if window.space.scene is not None:
        assert window.space._folded.isVisible() and not any(button.isVisible() for button in window.space._buttons)
        camera = window.space.scene.camera
        camera.elevation = 3.0
        [top] = [action for action in window.space._folded.menu().actions() if action.text() == "Top"]
        top.trigger()
        assert camera.elevation == 90.0


def test_four_models_fit_a_small_screen_at_200_percent_with_whole_names(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    open_window.gl = True
    window = open_window(photo)
    window.resize(960, 540)
    window.actions_by_key["compare"].trigger()
    for name in ("a-long-named-run", "another-long-named-run"):
        window.comparing.add(str(photo.with_name(f"{name}.safetensors")))
    qtbot.waitUntil(lambda: len(window.comparing.comparisons) == 3, timeout=20_000)
    qtbot.waitUntil(lambda: window.minimumSizeHint().height() <= 540 and window.height() == 540)
    export = window.chrome.export
    qtbot.waitUntil(lambda: export.isVisible() and export.mapTo(window, export.rect().topRight()).x() < 960)
    for table in (window.compare_panel.joints, window.compare_panel.bones):
        names = [texts[0] for texts in table.texts()]
        assert len(names) >= 14
        qtbot.waitUntil(lambda t=table, n=names: t.columnWidth(0) > max(map(t.fontMetrics().horizontalAdvance, n)))


def test_the_curves_of_a_run_without_steps_have_no_numbers(qtbot: QtBot, qapp: QApplication) -> None:
    curves = Curves(ThemeWatcher(qapp))
    qtbot.addWidget(curves)
    axes = [plot.getAxis(name) for plot in curves._plots for name in ("left", "bottom")]
    assert not any(axis.style["showValues"] for axis in axes)
    curves.show_run(RunView(steps=(10, 20), terms={"loss": (2.0, 1.0)}))
    assert all(axis.style["showValues"] for axis in axes)


def test_a_loss_that_hardly_changes_looks_so_and_has_its_numbers(qtbot: QtBot, qapp: QApplication) -> None:
    curves = Curves(ThemeWatcher(qapp))
    qtbot.addWidget(curves)
    curves.show_run(RunView(steps=(10, 20), terms={"loss": (6.90, 6.95)}))
    axis = curves._plots[0].getAxis("left")
    qtbot.waitUntil(lambda: axis.range[1] - axis.range[0] >= 1.0)
    numbers = [
        text for step, values in axis.tickValues(*axis.range, 300) for text in axis.tickStrings(values, 1.0, step)
    ]
    assert {"6", "7"} <= set(numbers)


def test_a_narrow_window_keeps_every_button_of_the_toolbar_and_whole_words_in_the_table(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = open_window(photo)
    window.resize(1500, 700)
    buttons = {button.text(): button for button in window.findChildren(QToolButton) if button.text()}
    qtbot.waitUntil(lambda: buttons["Export"].toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    window.resize(960, 540)
    qtbot.waitUntil(lambda: buttons["Export"].toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly)
    qtbot.waitUntil(lambda: buttons["Export"].geometry().right() <= window.width() and buttons["Export"].isVisible())
    header = window.bones.table.horizontalHeader()
    for column in range(header.count()):
        words = str(window.bones.model.headerData(column, Qt.Orientation.Horizontal)).split()
        widest = max(header.fontMetrics().horizontalAdvance(word) for word in words)
        assert header.sectionSize(column) > widest, words
    assert header.height() >= 2 * header.fontMetrics().lineSpacing()


@pytest.mark.parametrize("on", [False, True])
def test_an_album_and_a_video_fit_a_small_screen_at_200_percent(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, on: bool
) -> None:
    open_window.gl = True
    window = album_window(open_window, tmp_path)
    window.resize(960, 540)
    if on:
        compare(window, qtbot)
        panels = 4 if window.space.scene is not None else 3
        qtbot.waitUntil(lambda: len(shown_widths(window)) == panels)
    assert window.minimumSizeHint().width() <= 960 and window.width() == 960
    window.session.open([write_clip(tmp_path / "walk.mp4", 6)])
    qtbot.waitUntil(lambda: window.timeline.isVisible() and window.state.pose is not None)
    qtbot.waitUntil(lambda: window.minimumSizeHint().height() <= 540 and window.height() == 540)


def test_titles_of_the_bones_have_one_line_where_there_is_room_and_two_where_there_is_not(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = open_window(photo)
    window.resize(1280, 800)
    table, header = window.bones.table, window.bones.table.horizontalHeader()
    line = header.fontMetrics().lineSpacing()
    qtbot.waitUntil(lambda: table.width() > 560 and header.height() <= 2 * line)
    one_line = header.height()
    splitter = table.parentWidget()
    assert isinstance(splitter, QSplitter)
    splitter.setSizes([100, 2000])
    qtbot.waitUntil(lambda: table.width() < 540 and header.height() == one_line + line)
