"""A person at the window: opens, looks, chooses, draws a box; and the faults that must not cost them anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose, write_picture
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QDialog, QTextBrowser
from pytestqt.qtbot import QtBot

from app.actions import ACTIONS, MENUS
from app.colours import SIDE_COLOURS, VERDICT_COLOURS, ColourMode
from app.sources import Box, bundled_samples
from app.state import HeatmapMode
from app.window import MainWindow
from core import skeleton
from core.pose import Pose

pytest_plugins = ("app_fixtures",)


def drop(window: MainWindow, *paths: Path) -> None:
    """Drop files on the window."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, mime, buttons, keys))


def test_a_picture_on_the_command_line_is_shown_with_its_pose(open_window: Opener, photo: Path) -> None:
    open_window.gl = True
    window = open_window(photo)
    assert window.picture.title.text() == "photo.png"
    assert "80 %" in window.picture.note.text()
    assert window.bones.model.rowCount() == skeleton.BONE_COUNT
    assert window.bones.model.index(0, 1).data() == "461"
    assert any(abs(height) > 1 for height in window.bones.bars.heights())
    bar = window.statusBar()
    assert bar.picture_size.text() == "320 × 400 px"
    assert bar.device.text() == "CPU"
    assert bar.model.text() == "one"
    assert "ms" in bar.latency.text()


def test_an_empty_window_says_what_to_do(open_window: Opener) -> None:
    window = open_window()
    assert window.picture.empty.isVisible()
    assert "Ctrl+O" in window.picture.empty.text.text()
    assert not window.actions_by_key["export_picture"].isEnabled()


