"""How plots look in both themes."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont

from app.theme import Theme

TICK_PX = 11


def tick_font(plot: pg.PlotWidget) -> QFont:
    """Return the small font of a plot's ticks and labels."""
    font = QFont(plot.font())
    font.setPixelSize(TICK_PX)
    return font


def paint(plot: pg.PlotWidget, theme: Theme) -> None:
    """Give a plot the theme's background and quiet axes. It has nothing to do for the keyboard."""
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setBackground(theme.panel)
    for name in ("left", "bottom"):
        axis = plot.getPlotItem().getAxis(name)
        axis.setPen(theme.border)
        axis.setTextPen(theme.muted)
        axis.setTickFont(tick_font(plot))


class SignedAxis(pg.AxisItem):
    """An axis whose negative numbers have a minus as in the tables, and whose grid lies behind what is drawn."""

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.setZValue(-1)

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        """Return the ticks' numbers."""
        return [text.replace("-", "−") for text in super().tickStrings(values, scale, spacing)]
