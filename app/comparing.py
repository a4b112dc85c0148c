"""Compare: the open picture through a second model, and a whole folder through both. The picture panel's model is A.

B has a worker of its own, so that whatever happens to B never disturbs A. It looks at the box that A's pose came from,
as the command ``compare`` does, and its late answers are dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.services.backend import Backend
from app.services.folder_compare import FolderCompareService, FolderRequest
from app.services.inference import InferenceRequest, InferenceResult, InferenceService
from app.services.pictures import Reader
from app.services.worker import WorkerState
from app.session import Session
from app.state import ModelEntry
from core.compare import Comparison, compare
from core.errors import UserError
from core.pose import Pose


class Layout(StrEnum):
    """How the two pictures stand."""

    SIDE = "side"
    SPLIT = "split"
    SINGLE = "single"


@dataclass(frozen=True)
class CompareDisplay:
    """How the comparison is shown.

    Attributes:
        layout: side by side, one over the other with a split line, or A alone.
        arrows: whether arrows lead from A's joints to B's.
        ghost: whether B stands as a ghost in A's 3D view instead of in a view of its own.
        split: where the split line is, as a share of the picture's width.
        flipped: whether B is shown in A's place for the moment.
    """

    layout: Layout = Layout.SIDE
    arrows: bool = True
    ghost: bool = False
    split: float = 0.5
    flipped: bool = False


@dataclass
class FolderResult:
    """What became of comparing many pictures so far.

    Attributes:
        a, b: names of the two models.
        total: how many pictures there are.
        paths, comparisons: those that are done.
        failed: how many could not be read or looked at.
        running: whether more is to come.
    """

    a: str = ""
    b: str = ""
    total: int = 0
    paths: list[Path] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    failed: int = 0
    running: bool = False

    @property
    def done(self) -> int:
        """How many pictures are done, failed ones included."""
        return len(self.paths) + self.failed


class Comparing(QObject):
    """Holds the comparison and asks B for it whenever A's pose changes."""

    changed = Signal()
    """Comparing was switched on or off, or is shown in another way."""
    model_changed = Signal()
    """Another B is in use, or one could not be loaded and the old one stays."""
    compared = Signal()
    """B's pose and the comparison are new, or not known any more."""
    folder_changed = Signal()
    """More pictures of the folder are done."""

    def __init__(self, session: Session, backend: Backend, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._state = session.state
        self._notifier = session.notifier
        self.on = False
        self.display = CompareDisplay()
        self.model: ModelEntry | None = None
        self.pose: Pose | None = None
        self.comparison: Comparison | None = None
        self.activity = ""
        self.dropped = 0
        self.preferred = ""
        self.folder = FolderResult()
        self._token = 0
        self._folder_token = 0
        self.inference = InferenceService(backend, self)
        self.inference.setObjectName("inference of B")
        self.inference.loaded.connect(self._loaded)
        self.inference.load_failed.connect(self._load_failed)
        self.inference.result.connect(self._arrived)
        self.inference.failed.connect(self._failed)
        self.inference.crashed.connect(self._crashed)
        self.folders = FolderCompareService(backend, reader, self)
        self.folders.compared.connect(self._folder_compared)
        self.folders.failed.connect(self._folder_failed)
        self.folders.ended.connect(self._folder_ended)
        self.folders.crashed.connect(self._crashed)
        self._state.pose_changed.connect(self.ask)
        self._state.models_changed.connect(self._choose_first)

    def handlers(self) -> dict[str, Callable[[bool], None]]:
        """Return a function for every action of the Compare menu."""
        layouts = list(Layout)
        return {
            "compare": self.switch,
            "compare_flip": lambda on: self.set_display(flipped=on),
            "compare_layout": lambda _: self.set_display(
                layout=layouts[(layouts.index(self.display.layout) + 1) % len(layouts)]
            ),
            "compare_arrows": lambda on: self.set_display(arrows=on),
            "compare_ghost": lambda on: self.set_display(ghost=on),
            "compare_model_next": lambda _: self.next_model(),
            "compare_folder": lambda _: self.compare_folder(),
        }

    # What is compared

    def switch(self, on: bool) -> None:
        """Start or end comparing."""
        if on == self.on:
            return
        self.on = on
        self.display = replace(self.display, flipped=False)
        if on and self.inference.state is WorkerState.STOPPED and not self.inference.isRunning():
            self.inference.start()
        self.changed.emit()
        self._choose_first()
        self.ask()

    def choose(self, source: str) -> None:
        """Load another B: a bundled name or a file. The one in use stays until it is loaded."""
        self._say("loading model B")
        self.inference.load(source)

    def next_model(self) -> None:
        """Load the model after B."""
        sources = [model.source for model in self._state.models]
        if not self.on or len(sources) < 2:
            self._notifier.info("there is no second model to change", "switch on Compare (C) or open a checkpoint")
            return
        place = sources.index(self.model.source) if self.model is not None and self.model.source in sources else -1
        self.choose(sources[(place + 1) % len(sources)])

    def ask(self) -> None:
        """Forget B's pose and look at A's picture and box with B."""
        self._token += 1
        state = self._state
        known = self.pose is not None
        self.pose = self.comparison = None
        if self.on and self.model is not None and state.pose is not None and state.picture is not None:
            how = (state.mirror, state.refine)
            self.inference.infer(InferenceRequest(self._token, state.picture.rgb, state.pose.box_px, *how))
            self._say("B looks at the box that A looked at")
        elif self.activity.startswith("B looks"):
            self._say("")
        if known or self.on:
            self.compared.emit()

    def set_display(self, **changes: Any) -> None:
        """Change how the comparison is shown: the fields of CompareDisplay by name."""
        display = replace(self.display, **changes)
        if display != self.display:
            self.display = display
            self.changed.emit()

    @property
    def shown(self) -> Pose | None:
        """The pose in A's place: A's, or B's while it is flipped."""
        return self.pose if self.flipped else self._state.pose

    @property
    def flipped(self) -> bool:
        """Whether B stands in A's place: it is asked for and known."""
        return self.on and self.display.flipped and self.pose is not None

    def _choose_first(self) -> None:
        """Load a first B: the preferred one, or the first that is not A."""
        if not self.on or self.model is not None or self.activity.startswith("loading"):
            return
        used = "" if self._state.model is None else self._state.model.source
        others = [model.source for model in self._state.models if model.source != used]
        if self.preferred in others:
            self.choose(self.preferred)
        elif others:
            self.choose(others[0])

    def _loaded(self, entry: ModelEntry, _device: str) -> None:
        self.model = entry
        self._say("")
        if entry.source not in [model.source for model in self._state.models]:
            self._state.set_models([*self._state.models, entry])
        self.model_changed.emit()
        self.ask()

    def _load_failed(self, _source: str, error: UserError) -> None:
        self._say("")
        self._notifier.error(error)
        self.model_changed.emit()

    def _arrived(self, result: InferenceResult) -> None:
        a = self._state.pose
        if result.token != self._token or a is None:
            self.dropped += 1
            return
        self.activity = ""
        self.pose = result.pose
        self.comparison = compare(a, result.pose)
        self.compared.emit()

    def _failed(self, token: int, error: UserError) -> None:
        if token == self._token:
            self._say("")
            self._notifier.error(error)

    def _crashed(self, topic: str, error: Exception) -> None:
        self._say("")
        told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        self._notifier.error(
            UserError(f"comparing met an unexpected fault in {topic} ({told})", "try again or restart")
        )

    def _say(self, activity: str) -> None:
        if activity != self.activity:
            self.activity = activity
            self.compared.emit()

    # A whole folder

    def compare_folder(self) -> None:
        """Compare A and B on all pictures that were opened together; on a second call, stop."""
        state = self._state
        if self.folder.running:
            self.cancel_folder()
            return
        if not self.on or self.model is None or state.model is None:
            self._notifier.info("there are no two models to compare yet", "switch on Compare (C) and choose model B")
            return
        if len(state.trail) < 2:
            self._notifier.info("only one picture is open", "open a folder to compare on all its pictures")
            return
        self._folder_token += 1
        self.folder = FolderResult(state.model.name, self.model.name, len(state.trail), running=True)
        if not self.folders.isRunning():
            self.folders.start()
        sources = (state.model.source, self.model.source)
        self.folders.compare(FolderRequest(self._folder_token, state.trail, sources, state.mirror, state.refine))
        self.folder_changed.emit()

    def cancel_folder(self) -> None:
        """Stop; what is done stays."""
        self.folders.cancel()
        self._folder_token += 1
        self.folder.running = False
        self.folder_changed.emit()

    def open(self, path: Path) -> None:
        """Show a picture of the folder."""
        trail, index = self._state.trail, self._state.trail_index
        if path not in trail:
            self._session.open([path])
        elif trail.index(path) != index:
            self._session.go_to(trail.index(path))

    def _folder_compared(self, token: int, path: Path, comparison: Comparison) -> None:
        if token == self._folder_token:
            self.folder.paths.append(path)
            self.folder.comparisons.append(comparison)
            self.folder_changed.emit()

    def _folder_failed(self, token: int, _path: Path, error: UserError) -> None:
        if token == self._folder_token:
            self.folder.failed += 1
            self._notifier.error(error)
            self.folder_changed.emit()

    def _folder_ended(self, token: int, error: UserError | None) -> None:
        if token == self._folder_token:
            self.folder.running = False
            if error is not None:
                self._notifier.error(error)
            self.folder_changed.emit()

    # The end

    def ask_to_stop(self) -> None:
        """Let the threads end after what they are doing."""
        for worker in (self.inference, self.folders):
            worker.ask_to_stop()

    def stop(self, timeout_ms: int = 150) -> bool:
        """End the threads and wait for them. Return whether they did."""
        ended = [worker.stop(timeout_ms) for worker in (self.inference, self.folders)]
        return all(ended)
