"""Makes small pictures of files off the GUI thread: only of those in sight, the newest wish first."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.services.worker import Worker

SIDE_PX: Final = 160


class ThumbnailService(Worker):
    """The worker that reads thumbnails."""

    made = Signal(object, object)
    """Path, QImage; None where the file cannot be read."""
    stale = Signal(object)
    """Paths whose files were written anew."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("thumbnails", parent)

    def want(self, paths: tuple[Path, ...]) -> None:
        """Ask for these, and for none of those asked for before."""
        self.post("want", paths)

    def forget(self, paths: Collection[Path]) -> None:
        """Tell that the thumbnails of these are not theirs any more."""
        if paths:
            self.stale.emit(paths)

    def handle(self, topic: str, request: Any) -> None:
        """Make them until others are wanted."""
        for path in request:
            if self.mailbox.is_closed or self.mailbox.holds(topic):
                return
            self.made.emit(path, _thumbnail(path))


def _thumbnail(path: Path) -> QImage | None:
    from core import media

    try:
        rgb = media.read_thumbnail(path, SIDE_PX)
    except Exception:  # noqa: BLE001  # decoders raise anything on a broken file, which has no picture then
        return None
    height, width = rgb.shape[:2]
    return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
