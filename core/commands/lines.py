"""JSON lines: what ``predict --jsonl`` writes, one object per line, flushed as it comes.

``resources/poses.schema.json`` describes them under ``$defs/line``: a head, then poses, frames in which nobody was
seen, what became of the source, and an end for each input.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from core import export
from core.errors import RunError

if TYPE_CHECKING:
    from core.capture.state import LiveFrame
    from core.person import Sight

SCHEMA: Final = "bonesight.pose-lines/1"


class Lines:
    """Writes lines to a file or to the standard output, or nowhere.

    A file is written in place, for others to read while it grows; each line is whole.

    Args:
        target: a file's name, ``-`` for the standard output, None for nothing.
        checkpoint: from ``checkpoint.summary``.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, target: str | None, checkpoint: Mapping[str, Any]) -> None:
        self.printed = target == "-"
        self._path = target
        self._file: IO[str] | None = None
        self._error: Exception | None = None
        self._lock = threading.Lock()
        if self.printed:
            self._file = sys.stdout
        elif target is not None:
            try:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                self._file = Path(target).open("w", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
            except OSError as error:
                raise self._unwritable(error) from error
        self.write({"head": {"schema": SCHEMA, **_head(checkpoint)}})

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._file is not None and not self.printed:
                self._file.close()
            self._file = None

    def write(self, line: Mapping[str, Any]) -> None:
        """Write one line.

        Raises:
            UserError: the disk is full; nothing more is written.
            BrokenPipeError: nobody reads the standard output any more.
        """
        self.tell(line)
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def tell(self, line: Mapping[str, Any]) -> None:
        """Write one line from any thread; a fault is raised by the next ``write``."""
        text = json.dumps(line, ensure_ascii=self.printed, allow_nan=False, separators=(",", ":")) + "\n"
        with self._lock:
            if self._file is None:
                return
            try:
                self._file.write(text)
                self._file.flush()
            except OSError as error:
                with suppress(OSError):  # closing tries to write the rest once more
                    if not self.printed:
                        self._file.close()
                self._file = None
                self._error = error if isinstance(error, BrokenPipeError) else self._unwritable(error)

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(
            f"{self._path} could not be written ({error.strerror or error})",
            "choose another file or make room on the disk",
        )


def _head(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    whole = export.document([], checkpoint)
    return {key: whole[key] for key in ("checkpoint", "joint_names", "units", "axes")}


def seen(item: Mapping[str, Any], sight: Sight, latency_s: float | None) -> dict[str, Any]:
    """Return the line of a frame in which the person was seen.

    Args:
        item: the pose, from ``export.entry``.
        sight: what was seen.
        latency_s: from the frame's capture to now, None if the source does not flow.
    """
    departure = sight.departure_percent
    return {
        "pose": dict(item),
        "track": sight.track,
        "departure_percent": None if departure is None else [_number(value) for value in departure],
        "latency_s": None if latency_s is None else round(latency_s, 4),
    }


def _number(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None


def unseen(source: str, frame: LiveFrame, sight: Sight) -> dict[str, Any]:
    """Return the line of a frame in which the person was not seen."""
    return {
        "unseen": {
            "input": source,
            "frame": frame.index,
            "time_s": round(frame.time_s, 4),
            "seen": sight.seen.value,
            "track": sight.track,
        }
    }


@dataclass
class Tally:
    """What one input gave."""

    source: str
    frames: int = 0
    poses: int = 0
    tracks: int = 0
    seconds: float = 0.0
    dropped: int | None = None
    damaged: int | None = None
    reason: str = "ended"

    def add(self, sight: Sight, time_s: float) -> None:
        """Count one frame."""
        self.frames += 1
        self.poses += sight.seen.value == "followed"
        self.tracks = max(self.tracks, sight.track)
        self.seconds = time_s

    def facts(self) -> dict[str, Any]:
        """Return the content of the ``end`` line."""
        return {
            "input": self.source, "reason": self.reason, "frames": self.frames, "poses": self.poses,
            "tracks": self.tracks, "seconds": round(self.seconds, 3), "dropped": self.dropped,
            "damaged": self.damaged,
        }  # fmt: skip

    def sentence(self) -> str:
        """Say it to people."""
        lost = "" if self.dropped is None else f", {self.dropped} frames passed while one was looked at"
        return f"{self.source}: {self.poses} poses in {self.frames} frames and {self.seconds:.1f} s{lost}."
