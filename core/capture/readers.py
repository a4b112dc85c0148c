"""Cameras, other streams and files: what OpenCV and FFmpeg read, and files played at their own pace."""

from __future__ import annotations

import math
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from core import media
from core.capture import cameras
from core.capture.mjpeg import MjpegReader, OtherStream, unreachable
from core.capture.reader import EndOfSource, Grab, Reader
from core.capture.sources import SEQUENCE_RATE, Source, sequence_files, split_address
from core.capture.v4l2 import Mode
from core.errors import UserError
from core.media import Picture

_PORTS: Final = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935}


def reader(source: Source, open_s: float, silence_s: float) -> Reader:
    """Return what reads a source.

    Args:
        source: from ``sources.parse``.
        open_s: seconds a stream may take to open.
        silence_s: seconds a stream may say nothing before it is lost.
    """
    if source.kind == "camera":
        return CameraReader(int(source.address), source.mode)
    if source.kind == "stream":
        return StreamReader(source, open_s, silence_s)
    return VideoReader(Path(source.address)) if source.kind == "video" else SequenceReader(source.address)


def _rgb(image: media.Picture) -> Picture:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


class CameraReader:
    """A local camera. Its read blocks until the driver has a picture and cannot be woken."""

    def __init__(self, number: int, mode: Mode | None = None) -> None:
        self._number = number
        self._mode = mode
        self._opened: cv2.VideoCapture | None = None
        self._gave = False

    def open(self) -> None:
        """Open the camera; see ``cameras.open_camera``."""
        self._opened = cameras.open_camera(self._number, self._mode)

    def read(self) -> Grab:
        """Wait for the next picture.

        Raises:
            UserError: the camera is gone or busy.
        """
        assert self._opened is not None
        # isOpened() stays true after the plug is pulled: only what read() says counts.
        read, image = self._opened.read()
        if not read or image is None:
            if self._gave:
                raise UserError(f"camera:{self._number} is gone", "plug it in again")
            raise cameras.busy(self._number)
        self._gave = True
        return Grab(partial(_rgb, np.asarray(image, np.uint8)))

    def interrupt(self) -> None:
        """Nothing can wake the driver."""

    def close(self) -> None:
        """Let go of the camera."""
        if self._opened is not None:
            self._opened.release()
            self._opened = None


class StreamReader:
    """A stream by its address: MJPEG over HTTP is read here, all else by FFmpeg."""

    def __init__(self, source: Source, open_s: float, silence_s: float) -> None:
        self._source = source
        self._open_s = open_s
        self._silence_s = silence_s
        self._mjpeg: MjpegReader | None = None
        self._opened: cv2.VideoCapture | None = None
        self._gave = False
        if split_address(source.address).scheme in ("http", "https"):
            self._mjpeg = MjpegReader(source.address, open_s, silence_s)

    def open(self) -> None:
        """Connect.

        Raises:
            UserError: it cannot be opened.
        """
        if self._mjpeg is not None:
            try:
                self._mjpeg.open()
            except OtherStream:
                self._mjpeg.close()
                self._mjpeg = None
            else:
                return
        self._knock()
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * self._open_s),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * self._silence_s),
        ]  # fmt: skip
        self._opened = cv2.VideoCapture(self._source.address, cv2.CAP_FFMPEG, limits)
        if not self._opened.isOpened():
            self.close()
            raise UserError(
                f"{self._source.given} answers with nothing that can be read as a video within {self._open_s:g} s",
                "check the end of the address, and the name and password in it",
            )

    def _knock(self) -> None:
        """Connect once, because FFmpeg tells a wrong address and a wrong path by the same silence."""
        address = split_address(self._source.address)
        host = address.hostname or ""
        port = address.port or _PORTS.get(address.scheme, 80)
        try:
            socket.create_connection((host, port), timeout=self._open_s).close()
        except OSError as error:
            raise unreachable(self._source.given, error) from error

    def read(self) -> Grab:
        """Wait for the next frame.

        Raises:
            UserError: the stream is lost.
            EndOfSource: it was a file on a server and is over.
        """
        if self._mjpeg is not None:
            return self._mjpeg.read()
        assert self._opened is not None
        read, image = self._opened.read()
        if not read or image is None:
            count = self._opened.get(cv2.CAP_PROP_FRAME_COUNT)
            if math.isfinite(count) and 0 < count <= self._opened.get(cv2.CAP_PROP_POS_FRAMES) + 1:
                raise EndOfSource
            if not self._gave:
                raise UserError(f"{self._source.given} sends no frame that can be decoded", "set it to MJPEG or H.264")
            raise UserError(f"{self._source.given} sends nothing more", "check the camera and the network")
        self._gave = True
        return Grab(partial(_rgb, np.asarray(image, np.uint8)))

    def interrupt(self) -> None:
        """Wake a read of MJPEG; FFmpeg's ends by its own time limit."""
        if self._mjpeg is not None:
            self._mjpeg.interrupt()

    def close(self) -> None:
        """Close the connection."""
        if self._mjpeg is not None:
            self._mjpeg.close()
        if self._opened is not None:
            self._opened.release()
            self._opened = None


class _Pace:
    """Waits until a frame of a file is due; an interrupt ends the wait."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._woken = threading.Event()

    def wait(self, media_s: float) -> None:
        now = time.monotonic()
        if self._started is None:
            self._started = now - media_s
        self._woken.wait(max(0.0, self._started + media_s - now))

    def wake(self) -> None:
        self._woken.set()


class VideoReader:
    """A video file played at its own pace, as if a camera gave it."""

    def __init__(self, path: Path) -> None:
        self._frames = media.video_frames(path)
        self._pace = _Pace()

    def open(self) -> None:
        """Nothing to do: the first read opens."""

    def read(self) -> Grab:
        """Return the next frame when it is due.

        Raises:
            UserError: it is no video.
            EndOfSource: it is over.
        """
        try:
            frame = next(self._frames)
        except StopIteration:
            raise EndOfSource from None
        media_s = frame.time_s or 0.0
        self._pace.wait(media_s)
        return Grab(lambda: frame.image, media_s=media_s)

    def interrupt(self) -> None:
        """End the wait for the next frame."""
        self._pace.wake()

    def close(self) -> None:
        """Close the file."""
        self._frames.close()


class SequenceReader:
    """Pictures of a folder or a printf pattern, played at ``SEQUENCE_RATE``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._files: list[Path] = []
        self._next = 0
        self._pace = _Pace()

    def open(self) -> None:
        """List the pictures.

        Raises:
            UserError: there are none.
        """
        self._files = sequence_files(self._text)

    def read(self) -> Grab:
        """Return the next picture when it is due.

        Raises:
            EndOfSource: there are no more.
        """
        if self._next >= len(self._files):
            raise EndOfSource
        path, media_s = self._files[self._next], self._next / SEQUENCE_RATE
        self._next += 1
        self._pace.wait(media_s)
        return Grab(partial(_picture_or_none, path), media_s=media_s)

    def interrupt(self) -> None:
        """End the wait for the next picture."""
        self._pace.wake()

    def close(self) -> None:
        """Nothing is open between two pictures."""


def _picture_or_none(path: Path) -> Picture | None:
    try:
        return media.read_picture(path)
    except UserError:
        return None
