"""The models window: bundled and own checkpoints with their cards; add by drop or file, choose, forget."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.models import Library
from app.services.cards import Card
from app.sources import CHECKPOINT_FILTER, is_checkpoint
from app.state import AppState
from app.views.card import CardView
from app.views.panel import size_for_screen

_SOURCE = Qt.ItemDataRole.UserRole


class ModelsWindow(QDialog):
    """Shows every checkpoint there is to choose from."""

    chosen = Signal(str)
    """The user wants this one: its source."""
    compare_asked = Signal(str)
    """The user wants to compare with this one: its source."""

    def __init__(self, state: AppState, library: Library, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._library = library
        self.setWindowTitle("Models")
        self.setAcceptDrops(True)
        size_for_screen(self, 900, 600)
        self.list = QListWidget()
        self.list.setAccessibleName("Models")
        self.list.setMinimumWidth(240)
        self.list.setSpacing(1)
        self.list.currentItemChanged.connect(self._show_card)
        self.list.itemDoubleClicked.connect(lambda _item: self.use())
        self.card = CardView()
        # A graphics view or browser would swallow what is dropped.
        for view in (self.list, self.card):
            view.setAcceptDrops(False)
        self.use_button = QPushButton("Use this model", default=True)
        self.use_button.clicked.connect(self.use)
        self.compare_button = QPushButton("Compare with it", toolTip="As B beside the model in use, or as one more")
        self.compare_button.clicked.connect(self.compare)
        self.add_button = QPushButton("Add a file…", toolTip="Or drop a checkpoint on this window")
        self.add_button.clicked.connect(self._ask)
        self.forget_button = QPushButton("Forget", toolTip="Take it off the list; the file stays where it is")
        self.forget_button.clicked.connect(self.forget)
        self.hint = QLabel("Drop a checkpoint (.safetensors, or the authors' .pth) here to add it.", objectName="muted")
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        for text, do in (
            ("Use this model", self.use), ("Compare with it", self.compare), ("Forget", self.forget),
        ):  # fmt: skip
            self.list.addAction(text, do)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.list)
        splitter.addWidget(self.card)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([260, 640])
        splitter.setChildrenCollapsible(False)
        row = QHBoxLayout()
        row.addWidget(self.hint, 1)
        for button in (self.add_button, self.forget_button, self.compare_button, self.use_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(splitter, 1)
        column.addLayout(row)
        state.models_changed.connect(self._refill)
        state.model_changed.connect(self._refill)
        library.changed.connect(self._refill)
        self._refill()

    @property
    def current(self) -> str:
        """The source of the selected model, empty for none."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(_SOURCE))

    def use(self) -> None:
        """Look at pictures with the selected model."""
        if self.current:
            self.chosen.emit(self.current)

    def compare(self) -> None:
        """Compare the model in use with the selected one."""
        if self.current:
            self.compare_asked.emit(self.current)

    def forget(self) -> None:
        """Take the selected model off the list."""
        if self.current:
            self._library.forget(self.current)

    def _ask(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Add a checkpoint", str(Path.home()), CHECKPOINT_FILTER)
        if name:
            self._library.add(Path(name))

    def _refill(self) -> None:
        keep = self.current
        used = "" if self._state.model is None else self._state.model.source
        self.list.blockSignals(True)
        self.list.clear()
        for entry in self._state.models:
            card = self._library.card(entry.source)
            size = "" if card is None else f", {card.size_mb:.1f} MB"
            where = "own" if self._library.is_own(entry.source) else "bundled"
            where += ", for teaching" if entry.teaching else ""
            item = QListWidgetItem(f"{entry.name}{'  (in use)' if entry.source == used else ''}\n{where}{size}")
            item.setData(_SOURCE, entry.source)
            item.setToolTip(entry.detail)
            item.setSizeHint(QSize(0, 44))
            self.list.addItem(item)
            if entry.source == (keep or used):
                self.list.setCurrentItem(item)
        if self.list.currentItem() is None and self.list.count():
            self.list.setCurrentRow(0)
        self.list.blockSignals(False)
        self._show_card()

    def _show_card(self) -> None:
        source = self.current
        used = self._state.model is not None and source == self._state.model.source
        other = bool(source) and not used
        can = (other, other, other and self._library.is_own(source))
        for button, action, enabled in zip(
            (self.use_button, self.compare_button, self.forget_button), self.list.actions(), can, strict=True
        ):
            button.setEnabled(enabled)
            action.setEnabled(enabled)
        card: Card | None = self._library.card(source) if source else None
        if card is not None:
            self.card.show_card(card.text, card.pictures)
        elif not source:
            self.card.show_card("No model is here yet. Add a checkpoint file.")
        else:
            self.card.show_card(self._library.fault(source) or "Reading…")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Add the checkpoints among what was dropped; anything else is named."""
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            path = Path(url.toLocalFile())
            if url.isLocalFile() and is_checkpoint(path):
                self._library.add(path)
            else:
                self._library.refuse(path)
