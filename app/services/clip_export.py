"""Writes what has many frames, off the GUI thread: a clip with its poses as a film, for programs or as one motion, and
films of the 3D view, whose frames the GUI thread draws one by one as they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.clip import Clip, PoseTrack
from app.services.worker import Worker
from core.errors import RunError, UserError
from core.pose import Pose

if TYPE_CHECKING:
    from core.media import Frame

FILM, JSON, CSV, NPZ, BVH = ".mp4", ".json", ".csv", ".npz", ".bvh"
SUFFIXES: Final = (FILM, JSON, CSV, NPZ, BVH)
TURN_RATE: Final = 30.0
"""Frames a second of a body that turns around."""


@dataclass(frozen=True, eq=False)
class ClipRequest:
    """A clip to write.

    Attributes:
        clip: the video.
        track: its poses, which nobody changes any more; frames without one are left out.
        checkpoint: name, preset, geometry_loss and sha256 of what made them.
        path: the file to write, its suffix one of ``SUFFIXES``.
    """

    clip: Clip
    track: PoseTrack
    checkpoint: dict[str, object]
    path: Path


@dataclass(frozen=True, eq=False)
class SpaceRequest:
    """A film of the 3D view to write.

    Attributes:
        path: the file to write.
        count: number of frames.
        draw: draws a frame by its number as (h, w, 3) RGB; called in the GUI thread.
        source: the video whose frames a second it has; None for ``TURN_RATE``.
        made_by: what its metadata say.
        frames: what was drawn and is not written yet; None where no more comes.
    """

    path: Path
    count: int
    draw: Callable[[int], NDArray[np.uint8]]
    source: Path | None = None
    made_by: str = ""
    frames: SimpleQueue[NDArray[np.uint8] | None] = field(default_factory=SimpleQueue)


class _CancelledError(Exception):
    """The user does not want the file any more."""


class ClipExportService(Worker):
    """The worker that writes them, one at a time; its thread starts with the first request."""

    progressed = Signal(int, int)
    """Frames done, all frames."""
    written = Signal(object)
    """A file is there: its path."""
    failed = Signal(object)
    """UserError."""
    cancelled = Signal(object)
    """The path that was not written; what was there before stays."""
    frame_wanted = Signal(object, int)
    """SpaceRequest and the number of a frame, to be drawn and put into its ``frames``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("clip export", parent)
        self._wanted: ClipRequest | SpaceRequest | None = None

    def write(self, request: ClipRequest | SpaceRequest) -> None:
        """Ask for a file."""
        if not self.isRunning():
            self.start()
        self._wanted = request
        self.post("write", request)

    def cancel(self) -> None:
        """Stop after the frame in work; no file is left."""
        request, self._wanted = self._wanted, None
        if isinstance(request, SpaceRequest):
            request.frames.put(None)

    def ask_to_stop(self) -> None:
        """Let the thread end after the frame in work."""
        self.cancel()
        super().ask_to_stop()

    def handle(self, _topic: str, request: Any) -> None:
        """Write one."""
        try:
            if isinstance(request, SpaceRequest):
                self._film_of_space(request)
            else:
                self._write(request)
        except _CancelledError:
            self.cancelled.emit(request.path)
        except UserError as error:
            self.failed.emit(error)
        except Exception as error:  # noqa: BLE001  # whatever a strange video brings up, the window goes on
            told = f"{request.path.name} could not be written ({type(error).__name__})"
            self.failed.emit(RunError(told, "try another video"))
        else:
            self.written.emit(request.path)

    def _write(self, request: ClipRequest) -> None:
        from core import bvh, export

        kind = request.path.suffix.lower()
        if kind == FILM:
            self._film(request)
            return
        index, path = request.clip.index, request.clip.path
        entries = [export.entry(pose, path, frame, float(index.times_s[frame])) for frame, pose in self._poses(request)]
        writers = {JSON: export.write_json, CSV: export.write_csv, NPZ: export.write_npz, BVH: bvh.write}
        writers[kind](request.path, entries, request.checkpoint)

    def _film(self, request: ClipRequest) -> None:
        from core import film
        from core.video import VideoReader

        reader = VideoReader(request.clip.path, request.clip.index)
        try:
            with film.writing(request.path, film.frame_rate(request.clip.path)) as made:
                for number, pose in self._poses(request):
                    frame: Frame = reader.read(number)
                    if frame.index == number:
                        made.add(frame.image, pose, frame.time_s or 0.0)
        finally:
            reader.close()

    def _film_of_space(self, request: SpaceRequest) -> None:
        from core import film

        rate = TURN_RATE if request.source is None else film.frame_rate(request.source)
        with film.writing(request.path, rate, request.made_by) as made:
            for number in range(request.count):
                self.frame_wanted.emit(request, number)
                picture = request.frames.get()
                if picture is None or self._wanted is not request:
                    raise _CancelledError
                made.append(picture)
                self.progressed.emit(number + 1, request.count)

    def _poses(self, request: ClipRequest) -> Iterator[tuple[int, Pose]]:
        """Yield each frame that has a pose, telling how far it is.

        Raises:
            _CancelledError: the file is not wanted any more.
        """
        count = request.clip.count
        for frame in range(count):
            if self._wanted is not request:
                raise _CancelledError
            pose = request.track.get(frame)
            if pose is not None:
                yield frame, pose
            self.progressed.emit(frame + 1, count)
