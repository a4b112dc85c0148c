"""Lets the user have OpenVINO run the networks, where it is installed and no graphics card runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.comparing import Comparing
from app.session import Session
from app.settings import Settings
from core import engines

_KEY: Final = "engine/openvino"


class EngineChoice(QObject):
    """The switch in the menu, remembered from run to run. All models in the window follow it."""

    def __init__(self, session: Session, comparing: Comparing, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._comparing = comparing
        self._settings = settings
        self._backend = session.inference.backend
        self._action: QAction | None = None
        self._installed = "openvino" in engines.others("cpu")
        self._wanted = self._installed and settings.flag(_KEY, False)
        if self._wanted:
            self._backend.engine = "openvino"
        session.inference.loaded.connect(self._loaded)
        comparing.model_changed.connect(self._loaded)

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return the function of the switch."""
        return {"openvino": self.switch}

    def build(self, action: QAction) -> None:
        """Take the switch, once it is there."""
        self._action = action
        action.setVisible(self._installed)
        self._show()

    def switch(self, on: bool) -> None:
        """Load all models anew for OpenVINO, or for torch."""
        self._use(on)
        if self._comparing.many.on_pictures:
            # Its models are its own, and half its pictures by each engine would be no comparison.
            self._session.notifier.info(
                f"comparing on all pictures goes on by {'torch' if on else 'OpenVINO'}",
                "stop it and start anew to change that",
            )

    def _use(self, openvino: bool) -> None:
        self._wanted = openvino
        self._backend.engine = "openvino" if openvino else "torch"
        self._settings.set(_KEY, openvino)
        self._session.follow_engine()
        self._comparing.follow_engine()

    def _loaded(self, *_: object) -> None:
        fault, self._backend.engine_fault = self._backend.engine_fault, None
        # Of several models that were loaded at once, each may have failed.
        if fault is not None and self._wanted:
            self._session.notifier.warn(fault.what, "torch runs the network instead")
            self._use(False)
        self._show()

    def _show(self) -> None:
        if self._action is not None:
            on = self._backend.engine == "openvino"
            self._action.setChecked(on)
            self._action.setEnabled(on or self._session.state.device in ("", "cpu"))
