"""A live source that keeps to a script, on a clock of its own: what the bar shows of it is the same on every machine.

Everything behind the source is the program's own: who is followed, the state, medians and rate, the bar.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest
from app_fakes import FakeBackend
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from pytestqt.qtbot import QtBot

from app.live import live
from app.services.inference import InferenceService
from app.services.live import Options, People, Shown
from app.views import live_bar
from app.window import MainWindow
from core.capture.state import LiveFrame, State, Status

NAME: Final = "http://camera.example/video"
RATE: Final = 20.0
PARTS_MS: Final = {"grab": 9.0, "locate": 4.0, "crop": 3.0, "infer": 48.0, "decode": 14.0}
DRAWN_MS: Final = 22.0
"""Together 100 ms from capture to screen."""
DROPPED: Final = 7
BOX: Final = (140.0, 60.0, 360.0, 360.0)
"""Where the person stands in the picture, wherever the network is told to look."""


class Clock:
    """Seconds that pass when the script says so."""

    def __init__(self) -> None:
        self.begun_s = self.now_s = time.monotonic() + 1.0

    def monotonic(self) -> float:
        return self.now_s


class ScriptedFeed(QObject):
    """Stands for ``app.services.live.Feed``: shows what it is given, and has no thread."""

    ready = Signal(int)
    told = Signal(int, object)
    failed = Signal(int, object)
    finished = Signal()
    waits = False

    def __init__(
        self, token: int, address: str, _inference: InferenceService, options: Options, _timing: Any, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.token = token
        self.given = self.name = address
        self.people = People(options)
        self._shown: Shown | None = None

    def start(self) -> None:
        self.told.emit(self.token, Status(State.LIVE))

    def show(self, shown: Shown) -> None:
        self._shown = shown
        self.ready.emit(self.token)

    def take(self) -> Shown | None:
        shown, self._shown = self._shown, None
        return shown

    def ask_to_stop(self) -> None:
        self.finished.emit()

    def isFinished(self) -> bool:
        return True

    def wait(self, _timeout_ms: int) -> bool:
        return True


def play(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, image: NDArray[np.uint8], seconds: float
) -> None:
    """Open the scripted source and show one picture at its rate, as if somebody stood still before a camera."""
    clock = Clock()
    backend = window.session.inference.backend
    assert isinstance(backend, FakeBackend)
    answer = backend.answer
    backend.answer = lambda name, size, _box: answer(name, size, BOX)
    for module in (live, live_bar):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(live, "Feed", ScriptedFeed)
    mode, model = window.live_mode.live, backend.load("one")
    mode.open(NAME)
    feed = mode._feed
    assert isinstance(feed, ScriptedFeed)
    for number in range(round(seconds * RATE)):
        clock.now_s = clock.begun_s + number / RATE
        frame = LiveFrame(image, number, number / RATE, clock.now_s - sum(PARTS_MS.values()) / 1000.0)
        group = feed.people.step(model, frame, lambda _rgb: ())
        parts = {key: value / 1000.0 for key, value in PARTS_MS.items()}
        ready_s = clock.now_s - DRAWN_MS / 1000.0
        with qtbot.waitSignal(mode.drawn):
            feed.show(Shown(frame, group, True, parts, dropped=DROPPED, ready_s=ready_s))
