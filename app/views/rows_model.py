"""A table of ready-made rows for Qt's views: text, what it is sorted by, and what a row stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView

SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Row:
    """One row: what each cell says, what each is sorted by, and what the row stands for (a joint, a bone, a file)."""

    texts: tuple[str, ...]
    values: tuple[float, ...]
    key: Any


class RowsModel(QAbstractTableModel):
    """Rows under columns of (title, explanation); the first column is text, the others are numbers."""

    def __init__(self, columns: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._columns = tuple(columns)
        self.rows: tuple[Row, ...] = ()

    def set_columns(self, columns: Sequence[tuple[str, str]]) -> None:
        """Have other columns, and no rows until they are set anew."""
        if tuple(columns) != self._columns:
            self.beginResetModel()
            self._columns, self.rows = tuple(columns), ()
            self.endResetModel()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows; the same number of them keeps selection and place."""
        if rows and [row.key for row in rows] == [row.key for row in self.rows]:
            self.rows = tuple(rows)
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._columns) - 1))
            return
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Return a column's title and its explanation."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._columns[section][1]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: _Index, role: int = 0) -> Any:
        """Return what a cell shows."""
        row, column = self.rows[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.texts[column]
        if role == SORT_ROLE:
            return row.values[column]
        return _alignment(column) if role == Qt.ItemDataRole.TextAlignmentRole else None


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


_LEAST_PX: Final = 30
_MARGINS_PX: Final = 16
"""What stands around a cell's text."""
_WIDEST_NAME_PX: Final = 130
"""Joints and bones fit; the name of a file is cut."""
_LOOKED_AT: Final = 40
"""Rows whose texts are measured: a table of pictures may have thousands."""


class RowsTable(QTableView):
    """A sortable table over a RowsModel, one row to choose."""

    def __init__(self, model: RowsModel, name: str, sort_by: int, *, compact: bool = False) -> None:
        super().__init__()
        self.rows = model
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(model)
        self._proxy.setSortRole(SORT_ROLE)
        self.setModel(self._proxy)
        self.setSortingEnabled(True)
        order = Qt.SortOrder.AscendingOrder if sort_by == 0 else Qt.SortOrder.DescendingOrder
        self.sortByColumn(sort_by, order)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(20)
        self.horizontalHeader().setMinimumSectionSize(_LEAST_PX)
        self.horizontalHeader().setHighlightSections(False)
        self._compact = compact
        self._needed: list[int] = []
        self._titles: list[str] = []
        for signal in (model.modelReset, model.dataChanged):
            signal.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Share the room out among the columns."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Give every column what its texts need, however narrow the table is, and share out what is left.

        Compact: the first column takes the rest. What a column once needed it keeps, so that numbers that follow a
        video do not move the others.
        """
        columns = range(self.rows.columnCount())
        titles = [str(self.rows.headerData(place, Qt.Orientation.Horizontal)) for place in columns]
        if titles != self._titles:
            self._titles, self._needed = titles, [0] * len(titles)
        head, cells = self.horizontalHeader().fontMetrics(), self.fontMetrics()
        for place, title in enumerate(titles):
            texts = [row.texts[place] for row in self.rows.rows[:_LOOKED_AT]]
            widest = max((cells.horizontalAdvance(text) for text in texts), default=0)
            needed = max(head.horizontalAdvance(title), min(widest, _WIDEST_NAME_PX) if place == 0 else widest)
            self._needed[place] = max(self._needed[place], needed + _MARGINS_PX)
        spare = max(0, self.viewport().width() - sum(self._needed))
        each = 0 if self._compact else spare // max(len(titles), 1)
        for place, needed in enumerate(self._needed):
            rest = spare - each * (len(titles) - 1) if place == 0 else each
            self.setColumnWidth(place, needed + rest)

    def chosen(self) -> Any:
        """Return what the chosen row stands for, None without one."""
        places = self.selectionModel().selectedRows()
        return self.rows.rows[self._proxy.mapToSource(places[0]).row()].key if places else None

    def choose(self, key: Any) -> None:
        """Choose the row that stands for something; without one, none."""
        if self.chosen() == key:
            return
        keys = [row.key for row in self.rows.rows]
        if key in keys:
            self.selectRow(self._proxy.mapFromSource(self.rows.index(keys.index(key), 0)).row())
        else:
            self.clearSelection()

    def texts(self) -> list[tuple[str, ...]]:
        """Return all cells as they stand on screen, from the top."""
        rows, columns = self._proxy.rowCount(), self._proxy.columnCount()
        return [tuple(str(self._proxy.index(row, column).data()) for column in range(columns)) for row in range(rows)]
