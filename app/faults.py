"""What can interrupt a running window: unexpected exceptions become notices, Ctrl+C in the terminal closes it."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import clear_frames
from types import TracebackType

from PySide6.QtCore import QSocketNotifier, QTimer

from app.notifications import Notifier


@contextmanager
def reported_to(notifier: Notifier) -> Iterator[None]:
    """Tell of unexpected exceptions while the window runs; the traceback still goes to standard error."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        before(kind, error, traceback)
        # Python keeps the last traceback, and with it a painter that a paint event left open: Qt dies of that.
        clear_frames(traceback)
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


@contextmanager
def closing_on_interrupt(close: Callable[[], object]) -> Iterator[None]:
    """Call ``close`` on Ctrl+C in the terminal, which Qt's event loop would not notice before the next event."""
    reading, writing = socket.socketpair()
    for end in (reading, writing):
        end.setblocking(False)
    try:
        wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    except ValueError:
        # Not in the main thread: somebody else's program runs us, and interrupts are its business.
        reading.close()
        writing.close()
        yield
        return
    notifier = QSocketNotifier(reading.fileno(), QSocketNotifier.Type.Read)

    def woken() -> None:
        if signal.SIGINT in reading.recv(64):
            close()

    notifier.activated.connect(woken)
    try:
        yield
    finally:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGINT, before)
        reading.close()
        writing.close()
