"""The scrub bar with the strips of bone lengths under it: one axis of time, a click goes there."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.clip import Clip, PoseTrack, Seeds
from app.colours import SIDE_COLOURS
from app.naming import short_name
from app.theme import Theme
from app.views.strip_data import ROWS, StripData, column_spread
from core import skeleton
from core.steadiness import Spike

LEFT: Final = 76
RIGHT: Final = 112
_BAR: Final = 24
_ROW: Final = 15
_TALLEST_ROW: Final = 34
_NEAR: Final = 6
"""A click this near to a spike, in pixels, means the spike."""


class TimeStrips(QWidget):
    """Draws the clip's time and its bones; emits the frame the user wants."""

    seek_asked = Signal(int)
    step_asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.data = StripData()
        self._clip: Clip | None = None
        self._track: PoseTrack | None = None
        self._theme: Theme | None = None
        self._frame = 0
        self._seeds: Seeds = ()
        self._rows_shown = True
        self._drawn: QPixmap | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Time, and the length of each bone over time")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for comfortable rows."""
        return QSize(640, _BAR + (len(ROWS) * _ROW if self._rows_shown else 4))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Allow small panels, but none where a row could not be read."""
        return QSize(320, _BAR + (len(ROWS) * _ROW if self._rows_shown else 4))

    # What is shown

    def show_clip(self, clip: Clip | None) -> None:
        """Show another clip's time."""
        self._clip, self._frame = clip, 0
        self._redraw()

    def show_track(self, track: PoseTrack | None, seeds: Seeds, limit_percent: float) -> None:
        """Show what is known of the poses now, and where tracking starts anew."""
        self._track, self._seeds = track, seeds
        if self._clip is not None:
            self.data.update(track, self._clip.index.rate, limit_percent)
        self._redraw()

    def show_frame(self, frame: int) -> None:
        """Put the play head at a frame."""
        if frame != self._frame:
            self._frame = frame
            self.update()

    def show_rows(self, shown: bool) -> None:
        """Show the strips of the bones, or the scrub bar alone."""
        self._rows_shown = shown
        # Without the strips the bar has its height and no more.
        self.setMaximumHeight(_BAR + (len(ROWS) * _TALLEST_ROW if shown else 4))
        self.updateGeometry()
        self._redraw()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self._theme = theme
        self._redraw()

    # Where things are

    def x_of(self, frame: int) -> float:
        """Return where a frame's time is, in pixels."""
        clip = self._clip
        if clip is None:
            return float(LEFT)
        times = clip.index.times_s
        span = max(float(times[-1] - times[0]), 1e-9)
        place = float(times[frame] - times[0]) / span
        return LEFT + place * self._width()

    def frame_at(self, x: float) -> int:
        """Return the frame whose time is nearest to a place."""
        clip = self._clip
        if clip is None:
            return 0
        times = clip.index.times_s
        wanted = times[0] + (x - LEFT) / self._width() * (times[-1] - times[0])
        after = int(np.clip(np.searchsorted(times, wanted), 1, max(clip.count - 1, 1)))
        if clip.count == 1:
            return 0
        return after if times[after] - wanted < wanted - times[after - 1] else after - 1

    def row_rect(self, row: int) -> QRectF:
        """Return where a strip is."""
        height = min((self.height() - _BAR - 2) // len(ROWS), _TALLEST_ROW)
        return QRectF(LEFT, _BAR + row * height, self._width(), height)

    def row_at(self, y: float) -> int | None:
        """Return the strip at a height."""
        if not self._rows_shown:
            return None
        return next((row for row in range(len(ROWS)) if self.row_rect(row).contains(LEFT, y)), None)

    def spike_near(self, x: float, y: float) -> Spike | None:
        """Return the spike that a click at this place means."""
        row = self.row_at(y)
        if row is None:
            return None
        near = [(abs(self.x_of(spike.frame) - x), spike) for spike in self.data.spikes if spike.bone in ROWS[row][1]]
        distance, spike = min(near, default=(np.inf, None))
        return spike if distance <= _NEAR else None

    def _width(self) -> float:
        return max(1.0, float(self.width() - LEFT - RIGHT))

    # The user

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go to a spike, or to a time."""
        if event.button() == Qt.MouseButton.LeftButton:
            place = event.position()
            spike = self.spike_near(place.x(), place.y())
            self.seek_asked.emit(self.frame_at(place.x()) if spike is None else spike.frame)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Scrub; over a spike, say that it can be clicked."""
        place = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.seek_asked.emit(self.frame_at(place.x()))
        else:
            over = self.spike_near(place.x(), place.y()) is not None
            self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Step with the arrow keys while the strip has the focus."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.step_asked.emit(step)

    def event(self, event: QEvent) -> bool:
        """Tell time and lengths under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._clip is not None:
            QToolTip.showText(event.globalPos(), self.tip(event.pos().x(), event.pos().y()), self)
            return True
        return super().event(event)

    def tip(self, x: float, y: float) -> str:
        """Return what is known about a place."""
        clip, track, row = self._clip, self._track, self.row_at(y)
        if clip is None:
            return ""
        spike = self.spike_near(x, y)
        frame = self.frame_at(x) if spike is None else spike.frame
        text = f"{clip.index.times_s[frame]:.2f} s, frame {frame}"
        for seed, box in self._seeds if y < _BAR else ():
            if abs(self.x_of(seed) - x) <= _NEAR:
                how = "was searched for anew" if box is None else "is followed from the box drawn"
                text += f"\nframe {seed}: the person {how} here"
        if row is None or track is None or not track.known[frame]:
            return text
        for bone in ROWS[row][1]:
            text += f"\n{short_name(skeleton.BONE_NAMES[bone])} {track.lengths_mm[frame, bone]:.0f} mm"
        if spike is not None:
            text += (
                f"\n{short_name(skeleton.BONE_NAMES[spike.bone])} jumps by {spike.percent:+.0f} %: click to go there"
            )
        return text

    # Drawing

    def resizeEvent(self, _event: object) -> None:  # noqa: N802
        """Draw anew."""
        self._redraw()

    def _redraw(self) -> None:
        self._drawn = None
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the strips, from the last drawing where nothing changed, and the play head over them."""
        if self._clip is None or self._theme is None:
            return
        painter = QPainter(self)
        if self._drawn is None:
            ratio = self.devicePixelRatioF()
            self._drawn = QPixmap(self.size() * ratio)
            self._drawn.setDevicePixelRatio(ratio)
            self._drawn.fill(Qt.GlobalColor.transparent)
            strips = QPainter(self._drawn)
            strips.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_bar(strips, self._theme)
            if self._rows_shown:
                for row in range(len(ROWS)):
                    self._draw_row(strips, self._theme, row)
                self._draw_spikes(strips, self._theme)
            strips.end()
        painter.drawPixmap(0, 0, self._drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = self.x_of(self._frame)
        accent = QColor(self._theme.accent)
        painter.setPen(QPen(accent, 1.4))
        bottom = self.row_rect(len(ROWS) - 1).bottom() if self._rows_shown else _BAR - 4
        painter.drawLine(QPointF(x, 12), QPointF(x, bottom))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        painter.drawEllipse(QPointF(x, 10), 6.0, 6.0)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(accent, 1.0, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _draw_bar(self, painter: QPainter, theme: Theme) -> None:
        groove = QRectF(LEFT, 7.5, self._width(), 5.0)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.border))
        painter.drawRoundedRect(groove, 2.5, 2.5)
        self._font(painter)
        painter.setPen(QColor(theme.muted))
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, LEFT - 8, 20), side, "Time")
        if self._rows_shown:
            where = QRectF(self.width() - RIGHT + 8, 0, RIGHT - 12, 20)
            painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "Variation R, L")
        if self._track is None:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        done = QColor(theme.accent)
        done.setAlpha(140)
        painter.setBrush(done)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], self._track.known, [False]]).astype(np.int8)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            left = self.x_of(start)
            painter.drawRect(QRectF(left, 7.5, max(self.x_of(end - 1) - left, 1.0), 5.0))

        painter.setBrush(QColor(theme.text))
        for seed, _box in self._seeds:
            x = self.x_of(seed)
            painter.drawPolygon(QPolygonF([QPointF(x - 3.5, 13.5), QPointF(x + 3.5, 13.5), QPointF(x, 19.5)]))

    def _draw_row(self, painter: QPainter, theme: Theme, row: int) -> None:
        label, bones = ROWS[row]
        rect = self.row_rect(row)
        inner = rect.adjusted(0, 1.5, 0, -1.5)
        painter.fillRect(inner, QColor(theme.window))
        self._font(painter)
        painter.setPen(QColor(theme.muted))
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, rect.top(), LEFT - 8, rect.height()), side, label)
        if self._track is None or not self._track.known.any():
            return
        low, high = self.data.ranges[row]
        for place, bone in enumerate(bones):
            colour = QColor(*SIDE_COLOURS[skeleton.BONES[bone].side])
            colour = colour if theme.dark else colour.darker(135)
            self._draw_line(painter, inner, bone, (low, high), colour)
            variation = self.data.variation[bone]
            text = "–" if np.isnan(variation) else f"{variation:.1f} %"
            painter.setPen(colour if theme.dark else colour.darker(115))
            # The left side's under the heading's L, wherever there is no right one too.
            left = self.width() - RIGHT + 8 + place * 50
            painter.drawText(QRectF(left, rect.top(), 48, rect.height()), Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_line(self, painter: QPainter, rect: QRectF, bone: int, span: tuple[float, float], colour: QColor) -> None:
        assert self._track is not None and self._clip is not None
        values = self._track.lengths_mm[:, bone]
        columns = int(min(len(values), max(2, rect.width())))
        low, high = column_spread(values, columns)
        frames = (np.arange(columns) * len(values)) // columns
        times = self._clip.index.times_s
        x = rect.left() + (times[frames] - times[0]) / max(times[-1] - times[0], 1e-9) * rect.width()
        scale = rect.height() / max(span[1] - span[0], 1e-9)
        tops = np.clip(rect.bottom() - (high - span[0]) * scale, rect.top(), rect.bottom())
        bottoms = np.clip(rect.bottom() - (low - span[0]) * scale, rect.top(), rect.bottom())
        painter.setPen(QPen(colour, 1.2))
        known = ~np.isnan(low)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            points = []
            for column in range(start, end):
                points.append(QPointF(x[column], bottoms[column]))
                if tops[column] != bottoms[column]:
                    points.append(QPointF(x[column], tops[column]))
            if len(points) == 1:
                painter.drawPoint(points[0])
            else:
                painter.drawPolyline(QPolygonF(points))

    def _draw_spikes(self, painter: QPainter, theme: Theme) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.warning))
        row_of = {bone: row for row, (_, bones) in enumerate(ROWS) for bone in bones}
        seen: set[tuple[int, int]] = set()
        for spike in self.data.spikes:
            row, x = row_of[spike.bone], self.x_of(spike.frame)
            if (row, round(x)) in seen:
                continue
            seen.add((row, round(x)))
            top = self.row_rect(row).top() + 1.5
            painter.drawPolygon(QPolygonF([QPointF(x - 3, top), QPointF(x + 3, top), QPointF(x, top + 4.5)]))

    def _font(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
