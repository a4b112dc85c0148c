"""What this process holds: memory, threads, open files, children. As Linux tells it; elsewhere nothing is known."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QThread

_SELF = Path("/proc/self")


def memory_mb() -> float | None:
    """Return the resident memory in megabytes of 10^6 bytes, after collecting what is not used any more."""
    gc.collect()
    try:
        pages = int((_SELF / "statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


SYSTEM: Final = ("/usr/", "/etc/")
"""Where fonts, icons and their caches lie, which the toolkit keeps open once it has looked into them."""


def open_files() -> list[str] | None:
    """Return what every open handle leads to but the system's own files, sorted."""
    names = []
    try:
        handles = os.listdir(_SELF / "fd")
    except OSError:
        return None
    for handle in handles:
        try:
            names.append(os.readlink(_SELF / "fd" / handle))
        except OSError:
            continue  # the handle of the listing itself
    return sorted(name for name in names if not name.startswith(SYSTEM))


def children() -> list[int]:
    """Return the processes that this one started and that are still there."""
    try:
        texts = [path.read_text(encoding="ascii") for path in _SELF.glob("task/*/children")]
    except OSError:
        return []
    return sorted(int(word) for text in texts for word in text.split())


def running_threads(owner: QObject) -> list[str]:
    """Return the names of Qt's threads under an object that still run, and of Python's besides the main one."""
    of_qt = [thread.objectName() for thread in owner.findChildren(QThread) if thread.isRunning()]
    main = threading.main_thread()
    own = [thread for thread in threading.enumerate() if thread is not main and not _is_qt(thread)]
    # The watcher of the progress bars sleeps until the process ends.
    return of_qt + [thread.name for thread in own if thread.name != "tqdm_monitor"]


def _is_qt(thread: threading.Thread) -> bool:
    """Tell what Python makes up for a thread that Qt started and that once ran Python."""
    return isinstance(thread, threading._DummyThread)
