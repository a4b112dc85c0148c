"""The models beside A in the toolbar: a picker for each, and the plus that adds one more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from app.colours import letter_style
from app.comparing import Comparing
from app.state import AppState, ModelEntry
from app.theme import ThemeWatcher
from app.toolbar import TEACHING, ModelPicker


class ComparedModels(QWidget):
    """Chooses B, C and D."""

    def __init__(
        self, state: AppState, themes: ThemeWatcher, comparing: Comparing, open_file: Callable[[int], None],
        add_file: Callable[[], None],
    ) -> None:  # fmt: skip
        """Make the pickers.

        Args:
            state: holds the list of models.
            themes: gives each letter its colour.
            comparing: is told what the user chooses.
            open_file: asks for a checkpoint's file for one of the places.
            add_file: asks for a checkpoint's file to add.
        """
        super().__init__()
        self._comparing = comparing
        self._themes = themes
        self._add_file = add_file
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.pickers = [self._picker(state, place, open_file) for place in range(3)]
        for picker in self.pickers:
            row.addWidget(picker)
        self.plus = QToolButton(text="+")
        self.plus.setAccessibleName("Add a model")
        self.plus.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.plus.setStyleSheet("QToolButton::menu-indicator { image: none; } QToolButton { padding: 4px 9px; }")
        self.menu = QMenu(self.plus)
        self.teaching = QMenu(TEACHING, self.plus)
        self.menu.aboutToShow.connect(self._list)
        self.plus.setMenu(self.menu)
        row.addWidget(self.plus)
        comparing.model_changed.connect(self._refill)
        comparing.changed.connect(self._refill)
        themes.changed.connect(self._refill)
        self._refill()

    def show_menu(self) -> None:
        """Let the user choose what to add."""
        if not self._comparing.is_full:
            self.menu.popup(self.plus.mapToGlobal(QPoint(0, self.plus.height())))

    def _picker(self, state: AppState, place: int, open_file: Callable[[int], None]) -> ModelPicker:
        comparing = self._comparing

        def current() -> ModelEntry | None:
            return comparing.others[place].model if place < len(comparing.others) else None

        return ModelPicker(
            state, partial(self._choose, place), partial(open_file, place), name="Model",
            tip="The checkpoint that A is compared with; the last line takes it out again",
            current=current, take_out=partial(comparing.remove, place), beside=lambda: comparing.names,
        )  # fmt: skip

    def _choose(self, place: int, source: str) -> None:
        self._comparing.choose(source, place)

    def _refill(self) -> None:
        comparing = self._comparing
        for place, picker in enumerate(self.pickers):
            there = place < len(comparing.others)
            picker.setVisible(there)
            if there:
                letter = comparing.others[place].letter
                picker.label.setText(letter)
                picker.label.setStyleSheet(letter_style(place + 1, self._themes.theme.dark))
                picker.combo.setAccessibleName(f"Model {letter}")
                picker.refill()
        self.plus.setEnabled(not comparing.is_full)
        self.plus.setToolTip(
            "Four models are compared; take one out to add another"
            if comparing.is_full
            else "Compare with one more model, up to four (Shift+A)"
        )

    def _list(self) -> None:
        self.menu.clear()
        self.teaching.clear()
        for model in self._comparing.unused():
            menu = self.teaching if model.teaching else self.menu
            action = menu.addAction(model.name, partial(self._comparing.add, model.source))
            action.setToolTip(model.detail)
        if self.teaching.actions():
            self.menu.addMenu(self.teaching)
        if self.menu.actions():
            self.menu.addSeparator()
        self.menu.addAction("Open checkpoint…", self._add_file)
