"""What all pictures or a whole video say: how deviation and asymmetry are spread, and where the models differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.colours import COMPARE_COLOURS, compare_ink
from app.comparing import Comparing
from app.comparing_many import ManyResult
from app.naming import short_name
from app.state import AppState
from app.theme import ThemeWatcher
from app.views import plots
from app.views.choosers import remaining_text
from app.views.rows_model import Row, RowsModel, RowsTable
from core import skeleton
from core.compare import LETTERS
from core.compare_many import MOMENT_S, Distribution, bin_edges, moments, ranking, summarise

_JOINT_TIP: Final = "The joint that differs most there, and by how many millimetres"
_REFRESH_MS: Final = 250
_MEANS_HEIGHT: Final = 18
_MOST_MOMENTS: Final = 200
"""Nobody scrolls further, and a long video has more."""


class Histogram(QWidget):
    """The distribution of one quantity for each model as an outline, in percent of all values; above it the means.

    In the plot, whatever place they had, some models' bars would stand behind them.
    """

    def __init__(self, title: str, themes: ThemeWatcher) -> None:
        super().__init__()
        self._themes = themes
        self._means: tuple[str, ...] = ()
        self.setMinimumSize(180, 100)
        self.means = QLabel()
        # However narrow the plot is: what has no room is in the tip.
        self.means.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.means.setFixedHeight(_MEANS_HEIGHT)
        self.means.setContentsMargins(10, 0, 10, 0)
        self.plot = pg.PlotWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.means)
        column.addWidget(self.plot, 1)
        plot = self.plot.getPlotItem()
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
        self.curves = [plot.plot(edges, np.zeros(len(edges) - 1), stepMode="center") for _ in LETTERS]
        themes.changed.connect(self._retheme)
        self._retheme()

    def show_spreads(self, names: Sequence[str], spreads: Sequence[Distribution]) -> None:
        """Show the distribution of each model, A's first."""
        edges, top = bin_edges(), 1.0
        for place, curve in enumerate(self.curves):
            curve.setVisible(place < len(spreads))
        for curve, spread in zip(self.curves, spreads, strict=False):
            shares = 100.0 * spread.counts() / max(spread.values.size, 1)
            curve.setData(edges, shares)
            top = max(top, float(shares.max()))
        self.plot.setYRange(0, top * 1.08, padding=0)
        self._means = tuple(f"{spread.mean:.1f} %" for _name, spread in zip(names, spreads, strict=False))
        told = zip(LETTERS, names, self._means, strict=False)
        self.means.setToolTip("\n".join(f"{letter} {name}: mean {mean}" for letter, name, mean in told))
        self._write()

    def _write(self) -> None:
        theme = self._themes.theme
        parts = [f"<span style='color: {theme.muted}'>Mean</span>"] if self._means else []
        for place, (letter, mean) in enumerate(zip(LETTERS, self._means, strict=False)):
            told = f"{letter} {mean}".replace(" ", "&nbsp;")
            parts.append(f"<span style='color: rgb{compare_ink(place, theme.dark)}'>{told}</span>")
        self.means.setText(f"<span style='font-size: {plots.TICK_PX}px'>{'&nbsp;&nbsp; '.join(parts)}</span>")

    def _retheme(self) -> None:
        theme = self._themes.theme
        plots.paint(self.plot, theme)
        for place, curve in enumerate(self.curves):
            curve.setPen(pg.mkPen(*compare_ink(place, theme.dark), width=2))
            curve.setFillLevel(0.0)
            curve.setBrush(pg.mkBrush(*COMPARE_COLOURS[place], 45))
        self._write()


