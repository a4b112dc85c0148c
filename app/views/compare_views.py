"""Puts the comparison into the window: which panels stand, what A's views show, the ticks, and the key that is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QApplication, QSplitter, QWidget

from app.comparing import Comparing
from app.room import ComparisonRoom
from app.state import AppState
from app.views.bones import BonesPanel
from app.views.compare_picture import OtherPicturePanel, PictureCompare
from app.views.compare_space import OtherSpace
from app.views.picture import PicturePanel
from app.views.skeleton3d import Skeleton3DPanel


class CompareViews(QObject):
    """Connects A's panels to the comparison; without one they are as they were."""

    def __init__(
        self,
        window: QWidget,
        panels: Mapping[str, QWidget],
        state: AppState,
        comparing: Comparing,
        actions: Mapping[str, QAction],
    ) -> None:
        super().__init__(window)
        picture, other = panels["picture"], panels["picture_b"]
        space, other_space, bones = panels["space"], panels["space_b"], panels["bones"]
        assert isinstance(picture, PicturePanel) and isinstance(other, OtherPicturePanel)
        assert isinstance(space, Skeleton3DPanel) and isinstance(other_space, OtherSpace)
        assert isinstance(bones, BonesPanel)
        self._comparing = comparing
        self._actions = actions
        self._space = space
        self._bones = bones
        self.pictures = PictureCompare(picture, other, state, comparing)
        space.shown_pose = lambda: comparing.shown
        space.ghost_pose = lambda: comparing.pose if comparing.on and comparing.display.ghost else None
        other_space.follow(space)
        across = picture.parentWidget()
        assert isinstance(across, QSplitter)
        self._room = ComparisonRoom(across, panels["thumbnails"], comparing)
        self._held = HeldKey(actions["compare_flip"], lambda: comparing.set_display(flipped=False))
        comparing.changed.connect(self._refresh)
        comparing.compared.connect(space.refresh)
        self._refresh()

    def _refresh(self) -> None:
        comparing, display = self._comparing, self._comparing.display
        self._bones.setVisible(not comparing.on)
        self._space.title.setText(f"3D {'B' if comparing.flipped else 'A'}" if comparing.on else "3D")
        self._space.refresh()
        checks = {
            "compare": comparing.on,
            "compare_flip": display.flipped,
            "compare_arrows": display.arrows,
            "compare_ghost": display.ghost,
        }
        for key, checked in checks.items():
            self._actions[key].setChecked(checked)
        for key, action in self._actions.items():
            if key.startswith("compare_"):
                action.setEnabled(comparing.on)


class HeldKey(QObject):
    """Ends what an action began when its key is let go, or when the program loses the keyboard.

    A click in the menu begins it too; then the next press of the key, or another click, ends it.
    """

    def __init__(self, action: QAction, ended: Callable[[], None]) -> None:
        super().__init__(action)
        self._keys = [shortcut[0].key() for shortcut in action.shortcuts()]
        self._ended = ended
        # A held key repeats itself.
        action.setAutoRepeat(False)
        action.triggered.connect(self._triggered)

    def _triggered(self, on: bool) -> None:
        application = QApplication.instance()
        assert application is not None
        # Only while it is held: a filter in Python costs time with every event.
        if on:
            application.installEventFilter(self)
        else:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch for the key's release."""
        let_go = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyRelease
        if let_go and (event.isAutoRepeat() or event.key() not in self._keys):
            let_go = False
        if let_go or event.type() == QEvent.Type.ApplicationDeactivate:
            QApplication.instance().removeEventFilter(self)
            self._ended()
        return super().eventFilter(watched, event)
