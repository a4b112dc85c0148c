"""Being asked to stop, by Ctrl+C or a polite kill: told at once, and once more between two inputs.

An exception from a signal may come while a library runs Python in a place that lets none through (a finaliser, a weak
reference's callback): it is printed there and lost, and a folder of pictures would go on to its end.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from types import FrameType
from typing import Final


@dataclass
class _Request:
    asked: bool = False


_REQUEST: Final = _Request()
"""Of the whole process, as signals are."""


def listen() -> None:
    """Take SIGTERM like Ctrl+C, and remember either; Ctrl+C that whoever started the program ignores stays ignored."""
    _REQUEST.asked = False
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def check() -> None:
    """Stop now if that was asked for.

    Raises:
        KeyboardInterrupt: it was.
    """
    if _REQUEST.asked:
        raise KeyboardInterrupt


def _stop(_number: int, _frame: FrameType | None) -> None:
    _REQUEST.asked = True
    raise KeyboardInterrupt
