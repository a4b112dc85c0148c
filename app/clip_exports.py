"""The Export menu for what has many frames: a clip as a film with its skeletons, for programs or as one motion, and
films of the 3D view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.clip import Clip, PoseTrack
from app.notifications import Notifier
from app.playback import Playback
from app.services import exporter
from app.services.clip_export import ClipExportService, ClipRequest, SpaceRequest
from app.state import AppState
from app.views.job import JobBar
from app.views.skeleton3d import Skeleton3DPanel
from app.views.space_film import SpaceFilm
from core import export
from core.errors import UserError
from core.pose import Pose

KINDS: Final = {
    "export_film": ("skeletons", "MP4 video (*.mp4)"),
    "export_space_film": ("3d", "MP4 video (*.mp4)"),
    "export_json": ("pose", "JSON (*.json)"),
    "export_csv": ("joints", "CSV (*.csv)"),
    "export_npz": ("pose", "NumPy arrays (*.npz)"),
    "export_bvh": ("pose", "BVH body (*.bvh)"),
}
"""What a clip can be written as: the end of the file's name, its kind."""
TURN_FRAMES: Final = 240
"""Of a body that turns around once: eight seconds."""


@dataclass(frozen=True, eq=False)
class _Wish:
    """A file to write once the poses of all frames are found."""

    clip: Clip
    track: PoseTrack
    path: Path
    view: SpaceFilm | None
    """How the 3D view stood, where it is to be filmed."""


class ClipExports(QObject):
    """Writes the open clip, one file at a time, and tells how it went."""

    written = Signal(object)
    """A file is there: its path."""

    def __init__(
        self, state: AppState, playback: Playback, space: Skeleton3DPanel, notifier: Notifier,
        ask_where: Callable[[str, tuple[str, ...]], Path | None], parent: QObject,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._state = state
        self._playback = playback
        self._space = space
        self._notifier = notifier
        self._ask_where = ask_where
        self._wish: _Wish | None = None
        self.busy = False
        self.bar = JobBar()
        self.service = ClipExportService(self)
        self.bar.cancelled.connect(self._cancel)
        self.service.progressed.connect(self.bar.progress)
        self.service.written.connect(self._written)
        self.service.failed.connect(self._failed)
        self.service.cancelled.connect(self._cancelled)
        self.service.frame_wanted.connect(self._draw)
        playback.progress.connect(self._go_on)

    def export(self, key: str) -> None:
        """Ask where to and write the clip, as soon as the poses of all its frames are found."""
        clip, track = self._state.clip, self._playback.track
        if self._is_busy():
            return
        if clip is None or track is None or not (track.known.any() or self._playback.running):
            self._notifier.info("there is no video with poses to export yet", "open one (Ctrl+O)")
        else:
            what, kind = KINDS[key]
            # Asking takes as long as the user likes; what was open when they asked is what they get.
            path = self._ask_where(what, (kind,))
            if path is None:
                return
            if path.resolve() == clip.path.resolve():
                self._notifier.warn(f"{path.name} is the video itself", "give the file a name of its own")
                return
            self.busy = True
            self._wish = _Wish(clip, track, path, self._space.film() if key == "export_space_film" else None)
            self.bar.begin(f"Finding the poses for {path.name}")
            self._go_on()

    def export_turn(self, pose: Pose) -> None:
        """Ask where to and write the 3D view with the body turning around once."""
        if self._is_busy():
            return
        view = self._space.film()
        what, kind = KINDS["export_space_film"]
        path = self._ask_where(what, (kind,))
        if path is not None:
            self.busy = True
            self.bar.begin(f"Writing {path.name}")
            draw = partial(_turned, view, pose)
            self.service.write(SpaceRequest(path, TURN_FRAMES, draw, made_by=export.signature([pose])))

    def _is_busy(self) -> bool:
        if self.busy:
            self._notifier.info(
                "another file with many frames is still being written", "wait for it, or cancel it below"
            )
        return self.busy

    def _go_on(self) -> None:
        """Write what is wished for if nothing more is to be found; give it up if the poses would be others now."""
        wish, playback = self._wish, self._playback
        if wish is None:
            return
        if playback.running and playback.track is wish.track:
            self.bar.progress(int(wish.track.known.sum()), wish.clip.count)
        elif playback.track is not wish.track and not wish.track.known.all():
            self._end()
            self._notifier.warn(
                f"{wish.path.name} was given up: the video, model, box or settings changed before all poses were found",
                "export again",
            )
        else:
            self._write(wish)

    def _write(self, wish: _Wish) -> None:
        self._wish = None
        track = wish.track.copy()
        missing = int((~track.known).sum())
        if missing == wish.clip.count:
            self._end()
            self._notifier.warn("no pose was found in this video, so nothing was written", "try another video or model")
            return
        if missing:
            self._notifier.warn(
                f"{missing} of {wish.clip.count} frames have no pose and are left out of {wish.path.name}",
                "copy or convert the video again",
            )
        self.bar.begin(f"Writing {wish.path.name}")
        if wish.view is not None:
            frames = [int(frame) for frame in track.known.nonzero()[0]]
            draw = partial(_moved, wish.view, track, frames)
            made_by = export.signature([track.example])
            self.service.write(SpaceRequest(wish.path, len(frames), draw, wish.clip.path, made_by))
            return
        told = exporter.checkpoint_of(track.example, self._state.models)
        self.service.write(ClipRequest(wish.clip, track, told, wish.path))

    def _draw(self, request: SpaceRequest, number: int) -> None:
        """Draw a frame of the 3D view for the service, in the thread that alone may."""
        if self.busy:
            request.frames.put(request.draw(number))

    def _cancel(self) -> None:
        if self._wish is not None:
            self._cancelled(self._wish.path)
        else:
            self.service.cancel()

    def _end(self) -> None:
        self.busy = False
        self._wish = None
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


def _turned(view: SpaceFilm, pose: Pose, number: int) -> NDArray[np.uint8]:
    return view.frame(pose, 360.0 * number / TURN_FRAMES)


def _moved(view: SpaceFilm, track: PoseTrack, frames: list[int], number: int) -> NDArray[np.uint8]:
    pose = track.get(frames[number])
    assert pose is not None
    return view.frame(pose)
