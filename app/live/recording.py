"""Recording a live source: what, where to, and how it went."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QObject, QStandardPaths, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.live.live import Live
from app.notifications import Notifier
from app.services.recorder import Recorder
from app.settings import Settings
from app.state import AppState
from core.errors import UserError

if TYPE_CHECKING:
    from app.views.skeleton3d import Skeleton3DPanel

KINDS: Final = {
    "record_stream": "stream",
    "record_overlay": "overlay",
    "record_space": "space",
    "record_poses": "poses",
}
"""Action -> what it switches, of ``core.record.KINDS``."""
_BY_DEFAULT: Final = ("overlay", "poses")
_SPACE_EVERY_S: Final = 0.1
"""The 3D view is drawn once more for each of its pictures."""


class RecordingControl(QObject):
    """Starts and ends recordings of the live source."""

    changed = Signal()
    """A recording began, went on for another second, or ended; or what is recorded was changed."""

    def __init__(
        self, live: Live, state: AppState, settings: Settings, notifier: Notifier, window: QWidget,
        space: Callable[[], Skeleton3DPanel],
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._live, self._state, self._settings, self._notifier = live, state, settings, notifier
        self._window = window
        self._space = space
        self._recorder: Recorder | None = None
        self._ending: list[Recorder] = []
        self._started_s = self._space_s = 0.0
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self.changed)
        live.changed.connect(self._follow)
        live.drawn.connect(self._take_space)

    @property
    def on(self) -> bool:
        """Whether something is being recorded."""
        return self._recorder is not None

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._started_s if self.on else 0.0

    def kinds(self) -> tuple[str, ...]:
        """Return what is recorded, of ``core.record.KINDS``."""
        return tuple(kind for kind in KINDS.values() if self._settings.flag(f"record/{kind}", kind in _BY_DEFAULT))

    def set_kind(self, kind: str, on: bool) -> None:
        """Record a kind or not, from the next recording on."""
        self._settings.set(f"record/{kind}", on)
        self.changed.emit()

    def folder(self) -> Path:
        """Return where recordings go."""
        films = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
        return Path(self._settings.text("record/folder") or Path(films or Path.home()) / "Bonesight")

    def choose_folder(self) -> None:
        """Ask where recordings go."""
        name = QFileDialog.getExistingDirectory(self._window, "Folder for recordings", str(self.folder()))
        if name:
            self._settings.set("record/folder", name)

    def switch(self, on: bool) -> None:
        """Begin or end a recording."""
        if on and not self.on:
            self._begin()
        elif not on:
            self._finish()
        self.changed.emit()

    def ask_to_stop(self) -> None:
        """Let everything end."""
        self._finish()

    def stop(self, timeout_ms: int = 1500) -> bool:
        """Wait until the files are closed. Return whether they were in time."""
        ended = [recorder.wait(timeout_ms) for recorder in self._ending]
        return all(ended)

    def _begin(self) -> None:
        kinds = self.kinds()
        if self._state.live is None:
            self._notifier.info("there is nothing live to record", "open a camera or a stream first (Ctrl+L)")
            return
        if not kinds:
            self._notifier.info("nothing is chosen to be recorded", "choose what in the menu Live")
            return
        model = self._state.model
        told: dict[str, object] = {
            "name": "" if model is None else model.name, "preset": "" if model is None else model.preset,
            "geometry_loss": model is not None and model.geometry_loss,
            "sha256": "" if model is None else model.sha256,
        }  # fmt: skip
        stem = self.folder() / f"bonesight-{datetime.now():%Y%m%d-%H%M%S}"
        recorder = self._recorder = Recorder(stem, kinds, self._live.given, told, self)
        recorder.failed.connect(self._failed)
        recorder.closed.connect(self._closed)
        recorder.finished.connect(self._tidy)
        self._started_s = time.monotonic()
        recorder.start()
        self._live.pass_on(recorder.add)
        self._clock.start()

    def _finish(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._live.pass_on(None)
            self._clock.stop()
            self._ending.append(recorder)
            recorder.ask_to_stop()

    def _follow(self) -> None:
        """End with the source."""
        if self.on and not self._live.on:
            self._finish()
            self.changed.emit()

    def _take_space(self) -> None:
        recorder, now_s = self._recorder, time.monotonic()
        if recorder is None or "space" not in recorder.kinds or now_s - self._space_s < _SPACE_EVERY_S:
            return
        scene = self._space().scene
        if scene is not None:
            self._space_s = now_s
            recorder.add((np.ascontiguousarray(scene.canvas.render(alpha=False)), now_s))

    def _failed(self, error: UserError) -> None:
        self._notifier.error(error)
        self._finish()
        self.changed.emit()

    def _closed(self, paths: tuple[Path, ...]) -> None:
        if paths:
            names = ", ".join(path.name for path in paths)
            self._notifier.info(f"recorded {names}", f"in {paths[0].parent}")

    def _tidy(self) -> None:
        for recorder in [recorder for recorder in self._ending if recorder.isFinished()]:
            self._ending.remove(recorder)
            recorder.deleteLater()
