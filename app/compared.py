"""One of the models that A is compared with: its worker, what it sees in the open picture, and in the open video.

In a video it looks at the box that A looked at, in every frame that A's run has reached. What it finds is kept, so
that it stands beside A while the video plays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.clip import NO_MAPS, PoseTrack
from app.playback import Playback
from app.services.ahead import RunRequest
from app.services.backend import Backend
from app.services.inference import InferenceRequest, InferenceResult, InferenceService
from app.services.worker import WorkerState
from app.session import Session
from app.state import ModelEntry, Picture
from core.compare import Comparison, compare
from core.compare_many import Tally
from core.errors import UserError
from core.pose import Pose

_LEAST_PIECE: Final = 24
"""While A is still on its way, frames are followed in pieces of so many: each opens the file anew."""


class Compared(QObject):
    """B, C or D. Its late answers are dropped, and whatever happens to it never disturbs A."""

    model_changed = Signal()
    """Another model is in use, or one could not be loaded and the old one stays."""
    compared = Signal()
    """Its pose and the comparison are new, or not known any more."""
    followed = Signal()
    """More frames of the video are done, or no more will be."""

    def __init__(self, session: Session, backend: Backend, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._state = session.state
        self._playback: Playback = session.playback
        self.letter = "B"
        self.on = False
        """Whether it is asked for anything."""
        self.model: ModelEntry | None = None
        self.pose: Pose | None = None
        self.comparison: Comparison | None = None
        self.activity = ""
        self._wanted = ""
        """The model that was asked for last."""
        self.dropped = 0
        self._token = 0
        self.follows = True
        """Whether it goes through the open video."""
        self.running = False
        self.tally: Tally | None = None
        """What it and A differ in over the open video."""
        self._track: PoseTrack | None = None
        self._lead: PoseTrack | None = None
        """A's poses of the open video that the two above belong to."""
        self._run_token = 0
        self._found_in_run = 0
        self.inference = InferenceService(backend, self)
        self.inference.setObjectName("inference beside A")
        self.inference.loaded.connect(self._loaded)
        self.inference.load_failed.connect(self._load_failed)
        self.inference.result.connect(self._arrived)
        self.inference.failed.connect(self._failed)
        self.inference.crashed.connect(self._crashed)
        self.inference.ahead.connect(self._found)
        self.inference.ahead_ended.connect(self._run_ended)
        self._state.clip_changed.connect(self._begin_anew)
        self._playback.progress.connect(self.follow)

    def switch(self, on: bool) -> None:
        """Begin or end asking it."""
        self.on = on
        if on and self.inference.state is WorkerState.STOPPED and not self.inference.isRunning():
            self.inference.start()
        self.look()
        self.follow()

    def choose(self, source: str) -> None:
        """Load a bundled name or a file. The model in use stays until it is loaded."""
        self._wanted = source
        self._say(f"loading model {self.letter}")
        self.inference.load(source)

    def follow_engine(self) -> None:
        """Load the model that was asked for last anew if another engine than that of now runs the one in use."""
        if self.model is not None and self.inference.engine != self.inference.backend.engine:
            self.choose(self._wanted)

    @property
    def is_loading(self) -> bool:
        """Whether a model is on its way."""
        return self.activity.startswith("loading")

    # The open picture

    def look(self) -> None:
        """Forget what it saw and look at A's picture and box."""
        self._token += 1
        state = self._state
        a, picture, before = state.pose, state.picture, self.pose
        self.pose = self.comparison = None
        kept = None
        if self.on and self.model is not None and a is not None and picture is not None:
            kept = self._kept(picture, a)
            if kept is not None:
                self.pose, self.comparison = kept, compare(a, kept)
            if not self._playback.playing:
                # What is kept of a video has no heatmaps; while it plays, nobody could see them.
                self.inference.infer(InferenceRequest(self._token, picture.rgb, a.box_px, state.reading))
        looking = self.on and self.model is not None and a is not None and kept is None and not self._playback.playing
        if looking:
            self.activity = f"{self.letter} looks at the box that A looked at"
        elif not self.is_loading:
            self.activity = ""
        if before is not None or self.on:
            self.compared.emit()

    def _kept(self, picture: Picture, a: Pose) -> Pose | None:
        """Return what it saw in this frame of the video, if in the same box."""
        if self._track is None or self._state.clip is None or self._lead is not self._playback.track:
            return None
        found = self._track.get(picture.frame)
        return found if found is not None and found.box_px == a.box_px else None

    def _arrived(self, result: InferenceResult) -> None:
        a = self._state.pose
        if result.token != self._token or a is None:
            self.dropped += 1
            return
        self.activity = ""
        self.pose = result.pose
        self.comparison = compare(a, result.pose)
        self.compared.emit()

    # The open video

    def follow(self) -> None:
        """Look at the frames that A has looked at and this model has not, unless it does already."""
        lead, clip, model = self._playback.track, self._state.clip, self.model
        if lead is None or clip is None or model is None:
            self._end_run()
            self._lead = self._track = self.tally = None
            return
        if lead is not self._lead:
            self._end_run()
            self._lead, self._track, self.tally = lead, PoseTrack(clip.count), Tally(clip.count)
        assert self._track is not None
        missing = lead.known & ~self._track.known
        if not self.on:
            self._end_run()
        if not self.on or not self.follows or self.running or not missing.any():
            return
        if self._playback.running and int(missing.sum()) < _LEAST_PIECE:
            return
        start = int(np.argmax(missing))
        gap = np.flatnonzero(~missing[start:])
        stop = clip.count if not gap.size else start + int(gap[0])
        self._run_token += 1
        self.running, self._found_in_run = True, 0
        request = RunRequest(
            self._run_token, clip, model, start, before=None, seeds=(), reading=self._state.reading,
            boxes=lead.boxes_px(start, stop),
        )  # fmt: skip
        self.inference.run_ahead(request)

    def _begin_anew(self) -> None:
        # Another video is gone through by itself again.
        self.follows = True

    def let_go(self) -> None:
        """Go no further through the video; what is done stays."""
        self.follows = False
        self._end_run()

    def _end_run(self) -> None:
        if self.running:
            self.inference.stop_ahead()
            self._run_token += 1
            self.running = False

    def _found(self, token: int, frame: int, pose: Pose) -> None:
        lead, track, tally, picture = self._lead, self._track, self.tally, self._state.picture
        if token != self._run_token or lead is None or track is None or tally is None:
            return
        a = lead.get(frame)
        assert a is not None
        # A's heatmaps are kept up to a limit; those of three more models would need three times as much.
        track.put(frame, replace(pose, heatmaps=NO_MAPS))
        tally.put(frame, compare(a, pose))
        self._found_in_run += 1
        if picture is not None and picture.frame == frame and self.pose is None:
            self.look()
        self.followed.emit()

    def _run_ended(self, token: int, error: UserError | None) -> None:
        if token != self._run_token:
            return
        self.running = False
        if error is not None:
            self.follows = False
            self._session.notifier.error(error)
        elif self._found_in_run:
            self.follow()
        # Else what is left does not decode any more.
        self.followed.emit()

    # The model

    def _loaded(self, entry: ModelEntry, _device: str) -> None:
        self.model = entry
        self.activity = ""
        self._end_run()
        self._lead = None
        if entry.source not in [model.source for model in self._state.models]:
            self._state.set_models([*self._state.models, entry])
        self.model_changed.emit()
        self.look()
        self.follow()
        # The choice may have changed while it was loaded.
        self.follow_engine()

    def _load_failed(self, source: str, error: UserError) -> None:
        self._say("")
        self._session.notifier.error(error)
        self.model_changed.emit()
        if self.model is not None and source == self._wanted != self.model.source:
            self._wanted = self.model.source
            self.follow_engine()

    def _failed(self, token: int, error: UserError) -> None:
        if token == self._token:
            self._say("")
            self._session.notifier.error(error)

    def _crashed(self, topic: str, error: Exception) -> None:
        self._say("")
        self._session.notifier.error(unexpected(topic, error))

    def _say(self, activity: str) -> None:
        if activity != self.activity:
            self.activity = activity
            self.compared.emit()


def unexpected(topic: str, error: Exception) -> UserError:
    """Turn a fault that nobody foresaw into a sentence."""
    told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return UserError(f"comparing met an unexpected fault in {topic} ({told})", "try again or restart")
