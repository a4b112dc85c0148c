"""The batch window: a folder through the network, with progress, remaining time, Cancel, and every failure named."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.actions import name_of
from app.notifications import as_sentence
from app.services.batch import BatchRequest, BatchService
from app.services.worker import WorkerState
from app.state import AppState
from app.views.choosers import FolderRow, remaining_text
from app.views.panel import ElidedLabel, size_for_screen
from core.reading import SWITCHES, Reading


def switches_told(reading: Reading) -> list[str]:
    """Say how poses are read, a line for each switch of the Model menu in that menu's words."""
    return [f"{name_of(each.name)}: {'on' if getattr(reading, each.name) else 'off'}" for each in SWITCHES]


class BatchWindow(QDialog):
    """Asks what to do and shows how far it is."""

    refused = Signal(str, str)
    """Nothing was started: what is wrong, what to do."""

    def __init__(self, state: AppState, service: BatchService, start_in: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._service = service
        self._failures = 0
        self.setWindowTitle("A folder through the network")
        size_for_screen(self, 620, 440)
        self.source = FolderRow("Folder of pictures", start_in)
        self.out = FolderRow("Folder for the results", start_in / "bonesight")
        self.figures = QComboBox()
        for text, data in (("PNG", "png"), ("SVG", "svg"), ("PDF", "pdf"), ("none", "")):
            self.figures.addItem(text, data)
        self.figures.setAccessibleName("Figures")
        self.report = QCheckBox("One HTML report of all pictures")
        self.report.setChecked(True)
        form = QFormLayout()
        form.addRow("Pictures from", self.source)
        form.addRow("Results into", self.out)
        self.model = ElidedLabel()
        self.reading = QLabel()
        form.addRow("Model", self.model)
        form.addRow("Poses", self.reading)
        form.addRow("", QLabel("They are chosen in the Model menu, for everything at once.", objectName="muted"))
        form.addRow("Figures", self.figures)
        form.addRow("", self.report)
        also = "poses.json and joints.csv are always written: the numbers are those of the window."
        form.addRow("", QLabel(also, objectName="muted", wordWrap=True))
        self.used = QLabel(objectName="muted", wordWrap=True)
        self.used.hide()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.says = QLabel("Choose a folder and start.")
        self.failures = QListWidget()
        self.failures.setAccessibleName("Pictures that failed")
        self.failures.setWordWrap(True)
        self.failures.hide()
        self.open_button = QPushButton("Open results")
        self.open_button.clicked.connect(self._open_results)
        self.open_button.setEnabled(False)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(service.cancel)
        self.start_button = QPushButton("Start", default=True)
        self.start_button.clicked.connect(self.start)
        row = QHBoxLayout()
        row.addWidget(self.says, 1)
        for button in (self.open_button, self.cancel_button, self.start_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.failures, 1)
        column.addStretch()
        column.addWidget(self.used)
        column.addWidget(self.bar)
        column.addLayout(row)
        service.state_changed.connect(self._show_state)
        service.progressed.connect(self._show_progress)
        service.input_failed.connect(self._show_failure)
        service.finished.connect(self._finished)
        service.failed.connect(lambda error: self.says.setText(as_sentence(error.what)))
        state.model_changed.connect(self._show_choice)
        state.reading_changed.connect(self._show_choice)
        self._show_choice()
        self._show_state(service.state)

    def start(self) -> None:
        """Start with what is chosen."""
        folder, out = self.source.path, self.out.path
        if not self.source.line.text().strip() or not folder.is_dir():
            self.refused.emit(f"there is no folder {folder}", "choose one with pictures")
            return
        if folder.resolve() == out.resolve():
            self.refused.emit("the results would lie among the pictures", "choose another folder for them")
            return
        if self._state.model is None:
            self.refused.emit("no model is loaded yet", "wait a moment, or choose one in the toolbar")
            return
        self._failures = 0
        self.failures.clear()
        self.failures.hide()
        self.bar.setRange(0, 0)
        self.open_button.setEnabled(False)
        figures, report = str(self.figures.currentData()), self.report.isChecked()
        request = BatchRequest(folder, out, self._state.model.source, self._state.reading, figures, report)
        # The menu may be changed while it runs: what is written stays as it was begun.
        self.used.setText(f"This run: {self._state.model.name}. {'. '.join(switches_told(request.reading))}.")
        self.used.show()
        self._service.start(request)

    def _show_choice(self) -> None:
        """Say with what the next run looks."""
        model = self._state.model
        self.model.setText("none is loaded yet" if model is None else model.name)
        self.reading.setText("\n".join(switches_told(self._state.reading)))

    def _show_state(self, state: WorkerState) -> None:
        busy = state in (WorkerState.STARTING, WorkerState.RUNNING, WorkerState.STOPPING)
        self.start_button.setEnabled(not busy)
        self.cancel_button.setEnabled(state in (WorkerState.STARTING, WorkerState.RUNNING))
        for widget in (self.source, self.out, self.figures, self.report):
            widget.setEnabled(not busy)
        if state is WorkerState.STARTING:
            self.says.setText("Starting the network…")
        elif state is WorkerState.STOPPING:
            self.says.setText("Stopping after this picture…")
        elif not busy:
            self.bar.setRange(0, max(self.bar.maximum(), 1))

    def _show_progress(self, done: int, total: int, remaining_s: float | None) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)
        if self._service.state is not WorkerState.STOPPING:
            left = "" if remaining_s is None else f", {remaining_text(remaining_s)}"
            self.says.setText(f"{done} of {total} done{left}")

    def _show_failure(self, name: str, why: str) -> None:
        self._failures += 1
        self.failures.addItem(f"{Path(name).name}: {why}")
        self.failures.show()

    def _finished(self, code: int) -> None:
        self.open_button.setEnabled(self.out.path.is_dir())
        failed = f" {self._failures} failed, named above." if self._failures else ""
        done = self.bar.value() - self._failures
        how = "Cancelled after" if code == 130 else "Done:"
        self.says.setText(f"{how} {done} {'picture' if done == 1 else 'pictures'}.{failed}")

    def _open_results(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.out.path)))
