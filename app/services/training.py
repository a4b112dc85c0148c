"""A training run in a process of its own: started, watched through its log, asked to save and stop.

The process writes to files, not to pipes of the window, and belongs to no Qt object: whatever becomes of the window,
the run saves itself as it does after Ctrl+C.
"""

from __future__ import annotations

import csv
import json
import math
import signal
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from app.services import program
from app.services.worker import WorkerState
from core.errors import RunError, UserError

CONSOLE: Final = "console.txt"
"""What the process printed, in the run's folder."""
LOG: Final = "log.csv"
WATCH_MS: Final = 700
PATIENCE_S: Final = 15.0
"""A run is taken for alive until its log is this much later than three times its usual step from row to row."""
_ROWS: Final = 12
"""How many of the last rows tell what is usual."""


@dataclass(frozen=True)
class TrainingRequest:
    """What to train.

    Attributes:
        config: TOML file.
        data: folder that the configuration's paths are below.
        out: the run's folder.
        resume: whether to go on from its last saved state.
        overrides: ``key=value`` words for ``--set``.
    """

    config: Path
    data: Path
    out: Path
    resume: bool = False
    overrides: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """Return the command."""
        command = ["train", str(self.config), "--data", str(self.data), "--out", str(self.out)]
        command += ["--resume"] if self.resume else []
        for override in self.overrides:
            command += ["--set", override]
        return command


@dataclass(frozen=True)
class RunView:
    """What a run's folder tells.

    Attributes:
        steps: of every logged row.
        terms: column name -> one value per row, NaN where the row has none.
        total: steps of all stages, 0 if unknown.
        stage: name of the stage of the last row.
        remaining_s: seconds to go at the present speed, None if unknown.
        checkpoint: the newest checkpoint, None if there is none yet.
        samples: the newest picture of sample predictions, None if there is none.
        logged_s: when the log was last written, seconds since 1970; None if there is none.
        row_s: the usual time from row to row, seconds; NaN if unknown.
    """

    steps: tuple[int, ...] = ()
    terms: dict[str, tuple[float, ...]] = field(default_factory=dict)
    total: int = 0
    stage: str = ""
    remaining_s: float | None = None
    checkpoint: Path | None = None
    samples: Path | None = None
    logged_s: float | None = None
    row_s: float = math.nan

    def silence_s(self, now_s: float) -> float | None:
        """Return for how long the run has said nothing; None if it is done, or has been silent for too long to live."""
        if self.logged_s is None or not self.steps or (self.total and self.steps[-1] >= self.total):
            return None
        silence_s = max(now_s - self.logged_s, 0.0)
        usual_s = self.row_s if math.isfinite(self.row_s) else 60.0
        return silence_s if silence_s <= 3.0 * usual_s + PATIENCE_S else None


def read_run(out: Path) -> RunView:
    """Read a run's folder; what is not there yet, or only half written, is left out."""
    rows = _rows(out / LOG)
    config = _config(out / "config.json")
    names = [name for name in (rows[0] if rows else {}) if name not in ("step", "stage")]
    terms = {name: tuple(_number(row.get(name)) for row in rows) for name in names}
    steps = tuple(int(row["step"]) for row in rows)
    total = sum(int(stage.get("iterations", 0)) for stage in config.get("stage", ()))
    batch = int(config.get("optimiser", {}).get("batch", 0))
    speed = next((value for value in reversed(terms.get("images_per_s", ())) if value > 0), math.nan)
    known = total and batch and steps and math.isfinite(speed)
    remaining_s = max(total - steps[-1], 0) * batch / speed if known else None
    pictures = [*out.glob("samples-*.png"), *out.glob("samples/*.png")]
    return RunView(
        steps, terms, total, str(rows[-1].get("stage", "")) if rows else "", remaining_s,
        _newest(list(out.glob("*.safetensors"))), _newest(pictures), _changed_s(out / LOG), _row_s(terms),
    )  # fmt: skip


def can_resume(out: Path) -> bool:
    """Tell whether a folder holds a run to go on with."""
    return (out / "last.pt").is_file()


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdecimal()]
    except (OSError, ValueError, csv.Error):
        return []
    # The last line may be half written: a row without its last column is not whole.
    return [row for row in rows if None not in row.values()]


