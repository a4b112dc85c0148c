"""The bone panel: one plain sentence, the table of bones, and the bars."""

from __future__ import annotations

import math
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, QSortFilterProxyModel, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSplitter, QTableView

from app.colours import VERDICT_COLOURS
from app.naming import BONE_PLACES, short_name
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.bone_bars import BoneBars
from app.views.legend import Legend
from app.views.panel import ElidedLabel, Panel, keep_keys
from core.pose import Bone, GeometryReport

SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 1
_VERDICT_RANK: Final = {"plausible": 0, "doubtful": 1, "implausible": 2}

COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("Bone", "The 14 bones of the method; R and L are the body's own right and left"),
    ("Length, mm", "Length in millimetres. A picture alone does not tell a person's height: the whole skeleton is\n"
                   "scaled to the mean size of the people the network was trained on."),
    ("Ratio", "Length over the canonical length of that bone. A real body has nearly the same ratio everywhere."),
    ("Deviation, %", "How far the ratio is from the mean ratio of the bone's group (legs, arms, hips, shoulders)"),
    ("R − L, %", "Right minus left over their mean. Real arms and legs differ by a few percent."),
    ("Verdict", "Plausible, doubtful or implausible, by the larger of deviation and left-right difference"),
    ("Own, mm", "Live: this person's own bone, the median of the last frames in which both its ends were sure"),
    ("Departs, %", "Live: how much longer the bone is in this frame than the person's own.\n"
                   "Real bones keep their length: what departs is the network's error."),
)  # fmt: skip
_VERDICT: Final = 5
_NARROWEST: Final = 480
_ROOM_FOR_TITLES: Final = 540
_AROUND_TITLES: Final = 14
"""Pixels of the table: its width at least, the width from which on its titles fit in one line, what is around them."""
_NARROWEST_LIVE: Final = 740
"""The same with the columns of a live source."""
_ROOM_FOR_BARS: Final = 340
_ROOM_FOR_LEGEND: Final = 900
LIVE_COLUMNS: Final = (6, 7)
_FEW: Final = 4
_Index = QModelIndex | QPersistentModelIndex


def _signed(percent: float) -> str:
    """One decimal with its sign, and no sign on what rounds to zero."""
    text = f"{percent:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def _counted(report: GeometryReport) -> str:
    """Say how many bones cannot be real, or may not be, and which where they are few."""
    for verdict in ("implausible", "doubtful"):
        names = [short_name(bone.name) for bone in report.bones if bone.verdict == verdict]
        if names:
            which = f": {', '.join(names)}" if len(names) <= _FEW else ""
            return f"{len(names)} of {len(report.bones)} bones {'is' if len(names) == 1 else 'are'} {verdict}{which}."
    return f"All {len(report.bones)} bones are plausible."


class BoneModel(QAbstractTableModel):
    """The bones of the pose as rows."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._bones: tuple[Bone, ...] = ()
        self._live = False
        self._icons: dict[str, QIcon] = {}
        self._state = state
        for changed in (state.pose_changed, state.table_due):
            changed.connect(self._refresh)
        state.live_changed.connect(lambda: self._reset(self._bones))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of bones."""
        return 0 if parent.isValid() else len(self._bones)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of columns."""
        if parent.isValid():
            return 0
        return len(COLUMNS) - (0 if self._live else len(LIVE_COLUMNS))

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Return a column's title and its explanation."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            # A title that is too long for its column goes on in a second line.
            return int(self._alignment(section)) | int(Qt.TextFlag.TextWordWrap)
        return None

    def data(self, index: _Index, role: int = 0) -> Any:
        """Return what a cell shows."""
        bone, column = self._bones[index.row()], index.column()
        if column in LIVE_COLUMNS and role in (Qt.ItemDataRole.DisplayRole, SORT_ROLE):
            return self._own(index.row(), column, role)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(bone, column)
        if role == SORT_ROLE:
            return self._sort_value(bone, column, index.row())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(column)
        if role == Qt.ItemDataRole.DecorationRole and column == _VERDICT:
            return self._dot(bone.verdict)
        return None

    def _own(self, row: int, column: int, role: int) -> Any:
        """Return what a live source knows of the person's own bone."""
        live = self._state.live
        values = None if live is None else (live.median_mm, live.departure_percent)[column - LIVE_COLUMNS[0]]
        value = float("nan") if values is None else float(values[row])
        if role == SORT_ROLE:
            return value if math.isfinite(value) else 0.0
        if not math.isfinite(value):
            return "–"
        return f"{value:.0f}" if column == LIVE_COLUMNS[0] else _signed(value)

    @staticmethod
    def _alignment(column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if column in (0, _VERDICT) else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter

    @staticmethod
    def _text(bone: Bone, column: int) -> str:
        difference = bone.left_right_percent
        return (
            short_name(bone.name),
            f"{bone.length_mm:.0f}",
            f"{bone.ratio:.2f}",
            _signed(bone.deviation_percent),
            "–" if difference is None else _signed(difference),
            bone.verdict,
        )[column]

    @staticmethod
    def _sort_value(bone: Bone, column: int, row: int) -> float:
        difference = bone.left_right_percent
        return (
            float(BONE_PLACES[row]),
            bone.length_mm,
            bone.ratio,
            bone.deviation_percent,
            0.0 if difference is None else difference,
            float(_VERDICT_RANK[bone.verdict]),
        )[column]

    def _dot(self, verdict: str) -> QIcon:
        if verdict not in self._icons:
            pixmap = QPixmap(24, 24)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*VERDICT_COLOURS[verdict]))
            painter.drawEllipse(3, 3, 18, 18)
            painter.end()
            self._icons[verdict] = QIcon(pixmap)
            # Qt would tint the dot of a selected row, and the colour is the verdict.
            self._icons[verdict].addPixmap(pixmap, QIcon.Mode.Selected)
        return self._icons[verdict]

    def _refresh(self) -> None:
        pose = self._state.pose
        bones = () if pose is None else pose.geometry.bones
        if len(bones) == len(self._bones) and bones:
            # Same rows: keeps selection and scroll position while pictures change.
            self._bones = bones
            self.dataChanged.emit(self.index(0, 0), self.index(len(bones) - 1, self.columnCount() - 1))
            return
        self._reset(bones)

    def _reset(self, bones: tuple[Bone, ...]) -> None:
        self.beginResetModel()
        self._bones, self._live = bones, self._state.live is not None
        self.endResetModel()


