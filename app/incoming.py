"""What a drop or the clipboard holds: files, or a picture without a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage, QPainter


@dataclass(frozen=True, eq=False)
class Incoming:
    """Either may be empty.

    Attributes:
        paths: files and folders.
        rgb: (height, width, 3) uint8 of a picture, where there is no file of it.
    """

    paths: tuple[Path, ...] = ()
    rgb: NDArray[np.uint8] | None = None


def read(mime: QMimeData) -> Incoming:
    """Take files before pixels: a file manager's clipboard may hold an icon of the file as well."""
    urls = mime.urls() if mime.hasUrls() else _urls_in(mime.text())
    paths = tuple(Path(url.toLocalFile()) for url in urls if url.isLocalFile())
    if paths:
        return Incoming(paths)
    if mime.hasImage():
        image = QImage(mime.imageData())
        if not image.isNull():
            return Incoming(rgb=_pixels(image))
    return Incoming()


def may_hold_something(mime: QMimeData) -> bool:
    """Tell without reading whether a drag may be dropped."""
    return bool(mime.hasUrls() or mime.hasImage())


def _urls_in(text: str) -> list[QUrl]:
    """Return the files that a text names, one a line: what a terminal or an editor copies."""
    lines = [line.strip().strip("'\"") for line in text.splitlines()[:1000]]
    urls = [QUrl(line) if line.startswith("file:") else QUrl.fromLocalFile(line) for line in lines if line]
    return urls if urls and all(_exists(url) for url in urls) else []


def _exists(url: QUrl) -> bool:
    try:
        path = Path(url.toLocalFile())
        return path.is_absolute() and path.exists()
    except (OSError, ValueError):
        return False


def _pixels(image: QImage) -> NDArray[np.uint8]:
    """Return (height, width, 3) RGB; transparency over white, as picture files are read."""
    flat = QImage(image.size(), QImage.Format.Format_RGB888)
    flat.fill(Qt.GlobalColor.white)
    painter = QPainter(flat)
    painter.drawImage(0, 0, image)
    painter.end()
    rows = np.frombuffer(flat.constBits(), np.uint8).reshape(flat.height(), flat.bytesPerLine())
    return rows[:, : 3 * flat.width()].reshape(flat.height(), flat.width(), 3).copy()