def _config(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _row_s(terms: dict[str, tuple[float, ...]]) -> float:
    """Return the median time from row to row, seconds; NaN if it cannot be known."""
    minutes = terms.get("minutes", ())[-_ROWS:]
    steps = [60.0 * (after - before) for before, after in pairwise(minutes) if after >= before]
    return median(steps) if steps else math.nan


def _changed_s(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _newest(paths: list[Path]) -> Path | None:
    dated = []
    for path in paths:
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue
    return max(dated)[1] if dated else None


class TrainingService(QObject):
    """Runs one training at a time."""

    state_changed = Signal(object)
    """WorkerState."""
    changed = Signal(object)
    """RunView: the run's folder tells something new."""
    ended = Signal(str)
    """The run ended without a fault: its last words."""
    failed = Signal(object)
    """UserError: the run ended with a fault."""
    heard = Signal(object)
    """How long ago another process that trains in the folder was last heard of, whole seconds; None: there is none."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = WorkerState.STOPPED
        self.out: Path | None = None
        self.view = RunView()
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: tuple[object, ...] = ()
        self._heard_s: int | None = None
        self._ours_until_s = 0.0
        self._timer = QTimer(self, interval=WATCH_MS)
        self._timer.timeout.connect(self._look)

    def watch(self, out: Path) -> None:
        """Show a run's folder, whoever trains in it."""
        if out != self.out:
            self.view = RunView()
            self.changed.emit(self.view)
        self.out, self._seen = out, ()
        self._look()
        self._timer.start()

    @property
    def elsewhere_s(self) -> float | None:
        """Seconds since another process that trains in the folder was last heard of; None if none seems to."""
        logged_s = self.view.logged_s
        if self._process is not None or self.out is None or logged_s is None or logged_s <= self._ours_until_s:
            return None
        if self._said_goodbye(self.out, logged_s):
            return None
        return self.view.silence_s(time.time())

    def start(self, request: TrainingRequest) -> None:
        """Start a run.

        Raises:
            UserError: one is running, here or elsewhere, or the folder cannot be written.
        """
        if self._process is not None:
            raise UserError("a training is running already", "stop it first")
        self.watch(request.out)
        if self.elsewhere_s is not None:
            told = f"another process trains in {request.out}: it was heard of {self.elsewhere_s:.0f} s ago"
            raise UserError(told, "stop it where it was started, or choose another folder")
        try:
            request.out.mkdir(parents=True, exist_ok=True)
            with (request.out / CONSOLE).open("wb") as console:
                self._enter(WorkerState.STARTING)
                # A session of its own: Ctrl+C in the window's terminal must reach it once, through us.
                self._process = subprocess.Popen(
                    program.words(*request.words()), stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                    start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            self._enter(WorkerState.STOPPED)
            reason = error.strerror or str(error)
            raise RunError(f"the run cannot be started in {request.out} ({reason})", "choose another folder") from error
        self.watch(request.out)

    def stop(self) -> None:
        """Ask the run to save and end after its step; asked again, it ends at once with what was saved before."""
        if self._process is not None:
            self._enter(WorkerState.STOPPING)
            program.interrupt(self._process.pid)

    def leave(self) -> bool:
        """Let go with the window: the run saves and ends by itself. Return whether one was running."""
        self._timer.stop()
        if self._process is None or self._process.poll() is not None:
            return False
        if self.state is not WorkerState.STOPPING:
            self.stop()
        # It ends by itself; Python must not complain of a child that nobody waits for.
        self._process.returncode = 0
        self._process = None
        return True

    def _look(self) -> None:
        if self.out is None:
            return
        seen = self._signs(self.out)
        if seen != self._seen:
            self._seen = seen
            self._show(read_run(self.out))
        heard_s = None if self.elsewhere_s is None else int(self.elsewhere_s)
        if heard_s != self._heard_s:
            self._heard_s = heard_s
            self.heard.emit(heard_s)
        if self._process is None:
            return
        code = self._process.poll()
        if code is not None:
            self._process = None
            self._over(code)
        elif self.state is WorkerState.STARTING and self.view.steps:
            self._enter(WorkerState.RUNNING)

    def _show(self, view: RunView) -> None:
        # A run that is gone on with writes its log anew: what was on screen stays until that is done.
        if view.steps or self._process is None:
            self.view = view
            self.changed.emit(view)

    @staticmethod
    def _signs(out: Path) -> tuple[object, ...]:
        """Return what changes when there is something new to read."""
        signs: list[object] = []
        for path in (out / LOG, out / "config.json", out / "samples", out):
            try:
                stat = path.stat()
            except OSError:
                signs.append(None)
            else:
                signs.append((stat.st_mtime_ns, stat.st_size))
        return tuple(signs)

    @staticmethod
    def _said_goodbye(out: Path, logged_s: float) -> bool:
        """Tell whether a run that an earlier window started has ended: its last words came after its last row."""
        said_s = _changed_s(out / CONSOLE)
        return said_s is not None and said_s >= logged_s and _last_words(out / CONSOLE).startswith(("Done", "Stopped"))

    def _over(self, code: int) -> None:
        self._seen = ()
        self._ours_until_s = time.time()
        assert self.out is not None
        self.view = read_run(self.out)
        self.changed.emit(self.view)
        words = _last_words(self.out / CONSOLE)
        stopped = code in (130, -signal.SIGTERM) and self.state is WorkerState.STOPPING
        if code == 0 or stopped:
            self._enter(WorkerState.STOPPED)
            self.ended.emit(words)
            return
        self._enter(WorkerState.FAULTED)
        what, _, what_to_do = words.removeprefix("bonesight: ").rstrip(".").rpartition(": ")
        if not what:
            what, what_to_do = f"the training ended with code {code}", f"look into {CONSOLE} in its folder"
        self.failed.emit(RunError(what, what_to_do))

    def _enter(self, state: WorkerState) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)


def _last_words(path: Path) -> str:
    """Return the last line that is no progress bar."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines = deque((part for line in file for part in line.replace("\r", "\n").split("\n")), maxlen=200)
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip() and "step/s" not in line), "")
