"""What a whole folder says about two models: how deviation and asymmetry are spread, and where they differ most."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSplitter, QVBoxLayout, QWidget

from app.colours import COMPARE_COLOURS
from app.comparing import Comparing
from app.naming import short_name
from app.state import AppState
from app.theme import ThemeWatcher
from app.views import plots
from app.views.rows_model import Row, RowsModel, RowsTable
from core.compare import Comparison, Distribution, Summary, bin_edges, summarise

COLUMNS: Final = (
    ("Where they differ most", "Click a picture to open it"),
    ("mm", "Mean distance of the 16 joints in millimetres"),
    ("px", "Mean distance of the 16 joints in pixels of that picture"),
    ("degrees", "Mean angle between the bones' directions"),
    ("Most of all", "The joint that differs most there, and by how many millimetres"),
)
_REFRESH_MS: Final = 250


class Histogram(pg.PlotWidget):
    """The distribution of one quantity for A and B as two outlines, in percent of all values."""

    def __init__(self, title: str, themes: ThemeWatcher) -> None:
        super().__init__()
        self._themes = themes
        self._title = title
        self._means = ("", "")
        self.setMinimumSize(180, 110)
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.setLabel("bottom", f"{title}, %")
        plot.setLabel("left", "share, %")
        plot.showGrid(y=True, alpha=0.18)
        edges = bin_edges()
        last = int(edges[-1])
        ticks = [(float(value), str(value)) for value in range(0, last, 20)]
        # The last bin holds whatever is beyond it.
        plot.getAxis("bottom").setTicks([[*ticks, (float(last), f"{last}+")]])
        plot.setXRange(0, last * 1.03, padding=0)
        self.curves = [plot.plot(edges, np.zeros(len(edges) - 1), stepMode="center") for _ in "AB"]
        self._label = pg.TextItem(anchor=(1.0, 0.0))
        plot.addItem(self._label, ignoreBounds=True)
        themes.changed.connect(self._retheme)
        self._retheme()

    def show_spread(self, names: tuple[str, str], pair: tuple[Distribution, Distribution]) -> None:
        """Show both distributions."""
        edges, top = bin_edges(), 1.0
        for curve, spread in zip(self.curves, pair, strict=True):
            shares = 100.0 * spread.counts() / max(spread.values.size, 1)
            curve.setData(edges, shares)
            top = max(top, float(shares.max()))
        self.setYRange(0, top * 1.08, padding=0)
        self._means = (f"A {names[0]}: mean {pair[0].mean:.1f} %", f"B {names[1]}: mean {pair[1].mean:.1f} %")
        self._write(top)

    def _write(self, top: float) -> None:
        inks = COMPARE_COLOURS if self._themes.theme.dark else tuple(_darker(colour) for colour in COMPARE_COLOURS)
        lines = [
            f"<span style='color: rgb{ink}'>{text}</span>" for ink, text in zip(inks, self._means, strict=True) if text
        ]
        self._label.setHtml("<div style='font-size: 11px' align='right'>" + "<br>".join(lines) + "</div>")
        self._label.setPos(float(bin_edges()[-1]), top * 1.06)

    def _retheme(self) -> None:
        theme = self._themes.theme
        plots.paint(self, theme)
        for curve, colour in zip(self.curves, COMPARE_COLOURS, strict=True):
            ink = colour if theme.dark else _darker(colour)
            curve.setPen(pg.mkPen(*ink, width=2))
            curve.setFillLevel(0.0)
            curve.setBrush(pg.mkBrush(*colour, 45))
        self._write(float(self.viewRange()[1][1]) / 1.08)


def _darker(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (int(0.62 * part) for part in colour)
    return red, green, blue


class FolderPage(QWidget):
    """Starts and stops the comparison on all pictures and shows what came of it so far."""

    def __init__(self, state: AppState, themes: ThemeWatcher, comparing: Comparing) -> None:
        super().__init__()
        self._state = state
        self._comparing = comparing
        self.button = QPushButton()
        self.button.clicked.connect(lambda: comparing.compare_folder())
        self.progress = QProgressBar(textVisible=False)
        self.progress.setFixedSize(180, 8)
        self.status = QLabel(objectName="muted")
        row = QHBoxLayout()
        row.setContentsMargins(10, 4, 10, 4)
        row.setSpacing(10)
        for widget in (self.button, self.progress, self.status):
            row.addWidget(widget)
        row.addStretch(1)
        self.deviation = Histogram("deviation of the bones from their group", themes)
        self.asymmetry = Histogram("left-right asymmetry of the limbs", themes)
        self.ranking = RowsTable(RowsModel(COLUMNS), "Where they differ most", sort_by=1, compact=True)
        self.ranking.setMinimumWidth(360)
        self.ranking.clicked.connect(lambda _index: self._open())
        self.ranking.activated.connect(lambda _index: self._open())
        across = QSplitter(Qt.Orientation.Horizontal, objectName="compare_folder")
        for widget in (self.deviation, self.asymmetry, self.ranking):
            across.addWidget(widget)
        across.setChildrenCollapsible(False)
        across.setSizes([380, 380, 480])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(across, 1)
        # Hundreds of pictures a minute need not be drawn one by one.
        self._timer = QTimer(self, interval=_REFRESH_MS, singleShot=True)
        self._timer.timeout.connect(self.refresh)
        comparing.folder_changed.connect(self._changed)
        comparing.changed.connect(self._say)
        state.trail_changed.connect(self._say)
        self.refresh()

    def _changed(self) -> None:
        self._say()
        if not self._comparing.folder.running:
            self.refresh()
        elif not self._timer.isActive():
            self._timer.start()

    def refresh(self) -> None:
        """Draw what is known."""
        result = self._comparing.folder
        found = summarise(result.comparisons)
        names = (result.a, result.b)
        for plot, pair in ((self.deviation, found.deviation), (self.asymmetry, found.asymmetry)):
            plot.show_spread(names, pair)
        self.ranking.rows.set_rows(ranking_rows(found, result.paths, result.comparisons))
        self._say()

    def _say(self) -> None:
        result, count = self._comparing.folder, len(self._state.trail)
        self.button.setText("Cancel" if result.running else "Compare on all pictures")
        self.button.setEnabled(result.running or count > 1)
        self.progress.setRange(0, max(result.total, 1))
        self.progress.setValue(result.done)
        self.progress.setVisible(result.running)
        failed = f", {result.failed} failed" if result.failed else ""
        if result.running:
            self.status.setText(f"{result.done} of {result.total} pictures{failed}")
        elif result.total:
            stopped = "" if result.done >= result.total else f" of {result.total}"
            self.status.setText(f"A {result.a}, B {result.b}: {len(result.paths)}{stopped} pictures{failed}")
        elif count > 1:
            self.status.setText(f"{count} pictures are open together; A and B look at each of them")
        else:
            self.status.setText("Open a folder (Ctrl+Shift+O) to compare on all its pictures")

    def _open(self) -> None:
        path = self.ranking.chosen()
        if path is not None:
            self._comparing.open(path)


def ranking_rows(found: Summary, paths: list[Path], comparisons: list[Comparison]) -> list[Row]:
    """Return one row per picture, those that differ most first."""
    rows = []
    for place in found.order:
        item = comparisons[place]
        worst = item.worst_first[0]
        texts = (
            paths[place].name, f"{item.mean_mm:.0f}", f"{item.mean_px:.1f}", f"{item.mean_degrees:.0f}",
            f"{short_name(worst.name)}, {worst.distance_mm:.0f} mm",
        )  # fmt: skip
        values = (float(place), item.mean_mm, item.mean_px, item.mean_degrees, worst.distance_mm)
        rows.append(Row(texts, values, paths[place]))
    return rows
