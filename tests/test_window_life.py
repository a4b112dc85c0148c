"""Start and end of the window: threads, faults at start, the binding's references, and the real network."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from app_fakes import FakeBackend, Opener, make_pose
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.services.backend import TorchBackend
from app.services.worker import WorkerState
from app.sources import Box
from core import skeleton
from core.pose import Pose

pytest_plugins = ("app_fixtures",)


def test_void_calls_do_not_lose_references_to_none(qtbot: QtBot) -> None:
    # PySide6 6.12.0 on Python 3.11 does, and the process dies within seconds of live updates.
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(1000):
        label.setToolTip("x")
    assert sys.getrefcount(None) > before - 100


def test_closing_during_inference_leaves_no_thread(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    backend = FakeBackend()
    entered = threading.Event()

    def slow(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        entered.set()
        time.sleep(0.4)
        return make_pose(size, box, name=name)

    window = open_window(None, backend)
    backend.answer = slow
    window.session.open([photo])
    qtbot.waitUntil(entered.is_set)
    started = time.monotonic()
    window.close()
    assert time.monotonic() - started < 2.0
    assert window.stopped_in_time
    assert window.session.inference.state is WorkerState.STOPPED
    assert not window.session.inference.isRunning()


def test_a_network_that_cannot_start_is_said_and_pictures_still_open(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    backend = FakeBackend()

    def broken() -> None:
        raise ImportError("libtorch is missing")

    backend.prepare = broken  # type: ignore[method-assign]
    window = open_window(None, backend, wait=False)
    qtbot.waitUntil(lambda: any("libtorch is missing" in text for text in window.toasts.texts))
    assert window.session.inference.state is WorkerState.FAULTED
    window.session.open([photo])
    qtbot.waitUntil(lambda: window.picture.title.text() == "photo.png")


def test_the_real_network_answers(open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path) -> None:
    import torch

    from core import checkpoint, network

    torch.manual_seed(0)
    path = tmp_path / "random.safetensors"
    checkpoint.save(path, network.build("compact"), geometry_loss=True, record={})
    open_window.settings().set("model", str(path))
    open_window.gl = True
    window = open_window(photo, TorchBackend())
    assert window.state.model is not None
    assert window.state.model.name == "random"
    assert window.state.pose is not None
    assert window.state.pose.picture_size_px == (320, 400)
    for damage in (b"", path.read_bytes()[:5000], b"not a checkpoint at all"):
        bad = tmp_path / "damaged.safetensors"
        bad.write_bytes(damage)
        window.toasts.clear()
        window.session.open([bad])
        qtbot.waitUntil(lambda: bool(window.toasts.texts), timeout=20_000)
        assert "damaged.safetensors" in window.toasts.texts[0]
        assert window.picker.combo.currentText() == "random"


def test_the_bundled_pair_gives_two_poses_of_a_sample(open_window: Opener, qtbot: QtBot) -> None:
    from app.sources import bundled_samples

    samples = bundled_samples()
    names = [entry.name for entry in TorchBackend().bundled()]
    if not samples or len(names) < 2:
        pytest.skip("no bundled samples or models in this checkout")
    window = open_window(samples[0].path, TorchBackend())
    first = window.state.pose
    assert first is not None
    assert window.actions_by_key["ghost"].isEnabled()
    window.actions_by_key["model_next"].trigger()
    qtbot.waitUntil(
        lambda: window.state.pose is not None and window.state.pose.checkpoint_name != first.checkpoint_name,
        timeout=20_000,
    )
    assert window.bones.model.rowCount() == skeleton.BONE_COUNT


def test_a_row_of_the_ablation_is_compared_with_its_twin_and_stands_under_a_heading(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    open_window.settings().set("model", "3d-geo")
    window = open_window(photo, TorchBackend())
    combo = window.picker.combo
    lines = [combo.itemText(line) for line in range(combo.count())]
    rows = ["3d-geo", "3d-no-geo", "3d2d-geo", "3d2d-no-geo"]
    assert lines == ["compact-geo", "compact-no-geo", "", "Teaching models", *rows, "", "Open checkpoint…"]
    model = combo.model()
    assert [bool(model.index(line, 0).flags() & Qt.ItemFlag.ItemIsEnabled) for line in (3, 4)] == [False, True]
    assert combo.itemData(4, Qt.ItemDataRole.ToolTipRole).startswith("Teaching model, preset compact, trained with")
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None, timeout=20_000)
    assert window.comparing.names == ("3d-geo", "3d-no-geo")
    for _ in range(2):  # a second look finds the same
        window.compared.menu.aboutToShow.emit()
    listed = [action.text() for action in window.compared.menu.actions()]
    assert listed == ["compact-geo", "compact-no-geo", "Teaching models", "", "Open checkpoint…"]
    assert [action.text() for action in window.compared.teaching.actions()] == rows[2:]
    window.actions_by_key["model_next"].trigger()
    qtbot.waitUntil(lambda: window.comparing.names == ("3d-no-geo", "3d-no-geo"), timeout=20_000)
    qtbot.waitUntil(lambda: {pose.checkpoint_name for pose in window.comparing.poses} == {"3d-no-geo"}, timeout=20_000)


@pytest.mark.parametrize("end", ["[w.close() for w in app.topLevelWidgets()]", "os.kill(os.getpid(), 2)"])
def test_the_program_ends_with_0_when_closed_at_once_or_interrupted(tmp_path: Path, end: str) -> None:
    if not os.environ.get("DISPLAY"):
        pytest.skip("no display")
    code = (
        "import os\n"
        "from PySide6.QtCore import QTimer\n"
        "from app import window\n"
        "app = window.make_application()\n"
        f"QTimer.singleShot(900, lambda: {end})\n"
        "raise SystemExit(window.main(None))\n"
    )
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **home}
    environment.pop("QT_QPA_PLATFORM", None)
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
