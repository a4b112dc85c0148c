"""How long the GUI thread stays away from its events, and what it did meanwhile: painting or something else."""

from __future__ import annotations

import faulthandler
import gc
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer

from app.bench.processor import ProcessorWatch

BEAT_MS: Final = 5
LATE_S: Final = 0.012
"""A beat this old is late: from then on the thread's stack is looked at."""
SAMPLE_S: Final = 0.002

_PAINTS: Final = frozenset({"paintEvent", "paintGL", "paint", "drawBackground", "render"})
"""Functions of Python that paint, by name: Qt's, pyqtgraph's and vispy's."""
_PAINTING_EVENTS: Final = frozenset({QEvent.Type.UpdateRequest, QEvent.Type.Paint, QEvent.Type.Expose})
_ROOT: Final = Path(__file__).resolve().parents[2]
_QT: Final = "inside Qt"
_UNSEEN: Final = "not seen: another thread kept Python's lock, or the machine stood still"
UNSEEN_S: Final = 0.03
"""So long nobody fails to look at a late beat's stack who can run at all."""
_FRAME: Final = re.compile(r'  File "(.*)", line (\d+) in (.*)')


@dataclass(frozen=True)
class Block:
    """One time in which no event was answered.

    Attributes:
        phase: what the user was doing.
        ms: milliseconds of it that were not painting.
        painting_ms: those that were.
        crowded_ms: those, of neither, in which the thread could have gone on and had no processor: none was free, or
            the host of a virtual machine took it away.
        cpu_ms: processor time of the GUI thread in all of it: far less than ``ms`` means that it waited.
        where: what it did longest besides painting.
    """

    phase: str
    ms: float
    painting_ms: float
    crowded_ms: float
    cpu_ms: float
    where: str


class Heartbeat(QObject):
    """Beats in the GUI thread; a second thread looks at its stack whenever a beat is late."""

    def __init__(self) -> None:
        super().__init__()
        self.longest: dict[str, Block] = {}
        """Phase -> its longest block, painting left out."""
        self._phase: str | None = None
        self._gui = threading.get_ident()
        self._beat_s = self._cpu_s = 0.0
        self._processor = ProcessorWatch()
        self._last_event = QEvent.Type.None_
        self._collected_s = self._collecting_since = 0.0
        self._samples: list[tuple[float, str | None]] = []
        self._timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._dump = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # until stop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="heartbeat", daemon=True)
        self._thread.start()
        gc.callbacks.append(self._collecting)

    def watch(self, painted: QObject) -> None:
        """Note when Qt begins to paint this window, which it does without a word of Python on the stack."""
        painted.installEventFilter(self)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        self.longest.setdefault(name, Block(name, 0.0, 0.0, 0.0, 0.0, "never late"))
        self._restart()
        self._phase = name
        self._timer.start()
        try:
            yield
        finally:
            self._beat()
            self._timer.stop()
            self._phase = None

    def sorted(self) -> list[Block]:
        """Return the longest block of every phase, the longest first."""
        return sorted(self.longest.values(), key=lambda block: -block.ms)

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()
        self._dump.close()
        self._processor.close()
        gc.callbacks.remove(self._collecting)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Remember the last event of a window."""
        self._last_event = event.type()
        return super().eventFilter(watched, event)

    def _restart(self) -> None:
        self._samples, self._last_event, self._collected_s = [], QEvent.Type.None_, 0.0
        self._processor.restart()
        self._beat_s, self._cpu_s = time.perf_counter(), time.thread_time()

    def _beat(self) -> None:
        now_s, cpu_s = time.perf_counter(), time.thread_time()
        if self._phase is not None and now_s - self._beat_s > LATE_S:
            self._take(self._phase, now_s, cpu_s)
        self._restart()

    def _take(self, phase: str, now_s: float, cpu_s: float) -> None:
        """Share a late beat's time out among what was seen on the stack."""
        whole_s = now_s - self._beat_s
        idle = cpu_s - self._cpu_s < 0.5 * whole_s
        spent: defaultdict[str | None, float] = defaultdict(float)
        since_s, last = self._beat_s, self._samples[-1][1] if self._samples else _QT
        for at_s, seen in [*self._samples, (now_s, last)]:
            gap_s = max(at_s - since_s, 0.0)
            # Whoever looks needs Python's lock: this thread kept it while it worked, or else it was somebody else.
            unseen = idle and gap_s > UNSEEN_S and seen is not None
            spent[_UNSEEN if unseen else seen] += gap_s
            since_s = max(at_s, since_s)
        painting_s = spent.pop(None, 0.0)
        if self._collected_s > LATE_S:
            spent["Python's garbage collection"] = self._collected_s
        where = max(spent, key=lambda name: spent[name], default=_QT)
        # Nobody tells which part of the time the processors were taken: painting or the rest.
        crowded_s = min(self._processor.lost_s(), whole_s) * (1.0 - painting_s / whole_s)
        times = (whole_s - painting_s - crowded_s, painting_s, crowded_s, cpu_s - self._cpu_s)
        ms, painting_ms, crowded_ms, cpu_ms = (round(1000 * value, 1) for value in times)
        block = Block(phase, ms, painting_ms, crowded_ms, cpu_ms, str(where))
        self.longest[phase] = max(self.longest[phase], block, key=lambda one: (one.ms, one.painting_ms))

    def _look(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            if self._phase is not None and time.perf_counter() - self._beat_s > LATE_S:
                self._samples.append((time.perf_counter(), self._doing()))

    def _stack(self) -> list[tuple[str, str, str]]:
        """Return file, line and function of every frame of the GUI thread, the innermost first.

        Not by ``sys._current_frames``: whoever holds a frame keeps its painters open, and Qt dies of them.
        """
        self._dump.seek(0)
        self._dump.truncate()
        faulthandler.dump_traceback(self._dump, all_threads=True)
        self._dump.seek(0)
        text = self._dump.read()
        _, _, own = text.partition(f"0x{self._gui:016x} (most recent call first):\n")
        return _FRAME.findall(own.partition("\n\n")[0])

    def _doing(self) -> str | None:
        """Return where the program is, None while it paints."""
        places = []
        for file, line, function in self._stack():
            if function in _PAINTS:
                return None
            path = Path(file)
            if path.is_relative_to(_ROOT / "app" / "bench"):
                break
            if path.is_relative_to(_ROOT / "app") or path.is_relative_to(_ROOT / "core"):
                places.append(f"{path.relative_to(_ROOT).as_posix()}:{line} {function}")
        if not places:
            return None if self._last_event in _PAINTING_EVENTS else _QT
        return " < ".join(places[:4])

    def _collecting(self, when: str, _info: dict[str, Any]) -> None:
        """Count collections, whichever thread they run in: none of the others runs Python meanwhile."""
        if when == "start":
            self._collecting_since = time.perf_counter()
        else:
            self._collected_s += time.perf_counter() - self._collecting_since
