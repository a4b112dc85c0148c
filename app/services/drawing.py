"""Draws figures and reports off the GUI thread: the window must not stand still meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.services.worker import Worker
from core.errors import RunError, UserError
from core.pose import Pose


@dataclass(frozen=True, eq=False)
class DrawRequest:
    """One pose to draw.

    Attributes:
        pose: what the network saw.
        rgb: (height, width, 3) uint8, the picture it saw it in.
        source: the picture's file.
        title: what to call it.
        checkpoint: name, preset, geometry_loss and sha256 of what made the pose.
        model_source: bundled name or file of that checkpoint, whose terms a report tells; empty if unknown.
        path: the file to write, its suffix the format; None for a figure to paste elsewhere.
        frame: its number in a video.
        time_s: seconds from the start of its video, None for a picture of its own.
    """

    pose: Pose
    rgb: NDArray[np.uint8]
    source: Path
    title: str
    checkpoint: dict[str, object]
    model_source: str = ""
    path: Path | None = None
    frame: int = 0
    time_s: float | None = None


@dataclass(frozen=True, eq=False)
class ComparisonRequest:
    """Poses of one picture to draw beside each other.

    Attributes:
        sides: two to four; the first, A's, says the picture and the file.
    """

    sides: tuple[DrawRequest, ...]

    @property
    def path(self) -> Path | None:
        """The file to write."""
        return self.sides[0].path


class DrawingService(Worker):
    """The worker that draws; its thread starts with the first request."""

    written = Signal(object)
    """A file is there: its path."""
    drawn = Signal(bytes)
    """A figure to paste: PNG data."""
    failed = Signal(object)
    """UserError."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("drawing", parent)

    def draw(self, request: DrawRequest | ComparisonRequest) -> None:
        """Ask for a drawing; none that waits is dropped unless it is of the same file."""
        if not self.isRunning():
            self.start()
        self.post(str(request.path), request)

    def handle(self, topic: str, request: Any) -> None:
        """Draw one."""
        try:
            if isinstance(request, ComparisonRequest):
                self._draw_comparison(request)
            else:
                self._draw(request)
        except UserError as error:
            self.failed.emit(error)
        except Exception as error:  # noqa: BLE001  # whatever a strange picture brings up, the window goes on
            self.failed.emit(RunError(f"it could not be drawn ({type(error).__name__})", "try another picture"))

    def _draw(self, request: DrawRequest) -> None:
        from core import export, figure, report

        path = request.path
        if path is None:
            made = figure.draw(request.rgb, request.pose, request.title)
            self.drawn.emit(figure.render(made, "png", export.signature([request.pose]), request.title))
        elif path.suffix.lower() == ".html":
            entry = export.entry(request.pose, request.source, request.frame, request.time_s)
            page = report.page(request.rgb, request.pose, entry, request.title)
            report.write(path, [page], request.checkpoint, _terms(request))
            self.written.emit(path)
        else:
            figure.write_figure(path, request.rgb, request.pose, request.title)
            self.written.emit(path)

    def _draw_comparison(self, request: ComparisonRequest) -> None:
        from core import export_comparison, figure_comparison, report_comparison
        from core.compare import compare_all

        a, path = request.sides[0], request.path
        assert path is not None
        poses = [side.pose for side in request.sides]
        found = compare_all(poses)
        if path.suffix.lower() == ".html":
            entry = export_comparison.entry(poses, found, a.source, a.frame, a.time_s)
            page = report_comparison.page(a.rgb, poses, found, entry, a.title)
            summary = export_comparison.summary([found], [entry], len(poses))
            told, terms = [side.checkpoint for side in request.sides], [_terms(side) for side in request.sides]
            report_comparison.write(path, [page], summary, told, terms)
        else:
            figure_comparison.write_figure(path, a.rgb, poses, found, a.title)
        self.written.emit(path)


def _terms(request: DrawRequest) -> dict[str, str]:
    """Return the terms of the checkpoint that made the pose; none where its file is gone or another by now."""
    from core import checkpoint

    try:
        info = checkpoint.describe(request.model_source)
    except UserError:
        return {}
    return checkpoint.terms(info) if info.sha256 == request.pose.checkpoint_sha256 else {}
