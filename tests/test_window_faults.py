"""Faults that a window meets: strange files, full disks, lost devices, blocked threads. Each costs a notice at most."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from app_fakes import FakeBackend, FakeModel, Opener, make_pose, write_picture
from bad_files import BAD, GOOD, KINDS, bad_checkpoint, write_inputs
from conftest import ROOT, gradient
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.services.backend import TorchBackend, TorchModel
from app.services.pictures import read_with_core
from app.sources import Box
from app.window import MainWindow
from core.pose import Pose
from core.predictor import Predictor
from core.reading import Reading

pytest_plugins = ("app_fixtures",)

SIZES = dict.fromkeys(GOOD, "120 × 160 px") | {"panorama.jpg": "20000 × 300 px", "turned.jpg": "160 × 120 px"}
SLOW_MS = 20_000


def told(window: MainWindow) -> str:
    return " ".join(window.toasts.texts)


def test_every_kind_of_picture_is_shown_and_every_bad_one_is_a_notice_that_costs_nothing(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    inputs = write_inputs(tmp_path)
    open_window.reader = read_with_core
    window = open_window()
    for name in GOOD:
        window.session.open([inputs / name])
        qtbot.waitUntil(lambda name=name: window.picture.title.text() == name and window.state.pose is not None)
        assert window.statusBar().picture_size.text() == SIZES[name]
    shown = window.state.pose
    for name, why in BAD.items():
        if name == "dot.png":
            continue  # a picture of one pixel can be looked at, by people
        window.toasts.clear()
        window.session.open([inputs / name])
        qtbot.waitUntil(lambda why=why: why in told(window))
        assert len(window.toasts.texts) == 1
        assert window.picture.title.text() == GOOD[-1] and window.state.pose is shown


def test_every_bad_checkpoint_leaves_the_old_model_at_work(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, photo: Path, weights: Path
) -> None:
    open_window.settings().set("model", str(weights))
    window = open_window(photo, TorchBackend())
    for kind in KINDS:
        window.toasts.clear()
        bad = bad_checkpoint(kind, weights, tmp_path / f"{kind.replace(' ', '-')}.safetensors")
        window.session.choose_model(str(bad))
        qtbot.waitUntil(lambda: bool(window.toasts.texts), timeout=SLOW_MS)
        assert bad.stem in told(window)
        assert window.picker.combo.currentText() == "random" and window.statusBar().model.text() == "random"
    with qtbot.waitSignal(window.state.pose_changed, timeout=SLOW_MS):
        window.actions_by_key["mirror"].trigger()
    assert window.state.pose is not None and window.state.pose.checkpoint_name == "random"


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_a_notice_and_the_old_file_stays(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    window = open_window(photo)

    def fails(*_args: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "fsync", fails)
    suffixes = {"export_json": ".json", "export_csv": ".csv", "export_npz": ".npz", "export_bvh": ".bvh",
                "export_picture": ".png", "export_report": ".html"}  # fmt: skip
    for key, suffix in suffixes.items():
        target = tmp_path / f"old{suffix}"
        target.write_bytes(b"what was there")
        monkeypatch.setattr("app.exports.QFileDialog.getSaveFileName", lambda *_args, t=target: (str(t), ""))
        window.toasts.clear()
        window.actions_by_key[key].trigger()
        qtbot.waitUntil(lambda: os.strerror(fault) in told(window), timeout=SLOW_MS)
        assert target.name in told(window) and target.read_bytes() == b"what was there"
    assert not list(tmp_path.glob("*.partial"))


def test_a_card_that_fails_is_left_for_the_processor_and_that_is_said(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    class Leaves(FakeModel):
        device = "cuda"

        def predict(self, *args: Any) -> Pose:
            self.device = "cpu"
            return super().predict(*args)

    backend = FakeBackend()
    backend.load = lambda source: Leaves(source, backend)  # type: ignore[method-assign]
    window = open_window(None, backend)
    assert window.statusBar().device.text() == "CUDA"
    window.session.open([photo])
    qtbot.waitUntil(lambda: window.statusBar().device.text() == "CPU" and window.state.pose is not None)
    assert "goes on on the CPU" in told(window) and len(window.toasts.texts) == 1


@pytest.mark.parametrize("fault", ["CUDA out of memory", "CUDA error: device lost"])
def test_the_model_goes_to_the_processor_when_the_card_fails(
    weights: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:

    from core.predictor import Predictor

    asked = []
    look = Predictor.predict

    def on_a_card(self: Predictor, *args: Any, **options: Any) -> Pose:
        asked.append(self.device)
        if self.device == "cuda":
            raise torch.OutOfMemoryError(fault) if "memory" in fault else RuntimeError(fault)
        return look(self, *args, **options)

    model = TorchModel(str(weights), "torch")
    model._predictor.device = "cuda"
    monkeypatch.setattr(Predictor, "predict", on_a_card)
    box: Box = (0.0, 0.0, 100.0, 100.0)
    assert model.predict(gradient(100, 100), box, Reading(refine=True)).refined and model.device == "cpu"
    model.predict(gradient(100, 100), box, Reading(mirror=False))
    assert asked == ["cuda", "cpu", "cpu"]

    def breaks(*_args: object, **_options: object) -> Pose:
        raise RuntimeError("wrong in itself")

    monkeypatch.setattr(Predictor, "predict", breaks)
    with pytest.raises(RuntimeError, match="wrong in itself"):
        model.predict(gradient(100, 100), box, Reading(mirror=False))


def test_an_answer_of_the_model_before_is_never_shown_as_the_new_ones(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    backend = FakeBackend()
    window = open_window(photo, backend)
    entered, gate = backend.hold()
    window.session.ask_for_pose()
    qtbot.waitUntil(entered.is_set)
    window.session.choose_model("two")
    pairs: list[tuple[str, str]] = []

    def note() -> None:
        if window.state.pose is not None and window.state.model is not None:
            pairs.append((window.state.model.name, window.state.pose.checkpoint_name))

    window.state.pose_changed.connect(note)
    gate.set()
    qtbot.waitUntil(lambda: ("two", "two") in pairs)
    assert ("two", "one") not in pairs


@pytest.mark.parametrize("blocked", ["reading", "loading", "looking"])
def test_closing_while_something_is_blocked_takes_less_than_two_seconds(
    open_window: Opener, qtbot: QtBot, photo: Path, blocked: str
) -> None:
    backend = FakeBackend()
    entered, gate = threading.Event(), threading.Event()

    def waits() -> None:
        entered.set()
        gate.wait(30)

    window = open_window(photo, backend)
    try:
        if blocked == "reading":
            window.session.pictures._reader = lambda path: (waits(), read_with_core(path))[1]
            window.session.open([write_picture(photo.with_name("slow.png"))])
        elif blocked == "loading":
            load = backend.load
            backend.load = lambda source: (waits(), load(source))[1]  # type: ignore[method-assign]
            window.session.choose_model("two")
        else:
            backend.answer = lambda name, size, box: (waits(), make_pose(size, box, name=name))[1]
            window.session.ask_for_pose()
        qtbot.waitUntil(entered.is_set)
        started = time.monotonic()
        window.close()
        assert time.monotonic() - started < 2.0
        # The program ends at once all the same, without waiting for the thread.
        assert not window.stopped_in_time and not window.isVisible()
    finally:
        gate.set()
    workers = (window.session.pictures, window.session.inference)
    assert all(worker.wait(5000) for worker in workers)


STORM = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from app import faults, window
from app.settings import Settings
from app.views.heatmap_strip import HeatmapStrip

def broken(strip, place):
    raise ValueError("a fault in a paint event")

application = window.make_application()
opened = window.create_window(sys.argv[1], settings=Settings(Path(sys.argv[2])))
whole = HeatmapStrip.cell

def storm():
    HeatmapStrip.cell = broken
    blows = QTimer(opened, interval=10)
    blows.timeout.connect(opened.picture.strip.update)
    blows.start()
    QTimer.singleShot(600, calm)

def calm():
    HeatmapStrip.cell = whole
    print(opened.toasts.texts, flush=True)
    QTimer.singleShot(100, opened.close)

opened.session.opened.connect(lambda _path: QTimer.singleShot(0, storm))
QTimer.singleShot(60_000, opened.close)
with faults.reported_to(opened.notifier):
    opened.show()
    code = application.exec()
import os
os._exit(code)
"""


