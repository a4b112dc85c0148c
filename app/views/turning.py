"""Turns the 3D view slowly by itself, out of the way of everything else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from app.views.scene3d import Scene3D

DEGREES_PER_S: Final = 24.0
_FRAME_S: Final = 1 / 30
_REST: Final = 2.0
_REST_WHILE_BUSY: Final = 12.0
"""After a drawing the view rests this many times as long as the drawing took: without a graphics card the processor
draws, and while the network is at work it has better things to do."""
_LONGEST_S: Final = 0.25
"""After a pause, hidden say, the view goes on from where it stood instead of leaping."""
_LONGEST_REST_S: Final = 2.0


class AutoTurn(QObject):
    """Turns a step whenever the last one was drawn: what is hidden is not drawn, and so does not turn."""

    taken = Signal()
    """The user took hold of the view."""

    def __init__(self, scene: Scene3D, parent: QObject) -> None:
        super().__init__(parent)
        self.busy: Callable[[], bool] = lambda: False
        """Whether the network is at work."""
        self._scene = scene
        self._on = False
        self._asked_s = self._last_s = 0.0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._step)
        scene.canvas.events.mouse_press.connect(lambda _event: self._take())
        scene.canvas.native.frameSwapped.connect(self._drawn)

    @property
    def on(self) -> bool:
        """Whether the view turns."""
        return self._on

    def set_on(self, on: bool) -> None:
        """Turn, or stand still."""
        if on != self._on:
            self._on = on
            self._last_s = time.monotonic()
            if on:
                self._step()
            else:
                self._timer.stop()

    def _take(self) -> None:
        if self._on:
            self.taken.emit()

    def _step(self) -> None:
        native = self._scene.canvas.native
        if not native.isVisible() or native.window().isMinimized():
            # The drawing that makes it seen again goes on with it.
            return
        now_s = time.monotonic()
        step_s, self._last_s = min(now_s - self._last_s, _LONGEST_S), now_s
        self._asked_s = now_s
        self._scene.camera.azimuth = (self._scene.camera.azimuth + DEGREES_PER_S * step_s) % 360.0

    def _drawn(self) -> None:
        if self._on and not self._timer.isActive():
            spent_s = time.monotonic() - self._asked_s
            rest_s = min((_REST_WHILE_BUSY if self.busy() else _REST) * spent_s, _LONGEST_REST_S)
            self._timer.start(round(1000 * max(_FRAME_S - spent_s, rest_s)))
