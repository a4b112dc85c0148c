"""Recording at the window: one key, files that say what was seen, and a full disk that costs only the recording."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from app_fakes import Opener
from loopback import Camera, camera, number_of, plain
from pytestqt.qtbot import QtBot
from test_record import pictures_of
from test_window_live import open_live, shows_somebody
from video_clips import comment_of

from app.window import MainWindow
from core import export

pytest_plugins = ("app_fixtures",)


@pytest.fixture
def served() -> Iterator[Camera]:
    with camera(plain(320, 240)) as served:
        yield served


def record_into(window: MainWindow, folder: Path, *kinds: str) -> None:
    window.settings.set("record/folder", str(folder))
    for kind in ("stream", "overlay", "space", "poses"):
        window.live_mode.recording.set_kind(kind, kind in kinds)


def is_closed(window: MainWindow) -> bool:
    return not window.live_mode.recording.on and not window.live_mode.recording._ending


def test_one_key_records_pictures_skeletons_body_and_poses_together(
    open_window: Opener, qtbot: QtBot, served: Camera, tmp_path: Path
) -> None:
    open_window.gl = True
    window = open_window()
    folder = tmp_path / "films"
    record_into(window, folder, "stream", "overlay", "space", "poses")
    action = window.actions_by_key["record"]
    assert not action.isEnabled()
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    action.trigger()
    assert window.live_mode.recording.on and action.isChecked()
    drawn: list[int] = []
    window.live_mode.live.drawn.connect(lambda shown, _pose: drawn.append(shown.frame.index))
    qtbot.waitUntil(lambda: window.live_mode.recording.seconds > 1.2 and len(drawn) > 3, timeout=10_000)
    assert action.iconText().startswith("● 0:0")
    action.trigger()
    assert action.iconText() == "Record"
    qtbot.waitUntil(lambda: is_closed(window))
    found = {path.stem.rpartition("-")[2]: path for path in folder.iterdir()}
    expected = {"stream", "overlay", "poses"} | ({"space"} if window.space.scene is not None else set())
    assert set(found) == expected
    numbers = [number_of(image) for image in pictures_of(found["stream"])]
    assert len(numbers) >= 20 and numbers == sorted(numbers)
    assert 0.7 <= len(pictures_of(found["overlay"])) / len(numbers) <= 1.3
    pose = window.state.pose
    assert pose is not None
    assert {comment_of(found[kind]) for kind in expected & {"overlay", "space"}} == {export.signature([pose])}
    lines = [json.loads(line) for line in found["poses"].read_text(encoding="utf-8").splitlines()]
    poses = [line for line in lines if "pose" in line]
    assert poses and {line["pose"]["input"] for line in poses} == {served.url} and lines[0]["head"]
    qtbot.waitUntil(lambda: any("Recorded bonesight-" in text for text in window.toasts.texts))


def test_what_is_not_chosen_is_not_recorded_and_the_source_ends_the_recording(
    open_window: Opener, qtbot: QtBot, served: Camera, tmp_path: Path
) -> None:
    window = open_window()
    record_into(window, tmp_path / "films", "overlay")
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    window.actions_by_key["record"].trigger()
    qtbot.waitUntil(lambda: window.live_mode.recording.seconds > 0.4)
    window.live_mode.live.stop()
    assert not window.live_mode.recording.on and not window.actions_by_key["record"].isChecked()
    qtbot.waitUntil(lambda: is_closed(window))
    (film,) = (tmp_path / "films").iterdir()
    assert film.name.endswith("-overlay.avi")
    opened = cv2.VideoCapture(str(film))
    assert opened.get(cv2.CAP_PROP_FRAME_COUNT) >= 5
    opened.release()


def test_a_full_disk_costs_the_recording_and_nothing_else(
    open_window: Opener, qtbot: QtBot, served: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    record_into(window, tmp_path / "films", "stream")
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 1000))
    window.actions_by_key["record"].trigger()
    qtbot.waitUntil(lambda: any("nearly full" in text for text in window.toasts.texts))
    qtbot.waitUntil(lambda: is_closed(window))
    assert not window.actions_by_key["record"].isChecked()
    before = window.state.picture
    qtbot.waitUntil(lambda: window.state.picture is not before)
    assert window.live_mode.live.on


def test_closing_the_window_closes_the_files(open_window: Opener, qtbot: QtBot, served: Camera, tmp_path: Path) -> None:
    window = open_window()
    record_into(window, tmp_path / "films", "stream")
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    window.actions_by_key["record"].trigger()
    qtbot.waitUntil(lambda: window.live_mode.recording.seconds > 0.3)
    window.close()
    assert window.stopped_in_time
    (film,) = (tmp_path / "films").iterdir()
    assert len(pictures_of(film)) >= 3
