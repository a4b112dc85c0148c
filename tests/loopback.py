"""A network camera on this machine: MJPEG over HTTP with the frame's number drawn in its pixels, and every mishap."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

import cv2
import numpy as np

Draw = Callable[[int], np.ndarray]
_BITS, _CELL = 16, 8
BOUNDARY = "frame--in--between"


def stamp(image: np.ndarray, number: int) -> np.ndarray:
    """Draw a number as a row of black and white cells, which JPEG keeps."""
    for bit in range(_BITS):
        image[:_CELL, bit * _CELL : (bit + 1) * _CELL] = 255 if number >> bit & 1 else 0
    return image


def number_of(image: np.ndarray) -> int:
    """Read the number that ``stamp`` drew."""
    cells = image[2 : _CELL - 2, : _BITS * _CELL].reshape(_CELL - 4, _BITS, _CELL, 3)[:, :, 2 : _CELL - 2]
    return sum(int(cells[:, bit].mean() > 127) << bit for bit in range(_BITS))


def plain(width: int = 160, height: int = 120) -> Draw:
    """Return what draws grey frames with their number."""
    return lambda number: stamp(np.full((height, width, 3), 90, np.uint8), number)


class Person:
    """A bundled sample picture seen by a camera that moves and zooms; where every joint is, is known."""

    def __init__(self, name: str = "dancing.jpg", size_px: tuple[int, int] = (640, 480)) -> None:
        folder = Path(str(resources.files("resources"))) / "samples"
        entries = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
        entry = next(entry for entry in entries if entry["file"] == name)
        self._picture = cv2.imread(str(folder / name), cv2.IMREAD_COLOR_RGB)
        self._joints_px = np.array(entry["joints_px"])
        self.size_px = size_px

    def matrix(self, x: float = 0.5, y: float = 0.5, height: float = 0.75) -> np.ndarray:
        """Return the map from the sample to the frame: the body's centre and extent in parts of the frame."""
        low, high = self._joints_px.min(axis=0), self._joints_px.max(axis=0)
        scale = height * self.size_px[1] / (high - low).max()
        centre = np.array([x * self.size_px[0], y * self.size_px[1]])
        return np.column_stack([scale * np.eye(2), centre - scale * (low + high) / 2])

    def frame(self, matrix: np.ndarray, noise: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return an (h, w, 3) RGB frame and its true (16, 2) joints in pixels, with a sensor's noise if asked for."""
        image = cv2.warpAffine(
            self._picture, matrix, self.size_px, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        if noise is not None:
            image = np.clip(image + noise.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
        return image, self._joints_px @ matrix[:, :2].T + matrix[:, 2]


class Camera:
    """Serves frames at a rate, numbered from 0 over all connections, and has mishaps when told to.

    Paths: ``/video`` the stream; ``/lengths`` the same without the lengths of its parts; ``/broken`` parts that are
    no JPEG; ``/once`` a stream that ends after three frames; ``/page``, ``/picture``, ``/secret``, ``/silent`` and
    ``/away`` answer with a web page, one picture, a password's question, nothing, and a redirect to ``/video``;
    ``/film`` answers with the bytes of ``film``.
    """

    def __init__(self, draw: Draw, rate: float = 30.0) -> None:
        self.draw = draw
        self.rate = rate
        self.stalled = threading.Event()
        self.damaged = threading.Event()
        self.film = b""
        self.sent_s: dict[int, float] = {}
        self._number = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting: threading.Thread
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def path(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        listener.settimeout(0.05)
        thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._accepting = thread
        thread.start()
        return listener

    def unplug(self) -> None:
        """Break every connection and listen no more."""
        self._listener.close()
        self._accepting.join(5)  # the port is free once nobody waits on it
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def replug(self) -> None:
        self._listener = self._listen(self.port)

    def close(self) -> None:
        self._closing.set()
        self.unplug()
        for thread in self._threads:
            thread.join(5)

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            with self._lock:
                self._connections.add(connection)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(2)
            request = b""
            while b"\r\n\r\n" not in request:
                data = connection.recv(4096)
                if not data:
                    return
                request += data
            head = request.decode("latin-1")
            self.requests.append(head)
            self._answer(connection, head.split()[1], head)
        with self._lock:
            self._connections.discard(connection)

    def _answer(self, connection: socket.socket, path: str, head: str) -> None:
        simple = {
            "/page": ("200 OK", "text/html; charset=utf-8", b"<html>a camera</html>"),
            "/picture": ("200 OK", "image/jpeg", jpeg(self.draw(0))),
            "/away": ("302 Found", "text/plain", b""),
            "/film": ("200 OK", "video/x-msvideo", self.film),
        }
        if path == "/silent":
            self._closing.wait(20)
        elif path == "/secret" and "Authorization: Basic dXNlcjpw4pmlIHdvcmQ=" not in head:
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        elif path in simple:
            status, kind, body = simple[path]
            more = "Location: /video\r\n" if path == "/away" else ""
            lines = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(lines.encode() + body)
        elif path in ("/video", "/lengths", "/broken", "/once", "/secret"):
            self._stream(connection, path)
        else:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def _stream(self, connection: socket.socket, path: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\n\r\n"
        connection.sendall(head.encode())
        due, sent = time.monotonic(), 0
        while not self._closing.is_set() and not (path == "/once" and sent == 3):
            due = max(due + 1 / self.rate, time.monotonic() - 1 / self.rate)
            if self._closing.wait(max(0.0, due - time.monotonic())):
                return
            if self.stalled.is_set():
                continue
            number = self._number
            self._number += 1
            body = b"no JPEG at all" if path == "/broken" else jpeg(self.draw(number))
            if self.damaged.is_set():
                body = body[:-40]  # within the pixels
            length = "" if path == "/lengths" else f"Content-Length: {len(body)}\r\n"
            part = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + body + b"\r\n"
            self.sent_s[number] = time.monotonic()
            connection.sendall(part)
            sent += 1


def jpeg(image: np.ndarray) -> bytes:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return bytes(data.tobytes())


@contextmanager
def camera(draw: Draw | None = None, rate: float = 30.0) -> Iterator[Camera]:
    """A camera that is switched off at the end of the block."""
    served = Camera(draw or plain(), rate)
    try:
        yield served
    finally:
        served.close()
