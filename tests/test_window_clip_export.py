"""Out of the window with a video or a comparison open: films, motions, reports with frame and time, A beside B."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, are_shown, make_pose
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from test_outputs import read_report
from test_window_out import save_as, saved
from video_clips import write_clip

import main
from app.services.backend import TorchBackend
from app.sources import Box
from app.window import MainWindow
from core import export, skeleton
from core.pose import Pose

pytest_plugins = ("app_fixtures",)

FRAMES = 12


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "walk.mp4", FRAMES)


def is_computed(window: MainWindow) -> bool:
    playback = window.session.playback
    return playback.track is not None and bool(playback.track.known.all()) and not playback.running


def frames_of(path: Path) -> list[np.ndarray]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (found := capture.read())[0]:
        frames.append(found[1])
    capture.release()
    return frames


def await_poses(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: is_computed(window))
    assert window.actions_by_key["export_film"].isEnabled()
    assert not window.exports.clips.bar.isVisible()


def test_the_film_of_a_video_has_all_its_frames_with_skeletons(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(clip)
    await_poses(window, qtbot)
    told: list[tuple[int, int]] = []
    window.exports.clips.service.progressed.connect(lambda done, total: told.append((done, total)))
    film = saved(window, "export_film", tmp_path / "out.mp4", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: not window.exports.clips.busy)
    assert told == [(done, FRAMES) for done in range(1, FRAMES + 1)]
    assert not window.exports.clips.bar.isVisible()
    drawn, plain = frames_of(film), frames_of(clip)
    assert len(drawn) == len(plain) == FRAMES
    for before, after in zip(plain, drawn, strict=True):
        changed = np.abs(before.astype(int) - after).max(axis=2) > 60
        assert 50 < changed.sum() < 0.6 * changed.size
    assert any("Saved out.mp4" in text for text in window.toasts.texts)


def test_arrays_and_body_of_a_video_hold_every_frame_with_its_time(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(clip)
    await_poses(window, qtbot)
    track = window.session.playback.track
    assert track is not None
    with np.load(saved(window, "export_npz", tmp_path / "a.npz", qtbot, monkeypatch)) as arrays:
        assert arrays["frame"].tolist() == list(range(FRAMES))
        np.testing.assert_allclose(arrays["time_s"], np.arange(FRAMES) / 30.0, atol=1e-3)
        pose = track.get(5)
        assert pose is not None
        assert arrays["joints_mm"][5].tolist() == export.entry(pose, clip)["joints_mm"]
    qtbot.waitUntil(lambda: not window.exports.clips.busy)
    motion = saved(window, "export_bvh", tmp_path / "a.bvh", qtbot, monkeypatch).read_text()
    assert f"Frames: {FRAMES}" in motion and "Frame Time: 0.0333" in motion


def test_a_film_can_be_cancelled_and_what_was_there_stays(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.film import Film

    window = open_window(clip)
    await_poses(window, qtbot)
    gate, begun, add = threading.Event(), threading.Event(), Film.add

    def slow(film: Film, image: np.ndarray, pose: Pose, time_s: float) -> None:
        begun.set()
        assert gate.wait(10)
        add(film, image, pose, time_s)

    monkeypatch.setattr(Film, "add", slow)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"before")
    save_as(monkeypatch, target)
    window.actions_by_key["export_film"].trigger()
    qtbot.waitUntil(begun.is_set)
    bar = window.exports.clips.bar
    assert bar.isVisible() and bar.text.text() == "Writing out.mp4"
    window.actions_by_key["export_npz"].trigger()
    assert any("still being written" in text for text in window.toasts.texts)
    qtbot.mouseClick(bar.button, Qt.MouseButton.LeftButton)
    gate.set()
    qtbot.waitUntil(lambda: not window.exports.clips.busy)
    assert target.read_bytes() == b"before" and not bar.isVisible()
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", "walk.mp4", "settings.ini"}


def gated(frames: int) -> tuple[FakeBackend, threading.Semaphore]:
    """Return a backend that answers so many times, and then waits for more."""
    backend, gate = FakeBackend(), threading.Semaphore(frames)

    def answer(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        assert gate.acquire(timeout=10)
        return make_pose(size, box, name=name)

    backend.answer = answer
    return backend, gate


def test_an_export_waits_for_the_poses_that_are_missing_with_progress(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, gate = gated(4)
    window = open_window(clip, backend)
    clips, target = window.exports.clips, tmp_path / "a.json"
    save_as(monkeypatch, target)
    window.actions_by_key["export_json"].trigger()
    qtbot.waitUntil(lambda: clips.bar.bar.value() == 3)
    assert clips.bar.isVisible() and clips.bar.text.text() == "Finding the poses for a.json"
    assert clips.bar.bar.maximum() == FRAMES and not target.exists()
    gate.release(100)
    qtbot.waitUntil(target.is_file)
    assert [item["frame"] for item in json.loads(target.read_text())["poses"]] == list(range(FRAMES))
    qtbot.waitUntil(lambda: not clips.busy)


def test_a_waiting_export_can_be_cancelled_and_is_given_up_where_the_poses_would_be_others(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, gate = gated(4)
    window = open_window(clip, backend)
    clips, target = window.exports.clips, tmp_path / "a.csv"
    save_as(monkeypatch, target)
    window.actions_by_key["export_csv"].trigger()
    assert clips.bar.isVisible()
    qtbot.mouseClick(clips.bar.button, Qt.MouseButton.LeftButton)
    assert not clips.busy and not clips.bar.isVisible()
    assert any("a.csv was cancelled" in text for text in window.toasts.texts)
    window.actions_by_key["export_csv"].trigger()
    assert clips.busy
    window.session.set_reading(mirror=False)
    assert not clips.busy and any("a.csv was given up" in text for text in window.toasts.texts)
    gate.release(100)
    qtbot.waitUntil(lambda: is_computed(window))
    assert not target.exists()


def test_frames_without_a_pose_are_left_out_and_told(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeBackend()

    def failing(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        if len(backend.asked) > 6:
            raise MemoryError("no memory left")
        return make_pose(size, box, name=name)

    backend.answer = failing
    window = open_window(None, backend)
    window.session.open([clip])
    qtbot.waitUntil(lambda: any("no memory left" in text for text in window.toasts.texts))
    window.toasts.clear()
    target = saved(window, "export_json", tmp_path / "a.json", qtbot, monkeypatch)
    qtbot.waitUntil(lambda: not window.exports.clips.busy)
    known = int(window.session.playback.track.known.sum())  # type: ignore[union-attr]
    assert len(json.loads(target.read_text())["poses"]) == known < FRAMES
    assert any(f"{FRAMES - known} of {FRAMES} frames have no pose" in text for text in window.toasts.texts)


def test_a_film_never_goes_onto_its_video(
    open_window: Opener, qtbot: QtBot, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(clip)
    await_poses(window, qtbot)
    before = clip.read_bytes()
    save_as(monkeypatch, clip)
    window.actions_by_key["export_film"].trigger()
    assert any("is the video itself" in text for text in window.toasts.texts)
    assert clip.read_bytes() == before and not window.exports.clips.busy


def test_a_video_s_files_are_those_of_predict(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, here, there = write_clip(tmp_path / "short.avi", 5, "MJPG"), tmp_path / "here", tmp_path / "there"
    open_window.settings().set("model", str(weights))
    window = open_window(short, TorchBackend())
    qtbot.waitUntil(lambda: is_computed(window), timeout=30_000)
    here.mkdir()
    for key, suffix in (("json", "json"), ("csv", "csv"), ("npz", "npz"), ("bvh", "bvh")):
        qtbot.waitUntil(lambda: not window.exports.clips.busy)
        saved(window, f"export_{key}", here / f"a.{suffix}", qtbot, monkeypatch)
    words = ["--json", there / "a.json", "--csv", there / "a.csv", "--npz", there / "a.npz", "--bvh", there]
    assert main.main(["predict", str(short), "--checkpoint", str(weights), *map(str, words)]) == 0
    told = json.loads((here / "a.json").read_text())
    assert told == json.loads((there / "a.json").read_text()) and len(told["poses"]) == 5
    assert (here / "a.csv").read_text() == (there / "a.csv").read_text()
    assert (here / "a.csv.json").read_text() == (there / "a.csv.json").read_text()
    with np.load(here / "a.npz") as ours, np.load(there / "a.npz") as theirs:
        assert sorted(ours) == sorted(theirs)
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert (here / "a.bvh").read_text() == (there / "short-pose.bvh").read_text()
    window.session.playback.seek(3)
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.frame == 3)
    shown = [window.bones.model.index(row, 1).data() for row in range(skeleton.BONE_COUNT)]
    assert are_shown(told["poses"][3]["bones"], shown)


def test_the_report_of_a_frame_names_its_number_and_time(
    open_window: Opener, qtbot: QtBot, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(clip)
    await_poses(window, qtbot)
    window.session.playback.seek(6)
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.frame == 6)
    page = saved(window, "export_report", tmp_path / "a.html", qtbot, monkeypatch).read_text(encoding="utf-8")
    assert "frame 6 at 0.20 s" in page and "walk.mp4, 0.20 s" in page


def test_b_looks_at_every_frame_that_is_shown(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = open_window(clip)
    await_poses(window, qtbot)
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    window.session.playback.seek(7)
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.frame == 7)
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    other, picture = window._panels["picture_b"], window.state.picture
    assert picture is not None and window.state.pose is not None and window.comparing.pose is not None
    np.testing.assert_array_equal(other._image.image, picture.shown)
    assert window.comparing.pose.box_px == window.state.pose.box_px


def test_a_comparison_goes_out_as_a_page_and_as_a_figure(
    open_window: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(photo)
    assert not window.actions_by_key["export_comparison"].isEnabled()
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    assert window.actions_by_key["export_comparison"].isEnabled()
    page = saved(window, "export_comparison", tmp_path / "a.html", qtbot, monkeypatch)
    parsed = read_report(page)
    bones = {row[0]: row[1:3] for row in parsed.rows if len(row) == 12}
    lengths = [f"{pose.geometry.bones[0].length_mm:.0f}" for pose in (window.state.pose, window.comparing.pose) if pose]
    assert next(value for key, value in bones.items() if key.strip() not in ("bone", "")) == lengths
    assert "A: one" in page.read_text() and "B: two" in page.read_text()
    figure = saved(window, "export_comparison", tmp_path / "a.png", qtbot, monkeypatch)
    assert figure.read_bytes().startswith(b"\x89PNG")
    window.actions_by_key["compare"].trigger()
    assert not window.actions_by_key["export_comparison"].isEnabled()
