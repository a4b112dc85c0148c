"""A thread with a mailbox that keeps only the newest request of each topic, and states that can be watched."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal


class WorkerState(StrEnum):
    """Where a worker is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAULTED = "faulted"


class Mailbox:
    """One slot per topic: a newer request replaces an older one that nobody has begun."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._slots: dict[str, Any] = {}
        self._closed = False
        self.replaced = 0

    def put(self, topic: str, request: Any) -> None:
        """Leave a request; a closed mailbox takes none."""
        with self._condition:
            if self._closed:
                return
            if topic in self._slots:
                self.replaced += 1
                del self._slots[topic]
            self._slots[topic] = request
            self._condition.notify()

    def put_if_free(self, topic: str, request: Any) -> None:
        """Leave a request unless a newer one of its topic waits; a closed mailbox takes none."""
        with self._condition:
            if not self._closed and topic not in self._slots:
                self._slots[topic] = request
                self._condition.notify()

    def holds(self, topic: str) -> bool:
        """Tell whether a request of a topic waits."""
        with self._condition:
            return topic in self._slots

    @property
    def is_closed(self) -> bool:
        """Whether the reader is asked to end."""
        with self._condition:
            return self._closed

    def take(self) -> tuple[str, Any] | None:
        """Wait for the oldest waiting request; None once the mailbox is closed and empty."""
        with self._condition:
            while not self._slots and not self._closed:
                self._condition.wait()
            if not self._slots:
                return None
            topic = next(iter(self._slots))
            return topic, self._slots.pop(topic)

    def discard(self, topic: str) -> None:
        """Forget a waiting request."""
        with self._condition:
            self._slots.pop(topic, None)

    def close(self, keep: bool = False) -> None:
        """Let the reader end: at once, or (``keep``) after what waits."""
        with self._condition:
            if not keep:
                self._slots.clear()
            self._closed = True
            self._condition.notify_all()


class Worker(QThread):
    """A thread that handles requests one at a time until it is stopped.

    Subclasses write ``set_up`` and ``handle``. An exception in ``set_up`` makes the worker faulted; one in
    ``handle`` is told by ``crashed`` and the worker goes on.
    """

    state_changed = Signal(object)
    crashed = Signal(str, object)
    finishes_what_waits = False
    """Whether requests that wait are still handled when the thread is asked to end."""

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.mailbox = Mailbox()
        self._state = WorkerState.STOPPED

    @property
    def state(self) -> WorkerState:
        """Where the worker is in its life."""
        return self._state

    def post(self, topic: str, request: Any) -> None:
        """Ask for something; a waiting request of the same topic is replaced."""
        self.mailbox.put(topic, request)

    def ask_to_stop(self) -> None:
        """Let the thread end after what it is doing, and after what waits where ``finishes_what_waits``."""
        # Before the mailbox closes: after that the thread itself may already say that it has stopped.
        if self._state in (WorkerState.STARTING, WorkerState.RUNNING):
            self._enter(WorkerState.STOPPING)
        self.mailbox.close(keep=self.finishes_what_waits)

    def stop(self, timeout_ms: int = 1500) -> bool:
        """Ask the thread to end and wait for it. Return whether it did."""
        self.ask_to_stop()
        return not self.isRunning() or self.wait(timeout_ms)

    def run(self) -> None:
        """Run the thread: called by Qt."""
        self._enter(WorkerState.STARTING)
        try:
            self.set_up()
        except Exception as error:  # noqa: BLE001  # whatever a broken installation raises must become a notice
            self._enter(WorkerState.FAULTED)
            self.crashed.emit("start", error)
            return
        self._enter(WorkerState.RUNNING)
        while (item := self.mailbox.take()) is not None:
            topic, request = item
            try:
                self.handle(topic, request)
            except Exception as error:  # noqa: BLE001  # one bad request must not end the thread
                self.crashed.emit(topic, error)
        self._enter(WorkerState.STOPPED)

    def set_up(self) -> None:
        """Prepare, in the thread."""

    def handle(self, topic: str, request: Any) -> None:
        """Answer one request, in the thread."""
        raise NotImplementedError

    def _enter(self, state: WorkerState) -> None:
        self._state = state
        self.state_changed.emit(state)
