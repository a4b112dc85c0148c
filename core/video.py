"""A video file that any frame can be read from: exact by the frames' own time stamps, quick at any length.

The index is read from the container without decoding (a second for hours of video). A frame is found by jumping to the
key frame before it and decoding forward until its time stamp comes, so a header that lies about the number of frames,
a rate that varies, and a seek that lands somewhere else cost time at most, never the wrong frame.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.media import Frame, Picture

KEPT_BYTES: Final = 96 * 1024**2
"""Decoded frames are kept up to this size: stepping back decodes a group of pictures once, not once a step."""
KEPT_BEFORE: Final = 12
"""On a jump, this many frames before the wanted one are kept too, because people step back from where they jumped."""
_NEAR_S: Final = 0.0005
"""Containers count time in ticks of up to a millisecond: nearer than half of one is the same time."""
_FEWEST_BACK: Final = 2
_PATIENCE: Final = 8
"""Damaged frames in a row that do not end a clip."""
_CHECK_EVERY: Final = 512


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Where the frames of a video are.

    Attributes:
        times_s: (count,) seconds from the start of the video, strictly increasing.
        keys: (keys,) numbers of the frames that can be decoded without others, increasing; always holds 0.
        rate: mean frames per second.
        size_px: (width, height) as shown.
        stamped: whether ``times_s`` are the file's own stamps; without, frames are found by counting from the start.
    """

    times_s: NDArray[np.float64]
    keys: NDArray[np.int64]
    rate: float
    size_px: tuple[int, int]
    stamped: bool = True

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.times_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last one."""
        return float(self.times_s[-1] - self.times_s[0]) + 1.0 / self.rate

    def at(self, time_s: float) -> int:
        """Return the number of the frame that is on screen at a time."""
        last = int(np.searchsorted(self.times_s, time_s + _NEAR_S, side="right")) - 1
        return min(max(last, 0), self.count - 1)


def read_index(path: Path, cancelled: Callable[[], bool] = lambda: False) -> VideoIndex:
    """List the frames of a video file.

    Args:
        path: the file.
        cancelled: asked now and then; once it says yes, whatever was found by then is returned.

    Raises:
        UserError: it is missing, empty, no video, or no frame of it can be decoded.
    """
    capture = _open(path)
    try:
        if not capture.read()[0]:
            raise _undecodable(path)
        first_s = _stamp_s(capture)
        size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        promised = float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()
    stamps, is_key = _packets(path, cancelled)
    order = np.argsort(stamps, kind="stable")
    times = stamps[order]
    stamped = len(times) > 1 and bool((np.diff(times) > _NEAR_S / 10).all())
    if stamped or len(times) == 1:
        # Packets before the first frame that decodes (cut points of an edited clip) are none of it.
        start = int(np.searchsorted(times, first_s - _NEAR_S))
        # A container without presentation stamps counts from when decoding starts: the two differ by a constant.
        start = 0 if start >= len(times) else start
        times, is_key = times[start:] - times[start] + max(first_s, 0.0), is_key[order][start:]
    else:
        times, is_key = _decoded(path, promised, cancelled)
    keys = np.flatnonzero(is_key)
    if not len(keys) or keys[0] != 0:
        keys = np.concatenate([[0], keys])
    return VideoIndex(times, keys.astype(np.int64), _rate(times, promised), size, stamped)


class VideoReader:
    """Reads any frame of a video file; not to be shared between threads.

    Args:
        path: the file.
        index: from ``read_index``, where it is known already.

    Raises:
        UserError: as ``read_index``.
    """

    def __init__(self, path: Path, index: VideoIndex | None = None) -> None:
        self.path = path
        self.index = read_index(path) if index is None else index
        self._capture = _open(path)
        self._at = -1
        """The number of the frame that was grabbed last."""
        self._kept: OrderedDict[int, Picture] = OrderedDict()
        self._kept_bytes = 0
        self._gone: set[int] = set()

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()
        self._kept.clear()

    def read(self, number: int) -> Frame:
        """Return a frame; where it cannot be decoded, the next one that can, or else the last before it.

        The frame that comes back says which one it is.

        Raises:
            UserError: nothing at or near this place can be decoded any more.
        """
        number = min(max(number, 0), self.index.count - 1)
        for wanted in (*self._candidates(range(number, self.index.count)), *self._candidates(range(number, -1, -1))):
            picture = self._kept.get(wanted)
            if picture is None and self._go_to(wanted):
                picture = self._kept.get(self._at)
                wanted = self._at
            if picture is not None:
                self._kept.move_to_end(wanted)
                return Frame(picture, self.path, wanted, float(self.index.times_s[wanted]))
            self._gone.add(wanted)
        raise UserError(f"frame {number} of {self.path.name} cannot be decoded", "copy or convert the file again")

    def _candidates(self, numbers: range) -> list[int]:
        """Return the first frames of a range that were not found undecodable before."""
        found: list[int] = []
        for number in numbers:
            if number not in self._gone:
                found.append(number)
                if len(found) == 2:
                    break
        return found

    def _go_to(self, number: int) -> bool:
        """Grab and keep a frame, or the first one after it that decodes. Return whether there was one."""
        if not self._is_shortly_ahead(number):
            self._jump(number)
        while self._at < number:
            if not self._grab():
                return False
            if self._at > number - KEPT_BEFORE or self._at >= number:
                self._keep()
        return True

    def _is_shortly_ahead(self, number: int) -> bool:
        """Tell whether decoding on gets there no later than a jump would."""
        if self._at < 0 or not self._at < number:
            return False
        if not self.index.stamped:
            return True
        key = int(self.index.keys[bisect_right(self.index.keys, number) - 1])
        return key <= self._at + 1

    def _jump(self, number: int) -> None:
        """Place the decoder so that the next frame it gives is at or before a number."""
        self._at = -1
        back = _FEWEST_BACK
        first = self.index.times_s[0]
        while self.index.stamped and number - back > 0:
            # The decoder takes a number, and makes a time of it with the mean rate: so it is given that time's number.
            guess = (self.index.times_s[max(number - back, 0)] - first) * self._capture.get(cv2.CAP_PROP_FPS)
            if not self._capture.set(cv2.CAP_PROP_POS_FRAMES, float(int(guess))) or not self._grab():
                break
            if self._at <= number:
                self._keep()
                return
            back *= 4
        self._capture.release()
        self._capture = _open(self.path)
        self._at = -1

    def _grab(self) -> bool:
        """Decode the next frame and find out which one it is."""
        # The decoder says no at a damaged frame as it does at the end, and may go on after the one.
        if not any(self._capture.grab() for _ in range(_PATIENCE)):
            return False
        counted = self._at + 1
        if not self.index.stamped:
            self._at = counted
            return counted < self.index.count
        stamp, times = _stamp_s(self._capture), self.index.times_s
        nearest = int(np.searchsorted(times, stamp))
        if nearest == len(times) or (nearest and stamp - times[nearest - 1] < times[nearest] - stamp):
            nearest -= 1
        # A decoder that stutters must not make us turn in circles.
        self._at = nearest if self._at < 0 else max(nearest, counted)
        return self._at < self.index.count

    def _keep(self) -> None:
        read, image = self._capture.retrieve()
        if not read or image is None:
            return
        picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
        self._kept_bytes -= self._kept.pop(self._at).nbytes if self._at in self._kept else 0
        self._kept[self._at] = picture
        self._kept_bytes += picture.nbytes
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= dropped.nbytes


def _open(path: Path) -> cv2.VideoCapture:
    if not path.exists():
        raise UserError(f"{path} does not exist", "check the name")
    if path.is_dir() or path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty or a folder", "give a video file")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        capture.release()
        raise UserError(f"{path.name} is not a video that can be read", "convert it to MP4 with H.264")
    return capture


def _undecodable(path: Path) -> UserError:
    return UserError(
        f"no frame of {path.name} can be decoded (AV1 videos, for one, are not supported)",
        "convert it to MP4 with H.264",
    )


def _stamp_s(capture: cv2.VideoCapture) -> float:
    return float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0


def _packets(path: Path, cancelled: Callable[[], bool]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read every packet's time stamp and whether it is a key frame, in the file's order, without decoding."""
    capture = _open(path)
    stamps: list[float] = []
    is_key: list[bool] = []
    try:
        if capture.set(cv2.CAP_PROP_FORMAT, -1):
            while capture.grab():
                stamps.append(_stamp_s(capture))
                is_key.append(bool(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME)))
                if len(stamps) % _CHECK_EVERY == 0 and cancelled():
                    break
    finally:
        capture.release()
    return np.array(stamps, np.float64), np.array(is_key, np.bool_)


def _decoded(
    path: Path, promised: float, cancelled: Callable[[], bool]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Count the frames by decoding them all, where the container has no usable stamps; their times from the rate."""
    capture = _open(path)
    count = 0
    try:
        while capture.grab():
            count += 1
            if count % _CHECK_EVERY == 0 and cancelled():
                break
    finally:
        capture.release()
    rate = promised if 0.1 <= promised <= 1000.0 else 25.0
    return np.arange(count) / rate, np.zeros(count, np.bool_)


def _rate(times_s: NDArray[np.float64], promised: float) -> float:
    if len(times_s) > 1 and times_s[-1] > times_s[0]:
        return float((len(times_s) - 1) / (times_s[-1] - times_s[0]))
    return promised if 0.1 <= promised <= 1000.0 else 25.0
