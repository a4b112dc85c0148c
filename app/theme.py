"""Dark and light, following the system: one palette of roles, a Qt palette and a small stylesheet made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.soon import soon


class ThemeChoice(StrEnum):
    """What the user asked for."""

    SYSTEM = "system"
    DARK = "dark"
    LIGHT = "light"


@dataclass(frozen=True)
class Theme:
    """The colours of one theme, as #rrggbb."""

    dark: bool
    window: str
    panel: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    canvas: str
    grid: str
    shadow: str
    warning: str
    error: str
    selection: str


DARK: Final = Theme(
    dark=True, window="#1d1f25", panel="#16171b", raised="#292c34", border="#31343d", text="#dfe2e8", muted="#959cab",
    accent="#5b96f7", canvas="#16171b", grid="#3d414b", shadow="#060708", warning="#f2be42", error="#ff6a70",
    selection="#2a3958",
)  # fmt: skip
LIGHT: Final = Theme(
    dark=False, window="#eceef2", panel="#fbfcfd", raised="#ffffff", border="#d2d6de", text="#20242c", muted="#5c6473",
    accent="#2466d1", canvas="#f4f6f9", grid="#c3c9d3", shadow="#cdd2da", warning="#a66b00", error="#c4282f",
    selection="#d3e2fb",
)  # fmt: skip

