"""The timeline of a video: play, step and speed in its header, the scrub bar and the strips of the bones under it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QLabel, QToolButton

from app import icons
from app.playback import SPEEDS, Playback
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.panel import Panel, keep_keys
from app.views.time_strips import TimeStrips

_REFRESH_MS = 250
_NO_LIMIT = 16_777_215
"""The largest height Qt knows."""


class TimelinePanel(Panel):
    """Shown for videos only."""

    limited = Signal()
    """Without the strips it wants less height than it may have."""

    def __init__(self, state: AppState, themes: ThemeWatcher, playback: Playback) -> None:
        super().__init__("Video")
        self._state = state
        self._themes = themes
        self._playback = playback
        self._has_room = self._rows_shown = True
        self.strips = TimeStrips()
        keep_keys(self.strips)
        self.readout = QLabel(objectName="sentence")
        self._add_controls()
        self.add_content(self.strips, 1)
        # Poses come more often than anybody can read; drawing each would slow them down.
        self._refresh = QTimer(self, singleShot=True, interval=_REFRESH_MS)
        self._refresh.timeout.connect(self._show_track)
        self._connect()
        self._retheme()
        self._show_clip()
        self._show_rows()

    def go_to_jump(self, by: int) -> None:
        """Go to the next frame at which a bone's length jumps, or to the one before."""
        wanted = self._playback.wanted
        frames = sorted({spike.frame for spike in self.strips.data.spikes})
        ahead = [frame for frame in frames if frame > wanted] if by > 0 else [f for f in frames[::-1] if f < wanted]
        if ahead:
            self._playback.step(ahead[0] - wanted)

    def _add_controls(self) -> None:
        self.back = QToolButton(toolTip="One frame back (,)")
        self.play = QToolButton(toolTip="Play or pause (Space)")
        self.on = QToolButton(toolTip="One frame on (.)")
        for button, name in ((self.back, "One frame back"), (self.play, "Play or pause"), (self.on, "One frame on")):
            button.setAccessibleName(name)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.speed = QComboBox()
        self.speed.setToolTip("Speed of playing ([ slower, ] faster)")
        self.speed.setAccessibleName("Speed")
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g} ×", speed)
        self.speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        keep_keys(self.speed)
        for place, widget in enumerate((self.back, self.play, self.on, self.readout)):
            self._header.insertWidget(1 + place, widget)
        self.add_control(self.speed)

    def _connect(self) -> None:
        state, playback = self._state, self._playback
        state.clip_changed.connect(self._show_clip)
        state.frame_changed.connect(self._show_frame)
        state.pose_changed.connect(self._show_note)
        state.display_changed.connect(self._show_rows)
        playback.wanted_changed.connect(self._show_frame)
        playback.playing_changed.connect(self._show_playing)
        playback.speed_changed.connect(self._show_speed)
        playback.progress.connect(self._later)
        self._themes.changed.connect(self._retheme)
        self.back.clicked.connect(lambda: playback.step(-1))
        self.on.clicked.connect(lambda: playback.step(1))
        self.play.clicked.connect(playback.toggle)
        self.speed.activated.connect(lambda index: playback.set_speed(self.speed.itemData(index)))
        self.strips.seek_asked.connect(playback.seek)
        self.strips.step_asked.connect(playback.step)

    def _show_clip(self) -> None:
        clip = self._state.clip
        self.setVisible(clip is not None)
        self.strips.show_clip(clip)
        self._show_track()
        self._show_frame()
        self._show_speed()

    def _show_frame(self) -> None:
        clip, wanted = self._state.clip, self._playback.wanted
        if clip is None:
            return
        self.strips.show_frame(wanted)
        times = clip.index.times_s
        now, end = float(times[min(wanted, clip.count - 1)]), float(times[-1])
        self.readout.setText(f"{clock(now, end)} of {clock(end, end)}   frame {wanted} of {clip.count - 1}")

    def _show_playing(self) -> None:
        playing = self._playback.playing
        theme = self._themes.theme
        self.play.setIcon(icons.icon("pause" if playing else "play", theme.text, theme.border))
        self._show_note()

    def _show_speed(self) -> None:
        self.speed.setCurrentIndex(self.speed.findData(self._playback.speed))

    def give_room(self, enough: bool) -> None:
        """Say whether there is room for the strips of the bones under the scrub bar."""
        if enough != self._has_room:
            self._has_room = enough
            self._show_rows()

    def _show_rows(self) -> None:
        self._rows_shown = self._state.display.strips and self._has_room
        self.strips.show_rows(self._rows_shown)
        self._limit_height()

    def event(self, event: QEvent) -> bool:
        """Follow what the parts ask for."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._limit_height()
        return super().event(event)

    def _limit_height(self) -> None:
        """Without the strips there is nothing that could use more height."""
        limit = _NO_LIMIT if self._rows_shown else self.minimumSizeHint().height()
        if limit != self.maximumHeight():
            self.setMaximumHeight(limit)
            self.limited.emit()

    def _later(self) -> None:
        if not self._refresh.isActive():
            self._refresh.start()

    def _show_track(self) -> None:
        self._refresh.stop()
        if self._state.clip is not None:
            self.strips.show_track(self._playback.track, self._playback.seeds, self._state.verdict_limits[0])
        self._show_note()

    def _show_note(self) -> None:
        clip, track = self._state.clip, self._playback.track
        if clip is None or track is None:
            self.note.setText("")
            return
        done, count = int(track.known.sum()), clip.count
        text = f"{len(self.strips.data.spikes)} jumps of a bone" if self.strips.data.spikes else ""
        if self._playback.running:
            text = f"poses of {done} of {count} frames, more on the way" if done < count else text
        elif done < count:
            text = f"poses of {done} of {count} frames"
        if self._playback.provisional:
            text += "; this frame was searched by itself until they arrive"
        self.note.setText(text)
        self.note.setToolTip(
            "Poses are found from the first frame on, each in the box around the joints of the frame before.\n"
            "A frame that this has not reached is searched by itself where you stand still on it."
        )

    def _retheme(self) -> None:
        theme = self._themes.theme
        self.back.setIcon(icons.icon("step-back", theme.text, theme.border))
        self.on.setIcon(icons.icon("step-on", theme.text, theme.border))
        self.strips.set_theme(theme)
        self._show_playing()


def clock(seconds: float, longest: float) -> str:
    """Write a time as minutes and seconds, with hours where the longest needs them."""
    minutes, rest = divmod(round(max(seconds, 0.0) * 100), 6000)
    text = f"{rest / 100:05.2f}"
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if longest >= 3600 else f"{minutes}:{text}"
