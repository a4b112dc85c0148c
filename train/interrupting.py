"""Ending a training when it is asked to: after the step under way, with everything saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Interruption:
    """Whether the training was asked to end."""

    asked: bool = False


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let Ctrl+C or a polite kill end after the current step; a second one ends at once."""
    stop = Interruption()

    def interrupt(_number: int, _frame: Any) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
