"""Lets the window live until something is true, and tells when it was painted."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer

from core.errors import RunError

_LOOK_MS = 2


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    """Run the event loop until a condition holds.

    Raises:
        RunError: it did not hold in time.
    """
    loop = QEventLoop()
    ends_s = time.perf_counter() + timeout_s

    def look() -> None:
        if condition() or time.perf_counter() > ends_s:
            loop.quit()

    timer = QTimer(interval=_LOOK_MS)
    timer.timeout.connect(look)
    timer.start()
    loop.exec()
    timer.stop()
    if not condition():
        raise RunError(f"{what} did not come within {timeout_s:.0f} s", "measure on a machine that is less busy")


def rest(seconds: float) -> None:
    """Run the event loop for a while."""
    ends_s = time.perf_counter() + seconds
    wait_until(lambda: time.perf_counter() >= ends_s, "the end of a pause")


class PaintWatch(QObject):
    """Tells when a widget has been painted for the first time after it was asked to tell."""

    def __init__(self, painted: QObject) -> None:
        super().__init__(painted)
        self._at_s: dict[str, float] = {}
        self._awaited: set[str] = set()
        painted.installEventFilter(self)

    def expect(self, name: str) -> None:
        """From now on, wait for the next paint under this name."""
        self._at_s.pop(name, None)
        self._awaited.add(name)

    def seen_s(self, name: str) -> float | None:
        """Return when the paint was over (``time.perf_counter``), None if it was not yet."""
        return self._at_s.get(name)

    def forget(self) -> None:
        """Wait for nothing."""
        self._awaited.clear()
        self._at_s.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Note the paint; it is over when the loop comes round again."""
        if event.type() == QEvent.Type.Paint and self._awaited:
            names, self._awaited = self._awaited, set()
            QTimer.singleShot(0, self, lambda: self._over(names))
        return super().eventFilter(watched, event)

    def _over(self, names: set[str]) -> None:
        now_s = time.perf_counter()
        for name in names:
            self._at_s[name] = now_s
