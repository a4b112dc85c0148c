"""``bench --live --soak``: hours of a stream from this machine to itself, and what they leave in memory.

A network camera on the loopback sends a person who walks to and fro, and breaks the connection now and then, as real
ones do; each picture that can be taken is looked at. Memory, threads and handles are read early, at the end, and after
everything was let go of.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import UserError

EARLY_S: Final = 60.0
"""When memory is read first: what is allocated once is there by then."""
BREAK_EVERY_S: Final = 15.0
RECONNECTED_S: Final = 10.0
"""A connection that is broken at the end is back by then."""


@dataclass(frozen=True)
class Held:
    """What this process holds: memory in MB, threads, open handles; None where the system does not tell."""

    memory_mb: float | None
    threads: int
    handles: int | None

    @staticmethod
    def now() -> Held:
        """Read it."""
        gc.collect()
        return Held(_memory_mb(), threading.active_count(), _handles())


def _memory_mb() -> float | None:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return round(int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024, 1)
    return None


def _handles() -> int | None:
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))
    return None


def run(device: str, checkpoint_name: str, minutes: float) -> dict[str, Any]:
    """Follow the stream for a time.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        checkpoint_name: which weights.
        minutes: how long.

    Returns:
        ``minutes``; how many ``frames`` arrived, were ``dropped`` and gave ``poses``; ``reconnections``; and ``held``:
        memory in MB, threads and handles before the stream, ``early`` (after a minute, or half the time if that is
        less), at the ``end``, and ``after`` it was let go of.

    Raises:
        UserError: the time is none.
    """
    if not 0 < minutes < 1e5:
        raise UserError(f"--soak {minutes:g} is no time", "give minutes, such as --soak 30")
    from core import checkpoint
    from core.capture import sources
    from core.capture.live import Capture
    from core.commands.network_camera import serve_walk
    from core.follow import Follower
    from core.predictor import Predictor
    from core.reading import Reading

    predictor = Predictor(checkpoint.load(checkpoint_name), device, reading=Reading(mirror=False))
    seconds = 60.0 * minutes
    early_s = min(EARLY_S, seconds / 2)
    held: dict[str, Held] = {}
    poses = 0
    with serve_walk(30.0, BREAK_EVERY_S) as camera:
        follower = Follower(predictor.predict, smooth=True)
        before = Held.now()
        capture = Capture(sources.parse(camera.url))
        with capture:
            started = time.monotonic()
            while (spent := time.monotonic() - started) < seconds:
                frame = capture.take(min(1.0, seconds - spent))
                if frame is not None:
                    poses += follower.step(frame.image, frame.time_s).seen.value == "followed"
                # Only while connected: each connection has a thread and a handle at both its ends.
                if frame is not None and spent >= early_s and "early" not in held:
                    held["early"] = Held.now()
            if capture.take(RECONNECTED_S) is not None:
                held["end"] = Held.now()
    held = {"before": before, **held, "after": Held.now()}
    return {
        "minutes": minutes, "frames": capture.arrived, "dropped": capture.dropped, "poses": poses,
        "reconnections": capture.reconnections, "held": {name: vars(each) for name, each in held.items()},
    }  # fmt: skip


def report(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(
        f"\n{figures['minutes']:g} minutes of a stream from this machine to itself, the connection broken now and then"
    )
    print(f"  {'':24}{'memory MB':>12}{'threads':>10}{'handles':>10}")
    titles = {
        "before": "before it", "early": "early (a minute at most)", "end": "at its end", "after": "after it was let go",
    }  # fmt: skip
    for name, title in titles.items():
        held = figures["held"].get(name)
        if held is not None:
            memory, handles = ("-" if held[key] is None else f"{held[key]:g}" for key in ("memory_mb", "handles"))
            print(f"  {title:24}{memory:>12}{held['threads']:>10}{handles:>10}")
    early, end = (figures["held"].get(name, {}).get("memory_mb") for name in ("early", "end"))
    if early is not None and end is not None:
        print(f"  {end - early:+.1f} MB from early to the end")
    print(
        f"  {figures['poses']} poses in {figures['frames']} frames, {figures['dropped']} passed while one was "
        f"looked at, {figures['reconnections']} new connections"
    )
