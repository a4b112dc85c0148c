"""What the window's tests share: a backend that needs no network, a window opener."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from poses import make_pose
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from app.services.backend import Backend
from app.services.pictures import Reader
from app.settings import Settings
from app.sources import Box
from app.state import ModelEntry
from app.window import MainWindow, create_window
from core import geometry
from core.errors import UserError
from core.locate import Candidate
from core.pose import Pose
from core.reading import Reading


def write_picture(path: Path, width: int = 320, height: int = 400) -> Path:
    """Write a picture with a gradient, so that orientation and channels can be told."""
    ramp = np.linspace(40, 200, width, dtype=np.uint8)
    picture = np.dstack(
        [np.tile(ramp, (height, 1)), np.full((height, width), 90, np.uint8), np.full((height, width), 60, np.uint8)]
    )
    assert cv2.imwrite(str(path), picture)
    return path


class FakeModel:
    """Answers with a body; tests replace ``answer`` to make it fail, wait or lie."""

    device = "cpu"

    def __init__(self, source: str, backend: FakeBackend) -> None:
        self.entry = ModelEntry(Path(source).stem, source, "made by a test")
        self.parts: dict[str, float] = {}
        self._backend = backend
        self.engine = backend.engine

    def predict(self, rgb: NDArray[np.uint8], box: Box | None, reading: Reading) -> Pose:
        """Return a body in the middle of the box."""
        self._backend.asked.append((self.entry.name, box, reading))
        pose = self._backend.answer(self.entry.name, (rgb.shape[1], rgb.shape[0]), box)
        made = replace(pose.made, refined=reading.refine, mirror_averaged=reading.mirror, engine=self.engine)
        return replace(pose, made=made)

    def people(self, rgb: NDArray[np.uint8], locator: object) -> list[Candidate]:
        """Return whom the test put there."""
        return self._backend.crowd


class FakeBackend(Backend):
    """Two models, ``one`` and ``two``; the file of any other must not have ``bad`` in its name."""

    def __init__(self) -> None:
        self.crowd: list[Candidate] = []
        self.asked: list[tuple[str, Box | None, Reading]] = []
        self.answer: Callable[[str, tuple[int, int], Box | None], Pose] = lambda name, size, box: make_pose(
            size, box, name=name
        )

    def people(self, rgb: NDArray[np.uint8], model: object) -> list[Candidate]:
        """Return whom the test put there."""
        return self.crowd

    def hold(self) -> tuple[threading.Event, threading.Event]:
        """Hold every answer back; returns the events of a first question having come and of answers being let go."""
        entered, gate = threading.Event(), threading.Event()

        def slow(name: str, size: tuple[int, int], box: Box | None) -> Pose:
            entered.set()
            assert gate.wait(10)
            return make_pose(size, box, name=name)

        self.answer = slow
        return entered, gate

    def prepare(self) -> None:
        """Do nothing."""

    def bundled(self) -> list[ModelEntry]:
        """Return two models."""
        return [ModelEntry("one", "one", "the first"), ModelEntry("two", "two", "the second")]

    def verdict_limits(self) -> tuple[float, float]:
        """Return the real limits."""
        return geometry.DOUBTFUL_PERCENT, geometry.IMPLAUSIBLE_PERCENT

    def load(self, source: str) -> FakeModel:
        """Load anything that does not call itself bad."""
        if "bad" in source:
            raise UserError(f"{Path(source).name} is damaged", "use another checkpoint")
        return FakeModel(source, self)


class Opener:
    """Opens windows for a test and sees to it that each ends without a thread left behind."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.folder = folder
        self.windows: list[MainWindow] = []
        self.gl = False
        """Whether windows get their 3D view: it is most of the time a window takes to open."""
        self.reader: Reader = read_fake

    def settings(self) -> Settings:
        """Return the settings of this test's home."""
        return Settings(self.folder / "settings.ini")

    def __call__(self, source: Path | None = None, backend: Backend | None = None, *, wait: bool = True) -> MainWindow:
        """Open a window, and wait for its model and, with a source, for its pose."""
        used = backend or FakeBackend()
        with pytest.MonkeyPatch.context() as patch:
            if not self.gl:
                patch.setenv("BONESIGHT_NO_GL", "1")
            window = self._make(source, used)
        if wait:
            self.qtbot.waitUntil(
                lambda: (window.state.model if source is None else window.state.pose) is not None, timeout=20_000
            )
            # The notice that there is no 3D view.
            window.toasts.clear()
        return window

    def _make(self, source: Path | None, backend: Backend) -> MainWindow:
        window = create_window(
            None if source is None else str(source), settings=self.settings(), backend=backend, reader=self.reader,
            greet=False,
        )  # fmt: skip
        self.windows.append(window)
        window.resize(1000, 700)
        window.show()
        return window

    def close_all(self) -> None:
        """Close what is open."""
        for window in self.windows:
            window.close()
            running = [thread.objectName() for thread in window.findChildren(QThread) if thread.isRunning()]
            assert not running, "threads were left behind"
            assert not window.comparing.is_working, "a comparison goes on"
            window.deleteLater()


def read_fake(path: Path) -> NDArray[np.uint8]:
    """Read a picture without core.media."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise UserError(f"{path.name} is not a picture", "open a JPEG, PNG, WebP, BMP or TIFF file")
    return np.ascontiguousarray(picture[..., ::-1])


def are_shown(bones: Sequence[Mapping[str, Any]], cells: Sequence[str]) -> bool:
    """Tell whether a column of whole millimetres says the lengths of a file, which rounds to hundredths before that."""
    return all(abs(bone["length_mm"] - int(cell)) < 0.506 for bone, cell in zip(bones, cells, strict=True))
