"""Curves of a training run: loss terms, PCK, speed, over the steps."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.services.training import RunView
from app.theme import ThemeWatcher
from app.views import plots

_TERMS: Final = (
    # column of the log, name, colour that reads on dark and on light
    ("loss", "total", "#8d96a8"),
    ("heatmap", "L_2D (heatmaps)", "#3f8ff0"),
    ("depth", "L_reg (depth)", "#ef7440"),
    ("geometry", "L_geo (geometry)", "#3fae62"),
)
_PLOTS: Final = (
    ("loss", "loss, logarithmic", _TERMS),
    ("pck", "PCK, %", (("pck", "PCK at 0.2 torso, held-out photos", "#b06be0"),)),
    ("speed", "images/s", (("images_per_s", "speed", "#c99a1c"),)),
)
_LEAST_RANGE: Final = {"pck": 5.0, "loss": 1.0}
"""Percent, and powers of ten."""


class Curves(QWidget):
    """Three plots with one step axis."""

    def __init__(self, themes: ThemeWatcher) -> None:
        super().__init__()
        self._themes = themes
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._plots: list[pg.PlotWidget] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._key())
        for name, label, terms in _PLOTS:
            plot = self._plot(label, terms)
            plot.setLogMode(x=False, y=name == "loss")
            # A tenth of a percent must not look like a leap; in less than a power of ten the axis would have no number.
            if name in _LEAST_RANGE:
                plot.setLimits(minYRange=_LEAST_RANGE[name])
            column.addWidget(plot, 3 if name == "loss" else 2 if name == "pck" else 1)
            if self._plots:
                plot.setXLink(self._plots[0])
            self._plots.append(plot)
        self._plots[-1].setLabel("bottom", "step")
        themes.changed.connect(self._retheme)
        self._retheme()
        self.show_run(RunView())

    @staticmethod
    def _key() -> QLabel:
        """Return the legend of the losses: above the plot, where it hides no curve."""
        words = [f"<span style='color:{colour}'>●</span>&nbsp;{name}" for _column, name, colour in _TERMS]
        label = QLabel("&nbsp;&nbsp;&nbsp; ".join(words), objectName="muted")
        label.setContentsMargins(64, 0, 0, 0)
        return label

    def _plot(self, label: str, terms: tuple[tuple[str, str, str], ...]) -> pg.PlotWidget:
        plot = pg.PlotWidget()
        plot.setAccessibleName(label)
        plot.getPlotItem().setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.showGrid(y=True, alpha=0.18)
        plot.setLabel("left", label)
        plot.getAxis("left").setWidth(64)
        for key, name, colour in terms:
            width = 1.4 if key == "loss" else 2.0
            style = Qt.PenStyle.DashLine if key == "loss" else Qt.PenStyle.SolidLine
            pen = pg.mkPen(colour, width=width, style=style)
            dots = {"symbol": "o", "symbolSize": 5, "symbolBrush": colour, "symbolPen": None} if key == "pck" else {}
            self._curves[key] = plot.plot(name=name, pen=pen, **dots)
            plot.setToolTip(name if len(terms) == 1 else "Means over the steps since the last row of the log")
        return plot

    def show_run(self, view: RunView) -> None:
        """Draw what the log has."""
        for plot in self._plots:
            # Axes from 0 to 1 would say something about a run that has said nothing yet.
            for name in ("left", "bottom"):
                plot.getAxis(name).setStyle(showValues=bool(view.steps))
        steps = np.array(view.steps, dtype=np.float64)
        for key, curve in self._curves.items():
            values = np.array(view.terms.get(key, ()), dtype=np.float64)
            if values.size != steps.size:
                values = np.full(steps.size, np.nan)
            # A term that a stage does not use is zero, which has no logarithm.
            kept = np.isfinite(values) & ((values > 0) | (key in ("pck", "images_per_s")))
            curve.setData(steps[kept], values[kept])

    def values(self, key: str) -> tuple[list[float], list[float]]:
        """Return (steps, values) of one curve, as drawn."""
        x, y = self._curves[key].getOriginalDataset()
        return ([], []) if x is None or y is None else ([float(v) for v in x], [float(v) for v in y])

    def _retheme(self) -> None:
        for plot in self._plots:
            plots.paint(plot, self._themes.theme)
