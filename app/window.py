"""The window: layout only. What things do is in commands, what they show in views, what they know in state."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import asdict
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QSplitter, QVBoxLayout, QWidget

from app import faults, icons, incoming
from app.actions import VIDEO_KEYS, colour_icons, make_actions
from app.colours import ColourMode
from app.commands import Commands
from app.comparing import Comparing
from app.engine_choice import EngineChoice
from app.exports import OF_A_POSE, Exports
from app.live.mode import LiveMode
from app.notifications import Notifier, ToastStack
from app.panels import AREA_BELOW_PX, PANELS, Area, Context
from app.people import People
from app.room import TimelineRoom
from app.services.backend import Backend, TorchBackend
from app.services.pictures import Reader, read_with_core
from app.session import PASTED, Session
from app.settings import Settings
from app.sources import bundled_samples
from app.state import AppState
from app.statusbar import StatusBar
from app.theme import ThemeChoice, ThemeWatcher
from app.toolbar import Chrome, ModelPicker
from app.tools import Tools
from app.uncovered import Uncovered
from app.views.bones import BonesPanel
from app.views.compare import ComparePanel
from app.views.compare_models import ComparedModels
from app.views.compare_views import CompareViews
from app.views.picture import PicturePanel
from app.views.skeleton3d import Skeleton3DPanel
from app.views.thumbnails import ThumbnailsPanel
from app.views.timeline import TimelinePanel
from core.compare import LETTERS
from core.reading import SWITCHES


class MainWindow(QMainWindow):
    """Puts the panels in their places and passes on what is dropped."""

    shown_first = Signal()

    def __init__(
        self, application: QApplication, settings: Settings, backend: Backend, reader: Reader = read_with_core
    ) -> None:
        super().__init__()
        self.setWindowTitle("Bonesight")
        self.setWindowIcon(icons.icon("bonesight", sizes=icons.LARGE_SIZES))
        self.setAcceptDrops(True)
        self.settings = settings
        self.themes = ThemeWatcher(application, _theme_choice(settings))
        self.themes.dress(self)
        self.state = AppState(self)
        self.notifier = Notifier(self)
        self.session = Session(self.state, self.notifier, backend, reader, self)
        self.comparing = Comparing(self.session, backend, reader, self)
        self.stopped_in_time = True
        self._restore_options()
        self._lay_out()
        self._restore_camera()
        if self.space.turning is not None:
            self.space.turning.busy = lambda: self.session.playback.running or bool(self.state.activity)
        self._make_chrome()
        self.setStatusBar(StatusBar(self.state))
        self.statusBar().addPermanentWidget(self.exports.clips.bar)
        self.toasts = ToastStack(self.notifier, self)
        self._connect()
        self._first = True
        if not settings.restore_window(self):
            available = QGuiApplication.primaryScreen().availableSize()
            self.resize(min(1440, available.width()), min(900, available.height()))

    def open_text(self, source: str) -> None:
        """Open what the command line named."""
        if source.startswith("camera:") or "://" in source:
            self.live_mode.open(source)
        else:
            self.session.open([Path(source).expanduser()])

    # Layout

    def _lay_out(self) -> None:
        context = self._context = Context(self.session, self.themes, self.notifier, self.comparing)
        self._panels: dict[str, QWidget] = {}
        areas: dict[Area, list[QWidget]] = {area: [] for area in Area}
        for spec in PANELS:
            self._panels[spec.name] = panel = spec.make(context)
            areas[spec.area].append(panel)
        across = _splitter("across", Qt.Orientation.Horizontal, areas, (Area.SIDE, Area.PICTURE, Area.SPACE))
        down = QSplitter(Qt.Orientation.Vertical, objectName="down")
        down.addWidget(across)
        for panel in areas[Area.BELOW]:
            down.addWidget(panel)
        down.setChildrenCollapsible(False)
        down.setStretchFactor(0, 3)
        down.setHandleWidth(6)
        down.setSizes([560, *(AREA_BELOW_PX[spec.name] for spec in PANELS if spec.area is Area.BELOW)])
        TimelineRoom(down, self.timeline, self.bones, self.state)
        holder = QWidget()
        self._column = column = QVBoxLayout(holder)
        column.setContentsMargins(6, 4, 6, 6)
        column.addWidget(down)
        self.setCentralWidget(holder)

    @property
    def picture(self) -> PicturePanel:
        """The picture panel."""
        panel = self._panels["picture"]
        assert isinstance(panel, PicturePanel)
        return panel

    @property
    def space(self) -> Skeleton3DPanel:
        """The 3D panel."""
        panel = self._panels["space"]
        assert isinstance(panel, Skeleton3DPanel)
        return panel

    @property
    def bones(self) -> BonesPanel:
        """The bone panel."""
        panel = self._panels["bones"]
        assert isinstance(panel, BonesPanel)
        return panel

    @property
    def compare_panel(self) -> ComparePanel:
        """The numbers of a comparison."""
        panel = self._panels["compare"]
        assert isinstance(panel, ComparePanel)
        return panel

    @property
    def timeline(self) -> TimelinePanel:
        """The timeline of a video."""
        panel = self._panels["timeline"]
        assert isinstance(panel, TimelinePanel)
        return panel

    @property
    def thumbnails(self) -> ThumbnailsPanel:
        """The pictures opened together."""
        panel = self._panels["thumbnails"]
        assert isinstance(panel, ThumbnailsPanel)
        return panel

    def _make_chrome(self) -> None:
        views = (self.picture, self.space, self.bones)
        self._commands = commands = Commands(
            self, self.session, self.themes, self.settings, self.notifier, *views, self.timeline, self.comparing
        )
        self.exports = Exports(
            self, self.state, self.settings, self.notifier, *views, self.session.playback, self.comparing
        )
        self.tools = Tools(self, self.session, self.themes, self.settings, self.notifier, compare=self.comparing.add)
        self.live_mode = LiveMode(self, self.session, self.themes, self.settings, self.comparing, commands.let_go)
        self.people = People(self.session, self.picture)
        engine = EngineChoice(self.session, self.comparing, self.settings, self)
        parts = (commands, self.exports, self.tools, self.comparing, self.live_mode, self.people, engine)
        handlers = {key: handler for part in parts for key, handler in part.handlers().items()}
        handlers["compare_add"] = lambda _: self.compared.show_menu()
        self.actions_by_key = make_actions(self, handlers)
        engine.build(self.actions_by_key["openvino"])
        self.picker = ModelPicker(
            self.state, self.session.choose_model, commands.open_checkpoint, beside=lambda: self.comparing.names
        )
        # What its name is told apart from.
        self.comparing.model_changed.connect(self.picker.combo.update)
        self.compared = ComparedModels(
            self.state, self.themes, self.comparing, commands.open_checkpoint_beside, commands.open_checkpoint_to_add
        )
        self.chrome = Chrome(
            self, self.actions_by_key, self.picker, bundled_samples(), lambda path: self.session.open([path]),
            self.compared,
        )  # fmt: skip
        self.compare_views = CompareViews(self, self._panels, self._context, self.actions_by_key)
        self.chrome.show_recent(self.settings.recent())
        self.live_mode.build(self.actions_by_key, self.picture, self.space, self._column, self.chrome.cameras)

    def _connect(self) -> None:
        state, stack = self.state, self.session.undo_stack
        for signal in (
            state.display_changed, state.reading_changed, state.picture_changed, state.trail_changed,
            state.live_changed,
        ):  # fmt: skip
            signal.connect(self._sync_actions)
        self.comparing.compared.connect(self._sync_actions)
        self.comparing.changed.connect(self._show_models)
        self._show_models()
        stack.canUndoChanged.connect(self.actions_by_key["undo"].setEnabled)
        stack.canRedoChanged.connect(self.actions_by_key["redo"].setEnabled)
        self.themes.changed.connect(self._retheme)
        self.session.opened.connect(self._opened)
        self._sync_actions()
        self._retheme()

    def _show_models(self) -> None:
        self.chrome.show_comparing(len(self.comparing.letters) if self.comparing.on else 1)

    def _sync_actions(self) -> None:
        display, actions = self.state.display, self.actions_by_key
        checks = {
            "draw_box": display.drawing,
            "verdict": display.colours is ColourMode.VERDICT,
            "ghost": display.ghost,
            "skeleton": display.skeleton,
            "box": display.box,
            "others": display.others,
            "labels": display.labels,
            "turn": display.turning,
            "strips": display.strips,
            "why": display.why,
            **asdict(self.state.reading),
        }
        for key, checked in checks.items():
            actions[key].setChecked(checked)
        picture = self.state.picture
        for key in ("close", "export_picture", "draw_box", "find_person", *OF_A_POSE):
            actions[key].setEnabled(picture is not None)
        actions["export_comparison"].setEnabled(bool(self.comparing.comparisons))
        actions["ghost"].setEnabled(picture is not None and picture.truth is not None)
        for key in VIDEO_KEYS:
            actions[key].setEnabled(self.state.clip is not None)
        actions["previous"].setEnabled(self.state.trail_index > 0)
        actions["next"].setEnabled(0 <= self.state.trail_index < len(self.state.trail) - 1)
        actions["undo"].setEnabled(self.session.undo_stack.canUndo())
        actions["redo"].setEnabled(self.session.undo_stack.canRedo())

    def _retheme(self) -> None:
        theme = self.themes.theme
        colour_icons(self.actions_by_key, theme)
        self.chrome.recolour(theme)
        self.actions_by_key[f"theme_{self.themes.choice}"].setChecked(True)

    def _opened(self, path: Path) -> None:
        picture = self.state.picture
        # Samples have a menu of their own, and their folder is the program's.
        if path != PASTED and (picture is None or picture.truth is None):
            self.settings.add_recent(path)
        self.chrome.show_recent(self.settings.recent())
        self.setWindowTitle("Bonesight" if picture is None else f"{picture.title} – Bonesight")

    # Remembering

    def _restore_options(self) -> None:
        self.state.set_reading(**{each.name: self.settings.flag(each.name, bool(each.default)) for each in SWITCHES})
        last = [self.settings.text(f"model_{letter.lower()}") for letter in LETTERS[1:]]
        self.comparing.preferred = tuple(source for source in last if source)
        verdict = self.settings.text("colours") == ColourMode.VERDICT
        self.state.set_display(
            opacity=self.settings.number("opacity", 0.75, 0.05, 1.0),
            colours=ColourMode.VERDICT if verdict else ColourMode.SIDE,
            labels=self.settings.flag("labels", False),
        )

    def _restore_camera(self) -> None:
        azimuth, elevation = self.space.looks_from or (0.0, 0.0)
        azimuth = self.settings.number("camera/azimuth", azimuth, -360.0, 360.0)
        self.space.look(azimuth, self.settings.number("camera/elevation", elevation, -90.0, 90.0))

    def _save_options(self) -> None:
        settings, display = self.settings, self.state.display
        settings.save_window(self)
        for name, on in asdict(self.state.reading).items():
            settings.set(name, on)
        settings.set("opacity", display.opacity)
        settings.set("colours", display.colours)
        settings.set("labels", display.labels)
        for name, degrees in zip(("azimuth", "elevation"), self.space.looks_from or (), strict=False):
            settings.set(f"camera/{name}", round(degrees % 360.0 if name == "azimuth" else degrees, 1))
        if self.state.model is not None:
            settings.set("model", self.state.model.source)
        if self.comparing.model is not None:
            for place, letter in enumerate(LETTERS[1:]):
                settings.set(f"model_{letter.lower()}", self.comparing.source(place))
        settings.flush()

    # Events

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        """Start the services before the window is put on screen for the first time.

        Torch is imported while it is drawn: up a third of a second later, its first pose is there half a second sooner.
        """
        if visible and self._first:
            self.session.start(self.settings.text("model"))
        super().setVisible(visible)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Open what was asked for once the window is on screen."""
        super().showEvent(event)
        if self._first:
            self._first = False
            Uncovered(self)
            self.picture.take_focus()
            QTimer.singleShot(0, self, self.shown_first.emit)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take files."""
        if incoming.may_hold_something(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open what was dropped."""
        event.acceptProposedAction()
        self._commands.take_in(event.mimeData(), "nothing that can be opened was dropped")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out what a small window has no room for."""
        super().resizeEvent(event)
        self.compare_views.resized()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Remember, stop the threads, go."""
        self._save_options()
        self.hide()
        parts = (self.exports, self.tools, self.comparing, self.live_mode)
        for part in parts:
            part.ask_to_stop()
        ended = [self.session.stop(), *(part.stop() for part in parts)]
        self.stopped_in_time = all(ended)
        super().closeEvent(event)


