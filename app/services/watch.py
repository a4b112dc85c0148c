"""Tells when files or folders change, once for a burst of changes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

CALM_MS: Final = 400
"""A copy of many files changes the folder many times, and a file is written in many pieces: the news waits until it was
quiet for this long."""


class FileWatch(QObject):
    """Watches files for their content and folders for what comes and goes."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wanted: frozenset[str] = frozenset()
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self, singleShot=True, interval=CALM_MS)
        self._watcher.directoryChanged.connect(lambda _folder: self._timer.start())
        self._watcher.fileChanged.connect(lambda _file: self._timer.start())
        self._timer.timeout.connect(self._tell)

    def watch(self, paths: Iterable[Path], found: bool = False) -> None:
        """Watch these files and folders and no others; one that is not there is watched once it comes.

        Args:
            paths: the files and folders.
            found: whether some were only just found, and may have been written to since.
        """
        self._wanted = frozenset(map(str, paths))
        if self._keep_on() and found:
            self._timer.start()

    def _keep_on(self) -> bool:
        """Watch what is wanted and there; return whether there was something new."""
        watched = {*self._watcher.directories(), *self._watcher.files()}
        if watched - self._wanted:
            self._watcher.removePaths(list(watched - self._wanted))
        new = [path for path in self._wanted - watched if os.path.exists(path)]
        if new:
            self._watcher.addPaths(new)
        return bool(new)

    def _tell(self) -> None:
        # A file that was replaced by another of its name is not watched any more. Watched again before anybody looks at
        # it, no change is missed.
        self._keep_on()
        self.changed.emit()
