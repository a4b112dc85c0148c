"""The toolbar and the menus, made from the table of actions, with the samples, the model picker and Export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from app import icons
from app.actions import ACTIONS, MENUS, TOOLBAR
from app.colours import letter_style
from app.sources import Sample
from app.state import AppState, ModelEntry
from app.theme import Theme
from app.views.name_box import NameBox
from app.views.panel import keep_keys

_OPEN_FILE = "…open"
_TAKE_OUT = "…take out"
TEACHING: Final = "Teaching models"
"""Above those that are only there to be compared with each other."""
_LETTERS = 11
_FEWEST_LETTERS = 3
"""Of a model's name, for which there is room in any case; panels and tool tip say the whole of it."""


class ModelPicker(QWidget):
    """Chooses between the checkpoints; its last line opens a file."""

    def __init__(
        self, state: AppState, choose: Callable[[str], None], open_file: Callable[[], None], *, name: str = "Model",
        tip: str = "Which checkpoint looks at the picture (M: the next one)",
        current: Callable[[], ModelEntry | None] | None = None, take_out: Callable[[], None] | None = None,
        beside: Callable[[], Sequence[str]],
    ) -> None:  # fmt: skip
        super().__init__()
        self._state = state
        self._current = current or (lambda: state.model)
        self._choose = choose
        self._open_file = open_file
        self._take_out = take_out
        self.combo = NameBox(beside, tip)
        self.combo.setMinimumContentsLength(_LETTERS)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setAccessibleName(name)
        self.combo.activated.connect(self._activated)
        self.combo.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        keep_keys(self.combo)
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 2, 0)
        row.setSpacing(4)
        self.label = QLabel(name, objectName="muted")
        row.addWidget(self.label)
        row.addWidget(self.combo)
        state.models_changed.connect(self.refill)
        state.model_changed.connect(self.refill)
        self.refill()

    def refill(self) -> None:
        """List the checkpoints and point at the one in use."""
        self.combo.clear()
        for model in self._state.models:
            if model.teaching and self.combo.findText(TEACHING) < 0:
                self._add_heading(TEACHING)
            self.combo.addItem(model.name, model.source)
            self.combo.setItemData(self.combo.count() - 1, model.detail, Qt.ItemDataRole.ToolTipRole)
        if self._state.models:
            self.combo.insertSeparator(self.combo.count())
        self.combo.addItem("Open checkpoint…", _OPEN_FILE)
        if self._take_out is not None:
            self.combo.addItem("Take out of the comparison", _TAKE_OUT)
        used = self._current()
        place = -1 if used is None else self.combo.findData(used.source)
        self.combo.setCurrentIndex(place)
        if place < 0:
            self.combo.setPlaceholderText("loading…" if self._state.models else "none")

    def _add_heading(self, text: str) -> None:
        """Add a line that cannot be chosen."""
        self.combo.insertSeparator(self.combo.count())
        self.combo.addItem(text)
        lines = self.combo.model()
        assert isinstance(lines, QStandardItemModel)
        lines.item(self.combo.count() - 1).setEnabled(False)

    def _activated(self, index: int) -> None:
        source = self.combo.itemData(index)
        if source == _OPEN_FILE:
            self._open_file()
        elif source == _TAKE_OUT and self._take_out is not None:
            self._take_out()
        else:
            model = self._current()
            if model is None or source != model.source:
                self._choose(source)


class _ToolStrip(QToolBar):
    """Shows icons alone where the window is too narrow for their names: what stands at the right end must stay."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self._always: list[QToolButton] = []

    def keep_icon(self, button: QToolButton) -> None:
        """Show this button without its name in any case."""
        self._always.append(button)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Find out whether there is room for the names."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Show names where they fit; where not even icons do, the models' names have less room."""
        both, icon = Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly
        for style, letters in (
            (both, _LETTERS),
            *((icon, fewer) for fewer in range(_LETTERS, _FEWEST_LETTERS - 1, -1)),
        ):
            for combo in self.findChildren(QComboBox):
                combo.setMinimumContentsLength(letters)
                # Qt keeps the least width that it once found.
                combo.setFixedWidth(combo.sizeHint().width())
                self._ask_anew(combo)
            for button in self.findChildren(QToolButton):
                if button.icon().isNull() or button.objectName() == "qt_toolbar_ext_button":
                    continue
                button.setToolButtonStyle(icon if button in self._always else style)
            layout = self.layout()
            assert layout is not None
            layout.invalidate()
            if layout.sizeHint().width() <= self.width():
                break

    def _ask_anew(self, widget: QWidget) -> None:
        """Let all layouts around a widget forget its size now: by itself, one does so per turn of the event loop."""
        around = widget.parentWidget()
        while around is not None and around is not self:
            around.updateGeometry()
            around = around.parentWidget()


