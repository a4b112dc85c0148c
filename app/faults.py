"""Unexpected exceptions become notices, so that a fault in one view does not go unseen or end the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from PySide6.QtCore import QTimer

from app.notifications import Notifier


@contextmanager
def reported_to(notifier: Notifier) -> Iterator[None]:
    """Tell of unexpected exceptions while the window runs; the traceback still goes to standard error."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        before(kind, error, traceback)
        if issubclass(kind, KeyboardInterrupt):
            return
        text = f"an unexpected fault ({kind.__name__})"
        # Later, because a notice made inside a paint event could raise again.
        QTimer.singleShot(0, notifier, lambda: notifier.warn(text, "go on; if it comes back, please report it"))

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before
