"""What every live source is read through."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.media import Picture


@dataclass(frozen=True, eq=False)
class Grab:
    """One frame as it arrived, not yet decoded: a frame that nobody takes costs no decoding.

    Attributes:
        decode: returns the (h, w, 3) RGB picture, None if the frame is damaged.
        captured_s: ``time.monotonic()`` when it arrived.
        media_s: its own time stamp in seconds, where the source is a file.
    """

    decode: Callable[[], Picture | None]
    captured_s: float = field(default_factory=time.monotonic)
    media_s: float | None = None


class EndOfSource(Exception):  # noqa: N818 - the end is no error
    """The file came to its end."""


class Reader(Protocol):
    """A source while it is open. ``open``, ``read`` and ``close`` are called by one thread; they may block."""

    def open(self) -> None:
        """Open the source.

        Raises:
            UserError: it cannot be opened.
        """

    def read(self) -> Grab:
        """Wait for the next frame and return it.

        Raises:
            UserError: the source is lost.
            EndOfSource: the file came to its end.
        """

    def interrupt(self) -> None:
        """End a blocking ``open`` or ``read`` soon, if that can be done; called by another thread, at any time."""

    def close(self) -> None:
        """Let go of the source."""
