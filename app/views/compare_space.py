"""B's 3D view in a comparison, its camera linked with A's."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QMoveEvent, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.comparing import Comparing
from app.notifications import Notifier
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.skeleton3d import Skeleton3DPanel


class OtherSpace(QWidget):
    """Holds B's 3D panel, which is made when it is first needed: a canvas costs start time and memory."""

    def __init__(self, state: AppState, themes: ThemeWatcher, notifier: Notifier, comparing: Comparing) -> None:
        super().__init__()
        self._state = state
        self._themes = themes
        self._notifier = notifier
        self._comparing = comparing
        self._leader: Skeleton3DPanel | None = None
        self.panel: Skeleton3DPanel | None = None
        QVBoxLayout(self).setContentsMargins(0, 0, 0, 0)
        for signal in (comparing.changed, comparing.compared, comparing.model_changed):
            signal.connect(self.refresh)
        self.hide()

    def follow(self, leader: Skeleton3DPanel) -> None:
        """Turn and zoom with A's view."""
        self._leader = leader

    def refresh(self) -> None:
        """Show B, where the machine has 3D and B does not stand as a ghost beside A."""
        comparing, leader = self._comparing, self._leader
        wanted = comparing.on and not comparing.display.ghost and leader is not None and leader.scene is not None
        if wanted and self.panel is None and leader is not None:
            self.panel = self._make(leader)
        if self.panel is not None:
            self.panel.title.setText("3D B")
            self.panel.refresh()
        self.setVisible(wanted)
        self._settle()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """See to it that the canvas is where the panel is."""
        super().resizeEvent(event)
        self._settle()

    def moveEvent(self, event: QMoveEvent) -> None:  # noqa: N802
        """See to it that the canvas is where the panel is."""
        super().moveEvent(event)
        self._settle()

    def _settle(self) -> None:
        if self.panel is not None:
            QTimer.singleShot(0, self.panel, self.panel.put_in_place)

    def _make(self, leader: Skeleton3DPanel) -> Skeleton3DPanel:
        panel = Skeleton3DPanel(self._state, self._themes, self._notifier, leads=False)
        panel.shown_pose = lambda: self._comparing.pose
        self.layout().addWidget(panel)
        if panel.scene is not None and leader.scene is not None:
            panel.scene.follow(leader.scene)
        return panel
