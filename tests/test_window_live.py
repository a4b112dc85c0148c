"""The live mode at the window: from a loopback camera to picture, body and table, and every mishap on the way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose
from loopback import Camera, camera, number_of, plain, stamp
from poses import STANDING_MM
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from app.live.turns import Turns
from app.sources import Box
from app.window import MainWindow
from core.capture import cameras
from core.capture.state import Timing
from core.pose import Pose

pytest_plugins = ("app_fixtures",)

QUICK = Timing(open_s=0.6, stall_s=0.3, lost_s=0.8, pause_s=0.1, longest_pause_s=0.2)


@pytest.fixture
def served() -> Iterator[Camera]:
    with camera(plain(320, 240)) as served:
        yield served


def open_live(window: MainWindow, qtbot: QtBot, address: str) -> None:
    """Type an address and wait for the first frame with a pose."""
    window.live_mode.live.timing = QUICK
    window.actions_by_key["open_live"].trigger()
    bar = window.live_mode.bar
    assert bar is not None and bar.isVisible()
    bar.address.setEditText(address)
    qtbot.keyClick(bar.address.lineEdit(), Qt.Key.Key_Return)


def shows_somebody(window: MainWindow) -> bool:
    live = window.state.live
    return live is not None and live.seen == "followed" and window.state.pose is not None


def of_the_source() -> list[str]:
    """Return the threads that a live source has."""
    return [thread.name for thread in threading.enumerate() if thread.name.split()[0] in ("grabber", "keeper")]


def handles() -> set[str]:
    """Return the sockets that are open."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def test_an_address_that_is_typed_is_shown_live_with_pose_state_rate_and_latency(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    window = open_window()
    live, bar = window.live_mode.live, window.live_mode.bar
    assert bar is not None and not bar.isVisible()
    open_live(window, qtbot, served.url)
    assert window.picture.empty.title.text() == "Starting…"
    qtbot.waitUntil(lambda: shows_somebody(window))
    picture = window.state.picture
    assert picture is not None
    shown_s = time.monotonic()
    assert shown_s - served.sent_s[0] < 1.0 or shown_s - served.sent_s[number_of(picture.rgb)] < 1.0
    qtbot.waitUntil(lambda: live.latency.rate(time.monotonic()) > 5)
    assert bar.state.text() == "live" and bar.button.text() == "Stop"
    qtbot.waitUntil(lambda: "poses/s" in bar.rate.text() and bar.latency.whole_ms > 0)
    assert set(bar.latency.parts_ms) == {"grab", "locate", "crop", "infer", "decode", "draw"}
    assert "from capture to screen" in bar.latency.legend()
    assert window.picture.title.text() == served.url
    assert "person 1" in window.picture.note.text()
    assert window.statusBar().model.text() == "one"
    before = window.state.picture
    qtbot.waitUntil(lambda: window.state.picture is not before)
    assert live.recent() == [served.url]


def test_own_bones_and_their_departure_are_in_the_table_while_live(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    window = open_window()
    assert window.bones.model.columnCount() == 6
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: window.bones.model.columnCount() == 8)
    cell = lambda column: window.bones.model.index(0, column).data()
    qtbot.waitUntil(lambda: cell(7) == "0.0")
    assert cell(6) == cell(1)
    window.live_mode.live.stop()
    assert window.bones.model.columnCount() == 6 and window.state.pose is not None


def test_what_is_read_follows_in_turns_and_in_the_end_is_of_the_frame_that_stays(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    backend, count = FakeBackend(), iter(range(10**6))
    backend.answer = lambda name, size, box: make_pose(size, box, joints_mm=(1.0 + 0.001 * next(count)) * STANDING_MM)
    window = open_window(backend=backend)
    state, turns = window.state, [0, 0, 0, 0]
    for part, due in enumerate(state.due):
        due.connect(lambda part=part: turns.__setitem__(part, turns[part] + 1))
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: min(turns) >= 3, timeout=20_000)
    window.live_mode.live.stop()
    pose = state.pose
    assert pose is not None
    lengths = [window.bones.model.index(row, 1).data() for row in range(len(pose.geometry.bones))]
    assert lengths == [f"{bone.length_mm:.0f}" for bone in pose.geometry.bones]


