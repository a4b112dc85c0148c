"""A part of longer work that comes after the events that wait, so that the window answers between two parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer

_WAIT_MS: Final = 10
"""With no time at all the part would come before the events that wait."""


def soon(owner: QObject, part: Callable[[], object]) -> None:
    """Call ``part`` after the events that wait, unless its owner is gone by then."""
    QTimer.singleShot(_WAIT_MS, owner, part)
