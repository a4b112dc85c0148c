"""Live sources: the newest frame, in order, whatever the network and the user do."""

from __future__ import annotations

import gc
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import gradient
from loopback import camera, jpeg, number_of, plain

from core.capture import sources
from core.capture.live import Capture
from core.capture.reader import Grab
from core.capture.state import State, Status, Timing
from core.errors import UserError

QUICK = Timing(open_s=1.5, stall_s=0.3, lost_s=0.8, pause_s=0.1, longest_pause_s=0.2, patience_s=20.0)


class Watched:
    """A capture of an address with all its states, in order."""

    def __init__(self, url: str, timing: Timing = QUICK) -> None:
        self.states: list[Status] = []
        self._told = threading.Condition()
        self.capture = Capture(sources.parse(url), timing, on_status=self._on_status)

    def _on_status(self, status: Status) -> None:
        with self._told:
            self.states.append(status)
            self._told.notify_all()

    def wait_for(self, state: State, seconds: float = 15.0) -> Status:
        """Wait until this state was reached since the last call, and return it."""
        with self._told:
            assert self._told.wait_for(lambda: any(s.state is state for s in self.states), seconds), self.states
            at = next(number for number, status in enumerate(self.states) if status.state is state)
            status = self.states[at]
            del self.states[: at + 1]
            return status

    def __enter__(self) -> Watched:
        self.capture.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.capture.stop()


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    until = time.monotonic() + 5
    while any(thread.name.startswith(("grabber", "keeper")) for thread in threading.enumerate()):
        assert time.monotonic() < until, threading.enumerate()
        time.sleep(0.02)


def take(capture: Capture, seconds: float = 10.0) -> np.ndarray:
    frame = capture.take(seconds)
    assert frame is not None, capture.status
    return frame.image


def fault(url: str, timing: Timing = QUICK) -> str:
    with Watched(url, timing) as watched:
        status = watched.wait_for(State.FAULTED)
        with pytest.raises(UserError):
            list(watched.capture)
    assert status.error is not None
    sentence = str(status.error)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_frames_come_in_order_with_rising_times_and_every_missing_one_is_counted() -> None:
    with camera() as served, Watched(served.url) as watched:
        frames = [watched.capture.take(10) for _ in range(30)]
        arrived, dropped = watched.capture.arrived, watched.capture.dropped
    numbers = [number_of(frame.image) for frame in frames if frame is not None]
    assert len(numbers) == 30 and numbers == sorted(set(numbers))
    indices = [frame.index for frame in frames if frame is not None]
    # The network lost nothing: the camera's numbers are the indices.
    assert np.ptp(np.subtract(numbers, indices)) == 0
    assert dropped >= indices[-1] - 29 and arrived > indices[-1]
    times = [frame.time_s for frame in frames if frame is not None]
    assert times[0] >= 0 and all(np.diff(times) > 0)


@pytest.mark.parametrize("path", ["/lengths", "/away"])
def test_streams_without_lengths_and_behind_redirects_are_read(path: str) -> None:
    with camera() as served, Watched(served.path(path)) as watched:
        numbers = [number_of(take(watched.capture)) for _ in range(5)]
    assert numbers == sorted(set(numbers))


def test_a_slow_consumer_gets_fresh_frames_and_the_rest_is_counted() -> None:
    with camera(rate=60) as served, Watched(served.url) as watched:
        take(watched.capture)
        ages, numbers = [], []
        for _ in range(5):
            time.sleep(0.25)  # the consumer's own work
            frame = watched.capture.take(10)
            assert frame is not None
            numbers.append(number_of(frame.image))
            ages.append(time.monotonic() - served.sent_s[numbers[-1]])
        dropped = watched.capture.dropped
    # A queue would be 15 frames older with each round: the last frame would be over a second old.
    assert np.median(ages) < 0.2 and max(ages) < 0.6
    assert dropped > 20 and numbers[-1] - numbers[0] > 20


def test_an_unplugged_camera_is_lost_and_found_again() -> None:
    with camera() as served, Watched(served.url) as watched:
        before = number_of(take(watched.capture))
        served.unplug()
        lost = watched.wait_for(State.LOST)
        assert lost.error is not None and lost.retry_s > 0 and "Next attempt" in str(lost)
        watched.wait_for(State.RECONNECTING)
        served.replug()
        watched.wait_for(State.LIVE)
        frames = [watched.capture.take(10) for _ in range(3)]
        assert all(frame is not None and number_of(frame.image) > before for frame in frames)
        assert watched.capture.reconnections == 1


