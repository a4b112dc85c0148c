"""Tells when the files of a folder change, once for a burst of changes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

CALM_MS: Final = 400
"""A copy of many files changes the folder many times: the news waits until it was quiet for this long."""


class FolderWatch(QObject):
    """Watches the folders that were opened."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self, singleShot=True, interval=CALM_MS)
        self._watcher.directoryChanged.connect(lambda _folder: self._timer.start())
        self._timer.timeout.connect(self.changed)

    def watch(self, folders: Iterable[Path]) -> None:
        """Watch these folders and no others."""
        self._timer.stop()
        before = self._watcher.directories()
        if before:
            self._watcher.removePaths(before)
        wanted = [str(folder) for folder in folders]
        if wanted:
            self._watcher.addPaths(wanted)
