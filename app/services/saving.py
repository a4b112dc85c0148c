"""Writes files that were asked for, off the GUI thread: a disk may take its time, and the window must not wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.services.worker import Worker
from core.errors import RunError, UserError


@dataclass(frozen=True, eq=False)
class SaveRequest:
    """A file to write.

    Attributes:
        path: where to; its name and folder are what is told.
        write: makes and writes it, in the thread; must not touch widgets.
    """

    path: Path
    write: Callable[[], object]


class SavingService(Worker):
    """The worker that writes; its thread starts with the first request, and what waits is written before it ends."""

    finishes_what_waits = True

    written = Signal(object)
    """A file is there: its path."""
    failed = Signal(object)
    """UserError."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("saving", parent)

    def save(self, request: SaveRequest) -> None:
        """Ask for a file; one that waits is replaced by a newer one of the same path."""
        if not self.isRunning():
            self.start()
        self.post(str(request.path), request)

    def handle(self, topic: str, request: Any) -> None:
        """Write one."""
        try:
            request.write()
        except UserError as error:
            self.failed.emit(error)
        except Exception as error:  # noqa: BLE001  # whatever a strange picture brings up, the window goes on
            self.failed.emit(RunError(f"it could not be saved ({type(error).__name__})", "try another picture"))
        else:
            self.written.emit(request.path)
