"""What a live source gives and says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from core.errors import UserError
from core.media import Picture


class State(Enum):
    """What a live source is doing."""

    STARTING = "starting"
    LIVE = "live"
    STALLED = "stalled"
    """Open, but silent for longer than usual: the last frame is old."""
    LOST = "lost"
    """Gone; the next attempt follows after a pause."""
    RECONNECTING = "reconnecting"
    STOPPED = "stopped"
    """Asked to stop, or the file came to its end."""
    FAULTED = "faulted"
    """It will not go on by itself; the error says what to do."""


@dataclass(frozen=True)
class Status:
    """A state with its reason: ``error`` is set for lost, reconnecting and faulted sources."""

    state: State
    error: UserError | None = None
    retry_s: float = 0.0
    """For a lost source: the pause before the next attempt, seconds."""

    def __str__(self) -> str:
        text = self.state.value if self.error is None else f"{self.state.value}: {self.error}"
        return f"{text} Next attempt in {self.retry_s:g} s." if self.state is State.LOST else text


@dataclass(frozen=True)
class Timing:
    """Limits in seconds.

    Attributes:
        open_s: to connect and give the first frame.
        stall_s: without a frame: stalled.
        lost_s: without a frame: lost.
        pause_s, longest_pause_s: before the first new attempt; doubled for each further one, up to the second.
        patience_s: after which a source that stays lost is given up.
    """

    open_s: float = 5.0
    stall_s: float = 1.0
    lost_s: float = 3.0
    pause_s: float = 0.5
    longest_pause_s: float = 5.0
    patience_s: float = 60.0


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """One frame of a live source.

    Attributes:
        image: (h, w, 3) RGB; its size may differ from that of the frame before.
        index: number among the frames that arrived, from 0; numbers left out were dropped.
        time_s: seconds since the first frame arrived; of a file, its own time stamp.
        captured_s: ``time.monotonic()`` when it arrived.
    """

    image: Picture
    index: int
    time_s: float
    captured_s: float
