"""What ``bench --live`` measures with drawing: the real window on a network camera of this machine."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from app.bench.waiting import rest, wait_until
from app.live.latency import PARTS
from app.services.live import Shown
from app.settings import Settings
from app.window import MainWindow, create_window, make_application
from core.commands import bench_live
from core.commands.network_camera import serve_walk

WINDOW_PX: Final = (1440, 900)
_KEYS: Final = tuple(key for key, _name, _tip in PARTS)


def run(checkpoint: str) -> dict[str, Any]:
    """Measure, without mirror averaging as ``bench_live`` does; the figures are of its kind, with ``draw`` besides.

    Raises:
        RunError: the window did not show a pose in time.
    """
    make_application()
    with tempfile.TemporaryDirectory() as folder, serve_walk(bench_live.RATE) as camera:
        settings = Settings(Path(folder) / "bench.ini")
        settings.set("mirror", False)
        settings.set("model", checkpoint)
        window = create_window(None, settings=settings, greet=False)
        window.resize(*WINDOW_PX)
        try:
            rows, arrived, drawn = _watch(window, camera.url)
        finally:
            window.close()
            window.deleteLater()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    source = (
        f"{bench_live.WIDTH} x {bench_live.HEIGHT} at {bench_live.RATE} frames a second for {bench_live.SECONDS:g} s "
        f"over the network of this machine, drawn in a window of {WINDOW_PX[0]} x {WINDOW_PX[1]} px"
    )
    return bench_live.figures(source, rows, _KEYS, arrived, dropped=arrived - drawn)


def _watch(window: MainWindow, address: str) -> tuple[list[dict[str, float]], int, int]:
    """Return a row for every pose drawn, and how many frames arrived and how many of them were drawn meanwhile."""
    state, live = window.state, window.live_mode.live
    rows: list[dict[str, float]] = []
    seen: list[Shown] = []

    def take(shown: Shown, _pose: object) -> None:
        seen.append(shown)
        if shown.looked:
            done_s = time.monotonic()
            parts = {key: shown.parts.get(key, 0.0) for key in _KEYS}
            rows.append({**parts, "draw": done_s - shown.ready_s, "done": done_s})

    window.show()
    wait_until(lambda: state.model is not None, "the model")
    window.live_mode.open(address)
    wait_until(lambda: state.live is not None and state.live.seen == "followed", "the first live pose")
    rest(bench_live.WARM_UP_S)
    live.drawn.connect(take)
    rest(bench_live.SECONDS)
    live.drawn.disconnect(take)
    return rows, seen[-1].frame.index - seen[0].frame.index + 1 if seen else 0, len(seen)
