"""Brings the frames of a live source to the window with who is seen in them: always the newest, whatever is slow.

A ``Feed`` is one source from opening to stopping and has a thread of its own. The capture's slot holds the newest
frame; the feed takes it when the network is free and lets it be looked at on the network's thread. While one look takes
long, as a search does, or there is no network yet, frames are shown without being looked at. What is to be shown waits
in one slot, and what the window has no time for is replaced.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, Signal

from app.services.inference import InferenceService, is_finite
from app.services.worker import Worker
from app.sources import Box
from core.errors import UserError
from core.reading import Reading

if TYPE_CHECKING:
    from app.services.backend import Model
    from core.bystanders import Bystanders
    from core.capture.live import Capture
    from core.capture.state import LiveFrame, Status, Timing
    from core.crowd import Crowd, Group
    from core.locate import Candidate, Find
    from core.pose import Pose

PATIENCE_S: Final = 0.2
PATIENCE: Final = 3.0
"""When a look takes longer, and so many times as long as following somebody does here, frames are shown without one: a
slow machine shows few frames with their poses, and a search does not hold up the picture."""
BUDGET_S: Final = 0.06
"""What the looks at one frame may take before others than who is meant wait: leaves time to draw at 15 a second."""
SEVERAL: Final = 4
"""How many people are followed at most."""


@dataclass(frozen=True, eq=False)
class Shown:
    """One frame to be shown.

    Attributes:
        frame: as it was captured.
        group: who is seen; None before anything was looked at.
        looked: whether this very frame was looked at.
        parts: seconds by part of the way from capture to here; empty if it was not.
        dropped: frames so far that passed without being taken.
        ready_s: ``time.monotonic()`` when it was ready to be shown.
        besides: people who are seen and not followed.
    """

    frame: LiveFrame
    group: Group | None
    looked: bool
    parts: dict[str, float] = field(default_factory=dict)
    dropped: int = 0
    ready_s: float = 0.0
    besides: tuple[Candidate, ...] = ()


@dataclass
class Options:
    """What the user may change while frames come: read by the network's thread before each look."""

    reading: Reading = field(default_factory=Reading)
    smooth: bool = True
    several: bool = False
    by_network: bool = False
    besides: bool = True


class Look:
    """One frame on its way through the network's thread."""

    def __init__(self, feed: Feed, frame: LiveFrame) -> None:
        self._feed = feed
        self._frame = frame

    def run(self, model: Model | None, find: Find) -> None:
        """Look at the frame with the model of now, and with what names people; never raises."""
        error = None
        if model is not None:
            started = time.monotonic()
            model.parts.clear()
            try:
                group = self._feed.people.step(model, self._frame, find)
            except UserError as wrong:
                error = wrong
            except Exception as wrong:  # noqa: BLE001  # out of memory, a lost device: the window goes on
                told = f"the network stopped ({type(wrong).__name__})"
                error = UserError(told, "try another source or model")
            else:
                besides, error = self._besides(group, find)
                ended = time.monotonic()
                parts = {"grab": started - self._frame.captured_s, **model.parts}
                parts["locate"] = ended - started - sum(model.parts.values())
                self._feed.looked(Shown(self._frame, group, True, parts, ready_s=ended, besides=besides), error)
                return
        self._feed.looked(Shown(self._frame, None, False, ready_s=time.monotonic()), error)

    def _besides(self, group: Group, find: Find) -> tuple[tuple[Candidate, ...], UserError | None]:
        """Return who else is seen; who is followed does not depend on it."""
        try:
            return self._feed.people.besides(self._frame, group, find), None
        except UserError as wrong:
            return (), wrong
        except Exception as wrong:  # noqa: BLE001  # out of memory: the window goes on
            told = f"other people could not be looked for ({type(wrong).__name__})"
            return (), UserError(told, "switch their boxes off in the View menu")


