"""The bar of the live mode over the views: address, state, rate, latency, and the switches that matter live."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QColor, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from app.live.live import Live
from app.theme import Theme, ThemeWatcher
from app.views.latency_bar import LatencyBar
from app.views.panel import ElidedLabel, keep_keys

_HINT: Final = "camera:0, http://192.168.1.20:8080/video, rtsp://…, or a video file"
_SWITCHES: Final = ("live_filter", "live_several", "record")


class StateDot(QWidget):
    """A dot in the colour of the source's state, beside its word."""

    def __init__(self) -> None:
        super().__init__()
        self._colour = "#888888"
        self.setFixedSize(12, 12)

    def show_colour(self, colour: str) -> None:
        """Take another colour."""
        self._colour = colour
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colour))
        painter.drawEllipse(1, 1, 10, 10)


class LiveBar(QFrame):
    """Shown when a live source was asked for, until it is closed."""

    opened = Signal(str)
    """The user wants this address."""

    def __init__(self, live: Live, themes: ThemeWatcher, actions: Mapping[str, QAction]) -> None:
        super().__init__(objectName="panel")
        self._live = live
        self._themes = themes
        self._numbers_s = 0.0
        self.dot = StateDot()
        self.state = QLabel(objectName="sentence")
        self.state.setMinimumWidth(self.fontMetrics().horizontalAdvance("reconnecting"))
        self.address = self._make_address()
        self.button = QToolButton(text="Start")
        self.button.setMinimumWidth(60)
        self.button.clicked.connect(self._pressed)
        self.rate = ElidedLabel(objectName="sentence")
        self.rate.setToolTip("Poses on screen a second")
        self.dropped = ElidedLabel(objectName="muted")
        self.dropped.setToolTip("Frames that passed while another one was looked at: the newest always counts")
        self.latency = LatencyBar(themes)
        self.shut = QToolButton(text="✕", toolTip="Stop and close this bar")
        self.shut.setAccessibleName("Close the live bar")
        self.shut.clicked.connect(self._shut)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 4, 3)
        row.setSpacing(8)
        for widget, stretch in (
            (self.dot, 0), (self.state, 0), (self.address, 4), (self.button, 0), (self.rate, 1), (self.dropped, 1),
            (self.latency, 3),
        ):  # fmt: skip
            row.addWidget(widget, stretch)
        for key in _SWITCHES:
            if key in actions:
                switch = QToolButton()
                switch.setDefaultAction(actions[key])
                switch.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
                switch.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                row.addWidget(switch)
        row.addWidget(self.shut)
        live.changed.connect(self.refresh)
        live.numbers_changed.connect(self._show_numbers)
        themes.changed.connect(self.refresh)
        self.hide()
        self.refresh()

    def _make_address(self) -> QComboBox:
        address = QComboBox(editable=True)
        address.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        address.setMinimumContentsLength(12)
        address.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        address.setAccessibleName("Camera, address or file")
        address.setToolTip(
            "A camera, the address of a stream, a video or a folder of pictures played as if live.\n"
            "Name and password go into the address; they are not kept."
        )
        edit = address.lineEdit()
        assert edit is not None, "the box is editable"
        self._edit = edit
        edit.setPlaceholderText(_HINT)
        edit.setClearButtonEnabled(True)
        edit.installEventFilter(self)
        keep_keys(edit)
        address.activated.connect(lambda _index: self._open())
        return address

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Open on Return; the combo box alone would tell a chosen line and a typed one apart."""
        pressed = event.key() if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress else None
        if pressed in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
            return True
        return super().eventFilter(watched, event)

    def ask(self) -> None:
        """Show the bar with the cursor in the address."""
        self.show()
        self._fill_recent()
        self._edit.setFocus()
        self._edit.selectAll()

    def _open(self) -> None:
        self.opened.emit(self.address.currentText())

    def _pressed(self) -> None:
        if self._live.on:
            self._live.stop()
        else:
            self._open()

    def _shut(self) -> None:
        self._live.stop()
        self.hide()

    def _fill_recent(self) -> None:
        text = self.address.currentText()
        recent = self._live.recent()
        self.address.clear()
        self.address.addItems(recent)
        self.address.setEditText(text or (recent[0] if recent else ""))

    def refresh(self) -> None:
        """Show the source's state."""
        live, theme = self._live, self._themes.theme
        if live.on:
            self.show()
            if live.given and live.given != self.address.currentText() and not self._edit.hasFocus():
                self.address.setEditText(live.given)
        self.state.setText(live.word)
        self.state.setToolTip(live.trouble)
        self.dot.show_colour(_colour(live.word, theme))
        self.button.setText("Stop" if live.on else "Start")
        self.button.setToolTip("Let go of the source (Esc)" if live.on else "Open this source (Return)")
        if not live.on:
            self._numbers_s = 0.0
        self._show_numbers()

    def _show_numbers(self) -> None:
        """Show rate, dropped frames and latency, no oftener than anybody can read them."""
        now_s = time.monotonic()
        if self._live.on and now_s - self._numbers_s < 0.25:
            return
        self._numbers_s = now_s
        rate = self._live.latency.rate(now_s) if self._live.on else 0.0
        self.rate.setText(f"{rate:.0f} poses/s" if self._live.on else "")
        self.dropped.setText(f"{self._live.dropped} dropped" if self._live.on else "")
        self.latency.setVisible(self._live.on)
        self.latency.show_parts(self._live.latency.medians_ms())


def _colour(word: str, theme: Theme) -> str:
    """Return the colour of a state: it moves, it does not just now, it will not, it rests."""
    if word == "live":
        return "#4fc88e"
    if word in ("starting", "stalled", "reconnecting"):
        return theme.warning
    return theme.error if word in ("lost", "faulted") else theme.muted
