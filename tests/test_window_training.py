"""Training from the window: a real, tiny run in a process of its own, started, watched, stopped, gone on with."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from app_fakes import Opener
from pytestqt.qtbot import QtBot

from app.services import program
from app.services.training import PATIENCE_S, RunView, TrainingRequest, TrainingService, read_run
from app.services.worker import WorkerState
from core import skeleton
from core.errors import UserError

pytest_plugins = ("app_fixtures",)

CONFIG = """
[data]
photos = "photos"
[optimiser]
batch = 2
precision = "float32"
[run]
name = "tiny"
log_every = 1
validate_every = 2
threads = 1
[[stage]]
name = "only"
iterations = 500
rate = 1e-4
depth_fraction = 0.0
weights = { heatmap = 1.0, depth = 0.0, geometry = 0.0 }
"""
LONG_MS = 90_000


def write_crops(folder: Path, count: int) -> None:
    """Write decoded crops of noise, as training keeps them."""
    from train.datasets.crops import STORED_PX

    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", random.integers(0, 256, (count, STORED_PX, STORED_PX, 3), dtype=np.uint8))
    joints = random.uniform(60, 190, (count, skeleton.JOINT_COUNT, 2)).astype(np.float32)
    seen = np.ones((count, skeleton.JOINT_COUNT), bool)
    deep = np.full((count, skeleton.JOINT_COUNT, 3), np.nan, np.float32)
    np.savez(folder / "labels.npz", joints_stored=joints, annotated=seen, joints_mm=deep)


@pytest.fixture
def tiny(tmp_path: Path) -> TrainingRequest:
    """Return a run of few pictures that would go on for minutes."""
    write_crops(tmp_path / "data" / "photos", 6)
    write_crops(tmp_path / "data" / "photos-held-out", 3)
    config = tmp_path / "tiny.toml"
    config.write_text(CONFIG)
    return TrainingRequest(config, tmp_path / "data", tmp_path / "run")


def test_a_run_is_started_watched_stopped_opened_and_gone_on_with(
    open_window: Opener, qtbot: QtBot, tiny: TrainingRequest
) -> None:
    window = open_window()
    window.actions_by_key["training"].trigger()
    training, service = window.tools.training, window.tools.training_service
    training.config.path, training.data.path, training.out.path = tiny.config, tiny.data, tiny.out
    assert not training.isModal() and not training.open_button.isEnabled()
    training.start_button.click()
    assert service.state is WorkerState.STARTING and not training.start_button.isEnabled()
    qtbot.waitUntil(lambda: len(training.curves.values("pck")[0]) > 0, timeout=LONG_MS)
    assert service.state is WorkerState.RUNNING
    steps, losses = training.curves.values("heatmap")
    assert steps[0] == 1.0 and all(loss > 0 for loss in losses)
    assert "of 500, stage only" in training.progress.text() and "left" in training.progress.text()
    with qtbot.waitSignal(service.ended, timeout=LONG_MS) as ended:
        training.stop_button.click()
        assert training.state.text() == "Saving and stopping"
    assert "Stopped at step" in ended.args[0]
    assert service.state is WorkerState.STOPPED and (tiny.out / "last.pt").is_file()
    assert training.start_button.text() == "Resume"
    training.open_button.click()
    qtbot.waitUntil(lambda: window.statusBar().model.text() == "tiny", timeout=20_000)
    before = service.view.steps[-1]
    training.start_button.click()
    qtbot.waitUntil(lambda: service.view.steps[-1] > before, timeout=LONG_MS)
    assert service.view.steps[: before + 1] == tuple(range(1, before + 2))
    with qtbot.waitSignal(service.ended, timeout=LONG_MS):
        training.stop_button.click()


def test_closing_the_window_lets_the_run_save_itself(
    open_window: Opener, qtbot: QtBot, tiny: TrainingRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    window = open_window()
    service = window.tools.training_service
    service.start(tiny)
    qtbot.waitUntil(lambda: service.state is WorkerState.RUNNING, timeout=LONG_MS)
    window.close()
    assert "saves its state" in capfd.readouterr().out
    console = tiny.out / "console.txt"
    qtbot.waitUntil(lambda: "Stopped at step" in console.read_text(), timeout=LONG_MS)
    assert (tiny.out / "last.pt").is_file() and (tiny.out / "tiny.safetensors").is_file()


def test_a_run_that_another_process_trains_is_shown_and_left_alone(
    open_window: Opener, qtbot: QtBot, tiny: TrainingRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.training.PATIENCE_S", 6.0)
    window = open_window()
    window.actions_by_key["training"].trigger()
    training, service = window.tools.training, window.tools.training_service
    training.out.path = tiny.out
    words = program.words(*tiny.words())
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            qtbot.waitUntil(lambda: training.state.text() == "Trained by another process", timeout=LONG_MS)
            steps = service.view.steps
            qtbot.waitUntil(lambda: len(training.curves.values("heatmap")[0]) > len(steps), timeout=LONG_MS)
            assert "Last heard of" in training.elsewhere.text() and "left" in training.progress.text()
            assert not training.stop_button.isVisible() and not training.start_button.isEnabled()
            with pytest.raises(UserError, match="another process trains"):
                service.start(tiny)
        finally:
            process.terminate()
    qtbot.waitUntil(lambda: training.state.text() == "Not running", timeout=LONG_MS)
    assert not training.elsewhere.isVisible() and training.stop_button.isVisible()
    assert training.start_button.isEnabled() and training.start_button.text() == "Resume"


def test_a_run_is_alive_as_long_as_its_log_grows_at_its_usual_pace() -> None:
    view = RunView(steps=(50, 100), total=300, logged_s=1000.0, row_s=70.0)
    assert view.silence_s(1030.0) == 30.0 and view.silence_s(1000.0 + 3 * 70.0 + PATIENCE_S) is not None
    assert view.silence_s(1000.0 + 3 * 70.0 + PATIENCE_S + 1.0) is None
    assert replace(view, steps=(300,)).silence_s(1030.0) is None, "it is done"
    assert RunView().silence_s(1030.0) is None


def test_a_run_that_cannot_start_says_why_and_what_to_do(
    open_window: Opener, qtbot: QtBot, tiny: TrainingRequest
) -> None:
    window = open_window()
    window.actions_by_key["training"].trigger()
    training, service = window.tools.training, window.tools.training_service
    tiny.config.write_text(CONFIG.replace("batch = 2", "bacht = 2"))
    training.config.path, training.data.path, training.out.path = tiny.config, tiny.data, tiny.out
    with qtbot.waitSignal(service.failed, timeout=LONG_MS) as failed:
        training.start_button.click()
    assert "no key optimiser.bacht" in str(failed.args[0]) and "did you mean batch" in failed.args[0].what_to_do
    assert service.state is WorkerState.FAULTED and training.start_button.isEnabled()
    assert "optimiser.bacht" in training.says.text()


def test_a_folder_that_cannot_be_written_is_a_notice(open_window: Opener, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    window = open_window()
    training = window.tools.training
    training.out.path = blocked / "run"
    training.start()
    assert any("cannot be started" in text for text in window.toasts.texts)
    assert window.tools.training_service.state is WorkerState.STOPPED


def test_a_run_s_folder_is_read_whatever_is_in_it(tmp_path: Path) -> None:
    assert read_run(tmp_path / "gone").steps == ()
    header = "step,stage,rate,loss,heatmap,depth,geometry,images_per_s,pck,asymmetry_percent,minutes\n"
    (tmp_path / "log.csv").write_text(
        header + "50,1,0.001,9.5,9.5,0,0,20,,,1.5\n100,1,0.001,9,9,0,0,20,31.5,25,3\n150,1,0.0"
    )
    (tmp_path / "config.json").write_text(
        '{"optimiser": {"batch": 32}, "stage": [{"iterations": 100}, {"iterations": 200}]}'
    )
    view = read_run(tmp_path)
    assert view.steps == (50, 100) and view.total == 300
    assert np.isnan(view.terms["pck"][0]) and view.terms["pck"][1] == 31.5
    assert view.remaining_s == pytest.approx(200 * 32 / 20)
    assert view.row_s == pytest.approx(90.0) and view.logged_s == (tmp_path / "log.csv").stat().st_mtime
    (tmp_path / "config.json").write_text("[]")
    (tmp_path / "log.csv").write_bytes(b"\xff\xfe\x00")
    assert read_run(tmp_path).steps == ()


def test_the_newest_samples_are_shown(qtbot: QtBot, open_window: Opener, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    window = open_window()
    training = window.tools.training
    training.show()
    training.out.path = run
    assert "appear here" in training.sample.text()
    cv2.imwrite(str(run / "samples-000100.png"), np.full((40, 80, 3), 200, np.uint8))
    qtbot.waitUntil(lambda: not training.sample.pixmap().isNull(), timeout=10_000)


def test_a_service_runs_one_training_at_a_time(qtbot: QtBot, tiny: TrainingRequest) -> None:
    service = TrainingService()
    service.start(tiny)
    with pytest.raises(UserError, match="running already"):
        service.start(tiny)
    with qtbot.waitSignal(service.ended, timeout=LONG_MS):
        service.stop()
    assert service.state is WorkerState.STOPPED
