"""Comparing on many pictures: those that were opened together, or the frames of the open video."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.compared import Compared, unexpected
from app.services.backend import Backend
from app.services.folder_compare import FolderCompareService, FolderRequest
from app.services.pictures import Reader
from app.session import Session
from core.compare import Comparison
from core.compare_many import Tally
from core.errors import UserError

_SURE_AFTER_S = 2.0
"""Before that, nobody can tell how long it will take."""


@dataclass
class ManyResult:
    """What became of comparing on many pictures so far.

    Attributes:
        names: of the models, A's first.
        total: how many pictures there are.
        tallies: what A and each of the others differ in, by the picture's place.
        paths: the pictures' files; empty for a video.
        times_s: (N,) the times of a video's frames; None for pictures.
        failed: how many could not be read or looked at.
        running: whether more is to come.
        remaining_s: seconds to go at the speed so far, None while nobody can tell.
    """

    names: tuple[str, ...] = ()
    total: int = 0
    tallies: tuple[Tally, ...] = ()
    paths: tuple[Path, ...] = ()
    times_s: NDArray[np.float64] | None = None
    failed: int = 0
    running: bool = False
    remaining_s: float | None = None

    @property
    def compared(self) -> int:
        """On how many pictures all models are done."""
        return int(np.logical_and.reduce([tally.known for tally in self.tallies]).sum()) if self.tallies else 0

    @property
    def done(self) -> int:
        """How many pictures are done, failed ones included."""
        return self.compared + self.failed


@dataclass
class _Pace:
    """How fast something gets done, from when it began to go on."""

    began_s: float = field(default_factory=time.monotonic)
    before: int = 0

    def remaining_s(self, done: int, total: int) -> float | None:
        passed_s = time.monotonic() - self.began_s
        if done <= self.before or passed_s < _SURE_AFTER_S:
            return None
        return passed_s / (done - self.before) * (total - done)


class ComparingMany(QObject):
    """Asks for the pictures in their own thread, and lets the models follow A through a video."""

    changed = Signal()
    """More pictures are done, or others are open."""

    def __init__(self, session: Session, backend: Backend, reader: Reader, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._state = session.state
        self._notifier = session.notifier
        self._others: list[Compared] = []
        self._pictures = ManyResult()
        self._token = 0
        self._pace = _Pace()
        self._followed = False
        """Whether the models were on their way through the video when last asked."""
        self.service = FolderCompareService(backend, reader, self)
        self.service.compared.connect(self._compared)
        self.service.failed.connect(self._failed)
        self.service.ended.connect(self._ended)
        self.service.crashed.connect(lambda topic, error: self._notifier.error(unexpected(topic, error)))
        self._state.clip_changed.connect(self._clip_changed)
        session.playback.progress.connect(self._progressed)

    def take(self, others: list[Compared]) -> None:
        """Compare these with A from now on."""
        self._others = [other for other in others if other.on and other.model is not None]
        self._progressed()

    def _progressed(self) -> None:
        """Note when the models set out, for the remaining time, and tell."""
        running = self._is_following()
        if running and not self._followed:
            self._pace = _Pace(before=self._frames_done())
        self._followed = running
        self.changed.emit()

    followed = _progressed

    @property
    def on_pictures(self) -> bool:
        """Whether it is on its way through pictures, with models of its own."""
        return self._pictures.running

    @property
    def result(self) -> ManyResult:
        """What is known of the open video, or else of the pictures."""
        clip, model = self._state.clip, self._state.model
        if clip is None:
            return self._pictures
        tallies = tuple(other.tally for other in self._others if other.tally is not None)
        if not self._others or len(tallies) < len(self._others) or model is None:
            return ManyResult(total=clip.count, times_s=clip.index.times_s)
        done, running = self._frames_done(), self._is_following()
        names = (model.name, *(other.model.name for other in self._others if other.model is not None))
        left_s = self._pace.remaining_s(done, clip.count * len(tallies)) if running else None
        return ManyResult(names, clip.count, tallies, times_s=clip.index.times_s, running=running, remaining_s=left_s)

    def start_or_stop(self) -> None:
        """Compare on all pictures or frames; on a second call, stop."""
        if self.result.running:
            self.cancel()
        elif not self._others or self._state.model is None:
            self._notifier.info("there are no two models to compare yet", "switch on Compare (C) and choose model B")
        elif self._state.clip is not None:
            for other in self._others:
                other.follows = True
                other.follow()
            self._progressed()
        elif len(self._state.trail) < 2:
            self._notifier.info("only one picture is open", "open a folder to compare on all its pictures")
        else:
            self._start_pictures(self._state.model.name, self._state.model.source)

    def cancel(self) -> None:
        """Stop; what is done stays."""
        if self._state.clip is not None:
            for other in self._others:
                other.let_go()
        self._stop_pictures()
        self._progressed()

    def open(self, place: int) -> None:
        """Show a picture or a frame of the video."""
        result, trail = self.result, self._state.trail
        if result.times_s is not None:
            self._session.playback.step(place - self._session.playback.wanted)
        elif result.paths[place] not in trail:
            self._session.open([result.paths[place]])
        elif trail.index(result.paths[place]) != self._state.trail_index:
            self._session.go_to(trail.index(result.paths[place]))

    # A video

    def _frames_done(self) -> int:
        return sum(int(other.tally.known.sum()) for other in self._others if other.tally is not None)

    def _is_following(self) -> bool:
        """Tell whether more frames of the video are to come."""
        if self._state.clip is None or not any(other.follows for other in self._others):
            return False
        return self._session.playback.running or any(other.running for other in self._others)

    def _clip_changed(self) -> None:
        self._followed = False
        self.changed.emit()

    # Pictures

    def _start_pictures(self, name: str, source: str) -> None:
        state = self._state
        self._token += 1
        others = [other.model for other in self._others if other.model is not None]
        count = len(state.trail)
        self._pictures = ManyResult(
            (name, *(other.name for other in others)), count, tuple(Tally(count) for _ in others), state.trail,
            running=True,
        )  # fmt: skip
        self._pace = _Pace()
        if not self.service.isRunning():
            self.service.start()
        sources = (source, *(other.source for other in others))
        self.service.compare(FolderRequest(self._token, state.trail, sources, state.reading))
        self.changed.emit()

    def _stop_pictures(self) -> None:
        self.service.cancel()
        self._token += 1
        self._pictures.running, self._pictures.remaining_s = False, None

    def _compared(self, token: int, place: int, found: tuple[Comparison, ...]) -> None:
        if token == self._token:
            for tally, comparison in zip(self._pictures.tallies, found, strict=True):
                tally.put(place, comparison)
            self._one_more()

    def _failed(self, token: int, error: UserError) -> None:
        if token == self._token:
            self._pictures.failed += 1
            self._notifier.error(error)
            self._one_more()

    def _one_more(self) -> None:
        result = self._pictures
        result.remaining_s = self._pace.remaining_s(result.done, result.total)
        self.changed.emit()

    def _ended(self, token: int, error: UserError | None) -> None:
        if token == self._token:
            self._pictures.running, self._pictures.remaining_s = False, None
            if error is not None:
                self._notifier.error(error)
            self.changed.emit()
