"""The window's choice of the engine: offered where OpenVINO is, remembered, for all models, left where it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, write_picture
from pytestqt.qtbot import QtBot
from video_clips import write_clip

from app.services.backend import Model, TorchBackend
from app.sources import bundled_samples
from app.window import MainWindow
from core import engines
from core.errors import UserError

pytest_plugins = ("app_fixtures",)


@pytest.mark.parametrize("installed", [True, False])
def test_openvino_is_offered_where_it_is_installed(
    open_window: Opener, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setattr(engines, "others", lambda _device: ["openvino"] if installed else [])
    window = open_window()
    action = window.actions_by_key["openvino"]
    assert action.isVisible() is installed and action.isEnabled() is installed and not action.isChecked()


def test_the_choice_loads_the_model_anew_and_is_remembered(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    monkeypatch.setattr(engines, "others", lambda _device: ["openvino"])
    backend = FakeBackend()
    window = open_window(photo, backend)
    with qtbot.waitSignal(window.session.inference.loaded):
        window.actions_by_key["openvino"].trigger()
    assert backend.engine == "openvino" and window.actions_by_key["openvino"].isChecked()
    again = FakeBackend()
    other = open_window(photo, again)
    assert again.engine == "openvino" and other.actions_by_key["openvino"].isChecked()
    with qtbot.waitSignal(other.session.inference.loaded):
        other.actions_by_key["openvino"].trigger()
    assert again.engine == "torch" and not other.actions_by_key["openvino"].isChecked()


def test_an_engine_that_fails_is_told_once_and_torch_goes_on(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "others", lambda _device: ["openvino"])
    monkeypatch.setitem(sys.modules, "openvino", None)  # it cannot be imported
    window = open_window(bundled_samples()[0].path, TorchBackend())
    before = window.state.pose
    with qtbot.waitSignal(window.notifier.posted, timeout=20_000) as told:
        window.actions_by_key["openvino"].trigger()
    assert told.args[1:] == ["OpenVINO is not installed", "torch runs the network instead"]
    qtbot.waitUntil(lambda: window.state.pose not in (None, before) and not window.state.activity, timeout=20_000)
    assert not window.actions_by_key["openvino"].isChecked() and not window.settings.flag("engine/openvino", True)


def engines_of(window: MainWindow) -> list[str]:
    """Return who ran the poses that are shown, A's first."""
    return [pose.made.engine for pose in window.comparing.poses]


def compared_by_torch(open_window: Opener, source: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """Open a window that offers OpenVINO and compares three models by torch."""
    monkeypatch.setattr(engines, "others", lambda _device: ["openvino"])
    window = open_window(source, FakeBackend())
    window.actions_by_key["compare"].trigger()
    window.comparing.add(str(source.parent / "three.safetensors"))
    open_window.qtbot.waitUntil(lambda: engines_of(window) == ["torch"] * 3)
    return window


def test_every_model_of_a_comparison_follows_the_choice(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    window = compared_by_torch(open_window, photo, monkeypatch)
    names = window.comparing.names
    window.actions_by_key["openvino"].trigger()
    qtbot.waitUntil(lambda: engines_of(window) == ["openvino"] * 3)
    assert window.comparing.names == names and window.comparing.display.chosen == 1
    window.actions_by_key["compare"].trigger()
    window.actions_by_key["openvino"].trigger()
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: engines_of(window) == ["torch"] * 3)
    assert window.comparing.names == names, "and what was not shown has followed too"


def test_a_model_that_is_still_loading_follows_the_choice_and_stays_the_one_that_was_chosen(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    window = compared_by_torch(open_window, photo, monkeypatch)
    window.session.choose_model(str(photo.with_name("late-a.safetensors")))
    window.comparing.choose(str(photo.with_name("late-b.safetensors")))
    window.actions_by_key["openvino"].trigger()
    qtbot.waitUntil(lambda: engines_of(window) == ["openvino"] * 3)
    assert window.comparing.names == ("late-a", "late-b", "three")
    for choose in (window.session.choose_model, window.comparing.choose):
        choose(str(photo.with_name("bad.safetensors")))
    window.actions_by_key["openvino"].trigger()
    qtbot.waitUntil(lambda: engines_of(window) == ["torch"] * 3)
    assert window.comparing.names == ("late-a", "late-b", "three"), "where one is bad, the one in use follows"


def test_where_one_model_cannot_follow_all_stay_with_torch(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    window = compared_by_torch(open_window, photo, monkeypatch)
    backend = window.session.inference.backend
    load = backend.load

    def only_a_and_c(source: str) -> Model:
        if backend.engine == "openvino" and source == "two":
            backend.engine, backend.engine_fault = "torch", UserError("it does not know a layer", "choose torch")
        return load(source)

    monkeypatch.setattr(backend, "load", only_a_and_c)
    told: list[tuple[object, ...]] = []
    window.notifier.posted.connect(lambda *words: told.append(words))
    window.actions_by_key["openvino"].trigger()
    qtbot.waitUntil(lambda: bool(told) and engines_of(window) == ["torch"] * 3)
    assert [words[1:] for words in told] == [("it does not know a layer", "torch runs the network instead")]
    assert not window.actions_by_key["openvino"].isChecked() and not window.settings.flag("engine/openvino", True)


def test_a_whole_video_is_looked_at_anew_by_the_engine_of_now(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    window = compared_by_torch(open_window, write_clip(tmp_path / "walk.mp4", 12), monkeypatch)

    def run_by() -> set[str]:
        track = window.session.playback.track
        return {
            "" if pose is None else pose.made.engine for pose in ([] if track is None else map(track.get, range(12)))
        }

    qtbot.waitUntil(lambda: run_by() == {"torch"} and window.comparing.many.result.compared == 12)
    window.actions_by_key["openvino"].trigger()
    qtbot.waitUntil(lambda: run_by() == {"openvino"} and engines_of(window) == ["openvino"] * 3)
    qtbot.waitUntil(lambda: window.comparing.many.result.compared == 12)


def test_a_comparison_on_all_pictures_says_that_it_goes_on_as_it_began(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    write_picture(photo.with_name("other.png"))
    window = compared_by_torch(open_window, photo.parent, monkeypatch)
    backend = window.session.inference.backend
    assert isinstance(backend, FakeBackend)
    entered, gate = backend.hold()
    window.actions_by_key["compare_many"].trigger()
    assert entered.wait(10)
    with qtbot.waitSignal(window.notifier.posted) as told:
        window.actions_by_key["openvino"].trigger()
    assert told.args[1:] == ["comparing on all pictures goes on by torch", "stop it and start anew to change that"]
    gate.set()
    qtbot.waitUntil(lambda: window.comparing.many.result.compared == 2)


@pytest.mark.skipif("openvino" not in engines.others("cpu"), reason="OpenVINO is not installed")
def test_openvino_says_the_same_in_the_window(
    open_window: Opener, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    window = open_window(bundled_samples()[0].path, TorchBackend())
    before = window.state.pose
    assert before is not None
    window.actions_by_key["openvino"].trigger()
    qtbot.waitUntil(lambda: window.state.pose not in (None, before) and not window.state.activity, timeout=60_000)
    after = window.state.pose
    assert after is not None and window.actions_by_key["openvino"].isChecked()
    assert np.median(np.linalg.norm(after.joints_px - before.joints_px, axis=1)) < 0.01 * before.box_px[2]
