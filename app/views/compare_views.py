"""Puts the comparison into the window: which panels stand, what A's views show, the ticks, and the key that is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QApplication, QSplitter, QWidget

from app.colours import COMPARE_COLOURS
from app.panels import Context
from app.room import ComparisonRoom
from app.views.bones import BonesPanel
from app.views.compare_picture import OtherPicturePanel, PictureCompare
from app.views.compare_space import OtherSpace
from app.views.compare_strip import DifferenceStrip
from app.views.picture import PicturePanel
from app.views.skeleton3d import Ghost, Skeleton3DPanel, told_alone, told_beside
from app.views.timeline import TimelinePanel

_ROOM_FOR_STRIPS: Final = 960
"""Height of a window in pixels for pictures, timeline with strips, and the numbers of a comparison."""
_ROOM_FOR_A_STRIP: Final = 640
"""The same with the bones in place of a comparison, or with no strip but that of the comparison."""


class CompareViews(QObject):
    """Connects A's panels to the comparison and makes those of C and D; without one they are as they were."""

    def __init__(
        self,
        window: QWidget,
        panels: dict[str, QWidget],
        context: Context,
        actions: Mapping[str, QAction],
    ) -> None:
        super().__init__(window)
        picture, space, bones = panels["picture"], panels["space"], panels["bones"]
        other, other_space, timeline = panels["picture_b"], panels["space_b"], panels["timeline"]
        assert isinstance(picture, PicturePanel) and isinstance(other, OtherPicturePanel)
        assert isinstance(space, Skeleton3DPanel) and isinstance(other_space, OtherSpace)
        assert isinstance(bones, BonesPanel) and isinstance(timeline, TimelinePanel)
        comparing, state = context.comparing, context.session.state
        self._panels = panels
        self._context = context
        self._comparing = comparing
        self._actions = actions
        self._space = space
        self._bones = bones
        self.pictures = PictureCompare(picture, state, comparing)
        self.pictures.add(other)
        space.shown_pose = lambda: comparing.shown
        space.ghosts = self._ghosts
        space.told = lambda pose: told_beside(pose) if comparing.on else told_alone(pose)
        other_space.follow(space)
        across = picture.parentWidget()
        assert isinstance(across, QSplitter)
        self._columns = [_Column(across, panel) for panel in (picture, other, space, other_space)]
        self._late: list[OtherPicturePanel | OtherSpace] = []
        """The panels of C and D, once they are made."""
        self._room = ComparisonRoom(across, panels["thumbnails"], comparing)
        self.strip = DifferenceStrip(context.session, context.themes, comparing)
        timeline.add_content(self.strip)
        self._timeline = timeline
        self._held = HeldKey(actions["compare_flip"], lambda: comparing.set_display(flipped=False))
        comparing.changed.connect(self._refresh)
        comparing.model_changed.connect(self._refresh)
        comparing.compared.connect(space.refresh)
        self._refresh()

    def _ghosts(self) -> list[Ghost]:
        comparing = self._comparing
        if not comparing.on or not comparing.display.ghost:
            return []
        several = len(comparing.others) > 1
        return [
            Ghost(other.letter, other.pose, COMPARE_COLOURS[place + 1] if several else None)
            for place, other in enumerate(comparing.others)
            if other.pose is not None
        ]

    def _grow(self) -> None:
        """Make the panels of C and D when there is a C: under those of A and B."""
        if "picture_c" in self._panels:
            return
        context, comparing, state = self._context, self._comparing, self._context.session.state
        for place, name in ((1, "c"), (2, "d")):
            picture = OtherPicturePanel(state, context.themes, comparing, place)
            space = OtherSpace(state, context.themes, context.notifier, comparing, place)
            self._panels[f"picture_{name}"], self._panels[f"space_{name}"] = picture, space
            self._columns[place - 1].addWidget(picture)
            self._columns[place + 1].addWidget(space)
            self.pictures.add(picture)
            space.follow(self._space)
            self._late += [picture, space]

    def resized(self) -> None:
        """Leave out the strips for which the window is too low."""
        height = self._timeline.window().height()
        self._timeline.give_room(height >= (_ROOM_FOR_STRIPS if self._comparing.on else _ROOM_FOR_A_STRIP))
        self.strip.give_room(height >= _ROOM_FOR_A_STRIP)

    def _refresh(self) -> None:
        comparing, display = self._comparing, self._comparing.display
        if comparing.on and len(comparing.others) > 1:
            self._grow()
        for panel in self._late:
            # They hear of a change after this object does.
            panel.refresh()
        for column in self._columns:
            column.follow()
        self.resized()
        self._bones.setVisible(not comparing.on)
        letter = comparing.other.letter
        self._space.title.setText(f"3D {letter if comparing.flipped else 'A'}" if comparing.on else "3D")
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
        several = len(comparing.others) > 1
        self._actions["compare_add"].setEnabled(comparing.on and not comparing.is_full)
        for key in ("compare_next", "compare_remove"):
            self._actions[key].setEnabled(comparing.on and several)
        self._actions["compare_flip"].setText(f"Show {letter} in A's place")
        self._actions["compare_remove"].setText(f"Take {letter} out")
        self._actions["compare_model_next"].setText(f"Next model {letter}")


class _Column(QSplitter):
    """Panels one over the other in the place of the first; takes no room while none of them is shown."""

    def __init__(self, across: QSplitter, panel: QWidget) -> None:
        super().__init__(Qt.Orientation.Vertical)
        place, stretch = across.indexOf(panel), panel.sizePolicy().horizontalStretch()
        hidden = panel.isHidden()
        across.replaceWidget(place, self)
        self.addWidget(panel)
        panel.setHidden(hidden)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(6)
        across.setStretchFactor(place, stretch or 1)
        self._shown: list[QWidget] = []
        self.follow()

    def follow(self) -> None:
        """Be there if one of the panels is; all that are share the height, until the user drags the line."""
        panels = (self.widget(place) for place in range(self.count()))
        shown = [panel for panel in panels if panel is not None and not panel.isHidden()]
        self.setVisible(bool(shown))
        if shown != self._shown:
            self._shown = shown
            # What the panels ask for is known only when they are laid out.
            QTimer.singleShot(0, self, self._share)

    def _share(self) -> None:
        for place in range(self.count()):
            self.setStretchFactor(place, 1)
        self.setSizes([10_000] * self.count())


class HeldKey(QObject):
    """Ends what an action began when its key is let go, or when the program loses the keyboard.

    A click in the menu begins it too; then the next press of the key, or another click, ends it.
    """

    def __init__(self, action: QAction, ended: Callable[[], None]) -> None:
        super().__init__(action)
        self._keys = [shortcut[0].key() for shortcut in action.shortcuts()]  # type: ignore[index]
        self._ended = ended
        # A held key repeats itself.
        action.setAutoRepeat(False)
        action.triggered.connect(self._watch)

    def _watch(self, on: bool) -> None:
        application = QApplication.instance()
        assert application is not None
        # Only while it is held: a filter in Python costs time with every event.
        if on:
            application.installEventFilter(self)
        else:
            application.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch for the key's release."""
        let_go = event.type() == QEvent.Type.ApplicationDeactivate
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyRelease:
            let_go = not event.isAutoRepeat() and event.key() in self._keys
        if let_go:
            self._watch(False)
            self._ended()
        return super().eventFilter(watched, event)
