"""The training window: start, watch, stop and resume a run, and look at its newest checkpoint."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.notifications import as_sentence
from app.services.training import RunView, TrainingRequest, TrainingService, can_resume
from app.services.worker import WorkerState
from app.theme import ThemeWatcher
from app.views.choosers import FileRow, FolderRow, remaining_text
from app.views.curves import Curves
from app.views.panel import size_for_screen
from core.errors import UserError

_STATES = {
    WorkerState.STOPPED: "Not running",
    WorkerState.STARTING: "Starting: reading the data",
    WorkerState.RUNNING: "Training",
    WorkerState.STOPPING: "Saving and stopping",
    WorkerState.FAULTED: "Ended with a fault",
}


class TrainingWindow(QDialog):
    """Shows one run."""

    open_asked = Signal(str)
    """The user wants to look at pictures with this checkpoint."""
    refused = Signal(object)
    """UserError: nothing was started."""

    def __init__(self, service: TrainingService, themes: ThemeWatcher, parent: QWidget) -> None:
        super().__init__(parent)
        self._service = service
        self._view = RunView()
        self._sample = QPixmap()
        self.setWindowTitle("Training")
        size_for_screen(self, 1020, 640)
        configs = Path(str(files("resources") / "configs"))
        self.config = FileRow("Configuration", configs / "compact.toml", "Configurations (*.toml);;All files (*)")
        self.data = FolderRow("Folder of the data", Path("data").resolve())
        self.out = FolderRow("Folder of the run", Path("runs/run").resolve())
        self.out.changed.connect(self._look_at_folder)
        self.curves = Curves(themes)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self._left())
        splitter.addWidget(self.curves)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([360, 660])
        splitter.setChildrenCollapsible(False)
        QVBoxLayout(self).addWidget(splitter)
        service.state_changed.connect(self._show_state)
        service.changed.connect(self._show_run)
        service.heard.connect(lambda _heard_s: self._show_state(service.state))
        service.ended.connect(lambda words: self.says.setText(as_sentence(words) or "Done."))
        service.failed.connect(lambda error: self.says.setText(str(error)))
        self._show_state(service.state)

    def _left(self) -> QWidget:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow("Configuration", self.config)
        form.addRow("Data (the configuration's paths are below it)", self.data)
        form.addRow("Run", self.out)
        self.start_button = QPushButton("Start", default=True)
        self.start_button.clicked.connect(self.start)
        self.stop_button = QPushButton("Stop", toolTip="Save and stop after the step at work; Start goes on from there")
        self.stop_button.clicked.connect(self._service.stop)
        self.open_button = QPushButton("Open newest checkpoint")
        self.open_button.setToolTip("Look at the open picture with what was learned so far")
        self.open_button.clicked.connect(self.open_newest)
        row = QHBoxLayout()
        row.addWidget(self.start_button)
        row.addWidget(self.stop_button)
        row.addWidget(self.open_button, 1)
        self.state = QLabel(objectName="emptyTitle")
        self.bar = QProgressBar(textVisible=False)
        self.progress = QLabel(objectName="muted", wordWrap=True)
        self.elsewhere = QLabel(wordWrap=True, visible=False)
        self.says = QLabel(wordWrap=True)
        self.says.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.sample = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True, objectName="muted")
        self.sample.setMinimumHeight(120)
        self.sample.setAccessibleName("Sample predictions")
        left = QWidget()
        left.setMinimumWidth(320)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 8, 0)
        column.addLayout(form)
        column.addLayout(row)
        column.addSpacing(10)
        for widget in (self.state, self.bar, self.progress, self.elsewhere, self.says):
            column.addWidget(widget)
        column.addWidget(self.sample, 1)
        return left

    def start(self) -> None:
        """Start the run, or go on with it."""
        out = self.out.path
        if not self.out.line.text().strip():
            self.refused.emit(UserError("the run has no folder", "choose where it shall be kept"))
            return
        self.says.setText("")
        request = TrainingRequest(self.config.path, self.data.path, out, resume=can_resume(out))
        try:
            self._service.start(request)
        except UserError as error:
            self.says.setText(str(error))
            self.refused.emit(error)

    def open_newest(self) -> None:
        """Have the newest checkpoint loaded into the main window."""
        if self._view.checkpoint is not None:
            self.open_asked.emit(str(self._view.checkpoint))

    def _busy(self) -> bool:
        return self._service.state in (WorkerState.STARTING, WorkerState.RUNNING, WorkerState.STOPPING)

    def _look_at_folder(self) -> None:
        """Show what is in the folder that was just named."""
        if not self._busy():
            self._service.watch(self.out.path)
            self._show_state(self._service.state)

    def _show_state(self, state: WorkerState) -> None:
        heard_s = self._service.elsewhere_s
        self.state.setText(_STATES[state] if heard_s is None else "Trained by another process")
        self.elsewhere.setVisible(heard_s is not None)
        if heard_s is not None:
            self.elsewhere.setText(
                f"Last heard of {heard_s:.0f} s ago. This window shows how it goes; "
                "stop it where it was started (Ctrl+C there saves)."
            )
        busy = self._busy()
        self.start_button.setEnabled(not busy and heard_s is None)
        self.stop_button.setVisible(heard_s is None)
        self.start_button.setText("Resume" if can_resume(self.out.path) else "Start")
        self.stop_button.setEnabled(state in (WorkerState.STARTING, WorkerState.RUNNING))
        for widget in (self.config, self.data, self.out):
            widget.setEnabled(not busy)
        self._show_progress()

    def _show_run(self, view: RunView) -> None:
        self._view = view
        self.curves.show_run(view)
        self._show_progress()
        # A picture is read anew only when there is a newer one; half written ones are skipped.
        pixmap = QPixmap() if view.samples is None else QPixmap(str(view.samples))
        self._sample = pixmap
        self._fit_sample()

    def _show_progress(self) -> None:
        view = self._view
        self.open_button.setEnabled(view.checkpoint is not None)
        step = view.steps[-1] if view.steps else 0
        self.bar.setRange(0, max(view.total, 1))
        self.bar.setValue(min(step, max(view.total, 1)))
        if self._service.state is WorkerState.STARTING and not step:
            self.bar.setRange(0, 0)
        if not view.steps:
            self.progress.setText("No step is logged yet.")
            return
        of = f" of {view.total}" if view.total else ""
        parts = [f"Step {step}{of}, stage {view.stage}"]
        speed = view.terms.get("images_per_s", (float("nan"),))[-1]
        if speed > 0:
            parts.append(f"{speed:.0f} images/s")
        if view.remaining_s is not None and (self._busy() or self._service.elsewhere_s is not None):
            parts.append(remaining_text(view.remaining_s))
        self.progress.setText(", ".join(parts))

    def _fit_sample(self) -> None:
        if self._sample.isNull():
            self.sample.setText("Pictures of sample predictions appear here when the run makes some.")
            return
        size = self.sample.size()
        ratio = self.devicePixelRatioF()
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        fitted = self._sample.scaled(size * ratio, keep, smooth)
        fitted.setDevicePixelRatio(ratio)
        self.sample.setPixmap(fitted)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the sample picture."""
        super().resizeEvent(event)
        self._fit_sample()
