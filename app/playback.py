"""Time in a clip: which frame is shown, playing, and the poses computed ahead of the user.

The rule for poses: a run in the background looks at every frame from the first on, exactly as the command ``predict``
does (``core.track``), and what it finds is kept. A box drawn in a frame starts the tracking anew there; the frames
before it stay as they are. Where the user stands still on a frame that the run has not reached, that frame is searched
by itself at once; this pose is shown but not kept, and the run's replaces it when it arrives. While the clip plays,
frames that the run has not reached show no pose: searching them would only hold up the run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal

from app.clip import Clip, PoseTrack, Seeds, TrackKey, Tracks, first_difference
from app.notifications import Notifier
from app.services.ahead import RunRequest
from app.services.clips import ClipService, FrameRequest
from app.services.inference import InferenceRequest, InferenceService
from app.state import AppState, Picture
from core.errors import UserError
from core.pose import Pose

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
_TICK_MS: Final = 15


class Playback(QObject):
    """Plays and scrubs the open clip and keeps its poses."""

    playing_changed = Signal()
    speed_changed = Signal()
    progress = Signal()
    """Poses were found, or another setting's poses are shown."""
    wanted_changed = Signal()
    """The user wants another frame; it is shown as soon as it is decoded."""

    def __init__(self, state: AppState, notifier: Notifier, inference: InferenceService, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._notifier = notifier
        self._inference = inference
        self.clips = ClipService(self)
        self.wanted = 0
        """The frame the user wants to see."""
        self.speed = 1.0
        self.track: PoseTrack | None = None
        self.seeds: Seeds = ()
        """Where tracking starts anew."""
        self._tracks: Tracks | None = None
        self._key: TrackKey | None = None
        self._shown_token = self._asked_token = 0
        self._run_token = 0
        self.running = False
        """Whether frames are being looked at ahead."""
        self._timer = QTimer(self, interval=_TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._clock = QElapsedTimer()
        self._started_s = 0.0
        self.clips.decoded.connect(self._decoded)
        self.clips.lost.connect(self._lost)
        inference.ahead.connect(self._found)
        inference.ahead_ended.connect(self._run_ended)

    @property
    def playing(self) -> bool:
        """Whether the clip plays."""
        return self._timer.isActive()

    @property
    def clip(self) -> Clip | None:
        """The open clip."""
        return self._state.clip

    def take(self, clip: Clip | None) -> None:
        """Let go of the clip before and show this one from its start; None where a picture is shown instead."""
        self.pause()
        self._end_run()
        # Frames of the clip before that are still on their way are late.
        self._shown_token = self._asked_token = self._asked_token + 1
        self._tracks = None if clip is None else Tracks(clip.count)
        self.track, self._key, self.seeds = None, None, ()
        self.wanted = 0
        self._state.set_clip(clip)
        self.wanted_changed.emit()
        self.progress.emit()

    # Time

    def seek(self, frame: int) -> None:
        """Show a frame, or the nearest there is."""
        if self.clip is None:
            return
        self._want(frame)
        self._restart_clock()

    def step(self, by: int) -> None:
        """Pause and go some frames on."""
        if self.clip is not None:
            self.pause()
            self.seek(self.wanted + by)

    def toggle(self) -> None:
        """Play, or pause; at the end, play from the start."""
        if self.clip is None:
            self._notifier.info("there is no video to play", "open one (Ctrl+O) or drop it on the window")
        elif self.playing:
            self.pause()
        else:
            if self.wanted >= self.clip.count - 1:
                self._want(0)
            self._restart_clock()
            self._timer.start()
            self.playing_changed.emit()

    def pause(self) -> None:
        """Stand still, and look at the frame that is shown."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit()
            self._look_at_shown()

    def set_speed(self, speed: float) -> None:
        """Play faster or slower."""
        if speed != self.speed:
            self.speed = speed
            self._restart_clock()
            self.speed_changed.emit()

    def faster(self, by: int) -> None:
        """Take the next speed of the list, or the one before."""
        place = SPEEDS.index(self.speed) + by
        self.set_speed(SPEEDS[min(max(place, 0), len(SPEEDS) - 1)])

    def _want(self, frame: int) -> None:
        clip = self.clip
        if clip is None:
            return
        frame = min(max(frame, 0), clip.count - 1)
        if frame != self.wanted:
            self.wanted = frame
            self.wanted_changed.emit()
            self._asked_token += 1
            self.clips.show(FrameRequest(self._asked_token, clip, frame))

    def _restart_clock(self) -> None:
        if self.clip is not None:
            self._started_s = float(self.clip.index.times_s[self.wanted])
            self._clock.start()

    def _tick(self) -> None:
        clip = self.clip
        if clip is None or self._shown_token != self._asked_token:
            # The frame asked for last is not there yet: time goes on, and the frames in between are left out.
            return
        now_s = self._started_s + self.speed * self._clock.elapsed() / 1000.0
        if now_s >= clip.index.times_s[-1]:
            self._want(clip.count - 1)
            self.pause()
        else:
            self._want(clip.index.at(now_s))

    # Frames

    def _decoded(self, token: int, picture: Picture) -> None:
        clip = self.clip
        if clip is None or token <= self._shown_token or picture.path != clip.path:
            return
        self._shown_token = token
        if token == self._asked_token and picture.frame != self.wanted:
            # A damaged frame: the reader gave its neighbour.
            self.wanted = picture.frame
            self.wanted_changed.emit()
        self._state.next_token()
        self._state.set_box(dict(self.seeds).get(picture.frame))
        self._state.set_frame(picture, None if self.track is None else self.track.get(picture.frame))
        if not self.playing and token == self._asked_token:
            self._look_at_shown()

    def _lost(self, token: int, error: UserError) -> None:
        if token > self._shown_token:
            self._shown_token = token
            self.pause()
            self._notifier.error(error)

    # Poses

    def seed(self, seeds: Seeds) -> None:
        """Start the tracking anew at other frames or in other boxes, and go to where that changes something."""
        changed = first_difference(self.seeds, seeds)
        self.seeds = seeds
        picture = self._state.picture
        if changed is None or picture is None:
            return
        if picture.frame != changed:
            self.seek(changed)
        self._state.set_box(dict(seeds).get(picture.frame))

    def look(self) -> None:
        """Use the poses of the model, box and settings of now, and find those that are missing."""
        model = self._state.model
        if self.clip is None or self._tracks is None or model is None:
            return
        key = (model.source, model.sha256, self._inference.engine, self._state.reading, self.seeds)
        track = self._tracks.of(key)
        if self.track is not None and self._key is not None and self._key[:-1] == key[:-1] and not track.known.any():
            track.take_over(self.track, first_difference(self._key[-1], self.seeds) or 0)
        self.track, self._key = track, key
        self._start_run()
        self.progress.emit()
        picture = self._state.picture
        pose = None if picture is None else self.track.get(picture.frame)
        if pose is not None:
            self._state.set_pose(pose)
        self._look_at_shown()

    def received(self, pose: Pose) -> Pose:
        """Take the answer for the frame that is shown; return what to show."""
        picture, track = self._state.picture, self.track
        if picture is None or track is None:
            return pose
        if picture.frame in dict(self.seeds):
            # Where tracking starts anew, nothing depends on the frame before: this is what the run will find.
            track.put(picture.frame, pose)
            self.progress.emit()
        known = track.get(picture.frame)
        if known is None:
            return pose
        track.put_maps(picture.frame, pose.heatmaps)
        return replace(known, heatmaps=pose.heatmaps)

    @property
    def provisional(self) -> bool:
        """Whether the pose that is shown comes from searching this frame alone, before the run has reached it."""
        picture, track = self._state.picture, self.track
        if self._state.pose is None or picture is None or track is None or self.clip is None:
            return False
        return not track.known[picture.frame]

    def _look_at_shown(self) -> None:
        """Ask for what is missing of the frame that is shown: its pose, or only its heatmaps."""
        picture, track, box = self._state.picture, self.track, self._state.box_px
        if picture is None or track is None or self.playing or self.clip is None:
            return
        known = track.get(picture.frame)
        if known is not None and track.has_maps(picture.frame):
            return
        token = self._state.next_token()
        box = known.box_px if known is not None else box
        self._inference.infer(InferenceRequest(token, picture.rgb, box, self._state.reading))

    def _start_run(self) -> None:
        clip, track, model = self.clip, self.track, self._state.model
        if clip is None or track is None or model is None:
            return
        self._end_run()
        start = track.run_length()
        if start >= clip.count:
            return
        self._run_token += 1
        self.running = True
        before = track.get(start - 1) if start else None
        how = (self.seeds, self._state.reading)
        self._inference.run_ahead(RunRequest(self._run_token, clip, model, start, before, *how))

    def _end_run(self) -> None:
        self._inference.stop_ahead()
        self._run_token += 1
        self.running = False

    def _found(self, token: int, frame: int, pose: Pose) -> None:
        track, picture = self.track, self._state.picture
        if token != self._run_token or track is None:
            return
        track.put(frame, pose)
        if picture is not None and picture.frame == frame:
            # An answer for this frame that is still on its way is late now.
            self._state.next_token()
            self._state.set_activity("")
            self._state.set_pose(pose)
        self.progress.emit()

    def _run_ended(self, token: int, error: UserError | None) -> None:
        if token != self._run_token:
            return
        self.running = False
        if error is not None:
            self._notifier.error(error)
        self.progress.emit()
