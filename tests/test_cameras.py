"""A camera's modes as its driver tells them, and the one that was chosen."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from core.capture import cameras, readers, sources, v4l2
from core.capture.v4l2 import Mode
from core.errors import UserError

MJPG, YUYV = (int.from_bytes(word, "little") for word in (b"MJPG", b"YUYV"))
LISTED = {MJPG: {(640, 480): [30], (1280, 720): [30, 15]}, YUYV: {(640, 480): [30], (1280, 720): [10]}}


class Driver:
    """Answers as the kernel does: structures of ``linux/videodev2.h``, field by field, EINVAL after the last entry."""

    def __init__(self, listed: dict[int, dict[tuple[int, int], list[int]]]) -> None:
        self.listed = listed
        self.handles: set[int] = set()

    def __call__(self, handle: int, request: int, buffer: bytearray) -> int:
        self.handles.add(handle)
        assert len(buffer) == (request >> 16) & 0x3FFF, "the request's number holds the structure's size"
        field = lambda place: int.from_bytes(buffer[4 * place : 4 * place + 4], sys.byteorder)
        number, index = request & 0xFF, field(0)
        if number == 2:
            assert field(1) == 1, "V4L2_BUF_TYPE_VIDEO_CAPTURE"
            self._put(buffer, 11, self._of(list(self.listed), index))
        elif number == 74:
            width, height = self._of(list(self.listed[field(1)]), index)
            self._put(buffer, 2, 1, width, height)
        else:
            assert number == 75
            rate = self._of(self.listed[field(1)][field(2), field(3)], index)
            self._put(buffer, 4, 1, 1, rate)
        return 0

    @staticmethod
    def _of(listed: list, index: int):  # type: ignore[no-untyped-def,type-arg]
        if index >= len(listed):
            raise OSError(22, "Invalid argument")
        return listed[index]

    @staticmethod
    def _put(buffer: bytearray, place: int, *values: int) -> None:
        for number, value in enumerate(values, place):
            buffer[4 * number : 4 * number + 4] = value.to_bytes(4, sys.byteorder)


def test_each_size_is_listed_with_its_highest_rate_and_the_coding_that_reaches_it(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    found = v4l2.modes(tmp_path / "video0", Driver(LISTED))
    assert found == [Mode(640, 480, 30.0, "MJPG"), Mode(1280, 720, 30.0, "MJPG")]
    assert [str(mode) for mode in found] == ["640 × 480, 30 a second", "1280 × 720, 30 a second"]


class AnySize(Driver):
    """A driver of a camera that takes any size in steps of 16 up to 1280 x 720, and any interval from 1/60 s on."""

    def __call__(self, handle: int, request: int, buffer: bytearray) -> int:
        index = int.from_bytes(buffer[:4], sys.byteorder)
        if request & 0xFF == 2:
            return super().__call__(handle, request, buffer)
        if index:
            raise OSError(22, "Invalid argument")
        values = (2, (3, 160, 1280, 16, 120, 720, 8)) if request & 0xFF == 74 else (4, (2, 1, 60, 1, 1, 0, 0))
        self._put(buffer, values[0], *values[1])
        return 0


def test_of_a_camera_that_takes_any_size_the_common_ones_are_listed(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    found = v4l2.modes(tmp_path / "video0", AnySize({YUYV: {}}))
    assert [(mode.width, mode.height) for mode in found] == [(320, 240), (640, 480), (800, 600), (1280, 720)]
    assert {mode.rate for mode in found} == {60.0}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices of Linux")
def test_a_file_that_is_no_camera_has_no_modes_and_no_handle_stays_open(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert v4l2.modes(tmp_path / "video0") == [], "the real ioctl"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


class Opened:
    """What OpenCV opens: notes what it is told."""

    def __init__(self, *_: object) -> None:
        self.told: list[tuple[int, float]] = []

    def isOpened(self) -> bool:
        return True

    def set(self, key: int, value: float) -> bool:
        self.told.append((key, value))
        return True

    def release(self) -> None: ...


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of devices with a camera of two modes in it."""
    (tmp_path / "video0").touch()
    known = [Mode(640, 480, 30.0, "MJPG"), Mode(1280, 720, 10.0, "YUYV")]
    monkeypatch.setattr(cameras, "DEVICES", tmp_path)
    monkeypatch.setattr(cameras.v4l2, "modes", lambda device: known)
    monkeypatch.setattr(cameras.cv2, "VideoCapture", Opened)
    return tmp_path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices of Linux")
@pytest.mark.parametrize(("word", "rate"), [("camera:0:640x480", 30.0), ("camera:0:640x480@15", 15.0)])
def test_the_chosen_mode_is_set_coding_first(camera: Path, word: str, rate: float) -> None:
    source = sources.parse(word)
    assert source.address == "0" and source.name == "camera-0" and source.given == word
    reader = readers.reader(source, 1.0, 1.0)
    reader.open()
    opened = reader._opened  # type: ignore[attr-defined]
    told = [pair for pair in opened.told if pair[0] != cv2.CAP_PROP_BUFFERSIZE]
    assert told == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")), (cv2.CAP_PROP_FRAME_WIDTH, 640),
        (cv2.CAP_PROP_FRAME_HEIGHT, 480), (cv2.CAP_PROP_FPS, rate),
    ]  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices of Linux")
def test_a_size_the_camera_does_not_have_is_said_with_those_it_has(camera: Path) -> None:
    with pytest.raises(UserError, match="choose camera:0:640x480, camera:0:1280x720"):
        cameras.open_camera(0, sources.parse("camera:0:320x240").mode)
    assert cameras.open_camera(0).told == [(cv2.CAP_PROP_BUFFERSIZE, 1)], "without a wish the driver chooses"


@pytest.mark.parametrize("word", ["camera:0:640", "camera:0:640x", "camera:0:640x480@", "camera:0@30", "camera:0:axb"])
def test_a_mode_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(UserError, match="such as camera:0 or camera:0:640x480@30"):
        sources.parse(word)