def _splitter(
    name: str, orientation: Qt.Orientation, areas: dict[Area, list[QWidget]], order: tuple[Area, ...]
) -> QSplitter:
    splitter = QSplitter(orientation, objectName=name)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(6)
    sizes = []
    for area in order:
        for panel in areas[area]:
            splitter.addWidget(panel)
            splitter.setStretchFactor(splitter.count() - 1, 0 if area is Area.SIDE else 1)
            sizes.append(200 if area is Area.SIDE else 1000)
    splitter.setSizes(sizes)
    return splitter


def _theme_choice(settings: Settings) -> ThemeChoice:
    try:
        return ThemeChoice(settings.text("theme", ThemeChoice.SYSTEM))
    except ValueError:
        return ThemeChoice.SYSTEM


def make_application() -> QApplication:
    """Return the one QApplication, made if there is none."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    # libgomp's waiting threads would spin and starve the window; torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Bonesight")
    application.setOrganizationName("Bonesight")
    application.setDesktopFileName("bonesight")
    return application


def create_window(
    source: str | None = None, *, settings: Settings | None = None, backend: Backend | None = None,
    reader: Reader = read_with_core, greet: bool = True,
) -> MainWindow:  # fmt: skip
    """Make the window without showing it.

    Args:
        source: a picture, video or folder to open.
        settings: what to remember; None for the user's own.
        backend: what computes; None for torch.
        reader: what decodes pictures.
        greet: without a source, open the first bundled sample instead of an empty window.
    """
    window = MainWindow(make_application(), settings or Settings(), backend or TorchBackend(), reader)
    samples = bundled_samples() if greet and source is None else []
    first = source if source is not None else str(samples[0].path) if samples else None
    if first is not None:
        window.shown_first.connect(lambda: window.open_text(first))
    return window


def main(source: str | None = None) -> int:
    """Open the window, run until it is closed, and return the exit code."""
    application = make_application()
    window = create_window(source)
    with faults.reported_to(window.notifier), faults.closing_on_interrupt(window.close):
        window.show()
        code = application.exec()
    if not window.stopped_in_time:
        # The network cannot be interrupted in the middle of a picture; nothing is left to save.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    # Python's last garbage collection would walk through all of torch: two thirds of the time it takes to end.
    gc.freeze()
    return int(code)
