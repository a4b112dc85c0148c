"""The live mode as the window has it: the source, its bar, its menu of cameras, and what it adds to the views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from app.comparing import Comparing
from app.live.live import Live
from app.live.recording import KINDS, RecordingControl
from app.session import Session
from app.settings import Settings
from app.theme import ThemeWatcher
from app.views.live_bar import LiveBar
from app.views.live_layer import LiveLayer
from app.views.picture import PicturePanel
from app.views.skeleton3d import Skeleton3DPanel
from core.errors import UserError


class LiveMode:
    """Puts the parts of the live mode together."""

    def __init__(
        self, window: QWidget, session: Session, themes: ThemeWatcher, settings: Settings, comparing: Comparing,
        let_go: Callable[[], None],
    ) -> None:  # fmt: skip
        self._window = window
        self._state = session.state
        self._themes = themes
        self._comparing = comparing
        self._let_go = let_go
        self.live = Live(session, settings, window)
        self.recording = RecordingControl(
            self.live, session.state, settings, session.notifier, window, lambda: self._space
        )
        self.bar: LiveBar | None = None
        self._state.live_changed.connect(self._live_changed)

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return a function for every action of the live mode."""
        return {
            "open_live": lambda _: self.ask(),
            "live_stop": lambda _: self.live.stop(),
            "live_filter": self.live.set_filter,
            "live_several": self.live.set_several,
            "live_network": self.live.set_by_network,
            "let_go": lambda _: self.stop_or_let_go(),
            "record": self.recording.switch,
            "record_folder": lambda _: self.recording.choose_folder(),
            **{key: partial(self.recording.set_kind, kind) for key, kind in KINDS.items()},
        }

    def build(
        self, actions: Mapping[str, QAction], picture: PicturePanel, space: Skeleton3DPanel, column: QVBoxLayout,
        cameras: QMenu,
    ) -> None:  # fmt: skip
        """Make what stands in the window, once its actions are there."""
        self._actions = actions
        self._space = space
        self.bar = LiveBar(self.live, self._themes, actions)
        self.bar.opened.connect(self.live.open)
        column.insertWidget(0, self.bar)
        self._layer = LiveLayer(picture, self._state, self.live)
        self._cameras = cameras
        cameras.aboutToShow.connect(self._list_cameras)
        self.live.changed.connect(self._sync)
        self.recording.changed.connect(self._sync)
        self._state.live_changed.connect(self._sync)
        self._sync()

    def open(self, address: str) -> None:
        """Open a source."""
        self.live.open(address)

    def ask(self) -> None:
        """Let the user type an address."""
        if self.bar is not None:
            self.bar.ask()

    def stop_or_let_go(self) -> None:
        """Stop drawing a box or let go of the chosen bone; else stop the source."""
        display = self._state.display
        if self.live.on and not display.drawing and display.bone is None:
            self.live.stop()
        else:
            self._let_go()

    def ask_to_stop(self) -> None:
        """Let everything end."""
        self.recording.ask_to_stop()
        self.live.stop()

    def stop(self) -> bool:
        """End everything. Return whether it ended in time."""
        ended = [self.live.end(), self.recording.stop()]
        return all(ended)

    def _sync(self) -> None:
        live = self.live
        self._actions["live_stop"].setEnabled(live.on)
        self._actions["live_filter"].setChecked(live.options.smooth)
        self._actions["live_several"].setChecked(live.options.several)
        self._actions["live_network"].setChecked(live.options.by_network)
        record, kinds = self._actions["record"], self.recording.kinds()
        record.setEnabled(self._state.live is not None)
        record.setChecked(self.recording.on)
        minutes, seconds = divmod(int(self.recording.seconds), 60)
        record.setIconText(f"● {minutes}:{seconds:02d}" if self.recording.on else "Record")
        for key, kind in KINDS.items():
            self._actions[key].setChecked(kind in kinds)
            self._actions[key].setEnabled(not self.recording.on)

    def _live_changed(self) -> None:
        """A second model would never keep up with the first: comparing waits until the source is stopped."""
        on = self._state.live is not None
        if on:
            self._comparing.switch(False)
        self._actions["compare"].setEnabled(not on)
        live = self._state.live
        if live is not None:
            self._window.setWindowTitle(f"{live.name} – Bonesight")

    def _list_cameras(self) -> None:
        """List the cameras there are now: reading their names is quick, and opens none."""
        from core.capture.cameras import cameras

        self._cameras.clear()
        for camera in cameras():
            menu = self._cameras.addMenu(camera.name.replace("&", "&&"))
            menu.aboutToShow.connect(lambda menu=menu, number=camera.number: self._list_modes(menu, number))
        if self._cameras.isEmpty():
            self._cameras.addAction("No camera is plugged in").setEnabled(False)

    def _list_modes(self, menu: QMenu, number: int) -> None:
        """List a camera's modes, which its driver is asked for only now."""
        from core.capture.cameras import modes

        menu.clear()
        word = f"camera:{number}"
        menu.addAction(f"As the camera likes ({word})", lambda: self.open(word))
        menu.addSeparator()
        try:
            found = modes(number)
        except UserError as error:
            menu.addAction(str(error)).setEnabled(False)
            return
        for mode in found:
            rate = f"@{mode.rate:g}" if mode.rate else ""
            address = f"{word}:{mode.width}x{mode.height}{rate}"
            menu.addAction(str(mode), partial(self.open, address))
