"""The windows beside the main one (models, training, batch): made when first asked for, ended with the program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QDialog, QMainWindow

from app.models import Library
from app.notifications import Notifier
from app.services.batch import BatchService
from app.services.training import TrainingService
from app.session import Session
from app.settings import Settings
from app.theme import ThemeWatcher
from app.views.batch import BatchWindow
from app.views.models import ModelsWindow
from app.views.training import TrainingWindow


class Tools:
    """Opens these windows and owns their services."""

    def __init__(
        self, window: QMainWindow, session: Session, themes: ThemeWatcher, settings: Settings, notifier: Notifier,
        *, compare: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._window = window
        self._session = session
        self._themes = themes
        self._settings = settings
        self._notifier = notifier
        self._compare = compare
        self.library = Library(session.state, settings, notifier, window)
        self.batch_service = BatchService(window)
        self.training_service = TrainingService(window)
        self.batch_service.failed.connect(notifier.error)
        self.batch_service.finished.connect(self._batch_finished)
        self.training_service.ended.connect(lambda words: notifier.info("the training ended", words.rstrip(".")))
        self.training_service.failed.connect(notifier.error)
        self._models: ModelsWindow | None = None
        self._training: TrainingWindow | None = None
        self._batch: BatchWindow | None = None

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return a function for every key of the table that opens one of these windows."""
        return {
            "models": lambda _: _show(self.models),
            "training": lambda _: _show(self.training),
            "batch": lambda _: _show(self.batch),
        }

    @property
    def models(self) -> ModelsWindow:
        """The models window."""
        if self._models is None:
            self._models = ModelsWindow(self._session.state, self.library, self._window)
            self._models.chosen.connect(self._session.choose_model)
            self._models.compare_asked.connect(self._compare)
        self.library.open()
        return self._models

    @property
    def training(self) -> TrainingWindow:
        """The training window, as it was left."""
        if self._training is None:
            made = self._training = TrainingWindow(self.training_service, self._themes, self._window)
            made.open_asked.connect(self._session.choose_model)
            made.refused.connect(self._notifier.error)
            for name, row in (("config", made.config), ("data", made.data), ("out", made.out)):
                text = self._settings.text(f"training/{name}")
                if text:
                    row.path = Path(text)
        return self._training

    @property
    def batch(self) -> BatchWindow:
        """The batch window."""
        if self._batch is None:
            folder = self._settings.folder()
            self._batch = BatchWindow(self._session.state, self.batch_service, folder, self._window)
            self._batch.refused.connect(self._notifier.warn)
        return self._batch

    def ask_to_stop(self) -> None:
        """Remember, let a training save itself, and ask everything else to end."""
        if self._training is not None:
            for name in ("config", "data", "out"):
                self._settings.set(f"training/{name}", str(getattr(self._training, name).path))
        if self.training_service.leave():
            print("The training saves its state and stops; Training in the window goes on with it.", flush=True)
        self.batch_service.cancel()
        self.library.service.ask_to_stop()

    def stop(self) -> bool:
        """End the services. Return whether all ended in time."""
        self.batch_service.stop()
        return self.library.stop()

    def _batch_finished(self, code: int) -> None:
        if code == 130:
            self._notifier.info("the folder was cancelled", "what was done is written")
        elif code:
            self._notifier.warn("some pictures of the folder failed", "the batch window names them")
        else:
            self._notifier.info("the folder is done")


def _show(dialog: QDialog) -> None:
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
