"""Lists folders and decodes pictures off the GUI thread, so that a slow disk or a huge panorama never freezes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.services.worker import Worker
from app.sources import sample_truth
from app.state import Picture
from core.errors import UserError

Reader = Callable[[Path], NDArray[np.uint8]]
LONGEST_SHOWN_PX: Final = 4096
"""Larger pictures are shown reduced: no screen has more, and drawing them would freeze the window."""
Stamp = tuple[int, int, int]
"""Of a file: when it was changed, nanoseconds since 1970; its size in bytes; its number on the disk."""
_FRESH_S: Final = 1.0
"""A file that was written within this time may be half written."""
_RETRY_S: Final = 0.1


@dataclass(frozen=True)
class ListRequest:
    """Files and folders to find the pictures in; the answer carries the token back."""

    token: int
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class PictureRequest:
    """One file to decode; its answer carries the token back."""

    token: int
    path: Path


def read_with_core(path: Path) -> NDArray[np.uint8]:
    """Read a picture the way the commands do."""
    from core import media

    return np.ascontiguousarray(media.read_picture(path))


class PictureService(Worker):
    """The worker that reads files."""

    listed = Signal(int, object, object)
    """token, tuple[Path] of pictures, list[UserError]."""
    relisted = Signal(int, object, object)
    """token, tuple[Path]: what there is now of what was opened before, frozenset[Path]: what of it was written anew."""
    decoded = Signal(int, object)
    """token, Picture."""
    failed = Signal(int, object, object)
    """token, path, UserError."""
    reread = Signal(int, object)
    """token, Picture: the same file with what it holds now."""

    def __init__(self, reader: Reader = read_with_core, parent: QObject | None = None) -> None:
        super().__init__("pictures", parent)
        self._reader = reader
        self._stamps: dict[Path, Stamp | None] = {}

    def list(self, request: ListRequest) -> None:
        """Ask which pictures there are; a request that still waits is dropped."""
        self.post("list", request)

    def relist(self, request: ListRequest) -> None:
        """Ask again for what was opened; nothing is said of what is gone."""
        self.post("relist", request)

    def read(self, request: PictureRequest) -> None:
        """Ask for a picture; a request that still waits is dropped."""
        self.post("read", request)

    def read_again(self, request: PictureRequest) -> None:
        """Ask for a picture whose file was written anew; as long as it cannot be read, nothing is said."""
        self.post("reread", request)

    def handle(self, topic: str, request: Any) -> None:
        """Answer one request."""
        if topic == "list":
            found, errors = _find(request.paths)
            self._stamps = {path: _stamp(path) for path in found}
            self.listed.emit(request.token, found, errors)
        elif topic == "relist":
            self._relist(request)
        elif topic == "reread":
            self._stamps[request.path] = _stamp(request.path)
            picture = self._decode(request.path)
            if isinstance(picture, Picture):
                self.reread.emit(request.token, picture)
        else:
            self._read(request)

    def _relist(self, request: ListRequest) -> None:
        found, _ = _find(request.paths)
        now = {path: _stamp(path) for path in found}
        changed = frozenset(path for path in found if now[path] != self._stamps.get(path, now[path]))
        # What is gone may come back with other content.
        self._stamps |= now
        self.relisted.emit(request.token, found, changed)

    def _read(self, request: PictureRequest) -> None:
        while True:
            stamp = self._stamps[request.path] = _stamp(request.path)
            picture = self._decode(request.path)
            if isinstance(picture, Picture):
                self.decoded.emit(request.token, picture)
                return
            if not _is_fresh(stamp) or self.mailbox.is_closed or self.mailbox.holds("read"):
                self.failed.emit(request.token, request.path, picture)
                return
            # It may be half written.
            time.sleep(_RETRY_S)

    def _decode(self, path: Path) -> Picture | UserError:
        try:
            rgb = self._reader(path)
            shown = reduced(rgb)
        except UserError as error:
            return error
        except Exception as error:  # noqa: BLE001  # decoders raise anything on a broken file
            return UserError(f"{path.name} could not be read ({type(error).__name__})", "open another picture")
        sample = sample_truth(path)
        title, truth = (sample.title, sample.truth) if sample else (path.name, None)
        return Picture(path, title, rgb, shown, truth)


def _stamp(path: Path) -> Stamp | None:
    """Return what changes when a file is written, None where it cannot be known."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _is_fresh(stamp: Stamp | None) -> bool:
    return stamp is not None and abs(time.time() - stamp[0] / 1e9) < _FRESH_S


def _find(paths: Iterable[Path]) -> tuple[tuple[Path, ...], list[UserError]]:
    """Return the pictures and videos that files and folders come to, each once, and what cannot be used."""
    from core import media

    found: list[Path] = []
    errors: list[UserError] = []
    for path in paths:
        try:
            if path.is_dir():
                found += media.pictures_in(path, videos=True)
            elif path.exists():
                found.append(path)
            else:
                errors.append(UserError(f"{path.name or path} does not exist", "check the name, or open another"))
        except UserError as error:
            errors.append(error)
        except OSError as error:
            errors.append(UserError(f"{path.name} cannot be reached ({error.strerror})", "open another file"))
    return tuple(dict.fromkeys(found)), errors


def reduced(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an (h, w, 3) picture as it is shown: no larger than any screen."""
    height, width = rgb.shape[:2]
    scale = LONGEST_SHOWN_PX / max(height, width)
    if scale >= 1.0:
        return rgb
    import cv2

    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