class Chrome:
    """Menus and toolbar of the window."""

    def __init__(
        self, window: QMainWindow, actions: Mapping[str, QAction], picker: ModelPicker, samples: Sequence[Sample],
        open_path: Callable[[Path], None], others: QWidget,
    ) -> None:  # fmt: skip
        self._window = window
        self._others = others
        self._actions = actions
        self._picker = picker
        self._open_path = open_path
        self.samples = self._menu_button("Samples", "Bundled pictures whose true 3D pose is known")
        for sample in samples:
            self.samples.menu().addAction(sample.title, partial(open_path, sample.path))
        self.samples.setEnabled(bool(samples))
        self.export = self._menu_button("Export", "Save pictures or numbers")
        for spec in ACTIONS:
            if spec.menu == "Export":
                if spec.separated:
                    self.export.menu().addSeparator()
                self.export.menu().addAction(actions[spec.key])
        self.recent = QMenu("Open recent", window)
        self.cameras = QMenu("Cameras", window)
        self._shown: dict[str, QAction] = {}
        self._dark = True
        self._fill_menus()
        self._fill_toolbar()

    def recolour(self, theme: Theme) -> None:
        """Draw the icons of the menu buttons in the theme's colours."""
        self.samples.setIcon(icons.icon("sample", theme.text, theme.border))
        self.export.setIcon(icons.icon("export", theme.text, theme.border))
        self._dark = theme.dark
        self._colour_letter()

    def show_comparing(self, models: int) -> None:
        """Offer the other models while several are compared."""
        self._shown["@model_b"].setVisible(models > 1)
        # A comparison and a live source exclude each other, and there is no room for both buttons.
        self._shown["@live"].setVisible(models <= 1)
        # Short: with two models the toolbar just fits a window of 1280 pixels.
        self._picker.label.setText("A" if models > 1 else "Model")
        self._colour_letter()
        self._bar.fit()

    def _colour_letter(self) -> None:
        self._picker.label.setStyleSheet(letter_style(0, self._dark) if self._picker.label.text() == "A" else "")

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List the pictures opened last."""
        self.recent.clear()
        for path in paths:
            action = self.recent.addAction(path.name, partial(self._open_path, path))
            action.setToolTip(str(path))
        self.recent.setEnabled(bool(paths))

    def _menu_button(self, text: str, tip: str) -> QToolButton:
        button = QToolButton(text=text, toolTip=tip)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setMenu(QMenu(button))
        return button

    def _fill_menus(self) -> None:
        themes = QActionGroup(self._window)
        taken: set[str] = set()
        for name in MENUS:
            menu = self._window.menuBar().addMenu(with_key(name, taken))
            menu.setToolTipsVisible(True)
            for spec in ACTIONS:
                if spec.menu != name:
                    continue
                if spec.separated:
                    menu.addSeparator()
                if spec.key == "live_stop":
                    menu.addMenu(self.cameras)
                menu.addAction(self._actions[spec.key])
                if spec.key == "open_folder":
                    menu.addMenu(self.recent)
                if spec.key == "open_live":
                    menu.addMenu(self.cameras)
                if spec.key.startswith("theme_"):
                    self._actions[spec.key].setCheckable(True)
                    themes.addAction(self._actions[spec.key])

    def _fill_toolbar(self) -> None:
        bar = self._bar = _ToolStrip("Tools", self._window)
        bar.setObjectName("tools")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        space = QWidget()
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        live = QToolButton(toolButtonStyle=Qt.ToolButtonStyle.ToolButtonIconOnly)
        live.setDefaultAction(self._actions["open_live"])
        own = {
            "@live": live,
            "@samples": self.samples, "@model": self._picker, "@model_b": self._others, "@export": self.export,
            "@space": space,
        }  # fmt: skip
        for key in TOOLBAR:
            if key == "|":
                bar.addSeparator()
            elif key in own:
                self._shown[key] = bar.addWidget(own[key])
            else:
                bar.addAction(self._actions[key])
                button = bar.widgetForAction(self._actions[key])
                if key in ("previous", "next") and isinstance(button, QToolButton):
                    bar.keep_icon(button)
        self._window.addToolBar(bar)
        # Hiding it from a menu would leave no way back.
        bar.toggleViewAction().setVisible(False)


def with_key(name: str, taken: set[str]) -> str:
    """Return a menu's name with its Alt key marked: the first letter that no menu before it took."""
    place = next((place for place, letter in enumerate(name.lower()) if letter not in taken), 0)
    taken.add(name.lower()[place])
    return f"{name[:place]}&{name[place:]}"
