"""Compare in the window: two models on one picture, tables, 3D, the flip, faults of B, and a whole folder."""

from __future__ import annotations

import json
import threading
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose, write_picture
from poses import STANDING_MM
from PySide6.QtCore import QRectF, Qt
from pytestqt.qtbot import QtBot

import main
from app.comparing import Layout
from app.services.backend import TorchBackend
from app.sources import Box
from app.window import MainWindow
from core import skeleton
from core.pose import Pose
from core.reading import Reading

pytest_plugins = ("app_fixtures",)

WRIST = skeleton.JOINT_INDEX["left_wrist"]


def two_models(name: str, size: tuple[int, int], box: Box | None) -> Pose:
    """Let model two put the left hand 130 mm elsewhere."""
    joints = STANDING_MM.copy()
    if name == "two":
        joints[WRIST] += (30, 40, 120)
    return make_pose(size, box, name=name, joints_mm=joints)


def comparing_window(open_window: Opener, source: Path, backend: FakeBackend | None = None) -> MainWindow:
    backend = backend or FakeBackend()
    backend.answer = two_models
    window = open_window(source, backend)
    window.actions_by_key["compare"].trigger()
    open_window.qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    return window


def test_without_a_comparison_everything_is_as_before(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    assert not window.compared.isVisible() and not window._panels["compare"].isVisible()
    assert not window._panels["picture_b"].isVisible() and window.bones.isVisible()
    assert window.picture.title.text() == "photo.png" and window.space.title.text() == "3D"
    assert not window.comparing.is_working
    assert not window.actions_by_key["compare_flip"].isEnabled()


def test_b_looks_at_the_box_that_a_looked_at(open_window: Opener, photo: Path) -> None:
    backend = FakeBackend()
    window = comparing_window(open_window, photo, backend)
    a, b = window.state.pose, window.comparing.pose
    assert a is not None and b is not None
    assert (a.checkpoint_name, b.checkpoint_name) == ("one", "two")
    assert backend.asked[-1] == ("two", a.box_px, Reading())
    assert window.compared.isVisible() and window.compared.pickers[0].combo.currentText() == "two"
    assert window.picker.combo.currentText() == "one"


def test_the_joints_that_differ_most_come_first_and_a_row_chooses_its_joint(open_window: Opener, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    table = window._panels["compare"].joints
    assert table.texts()[0] == ("L wrist", "130", "7.6", "26")
    table.selectRow(0)
    assert window.state.display.joint == WRIST
    window.state.choose_joint(0)
    assert table.chosen() == 0


def test_bones_stand_side_by_side_with_their_difference(open_window: Opener, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    table = window._panels["compare"].bones
    row = next(row for row in table.texts() if row[0] == "L forearm")
    assert row[1:4] == ("266", "292", "+26")
    table.choose(skeleton.BONE_INDEX["left_forearm"])
    assert window.state.display.bone == skeleton.BONE_INDEX["left_forearm"]
    window.actions_by_key["let_go"].trigger()
    assert window.state.display.bone is None and table.chosen() is None


def test_zoom_and_place_of_the_two_pictures_are_linked_both_ways(open_window: Opener, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    a, b = window.picture.box_view, window._panels["picture_b"].box_view
    for leader, follower in ((a, b), (b, a)):
        leader.setRange(QRectF(100, 100, 60, 60), padding=0)
        ours, theirs = leader.viewRect(), follower.viewRect()
        assert theirs.center().x() == pytest.approx(ours.center().x(), abs=0.5)
        assert theirs.center().y() == pytest.approx(ours.center().y(), abs=0.5)
        assert theirs.width() / follower.width() == pytest.approx(ours.width() / leader.width(), rel=0.01)
        leader.setRange(QRectF(0, 0, 300, 300), padding=0)


def test_the_whole_picture_is_seen_in_both_views_however_narrow(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    window = comparing_window(open_window, write_picture(tmp_path / "wide.png", 600, 200))
    other = window._panels["picture_b"].box_view
    qtbot.waitUntil(lambda: other.viewRect().contains(QRectF(1, 1, 598, 198)))
    assert window.picture.box_view.viewRect().contains(QRectF(1, 1, 598, 198))


def test_a_view_that_is_new_or_gets_another_size_never_takes_a_elsewhere(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = open_window(photo, FakeBackend())
    a, b = window.picture.box_view, window._panels["picture_b"].box_view
    widths: list[float] = []
    a.sigRangeChanged.connect(lambda *_: widths.append(a.viewRect().width()))
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None and b.width() > 0)
    for width in (1280, 1000):
        window.resize(width, 800)
        qtbot.waitUntil(lambda width=width: window.width() == width)
        qtbot.wait(100)
    assert min(widths) > 300, "the picture has 320"
    assert b.viewRect().width() / b.width() == pytest.approx(a.viewRect().width() / a.width(), rel=0.01)


def test_arrows_lead_from_a_to_b_where_they_differ_and_can_be_switched_off(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = comparing_window(open_window, photo)
    view, arrows = window.picture.box_view, window.compare_views.pictures.arrows
    assert window.state.pose is not None
    view.setRange(QRectF(*(window.state.pose.joints_px[WRIST] - 20), 40, 40), padding=0)
    qtbot.waitUntil(lambda: arrows.drawn() == 1)
    qtbot.waitUntil(lambda: window._panels["picture_b"].arrows.drawn() == 1)
    window.actions_by_key["compare_arrows"].trigger()
    assert arrows.drawn() == 0


def test_the_split_line_parts_a_from_b(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    window.actions_by_key["compare_layout"].trigger()
    assert window.comparing.display.layout is Layout.SPLIT
    assert not window._panels["picture_b"].isVisible()
    pictures = window.compare_views.pictures
    assert pictures.line.isVisible() and pictures.line.value() == 160.0
    assert window.picture.layer.span[1] == pictures.layer.span[0] == 160.0
    heat = pictures.layer.heat.image
    pose = window.comparing.pose
    assert pose is not None
    middle = int((160.0 - pose.crop_to_picture[0, 2]) / (pose.crop_to_picture[0, 0] * pose.crop_size) * heat.shape[1])
    assert not heat[:, : middle - 1].any(), "B's map reaches over the line"
    pictures.line.setValue(80.0)
    assert window.comparing.display.split == pytest.approx(0.25)
    assert pictures.layer.span[0] == 80.0
    window.actions_by_key["compare_layout"].trigger()
    assert not pictures.line.isVisible() and window.picture.layer.span is None


def test_the_key_that_is_held_shows_b_in_as_place(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    window.comparing.set_display(layout=Layout.SINGLE)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)

    def shown() -> Pose | None:
        return window.picture.shown_pose()

    assert shown() is window.state.pose
    qtbot.keyPress(window, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: shown() is window.comparing.pose)
    assert window.picture.title.text().startswith("B ")
    np.testing.assert_array_equal(window.picture.skeleton._joints, window.comparing.pose.joints_px)
    qtbot.keyRelease(window, Qt.Key.Key_X)
    assert shown() is window.state.pose
    assert window.picture.title.text().startswith("A ")
    assert not window.actions_by_key["compare_flip"].isChecked()


def test_the_3d_views_turn_and_zoom_together(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    open_window.gl = True
    window = comparing_window(open_window, photo)
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    place = window._panels["space_b"]
    qtbot.waitUntil(lambda: place.panel is not None and place.panel.isVisible())
    other = place.panel
    poses = (window.state.pose, window.comparing.pose)
    wrong = [sum(bone.verdict == "implausible" for bone in pose.geometry.bones) for pose in poses]
    told = [f"loss {p.geometry.loss:.4f}, {count} implausible" for p, count in zip(poses, wrong, strict=True)]
    assert [window.space.note.text(), other.note.text()] == told
    a, b = window.space.scene.camera, other.scene.camera
    a.azimuth, a.scale_factor, a.center = 71.0, 1234.0, (1.0, 2.0, 3.0)
    assert (b.azimuth, b.scale_factor, tuple(b.center)) == (71.0, 1234.0, (1.0, 2.0, 3.0))
    b.azimuth, b.scale_factor = 12.0, 2345.0
    assert (a.azimuth, a.scale_factor) == (12.0, 2345.0)
    window.actions_by_key["compare_ghost"].trigger()
    assert not other.isVisible()
    assert window.space.note.text() == "8 mm from B"
    window.actions_by_key["compare"].trigger()
    assert window.space.note.text() == "25 cm floor squares"


def test_another_b_never_disturbs_a(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    a = window.state.pose
    combo = window.compared.pickers[0].combo
    combo.activated.emit(combo.findText("one"))
    qtbot.waitUntil(lambda: window.comparing.pose is not None and window.comparing.pose.checkpoint_name == "one")
    assert window.state.pose is a and window.picker.combo.currentText() == "one"
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    assert "same pose" in window._panels["compare"].sentence.text()


def test_a_bad_checkpoint_never_replaces_a_good_b(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    before = window.comparing.comparison
    window.comparing.choose(str(photo.with_name("bad.safetensors")))
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert "bad.safetensors is damaged" in window.toasts.texts[0]
    assert window.compared.pickers[0].combo.currentText() == "two" and window.picker.combo.currentText() == "one"
    assert window.comparing.comparison is before and not window.comparing.activity


def test_late_answers_of_b_are_dropped(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    window = comparing_window(open_window, photo, backend)
    entered, gate = threading.Event(), threading.Event()

    def slow_b(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        if name == "two" and not gate.is_set():
            entered.set()
            assert gate.wait(10)
        return two_models(name, size, box)

    backend.answer = slow_b
    window.session.ask_for_pose()
    qtbot.waitUntil(entered.is_set)
    assert window.comparing.comparison is None
    window.session.open([write_picture(photo.with_name("other.png"), 200, 100)])
    qtbot.waitUntil(lambda: window.picture.title.text().endswith("other.png"))
    gate.set()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    assert window.comparing.pose is not None and window.comparing.pose.picture_size_px == (200, 100)
    assert window.comparing.other.dropped == 1


def test_a_b_that_fails_leaves_a_working(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    window = comparing_window(open_window, photo, backend)

    def fail(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        if name == "two":
            raise RuntimeError("out of memory")
        return two_models(name, size, box)

    backend.answer = fail
    window.actions_by_key["mirror"].trigger()
    qtbot.waitUntil(lambda: any("out of memory" in text for text in window.toasts.texts))
    assert window.state.pose is not None and window.comparing.pose is None
    backend.answer = two_models
    window.actions_by_key["mirror"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)


def test_empty_states_say_what_to_do(open_window: Opener, qtbot: QtBot) -> None:
    backend = FakeBackend()
    backend.bundled = lambda: FakeBackend().bundled()[:1]  # type: ignore[method-assign]
    window = open_window(None, backend)
    window.actions_by_key["compare"].trigger()
    panel = window._panels["compare"]
    assert panel.empty.isVisible() and "Open a picture" in panel.empty.text.text()
    assert "toolbar" in window._panels["picture_b"].empty.text.text()
    panel.all_pictures.setChecked(True)
    assert "Open a folder" in panel.many.status.text() and not panel.many.button.isEnabled()
    window.actions_by_key["compare_many"].trigger()
    assert "no two models" in window.toasts.texts[-1]


def test_b_is_remembered(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = comparing_window(open_window, photo)
    mine = photo.with_name("mine.safetensors")
    window.comparing.choose(str(mine))
    qtbot.waitUntil(lambda: window.compared.pickers[0].combo.currentText() == "mine")
    window.close()
    assert open_window.settings().text("model_b") == str(mine)
    again = open_window(photo)
    assert not again.comparing.on
    assert again.bones.height() > 150 and again.picture.width() > 300, "the comparison's layout is left behind"


# A folder


def album(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        write_picture(folder / f"{number}.png", 200 + 10 * number, 300)
    return folder


def test_a_folder_is_compared_and_a_click_opens_the_picture(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    backend = FakeBackend()
    window = comparing_window(open_window, album(tmp_path / "album", 4), backend)

    def more_and_more(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        joints = STANDING_MM.copy()
        joints[WRIST, 2] += 0.0 if name == "one" else float(size[0] - 190)
        return make_pose(size, box, name=name, joints_mm=joints)

    backend.answer = more_and_more
    (tmp_path / "album" / "2.png").write_text("no picture")
    window.actions_by_key["compare_many"].trigger()
    page = window._panels["compare"].many
    assert page.isVisible() and page.button.text() == "Cancel"
    qtbot.waitUntil(lambda: not window.comparing.many.result.running)
    assert [row[0] for row in page.ranking.texts()] == ["3.png", "1.png", "0.png"]
    assert page.ranking.texts()[0][1:] == ("2", "0.0", "1", "L wrist, 40 mm")
    assert page.status.text().startswith("A one, B two: 3 of 4 pictures") or "1 failed" in page.status.text()
    assert any("2.png" in text for text in window.toasts.texts)
    shares = page.asymmetry.curves[1].getData()[1]
    assert shares.sum() == pytest.approx(100.0)
    page.ranking.selectRow(0)
    page.ranking.clicked.emit(page.ranking.currentIndex())
    qtbot.waitUntil(lambda: window.picture.title.text().endswith("3.png"))
    assert window.state.trail_index == 3


def test_a_folder_comparison_can_be_cancelled_and_begun_again(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    backend = FakeBackend()
    window = comparing_window(open_window, album(tmp_path / "album", 5), backend)
    gate = threading.Semaphore(2)

    def gated(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        if box is None:
            assert gate.acquire(timeout=10)
        return two_models(name, size, box)

    backend.answer = gated
    page = window._panels["compare"].many
    window.comparing.many.start_or_stop()
    qtbot.waitUntil(lambda: window.comparing.many.result.done == 2)
    page.button.click()
    gate.release(20)
    assert not window.comparing.many.result.running
    assert "2 of 5" in page.status.text()
    page.button.click()
    qtbot.waitUntil(lambda: not window.comparing.many.result.running)
    assert window.comparing.many.result.done == 5


def test_closing_during_a_folder_comparison_leaves_no_thread(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    window = comparing_window(open_window, album(tmp_path / "album", 5))
    window.comparing.many.start_or_stop()
    window.close()
    assert window.stopped_in_time


# Screen = command line


def test_the_window_shows_the_numbers_that_the_command_writes(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    sample = Path(str(resources.files("resources"))) / "samples" / "sitting.jpg"
    out = tmp_path / "o.json"
    assert main.main(["compare", str(sample), "--a", "geo", "--b", "no-geo", "--json", str(out)]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))["comparisons"][0]
    window = open_window(sample, TorchBackend())
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None, timeout=30_000)
    panel = window._panels["compare"]
    shown = {row.key: row for row in panel.joints.rows.rows}
    for index, joint in enumerate(told["joints"]):
        assert shown[index].values[1:3] == (joint["distance_mm"], joint["distance_px"])
        assert shown[index].texts[1] == f"{joint['distance_mm']:.0f}"
        if joint["angle_degrees"] is not None:
            assert shown[index].values[3] == joint["angle_degrees"]
    for row, bone in zip(panel.bones.rows.rows, told["bones"], strict=True):
        assert row.values[1:3] == (bone["a"]["length_mm"], bone["b"]["length_mm"])
        assert row.texts[3].replace("−", "-") in (f"{bone['difference']['length_mm']:+.0f}", "0")
    assert told["a"]["geometry"]["loss"] == round(window.comparing.comparison.geometry_a.loss, 6)