class ManyPage(QWidget):
    """Starts and stops the comparison on all pictures or the whole video and shows what came of it so far."""

    def __init__(self, state: AppState, themes: ThemeWatcher, comparing: Comparing) -> None:
        super().__init__()
        self._state = state
        self._many = comparing.many
        self.button = QPushButton()
        self.button.clicked.connect(lambda: self._many.start_or_stop())
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
        self.ranking = RowsTable(
            RowsModel(columns("B", video=False)), "Where they differ most", sort_by=1, compact=True
        )
        self.ranking.setMinimumWidth(360)
        self.ranking.clicked.connect(lambda _index: self._open())
        self.ranking.activated.connect(lambda _index: self._open())
        across = self._across = QSplitter(Qt.Orientation.Horizontal, objectName="compare_many")
        for widget in (self.deviation, self.asymmetry, self.ranking):
            across.addWidget(widget)
        across.setChildrenCollapsible(False)
        across.setSizes([380, 380, 480])
        self._models_shown = 2
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(across, 1)
        # Hundreds of pictures a minute need not be drawn one by one.
        self._timer = QTimer(self, interval=_REFRESH_MS, singleShot=True)
        self._timer.timeout.connect(self.refresh)
        self._many.changed.connect(self._changed)
        comparing.changed.connect(self._say)
        state.trail_changed.connect(self._say)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what was learned while nobody looked."""
        super().showEvent(event)
        self.refresh()

    def _changed(self) -> None:
        if not self.isVisible():
            return
        if not self._many.result.running:
            self._timer.stop()
            self.refresh()
        elif not self._timer.isActive():
            self._timer.start()
            self._say()

    def refresh(self) -> None:
        """Draw what is known."""
        result = self._many.result
        found = [tally.summary() for tally in result.tallies] or [summarise([])]
        self.deviation.show_spreads(result.names, [found[0].deviation[0], *(each.deviation[1] for each in found)])
        self.asymmetry.show_spreads(result.names, [found[0].asymmetry[0], *(each.asymmetry[1] for each in found)])
        letters = LETTERS[1 : max(len(result.names), 2)]
        self.ranking.rows.set_columns(columns(letters, video=result.times_s is not None))
        self.ranking.rows.set_rows(ranking_rows(result) if result.tallies else [])
        if len(letters) + 1 != self._models_shown:
            self._models_shown = len(letters) + 1
            wide = sum(self._across.sizes())
            share = 0.4 if len(letters) == 1 else 0.48
            self._across.setSizes([round(wide * part) for part in ((1 - share) / 2, (1 - share) / 2, share)])
        self._say()

    def _say(self) -> None:
        result, count = self._many.result, len(self._state.trail)
        video = result.times_s is not None
        what = "frames" if video else "pictures"
        whole = bool(result.total) and result.done >= result.total
        start = "Compare on the whole video" if video else "Compare on all pictures"
        self.button.setText("Cancel" if result.running else start)
        self.button.setEnabled(result.running or (bool(result.names) and not whole if video else count > 1))
        self.progress.setRange(0, max(result.total, 1))
        self.progress.setValue(result.done)
        self.progress.setVisible(result.running)
        failed = f", {result.failed} failed" if result.failed else ""
        if result.running:
            left = "" if result.remaining_s is None else f", {remaining_text(result.remaining_s)}"
            self.status.setText(f"{result.done} of {result.total} {what}{failed}{left}")
        elif result.names:
            stopped = "" if whole else f" of {result.total}"
            named = ", ".join(f"{letter} {name}" for letter, name in zip(LETTERS, result.names, strict=False))
            self.status.setText(f"{named}: {result.compared}{stopped} {what}{failed}")
        elif video:
            self.status.setText("Waiting for the models")
        elif count > 1:
            self.status.setText(f"{count} pictures are open together; every model looks at each of them")
        else:
            self.status.setText("Open a folder (Ctrl+Shift+O) or a video (Ctrl+O) to compare on all of it")

    def _open(self) -> None:
        place = self.ranking.chosen()
        if place is not None:
            self._many.open(place)


def columns(letters: str, *, video: bool) -> tuple[tuple[str, str], ...]:
    """Return the ranking's columns for the models beside A."""
    moments = f"The frames at which they differ most, {MOMENT_S:g} s and more apart; click one to go there"
    where = "Where they differ most"
    click = moments if video else "Click a picture to open it"
    of_all = "Mean distance of the 16 joints from A's in millimetres"
    if len(letters) == 1:
        return (
            (where, click),
            ("mm", of_all),
            ("px", "Mean distance of the 16 joints from A's in pixels of that picture"),
            ("degrees", "Mean angle between the bones' directions"),
            ("Most of all", _JOINT_TIP),
        )
    return (
        (where, click),
        ("mm", f"{of_all}, of the model that is furthest from A"),
        *((f"{letter} mm", f"{letter}: {of_all[0].lower()}{of_all[1:]}") for letter in letters),
        ("Most of all", _JOINT_TIP),
    )


def ranking_rows(result: ManyResult) -> list[Row]:
    """Return one row per picture or moment of a video, those at which a model differs most from A first."""
    order: Sequence[int] = ranking(result.tallies)
    if result.times_s is not None:
        order = moments(order, result.times_s, _MOST_MOMENTS)
    rows = []
    for place in order:
        distances = [float(tally.mean_mm[place]) for tally in result.tallies]
        furthest = int(np.argmax(distances))
        tally = result.tallies[furthest]
        joint, worst_mm = tally.worst_joint(place)
        where = result.paths[place].name if result.times_s is None else f"{result.times_s[place]:.2f} s, frame {place}"
        if len(distances) == 1:
            values = [distances[0], float(tally.mean_px[place]), float(tally.mean_degrees[place])]
            texts = [f"{values[0]:.0f}", f"{values[1]:.1f}", f"{values[2]:.0f}"]
            most = ""
        else:
            values = [distances[furthest], *distances]
            texts = [f"{value:.0f}" for value in values]
            most = f"{LETTERS[furthest + 1]}: "
        most += f"{short_name(skeleton.JOINT_NAMES[joint])}, {worst_mm:.0f} mm"
        rows.append(Row((where, *texts, most), (float(place), *values, worst_mm), place))
    return rows
