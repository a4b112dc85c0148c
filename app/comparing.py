"""Compare: the open picture through up to three more models, beside the picture panel's model, which is A.

Each has a worker of its own (``app.compared``) and looks at the box that A's pose came from, as the command ``compare``
does. Many pictures and videos are in ``app.comparing_many``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.compared import Compared
from app.comparing_many import ComparingMany
from app.naming import common_start
from app.services.backend import Backend
from app.services.pictures import Reader
from app.services.worker import Worker
from app.session import Session
from app.state import ModelEntry
from core.compare import LETTERS, Comparison
from core.pose import Pose


class Layout(StrEnum):
    """How the pictures stand."""

    SIDE = "side"
    SPLIT = "split"
    SINGLE = "single"


@dataclass(frozen=True)
class CompareDisplay:
    """How the comparison is shown.

    Attributes:
        layout: side by side, one over the other with a split line, or A alone.
        arrows: whether arrows lead from A's joints to the others'.
        ghost: whether the others stand as ghosts in A's 3D view instead of in views of their own.
        split: where the split line is, as a share of the picture's width.
        flipped: whether the chosen one is shown in A's place for the moment.
        chosen: the place of the chosen one among the others.
    """

    layout: Layout = Layout.SIDE
    arrows: bool = True
    ghost: bool = False
    split: float = 0.5
    flipped: bool = False
    chosen: int = 0


class Comparing(QObject):
    """Holds the models that A is compared with, one to three, and asks each whenever A's pose changes."""

    changed = Signal()
    """Comparing was switched on or off, has more or fewer models, or is shown in another way."""
    model_changed = Signal()
    """Another model is in use, or one could not be loaded and the old one stays."""
    compared = Signal()
    """A pose and its comparison are new, or not known any more."""

    def __init__(self, session: Session, backend: Backend, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._state = session.state
        self._notifier = session.notifier
        self._backend = backend
        self.on = False
        self.display = CompareDisplay()
        self.preferred: tuple[str, ...] = ()
        """The models to begin with, as they were when the program ended."""
        self._leaving: list[Compared] = []
        """Taken out, and not ended yet."""
        self.many = ComparingMany(session, backend, reader, self)
        self.others: list[Compared] = []
        self._make()
        self._state.pose_changed.connect(self.ask)
        self._state.models_changed.connect(self._choose_first)
        session.playback.playing_changed.connect(self.ask)

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return a function for every action of the Compare menu but the one that opens a menu of its own."""
        layouts = list(Layout)
        return {
            "compare": self.switch,
            "compare_flip": lambda on: self.set_display(flipped=on),
            "compare_next": lambda _: self.choose_other((self.display.chosen + 1) % len(self.others)),
            "compare_remove": lambda _: self.remove(self.display.chosen),
            "compare_layout": lambda _: self.set_display(
                layout=layouts[(layouts.index(self.display.layout) + 1) % len(layouts)]
            ),
            "compare_arrows": lambda on: self.set_display(arrows=on),
            "compare_ghost": lambda on: self.set_display(ghost=on),
            "compare_model_next": lambda _: self.next_model(),
            "compare_many": lambda _: self.many.start_or_stop(),
        }

    # The chosen one of the others: B, unless the user chose another

    @property
    def other(self) -> Compared:
        """The one that flips with A, and that A's own views show beside it."""
        return self.others[self.display.chosen]

    @property
    def model(self) -> ModelEntry | None:
        """The chosen one's model."""
        return self.other.model

    @property
    def pose(self) -> Pose | None:
        """The chosen one's pose."""
        return self.other.pose

    @property
    def comparison(self) -> Comparison | None:
        """A's comparison with the chosen one."""
        return self.other.comparison

    @property
    def activity(self) -> str:
        """What the chosen one is doing."""
        return self.other.activity

    @property
    def letters(self) -> str:
        """The letters of all models, A's first."""
        return LETTERS[: len(self.others) + 1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of A and of the models beside it, as far as they are loaded."""
        used = (self._state.model, *(other.model for other in self.others if self.on))
        return tuple(model.name for model in used if model is not None)

    @property
    def grid(self) -> bool:
        """Whether the pictures stand in two rows: more than two models, side by side."""
        return self.on and len(self.others) > 1 and self.display.layout is Layout.SIDE

    @property
    def poses(self) -> tuple[Pose, ...]:
        """All poses, A's first; empty while one is not known."""
        found = [self._state.pose, *(other.pose for other in self.others)]
        known = tuple(pose for pose in found if pose is not None)
        return known if self.on and len(known) == len(found) else ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """A's comparison with each of the others; empty while one is not known."""
        known = tuple(other.comparison for other in self.others if other.comparison is not None)
        return known if self.on and len(known) == len(self.others) else ()

    @property
    def shown(self) -> Pose | None:
        """The pose in A's place: A's, or the chosen one's while it is flipped."""
        return self.pose if self.flipped else self._state.pose

    @property
    def flipped(self) -> bool:
        """Whether the chosen one stands in A's place: it is asked for and known.

        While a video plays, it stands there in every frame: A among its poses would pass for its own.
        """
        return self.on and self.display.flipped and (self.pose is not None or self.is_playing)

    @property
    def is_playing(self) -> bool:
        """Whether a video plays."""
        return self._session.playback.playing

    # What is compared

    def switch(self, on: bool) -> None:
        """Start or end comparing."""
        if on == self.on:
            return
        self.on = on
        self.display = replace(self.display, flipped=False)
        for other in self.others:
            other.switch(on)
        self.many.take(self.others)
        self.changed.emit()
        self._choose_first()

    def choose(self, source: str, place: int = 0) -> None:
        """Load another model as B (0), C or D: a bundled name or a file. The one in use stays until it is loaded."""
        self.others[place].choose(source)

    def follow_engine(self) -> None:
        """Let the engine of now run B, C and D."""
        for other in self.others:
            other.follow_engine()

    def add(self, source: str) -> None:
        """Compare with one more model; without a comparison, begin one with it."""
        if not self.on:
            self.choose(source)
            self.switch(True)
        elif self.is_full:
            self._notifier.info("four models are compared already", "take one out first")
        else:
            other = self._make()
            other.choose(source)
            other.switch(True)
            self.set_display(chosen=len(self.others) - 1)
            self.changed.emit()

    def remove(self, place: int) -> None:
        """Take a model out; without the last one there is no comparison."""
        if len(self.others) == 1:
            self.switch(False)
            return
        other = self.others.pop(place)
        chosen = self.display.chosen
        self.display = replace(self.display, chosen=min(chosen - (place < chosen), len(self.others) - 1))
        for letter, left in zip(LETTERS[1:], self.others, strict=False):
            left.letter = letter
        other.switch(False)
        other.inference.finished.connect(lambda: self._gone(other))
        self._leaving.append(other)
        other.inference.ask_to_stop()
        self.many.take(self.others)
        self.model_changed.emit()
        self.changed.emit()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more model."""
        return len(self.others) == len(LETTERS) - 1

    def source(self, place: int) -> str:
        """Return the bundled name or file of B (0), C or D; empty where there is none."""
        model = self.others[place].model if place < len(self.others) else None
        return "" if model is None else model.source

    def unused(self) -> list[ModelEntry]:
        """Return the models that could be added: those that do not stand here yet."""
        used = [other.model for other in self.others] + [self._state.model]
        sources = {model.source for model in used if model is not None}
        return [model for model in self._state.models if model.source not in sources]

    def next_model(self) -> None:
        """Load the model after the chosen one's in its place, of its kind."""
        following = self._state.model_after(self.model)
        if not self.on or following is None:
            self._notifier.info("there is no second model to change", "switch on Compare (C) or open a checkpoint")
            return
        self.choose(following.source, self.display.chosen)

    def ask(self) -> None:
        """Let each of the others look at A's picture and box."""
        for other in self.others:
            other.look()

    def choose_other(self, place: int) -> None:
        """Choose which of the others flips with A and stands beside it in A's own views."""
        self.set_display(chosen=place)

    def set_display(self, **changes: Any) -> None:
        """Change how the comparison is shown: the fields of CompareDisplay by name."""
        display = replace(self.display, **changes)
        if display != self.display:
            self.display = display
            self.changed.emit()

    def _make(self) -> Compared:
        other = Compared(self._session, self._backend, self)
        other.letter = LETTERS[len(self.others) + 1]
        other.compared.connect(self.compared)
        other.model_changed.connect(self._model_changed)
        other.followed.connect(self.many.followed)
        self.others.append(other)
        return other

    def _gone(self, other: Compared) -> None:
        if other in self._leaving:
            self._leaving.remove(other)
            other.deleteLater()

    def _model_changed(self) -> None:
        self.many.take(self.others)
        self.model_changed.emit()

    def _choose_first(self) -> None:
        """Load what was compared last; or as B the first other model whose name begins most like A's, its twin."""
        first = self.others[0]
        if not self.on or first.model is not None or first.is_loading:
            return
        used = self._state.model
        others = [model for model in self._state.models if used is None or model.source != used.source]
        listed = {model.source for model in others}
        wanted = [source for source in self.preferred if source in listed or Path(source).is_file()]
        if wanted:
            self.choose(wanted[0])
        elif others:
            alike = [len(common_start([model.name, used.name])) if used is not None else 0 for model in others]
            self.choose(others[alike.index(max(alike))].source)
        for source in wanted[1 : len(LETTERS) - 1]:
            self.add(source)
        if len(wanted) > 1:
            self.set_display(chosen=0)

    # The end

    def ask_to_stop(self) -> None:
        """Let the threads end after what they are doing."""
        for worker in self._workers():
            worker.ask_to_stop()

    def stop(self, timeout_ms: int = 150) -> bool:
        """End the threads and wait for them. Return whether they did."""
        ended = [worker.stop(timeout_ms) for worker in self._workers()]
        return all(ended)

    @property
    def is_working(self) -> bool:
        """Whether a thread of a comparison runs."""
        return any(worker.isRunning() for worker in self._workers())

    def _workers(self) -> list[Worker]:
        return [*(other.inference for other in (*self.others, *self._leaving)), self.many.service]
