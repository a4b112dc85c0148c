"""Opens videos and decodes the frames that are to be shown, off the GUI thread; the newest wish wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app.clip import Clip
from app.services.pictures import reduced
from app.services.worker import Worker
from app.state import Picture
from core.errors import UserError

if TYPE_CHECKING:
    from core.media import Frame
    from core.video import VideoReader


@dataclass(frozen=True)
class OpenRequest:
    """A video to open; the answer carries the token back."""

    token: int
    path: Path


@dataclass(frozen=True, eq=False)
class FrameRequest:
    """A frame to decode; the answer carries the token back."""

    token: int
    clip: Clip
    frame: int


class ClipService(Worker):
    """The worker that reads videos."""

    opened = Signal(int, object, object)
    """token, Picture of the first frame, Clip."""
    decoded = Signal(int, object)
    """token, Picture."""
    failed = Signal(int, object, object)
    """token of an OpenRequest, path, UserError."""
    lost = Signal(int, object)
    """token of a FrameRequest, UserError."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("clips", parent)
        self._reader: VideoReader | None = None

    def open(self, request: OpenRequest) -> None:
        """Ask for a video; a request that still waits is dropped."""
        self.post("open", request)

    def show(self, request: FrameRequest) -> None:
        """Ask for a frame; a request that still waits is dropped."""
        self.post("show", request)

    def handle(self, topic: str, request: Any) -> None:
        """Answer one request."""
        if topic == "open":
            self._guarded(self._open, request, lambda error: self.failed.emit(request.token, request.path, error))
        else:
            self._guarded(self._show, request, lambda error: self.lost.emit(request.token, error))

    def _open(self, request: OpenRequest) -> None:
        from core import video

        index = video.read_index(request.path, lambda: self.mailbox.is_closed or self.mailbox.holds("open"))
        if self.mailbox.is_closed or self.mailbox.holds("open"):
            return
        reader = video.VideoReader(request.path, index)
        first = reader.read(0)
        self._use(reader)
        self.opened.emit(request.token, _picture(first), Clip(request.path, index))

    def _show(self, request: FrameRequest) -> None:
        from core import video

        if self._reader is None or self._reader.path != request.clip.path:
            self._use(video.VideoReader(request.clip.path, request.clip.index))
        assert self._reader is not None
        self.decoded.emit(request.token, _picture(self._reader.read(request.frame)))

    def _use(self, reader: VideoReader) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = reader

    @staticmethod
    def _guarded(do: Callable[[Any], None], request: Any, tell: Callable[[UserError], None]) -> None:
        try:
            do(request)
        except UserError as error:
            tell(error)
        except Exception as error:  # noqa: BLE001  # decoders raise anything on a broken file
            tell(UserError(f"the video could not be read ({type(error).__name__})", "open another video"))


def _picture(frame: Frame) -> Picture:
    name = frame.source.name
    return Picture(frame.source, name, frame.image, reduced(frame.image), None, frame.index, frame.time_s)