def test_parts_take_turns_one_a_frame_and_late_ones_are_not_put_off() -> None:
    turns = Turns(4)
    assert turns.take(0.0, waits=True) == [0, 1, 2, 3], "at first all"
    frames = [turns.take(1.0 + 0.03 * number, waits=False) for number in range(100)]
    assert sorted(frames[0]) == [0, 1, 2, 3], "all were late"
    assert all(len(taken) <= 1 for taken in frames[20:])
    assert all(9 <= sum(part in taken for taken in frames) <= 13 for part in range(4))
    busy = [turns.take(5.0 + 0.03 * number, waits=True) for number in range(100)]
    assert all(4 <= sum(part in taken for taken in busy) <= 7 for part in range(4)), "half as often while frames wait"
    slow = [turns.take(10.0 + number, waits=True) for number in range(3)]
    assert all(len(taken) == 4 for taken in slow), "one frame a second brings everything"
    assert turns.take(12.1, waits=False) == []
    turns.forget()
    assert len(turns.take(12.2, waits=True)) == 4


def test_escape_stops_within_a_second_even_while_a_read_blocks(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    window = open_window()
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    served.stalled.set()
    qtbot.waitUntil(lambda: window.live_mode.bar.state.text() == "stalled")
    assert of_the_source()
    window.activateWindow()
    window.picture.take_focus()
    started = time.monotonic()
    window.actions_by_key["let_go"].trigger()
    assert not window.live_mode.live.on and window.live_mode.bar.button.text() == "Start"
    qtbot.waitUntil(lambda: not of_the_source(), timeout=1000)
    assert time.monotonic() - started < 1.0
    assert window.state.pose is not None and window.state.live is None, "the last frame stays"


def test_going_back_to_pictures_leaves_no_thread_and_no_socket(
    open_window: Opener, qtbot: QtBot, served: Camera, photo: Path
) -> None:
    window = open_window(photo)
    before = handles()
    for _ in range(2):
        open_live(window, qtbot, served.url)
        qtbot.waitUntil(lambda: shows_somebody(window))
        window.session.open([photo])
        qtbot.waitUntil(lambda: window.picture.title.text() == "photo.png" and window.state.pose is not None)
        assert window.state.live is None and not window.live_mode.live.on
    qtbot.waitUntil(lambda: not of_the_source() and not window.live_mode.live._ending)
    qtbot.waitUntil(lambda: not served._connections)
    assert handles() - before <= {name for name in handles() if name not in before and served.port == 0}
    token, frame = window.state.token, window.state.picture
    qtbot.wait(100)
    assert window.state.token == token and window.state.picture is frame, "nothing more comes"


def test_an_unplugged_camera_is_said_lost_and_comes_back(open_window: Opener, qtbot: QtBot, served: Camera) -> None:
    window = open_window()
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    words: list[str] = []
    window.live_mode.live.changed.connect(lambda: words.append(window.live_mode.live.word))
    served.unplug()
    qtbot.waitUntil(lambda: "lost" in words)
    assert window.state.picture is not None and window.picture.note.text().startswith(("lost", "reconnecting"))
    served.replug()
    qtbot.waitUntil(lambda: words[-1] == "live")
    assert "reconnecting" in words
    before = window.state.picture
    qtbot.waitUntil(lambda: window.state.picture is not before)
    assert "person" in window.picture.note.text()


@pytest.mark.parametrize(
    ("path", "words"),
    [("/nothing", "404"), ("/silent", "0.6 s"), ("/broken", "decode"), ("/page", "")],
)
def test_a_source_that_cannot_be_shown_is_one_sentence_and_the_picture_stays(
    open_window: Opener, qtbot: QtBot, served: Camera, photo: Path, path: str, words: str
) -> None:
    window = open_window(photo)
    open_live(window, qtbot, served.path(path))
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    assert window.picture.empty.title.text().startswith("Open a picture"), "no longer that it starts"
    assert words in window.toasts.texts[0] and served.path(path) in window.toasts.texts[0]
    assert window.live_mode.bar.state.text() == "faulted" and not window.live_mode.live.on
    assert window.picture.title.text() == "photo.png" and window.state.pose is not None
    qtbot.waitUntil(lambda: not of_the_source())


@pytest.mark.parametrize("address", ["camera:97", "camera:x", "gone.mp4", "http://", "ftp://host/film", ""])
def test_an_address_that_names_nothing_is_said(open_window: Opener, qtbot: QtBot, address: str) -> None:
    window = open_window()
    open_live(window, qtbot, address)
    qtbot.waitUntil(lambda: bool(window.toasts.texts))
    qtbot.waitUntil(lambda: not window.live_mode.live.on)


def test_cameras_are_listed_by_name_with_their_modes_and_one_can_be_chosen(
    open_window: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    menu = window.chrome.cameras
    menu.aboutToShow.emit()
    (only,) = menu.actions()
    assert only.text() == "No camera is plugged in" and not only.isEnabled(), "this machine has none"
    monkeypatch.setattr(cameras, "cameras", lambda: [cameras.Camera(2, "Desk & Co"), cameras.Camera(4, "Lid")])
    known = [cameras.Mode(640, 480, 30.0, "MJPG"), cameras.Mode(1280, 720, 0.0)]
    monkeypatch.setattr(cameras, "modes", lambda number: known)
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()] == ["Desk && Co", "Lid"]
    modes = menu.actions()[0].menu()
    opened: list[str] = []
    monkeypatch.setattr(window.live_mode, "open", opened.append)
    modes.aboutToShow.emit()
    texts = [action.text() for action in modes.actions() if not action.isSeparator()]
    assert texts == ["As the camera likes (camera:2)", "640 × 480, 30 a second", "1280 × 720"]
    for action in modes.actions():
        action.trigger()
    assert opened == ["camera:2", "camera:2:640x480@30", "camera:2:1280x720"]
    monkeypatch.undo()
    modes.aboutToShow.emit()
    last = modes.actions()[-1]
    assert "camera:2" in last.text() and not last.isEnabled(), "unplugged meanwhile: one sentence"


def test_a_password_is_on_no_screen_and_not_remembered(open_window: Opener, qtbot: QtBot, served: Camera) -> None:
    window = open_window()
    open_live(window, qtbot, served.url.replace("http://", "http://user:hidden@"))
    qtbot.waitUntil(lambda: shows_somebody(window))
    assert window.picture.title.text() == served.url
    assert window.live_mode.live.recent() == [served.url]
    assert "hidden" not in window.windowTitle()


def test_nobody_in_view_is_said_calmly_and_the_pictures_go_on(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    backend = FakeBackend()
    backend.answer = lambda name, size, box: make_pose(size, box, confidence=0.03)
    window = open_window(None, backend)
    seen: list[str] = []
    window.state.frame_changed.connect(lambda: seen.append(window.state.live.seen))
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: len(seen) > 15)
    assert set(seen) <= {"", "nobody"} and seen[-1] == "nobody"
    assert window.picture.note.text() == "nobody found" and window.state.pose is None
    assert not window.toasts.texts


def test_a_long_search_holds_up_neither_pictures_nor_window(open_window: Opener, qtbot: QtBot, served: Camera) -> None:
    backend = FakeBackend()

    def search(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        time.sleep(0.8)
        return make_pose(size, box, name=name, confidence=0.03)

    window = open_window(None, backend)
    backend.answer = search
    frames: list[int] = []
    window.state.frame_changed.connect(lambda: frames.append(window.state.picture.frame))
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: len(backend.asked) >= 4, timeout=10_000)
    assert len(frames) > 2 * len(backend.asked), "frames are shown while one is looked at"
    assert frames == sorted(frames), "no frame comes after a newer one"
    window.live_mode.live.stop()


def test_mirror_refine_and_filter_are_respected_from_the_next_frame_on(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    backend = FakeBackend()
    window = open_window(None, backend)
    assert window.state.reading.mirror
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    assert backend.asked[-1][2].mirror
    window.actions_by_key["mirror"].trigger()
    qtbot.waitUntil(lambda: not backend.asked[-1][2].mirror)
    window.actions_by_key["refine"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.refined)
    assert window.actions_by_key["live_filter"].isChecked() and window.live_mode.live.options.smooth
    window.actions_by_key["live_filter"].trigger()
    assert not window.live_mode.live.options.smooth
    assert "One-Euro" in window.actions_by_key["live_filter"].toolTip()
    window.actions_by_key["model_next"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.checkpoint_name == "two")


def test_a_click_beside_the_person_follows_whoever_is_there(open_window: Opener, qtbot: QtBot, served: Camera) -> None:
    backend = FakeBackend()
    backend.answer = lambda name, size, box: make_pose(size, box or (0.0, 60.0, 120.0, 120.0), name=name)
    window = open_window(None, backend)
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    first = window.state.pose
    assert first is not None and first.joints_px[:, 0].max() < 160
    view, graphics = window.picture.box_view, window.picture.graphics
    place = graphics.mapFromScene(view.mapViewToScene(QPointF(250, 120)))
    qtbot.mouseClick(graphics.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.state.live is not None and window.state.live.track == 2)
    pose = window.state.pose
    assert pose is not None and pose.joints_px[:, 0].mean() > 180


def test_a_frame_of_another_size_in_the_middle_is_shown_whole(open_window: Opener, qtbot: QtBot) -> None:
    sizes = ((320, 240), (200, 300))

    def draw(number: int) -> np.ndarray:
        width, height = sizes[number // 20 % 2]
        return stamp(np.full((height, width, 3), 90, np.uint8), number)

    window = open_window()
    with camera(draw) as served:
        open_live(window, qtbot, served.url)
        for size in sizes:
            qtbot.waitUntil(lambda size=size: window.state.picture is not None and window.state.picture.size_px == size)
            qtbot.waitUntil(
                lambda size=size: window.state.pose is not None and window.state.pose.picture_size_px == size
            )
        assert not window.toasts.texts


def test_a_network_that_fails_says_so_once_and_the_pictures_go_on(
    open_window: Opener, qtbot: QtBot, served: Camera
) -> None:
    backend = FakeBackend()

    def fail(name: str, size: tuple[int, int], box: Box | None) -> Pose:
        raise RuntimeError("out of memory")

    good, backend.answer = backend.answer, fail
    window = open_window(None, backend)
    frames: list[Any] = []
    window.state.frame_changed.connect(lambda: frames.append(1))
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: len(frames) > 10)
    assert len(window.toasts.texts) == 1 and "times" not in window.toasts.texts[0]
    backend.answer = good
    qtbot.waitUntil(lambda: shows_somebody(window))


def test_closing_the_window_while_live_ends_everything(open_window: Opener, qtbot: QtBot, served: Camera) -> None:
    window = open_window()
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    served.stalled.set()
    started = time.monotonic()
    window.close()
    assert time.monotonic() - started < 2.0 and window.stopped_in_time
    assert not of_the_source()


def test_comparing_waits_until_the_source_is_stopped(
    open_window: Opener, qtbot: QtBot, served: Camera, photo: Path
) -> None:
    window = open_window(photo)
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    assert not window.comparing.on and not window.actions_by_key["compare"].isEnabled()
    window.live_mode.live.stop()
    assert window.actions_by_key["compare"].isEnabled()


def test_the_bar_fits_a_small_window(open_window: Opener, qtbot: QtBot, served: Camera) -> None:
    window = open_window()
    window.resize(1280, 800)
    open_live(window, qtbot, served.url)
    qtbot.waitUntil(lambda: shows_somebody(window))
    bar = window.live_mode.bar
    assert window.minimumSizeHint().width() <= 1280
    for button in bar.findChildren(QToolButton, options=Qt.FindChildOption.FindDirectChildrenOnly):
        assert button.width() >= button.minimumSizeHint().width() or not button.isVisible()
        assert button.mapTo(window, button.rect().topRight()).x() < window.width()


def test_a_video_is_played_as_if_live_to_its_end(
    open_window: Opener, qtbot: QtBot, write_picture_clip: Callable[[], Path]
) -> None:
    window = open_window()
    open_live(window, qtbot, str(write_picture_clip()))
    qtbot.waitUntil(lambda: shows_somebody(window))
    qtbot.waitUntil(lambda: window.live_mode.bar.state.text() == "ended")
    assert window.state.picture is not None and window.state.live is None


@pytest.fixture
def write_picture_clip(tmp_path: Path) -> Callable[[], Path]:
    from video_clips import write_clip

    return lambda: write_clip(tmp_path / "walk.mp4", 30)
