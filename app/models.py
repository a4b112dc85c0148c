"""The library of checkpoints: what each tells of itself, and the user's own ones, remembered from run to run."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.notifications import Notifier
from app.services.cards import Card, CardRequest, CardService
from app.settings import Settings
from app.state import AppState
from core.errors import UserError

_KEY = "checkpoints"


class Library(QObject):
    """Keeps the list of models in the state whole: bundled ones first, then the user's own, those for teaching last."""

    changed = Signal()
    """A card was read, or a model forgotten."""

    def __init__(self, state: AppState, settings: Settings, notifier: Notifier, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._notifier = notifier
        self._cards: dict[str, Card] = {}
        self._faults: dict[str, str] = {}
        self._own = [line for line in settings.text(_KEY).split("|") if line]
        self.service = CardService(self)
        self.service.read.connect(self._read)
        self.service.failed.connect(self._failed)
        state.model_changed.connect(self._note_model)

    def open(self) -> None:
        """Read all cards that are not known yet."""
        for source in dict.fromkeys([*(entry.source for entry in self._state.models), *self._own]):
            if source not in self._cards:
                self.service.ask(CardRequest(source))

    def add(self, path: Path) -> None:
        """Check a file whole and put it on the list; a bad one changes nothing."""
        if str(path) in self._own and str(path) in self._cards:
            self._notifier.info(f"{path.name} is on the list already")
            return
        self._state.set_activity(f"checking {path.name}")
        self.service.ask(CardRequest(str(path), whole=True))

    def refuse(self, path: Path) -> None:
        """Tell that something dropped is no checkpoint."""
        self._notifier.warn(f"{path.name or 'what was dropped'} is not a checkpoint", "drop a .safetensors file here")

    def forget(self, source: str) -> None:
        """Take one of the user's own off the list, unless it is in use; its file stays."""
        if self._state.model is not None and self._state.model.source == source:
            self._notifier.warn("the model in use cannot be forgotten", "choose another one first")
            return
        self._own = [own for own in self._own if own != source]
        self._cards.pop(source, None)
        self._remember()
        self._state.set_models([entry for entry in self._state.models if entry.source != source])
        self.changed.emit()

    def is_own(self, source: str) -> bool:
        """Tell the user's own from the bundled ones."""
        return source in self._own

    def card(self, source: str) -> Card | None:
        """Return a model's card, None while it is not read."""
        return self._cards.get(source)

    def fault(self, source: str) -> str:
        """Return why a model has no card, empty if it is only not read yet."""
        return self._faults.get(source, "")

    def stop(self, timeout_ms: int = 300) -> bool:
        """End the thread. Return whether it ended in time."""
        return self.service.stop(timeout_ms)

    def _read(self, card: Card, added: bool) -> None:
        source = card.entry.source
        self._cards[source] = card
        self._faults.pop(source, None)
        if added:
            self._state.set_activity("")
            self._notifier.info(f"added {card.entry.name}", "choose it in the toolbar or in the list of models")
            if source not in self._own:
                self._own.append(source)
                self._remember()
        if source not in [entry.source for entry in self._state.models]:
            self._state.set_models([*self._state.models, card.entry])
        self.changed.emit()

    def _failed(self, source: str, added: bool, error: UserError) -> None:
        if added:
            self._state.set_activity("")
            self._notifier.error(error)
            return
        self._faults[source] = str(error)
        self.changed.emit()

    def _note_model(self) -> None:
        """Remember a file that was opened another way (dropped on the window, chosen in the toolbar)."""
        model = self._state.model
        if model is not None and model.source not in self._own and Path(model.source).is_file():
            self._own.append(model.source)
            self._remember()

    def _remember(self) -> None:
        self._settings.set(_KEY, "|".join(source for source in self._own if "|" not in source))
