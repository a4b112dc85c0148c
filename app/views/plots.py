"""How plots look in both themes."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtGui import QFont

from app.theme import Theme

TICK_PX = 11


def tick_font(plot: pg.PlotWidget) -> QFont:
    """Return the small font of a plot's ticks and labels."""
    font = QFont(plot.font())
    font.setPixelSize(TICK_PX)
    return font


def paint(plot: pg.PlotWidget, theme: Theme) -> None:
    """Give a plot the theme's background and quiet axes."""
    plot.setBackground(theme.panel)
    for name in ("left", "bottom"):
        axis = plot.getPlotItem().getAxis(name)
        axis.setPen(theme.border)
        axis.setTextPen(theme.muted)
        axis.setTickFont(tick_font(plot))
