"""Out of the window: figures, reports, arrays and tables, a whole folder, and the library of models."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from app_fakes import Opener, are_shown, write_picture
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot
from test_bvh import forward_kinematics
from test_outputs import read_report

from app.colours import SIDE_COLOURS
from app.services.backend import TorchBackend
from app.services.batch import BatchRequest
from app.services.worker import WorkerState
from app.views.scene3d import Scene3D
from app.window import MainWindow
from core import export, skeleton
from core.reading import Reading

pytest_plugins = ("app_fixtures",)


def save_as(monkeypatch: pytest.MonkeyPatch, target: Path, chosen: str = "") -> None:
    monkeypatch.setattr("app.exports.QFileDialog.getSaveFileName", lambda *_args: (str(target), chosen))


def saved(window: MainWindow, key: str, target: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Path:
    save_as(monkeypatch, target)
    window.actions_by_key[key].trigger()
    qtbot.waitUntil(target.is_file, timeout=20_000)
    return target


def test_export_writes_pictures_with_something_on_them(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_window.gl = True
    window = open_window(photo)
    out = tmp_path / "out"
    out.mkdir()
    for key in ("export_picture", "export_window", "export_3d"):
        target = out / f"{key}.png"
        monkeypatch.setattr("app.commands.QFileDialog.getSaveFileName", lambda *_args, t=target: (str(t), ""))
        window.actions_by_key[key].trigger()
        if key != "export_3d" or window.space.fault is None:
            qtbot.waitUntil(target.is_file, timeout=20_000)
            assert target.stat().st_size > 2000
            qtbot.waitUntil(lambda n=target.name: any(f"aved {n}" in text for text in window.toasts.texts))
            assert not window.state.activity
    gone = photo / "a.png"  # a file where a folder should be
    monkeypatch.setattr("app.commands.QFileDialog.getSaveFileName", lambda *_args: (str(gone), ""))
    window.toasts.clear()
    window.actions_by_key["export_picture"].trigger()
    qtbot.waitUntil(lambda: any("could not be written" in text for text in window.toasts.texts), timeout=20_000)
    assert not window.state.activity


def test_exported_numbers_are_those_on_screen(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(photo)
    for key, asked, name in (("export_json", "pose.json", "pose.json"), ("export_csv", "joints", "joints.csv")):
        save_as(monkeypatch, tmp_path / asked)
        window.actions_by_key[key].trigger()
        qtbot.waitUntil((tmp_path / name).is_file)
    document = json.loads((tmp_path / "pose.json").read_text(encoding="utf-8"))
    bones = document["poses"][0]["bones"]
    shown = [window.bones.model.index(row, 1).data() for row in range(skeleton.BONE_COUNT)]
    assert are_shown(bones, shown)
    assert document["checkpoint"]["name"] == "one"
    assert (tmp_path / "joints.csv").read_text(encoding="utf-8").count("\n") == 17


def test_every_export_tells_the_numbers_on_screen(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(photo)
    pose = window.state.pose
    assert pose is not None
    item = export.entry(pose, photo)
    with np.load(saved(window, "export_npz", tmp_path / "a.npz", qtbot, monkeypatch)) as arrays:
        assert arrays["joints_mm"][0].tolist() == item["joints_mm"]
        assert str(arrays["checkpoint_sha256"]) == pose.checkpoint_sha256
    places, _ = forward_kinematics(saved(window, "export_bvh", tmp_path / "a.bvh", qtbot, monkeypatch).read_text())
    np.testing.assert_allclose(places["left_wrist"][0], item["joints_mm"][15], atol=0.02)
    rows = read_report(saved(window, "export_report", tmp_path / "a.html", qtbot, monkeypatch)).rows
    shown = [window.bones.model.index(row, 1).data() for row in range(skeleton.BONE_COUNT)]
    lengths = {row[0]: row[1] for row in rows if len(row) == 7 and row[0]}
    assert [lengths[skeleton.plain_name(name)] for name in skeleton.BONE_NAMES] == shown
    for key, name, start in (
        ("export_figure", "a.png", b"\x89PNG"), ("export_report", "a.pdf", b"%PDF"),
        ("export_picture", "b.svg", b"<?xml"),
    ):  # fmt: skip
        assert saved(window, key, tmp_path / name, qtbot, monkeypatch).read_bytes().startswith(start)
    assert "<image" in (tmp_path / "b.svg").read_text() and "<polyline" in (tmp_path / "b.svg").read_text()


def opened_in_3d(open_window: Opener, photo: Path) -> tuple[MainWindow, Scene3D]:
    open_window.gl = True
    window = open_window(photo)
    if window.space.scene is None:
        pytest.skip("no OpenGL")
    return window, window.space.scene


def test_the_3d_view_as_svg_has_its_joints_where_the_view_has_them(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, scene = opened_in_3d(open_window, photo)
    window.space.preset("camera")
    svg = QSvgRenderer(str(saved(window, "export_3d", tmp_path / "a.svg", qtbot, monkeypatch)))
    shown, points = window.space.picture(), scene.on_screen()
    assert shown is not None and points is not None and svg.isValid()
    drawn = QImage(shown.size(), QImage.Format.Format_RGB32)
    painter = QPainter(drawn)
    svg.render(painter)
    painter.end()
    # Ankles and wrists, which nothing covers: the same colour in both pictures, but for its light.
    for joint, side in ((0, "right"), (10, "right"), (5, "left"), (15, "left")):
        x, y = round(points[joint, 0]), round(points[joint, 1])
        hues = [image.pixelColor(x, y).hue() for image in (shown, drawn)]
        assert hues == pytest.approx([QColor(*SIDE_COLOURS[side]).hue()] * 2, abs=12)


def test_the_3d_view_as_svg_has_the_names_where_the_view_has_them_and_none_when_they_are_off(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, scene = opened_in_3d(open_window, photo)
    names = scene.names
    window.state.set_display(labels=True)
    named = ElementTree.parse(saved(window, "export_3d", tmp_path / "named.svg", qtbot, monkeypatch))
    texts = {element.text: element for element in named.iter("{http://www.w3.org/2000/svg}text")}
    written = dict(names.written())
    assert len(written) > 4 and set(texts) == set(written)
    for name, (left, top, right, bottom) in written.items():
        x, y = float(texts[name].get("x", "nan")), float(texts[name].get("y", "nan"))
        assert left <= x <= (left + right) / 2 and (top + bottom) / 2 <= y <= bottom, "from the left, on its base line"
    window.state.set_display(labels=False)
    assert b"<text" not in saved(window, "export_3d", tmp_path / "plain.svg", qtbot, monkeypatch).read_bytes()


def test_a_name_without_suffix_gets_that_of_the_chosen_kind(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(photo)
    save_as(monkeypatch, tmp_path / "v1.0", "SVG drawing (*.svg)")
    window.actions_by_key["export_picture"].trigger()
    qtbot.waitUntil((tmp_path / "v1.0.svg").is_file)


@pytest.mark.parametrize(
    ("key", "name"),
    [("export_json", "a.json"), ("export_bvh", "a.bvh"), ("export_picture", "a.svg"), ("export_picture", "a.png")],
)
def test_a_disk_that_takes_its_time_does_not_hold_the_window_up_and_closing_it_loses_no_export(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, name: str
) -> None:
    window = open_window(photo)
    writes, may_go_on, fsync = threading.Event(), threading.Event(), os.fsync

    def slow(file: int) -> None:
        writes.set()
        assert may_go_on.wait(20)
        fsync(file)

    monkeypatch.setattr(os, "fsync", slow)
    other = tmp_path / f"other-{name}"
    save_as(monkeypatch, tmp_path / name)
    window.actions_by_key[key].trigger()
    assert window.state.activity == f"saving {name}"
    qtbot.waitUntil(writes.is_set)
    save_as(monkeypatch, other)
    window.actions_by_key[key].trigger()  # waits behind the first
    assert not (tmp_path / name).exists() and not other.exists()
    threading.Timer(0.1, may_go_on.set).start()
    window.close()
    assert window.stopped_in_time and other.read_bytes() and (tmp_path / name).read_bytes()


def test_a_drawing_that_cannot_be_written_is_a_notice(
    open_window: Opener, qtbot: QtBot, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(photo)
    save_as(monkeypatch, photo / "a.html")
    window.actions_by_key["export_report"].trigger()
    qtbot.waitUntil(lambda: any("could not be written" in text for text in window.toasts.texts), timeout=20_000)
    assert window.state.activity == ""


def test_figure_and_table_can_be_pasted(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    clipboard = QGuiApplication.clipboard()
    window.bones.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    window.actions_by_key["copy_table"].trigger()
    lines = clipboard.text().split("\n")
    assert lines[0].split("\t")[:2] == ["Bone", "Length, mm"] and len(lines) == 15
    lengths = [int(line.split("\t")[1]) for line in lines[1:]]
    assert lengths == sorted(lengths, reverse=True)
    assert clipboard.mimeData().html().count("<tr>") == 15
    window.actions_by_key["copy_figure"].trigger()
    qtbot.waitUntil(lambda: not clipboard.image().isNull(), timeout=20_000)
    assert clipboard.image().width() == 1750


def test_closing_while_a_figure_is_drawn_leaves_no_thread(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_window(photo)
    window.actions_by_key["copy_figure"].trigger()
    window.close()
    qtbot.waitUntil(lambda: not window.exports.drawing.isRunning(), timeout=10_000)


# Batches


def album(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        write_picture(folder / f"{number}.png", 120, 160)
    return folder


def request(folder: Path, out: Path, weights: Path) -> BatchRequest:
    return BatchRequest(folder, out, str(weights), Reading(mirror=False))


def test_a_folder_gives_the_files_of_predict_and_names_what_failed(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path
) -> None:
    window = open_window()
    folder, out = album(tmp_path / "album", 2), tmp_path / "out"
    (folder / "broken.png").write_text("no picture")
    window.actions_by_key["batch"].trigger()
    batch = window.tools.batch
    assert not batch.isModal()
    service = window.tools.batch_service
    progress: list[tuple[int, int, object]] = []
    service.progressed.connect(lambda *values: progress.append(values))
    with qtbot.waitSignal(service.finished, timeout=60_000) as done:
        service.start(request(folder, out, weights))
    assert done.args == [1]
    assert [values[:2] for values in progress] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert progress[0][2] is None and all(isinstance(values[2], float) for values in progress[1:])
    assert "broken.png" in batch.failures.item(0).text() and batch.failures.count() == 1
    document = json.loads((out / "poses.json").read_text())
    assert [Path(item["input"]).name for item in document["poses"]] == ["0.png", "1.png"]
    assert {path.name for path in out.iterdir()} == {
        "poses.json", "joints.csv", "joints.csv.json", "report.html", "0-pose.png", "1-pose.png",
    }  # fmt: skip
    assert any("some pictures" in text.lower() for text in window.toasts.texts)


def test_a_cancelled_folder_keeps_what_was_done(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path
) -> None:
    window = open_window()
    service = window.tools.batch_service
    out = tmp_path / "out"
    service.progressed.connect(lambda done, _total, _left: service.cancel() if done == 1 else None)
    with qtbot.waitSignal(service.finished, timeout=60_000) as done:
        service.start(request(album(tmp_path / "album", 30), out, weights))
    assert done.args == [130]
    assert 1 <= len(json.loads((out / "poses.json").read_text())["poses"]) < 30
    assert service.state is WorkerState.STOPPED


def test_a_folder_that_cannot_be_done_at_all_says_why(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path
) -> None:
    window = open_window()
    service = window.tools.batch_service
    with qtbot.waitSignal(service.failed, timeout=60_000) as failed:
        service.start(BatchRequest(album(tmp_path / "album", 1), tmp_path / "out", "no-such-model"))
    assert "there is no checkpoint no-such-model" in str(failed.args[0])
    assert service.state is WorkerState.FAULTED
    batch = window.tools.batch
    batch.source.path = batch.out.path = tmp_path
    batch.start()
    assert any("among the pictures" in text for text in window.toasts.texts)


def test_closing_the_window_ends_the_batch(open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path) -> None:
    window = open_window()
    service = window.tools.batch_service
    with qtbot.waitSignal(service.progressed, timeout=60_000):
        service.start(request(album(tmp_path / "album", 40), tmp_path / "out", weights))
    process = service._process
    assert process is not None
    window.close()
    assert process.state() == process.ProcessState.NotRunning


# Models


def drop(dialog: QDialog, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dialog.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys, QEvent.Type.Drop))


def names(window: MainWindow) -> list[str]:
    listed = window.tools.models.list
    return [listed.item(row).text().split("\n")[0] for row in range(listed.count())]


def test_a_dropped_checkpoint_is_listed_with_its_card_chosen_remembered_and_forgotten(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path
) -> None:
    own = Path(shutil.copy(weights, tmp_path / "mine.safetensors"))
    window = open_window()
    window.actions_by_key["models"].trigger()
    models = window.tools.models
    assert not models.isModal() and names(window) == ["one  (in use)", "two"]
    drop(models, own)
    qtbot.waitUntil(lambda: "mine" in names(window), timeout=20_000)
    models.list.setCurrentRow(2)
    assert "Preset compact" in models.card.toPlainText() and "sha256" in models.card.toPlainText()
    assert "Terms" in models.card.toPlainText()
    models.use()
    qtbot.waitUntil(lambda: window.state.model is not None and window.state.model.source == str(own))
    assert not models.forget_button.isEnabled()
    window.session.choose_model("one")
    qtbot.waitUntil(lambda: window.state.model is not None and window.state.model.name == "one")
    window.close()
    again = open_window()
    again.actions_by_key["models"].trigger()
    qtbot.waitUntil(lambda: "mine" in names(again), timeout=20_000)
    again.tools.models.list.setCurrentRow(2)
    again.tools.models.forget()
    assert names(again) == ["one  (in use)", "two"] and own.is_file()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all"])
def test_a_bad_file_is_never_listed_and_never_replaces_the_good_one(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, content: bytes
) -> None:
    bad = tmp_path / "wrong.safetensors"
    bad.write_bytes(content)
    window = open_window()
    window.actions_by_key["models"].trigger()
    drop(window.tools.models, bad)
    qtbot.waitUntil(lambda: bool(window.toasts.texts), timeout=20_000)
    assert "wrong.safetensors" in window.toasts.texts[0]
    drop(window.tools.models, tmp_path / "photo.jpg")
    assert any("photo.jpg is not a checkpoint" in text for text in window.toasts.texts)
    assert names(window) == ["one  (in use)", "two"]
    assert window.statusBar().model.text() == "one"


def test_bundled_models_show_their_written_cards(open_window: Opener, qtbot: QtBot) -> None:
    backend = TorchBackend()
    if not backend.bundled():
        pytest.skip("no bundled models in this checkout")
    window = open_window(None, backend)
    window.actions_by_key["models"].trigger()
    models = window.tools.models
    qtbot.waitUntil(lambda: "Data and terms" in models.card.toPlainText(), timeout=20_000)
    assert "MB" in models.list.item(0).text() and "for research" in models.card.toPlainText()
    assert not models.forget_button.isEnabled()
