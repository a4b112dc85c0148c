"""Lets the user have OpenVINO run the networks, where it is installed and no graphics card runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.session import Session
from app.settings import Settings
from core import engines

_KEY: Final = "engine/openvino"


class EngineChoice(QObject):
    """The switch in the menu, remembered from run to run."""

    def __init__(self, session: Session, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._settings = settings
        self._backend = session.inference.backend
        self._action: QAction | None = None
        self._installed = "openvino" in engines.others("cpu")
        if self._installed and settings.flag(_KEY, False):
            self._backend.engine = "openvino"
        session.inference.loaded.connect(self._loaded)

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return the function of the switch."""
        return {"openvino": self.switch}

    def build(self, action: QAction) -> None:
        """Take the switch, once it is there."""
        self._action = action
        action.setVisible(self._installed)
        self._show()

    def switch(self, on: bool) -> None:
        """Load the model anew for OpenVINO, or for torch."""
        self._backend.engine = "openvino" if on else "torch"
        self._settings.set(_KEY, on)
        model = self._session.state.model
        if model is not None:
            self._session.choose_model(model.source)

    def _loaded(self, _entry: object, _device: str) -> None:
        fault, self._backend.engine_fault = self._backend.engine_fault, None
        if fault is not None:
            self._settings.set(_KEY, False)
            self._session.notifier.warn(fault.what, "torch runs the network instead")
        self._show()

    def _show(self) -> None:
        if self._action is not None:
            on = self._backend.engine == "openvino"
            self._action.setChecked(on)
            self._action.setEnabled(on or self._session.state.device in ("", "cpu"))
