"""A network camera on this machine that sends a person who walks to and fro, for measurements: MJPEG over HTTP."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

_BOUNDARY: Final = "next-picture"


class NetworkCamera(ThreadingHTTPServer):
    """Sends JPEGs in a circle at a rate, to every connection.

    Args:
        pictures: as JPEG files.
        rate: of them a second.
        break_every_s: how long a connection lasts.
    """

    daemon_threads = True

    def __init__(self, pictures: list[bytes], rate: float, break_every_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.pictures = pictures
        self.rate = rate
        self.break_every_s = break_every_s
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}/video"


class _Connection(BaseHTTPRequestHandler):
    server: NetworkCamera

    def do_GET(self) -> None:
        """Send the stream."""
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        camera, number = self.server, 0
        started = time.monotonic()
        with suppress(OSError):
            while not camera.closing.is_set() and time.monotonic() - started < camera.break_every_s:
                body = camera.pictures[number % len(camera.pictures)]
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                self.wfile.write(head.encode() + body + b"\r\n")
                number += 1
                camera.closing.wait(max(0.0, started + number / camera.rate - time.monotonic()))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve_walk(rate: float, break_every_s: float = math.inf) -> Iterator[NetworkCamera]:
    """Serve the walk of ``bench_live`` until the block ends."""
    import cv2

    from core.commands import bench_live
    from core.media import video_frames

    pictures = []
    with tempfile.TemporaryDirectory() as folder:
        for frame in video_frames(bench_live.write_walk(Path(folder) / "walk.avi", seconds=2.0)):
            pictures.append(cv2.imencode(".jpg", frame.image[..., ::-1])[1].tobytes())
    camera = NetworkCamera(pictures, rate, break_every_s)
    thread = threading.Thread(target=camera.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield camera
    finally:
        camera.closing.set()
        camera.shutdown()
        camera.server_close()
        thread.join(5)