def test_dropping_a_folder_steps_through_it_in_natural_order(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in (10, 9, 1):
        write_picture(folder / f"im{number}.png")
    window = open_window()
    drop(window, folder)
    qtbot.waitUntil(lambda: window.picture.title.text() == "im1.png")
    for name in ("im9.png", "im10.png"):
        window.actions_by_key["next"].trigger()
        qtbot.waitUntil(lambda name=name: window.picture.title.text() == name)
    assert window.statusBar().place.text() == "3 of 3"
    assert not window.actions_by_key["next"].isEnabled()
    window.actions_by_key["previous"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "im9.png")


def test_a_missing_file_and_an_empty_folder_say_what_to_do(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    window = open_window()
    drop(window, tmp_path / "gone.jpg", tmp_path / "empty")
    qtbot.waitUntil(lambda: len(window.toasts.texts) == 2)
    assert "gone.jpg does not exist" in window.toasts.texts[0]
    assert "has no pictures" in window.toasts.texts[1]
    assert window.picture.empty.isVisible()
    assert window.statusBar().activity.text() == "Ready"


def test_a_panorama_is_shown_reduced_and_measured_in_its_own_pixels(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    window = open_window(write_picture(tmp_path / "wide.png", 9000, 60))
    assert window.statusBar().picture_size.text() == "9000 × 60 px"
    assert window.state.picture is not None
    assert window.state.picture.shown.shape[1] == 4096
    assert window.picture._image.mapRectToView(window.picture._image.boundingRect()).width() == 9000


def test_a_bad_picture_leaves_the_old_one_and_shows_a_notice(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    before = window.state.pose
    bad = photo.with_name("text.jpg")
    bad.write_text("this is not a picture")
    drop(window, bad)
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert window.toasts.texts == ["text.jpg is not a picture. Open a JPEG, PNG, WebP, BMP or TIFF file."]
    assert window.picture.title.text() == "photo.png"
    assert window.state.pose is before
    assert window.statusBar().activity.text() == "photo.png"


def test_a_bad_picture_in_a_folder_does_not_stop_the_stepping(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    write_picture(folder / "a.png")
    (folder / "b.png").write_text("no picture")
    write_picture(folder / "c.png")
    window = open_window(folder)
    window.actions_by_key["next"].trigger()
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    window.actions_by_key["next"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "c.png")


def test_choosing_another_model_gives_its_pose(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    combo = window.picker.combo
    combo.setCurrentIndex(combo.findText("two"))
    combo.activated.emit(combo.currentIndex())
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.checkpoint_name == "two")
    assert window.statusBar().model.text() == "two"
    window.actions_by_key["model_next"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.checkpoint_name == "one")


def test_a_bad_checkpoint_never_replaces_the_good_one(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    bad = photo.with_name("bad.safetensors")
    bad.write_bytes(b"")
    drop(window, bad)
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert "bad.safetensors is damaged" in window.toasts.texts[0]
    assert window.picker.combo.currentText() == "one"
    window.actions_by_key["mirror"].trigger()
    qtbot.waitUntil(lambda: window.session.inference.state == "running" and not window.state.activity)
    assert window.state.pose is not None
    assert window.state.pose.checkpoint_name == "one"


def test_a_dropped_checkpoint_joins_the_list(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    mine = photo.with_name("mine.safetensors")
    mine.write_bytes(b"x")
    drop(window, mine)
    qtbot.waitUntil(lambda: window.picker.combo.currentText() == "mine")
    assert [model.name for model in window.state.models] == ["one", "two", "mine"]


def test_late_results_are_dropped(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    window = open_window(None, backend)
    entered, gate = backend.hold()
    window.session.open([photo])
    qtbot.waitUntil(entered.is_set)
    other = write_picture(photo.with_name("other.png"), 200, 100)
    backend.answer = lambda name, size, box: make_pose(size, box, name=name)
    window.session.open([other])
    qtbot.waitUntil(lambda: window.picture.title.text() == "other.png")
    assert window.state.pose is None
    gate.set()
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert window.state.pose is not None
    assert window.state.pose.picture_size_px == (200, 100)
    assert window.session.dropped == 1


def test_a_network_that_fails_leaves_the_window_working(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    window = open_window(photo, backend)

    def fail(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        raise RuntimeError("out of memory\nsecond line")

    good, backend.answer = backend.answer, fail
    window.session.ask_for_pose()
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert "out of memory" in window.toasts.texts[0]
    assert "second line" not in window.toasts.texts[0]
    window.toasts.clear()
    backend.answer = lambda name, size, box: make_pose(size, box, joints_mm=np.full((16, 3), np.nan))
    window.session.ask_for_pose()
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert "not finite" in window.toasts.texts[0]
    backend.answer = good
    with qtbot.waitSignal(window.state.pose_changed):
        window.session.ask_for_pose()


def test_nobody_in_the_picture_is_said_calmly(open_window: Opener, photo: Path) -> None:
    backend = FakeBackend()
    backend.answer = lambda name, size, box: make_pose(size, box, confidence=0.03)
    window = open_window(photo, backend)
    assert "perhaps nobody" in window.picture.note.text()


def test_a_drawn_box_gives_a_new_pose_and_can_be_undone(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    window = open_window(photo, backend)
    window.actions_by_key["draw_box"].trigger()
    assert window.picture.box_view.drawing
    view, graphics = window.picture.box_view, window.picture.graphics
    start, end = (graphics.mapFromScene(view.mapViewToScene(QPointF(*point))) for point in ((60, 50), (260, 350)))
    qtbot.mousePress(graphics.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for share in (0.2, 0.6, 1.0):
        qtbot.mouseMove(graphics.viewport(), start + (end - start) * share)
    qtbot.mouseRelease(graphics.viewport(), Qt.MouseButton.LeftButton, pos=end)
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.located_by == "given")
    assert window.state.box_px is not None
    np.testing.assert_allclose(window.state.box_px, (60, 50, 200, 300), atol=3)
    assert not window.picture.box_view.drawing
    window.actions_by_key["undo"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.located_by == "search")
    window.actions_by_key["redo"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.located_by == "given")


def test_zooming_to_the_person_shows_its_box(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    window.session.give_box((100.0, 150.0, 80.0, 80.0))
    window.actions_by_key["fit_person"].trigger()
    shown = window.picture.box_view.viewRect()
    assert shown.contains(QPointF(101, 151))
    assert shown.height() < 100
    window.actions_by_key["fit"].trigger()
    assert window.picture.box_view.viewRect().height() > 390


def test_clicking_a_thumbnail_shows_that_heatmap(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    place = QPoint(int(window.picture.strip.cell(0).center().x()), 10)
    qtbot.mouseClick(window.picture.strip, Qt.MouseButton.LeftButton, pos=place)
    assert window.state.display.joint == skeleton.JOINT_INDEX["head_top"]
    assert window.picture.heatmaps.currentText() == "Head top"
    qtbot.keyClick(window.picture.strip, Qt.Key.Key_Right)
    assert window.picture.heatmaps.currentText() == "Upper neck"
    window.actions_by_key["heat_all"].trigger()
    assert window.picture.heatmaps.currentText() == "All joints"
    window.actions_by_key["heat_off"].trigger()
    assert window.state.display.heatmap is HeatmapMode.OFF


def test_verdict_colours_are_the_same_in_2d_3d_and_bars(open_window: Opener, photo: Path) -> None:
    backend = FakeBackend()
    broken = make_pose().joints_mm.copy()
    broken[10] *= 1.6
    backend.answer = lambda name, size, box: make_pose(size, box, joints_mm=broken)
    window = open_window(photo, backend)
    forearm = skeleton.BONE_INDEX["right_forearm"]
    assert window.picture.skeleton._bone_colours[forearm] == SIDE_COLOURS["right"]
    window.actions_by_key["verdict"].trigger()
    assert window.state.display.colours is ColourMode.VERDICT
    red = VERDICT_COLOURS["implausible"]
    assert window.picture.skeleton._bone_colours[forearm] == red
    assert window.bones.bars._bars.opts["brushes"][forearm].color().getRgb()[:3] == red
    assert window.bones.model.index(forearm, 5).data() == "implausible"


def test_sorting_by_a_number_sorts_as_numbers(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    window.bones.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    model = window.bones.table.model()
    lengths = [float(model.index(row, 1).data()) for row in range(model.rowCount())]
    assert lengths == sorted(lengths)


def test_choosing_a_bone_in_the_table_marks_it_in_the_picture(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    window.bones.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    window.bones.table.selectRow(0)
    assert window.state.display.bone == skeleton.BONE_INDEX["torso"]
    assert window.picture.skeleton._bone == skeleton.BONE_INDEX["torso"]
    window.actions_by_key["draw_box"].trigger()
    window.actions_by_key["let_go"].trigger()
    assert window.state.display.bone is None
    assert not window.actions_by_key["draw_box"].isChecked()


def test_the_3d_view_shows_the_body_and_turns(open_window: Opener, photo: Path) -> None:
    open_window.gl = True
    window = open_window(photo)
    if window.space.fault is not None:
        pytest.skip(window.space.fault)
    window.space.preset("camera")
    front = window.space.picture()
    assert front is not None
    colours = {front.pixelColor(x, y).name() for x in range(0, front.width(), 7) for y in range(0, front.height(), 7)}
    assert len(colours) > 20, "the 3D view is blank"
    window.space.preset("top")
    assert window.space.scene is not None
    assert window.space.scene.camera.elevation == 90.0
    assert window.space.picture() != front


# vispy 0.17 asks Qt for a position in a way that PySide6 calls deprecated.
@pytest.mark.filterwarnings("ignore:Function. 'QMouseEvent.pos:DeprecationWarning")
def test_dragging_the_3d_view_turns_it(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    open_window.gl = True
    window = open_window(photo)
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    native, camera = window.space.scene.canvas.native, window.space.scene.camera
    before = camera.azimuth
    start = native.rect().center()
    qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=start)
    place = start

    def turned() -> bool:
        nonlocal place
        place += QPoint(10, 0)
        button, none, keys = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        at, on_screen = QPointF(place), QPointF(native.mapToGlobal(place))
        QApplication.sendEvent(native, QMouseEvent(QEvent.Type.MouseMove, at, on_screen, none, button, keys))
        return abs(camera.azimuth - before) > 15

    # vispy skips moves that follow too closely.
    qtbot.waitUntil(turned)
    qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=place)


def test_resting_on_a_joint_marks_it(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    assert window.state.pose is not None
    view, graphics = window.picture.box_view, window.picture.graphics
    wrist = skeleton.JOINT_INDEX["left_wrist"]
    place = graphics.mapFromScene(view.mapViewToScene(QPointF(*window.state.pose.joints_px[wrist])))
    qtbot.mouseMove(graphics.viewport(), place)
    qtbot.waitUntil(lambda: window.picture.skeleton._hovered == wrist)
    qtbot.mouseClick(graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.state.display.joint == wrist)


def test_without_opengl_picture_and_table_go_on(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(None, wait=False)
    qtbot.waitUntil(lambda: any("3D view is off" in text for text in window.toasts.texts))
    window.session.open([photo])
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert window.space.scene is None
    assert window.bones.model.rowCount() == skeleton.BONE_COUNT
    window.actions_by_key["view_top"].trigger()
    window.actions_by_key["fit"].trigger()


def test_a_storm_of_equal_notices_is_one_notice(open_window: Opener) -> None:
    window = open_window()
    for _ in range(200):
        window.notifier.warn("an unexpected fault (ValueError)", "go on")
    assert len(window.toasts.texts) == 1
    for number in range(9):
        window.notifier.warn(f"fault {number}")
    assert len(window.toasts.texts) == 3


def test_the_theme_changes_while_the_window_is_open(open_window: Opener, photo: Path, qtbot: QtBot) -> None:
    open_window.gl = True
    window = open_window(photo)
    for dark in (False, True):
        with qtbot.waitSignal(window.themes.changed):
            window.actions_by_key["theme_dark" if dark else "theme_light"].trigger()
            assert window.themes.theme.dark is dark
            assert not window.updatesEnabled(), "half of a new theme is not painted"
        qtbot.waitUntil(window.updatesEnabled)
        canvas = window.space.scene.canvas.bgcolor.rgb.mean()
        corner = window.grab().toImage().pixelColor(2, window.height() // 2).lightness()
        assert (bool(canvas < 0.5), corner < 128) == (dark, dark)
    assert open_window.settings().text("theme") == "dark"


def test_the_window_remembers(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    window.actions_by_key["mirror"].trigger()
    window.session.choose_model("two")
    open_window.qtbot.waitUntil(lambda: window.state.model is not None and window.state.model.name == "two")
    window.resize(900, 650)
    window.close()
    again = open_window()
    assert again.state.model is not None
    assert again.state.model.name == "two"
    assert not again.actions_by_key["mirror"].isChecked()
    assert (again.width(), again.height()) == (900, 650) or again.width() == 1000  # the fixture resizes after restoring
    assert [action.text() for action in again.chrome.recent.actions()] == ["photo.png"]


def test_a_sample_is_neither_a_recent_picture_nor_the_folder_that_dialogs_start_in(
    open_window: Opener, photo: Path
) -> None:
    open_window(photo).close()
    window = open_window(bundled_samples()[0].path)
    assert window.state.picture is not None and window.state.picture.truth is not None
    assert [action.text() for action in window.chrome.recent.actions()] == ["photo.png"]
    assert window.settings.folder() == photo.parent


def test_a_vanished_model_of_last_time_gives_the_first_one(open_window: Opener) -> None:
    open_window.settings().set("model", "/gone/net.safetensors")
    window = open_window()
    assert window.state.model is not None
    assert window.state.model.name == "one"


def test_closing_the_picture_empties_the_window(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    window.actions_by_key["close"].trigger()
    assert window.picture.empty.isVisible()
    assert window.bones.model.rowCount() == 0
    assert window.statusBar().picture_size.text() == ""


def test_the_keys_of_the_help_page_work(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        write_picture(folder / name)
    open_window.gl = True
    window = open_window(folder)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: window.picture.title.text() == "b.png")
    qtbot.keyClick(window, Qt.Key.Key_V)
    assert window.state.display.colours is ColourMode.VERDICT
    qtbot.keyClick(window, Qt.Key.Key_A)
    assert window.state.display.heatmap is HeatmapMode.ALL
    qtbot.keyClick(window, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: window.statusBar().model.text() == "two")
    qtbot.keyClick(window, Qt.Key.Key_4)
    if window.space.scene is not None:
        assert window.space.scene.camera.elevation == 90.0


def test_help_lists_the_keys(open_window: Opener) -> None:
    window = open_window()
    window.actions_by_key["shortcuts"].trigger()
    window.actions_by_key["about"].trigger()
    pages = {dialog.windowTitle(): dialog.findChild(QTextBrowser) for dialog in window.findChildren(QDialog)}
    keys, about = pages["Keyboard and mouse"], pages["About Bonesight"]
    assert isinstance(keys, QTextBrowser) and isinstance(about, QTextBrowser)
    lines = keys.toPlainText().splitlines()
    listed = {key.strip() for line in lines for key in line.split(" or ")}
    wanted = {key for spec in ACTIONS if spec.menu in MENUS for key in spec.shortcuts}
    assert wanted and wanted <= listed, wanted - listed
    assert "ICCV 2017" in about.toPlainText()
