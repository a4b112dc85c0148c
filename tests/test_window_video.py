"""A video at the window: scrub, play, step, poses computed ahead, bone strips; and what must not go wrong in it."""

from __future__ import annotations

import threading
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose, write_picture
from hypothesis import given
from hypothesis import strategies as st
from poses import STANDING_MM
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot
from video_clips import number_in, write_clip

from app.clip import PoseTrack, Seeds, Tracks, first_difference, with_seed
from app.sources import Box
from app.views.strip_data import ROWS
from app.window import MainWindow
from core import skeleton
from core.made import Made
from core.pose import Pose

pytest_plugins = ("app_fixtures",)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "walk.mp4", 40)


def is_computed(window: MainWindow) -> bool:
    track = window.session.playback.track
    return track is not None and bool(track.known.all())


def shows(window: MainWindow, frame: int) -> bool:
    """Tell whether the frame on screen is this one, by its pixels."""
    picture = window.state.picture
    return picture is not None and picture.frame == frame and number_in(picture.rgb) == frame


def jumping(frames: dict[int, float]) -> FakeBackend:
    """Return a backend whose nth look sees a forearm longer by a factor, for the nth frame of a run."""
    backend = FakeBackend()
    looks = iter(range(10_000))

    def answer(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        joints = STANDING_MM.copy()
        wrist, elbow = skeleton.JOINT_INDEX["right_wrist"], skeleton.JOINT_INDEX["right_elbow"]
        joints[wrist] = joints[elbow] + (joints[wrist] - joints[elbow]) * frames.get(next(looks) - 1, 1.0)
        return make_pose(size, box, name=name, joints_mm=joints)

    backend.answer = answer
    return backend


def test_a_video_opens_with_its_timeline_and_its_poses_come_by_themselves(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    window = open_window(clip)
    assert window.timeline.isVisible()
    assert shows(window, 0)
    qtbot.waitUntil(lambda: is_computed(window))
    qtbot.waitUntil(lambda: not window.session.playback.running)
    window.timeline._show_track()
    assert "0:00.00 of 0:01.30" in window.timeline.readout.text()
    assert "frame 0 of 39" in window.timeline.readout.text()
    assert not np.isnan(window.timeline.strips.data.variation).any()
    assert window.actions_by_key["play"].isEnabled()
    window.session.open([write_picture(clip.with_name("photo.png"))])
    qtbot.waitUntil(lambda: window.picture.title.text() == "photo.png")
    assert not window.timeline.isVisible()
    assert not window.actions_by_key["play"].isEnabled()
    assert window.state.clip is None


def test_scrubbing_stepping_and_keys_show_the_frame_asked_for(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = open_window(clip)
    strips = window.timeline.strips
    for x in (0.9, 0.1, 0.5):
        place = QPoint(int(strips.x_of(0) + x * (strips.x_of(39) - strips.x_of(0))), 10)
        qtbot.mouseClick(strips, Qt.MouseButton.LeftButton, pos=place)
        wanted = strips.frame_at(place.x())
        qtbot.waitUntil(lambda wanted=wanted: shows(window, wanted))
        assert abs(wanted - 39 * x) <= 1
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    start = window.session.playback.wanted
    qtbot.keyClick(window, Qt.Key.Key_Period)
    qtbot.waitUntil(lambda: shows(window, start + 1))
    qtbot.keyClick(window, Qt.Key.Key_Comma)
    qtbot.keyClick(window, Qt.Key.Key_Comma)
    qtbot.waitUntil(lambda: shows(window, start - 1))
    window.actions_by_key["frame_last"].trigger()
    qtbot.waitUntil(lambda: shows(window, 39))
    window.actions_by_key["frame_next"].trigger()
    window.actions_by_key["frame_first"].trigger()
    qtbot.waitUntil(lambda: shows(window, 0))


def test_zoom_and_view_stay_while_frames_change(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = open_window(clip)
    window.picture.zoom(2.0)
    before = window.picture.box_view.viewRect()
    window.session.playback.seek(20)
    qtbot.waitUntil(lambda: shows(window, 20))
    assert window.picture.box_view.viewRect() == before


def test_playing_takes_the_time_of_the_clip_and_stops_at_its_end(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = open_window(clip)
    qtbot.waitUntil(lambda: is_computed(window))
    playback = window.session.playback
    seen: list[int] = []
    window.state.frame_changed.connect(lambda: seen.append(window.state.picture.frame))  # type: ignore[union-attr]
    window.actions_by_key["play"].trigger()
    started = time.monotonic()
    assert playback.playing
    qtbot.waitUntil(lambda: not playback.playing and shows(window, 39), timeout=10_000)
    # The clip is 1.3 s long; slow machines leave frames out, not stretch the time.
    assert 1.1 < time.monotonic() - started < 3.0
    assert seen == sorted(seen) and seen[-1] == 39
    window.actions_by_key["faster"].trigger()
    assert window.timeline.speed.currentText() == "2 ×"
    window.actions_by_key["play"].trigger()
    qtbot.waitUntil(lambda: 0 < playback.wanted < 39)
    window.actions_by_key["play"].trigger()
    assert not playback.playing


def test_a_frame_the_run_has_not_reached_is_searched_at_once_and_replaced_when_the_run_arrives(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    backend = FakeBackend()
    gate = threading.Semaphore(2)
    asked: list[Box | None] = []

    def slow(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        gate.acquire(timeout=10)
        asked.append(box)
        return make_pose(size, box, name=name)

    backend.answer = slow
    window = open_window(clip, backend)
    playback = window.session.playback
    playback.seek(30)
    qtbot.waitUntil(lambda: shows(window, 30))
    assert window.state.pose is None
    gate.release(2)
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert window.state.pose is not None and window.state.pose.located_by == "search"
    assert playback.provisional
    assert playback.track is not None and not playback.track.known[30], "a pose found alone must not be kept"
    window.timeline._show_track()
    assert "searched by itself" in window.timeline.note.text()
    gate.release(100)
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.located_by == "track")
    assert not playback.provisional


def test_another_model_computes_anew_and_going_back_computes_nothing(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    backend = FakeBackend()
    window = open_window(clip, backend)
    qtbot.waitUntil(lambda: is_computed(window))
    window.session.choose_model("two")
    qtbot.waitUntil(lambda: window.state.model is not None and window.state.model.name == "two")
    qtbot.waitUntil(lambda: is_computed(window) and not window.session.playback.running)
    assert window.state.pose is not None and window.state.pose.checkpoint_name == "two"
    looks = len(backend.asked)
    window.session.choose_model("one")
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.checkpoint_name == "one")
    assert is_computed(window)
    assert len(backend.asked) == looks


def test_a_box_drawn_in_a_frame_is_followed_from_there_on_and_undone(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    backend = FakeBackend()
    window = open_window(clip, backend)
    playback = window.session.playback
    qtbot.waitUntil(lambda: is_computed(window) and not playback.running)
    first = playback.track
    assert first is not None
    playback.seek(15)
    qtbot.waitUntil(lambda: shows(window, 15))
    box, asked = (10.0, 10.0, 60.0, 70.0), len(backend.asked)
    window.session.give_box(box)
    qtbot.waitUntil(lambda: is_computed(window) and not playback.running)
    second = playback.track
    assert second is not None and second is not first
    # What comes before the box is not looked at again; the frame on screen may be, at once and by the run.
    assert len(backend.asked) - asked in (25, 26)
    for frame in (0, 14):
        before, after = first.get(frame), second.get(frame)
        assert before is not None and after is not None
        np.testing.assert_array_equal(before.joints_px, after.joints_px)
    ways = [pose.located_by for frame in range(14, 18) if (pose := second.get(frame)) is not None]
    assert ways == ["track", "given", "track", "track"]
    assert window.state.box_px == box and window.state.pose is not None and window.state.pose.box_px == box
    window.timeline._show_track()
    assert "from the box drawn" in window.timeline.strips.tip(window.timeline.strips.x_of(15), 15)
    playback.seek(30)
    qtbot.waitUntil(lambda: shows(window, 30))
    assert window.state.box_px is None
    asked = len(backend.asked)
    window.actions_by_key["undo"].trigger()
    qtbot.waitUntil(lambda: shows(window, 15))
    assert playback.track is first and window.state.box_px is None
    assert window.state.pose is not None and window.state.pose.located_by == "track"
    assert len(backend.asked) == asked
    window.actions_by_key["redo"].trigger()
    assert playback.track is second and window.state.box_px == box


def test_a_person_is_searched_for_anew_from_a_frame_on(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = open_window(clip)
    playback = window.session.playback
    for frame in (20, 0):
        playback.seek(frame)
        qtbot.waitUntil(lambda frame=frame: shows(window, frame))
        window.actions_by_key["find_person"].trigger()
    qtbot.waitUntil(lambda: is_computed(window))
    # Searching the first frame is what happens anyway.
    assert playback.seeds == ((20, None),)
    track = playback.track
    assert track is not None
    ways = [pose.located_by for frame in range(40) if (pose := track.get(frame)) is not None]
    assert ways == ["search" if frame in (0, 20) else "track" for frame in range(40)]


@given(st.lists(st.tuples(st.integers(0, 6), st.none() | st.just((1.0, 2.0, 3.0, 4.0)))))
def test_seeds_are_by_frame_and_the_last_one_given_holds(given_seeds: list[tuple[int, Box | None]]) -> None:
    seeds: Seeds = ()
    for frame, box in given_seeds:
        before, seeds = seeds, with_seed(seeds, frame, box)
        assert first_difference(before, seeds) in (frame, None)
    wanted = {frame: box for frame, box in dict(given_seeds).items() if (frame, box) != (0, None)}
    assert dict(seeds) == wanted and [frame for frame, _ in seeds] == sorted(wanted)


def test_clicking_a_spike_goes_to_its_frame(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    # The first look is the frame on screen by itself, the run's follow.
    window = open_window(clip, jumping({21: 1.6, 22: 1.4, 33: 0.5}))
    qtbot.waitUntil(lambda: is_computed(window))
    window.timeline._show_track()
    strips = window.timeline.strips
    forearm = skeleton.BONE_INDEX["right_forearm"]
    found = [spike for spike in strips.data.spikes if spike.bone == forearm]
    assert len(found) == 2
    worst = found[0].frame
    lengths = window.session.playback.track.lengths_mm[:, forearm]  # type: ignore[union-attr]
    assert worst == int(lengths.argmax())
    row = next(row for row, (_, bones) in enumerate(ROWS) if forearm in bones)
    place = QPoint(int(strips.x_of(worst)) + 3, int(strips.row_rect(row).center().y()))
    qtbot.mouseClick(strips, Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: shows(window, worst))
    assert "jumps by" in strips.tip(place.x(), place.y())
    window.actions_by_key["jump_next"].trigger()
    qtbot.waitUntil(lambda: shows(window, found[1].frame))
    window.actions_by_key["jump_previous"].trigger()
    qtbot.waitUntil(lambda: shows(window, worst))


def test_a_video_that_cannot_be_read_leaves_the_old_one(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = open_window(clip)
    bad = clip.with_name("bad.mp4")
    bad.write_bytes(clip.read_bytes()[:300])
    window.session.open([bad])
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert "bad.mp4" in window.toasts.texts[0]
    assert window.picture.title.text() == "walk.mp4"
    window.session.playback.seek(12)
    qtbot.waitUntil(lambda: shows(window, 12))


def test_a_network_that_fails_on_the_way_is_one_notice_and_the_clip_goes_on(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    backend = FakeBackend()
    window = open_window(None, backend)

    def failing(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        if len(backend.asked) > 5:
            raise MemoryError("no memory left")
        return make_pose(size, box, name=name)

    backend.answer = failing
    window.session.open([clip])
    qtbot.waitUntil(lambda: any("no memory left" in text for text in window.toasts.texts))
    window.session.playback.step(2)
    qtbot.waitUntil(lambda: shows(window, 2))


def test_closing_while_playing_leaves_no_thread(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    backend = FakeBackend()

    def slow(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        time.sleep(0.05)
        return make_pose(size, box, name=name)

    backend.answer = slow
    window = open_window(clip, backend)
    window.actions_by_key["play"].trigger()
    qtbot.waitUntil(lambda: window.session.playback.wanted > 2)
    started = time.monotonic()
    window.close()
    assert time.monotonic() - started < 2.0
    assert window.stopped_in_time
    assert not window.session.playback.clips.isRunning()
    assert not window.session.playback.playing


def test_memory_of_heatmaps_is_bounded_and_numbers_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    pose = replace(make_pose(), made=Made(refined=True))
    monkeypatch.setattr("app.clip.MAPS_BYTES", 3 * pose.heatmaps.nbytes)
    track = PoseTrack(10)
    for frame in range(10):
        track.put(frame, pose)
    assert [track.has_maps(frame) for frame in range(10)] == [False] * 7 + [True] * 3
    again = track.get(0)
    assert again is not None and again.heatmaps.max() == 0
    for field in fields(pose):
        if field.name == "geometry":
            assert again.geometry == pose.geometry
        elif field.name != "heatmaps":
            np.testing.assert_array_equal(getattr(again, field.name), getattr(pose, field.name))
    tracks = Tracks(10)
    first = tracks.of(("a", "", True, False, ()))
    for name in "bcde":
        tracks.of((name, "", True, False, ()))
    assert tracks.of(("a", "", True, False, ())) is not first, "the track used longest ago is let go"


def test_a_frame_whose_heatmaps_were_let_go_gets_them_again(
    open_window: Opener, qtbot: QtBot, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.clip.MAPS_BYTES", 5 * make_pose().heatmaps.nbytes)
    window = open_window(clip)
    qtbot.waitUntil(lambda: is_computed(window))
    window.session.playback.seek(3)
    qtbot.waitUntil(lambda: shows(window, 3) and window.state.pose is not None)
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.heatmaps.max() > 0)
    assert window.state.pose is not None and window.state.pose.located_by == "track"


def test_the_windows_numbers_are_those_of_predict(open_window: Opener, qtbot: QtBot, clip: Path, weights: Path) -> None:
    from app.services.backend import TorchBackend
    from core import checkpoint, media
    from core.predictor import Predictor
    from core.track import Tracker

    short = write_clip(clip.with_name("short.avi"), 5, "MJPG")
    open_window.settings().set("model", str(weights))
    window = open_window(short, TorchBackend())
    qtbot.waitUntil(lambda: is_computed(window), timeout=30_000)
    track = window.session.playback.track
    assert track is not None
    tracker = Tracker(Predictor(checkpoint.load(str(weights)), "auto").predict)
    for frame in media.frames(short):
        expected, shown = tracker.pose(frame.image), track.get(frame.index)
        assert shown is not None and shown.located_by == expected.located_by
        np.testing.assert_array_equal(shown.joints_mm, expected.joints_mm)
        np.testing.assert_array_equal(shown.joints_px, expected.joints_px)
        np.testing.assert_array_equal(shown.heatmaps, expected.heatmaps)


def test_the_timeline_takes_its_room_from_the_bones_and_gives_it_back(
    open_window: Opener, qtbot: QtBot, clip: Path, photo: Path
) -> None:
    window = open_window(photo)
    before = (window.picture.height(), window.bones.height())
    window.session.open([clip])
    qtbot.waitUntil(lambda: window.timeline.isVisible() and window.bones.height() < before[1] - 40)
    window.session.open([photo])
    qtbot.waitUntil(lambda: not window.timeline.isVisible() and window.bones.height() == before[1])
    # The handle of the hidden timeline is a few pixels.
    assert abs(window.picture.height() - before[0]) < 12
