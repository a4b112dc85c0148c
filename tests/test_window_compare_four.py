"""Three and four models in the window: how one is added and taken out, and what stands where then."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose, write_picture
from conftest import write_random_weights
from poses import STANDING_MM
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QTextDocumentFragment
from PySide6.QtWidgets import QFileDialog, QToolButton
from pytestqt.qtbot import QtBot

from app.comparing import Layout
from app.services.backend import TorchBackend
from app.sources import Box
from app.state import ModelEntry
from app.window import MainWindow
from core import skeleton
from core.pose import Pose

pytest_plugins = ("app_fixtures",)

BY_MM = {"two": 40.0, "three": 120.0, "four": 200.0}
WRIST = skeleton.JOINT_INDEX["left_wrist"]


def further_and_further(name: str, size: tuple[int, int], box: Box | None) -> Pose:
    """Let each model put the left hand further towards the camera than the one before."""
    joints = STANDING_MM.copy()
    joints[WRIST] -= (BY_MM.get(name, 0.0), 0, 0)
    return make_pose(size, box, name=name, joints_mm=joints)


def window_of(open_window: Opener, source: Path, *more: str) -> MainWindow:
    """Open a window that compares one, two and any more."""
    backend = FakeBackend()
    backend.answer = further_and_further
    window = open_window(source, backend)
    window.actions_by_key["compare"].trigger()
    for name in more:
        window.comparing.add(str(source.parent / f"{name}.safetensors"))
    open_window.qtbot.waitUntil(lambda: len(window.comparing.comparisons) == 1 + len(more))
    return window


def panel(window: MainWindow, letter: str) -> object:
    return window._panels[f"picture_{letter}"]


def test_the_plus_beside_the_models_adds_a_third(
    open_window: Opener, qtbot: QtBot, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = window_of(open_window, photo)
    plus = window.compared.plus
    assert plus.isVisible() and plus.text() == "+" and "one more model" in plus.toolTip()
    window.actions_by_key["compare_add"].trigger()
    assert window.compared.menu.isVisible()
    assert [action.text() for action in window.compared.menu.actions()] == ["Open checkpoint…"]
    chosen = str(photo.with_name("three.safetensors"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (chosen, ""))
    window.compared.menu.actions()[-1].trigger()
    window.compared.menu.close()
    qtbot.waitUntil(lambda: len(window.comparing.comparisons) == 2)
    assert [picker.isVisible() for picker in window.compared.pickers] == [True, True, False]
    assert window.compared.pickers[1].label.text() == "C"
    assert window.compared.pickers[1].combo.currentText() == "three"
    assert panel(window, "c").isVisible() and panel(window, "c").title.text() == "C  three"
    assert panel(window, "c").note.text() == "8 mm, 1.1 px apart"
    assert panel(window, "d").isVisible() and "Room for one more" in panel(window, "d").empty.title.text()
    assert window.comparing.other.letter == "C", "the new one is chosen"


def test_a_narrow_toolbar_keeps_the_names_of_four_models_apart_and_tells_them_whole(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    names = ["compact-geo", "compact-no-geo", "compact-geo-seed7", "compact-no-geo-seed7"]
    backend = FakeBackend()
    backend.bundled = lambda: [ModelEntry(name, name, "made by a test") for name in names]
    window = open_window(photo, backend)
    window.actions_by_key["compare"].trigger()
    for name in names[2:]:
        window.comparing.add(name)
    qtbot.waitUntil(lambda: len(window.comparing.comparisons) == 3)
    combos = [picker.combo for picker in (window.picker, *window.compared.pickers)]
    for width in (1280, 1100, 1000, 960):
        window.resize(width, 640)
        qtbot.waitUntil(lambda width=width: window.width() == width and window.chrome.export.isVisible())
        drawn = [combo.shown_text() for combo in combos]
        assert len(set(drawn)) == 4, drawn
        for combo, text in zip(combos, drawn, strict=True):
            assert combo.fontMetrics().horizontalAdvance(text) < combo.width() - 20, "nothing is cut"
    assert drawn[:2] == ["…geo", "…no-geo"]
    assert [combo.toolTip().splitlines()[0] for combo in combos] == names
    assert [combo.currentText() for combo in combos] == names
    window.actions_by_key["compare"].trigger()
    window.resize(1600, 640)
    qtbot.wait(50)
    assert window.picker.combo.shown_text() == "compact-geo"


def test_the_tables_show_a_and_each_of_the_others(open_window: Opener, photo: Path) -> None:
    window = window_of(open_window, photo, "three", "four")
    joints, bones = window.compare_panel.joints, window.compare_panel.bones
    heads = [joints.model().headerData(column, Qt.Orientation.Horizontal) for column in range(10)]
    assert heads == ["Joint", "B mm", "C mm", "D mm", "B px", "C px", "D px", "B °", "C °", "D °"]
    assert joints.texts()[0][:7] == ("L wrist", "40", "120", "200", "6.1", "18.2", "30.4")
    forearm = next(row for row in bones.texts() if row[0] == "L forearm")
    lengths = [np.linalg.norm([30 - by, 245, -100]) for by in (0.0, 40.0, 120.0, 200.0)]
    assert forearm[1:5] == tuple(f"{length:.0f}" for length in lengths)
    assert forearm[7] == f"{lengths[3] - lengths[0]:+.0f}"
    quantity = window.compare_panel.quantity
    assert quantity.isVisible()
    quantity.setCurrentIndex(quantity.findData("left_right_percent"))
    assert next(row for row in bones.texts() if row[0] == "torso")[1:] == ("–",) * 7
    assert window.compare_panel.sentence.text().startswith("A and D: They differ most at the left wrist, by 200 mm")


def test_four_pictures_stand_in_two_rows_of_one_size(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = window_of(open_window, photo, "three", "four")
    window.resize(1280, 800)
    panels = [window.picture, *(panel(window, letter) for letter in "bcd")]

    def sizes_agree() -> bool:
        sizes = [(each.width(), each.height()) for each in panels]
        return max(w for w, _ in sizes) - min(w for w, _ in sizes) <= 3 and (
            max(h for _, h in sizes) - min(h for _, h in sizes) <= 3
        )

    qtbot.waitUntil(sizes_agree)
    a, b, c, d = (each.mapTo(window, each.rect().topLeft()) for each in panels)
    assert a.y() == b.y() < c.y() == d.y() and a.x() == c.x() < b.x() == d.x()
    views = [each.box_view for each in panels]
    for view in views:
        assert view.viewRect().contains(QRectF(1, 1, 318, 398)), "the whole picture is in every view"
    views[3].setRange(QRectF(100, 100, 60, 60), padding=0)
    for view in views[:3]:
        assert view.viewRect().center().x() == pytest.approx(130, abs=0.5)
        assert view.viewRect().width() / view.width() == pytest.approx(
            views[3].viewRect().width() / views[3].width(), rel=0.01
        )
    assert window.width() == 1280 and window.height() == 800
    export = window.chrome.export
    assert export.isVisible() and export.mapTo(window, export.rect().topRight()).x() < 1280
    assert not window.compared.plus.isEnabled() and "take one out" in window.compared.plus.toolTip()
    assert not window.actions_by_key["compare_add"].isEnabled()


def test_arrows_lead_from_a_to_each_model_in_its_own_picture(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = window_of(open_window, photo, "three")
    for letter, other in zip("bc", window.comparing.others, strict=True):
        assert window.state.pose is not None and other.pose is not None
        starts, ends = panel(window, letter).arrows._ends
        np.testing.assert_array_equal(starts, window.state.pose.joints_px)
        np.testing.assert_array_equal(ends, other.pose.joints_px)


def test_the_held_key_flips_a_with_the_chosen_one(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = window_of(open_window, photo, "three")
    comparing = window.comparing
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    comparing.set_display(layout=Layout.SINGLE)
    for letter, name in (("C", "three"), ("B", "two")):
        assert comparing.other.letter == letter
        qtbot.keyPress(window, Qt.Key.Key_X)
        shown = window.picture.shown_pose()
        assert shown is not None and shown.checkpoint_name == name
        assert window.picture.title.text().startswith(f"{letter} ")
        qtbot.keyRelease(window, Qt.Key.Key_X)
        assert window.picture.shown_pose() is window.state.pose
        qtbot.keyClick(window, Qt.Key.Key_X, Qt.KeyboardModifier.ShiftModifier)
    comparing.set_display(layout=Layout.SPLIT)
    assert not panel(window, "d").parentWidget().isVisible(), "no empty column is left"
    assert window.picture.title.text().startswith("A | C")
    buttons = [button for button in window.compare_panel.letters if button.isVisible()]
    assert [button.text() for button in buttons if button.isChecked()] == ["C"]
    buttons[0].click()
    assert window.picture.title.text().startswith("A | B")


def test_a_model_that_is_taken_out_makes_room_and_the_next_moves_up(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = window_of(open_window, photo, "three", "four")
    combo = window.compared.pickers[1].combo
    combo.activated.emit(combo.findText("Take out of the comparison"))
    qtbot.waitUntil(lambda: not window.comparing._leaving)
    assert [(other.letter, other.model.name) for other in window.comparing.others if other.model] == [
        ("B", "two"), ("C", "four"),
    ]  # fmt: skip
    assert panel(window, "c").title.text() == "C  four" and "Room" in panel(window, "d").empty.title.text()
    qtbot.waitUntil(lambda: window.compare_panel.joints.texts()[0][:3] == ("L wrist", "40", "200"))
    for _ in range(2):
        window.comparing.remove(0)
    assert not window.comparing.on and window.bones.isVisible()
    assert not panel(window, "c").isVisible() and not panel(window, "d").isVisible()


def test_four_3d_views_turn_together_or_stand_as_ghosts_in_one(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    open_window.gl = True
    window = window_of(open_window, photo, "three", "four")
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    holders = [window._panels[f"space_{letter}"] for letter in "bcd"]
    qtbot.waitUntil(lambda: all(each.panel is not None and each.panel.isVisible() for each in holders))
    scenes = [window.space.scene, *(holder.panel.scene for holder in holders)]
    for number, leader in enumerate(scenes):
        leader.camera.azimuth, leader.camera.scale_factor = 10.0 + number, 1000.0 + number
        assert {scene.camera.azimuth for scene in scenes} == {10.0 + number}
        assert {scene.camera.scale_factor for scene in scenes} == {1000.0 + number}
    window.actions_by_key["compare_ghost"].trigger()
    assert not any(holder.isVisible() for holder in holders)
    assert window.space.note.text() == "from B 2, C 8, D 12 mm"
    bodies = scenes[0]._ghost_body
    assert bodies is not None and bodies.shape == (3 * skeleton.JOINT_COUNT, 3)


def test_the_models_window_compares_with_the_selected_model(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    backend.answer = further_and_further
    window = open_window(photo, backend)
    models = window.tools.models
    models.show()
    models.list.setCurrentRow(1)
    texts = {action.text(): action for action in models.list.actions()}
    texts["Compare with it"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    assert window.comparing.on and window.comparing.source(0) == "two"
    models.list.setCurrentRow(0)
    assert not models.compare_button.isEnabled(), "the model in use is A already"


def test_all_models_are_remembered(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    three = photo.with_name("three.safetensors")
    three.write_bytes(b"a file that is still there when the program starts again")
    window = window_of(open_window, photo, "three")
    window.close()
    again = open_window(photo)
    again.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: len(again.comparing.comparisons) == 2)
    assert [again.comparing.source(place) for place in range(3)] == ["two", str(three), ""]
    assert again.comparing.other.letter == "B"


def test_a_folder_is_ranked_by_the_model_that_is_furthest(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(3):
        write_picture(folder / f"{number}.png", 200 + 10 * number, 300)
    window = window_of(open_window, folder, "three")
    window.actions_by_key["compare_many"].trigger()
    page = window.compare_panel.many
    qtbot.waitUntil(lambda: not window.comparing.many.result.running)
    assert [row[1:] for row in page.ranking.texts()] == [("8", "2", "8", "C: L wrist, 120 mm")] * 3
    assert [curve.isVisible() for curve in page.deviation.curves] == [True, True, True, False]
    assert "C three" in page.status.text() and "3 pictures" in page.status.text()


def test_the_means_of_four_models_stand_whole_above_the_bars_and_cover_none(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(2):
        write_picture(folder / f"{number}.png")
    window = window_of(open_window, folder, "three", "four")
    window.resize(1280, 800)
    window.compare_panel.all_pictures.setChecked(True)
    window.actions_by_key["compare_many"].trigger()
    many = window.comparing.many
    qtbot.waitUntil(lambda: many.result.compared == 2 and not many.result.running)
    page = window.compare_panel.many
    told = [tally.summary() for tally in many.result.tallies]
    means = [told[0].deviation[0].mean, *(each.deviation[1].mean for each in told)]
    text = QTextDocumentFragment.fromHtml(page.deviation.means.text()).toPlainText()
    assert text.split() == ["Mean", *(part for pair in zip("ABCD", means, strict=True) for part in words(*pair))]
    for histogram in (page.deviation, page.asymmetry):
        assert not histogram.means.geometry().intersects(histogram.plot.geometry())
        assert histogram.means.sizeHint().width() <= histogram.means.width(), "no mean is cut"
        drawn = [item for item in histogram.plot.getPlotItem().items if item not in histogram.curves]
        assert not drawn, "and nothing else stands in the plot"
        assert histogram.means.toolTip().splitlines()[3].startswith("D four: mean ")


def words(letter: str, mean: float) -> tuple[str, ...]:
    return letter, f"{mean:.1f}", "%"


def test_two_bundled_models_and_one_of_random_weights_stand_side_by_side(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    sample = Path(str(resources.files("resources"))) / "samples" / "waving.jpg"
    third = write_random_weights(tmp_path / "third.safetensors", 3, geometry_loss=True, record={})
    window = open_window(sample, TorchBackend())
    window.actions_by_key["compare"].trigger()
    window.comparing.add(str(third))
    qtbot.waitUntil(lambda: len(window.comparing.comparisons) == 2, timeout=60_000)
    assert panel(window, "b").title.text() == "B  compact-no-geo"
    assert panel(window, "c").title.text() == "C  third"
    trained, random = window.comparing.comparisons
    assert trained.mean_mm < random.mean_mm, "two trained models agree more than with random weights"
    top = window.compare_panel.joints.texts()[0]
    assert top[1] == f"{trained.worst_first[0].distance_mm:.0f}"
    hidden = [button for button in window.findChildren(QToolButton) if button.text() == "D"]
    assert not any(button.isVisible() for button in hidden)
