"""The 3D view of another model in a comparison, its camera linked with A's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.comparing import Comparing
from app.notifications import Notifier
from app.soon import soon
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.skeleton3d import Skeleton3DPanel, told_beside
from core.compare import LETTERS
from core.pose import Pose

if TYPE_CHECKING:
    from app.views.scene3d import Scene3D


class OtherSpace(QWidget):
    """Holds a model's 3D panel, which is made when it is first needed: a canvas costs start time and memory."""

    def __init__(
        self, state: AppState, themes: ThemeWatcher, notifier: Notifier, comparing: Comparing, place: int
    ) -> None:
        super().__init__()
        self._place = place
        self._state = state
        self._themes = themes
        self._notifier = notifier
        self._comparing = comparing
        self._leader: Skeleton3DPanel | None = None
        self.panel: Skeleton3DPanel | None = None
        self._making = False
        self._inside = QVBoxLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)
        for signal in (comparing.changed, comparing.compared, comparing.model_changed):
            signal.connect(self.refresh)
        self.hide()

    def follow(self, leader: Skeleton3DPanel) -> None:
        """Turn and zoom with A's view."""
        self._leader = leader

    def refresh(self) -> None:
        """Show the model, where the machine has 3D and the others do not stand as ghosts beside A."""
        comparing, leader = self._comparing, self._leader
        there = self._place < len(comparing.others)
        views = comparing.on and not comparing.display.ghost and leader is not None and leader.scene is not None
        if views and there and self.panel is None and not self._making:
            # After the pictures: a canvas takes long to make, and the window answers before and in between.
            self._making = True
            soon(self, self._set_up)
        if self.panel is not None:
            self.panel.title.setText(f"3D {LETTERS[self._place + 1]}")
            self.panel.refresh()
        # Of a place left over only the room is kept, so that the bodies stay of one size.
        self.setVisible(views and (there or len(comparing.others) > 1))
        if self.panel is not None:
            self.panel.setVisible(there)

    def _set_up(self) -> None:
        from app.views.scene3d import Scene3D

        self._go_on(Scene3D.in_steps())

    def _go_on(self, steps: Iterator[Scene3D | None]) -> None:
        try:
            scene = next(steps)
        except Exception:  # noqa: BLE001  # drivers fail in many ways; the panel tries by itself and tells why not
            self._make(None)
            return
        then = partial(self._go_on, steps) if scene is None else partial(self._make, scene)
        soon(self, then)

    def _make(self, scene: Scene3D | None) -> None:
        leader = self._leader
        if self.panel is not None or leader is None:
            return
        panel = Skeleton3DPanel(self._state, self._themes, self._notifier, leads=False, scene=scene)
        panel.shown_pose, panel.told = self._pose, told_beside
        self._inside.addWidget(panel)
        if panel.scene is not None and leader.scene is not None:
            panel.scene.follow(leader.scene)
        self.panel = panel
        # Showing it paints it for the first time, which takes long as well.
        soon(self, self.refresh)

    def _pose(self) -> Pose | None:
        others = self._comparing.others
        return others[self._place].pose if self._place < len(others) else None
