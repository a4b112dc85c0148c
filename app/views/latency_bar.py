"""A bar of the time from capture to screen, one piece for each part of the way."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.colours import LATENCY_COLOURS
from app.live.latency import PARTS
from app.theme import ThemeWatcher

LIMIT_MS: Final = 150.0
"""What the bar's whole width stands for, unless a frame takes longer: under it, the body seems to follow at once."""
_NUMBER_PX: Final = 58
_HEIGHT_PX: Final = 22


class LatencyBar(QWidget):
    """Shows medians in milliseconds, and explains each part where the pointer rests."""

    def __init__(self, themes: ThemeWatcher) -> None:
        super().__init__()
        self._themes = themes
        self.parts_ms: dict[str, float] = {}
        self.setMinimumWidth(150)
        self.setFixedHeight(_HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Latency")
        themes.changed.connect(self.update)

    @property
    def whole_ms(self) -> float:
        """The time from capture to screen."""
        return sum(self.parts_ms.values())

    def show_parts(self, parts_ms: dict[str, float]) -> None:
        """Show milliseconds by part; empty for nothing measured yet."""
        self.parts_ms = parts_ms
        self.setAccessibleDescription(self.legend().replace("\n", ", "))
        self.update()

    def legend(self) -> str:
        """Return every part with its time, one a line."""
        if not self.parts_ms:
            return "from capture to screen: nothing measured yet"
        lines = [f"{self.parts_ms.get(key, 0.0):5.1f} ms  {name}: {tip}" for key, name, tip in PARTS]
        return "\n".join([f"{self.whole_ms:.0f} ms from capture to screen (medians)", *lines])

    def sizeHint(self) -> QSize:  # noqa: N802
        """Prefer room for the names of the longer parts."""
        return QSize(300, _HEIGHT_PX)

    def pieces(self) -> list[tuple[str, QRectF]]:
        """Return each part's key and where it is drawn."""
        room = self.width() - _NUMBER_PX
        scale = room / max(LIMIT_MS, self.whole_ms)
        x, found = 0.0, []
        for key, _name, _tip in PARTS:
            width = scale * self.parts_ms.get(key, 0.0)
            found.append((key, QRectF(x, 3, width, self.height() - 6)))
            x += width
        return found

    def event(self, event: QEvent) -> bool:
        """Explain where the pointer rests."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.legend(), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the pieces side by side, the longer ones with their names, and the sum."""
        theme = self._themes.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(0, 3, self.width() - _NUMBER_PX, self.height() - 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.border))
        painter.drawRoundedRect(room, 3, 3)
        names = {key: name for key, name, _tip in PARTS}
        small = QFont(self.font())
        small.setPointSizeF(max(6.5, small.pointSizeF() - 1.5))
        for key, place in self.pieces():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*LATENCY_COLOURS[key]))
            painter.drawRect(place.adjusted(0, 0, -1 if place.width() > 3 else 0, 0))
            painter.setFont(small)
            if painter.fontMetrics().horizontalAdvance(names[key]) + 6 <= place.width():
                painter.setPen(QColor("#ffffff"))
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), names[key])
        painter.setFont(self.font())
        painter.setPen(QColor(theme.text if self.parts_ms else theme.muted))
        number = QRectF(QPointF(room.right() + 6, 0), self.rect().bottomRight())
        text = f"{self.whole_ms:.0f} ms" if self.parts_ms else "– ms"
        painter.drawText(number, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
