"""A box to choose a name in that keeps names apart also where there is no room for the whole of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

from app.naming import common_start

_AROUND_PX = 2
"""What the style keeps free at the sides of the text."""


class NameBox(QComboBox):
    """Leaves out what the names beside it begin with too, and then the middle; the tool tip has the whole name."""

    def __init__(self, beside: Callable[[], Sequence[str]], tip: str) -> None:
        """Make an empty box.

        Args:
            beside: gives the names that are to be told apart, this box's own among them.
            tip: what the box is for.
        """
        super().__init__()
        self._beside = beside
        self._tip = tip
        self.currentTextChanged.connect(self._tell)
        self._tell("")

    def shown_text(self) -> str:
        """Return as much of the name as is drawn."""
        option = self._option()
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width() - _AROUND_PX
        metrics, name = self.fontMetrics(), self.currentText()
        start = common_start(self._beside())
        rest = name.removeprefix(start)
        for text in (name, f"…{rest}"):
            if metrics.horizontalAdvance(text) <= room:
                return text
        return metrics.elidedText(rest, Qt.TextElideMode.ElideMiddle, room)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the box as the style does, with the text that fits."""
        painter, option = QStylePainter(self), self._option()
        if self.currentIndex() >= 0:
            option.currentText = self.shown_text()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option

    def _tell(self, name: str) -> None:
        self.setToolTip(f"{name}\n{self._tip}" if name else self._tip)
