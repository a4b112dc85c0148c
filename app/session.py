"""What happens when the user asks for something: the state and the services meet here, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from app.clip import Clip, Seeds, with_seed
from app.notifications import Notifier
from app.playback import Playback
from app.services.backend import Backend
from app.services.clips import OpenRequest
from app.services.inference import InferenceRequest, InferenceResult, InferenceService
from app.services.pictures import ListRequest, PictureRequest, PictureService, Reader, read_with_core, reduced
from app.services.thumbnails import ThumbnailService
from app.services.watch import FileWatch
from app.services.worker import WorkerState
from app.sources import Box, is_checkpoint, is_video
from app.state import AppState, ModelEntry, Picture
from app.undo import GiveBox
from core.errors import UserError
from core.locate import NOBODY_CONFIDENCE

PASTED = Path("clipboard")
"""What stands for the path of a picture that has no file."""
NUDGE: Final = 0.04
"""Parts of its side that a key moves the box by."""
MOST_WATCHED: Final = 200
"""Of more files that were opened together, only the one on screen is watched for being written anew."""


class Session(QObject):
    """Opens sources, asks for poses, drops late answers, and turns every fault into a notice."""

    opened = Signal(object)
    """A picture is on screen: its path."""
    pointed = Signal(object)
    """In a live source, a box was drawn around the person who is meant; None for anybody."""

    def __init__(
        self, state: AppState, notifier: Notifier, backend: Backend, reader: Reader = read_with_core,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self.state = state
        self.notifier = notifier
        self.undo_stack = QUndoStack(self)
        self.inference = InferenceService(backend, self)
        self.pictures = PictureService(reader, self)
        self.playback = Playback(state, notifier, self.inference, self)
        self.thumbnails = ThumbnailService(self)
        self._watch = FileWatch(self)
        self._sources: tuple[Path, ...] = ()
        self._folders: tuple[Path, ...] = ()
        self._wanted_sources: tuple[Path, ...] = ()
        self._sources_token = 0
        self._gone: Path | None = None
        self.dropped = 0
        self._read_token = 0
        self._pending_trail: tuple[tuple[Path, ...], int] = ((), -1)
        self._wanted_model = ""
        self.inference.listed.connect(self._models_listed)
        self.inference.loaded.connect(self._model_loaded)
        self.inference.load_failed.connect(self._model_failed)
        self.inference.result.connect(self._pose_arrived)
        self.inference.failed.connect(self._pose_failed)
        self.inference.moved.connect(self._device_lost)
        self.inference.crashed.connect(self._worker_crashed)
        self.pictures.crashed.connect(self._worker_crashed)
        self.pictures.listed.connect(self._pictures_listed)
        self.pictures.decoded.connect(self._picture_arrived)
        self.pictures.failed.connect(self._picture_failed)
        self.pictures.relisted.connect(self._relisted)
        self.thumbnails.crashed.connect(self._worker_crashed)
        self.pictures.reread.connect(self._picture_reread)
        self._watch.changed.connect(self._files_changed)
        self.playback.clips.crashed.connect(self._worker_crashed)
        self.playback.clips.opened.connect(self._picture_arrived)
        self.playback.clips.failed.connect(self._picture_failed)

    def start(self, model: str = "") -> None:
        """Start the threads; ``model`` is the checkpoint to prefer over the first bundled one."""
        self._wanted_model = model
        self.state.set_activity("starting the network")
        self.pictures.start()
        self.playback.clips.start()
        self.thumbnails.start()
        self.inference.start()

    def stop(self) -> bool:
        """End the threads. Return whether all ended in time."""
        self.playback.pause()
        workers = (self.thumbnails, self.pictures, self.playback.clips, self.inference)
        for worker in workers:
            worker.ask_to_stop()
        ended = [worker.stop(timeout_ms) for worker, timeout_ms in zip(workers, (200, 300, 300, 1000), strict=True)]
        return all(ended)

    # Opening

    def open(self, paths: list[Path]) -> None:
        """Open what was dropped, typed or chosen: pictures, videos, folders, a checkpoint, in any mixture."""
        others = []
        for path in paths:
            if is_checkpoint(path) and not path.is_dir():
                self.choose_model(str(path))
            else:
                others.append(path)
        if others:
            self._read_token += 1
            self._wanted_sources = tuple(others)
            self.state.set_activity(f"opening {others[0].name}")
            self.pictures.list(ListRequest(self._read_token, tuple(others)))

    def step(self, by: int) -> None:
        """Go to the next or previous picture of what was opened together."""
        trail, index = self.state.trail, self.state.trail_index
        if not trail:
            self.notifier.info("there is only one picture", "open a folder to step through its pictures")
            return
        target = index + by
        if not 0 <= target < len(trail):
            self.notifier.info("this is the last picture" if by > 0 else "this is the first picture")
            return
        self.go_to(target)

    def go_to(self, target: int) -> None:
        """Go to one of the pictures that were opened together."""
        trail = self.state.trail
        if self._gone in trail and trail[target] != self._gone:
            # The picture that was deleted while it was on screen is left now.
            place = trail.index(self._gone)
            trail, target = trail[:place] + trail[place + 1 :], target - (target > place)
            self._gone = None
        self.state.set_trail(trail, target)
        self._read(trail, target)

    def show_pixels(self, rgb: NDArray[np.uint8]) -> None:
        """Open a picture that has no file."""
        self._read_token += 1
        self._pending_trail = ((), -1)
        self._use_sources(())
        self._picture_arrived(self._read_token, Picture(PASTED, "From the clipboard", rgb, reduced(rgb)))

    def close_picture(self) -> None:
        """Show the empty window again."""
        self._read_token += 1
        self.state.next_token()
        self.undo_stack.clear()
        self.state.set_trail((), -1)
        self.playback.take(None)
        self.state.set_picture(None)
        self._use_sources(())
        self.state.set_activity("")

    def stop_opening(self) -> None:
        """Forget what is being opened."""
        self._read_token += 1
        self.state.set_activity("")

    def _read(self, trail: tuple[Path, ...], index: int) -> None:
        self._read_token += 1
        self._pending_trail = (trail, index)
        self.state.set_activity(f"opening {trail[index].name}")
        if is_video(trail[index]):
            self.playback.clips.open(OpenRequest(self._read_token, trail[index]))
        else:
            self.pictures.read(PictureRequest(self._read_token, trail[index]))

    def _pictures_listed(self, token: int, pictures: tuple[Path, ...], errors: list[UserError]) -> None:
        if token != self._read_token:
            return
        self.state.set_activity("")
        for error in errors:
            self.notifier.error(error)
        if pictures:
            self._use_sources(self._wanted_sources)
            self._read(pictures, 0)

    def _use_sources(self, paths: tuple[Path, ...]) -> None:
        self._sources, self._gone = paths, None
        self._sources_token += 1
        self._folders = tuple(path for path in paths if path.is_dir())
        self._watch_files()

    def _watch_files(self, found: bool = False) -> None:
        """Watch the folders that were opened, the file on screen, and the others where they are few."""
        shown, trail = self.state.picture, self.state.trail
        watched = {*self._folders, *(trail if len(trail) <= MOST_WATCHED else ())}
        if self._sources and shown is not None:
            watched |= {shown.path, shown.path.parent}
        self._watch.watch(watched, found)

    def _files_changed(self) -> None:
        self.pictures.relist(ListRequest(self._sources_token, self._sources))

    def _relisted(self, token: int, found: tuple[Path, ...], changed: frozenset[Path]) -> None:
        """Take in what came, went and was written anew; while its file is gone, the picture on screen stays."""
        shown = self.state.picture
        if token != self._sources_token or shown is None:
            return
        old, place = self.state.trail, self.state.trail_index
        here = old[place] if old else shown.path
        trail = found
        if here in found:
            self._gone = None
        else:
            if here == shown.path and here != self._gone and old:
                self.notifier.info(f"{here.name} was deleted", "it stays here until you go on")
            self._gone = here
            before = next((path for path in reversed(old[: max(place, 0)]) if path in found), None)
            at = 0 if before is None else found.index(before) + 1
            trail = (*found[:at], here, *found[at:])
        # For a picture that is still being read, too.
        self._pending_trail = (trail, trail.index(here))
        if len(trail) > 1:
            self.state.set_trail(trail, trail.index(here))
        else:
            self.state.set_trail((), -1)
        self._watch_files(found=True)
        self.thumbnails.forget(changed)
        if shown.path in changed and self.state.clip is None:
            self.pictures.read_again(PictureRequest(self._read_token, shown.path))

    def _picture_reread(self, token: int, picture: Picture) -> None:
        """Show what is in the picture's file now; a box that was drawn holds as long as the size is the same."""
        shown = self.state.picture
        if token != self._read_token or shown is None or np.array_equal(shown.rgb, picture.rgb):
            return
        if picture.size_px == shown.size_px:
            self.state.set_frame(picture, None)
        else:
            self.undo_stack.clear()
            self.state.set_picture(picture)
        self.ask_for_pose()

    def _picture_arrived(self, token: int, picture: Picture, clip: Clip | None = None) -> None:
        if token != self._read_token:
            self.dropped += 1
            return
        trail, index = self._pending_trail
        self.state.set_trail(trail if len(trail) > 1 else (), index if len(trail) > 1 else -1)
        self.undo_stack.clear()
        self.state.next_token()
        self.state.set_activity("")
        self.playback.take(clip)
        self.state.set_picture(picture)
        self._watch_files()
        self.opened.emit(picture.path)
        self.ask_for_pose()

    def _picture_failed(self, token: int, _path: Path, error: UserError) -> None:
        if token == self._read_token:
            self.state.set_activity("")
            self.notifier.error(error)

    # Poses

    def ask_for_pose(self) -> None:
        """Look at the open picture again with the model, box and settings of now."""
        token = self.state.next_token()
        picture = self.state.picture
        if picture is None or self.state.model is None or self.state.live is not None:
            return
        if self.state.clip is not None:
            self.playback.look()
            return
        self.state.set_activity("looking for the person" if self.state.box_px is None else "looking at the box")
        self.inference.infer(InferenceRequest(token, picture.rgb, self.state.box_px, self.state.reading))

    def nudge_box(self, across: int = 0, down: int = 0, larger: int = 0) -> None:
        """Move the person's box, or make it larger or smaller about its middle, by so many steps."""
        state = self.state
        box = state.box_px or (None if state.pose is None else state.pose.box_px)
        if box is None:
            self.notifier.info("there is no box to move yet", "open a picture of a person first")
            return
        x, y, width, height = box
        step_px, more = NUDGE * max(width, height), 1.0 + NUDGE * larger
        x, y = x + across * step_px - (more - 1.0) * width / 2, y + down * step_px - (more - 1.0) * height / 2
        self.give_box((x, y, width * more, height * more), nudge=True)

    def give_box(self, box: Box | None, nudge: bool = False) -> None:
        """Take another box for the person (None: find the person), with undo; in a video, from this frame on."""
        picture, playback = self.state.picture, self.playback
        if picture is None:
            return
        if self.state.live is not None:
            self.pointed.emit(box)
            return
        if self.state.clip is not None:
            playback.pause()
            seeds = with_seed(playback.seeds, picture.frame, box)
            if seeds != playback.seeds:
                self.undo_stack.push(GiveBox(self._apply_seeds, playback.seeds, seeds, nudge))
        elif box != self.state.box_px:
            self.undo_stack.push(GiveBox(self._apply_box, self.state.box_px, box, nudge))

    def set_reading(self, **switches: bool) -> None:
        """Change how poses are read, the fields of Reading by name, and look again."""
        before = self.state.reading
        self.state.set_reading(**switches)
        if self.state.reading != before:
            self.ask_for_pose()

    def _apply_box(self, box: Box | None) -> None:
        self.state.set_box(box)
        self.ask_for_pose()

    def _apply_seeds(self, seeds: Seeds) -> None:
        self.playback.seed(seeds)
        self.ask_for_pose()

    def _pose_arrived(self, result: InferenceResult) -> None:
        if result.token != self.state.token:
            self.dropped += 1
            return
        self.state.set_activity("")
        if self.state.clip is not None:
            self.state.set_pose(self.playback.received(result.pose), result.latency_ms)
            return
        self.state.set_pose(result.pose, result.latency_ms)
        if result.pose.mean_confidence < NOBODY_CONFIDENCE:
            self.notifier.info(
                "the network is unsure, perhaps nobody is in the picture",
                "draw a box around the person (B) or open another",
            )

    def _pose_failed(self, token: int, error: UserError) -> None:
        if token == self.state.token:
            self.state.set_activity("")
            self.notifier.error(error)

    # Models

    def choose_model(self, source: str) -> None:
        """Load another checkpoint: a bundled name or a file."""
        self._wanted_model = source
        self.state.set_activity("loading the model")
        self.inference.load(source)

    def follow_engine(self) -> None:
        """Load the checkpoint that was asked for last anew if another engine than that of now runs the one in use."""
        if self.state.model is not None and self.inference.engine != self.inference.backend.engine:
            self.choose_model(self._wanted_model)

    def _models_listed(self, models: list[ModelEntry], limits: tuple[float, float]) -> None:
        self.state.verdict_limits = limits
        self.state.set_models(models)
        self.state.set_activity("")
        sources = [model.source for model in models]
        first = self._wanted_model if self._wanted_model in sources or Path(self._wanted_model).is_file() else ""
        first = first or (sources[0] if sources else "")
        if first:
            self.choose_model(first)
        else:
            self.notifier.warn("no model is bundled with this installation", "drop a checkpoint file on the window")

    def _model_loaded(self, entry: ModelEntry, device: str) -> None:
        if entry.source not in [model.source for model in self.state.models]:
            self.state.set_models([*self.state.models, entry])
        self.state.set_activity("")
        self.state.set_model(entry, device)
        self.ask_for_pose()
        # The choice may have changed while it was loaded.
        self.follow_engine()

    def _model_failed(self, source: str, error: UserError) -> None:
        self.state.set_activity("")
        kept = self.state.model
        self.notifier.error(error)
        # The picker must fall back to the model that is still in use.
        self.state.model_changed.emit()
        if kept is None and self.state.models and source != self.state.models[0].source:
            self.choose_model(self.state.models[0].source)
        if kept is not None and source == self._wanted_model != kept.source:
            self._wanted_model = kept.source
            self.follow_engine()

    def _device_lost(self, device: str) -> None:
        self.state.set_model(self.state.model, device)
        self.notifier.warn(
            f"the graphics card failed or is full: the network goes on on the {device.upper()}",
            "close other programs that use it and choose the model again",
        )

    def _worker_crashed(self, topic: str, error: Exception) -> None:
        self.state.set_activity("")
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if self.inference.state is WorkerState.FAULTED:
            self.notifier.error(UserError(f"the network could not be started ({text})", "run `python main.py doctor`"))
        else:
            self.notifier.error(UserError(f"an unexpected fault in {topic} ({text})", "try again or restart"))
