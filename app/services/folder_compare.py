"""Compares models on many pictures off the GUI thread, one picture at a time, until done or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.services.backend import Backend, Model
from app.services.pictures import Reader
from app.services.worker import Worker
from core.compare import Comparison, compare_all
from core.errors import UserError
from core.reading import Reading


@dataclass(frozen=True)
class FolderRequest:
    """Pictures to compare on.

    Attributes:
        token: identifies the request; everything said about it carries it.
        paths: the pictures.
        sources: bundled names or files of the models, A's first.
        reading: how the poses are read.
    """

    token: int
    paths: tuple[Path, ...]
    sources: tuple[str, ...]
    reading: Reading


class FolderCompareService(Worker):
    """The worker with models of its own, so that a long comparison holds up none of those in the window."""

    compared = Signal(int, int, object)
    """token, the picture's place, tuple[Comparison, ...]: each model's with A."""
    failed = Signal(int, object)
    """token, UserError: this picture is left out."""
    ended = Signal(int, object)
    """token, None or the UserError that kept it from starting."""

    def __init__(self, backend: Backend, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__("folder comparison", parent)
        self._backend = backend
        self._reader = reader
        self._wanted: int | None = None

    def compare(self, request: FolderRequest) -> None:
        """Ask for a comparison; one that is under way ends after the picture in work."""
        self._wanted = request.token
        self.post("compare", request)

    def cancel(self) -> None:
        """Stop after the picture in work."""
        self._wanted = None
        self.mailbox.discard("compare")

    def ask_to_stop(self) -> None:
        """Let the thread end after the picture in work."""
        self._wanted = None
        super().ask_to_stop()

    def set_up(self) -> None:
        """Import torch."""
        self._backend.prepare()

    def handle(self, _topic: str, request: Any) -> None:
        """Compare on every picture."""
        try:
            models = [self._backend.load(source) for source in request.sources]
        except UserError as error:
            self.ended.emit(request.token, error)
            return
        for place, path in enumerate(request.paths):
            if self._wanted != request.token:
                break
            try:
                self.compared.emit(request.token, place, self._one(models, path, request))
            except UserError as error:
                self.failed.emit(request.token, error)
            except Exception as error:  # noqa: BLE001  # one strange picture must not cost the others
                wrong = UserError(f"{path.name} could not be compared ({type(error).__name__})", "leave it out")
                self.failed.emit(request.token, wrong)
        self.ended.emit(request.token, None)

    def _one(self, models: Sequence[Model], path: Path, request: FolderRequest) -> tuple[Comparison, ...]:
        rgb = self._reader(path)
        a = models[0].predict(rgb, None, request.reading)
        found = compare_all([a, *(other.predict(rgb, a.box_px, request.reading) for other in models[1:])])
        if not np.isfinite([(each.mean_mm, each.mean_px) for each in found]).all():
            raise UserError(f"a network answered {path.name} with numbers that are not finite", "choose another model")
        return found