class People:
    """Who is followed in one source, and what the user wants of it; ``step`` runs on the network's thread."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._lock = threading.Lock()
        self._wishes: list[tuple[str, Any]] = []
        self._crowd: Crowd | None = None
        self._bystanders: Bystanders | None = None
        self._model: Model | None = None

    def choose(self, number: int) -> None:
        """Mean another of those who are followed."""
        self._wish("choose", number)

    def point_at(self, box: Box) -> None:
        """Mean whoever is in a box."""
        self._wish("point_at", box)

    def forget(self) -> None:
        """Let go of everybody and search anew."""
        self._wish("forget")

    def _wish(self, name: str, *words: Any) -> None:
        with self._lock:
            self._wishes.append((name, words))

    def step(self, model: Model, frame: LiveFrame, find: Find) -> Group:
        """Look at the next frame; ``find`` names people, should they be found so.

        Raises:
            UserError: it cannot be looked at.
        """
        self._model, options = model, self.options
        from core.crowd import Crowd, search_named, search_one

        if self._crowd is None:
            self._crowd = Crowd(self._look, budget_s=BUDGET_S)
        crowd = self._crowd
        crowd.search = search_named(find, self._look) if options.by_network else search_one(self._look)
        crowd.most = SEVERAL if options.several else 1
        crowd.smooth = options.smooth
        with self._lock:
            wishes, self._wishes = self._wishes, []
        for name, words in wishes:
            getattr(crowd, name)(*words)
        return crowd.step(frame.image, frame.time_s)

    def besides(self, frame: LiveFrame, group: Group, find: Find) -> tuple[Candidate, ...]:
        """Return who is seen in a frame besides those who are followed in it.

        Raises:
            UserError: they cannot be looked for.
        """
        if not self.options.besides:
            self._bystanders = None
            return ()
        if self._bystanders is None:
            from core.bystanders import Bystanders

            self._bystanders = Bystanders(find)
        followed = [sight.pose for sight in (group.chosen, *group.others) if sight.pose is not None]
        return self._bystanders.step(frame.image, frame.time_s, followed)

    def _look(self, image: Any, box: Box | None) -> Pose:
        assert self._model is not None
        pose = self._model.predict(image, box, self.options.reading)
        if not is_finite(pose):
            raise UserError("the network answered with numbers that are not finite", "choose another model")
        return pose


class Feed(Worker):
    """One live source from opening to stopping; its thread ends with it."""

    ready = Signal(int)
    """There is something to show, ``take`` it: token."""
    told = Signal(int, object)
    """The source's state changed: token, ``core.capture.state.Status``."""
    failed = Signal(int, object)
    """A frame could not be looked at: token, UserError."""

    def __init__(
        self, token: int, address: str, inference: InferenceService, options: Options, timing: Timing | None = None,
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__("live", parent)
        self.token = token
        self.address = address
        self.given = self.name = ""
        """The address without its password, and a short name fit for files, once the address is understood."""
        self.people = People(options)
        self._inference = inference
        self._timing = timing
        self._capture: Capture | None = None
        self._lock = threading.Lock()
        self._slot: Shown | None = None
        self._looking_s: float | None = None
        self._last: Group | None = None
        self._besides: tuple[Candidate, ...] = ()
        self.on_shown: Callable[[Shown], None] | None = None
        """Is given every frame that is to be shown, on whatever thread it comes from; must return at once."""
        self._took_s: deque[float] = deque(maxlen=15)
        self._shown_index = -1
        self._fault = ""

    @property
    def waits(self) -> bool:
        """Whether there is something to show."""
        return self._slot is not None

    def take(self) -> Shown | None:
        """Return the newest frame to be shown, None if it was taken already."""
        with self._lock:
            shown, self._slot = self._slot, None
        return shown

    def run(self) -> None:
        """Run the thread: called by Qt."""
        try:
            super().run()
        finally:
            if self._capture is not None:
                self._capture.stop()

    def set_up(self) -> None:
        """Open the source."""
        from core.capture import sources
        from core.capture.live import Capture
        from core.capture.state import State, Status

        try:
            source = sources.parse(self.address)
        except UserError as error:
            self._tell(Status(State.FAULTED, error))
            return
        self.given, self.name = source.given, source.name
        self._capture = Capture(source, self._timing, lambda: self.post("frame", None), self._tell)
        self._capture.start()

    def _tell(self, status: Status) -> None:
        self.told.emit(self.token, status)

    def handle(self, _topic: str, _request: Any) -> None:
        """Take the newest frame, if it can be looked at or must be shown without."""
        looking_s = self._looking_s
        usual_s = statistics.median(self._took_s) if self._took_s else 0.0
        busy = looking_s is not None and time.monotonic() - looking_s < max(PATIENCE_S, PATIENCE * usual_s)
        if self._capture is None or busy:
            # The capture's slot keeps the newest until the look is over.
            return
        frame = self._capture.take(0.0)
        if frame is None:
            return
        if looking_s is None:
            self._looking_s = time.monotonic()
            self._inference.look(Look(self, frame))
        else:
            self._publish(Shown(frame, self._last, False, ready_s=time.monotonic(), besides=self._besides))

    def looked(self, shown: Shown, error: UserError | None = None) -> None:
        """Take what a look brought: called by the network's thread."""
        if error is None:
            self._fault = ""
        elif str(error) != self._fault:
            self._fault = str(error)
            self.failed.emit(self.token, error)
        self._last, self._besides = shown.group, shown.besides
        # One that took long is older than what is shown already: its people count, its picture does not.
        if shown.frame.index > self._shown_index:
            self._publish(shown)
        group = shown.group
        if self._looking_s is not None and group is not None and group.chosen.seen.value == "followed":
            self._took_s.append(time.monotonic() - self._looking_s)
        self._looking_s = None
        self.post("frame", None)

    def _publish(self, shown: Shown) -> None:
        assert self._capture is not None
        with self._lock:
            self._shown_index = shown.frame.index
            shown = replace(shown, dropped=self._capture.dropped)
            free, self._slot = self._slot is None, shown
        on_shown = self.on_shown
        if on_shown is not None:
            on_shown(shown)
        if free:
            self.ready.emit(self.token)
