"""Writes a recording off every other thread; a slow disk loses frames of the recording, never of the window."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.services.live import Shown
from app.services.worker import Worker
from core.errors import RunError, UserError

if TYPE_CHECKING:
    from core.record import Recording

MOST_WAITING: Final = 12
"""Frames that may wait to be written: half a second."""


class Recorder(Worker):
    """One recording from start to end; its thread ends with it."""

    failed = Signal(object)
    """It cannot go on, what is written stays: UserError."""
    closed = Signal(object)
    """The files are closed: tuple[Path] of those that hold something."""

    def __init__(
        self, stem: Path, kinds: tuple[str, ...], source: str, checkpoint: dict[str, object],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__("recorder", parent)
        self.kinds = kinds
        self._stem = stem
        self._source = source
        self._checkpoint = checkpoint
        self._lock = threading.Lock()
        self._waiting: deque[Shown | tuple[NDArray[np.uint8], float]] = deque()
        self._recording: Recording | None = None
        self._over = False
        self.left_out = 0
        """Frames for which there was no time."""

    def add(self, item: Shown | tuple[NDArray[np.uint8], float]) -> None:
        """Take in a frame, or a picture of the 3D view with its time; called by any thread, never waits."""
        with self._lock:
            if self._over or len(self._waiting) >= MOST_WAITING:
                self.left_out += 1
                return
            self._waiting.append(item)
        self.post("write", None)

    def run(self) -> None:
        """Run the thread: called by Qt."""
        try:
            super().run()
        finally:
            self._close()

    def set_up(self) -> None:
        """Begin the files."""
        from core.record import Recording

        try:
            self._recording = Recording(self._stem, self.kinds, self._source, self._checkpoint)
        except UserError as error:
            self._fail(error)

    def handle(self, _topic: str, _request: Any) -> None:
        """Write what waits."""
        while (item := self._next()) is not None:
            self._write(item)

    def _next(self) -> Shown | tuple[NDArray[np.uint8], float] | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _write(self, item: Shown | tuple[NDArray[np.uint8], float]) -> None:
        if self._recording is None or self._over:
            return
        try:
            if isinstance(item, Shown):
                sights = () if item.group is None else (item.group.chosen, *item.group.others)
                self._recording.add(item.frame, sights, item.looked)
            else:
                self._recording.add_space(*item)
        except UserError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # whatever a codec brings up, the window goes on
            self._fail(RunError(f"the recording stopped ({type(error).__name__})", "start it again"))

    def _fail(self, error: UserError) -> None:
        self._over = True
        self.failed.emit(error)

    def _close(self) -> None:
        while not self._over and (item := self._next()) is not None:
            self._write(item)
        self._over = True
        recording, self._recording = self._recording, None
        self.closed.emit(tuple(recording.close()) if recording is not None else ())