def test_a_camera_that_falls_silent_is_stalled_then_live_again() -> None:
    with camera() as served, Watched(served.url, Timing(stall_s=0.3, lost_s=30)) as watched:
        take(watched.capture)
        served.stalled.set()
        watched.wait_for(State.STALLED)
        served.stalled.clear()
        watched.wait_for(State.LIVE)
        take(watched.capture)
    assert not any(status.state is State.LOST for status in watched.states)


def test_a_camera_that_stays_silent_is_lost_and_connected_to_anew() -> None:
    with camera() as served, Watched(served.url) as watched:
        take(watched.capture)
        served.stalled.set()
        assert "nothing for" in str(lost := watched.wait_for(State.LOST)) or "no picture for" in str(lost)
        served.stalled.clear()
        watched.wait_for(State.LIVE)
        assert len(served.requests) >= 2


def test_a_camera_that_stays_away_is_given_up_with_a_sentence() -> None:
    timing = Timing(lost_s=0.8, pause_s=0.1, longest_pause_s=0.2, patience_s=0.6)
    with camera() as served, Watched(served.url, timing) as watched:
        take(watched.capture)
        served.unplug()
        status = watched.wait_for(State.FAULTED)
    assert "has been gone for" in str(status.error)


def test_the_pauses_between_attempts_grow_up_to_their_limit() -> None:
    timing = Timing(lost_s=0.8, pause_s=0.05, longest_pause_s=0.2, patience_s=1.5)
    pauses = []
    with camera() as served, Watched(served.url, timing) as watched:
        take(watched.capture)
        served.unplug()
        for _ in range(4):
            pauses.append(watched.wait_for(State.LOST).retry_s)
    assert pauses == [0.05, 0.1, 0.2, 0.2]


def test_another_size_in_the_middle_is_another_frame() -> None:
    with camera() as served, Watched(served.url) as watched:
        assert take(watched.capture).shape == (120, 160, 3)
        served.draw = plain(320, 240)
        sizes = {take(watched.capture).shape for _ in range(6)}
    assert (240, 320, 3) in sizes


def test_damaged_frames_are_counted_and_left_out() -> None:
    with camera() as served, Watched(served.url) as watched:
        take(watched.capture)
        served.damaged.set()
        while (left_out := watched.capture.take(0.2)) is not None:
            assert left_out.image.shape == (120, 160, 3)
        served.damaged.clear()
        take(watched.capture)
        assert watched.capture.damaged >= 1 and watched.capture.status.state is State.LIVE


def test_a_wrong_address_has_its_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "nothing listens" in fault(f"http://127.0.0.1:{port}/video")
    assert "nothing listens" in fault(f"rtsp://127.0.0.1:{port}/video")
    with camera() as served:
        assert "404" in fault(served.path("/nothing"))
        assert "web page" in fault(served.path("/page"))
        assert "single picture" in fault(served.path("/picture"))
        assert "password" in fault(served.path("/secret"))


def test_a_password_is_sent_and_never_shown() -> None:
    with camera() as served:
        url = served.path("/secret").replace("http://", "http://user:p%E2%99%A5%20word@")
        with Watched(url) as watched:
            take(watched.capture)
            assert "word" not in watched.capture.source.given + watched.capture.source.name
        wrong = fault(url.replace("word", "wrong"))
    assert "password" in wrong and "wrong" not in wrong


def test_a_server_that_accepts_and_never_answers_has_its_sentence() -> None:
    with camera() as served:
        started = time.monotonic()
        assert "does not answer within" in fault(served.path("/silent"), Timing(open_s=0.5))
        assert time.monotonic() - started < 5


def test_a_stream_of_which_nothing_can_be_decoded_has_its_sentence() -> None:
    with camera(rate=100) as served:
        assert "can be decoded" in fault(served.path("/broken"))


