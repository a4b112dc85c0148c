"""The Export menu for a video: the whole clip as a film with its skeletons, as arrays, or as one motion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from app.notifications import Notifier
from app.playback import Playback
from app.services import exporter
from app.services.clip_export import ClipExportService, ClipRequest
from app.state import AppState
from app.views.job import JobBar
from core.errors import UserError

KINDS: Final = {
    "export_film": ("skeletons", "MP4 video (*.mp4)"),
    "export_npz": ("pose", "NumPy arrays (*.npz)"),
    "export_bvh": ("pose", "BVH body (*.bvh)"),
}
"""What a clip can be written as: the end of the file's name, its kind."""


class ClipExports(QObject):
    """Writes the open clip, one file at a time, and tells how it went."""

    written = Signal(object)
    """A file is there: its path."""

    def __init__(
        self, state: AppState, playback: Playback, notifier: Notifier,
        ask_where: Callable[[str, tuple[str, ...]], Path | None], parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._state = state
        self._playback = playback
        self._notifier = notifier
        self._ask_where = ask_where
        self.busy = False
        self.bar = JobBar()
        self.service = ClipExportService(self)
        self.bar.cancelled.connect(self.service.cancel)
        self.service.progressed.connect(self.bar.progress)
        self.service.written.connect(self._written)
        self.service.failed.connect(self._failed)
        self.service.cancelled.connect(self._cancelled)

    def export(self, key: str) -> None:
        """Ask where to and write the clip, once the poses of all its frames are found."""
        clip, track = self._state.clip, self._playback.track
        if self.busy:
            self._notifier.info("another file of a video is still being written", "wait for it, or cancel it below")
        elif clip is None or track is None or not track.known.any():
            self._notifier.info("there is no video with poses to export yet", "open one (Ctrl+O)")
        elif self._playback.running:
            found = f"{int(track.known.sum())} of {clip.count} frames are looked at"
            self._notifier.info(f"the poses of this video are not all found yet ({found})", "export it after that")
        else:
            what, kind = KINDS[key]
            # Asking takes as long as the user likes; what was open when they asked is what they get.
            kept = track.copy()
            path = self._ask_where(what, (kind,))
            if path is None:
                return
            if path.resolve() == clip.path.resolve():
                self._notifier.warn(f"{path.name} is the video itself", "give the file a name of its own")
                return
            told = exporter.checkpoint_of(kept.example, self._state.models)
            self.busy = True
            self.bar.begin(f"Writing {path.name}")
            self.service.write(ClipRequest(clip, kept, told, path))

    def _end(self) -> None:
        self.busy = False
        self.bar.hide()

    def _written(self, path: Path) -> None:
        self._end()
        self.written.emit(path)

    def _failed(self, error: UserError) -> None:
        self._end()
        self._notifier.error(error)

    def _cancelled(self, path: Path) -> None:
        self._end()
        self._notifier.info(f"{path.name} was cancelled", "nothing was written")
