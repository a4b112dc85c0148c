"""How a pose was made, told alike by the window, by a folder at once and by the command; with every switch as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from app_fakes import Opener, write_picture
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot
from test_window_out import saved

import main
from app.services.backend import TorchBackend
from app.services.batch import BatchRequest
from core.made import KEYS, Made
from core.reading import Reading

pytest_plugins = ("app_fixtures",)


def test_window_folder_and_command_say_the_same_of_how_a_pose_was_made(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    photo = write_picture(folder / "a.png", 120, 160)
    open_window.settings().set("model", str(weights))
    window = open_window(photo, TorchBackend())

    def shown() -> Made:
        assert window.state.pose is not None
        return window.state.pose.made

    assert shown().mirror_averaged and not shown().refined
    for key in ("mirror", "refine"):
        window.actions_by_key[key].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and shown().refined, timeout=30_000)
    assert not shown().mirror_averaged
    reading = window.state.reading
    assert reading == Reading(mirror=False, refine=True)
    here = json.loads(saved(window, "export_json", tmp_path / "here.json", qtbot, monkeypatch).read_text())
    service = window.tools.batch_service
    with qtbot.waitSignal(service.finished, timeout=60_000) as done:
        service.start(BatchRequest(folder, tmp_path / "out", str(weights), reading, figures="", report=False))
    assert done.args == [0]
    there = tmp_path / "there.json"
    assert main.main(["predict", str(photo), "--checkpoint", str(weights), *reading.words(), "--json", str(there)]) == 0
    files = (here, json.loads((tmp_path / "out" / "poses.json").read_text()), json.loads(there.read_text()))
    items = [content["poses"][0] for content in files]
    assert [Made.of(item) for item in items] == [shown()] * 3
    assert items[1] == items[2] and {*KEYS} < {*items[0]}
    image = QImage(str(saved(window, "export_picture", tmp_path / "view.png", qtbot, monkeypatch)))
    assert image.text("Description").endswith(shown().words())
    drawn = saved(window, "export_picture", tmp_path / "view.svg", qtbot, monkeypatch).read_text()
    assert f"{shown().words()}</desc>" in drawn