def test_what_is_no_video_for_ffmpeg_has_its_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        said = fault(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x", Timing(open_s=0.5))
    assert "nothing that can be read as a video" in said


@pytest.mark.parametrize("path", ["/video", "/silent"])
def test_stop_takes_less_than_a_second_even_when_the_server_says_nothing(path: str) -> None:
    with camera() as served, Watched(served.path(path), Timing(open_s=30, lost_s=30)) as watched:
        if path == "/video":
            take(watched.capture)
            served.stalled.set()
        else:
            _until(lambda: bool(served.requests))
        started = time.monotonic()
        assert watched.capture.stop(), "the socket was not woken"
        assert time.monotonic() - started < 1.0
        assert watched.capture.take(5) is None
        assert watched.capture.status.state is State.STOPPED


class Blocking:
    """A driver whose read blocks and cannot be woken."""

    def __init__(self, released: threading.Event, frames: int) -> None:
        self.released, self.left = released, frames

    def open(self) -> None: ...

    def read(self) -> Grab:
        if self.left == 0:
            self.released.wait(30)
        self.left -= 1
        return Grab(lambda: gradient(32, 24))

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


def test_stop_takes_less_than_a_second_even_when_a_drivers_read_blocks() -> None:
    released = threading.Event()
    capture = Capture(sources.parse("camera:7"), QUICK, open_with=lambda *_: Blocking(released, 3))
    capture.start()
    assert capture.take(5) is not None
    started = time.monotonic()
    assert not capture.stop(), "a blocked reader cannot have closed"
    assert time.monotonic() - started < 1.0
    released.set()
    _until(lambda: not any(thread.name.startswith("grabber") for thread in threading.enumerate()))
    assert capture.take(0.2) is None and capture.arrived == 3, "what a left reader delivers must be dropped"


def test_a_driver_that_blocks_again_and_again_is_given_up() -> None:
    released = threading.Event()
    opened: list[int] = []

    def open_with(*_: object) -> Blocking:
        opened.append(1)
        return Blocking(released, 1)

    timing = Timing(stall_s=0.1, lost_s=0.2, pause_s=0.05, longest_pause_s=0.05)
    capture = Capture(sources.parse("camera:7"), timing, open_with=open_with)
    capture.start()
    try:
        with pytest.raises(UserError, match="blocks for ever"):
            list(capture)
        assert len(opened) == 3
    finally:
        capture.stop()
        released.set()


def _until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_camera_that_is_not_there_has_its_sentence() -> None:
    with pytest.raises(UserError), Capture(sources.parse("camera:97"), QUICK) as capture:
        list(capture)
    assert "camera:97" in str(capture.status)


def write_video(path: Path, count: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (160, 120))
    for number in range(count):
        writer.write(np.ascontiguousarray(plain()(number)[..., ::-1]))
    writer.release()
    return path


def test_a_video_is_played_at_its_own_pace_to_its_last_frame(tmp_path: Path) -> None:
    film = write_video(tmp_path / "walk.avi", 30)
    with Watched(str(film)) as watched:
        started = time.monotonic()
        frames = list(watched.capture)
        took = time.monotonic() - started
    numbers = [number_of(frame.image) for frame in frames]
    assert took >= 0.9 and numbers == sorted(set(numbers)) and numbers[-1] == 29
    assert len(frames) + watched.capture.dropped == 30
    np.testing.assert_allclose([frame.time_s for frame in frames], np.array(numbers) / 30, atol=1e-3)
    assert watched.states[-1].state is State.STOPPED


def test_a_video_on_a_server_is_read_through_ffmpeg_to_its_end(tmp_path: Path) -> None:
    film = write_video(tmp_path / "walk.avi", 12)
    with camera() as served:
        served.film = film.read_bytes()
        with Watched(served.path("/film"), Timing()) as watched:
            numbers = [number_of(frame.image) for frame in watched.capture]
            assert watched.capture.arrived == 12
    assert numbers == sorted(set(numbers)) and numbers[-1] == 11
    assert watched.states[-1].state is State.STOPPED


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_sequence_of_pictures_is_played_in_the_order_of_its_numbers(tmp_path: Path, as_folder: bool) -> None:
    for number in (8, 9, 10, 12):
        cv2.imwrite(str(tmp_path / f"im{number}.png"), plain()(number))
    (tmp_path / "im11.png").write_bytes(b"no picture")
    word = str(tmp_path) if as_folder else str(tmp_path / "im%d.png")
    with Watched(word) as watched:
        numbers = [number_of(frame.image) for frame in watched.capture]
    assert numbers == sorted(set(numbers)) and numbers[-1] == 12


def _handles() -> int:
    return len(os.listdir("/proc/self/fd"))


def _resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts handles as Linux does")
def test_hundreds_of_frames_and_reconnections_leave_memory_threads_and_handles_as_they_were() -> None:
    with camera(plain(640, 480), rate=120) as served, Watched(served.url) as watched:
        for _ in range(30):
            take(watched.capture)
        gc.collect()
        before = (_handles(), threading.active_count(), _resident_mb())
        for _ in range(4):
            for _ in range(60):
                take(watched.capture)
            served.unplug()
            watched.wait_for(State.LOST)
            served.replug()
            watched.wait_for(State.LIVE)
        take(watched.capture)
        gc.collect()
        after = (_handles(), threading.active_count(), _resident_mb())
    assert after[0] <= before[0] + 2 and after[1] <= before[1] + 2
    # 240 frames of 640 x 480 are 221 MB: a queue would show.
    assert after[2] - before[2] < 40


def test_served_numbers_survive_jpeg() -> None:
    for number in (0, 1, 1234, 65535):
        data = cv2.imdecode(np.frombuffer(jpeg(plain()(number)), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert number_of(data) == number
