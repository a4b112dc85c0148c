"""Decodes pictures off the GUI thread, so that a slow disk or a huge panorama never freezes the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.services.worker import Worker
from app.sources import sample_truth
from app.state import Picture
from core.errors import UserError

Reader = Callable[[Path], NDArray[np.uint8]]


@dataclass(frozen=True)
class PictureRequest:
    """One file to decode; its answer carries the token back."""

    token: int
    path: Path


def read_with_core(path: Path) -> NDArray[np.uint8]:
    """Read a picture the way the commands do."""
    from core.media import read_picture

    return np.ascontiguousarray(read_picture(path))


class PictureService(Worker):
    """The worker that reads files."""

    decoded = Signal(int, object)
    """token, Picture."""
    failed = Signal(int, object, object)
    """token, path, UserError."""

    def __init__(self, reader: Reader = read_with_core, parent: QObject | None = None) -> None:
        super().__init__("pictures", parent)
        self._reader = reader

    def read(self, request: PictureRequest) -> None:
        """Ask for a picture; a request that still waits is dropped."""
        self.post("read", request)

    def handle(self, topic: str, request: Any) -> None:
        """Decode one picture."""
        path: Path = request.path
        try:
            rgb = self._reader(path)
        except UserError as error:
            self.failed.emit(request.token, path, error)
            return
        except Exception as error:  # noqa: BLE001  # decoders raise anything on a broken file
            wrong = UserError(f"{path.name} could not be read ({type(error).__name__})", "open another picture")
            self.failed.emit(request.token, path, wrong)
            return
        sample = sample_truth(path)
        title, truth = (sample.title, sample.truth) if sample else (path.name, None)
        self.decoded.emit(request.token, Picture(path, title, rgb, truth))
