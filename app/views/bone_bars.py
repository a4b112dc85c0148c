"""Bars: how far each bone is from its group, right and left next to each other, with the verdict's limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QResizeEvent

from app.colours import VERDICT_COLOURS, bone_colours
from app.state import AppState
from app.theme import ThemeWatcher
from app.views import plots
from core import skeleton
from core.pose import BARS_END

_COLUMNS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    # group, label, bones from right to left
    ("legs", "thigh", ("right_thigh", "left_thigh")),
    ("legs", "shank", ("right_shank", "left_shank")),
    ("arms", "upper arm", ("right_upper_arm", "left_upper_arm")),
    ("arms", "forearm", ("right_forearm", "left_forearm")),
    ("hips", "hip", ("right_hip_bone", "left_hip_bone")),
    ("shoulders", "collar", ("right_collar", "left_collar")),
    ("", "torso", ("torso",)),
    ("", "head", ("head",)),
)
_GROUP_GAP = 0.55
_AXIS = "deviation from group, %"
_ROOM_FOR_AXIS = 190
_BAR = 0.38
_TIP_PX = 11
_TIP_GAP = 1.09
"""Where the tip of a bar that goes on past the plot stands, in lengths of that bar."""
_ON_BAR: Final = QColor(20, 22, 27)
"""Writing on a bar: every colour of a bar is bright."""
_ROOM_FOR_NAMES = 560
_SHORT: Final = {"upper arm": "upper", "forearm": "fore"}
"""In a narrow plot, where the group above them says of what."""


def _layout() -> tuple[dict[str, float], list[tuple[float, str]], dict[str, tuple[float, float]]]:
    """Return the x of each bone, the ticks, and from where to where each group reaches."""
    place: dict[str, float] = {}
    ticks: list[tuple[float, str]] = []
    spans: dict[str, tuple[float, float]] = {}
    x, before = 0.0, None
    for group, label, bones in _COLUMNS:
        if before is not None:
            x += 1.0 + (_GROUP_GAP if group != before else 0.0)
        before = group
        for bone, shift in zip(bones, (-_BAR / 2, _BAR / 2) if len(bones) == 2 else (0.0,), strict=True):
            place[bone] = x + shift
        ticks.append((x, label))
        if group:
            first = spans.get(group, (x, x))[0]
            spans[group] = (first, x)
    return place, ticks, spans


class BoneBars(pg.PlotWidget):
    """Deviation of each bone in percent, grouped as the geometry loss groups them."""

    def __init__(self, state: AppState, themes: ThemeWatcher) -> None:
        super().__init__(axisItems={"left": plots.SignedAxis("left")})
        self._state = state
        self._themes = themes
        self._place, ticks, self._spans = _layout()
        self._ticks = ticks
        plot = self.getPlotItem()
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setMouseEnabled(x=False, y=False)
        plot.getAxis("bottom").setTicks([ticks])
        plot.getAxis("bottom").setStyle(tickLength=0)
        plot.setLabel("left", _AXIS)
        plot.setXRange(-0.6, ticks[-1][0] + 0.6, padding=0)
        plot.showGrid(y=True, alpha=0.18)
        order = skeleton.BONE_NAMES
        self._bars = pg.BarGraphItem(
            x=[self._place[name] for name in order], height=[0.0] * len(order), width=_BAR * 0.92
        )
        plot.addItem(self._bars)
        self._tips = pg.ScatterPlotItem(size=_TIP_PX, pen=pg.mkPen(None))
        plot.addItem(self._tips, ignoreBounds=True)
        self._numbers = {name: pg.TextItem(color=_ON_BAR, angle=90) for name in order}
        self._limits = [pg.InfiniteLine(angle=0) for _ in range(4)]
        for line in (*self._limits, pg.InfiniteLine(0, angle=0, pen=pg.mkPen(140, 145, 155))):
            plot.addItem(line, ignoreBounds=True)
        self._labels = {group: pg.TextItem(anchor=(0.5, 0.0)) for group in self._spans}
        for label in (*self._labels.values(), *self._numbers.values()):
            plot.addItem(label, ignoreBounds=True)
        self.setToolTip(
            "Each bone's length over its canonical length, against the mean of its group, in percent.\n"
            "Left bar: the body's right side, right bar: its left side. Lines: doubtful and implausible.\n"
            "A bar with a tip and a number goes on past the plot.\n"
            "Above: each group's share of the geometry loss."
        )
        for changed in (state.pose_changed, state.bars_due, state.display_changed):
            changed.connect(self._refresh)
        themes.changed.connect(self._retheme)
        self._retheme()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave the axis without its long name where it would be cut: the tool tip says it too."""
        super().resizeEvent(event)
        if hasattr(self, "_bars"):
            axis = self.getPlotItem().getAxis("left")
            axis.setLabel(_AXIS if self.height() >= _ROOM_FOR_AXIS else "%")
            # A label of another length stays where the one before it began, unless the axis is laid out anew.
            axis.resizeEvent()
            narrow = self.width() < _ROOM_FOR_NAMES
            names = _SHORT if narrow else {}
            # The two neighbours step apart.
            self._labels["hips"].setAnchor((0.75 if narrow else 0.5, 0.0))
            self._labels["shoulders"].setAnchor((0.35 if narrow else 0.5, 0.0))
            self.getPlotItem().getAxis("bottom").setTicks([[(x, names.get(name, name)) for x, name in self._ticks]])

    def heights(self) -> list[float]:
        """Return what is drawn, in percent and in the order of the bones."""
        return [float(value) for value in self._bars.opts["height"]]

    def numbers(self) -> dict[str, str]:
        """Return what is written on the bars that go on past the plot, by the bone's name."""
        return {name: item.toPlainText() for name, item in self._numbers.items() if item.isVisible()}

    def _retheme(self) -> None:
        theme = self._themes.theme
        plots.paint(self, theme)
        font = plots.tick_font(self)
        for label in self._labels.values():
            label.setColor(theme.muted)
        for label in (*self._labels.values(), *self._numbers.values()):
            label.setFont(font)
        self._refresh()

    def _refresh(self) -> None:
        pose, theme = self._state.pose, self._themes.theme
        doubtful, implausible = self._state.verdict_limits
        for line, value, verdict in zip(
            self._limits, (doubtful, -doubtful, implausible, -implausible),
            ("doubtful", "doubtful", "implausible", "implausible"), strict=True,
        ):  # fmt: skip
            line.setValue(value)
            colour = QColor(*VERDICT_COLOURS[verdict])
            colour.setAlpha(150)
            line.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine))
        report = None if pose is None else pose.geometry
        heights = [0.0] * skeleton.BONE_COUNT if report is None else [bone.deviation_percent for bone in report.bones]
        brushes = [pg.mkBrush(*colour) for colour in bone_colours(self._state.display.colours, report)]
        most = max(abs(height) for height in heights)
        reach = min(max(implausible * 1.15, most * 1.1), implausible * BARS_END)
        self._bars.setOpts(height=[min(max(h, -reach), reach) for h in heights], brushes=brushes, pen=pg.mkPen(None))
        self._mark_ends(heights, reach, brushes)
        # Room above the bars for the groups' names, and below for the tip of a bar that goes on.
        self.setYRange(-reach * (1.15 if most > reach else 1.0), reach * 1.45, padding=0)
        total = 0.0 if report is None else report.loss
        for group, label in self._labels.items():
            first, last = self._spans[group]
            share = "" if report is None or total <= 0 else f" {100 * report.groups[group] / total:.0f} %"
            label.setText(f"{group}{share}")
            label.setColor(theme.muted)
            label.setPos((first + last) / 2, reach * 1.42)

    def _mark_ends(self, heights: Sequence[float], reach: float, brushes: Sequence[QBrush]) -> None:
        """Give the bars that end at ``reach`` but go on a tip and their number."""
        tips: list[dict[str, object]] = []
        for (name, number), height, brush in zip(self._numbers.items(), heights, brushes, strict=True):
            number.setVisible(abs(height) > reach)
            if abs(height) <= reach:
                continue
            up, x = height > 0, self._place[name]
            end = reach if up else -reach
            tips.append({"pos": (x, end * _TIP_GAP), "symbol": "t1" if up else "t", "brush": brush})
            # The number ends, or begins, at the bar's end.
            number.setAnchor((1.0 if up else 0.0, 0.5))
            number.setPos(x, end)
            number.setText(f"{height:+.0f}".replace("-", "−"))
        self._tips.setData(tips)