_STYLE: Final = """
QToolBar {{ background: {window}; border: 0; border-bottom: 1px solid {border}; padding: 4px 6px; spacing: 4px; }}
QToolBar::separator {{ background: {border}; width: 1px; margin: 4px 6px; }}
QToolButton {{ color: {text}; background: transparent; border: 1px solid transparent; border-radius: 5px;
  padding: 4px 8px; }}
QToolButton:hover {{ background: {raised}; border-color: {border}; }}
QToolButton:checked {{ background: {raised}; border-color: {accent}; }}
QToolButton:pressed {{ background: {border}; }}
QToolButton:disabled {{ color: {muted}; border-color: transparent; background: transparent; }}
QToolButton:focus {{ border-color: {text}; }}
QToolButton[popupMode="2"] {{ padding-right: 18px; }}
QToolButton::menu-indicator {{ subcontrol-position: right center; right: 5px; }}
QMenuBar {{ background: {window}; color: {text}; padding: 1px 4px; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {raised}; }}
QMenu {{ background: {raised}; color: {text}; border: 1px solid {border}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 10px; border-radius: 4px; }}
QMenu::item:selected {{ background: {accent}; color: #ffffff; }}
QMenu::item:disabled {{ color: {muted}; }}
QMenu::separator {{ height: 1px; background: {border}; margin: 4px 6px; }}
QStatusBar {{ background: {window}; color: {muted}; border-top: 1px solid {border}; }}
QStatusBar QLabel {{ color: {muted}; padding: 1px 6px; }}
QStatusBar::item {{ border: 0; }}
QSplitter::handle {{ background: {window}; }}
QSplitter::handle:hover {{ background: {accent}; }}
QFrame#panel {{ background: {panel}; border: 1px solid {border}; border-radius: 6px; }}
QWidget#panelHeader {{ background: transparent; }}
QLabel#panelTitle {{ color: {text}; font-weight: 600; }}
QLabel#muted {{ color: {muted}; }}
QLabel#sentence {{ color: {text}; }}
QTableView {{ background: {panel}; alternate-background-color: {window}; color: {text}; border: 1px solid {panel};
  gridline-color: {border}; selection-background-color: {selection}; selection-color: {text}; }}
QListWidget, QTextBrowser#card {{ background: {panel}; border: 1px solid {border}; border-radius: 6px; }}
QListView {{ outline: 0; }}
QListWidget:focus, QTextBrowser#card:focus {{ border-color: {accent}; }}
QListWidget::item {{ padding: 2px 6px; border-radius: 4px; }}
QListWidget::item:selected {{ background: {selection}; color: {text}; }}
QHeaderView::section {{ background: {panel}; color: {muted}; border: 0; border-bottom: 1px solid {border};
  padding: 4px 6px; font-weight: 500; }}
QHeaderView::up-arrow, QHeaderView::down-arrow {{ subcontrol-position: top center; width: 9px; height: 6px; }}
QTableCornerButton::section {{ background: {panel}; border: 0; }}
QListView#thumbnails {{ background: {panel}; color: {text}; border: 1px solid {panel}; }}
QTableView:focus, QListView#thumbnails:focus {{ border-color: {accent}; }}
QListView#thumbnails::item {{ padding: 2px; border-radius: 4px; }}
QListView#thumbnails::item:selected {{ background: {selection}; color: {text}; border: 1px solid {accent}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {border}; padding: 4px; }}
QFrame#toast {{ background: {raised}; border: 1px solid {border}; border-left: 4px solid {accent}; }}
QFrame#toast[level="warning"] {{ border-left-color: {warning}; }}
QFrame#toast[level="error"] {{ border-left-color: {error}; }}
QFrame#toast QLabel {{ color: {text}; }}
QLabel#emptyTitle {{ color: {text}; font-size: 17px; font-weight: 600; }}
QLabel#emptyText {{ color: {muted}; }}
QLabel#badge {{ color: {muted}; background: {window}; border: 1px solid {border}; border-radius: 4px;
  padding: 1px 6px; }}
"""


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, theme.window), (roles.WindowText, theme.text), (roles.Base, theme.panel),
        (roles.AlternateBase, theme.window), (roles.Text, theme.text), (roles.Button, theme.raised),
        (roles.ButtonText, theme.text), (roles.ToolTipBase, theme.raised), (roles.ToolTipText, theme.text),
        (roles.Highlight, theme.accent), (roles.HighlightedText, "#ffffff"), (roles.PlaceholderText, theme.muted),
        (roles.Mid, theme.border), (roles.Dark, theme.border), (roles.Link, theme.accent),
    ):  # fmt: skip
        palette.setColor(role, QColor(colour))
    for role in (roles.Text, roles.ButtonText, roles.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return palette


class ThemeWatcher(QObject):
    """Holds the theme in use, follows the system while asked to, and tells the views."""

    changed = Signal()

    def __init__(self, application: QApplication, choice: ThemeChoice = ThemeChoice.SYSTEM) -> None:
        super().__init__(application)
        self._application = application
        self.choice = choice
        self.theme = DARK
        self._window: QWidget | None = None
        application.setStyle("Fusion")
        pg.setConfigOptions(antialias=True, imageAxisOrder="row-major")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply()

    def dress(self, window: QWidget) -> None:
        """Give a window, and the dialogs and menus that belong to it, the theme's style sheet from now on.

        A sheet of the whole application would look the same and takes Qt four times as long to change.
        """
        self._window = window
        window.setStyleSheet(self._sheet())

    def choose(self, choice: ThemeChoice) -> None:
        """Use another theme from now on."""
        self.choice = choice
        self._apply()

    def _follow(self) -> None:
        if self.choice is ThemeChoice.SYSTEM:
            self._apply()

    def _apply(self) -> None:
        light = self.choice is ThemeChoice.LIGHT
        if self.choice is ThemeChoice.SYSTEM:
            # A system that does not say (bare X) gets the dark theme, made for looking at pictures.
            light = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light
        self.theme = LIGHT if light else DARK
        self._application.setPalette(_palette(self.theme))
        pg.setConfigOptions(background=self.theme.canvas, foreground=self.theme.muted)
        window = self._window
        if window is not None and window.isVisible():
            # The sheet takes Qt as long as all views together: events pass in between, and nothing half changed shows.
            window.setUpdatesEnabled(False)
            window.setStyleSheet(self._sheet())
            soon(window, self._tell)
            return
        if window is not None:
            window.setStyleSheet(self._sheet())
        self._tell()

    def _tell(self) -> None:
        self.changed.emit()
        if self._window is not None:
            self._window.setUpdatesEnabled(True)

    def _sheet(self) -> str:
        return _STYLE.format(**{name: value for name, value in vars(self.theme).items() if isinstance(value, str)})