class _Table(QTableView):
    """Gives titles that are too long for their columns a second line."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Find out whether they are: the line between table and bars moves, too."""
        super().resizeEvent(event)
        header = self.horizontalHeader()
        lines = 1 if self.width() >= _ROOM_FOR_TITLES else 2
        header.setFixedHeight(lines * header.fontMetrics().lineSpacing() + _AROUND_TITLES)


class BonesPanel(Panel):
    """Shows whether the bones can be real."""

    def __init__(self, state: AppState, themes: ThemeWatcher) -> None:
        super().__init__("Bones")
        self._state = state
        self.sentence = ElidedLabel(objectName="sentence")
        self.note.hide()
        self._header.insertWidget(1, self.sentence, 1)
        self.legend = Legend(state)
        self.add_control(self.legend)
        self.model = BoneModel(state)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setSortRole(SORT_ROLE)
        self.table = self._make_table()
        keep_keys(self.table)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.bars = BoneBars(state, themes)
        splitter = QSplitter(Qt.Orientation.Horizontal, objectName="bones")
        splitter.addWidget(self.table)
        splitter.addWidget(self.bars)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([560, 640])
        self.add_content(splitter, 1)
        for changed in (state.pose_changed, state.words_due):
            changed.connect(self._refresh)
        state.live_changed.connect(self._give_room)
        self._refresh()

    def _give_room(self) -> None:
        narrowest = _NARROWEST if self._state.live is None else _NARROWEST_LIVE
        self.table.setMinimumWidth(narrowest)
        self.legend.setVisible(self.width() >= _ROOM_FOR_LEGEND)
        # In less room the bars' names would lie over each other.
        self.bars.setVisible(self.width() - narrowest >= _ROOM_FOR_BARS)
        self._refresh()

    def _make_table(self) -> QTableView:
        table = _Table()
        table.setModel(self._proxy)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setToolTip("Click a bone to see it in the picture and in 3D")
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setAlternatingRowColors(True)
        table.setShowGrid(False)
        # Rows are chosen whole, by the arrows: Tab goes on to the next widget and is not caught from cell to cell.
        table.setTabKeyNavigation(False)
        table.setIconSize(QSize(12, 12))
        table.setMinimumWidth(_NARROWEST)
        table.setAccessibleName("Bones")
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(20)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (0, _VERDICT):
            # Words that are cut say nothing; the numbers between them have room in any column.
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setHighlightSections(False)
        return table

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out what a narrow panel has no room for."""
        super().resizeEvent(event)
        self._give_room()

    def let_go(self) -> None:
        """Choose no bone."""
        self.table.clearSelection()

    def _selected(self) -> None:
        rows = self.table.selectionModel().selectedRows()
        bone = self._proxy.mapToSource(rows[0]).row() if rows else None
        self._state.set_display(bone=bone)

    def _refresh(self) -> None:
        pose = self._state.pose
        if pose is None:
            if self._state.live is None:
                self._state.set_display(bone=None)
            text = (
                "bone lengths appear here with the first pose"
                if self._state.picture is None
                else "waiting for the pose"
            )
            self.sentence.setText(text)
            self.sentence.setToolTip("")
            return
        report = pose.geometry
        shares = "" if self.bars.isHidden() else ", its shares above the bars"
        self.sentence.setText(f"{_counted(report)}  {report.sentence()}  Geometry loss {report.loss:.4f}{shares}.")
        self.sentence.setToolTip(
            "Geometry loss: within each group, the variance of length over canonical length, summed over the groups"
        )
