"""The 3D view in motion: it turns by itself, and goes out as a video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from test_window_clip_export import frames_of, is_computed
from test_window_out import save_as, saved
from video_clips import write_clip

from app.sources import Box
from app.state import LiveView
from app.views.scene3d import Scene3D
from app.views.smooth_edges import is_software, renderer
from app.window import MainWindow
from core.pose import Pose

pytest_plugins = ("app_fixtures",)


def scene_of(window: MainWindow) -> Scene3D:
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    return window.space.scene


def orange(frame: np.ndarray) -> float:
    """Return the mean column of what is orange in a BGR picture: the body's right side."""
    blue, _, red = (frame.astype(int)[..., channel] for channel in range(3))
    return float(np.nonzero(red - blue > 90)[1].mean())


@pytest.fixture
def open_gl(open_window: Opener) -> Opener:
    open_window.gl = True
    return open_window


def test_edges_are_smooth_unless_a_body_moves_live_in_software(open_gl: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_gl(photo)
    scene, pose = scene_of(window), window.state.pose
    assert pose is not None

    def colours() -> int:
        """Count the colours of what is on screen: smooth edges have many of their own."""
        image = scene.canvas.native.grabFramebuffer()
        return len({image.pixel(x, y) for x in range(image.width()) for y in range(0, image.height(), 2)})

    smooth, exported = colours(), scene.picture()
    window.state.set_live(LiveView("camera"))
    plain = colours()
    assert (plain < 0.9 * smooth) is is_software(renderer(scene.canvas))
    assert np.array_equal(scene.picture(), exported), "what goes out is smooth all the same"
    window.state.set_live(None)
    assert colours() == smooth


# vispy asks an event for its place in a way that Qt is going to take away.
@pytest.mark.filterwarnings("ignore:.*QMouseEvent.pos:DeprecationWarning")
def test_the_view_turns_by_itself_until_it_is_dragged(open_gl: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_gl(photo)
    scene, action = scene_of(window), window.actions_by_key["turn"]
    start = scene.camera.azimuth
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_O)
    assert action.isChecked()
    qtbot.waitUntil(lambda: (scene.camera.azimuth - start) % 360.0 > 3.0)
    qtbot.mousePress(scene.canvas.native, Qt.MouseButton.LeftButton)
    qtbot.mouseRelease(scene.canvas.native, Qt.MouseButton.LeftButton)
    assert not action.isChecked()
    still = scene.camera.azimuth
    with qtbot.waitSignal(scene.canvas.native.frameSwapped):
        scene.canvas.update()
    qtbot.wait(100)
    assert scene.camera.azimuth == still


def test_a_hidden_view_does_not_turn_and_goes_on_when_it_is_seen(open_gl: Opener, qtbot: QtBot, photo: Path) -> None:
    window = open_gl(photo)
    scene = scene_of(window)
    window.actions_by_key["turn"].trigger()
    start = scene.camera.azimuth
    qtbot.waitUntil(lambda: scene.camera.azimuth != start)
    window.space.hide()
    qtbot.wait(100)
    hidden = scene.camera.azimuth
    qtbot.wait(300)
    assert scene.camera.azimuth == hidden
    window.space.show()
    qtbot.waitUntil(lambda: scene.camera.azimuth != hidden)


def test_a_body_goes_out_as_a_video_of_one_turn_and_the_view_stays(
    open_gl: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.clip_exports.TURN_FRAMES", 12)
    window = open_gl(photo)
    scene = scene_of(window)
    window.space.preset("camera")
    camera, shown = scene.camera.get_state(), scene.picture()
    frames = frames_of(saved(window, "export_space_film", tmp_path / "a.mp4", qtbot, monkeypatch))
    qtbot.waitUntil(lambda: not window.exports.clips.busy)
    # The codec takes even sizes only.
    assert len(frames) == 12 and frames[0].shape[:2] == tuple(size + size % 2 for size in shown.shape[:2])
    apart = [np.abs(frame.astype(int) - frames[0]).mean() for frame in frames]
    assert all(value > 1.0 for value in apart[1:])
    # Half around, the body shows its back: its right, orange, is on the other side of the view.
    middle = frames[0].shape[1] / 2
    assert orange(frames[0]) < middle < orange(frames[6])
    assert scene.camera.get_state() == camera
    np.testing.assert_array_equal(scene.picture(), shown)


def test_a_video_goes_out_as_its_motion_seen_from_the_present_camera(
    open_gl: Opener, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeBackend()

    def higher(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        pose = make_pose(size, box, name=name)
        joints = pose.joints_mm.copy()
        # The right hand comes down from frame to frame.
        joints[10, 1] += 60.0 * len(backend.asked)
        return replace(pose, joints_mm=joints)

    backend.answer = higher
    clip = write_clip(tmp_path / "walk.mp4", 8, rate=10.0)
    window = open_gl(clip, backend)
    scene = scene_of(window)
    qtbot.waitUntil(lambda: is_computed(window))
    window.space.preset("camera")
    camera = scene.camera.get_state()
    frames = frames_of(saved(window, "export_space_film", tmp_path / "a.mp4", qtbot, monkeypatch))
    qtbot.waitUntil(lambda: not window.exports.clips.busy)
    assert len(frames) == 8
    for number in (1, 4, 7):
        window.session.playback.seek(number)
        qtbot.waitUntil(lambda number=number: window.state.picture.frame == number)  # type: ignore[union-attr]
        shown = scene.picture()
        height, width = shown.shape[:2]
        apart = [np.abs(frame[:height, :width, ::-1].astype(int) - shown).mean() for frame in frames]
        assert int(np.argmin(apart)) == number and apart[number] < 4.0
    assert scene.camera.get_state() == camera


def test_a_film_of_the_view_can_be_cancelled(
    open_gl: Opener, qtbot: QtBot, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_gl(photo)
    scene_of(window)
    clips = window.exports.clips
    target = tmp_path / "a.mp4"
    save_as(monkeypatch, target)
    with qtbot.waitSignal(clips.service.progressed):
        window.actions_by_key["export_space_film"].trigger()
    assert clips.bar.isVisible()
    with qtbot.waitSignal(clips.service.cancelled):
        qtbot.mouseClick(clips.bar.button, Qt.MouseButton.LeftButton)
    assert not clips.busy and not target.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png", "settings.ini"]


def test_without_a_3d_view_the_film_says_so(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    window.actions_by_key["export_space_film"].trigger()
    assert any("no 3D view on this machine" in text for text in window.toasts.texts)


def test_a_body_that_is_slow_to_draw_leaves_time_to_the_picture_and_ends_where_it_is(
    open_gl: Opener, qtbot: QtBot, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_gl(photo)
    scene, state = scene_of(window), window.state
    qtbot.waitUntil(lambda: scene.paint_s > 0.0 and state.pose is not None)
    first, picture, shown = state.pose, state.picture, []
    assert first is not None and picture is not None
    draw = scene.show_pose

    def show_pose(pose: Pose, *words: object) -> None:
        shown.append(pose)
        draw(pose, *words)  # type: ignore[arg-type]
        scene.paint_s = 0.2

    monkeypatch.setattr(scene, "show_pose", show_pose)
    window.space.refresh()
    poses = [replace(first, joints_mm=first.joints_mm + number) for number in range(30)]
    for pose in poses:
        state.set_live_frame(picture, pose, LiveView("camera"))
    assert [id(pose) for pose in shown] == [id(first)]
    qtbot.waitUntil(lambda: shown[-1] is poses[-1])
    assert len(shown) == 2
