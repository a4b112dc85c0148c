"""How long a thread could have gone on and had no processor, as Linux tells it; elsewhere nothing is known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_SCHEDULED: Final = Path("/proc/thread-self/schedstat")
_STANDS: Final = Path("/proc/thread-self/stat")
_ALL: Final = Path("/proc/stat")
_PROCESSOR: Final = 36
"""Where a thread's ``stat`` has the processor, counted from after its name in brackets (proc(5): field 39)."""
_STOLEN: Final = 8
"""Where ``/proc/stat`` has what a virtual machine's host took, in a processor's line (proc(5))."""


class ProcessorWatch:
    """Tells of one thread how long it was kept from a processor since ``restart``; both are called in that thread."""

    def __init__(self) -> None:
        try:
            self._all: int | None = os.open(_ALL, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._all = None
        self.restart()

    def restart(self) -> None:
        """Count from now on."""
        self._queued_s, self._stolen_s = _queued_s(), self._taken_s()

    def lost_s(self) -> float:
        """Return the seconds since ``restart`` in which other threads had the processors, or the host that of this one.

        What the host took from the other processors is not counted, though the thread may have waited for one there.
        """
        before, now, number = self._stolen_s, self._taken_s(), _stands_on()
        stolen_s = now[number] - before[number] if number < min(len(before), len(now)) else 0.0
        return max(_queued_s() - self._queued_s, 0.0) + max(stolen_s, 0.0)

    def close(self) -> None:
        """Let go of the system's file."""
        if self._all is not None:
            os.close(self._all)
            self._all = None

    def _taken_s(self) -> list[float]:
        """Return for every processor what the host took so far; nothing where the system does not tell."""
        if self._all is None:
            return []
        room = 256 * (1 + (os.cpu_count() or 1))
        try:
            lines = os.pread(self._all, room, 0).decode("ascii").splitlines()[1:]
            ticks_s = os.sysconf("SC_CLK_TCK")
            return [int(line.split()[_STOLEN]) / ticks_s for line in lines if line.startswith("cpu")]
        except (OSError, ValueError, IndexError):
            return []


def _queued_s() -> float:
    """Return how long this thread waited for a free processor so far, seconds; 0 where the system does not tell."""
    try:
        return int(_SCHEDULED.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _stands_on() -> int:
    """Return the processor this thread stands on; 0 where the system does not tell."""
    try:
        return int(_STANDS.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[_PROCESSOR])
    except (OSError, ValueError, IndexError):
        return 0