def test_a_storm_of_faults_while_painting_is_one_notice_and_the_window_goes_on(photo: Path, tmp_path: Path) -> None:
    # In a process of its own: here, the tests' own keeping of exceptions would keep the broken painters too.
    words = [sys.executable, "-c", STORM, str(photo), str(tmp_path / "settings.ini")]
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, "BONESIGHT_NO_GL": "1"}, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("a fault in a paint event") >= 3
    assert "QBackingStore" not in done.stderr and "QPaintDevice" not in done.stderr
    assert done.stdout.count("unexpected fault (ValueError)") == 1


def test_a_driver_that_fails_leaves_picture_and_table(
    open_window: Opener, qtbot: QtBot, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: object) -> None:
        raise RuntimeError("GLSL 1.2 is not supported")

    monkeypatch.setattr("app.views.scene3d.Scene3D.__init__", broken)
    open_window.gl = True
    window = open_window(photo)
    assert window.space.scene is None and "could not be started" in str(window.space.fault)
    assert window.bones.model.rowCount() > 0


def test_a_window_remembered_off_screen_comes_back_on_it(open_window: Opener, photo: Path) -> None:
    window = open_window()
    window.move(90_000, 70_000)
    window.close()
    again = open_window()
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    assert any(screen.intersected(again.frameGeometry()).width() > 100 for screen in screens)
