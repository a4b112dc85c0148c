"""What each action of the table does: the one place that connects keys, menus and buttons to session and views."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app import actions, incoming
from app.colours import ColourMode
from app.comparing import Comparing
from app.naming import JOINT_ORDER
from app.notifications import Notifier
from app.session import Session
from app.settings import Settings
from app.sources import CHECKPOINT_FILTER, PICTURE_FILTER
from app.state import HeatmapMode
from app.theme import ThemeChoice, ThemeWatcher
from app.views import help as help_pages
from app.views.bones import BonesPanel
from app.views.picture import PicturePanel
from app.views.skeleton3d import Skeleton3DPanel
from app.views.timeline import TimelinePanel
from core.reading import SWITCHES


class Commands:
    """The functions behind the actions."""

    def __init__(
        self, window: QWidget, session: Session, themes: ThemeWatcher, settings: Settings, notifier: Notifier,
        picture: PicturePanel, space: Skeleton3DPanel, bones: BonesPanel, timeline: TimelinePanel,
        comparing: Comparing,
    ) -> None:  # fmt: skip
        self._window = window
        self._session = session
        self._state = session.state
        self._themes = themes
        self._settings = settings
        self._notifier = notifier
        self._picture = picture
        self._space = space
        self._bones = bones
        self._timeline = timeline
        self._comparing = comparing

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return a function for every key of the table."""
        session, state, picture, space = self._session, self._state, self._picture, self._space
        return {
            "open": lambda _: self.open_pictures(),
            "open_folder": lambda _: self.open_folder(),
            "previous": lambda _: session.step(-1),
            "next": lambda _: session.step(1),
            "close": lambda _: session.close_picture(),
            "quit": lambda _: self._window.close(),
            "undo": lambda _: session.undo_stack.undo(),
            "redo": lambda _: session.undo_stack.redo(),
            "paste": lambda _: self.paste(),
            "draw_box": lambda on: state.set_display(drawing=on),
            "let_go": lambda _: self.let_go(),
            "box_left": lambda _: session.nudge_box(across=-1),
            "box_right": lambda _: session.nudge_box(across=1),
            "box_up": lambda _: session.nudge_box(down=-1),
            "box_down": lambda _: session.nudge_box(down=1),
            "box_larger": lambda _: session.nudge_box(larger=1),
            "box_smaller": lambda _: session.nudge_box(larger=-1),
            "find_person": lambda _: session.give_box(None),
            "heat_off": lambda _: state.set_display(heatmap=HeatmapMode.OFF),
            "heat_all": lambda _: state.set_display(heatmap=HeatmapMode.ALL),
            "joint_next": lambda _: self.step_joint(1),
            "joint_previous": lambda _: self.step_joint(-1),
            "verdict": lambda on: state.set_display(colours=ColourMode.VERDICT if on else ColourMode.SIDE),
            "ghost": lambda on: state.set_display(ghost=on),
            "skeleton": lambda on: state.set_display(skeleton=on),
            "box": lambda on: state.set_display(box=on),
            "labels": lambda on: state.set_display(labels=on),
            "why": lambda on: state.set_display(why=on),
            "fit": lambda _: self.fit(),
            "fit_person": lambda _: picture.fit_person(),
            "zoom_in": lambda _: picture.zoom(1.25),
            "zoom_out": lambda _: picture.zoom(0.8),
            "view_camera": lambda _: space.preset("camera"),
            "view_front": lambda _: space.preset("front"),
            "view_side": lambda _: space.preset("side"),
            "view_top": lambda _: space.preset("top"),
            "turn_left": lambda _: space.turn(-1, 0),
            "turn_right": lambda _: space.turn(1, 0),
            "turn_up": lambda _: space.turn(0, 1),
            "turn_down": lambda _: space.turn(0, -1),
            "nearer": lambda _: space.zoom(1.15),
            "farther": lambda _: space.zoom(1 / 1.15),
            "turn": lambda on: state.set_display(turning=on),
            "theme_system": lambda _: self.choose_theme(ThemeChoice.SYSTEM),
            "theme_dark": lambda _: self.choose_theme(ThemeChoice.DARK),
            "theme_light": lambda _: self.choose_theme(ThemeChoice.LIGHT),
            "play": lambda _: session.playback.toggle(),
            "frame_next": lambda _: session.playback.step(1),
            "frame_previous": lambda _: session.playback.step(-1),
            "frame_first": lambda _: session.playback.step(-session.playback.wanted),
            "frame_last": lambda _: session.playback.step(sys.maxsize),
            "slower": lambda _: session.playback.faster(-1),
            "faster": lambda _: session.playback.faster(1),
            "jump_next": lambda _: self._timeline.go_to_jump(1),
            "jump_previous": lambda _: self._timeline.go_to_jump(-1),
            "strips": lambda on: state.set_display(strips=on),
            "open_checkpoint": lambda _: self.open_checkpoint(),
            "model_next": lambda _: self.next_model(),
            **{each.name: partial(self._read_with, each.name) for each in SWITCHES},
            "shortcuts": lambda _: help_pages.show_page(
                self._window, "Keyboard and mouse", actions.help_text(), (760, 640)
            ),
            "about": lambda _: help_pages.show_about(self._window),
        }

    def fit(self) -> None:
        """Show the whole picture and the whole body."""
        self._picture.fit()
        self._space.fit()

    def _read_with(self, name: str, on: bool) -> None:
        self._session.set_reading(**{name: on})

    def open_pictures(self) -> None:
        """Ask for pictures and open them."""
        names, _ = QFileDialog.getOpenFileNames(
            self._window, "Open pictures or videos", str(self._settings.folder()), PICTURE_FILTER
        )
        if names:
            self._session.open([Path(name) for name in names])

    def open_folder(self) -> None:
        """Ask for a folder and open its pictures."""
        name = QFileDialog.getExistingDirectory(self._window, "Open folder", str(self._settings.folder()))
        if name:
            self._session.open([Path(name)])

    def paste(self) -> None:
        """Open what the clipboard holds."""
        self.take_in(QGuiApplication.clipboard().mimeData(), "the clipboard holds no picture and no files")

    def take_in(self, mime: QMimeData, nothing: str) -> None:
        """Open what was dropped or pasted; ``nothing`` says what to tell where there is nothing to open."""
        found = incoming.read(mime)
        if found.paths:
            self._session.open(list(found.paths))
        elif found.rgb is not None:
            self._session.show_pixels(found.rgb)
        else:
            self._notifier.warn(nothing, "copy or drop a picture, a video or their folder")

    def open_checkpoint(self) -> None:
        """Ask for a checkpoint and load it."""
        name = self._ask_for_checkpoint("Open checkpoint")
        if name:
            self._session.choose_model(name)
        else:
            self._state.model_changed.emit()

    def open_checkpoint_beside(self, place: int) -> None:
        """Ask for a checkpoint and compare with it as B (0), C or D."""
        letter = self._comparing.others[place].letter
        name = self._ask_for_checkpoint(f"Open checkpoint as model {letter}")
        if name:
            self._comparing.choose(name, place)
        else:
            self._comparing.model_changed.emit()

    def open_checkpoint_to_add(self) -> None:
        """Ask for a checkpoint and compare with it, too."""
        name = self._ask_for_checkpoint("Open checkpoint to compare with")
        if name:
            self._comparing.add(name)

    def _ask_for_checkpoint(self, title: str) -> str:
        name, _ = QFileDialog.getOpenFileName(self._window, title, str(self._settings.folder()), CHECKPOINT_FILTER)
        return name

    def next_model(self) -> None:
        """Load the model after the one in use, of its kind."""
        used = self._state.model
        following = None if used is None else self._state.model_after(used)
        if following is None:
            self._notifier.info("there is no other model", "open a checkpoint file (Ctrl+M) or drop one on the window")
            return
        self._session.choose_model(following.source)

    def let_go(self) -> None:
        """Stop drawing a box and choose no bone."""
        self._state.set_display(drawing=False, bone=None)
        self._bones.let_go()

    def step_joint(self, by: int) -> None:
        """Choose the next joint from head to foot."""
        place = JOINT_ORDER.index(self._state.display.joint)
        self._state.choose_joint(JOINT_ORDER[(place + by) % len(JOINT_ORDER)])

    def choose_theme(self, choice: ThemeChoice) -> None:
        """Use another theme and remember it."""
        self._themes.choose(choice)
        self._settings.set("theme", choice)
