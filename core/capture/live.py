"""The newest frame of a live source, whatever the source does.

Two threads stand between a source and whoever looks at it. The *grabber* reads without pause and keeps only the newest
frame: however slow the consumer, what it takes is fresh, and what it missed is counted. The *keeper* watches the
grabber: OpenCV's reads can block for as long as a driver or a server likes and cannot be woken, so a grabber that is
silent for too long is left to end by itself (what it still delivers is dropped) and another one connects.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from core.capture.reader import EndOfSource, Grab, Reader
from core.capture.readers import reader as open_reader
from core.capture.sources import Source
from core.capture.state import LiveFrame, State, Status, Timing
from core.errors import RunError, UserError
from core.media import Picture

STOP_S: Final = 0.6
"""How long ``stop`` waits for a grabber; one that blocks longer ends when its read does."""
MOST_LEFT_BEHIND: Final = 3
"""Grabbers that may hang in a read before the source is given up."""
MOST_DAMAGED: Final = 30
"""Frames in a row that cannot be decoded before the source is given up."""


@dataclass
class _Link:
    """One connection: a reader and the thread that reads it."""

    reader: Reader
    thread: threading.Thread | None = None
    last_s: float = 0.0
    frames: int = 0
    current: bool = True
    done: bool = False
    error: UserError | None = None


class Capture:
    """Keeps the newest frame of a source.

    Use it in a ``with`` block, or call ``start`` and ``stop``. Iterating gives frames until the source stops; ``take``
    gives one.

    Args:
        source: from ``sources.parse``.
        timing: limits, if others than usual.
        on_frame: called without arguments when a frame has arrived that can be taken.
        on_status: called with each new status. Both are called on the capture's own threads, must return at once and
            must not raise.
        open_with: returns what reads the source; for sources that ``readers.reader`` does not know.
    """

    def __init__(
        self,
        source: Source,
        timing: Timing | None = None,
        on_frame: Callable[[], None] | None = None,
        on_status: Callable[[Status], None] | None = None,
        open_with: Callable[[Source, float, float], Reader] = open_reader,
    ) -> None:
        self.source = source
        self._timing = timing or Timing()
        self._on_frame = on_frame
        self._on_status = on_status
        self._open_with = open_with
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._changed = threading.Condition(self._lock)
        self._telling = threading.RLock()  # two threads change the state; it is told in the order it changed
        self._status = Status(State.STARTING)
        self._keeper: threading.Thread | None = None
        self._stopping = False
        self._slot: tuple[Grab, int] | None = None
        self._left_behind: list[threading.Thread] = []
        self._first_s: float | None = None
        self._arrivals = self._dropped = self._damaged = self._damaged_in_a_row = self._reconnections = 0
        self._seen = False

    @property
    def status(self) -> Status:
        """The state it is in."""
        return self._status

    @property
    def arrived(self) -> int:
        """How many frames the source gave."""
        return self._arrivals

    @property
    def dropped(self) -> int:
        """How many frames were replaced by newer ones before anybody took them."""
        return self._dropped

    @property
    def damaged(self) -> int:
        """How many frames were taken and could not be decoded."""
        return self._damaged

    @property
    def reconnections(self) -> int:
        """How often a lost source came back."""
        return self._reconnections

    def __enter__(self) -> Capture:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin. A capture starts once."""
        if self._keeper is not None:
            raise RuntimeError("a capture starts once")
        self._keeper = threading.Thread(target=self._keep, name=f"keeper {self.source.name}", daemon=True)
        self._keeper.start()

    def stop(self) -> bool:
        """Stop within a second, whatever the source does; nothing is given afterwards.

        Returns:
            Whether the source is closed already; one whose read blocks is closed when the read ends.
        """
        with self._lock:
            self._stopping = True
            self._slot = None
            self._changed.notify_all()
            self._arrived.notify_all()
        keeper = self._keeper
        if keeper is not None and keeper is not threading.current_thread():
            keeper.join(STOP_S + 0.3)
        self._set(State.STOPPED)
        return not any(thread.is_alive() for thread in (*self._left_behind, keeper) if thread is not None)

    def __iter__(self) -> Iterator[LiveFrame]:
        """Yield the newest frames until the source stops.

        Raises:
            UserError: the source faulted.
        """
        while True:
            frame = self.take()
            if frame is None:
                if self._status.state is State.FAULTED and self._status.error is not None:
                    raise self._status.error
                return
            yield frame

    def take(self, timeout_s: float | None = None) -> LiveFrame | None:
        """Wait for a frame that was not taken yet and return the newest.

        Args:
            timeout_s: how long to wait; None: until there is one or the source has stopped or faulted.

        Returns:
            None after the timeout, and when no frame will come any more.
        """
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while True:
            with self._lock:
                while self._slot is None:
                    left = until - time.monotonic()
                    if self._over() or left <= 0:
                        return None
                    # A wait without a limit cannot be interrupted by Ctrl+C on every system.
                    self._arrived.wait(min(left, 0.5))
                (grab, index), self._slot = self._slot, None
            image = grab.decode()
            if image is not None:
                self._damaged_in_a_row = 0
                return self._frame(grab, index, image)
            self._note_damage()

    def _over(self) -> bool:
        return self._stopping or self._status.state in (State.STOPPED, State.FAULTED)

    def _frame(self, grab: Grab, index: int, image: Picture) -> LiveFrame:
        first = self._first_s
        if first is None:
            first = self._first_s = grab.captured_s
        time_s = grab.captured_s - first if grab.media_s is None else grab.media_s
        return LiveFrame(image, index, time_s, grab.captured_s)

    def _note_damage(self) -> None:
        with self._lock:
            self._damaged += 1
            self._damaged_in_a_row += 1
            self._changed.notify_all()

    # The grabber's thread

    def _grab(self, link: _Link) -> None:
        try:
            link.reader.open()
            while link.current:
                self._deliver(link, link.reader.read())
        except EndOfSource:
            pass
        except UserError as error:
            link.error = error
        except Exception as error:  # noqa: BLE001 - a reader's surprise must not leave a window without a word
            told = f"{self.source.given} could not be read ({type(error).__name__}: {error})"
            link.error = UserError(told, "try again and report this source")
        finally:
            link.reader.close()
            with self._lock:
                link.done = True
                self._changed.notify_all()

    def _deliver(self, link: _Link, grab: Grab) -> None:
        if not self._seen and grab.decode() is None:
            # Live is what can be shown: until a frame could be decoded, nothing is.
            self._note_damage()
            return
        with self._lock:
            if not link.current:
                return
            self._seen = True
            if self._first_s is None:
                self._first_s = grab.captured_s
            back = link.frames == 0 and self._arrivals > 0
            self._reconnections += back
            self._dropped += self._slot is not None
            self._slot = (grab, self._arrivals)
            self._arrivals += 1
            if link.frames == 0:
                self._changed.notify_all()  # from now on silence is judged by shorter limits
            link.frames += 1
            link.last_s = time.monotonic()
            self._arrived.notify_all()
        self._set(State.LIVE)
        if self._on_frame is not None:
            self._on_frame()

    # The keeper's thread

    def _keep(self) -> None:
        pause, lost_since = self._timing.pause_s, math.inf
        while True:
            link = self._connect()
            error = self._watch(link)
            self._leave(link)
            if link.frames:
                pause, lost_since = self._timing.pause_s, math.inf
            if self._stopping or error is None:
                self._set(State.STOPPED)
                return
            lost_since = min(lost_since, time.monotonic())
            fault = self._fault(error, lost_since)
            if fault is not None:
                self._set(State.FAULTED, fault)
                return
            self._set(State.LOST, error, pause)
            with self._lock:
                self._changed.wait_for(lambda: self._stopping, pause)
            if self._stopping:
                self._set(State.STOPPED)
                return
            self._set(State.RECONNECTING, error)
            pause = min(2.0 * pause, self._timing.longest_pause_s)

    def _connect(self) -> _Link:
        timing = self._timing
        link = _Link(self._open_with(self.source, timing.open_s, timing.lost_s), last_s=time.monotonic())
        link.thread = threading.Thread(target=self._grab, args=(link,), name=f"grabber {self.source.name}", daemon=True)
        link.thread.start()
        return link

    def _watch(self, link: _Link) -> UserError | None:
        """Wait until the connection ends; return why, None if by its own end or because of ``stop``."""
        timing, paced = self._timing, self.source.is_file
        while True:
            with self._lock:
                if self._stopping:
                    return None
                if self._damaged_in_a_row >= MOST_DAMAGED:
                    return self._undecodable()
                if link.done:
                    if link.error is None and not self._seen and self._damaged:
                        return self._undecodable()
                    return link.error
                silent = time.monotonic() - link.last_s
                # A server that answers late has its own sentence, which should come first.
                lost = timing.lost_s if link.frames else 2.0 * timing.open_s
                if silent >= lost and not paced:
                    return self._undecodable() if self._damaged and not self._seen else self._silent(lost)
                stalled = bool(link.frames) and silent >= timing.stall_s and not paced
                if not stalled:
                    due = timing.stall_s if link.frames else lost
                    self._changed.wait(None if paced else max(0.01, due - silent))
                    continue
            if self._status.state is State.LIVE:
                self._set(State.STALLED)
            with self._lock:
                self._changed.wait_for(lambda: link.done or self._stopping, 0.05)

    def _undecodable(self) -> UserError:
        return UserError(
            f"{self.source.given} gives frames, but none of them can be decoded",
            "set the camera to MJPEG or H.264, or convert the file",
        )

    def _silent(self, seconds: float) -> UserError:
        return UserError(
            f"{self.source.given} has given no picture for {seconds:g} s", "check its plug, its power and the network"
        )

    def _leave(self, link: _Link) -> None:
        """Part with a connection: at once if its reader can be woken, else it ends by itself."""
        with self._lock:
            link.current = False
        link.reader.interrupt()
        if link.thread is not None:
            link.thread.join(STOP_S)
            self._left_behind = [thread for thread in (*self._left_behind, link.thread) if thread.is_alive()]

    def _fault(self, error: UserError, lost_since: float) -> UserError | None:
        """Return what to give up with, None while another attempt makes sense."""
        if self._damaged_in_a_row >= MOST_DAMAGED or not self._arrivals:
            return error
        if len(self._left_behind) >= MOST_LEFT_BEHIND:
            return RunError(f"{self.source.given} blocks for ever", "unplug it, plug it in again and start anew")
        gone = time.monotonic() - lost_since
        if gone >= self._timing.patience_s:
            return RunError(f"{self.source.given} has been gone for {gone:.0f} s ({error.what})", error.what_to_do)
        return None

    def _set(self, state: State, error: UserError | None = None, retry_s: float = 0.0) -> None:
        """Change the state and tell; a final state stays."""
        with self._telling:
            with self._lock:
                if self._status.state is state or self._status.state in (State.STOPPED, State.FAULTED):
                    return
                if self._stopping and state is not State.STOPPED:
                    return
                self._status = Status(state, error, retry_s)
                self._arrived.notify_all()
            if self._on_status is not None:
                self._on_status(self._status)
