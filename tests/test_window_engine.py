"""The window's choice of the engine: offered where OpenVINO is, remembered, and left for torch where it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener
from pytestqt.qtbot import QtBot

from app.services.backend import TorchBackend
from app.sources import bundled_samples
from core import engines

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
