"""The switch "Each joint at its highest peak" at the window: the command line's numbers, everywhere, never mixed up."""

from __future__ import annotations

import csv
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, are_shown, write_picture
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from video_clips import write_clip

import main
from app.services.backend import TorchBackend
from app.services.batch import BatchRequest
from core.reading import Reading

pytest_plugins = ("app_fixtures",)
PEAKS = Reading(peaks=True)


def test_each_highest_peak_is_what_the_command_line_finds_on_screen_and_in_files(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = Path(str(resources.files("resources"))) / "samples" / "walking.jpg"
    window = open_window(sample, TorchBackend())
    together = window.state.pose
    assert together is not None and together.decoded_by == "limbs"
    window.actions_by_key["peaks"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.decoded_by == "peaks", timeout=30_000)
    alone = window.state.pose
    assert alone is not None and window.statusBar().model.text() == "compact-geo, highest peaks"
    assert np.abs(alone.joints_px - together.joints_px).max() > 50, "this sample's maps leave a joint in doubt"
    assert main.main(["predict", str(sample), "--peaks", "--json", str(tmp_path / "told.json")]) == 0
    told = json.loads((tmp_path / "told.json").read_text())["poses"][0]
    assert told["decoded_by"] == "peaks"
    np.testing.assert_allclose(alone.joints_px, told["joints_px"], atol=0.01)
    np.testing.assert_allclose(alone.joints_mm, told["joints_mm"], atol=0.1)
    shown = [window.bones.model.index(row, 1).data() for row in range(len(told["bones"]))]
    assert are_shown(told["bones"], shown)
    saved = tmp_path / "shown.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_words: (str(saved), ""))
    window.actions_by_key["export_csv"].trigger()
    qtbot.waitUntil(saved.exists)
    with saved.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [[float(row["x_px"]), float(row["y_px"])] for row in rows] == told["joints_px"]
    assert {row["decoded_by"] for row in rows} == {"peaks"}
    window.actions_by_key["peaks"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.decoded_by == "limbs", timeout=30_000)
    np.testing.assert_array_equal(window.state.pose.joints_px, together.joints_px)


def test_the_switch_is_remembered_and_holds_for_every_model_a_folder_and_a_batch(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for number in range(3):
        write_picture(album / f"{number}.png")
    first = open_window()
    assert not first.actions_by_key["peaks"].isChecked()
    first.actions_by_key["peaks"].trigger()
    first.close()
    backend = FakeBackend()
    window = open_window(album, backend)
    assert window.actions_by_key["peaks"].isChecked() and backend.asked[-1][2] == PEAKS
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.pose is not None)
    assert backend.asked[-1][0] == "two" and backend.asked[-1][2] == PEAKS
    asked = len(backend.asked)
    window.actions_by_key["compare_many"].trigger()
    qtbot.waitUntil(lambda: window.comparing.many.result.done == 3)
    assert {reading for *_, reading in backend.asked[asked:]} == {PEAKS}
    started: list[BatchRequest] = []
    monkeypatch.setattr(window.tools.batch_service, "start", started.append)
    dialog = window.tools.batch
    dialog.source.line.setText(str(album))
    dialog.out.line.setText(str(tmp_path / "out"))
    dialog.start()
    assert "--peaks" in started[0].words()


def test_the_batch_says_which_model_and_switches_it_takes_and_took_in_the_words_of_the_menu(
    open_window: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    dialog = window.tools.batch
    monkeypatch.setattr(window.tools.batch_service, "start", lambda _request: None)
    menu = {key: window.actions_by_key[key].text() for key in ("mirror", "peaks", "refine")}
    plain = [f"{menu['mirror']}: on", f"{menu['peaks']}: off", f"{menu['refine']}: off"]
    assert (dialog.model.text(), dialog.reading.text().splitlines()) == ("one", plain)
    window.actions_by_key["peaks"].trigger()
    dialog.source.line.setText(str(tmp_path))
    dialog.out.line.setText(str(tmp_path / "out"))
    dialog.start()
    window.actions_by_key["peaks"].trigger()
    window.actions_by_key["refine"].trigger()
    window.actions_by_key["mirror"].trigger()
    began = f"This run: one. {menu['mirror']}: on. {menu['peaks']}: on. {menu['refine']}: off."
    assert dialog.used.text() == began, "what runs stays as it was begun"
    assert dialog.reading.text().splitlines() == [f"{menu['mirror']}: off", plain[1], f"{menu['refine']}: on"]


def test_a_videos_poses_are_kept_apart_by_how_they_were_read(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    backend = FakeBackend()
    window = open_window(write_clip(tmp_path / "walk.mp4", 6), backend)
    playback = window.session.playback

    def is_computed() -> bool:
        return playback.track is not None and bool(playback.track.known.all()) and not playback.running

    qtbot.waitUntil(is_computed)
    together, asked = playback.track, len(backend.asked)
    window.actions_by_key["peaks"].trigger()
    assert playback.track is not together
    qtbot.waitUntil(is_computed)
    assert len(backend.asked) - asked >= 6 and {reading for *_, reading in backend.asked[asked:]} == {PEAKS}
    window.actions_by_key["peaks"].trigger()
    assert playback.track is together and not playback.running
