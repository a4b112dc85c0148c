"""How far the models are from A over the time of the open video: a strip under the timeline, on its axis of time."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.colours import compare_ink
from app.comparing import Comparing
from app.session import Session
from app.theme import ThemeWatcher
from app.views.strip_data import column_spread
from app.views.time_strips import LEFT, RIGHT
from core.compare_many import Tally

_HEIGHT: Final = 40
_LEAST_MM: Final = 20.0
"""The scale never reaches less far up, so that a difference of nothing does not look like one."""


class DifferenceStrip(QWidget):
    """One line for each model beside A; a click goes to that time."""

    def __init__(self, session: Session, themes: ThemeWatcher, comparing: Comparing) -> None:
        super().__init__()
        self._state = session.state
        self._playback = session.playback
        self._themes = themes
        self._comparing = comparing
        self._has_room = True
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Distance of the models from A over time")
        self.setMouseTracking(True)
        for signal in (comparing.changed, comparing.many.changed, self._state.clip_changed):
            signal.connect(self._refresh)
        self._playback.wanted_changed.connect(self.update)
        themes.changed.connect(self.update)
        self._refresh()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for one row."""
        return QSize(640, _HEIGHT)

    def give_room(self, enough: bool) -> None:
        """Say whether there is room for it in the window."""
        if enough != self._has_room:
            self._has_room = enough
            self._refresh()

    def _refresh(self) -> None:
        self.setVisible(self._has_room and self._comparing.on and self._state.clip is not None)
        self.update()

    def _tallies(self) -> tuple[Tally, ...]:
        result = self._comparing.many.result
        return result.tallies if result.times_s is not None else ()

    def _width(self) -> float:
        return max(1.0, float(self.width() - LEFT - RIGHT))

    def _x_of(self, frame: int) -> float:
        clip = self._state.clip
        assert clip is not None
        times = clip.index.times_s
        return LEFT + float(times[frame] - times[0]) / max(float(times[-1] - times[0]), 1e-9) * self._width()

    def frame_at(self, x: float) -> int:
        """Return the frame whose time is nearest to a place."""
        clip = self._state.clip
        if clip is None:
            return 0
        times = clip.index.times_s
        wanted = times[0] + (x - LEFT) / self._width() * (times[-1] - times[0])
        return int(np.argmin(np.abs(times - wanted)))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go to a time."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._playback.seek(self.frame_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Scrub."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._playback.seek(self.frame_at(event.position().x()))

    def event(self, event: QEvent) -> bool:
        """Tell the distances under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._state.clip is not None:
            QToolTip.showText(event.globalPos(), self.tip(event.pos().x()), self)
            return True
        return super().event(event)

    def tip(self, x: float) -> str:
        """Return what is known about a place."""
        clip = self._state.clip
        if clip is None:
            return ""
        frame = self.frame_at(x)
        lines = [f"{clip.index.times_s[frame]:.2f} s, frame {frame}"]
        for letter, tally in zip(self._comparing.letters[1:], self._tallies(), strict=False):
            if tally.known[frame]:
                lines.append(f"{letter} {tally.mean_mm[frame]:.0f} mm from A")
        return "\n".join(lines)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the lines on one scale, and the play head over them."""
        clip, theme, tallies = self._state.clip, self._themes.theme, self._tallies()
        if clip is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        rect = QRectF(LEFT, 2.0, self._width(), self.height() - 6.0)
        painter.fillRect(rect, QColor(theme.window))
        painter.setPen(QColor(theme.muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, rect.top(), LEFT - 8, rect.height()), right, "From A, mm")
        known = [tally.mean_mm[tally.known] for tally in tallies if tally.known.any()]
        top = max([_LEAST_MM, *(float(values.max()) for values in known)])
        for place, tally in enumerate(tallies):
            ink = QColor(*compare_ink(place + 1, theme.dark))
            self._draw_line(painter, rect, tally, top, ink)
            self._draw_mean(painter, rect, place, len(tallies), tally, ink)
        painter.setPen(QPen(QColor(theme.accent), 1.4))
        x = self._x_of(min(self._playback.wanted, clip.count - 1))
        painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))

    def _draw_mean(self, painter: QPainter, rect: QRectF, place: int, count: int, tally: Tally, ink: QColor) -> None:
        """Write a model's mean distance at the right, one under the other."""
        if not tally.known.any():
            return
        height = rect.height() / max(count, 1)
        where = QRectF(self.width() - RIGHT + 8, rect.top() + place * height, RIGHT - 12, height)
        painter.setPen(ink)
        mean = float(tally.mean_mm[tally.known].mean())
        text = f"{self._comparing.letters[place + 1]} mean {mean:.0f}"
        painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_line(self, painter: QPainter, rect: QRectF, tally: Tally, top: float, ink: QColor) -> None:
        values = tally.mean_mm
        columns = int(min(len(values), max(2, rect.width())))
        low, high = column_spread(values, columns)
        frames = (np.arange(columns) * len(values)) // columns
        x = [self._x_of(int(frame)) for frame in frames]
        scale = (rect.height() - 3.0) / top
        painter.setPen(QPen(ink, 1.4))
        known = np.concatenate([[False], ~np.isnan(low), [False]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(known))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            points = [
                QPointF(x[column], rect.bottom() - value * scale)
                for column in range(start, end)
                for value in dict.fromkeys((float(low[column]), float(high[column])))
            ]
            if len(points) == 1:
                painter.drawPoint(points[0])
            else:
                painter.drawPolyline(QPolygonF(points))
