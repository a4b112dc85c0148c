"""A folder through the network: the command ``predict`` in a process of its own, its progress as signals.

The command is the very one a user would type, so a batch gives the same files; the window stays free meanwhile.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, Signal

from app.services import program
from app.services.worker import WorkerState
from core.errors import RunError
from core.reading import Reading


@dataclass(frozen=True)
class BatchRequest:
    """What to do.

    Attributes:
        folder: of pictures.
        out: folder for the results.
        model: bundled name or file of a checkpoint.
        reading: how the poses are read.
        figures: format of the figures, empty for none.
        report: whether to write a report.
    """

    folder: Path
    out: Path
    model: str
    reading: Reading = field(default_factory=Reading)
    figures: str = "png"
    report: bool = True

    def words(self) -> list[str]:
        """Return the command."""
        command = ["predict", "--progress", "--checkpoint", self.model]
        command += ["--json", str(self.out / "poses.json"), "--csv", str(self.out / "joints.csv")]
        if self.figures:
            command += ["--figure", str(self.out), "--figure-format", self.figures]
        if self.report:
            command += ["--report", str(self.out / "report.html")]
        return [*command, *self.reading.words(), "--", str(self.folder)]


class BatchService(QObject):
    """Runs one batch at a time."""

    state_changed = Signal(object)
    """WorkerState."""
    progressed = Signal(int, int, object)
    """Inputs done or failed, all inputs, seconds that remain (float) or None while nobody can tell."""
    input_failed = Signal(str, str)
    """An input and why it failed."""
    finished = Signal(int)
    """Exit code of the command: 0 done, 1 some failed, 130 cancelled."""
    failed = Signal(object)
    """UserError: the command could not do it at all."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = WorkerState.STOPPED
        self._process: QProcess | None = None
        self._buffer = b""
        self._errors = b""
        self._done = self._total = 0
        self._began = 0.0

    def start(self, request: BatchRequest) -> None:
        """Start; a batch that runs goes on and this one is not begun."""
        if self._process is not None:
            return
        self._buffer, self._errors, self._done, self._total = b"", b"", 0, 0
        process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._broken)
        self._process = process
        self._enter(WorkerState.STARTING)
        first, *rest = program.words(*request.words())
        process.start(first, rest)

    def cancel(self) -> None:
        """Stop after the picture at work; what is done is written."""
        if self._process is not None and self.state is not WorkerState.STOPPING:
            self._enter(WorkerState.STOPPING)
            program.interrupt(self._process.processId())

    def stop(self, timeout_ms: int = 300) -> None:
        """End it with the window: politely, then for good; files are whole or not there in either case."""
        process = self._process
        if process is None:
            return
        self.cancel()
        if not process.waitForFinished(timeout_ms):
            process.kill()
            process.waitForFinished(500)

    def _read(self) -> None:
        assert self._process is not None
        self._buffer += bytes(self._process.readAllStandardOutput().data())
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self._heard(json.loads(line))

    def _heard(self, line: dict[str, Any]) -> None:
        if line["event"] == "start":
            self._total = int(line["inputs"])
            # From here on, so that the start of Python and torch does not count as a picture's time.
            self._began = time.monotonic()
            if self.state is WorkerState.STARTING:
                self._enter(WorkerState.RUNNING)
        else:
            self._done += 1
            if line["event"] == "failed":
                self.input_failed.emit(str(line["input"]), f"{line['error']}: {line['what_to_do']}")
        each_s = (time.monotonic() - self._began) / self._done if self._done else None
        remaining_s = None if each_s is None else each_s * (self._total - self._done)
        self.progressed.emit(self._done, self._total, remaining_s)

    def _read_errors(self) -> None:
        assert self._process is not None
        self._errors = (self._errors + bytes(self._process.readAllStandardError().data()))[-4000:]

    def _ended(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_errors()
        crashed = status is QProcess.ExitStatus.CrashExit
        cancelled = self.state is WorkerState.STOPPING
        self._forget()
        lines = self._errors.decode("utf-8", errors="replace").strip().splitlines()
        if not cancelled and (crashed or code == 2 or not self._total):
            self._enter(WorkerState.FAULTED)
            said = lines[-1].removeprefix("bonesight: ").rstrip(".") if lines else "it ended without a word"
            self.failed.emit(RunError(f"the folder could not be done ({said})", "mend that and start again"))
            return
        if lines and code == 1 and "failed" not in lines[-1]:
            self.failed.emit(RunError(lines[-1].rstrip("."), "choose another folder for the results"))
        self._enter(WorkerState.STOPPED)
        self.finished.emit(130 if cancelled else code)

    def _broken(self, error: QProcess.ProcessError) -> None:
        # Every other error is followed by finished, which tells it.
        if error is QProcess.ProcessError.FailedToStart:
            self._forget()
            self._enter(WorkerState.FAULTED)
            self.failed.emit(RunError("the program could not be started again", "install it again"))

    def _forget(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None

    def _enter(self, state: WorkerState) -> None:
        self.state = state
        self.state_changed.emit(state)
