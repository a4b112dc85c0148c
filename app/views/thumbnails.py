"""The pictures that were opened together, small, in a list: the one on screen is marked, a click goes there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView

from app.services.thumbnails import ThumbnailService
from app.sources import is_video
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.panel import Panel, keep_keys

_ICON: Final = QSize(72, 54)
_MOST_KEPT: Final = 600
"""15 kB each."""
_ROOM_FOR_NAMES: Final = 164
"""From this width of the panel on, in pixels, the files' names stand beside their pictures."""
_NARROWEST: Final = 100
_AHEAD: Final = 6
"""Rows above and below those in sight that are made as well."""
_Index = QModelIndex | QPersistentModelIndex


class TrailModel(QAbstractListModel):
    """The paths of the trail; their pictures come when they are asked for."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__()
        self.paths: tuple[Path, ...] = ()
        self._asked = asked
        self._named = True
        self._pixmaps: OrderedDict[Path, QPixmap] = OrderedDict()
        self._blank = QPixmap(_ICON)

    def set_paths(self, paths: tuple[Path, ...]) -> None:
        """Show another trail."""
        self.beginResetModel()
        self.paths = paths
        self.endResetModel()

    def set_named(self, named: bool) -> None:
        """Show the files' names, or the pictures alone."""
        if named != self._named:
            self._named = named
            self.layoutChanged.emit()

    def set_blank(self, colour: str) -> None:
        """Set the colour of what is not read yet."""
        self._blank.fill(QColor(colour))
        self._changed(0, len(self.paths) - 1)

    def is_made(self, path: Path) -> bool:
        """Tell whether a path's picture is there."""
        return path in self._pixmaps

    def take(self, path: Path, image: QImage | None) -> None:
        """Show a picture that was made; a file that cannot be read stays blank."""
        self._pixmaps[path] = self._blank if image is None else _centred(image, is_video(path))
        while len(self._pixmaps) > _MOST_KEPT:
            self._pixmaps.popitem(last=False)
        if path in self.paths:
            row = self.paths.index(path)
            self._changed(row, row)

    def forget(self, paths: Collection[Path]) -> None:
        """Have these made anew when they are in sight."""
        for path in paths:
            if self._pixmaps.pop(path, None) is not None and path in self.paths:
                row = self.paths.index(path)
                self._changed(row, row)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of files."""
        return 0 if parent.isValid() else len(self.paths)

    def data(self, index: _Index, role: int = 0) -> Any:
        """Return name, picture or full path."""
        path = self.paths[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return path.name if self._named else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(path)
        if role == Qt.ItemDataRole.DecorationRole:
            if path not in self._pixmaps:
                self._asked()
                return self._blank
            return self._pixmaps[path]
        return None

    def _changed(self, first: int, last: int) -> None:
        if last >= 0:
            self.dataChanged.emit(self.index(first), self.index(last), [Qt.ItemDataRole.DecorationRole])


def _centred(image: QImage, video: bool) -> QPixmap:
    """Fit a picture into an icon, clear around it: it stands in both themes. A video gets a mark."""
    pixmap = QPixmap(_ICON)
    pixmap.fill(Qt.GlobalColor.transparent)
    fitted = image.scaled(_ICON, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    painter = QPainter(pixmap)
    place = QRect(QPoint(0, 0), fitted.size())
    place.moveCenter(pixmap.rect().center())
    painter.drawImage(place.topLeft(), fitted)
    if video:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 150))
        painter.drawEllipse(pixmap.rect().center(), 10, 10)
        painter.setBrush(QColor("white"))
        x, y = pixmap.rect().center().toTuple()
        painter.drawPolygon([QPoint(x - 3, y - 5), QPoint(x + 6, y), QPoint(x - 3, y + 5)])
    painter.end()
    return pixmap


class ThumbnailsPanel(Panel):
    """Shown where more than one picture was opened."""

    def __init__(
        self, state: AppState, themes: ThemeWatcher, service: ThumbnailService, go_to: Callable[[int], None]
    ) -> None:
        super().__init__("Opened")
        self._state = state
        self._themes = themes
        self._service = service
        self._go_to = go_to
        self.model = TrailModel(self._later)
        self.list = QListView(objectName="thumbnails")
        self.list.setModel(self.model)
        self.list.setIconSize(_ICON)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setSpacing(2)
        self.list.setMinimumWidth(_NARROWEST)
        self.list.setAccessibleName("Pictures opened together")
        # A click must not take the keys away from the window; Tab gets here.
        self.list.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        keep_keys(self.list)
        self.add_content(self.list, 1)
        # After the paint that asked: then it is known which rows are in sight.
        self._timer = QTimer(self, singleShot=True, interval=30)
        self._timer.timeout.connect(self._ask)
        self.list.selectionModel().currentChanged.connect(self._chosen)
        self.list.verticalScrollBar().valueChanged.connect(lambda _value: self._later())
        service.made.connect(self.model.take)
        service.stale.connect(self.model.forget)
        state.trail_changed.connect(self._show_trail)
        themes.changed.connect(self._retheme)
        self._retheme()
        self._show_trail()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave the names out of a narrow list: their tool tips have them."""
        super().resizeEvent(event)
        self.model.set_named(self.width() >= _ROOM_FOR_NAMES)

    def _show_trail(self) -> None:
        trail, place = self._state.trail, self._state.trail_index
        self.setVisible(len(trail) > 1)
        self.note.setText(f"{place + 1} of {len(trail)}")
        selection = self.list.selectionModel()
        if trail != self.model.paths:
            self.model.set_paths(trail)
        index = self.model.index(place) if 0 <= place < len(trail) else QModelIndex()
        selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if index.isValid():
            self.list.scrollTo(index)

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid() and index.row() != self._state.trail_index:
            self._go_to(index.row())

    def _later(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _ask(self) -> None:
        if not self.list.isVisible() or not self.model.paths:
            return
        area = self.list.viewport().rect()
        first = self.list.indexAt(QPoint(4, area.top() + 4)).row()
        last = self.list.indexAt(QPoint(4, area.bottom() - 4)).row()
        count = len(self.model.paths)
        first, last = max(first, 0), last if last >= 0 else count - 1
        in_sight = list(range(first, last + 1))
        around = (*range(last + 1, last + 1 + _AHEAD), *range(first - _AHEAD, first))
        wanted = (self.model.paths[row] for row in (*in_sight, *around) if 0 <= row < count)
        self._service.want(tuple(path for path in wanted if not self.model.is_made(path)))

    def _retheme(self) -> None:
        self.model.set_blank(self._themes.theme.border)
