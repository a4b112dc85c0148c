"""Runs the network off the GUI thread: loads checkpoints, answers with poses, and survives whatever either does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.services.ahead import Run, RunRequest
from app.services.backend import Backend, Model
from app.services.worker import Worker
from app.sources import Box
from core.engines import EngineName
from core.errors import UserError
from core.pose import Pose
from core.reading import Reading

if TYPE_CHECKING:
    from app.services.live import Look


@dataclass(frozen=True, eq=False)
class InferenceRequest:
    """One picture to look at.

    Attributes:
        token: identifies the request; its answer carries it back.
        rgb: (height, width, 3) uint8.
        box: (x, y, width, height) of the person in picture pixels, None to find the person.
        reading: how the pose is read.
    """

    token: int
    rgb: NDArray[np.uint8]
    box: Box | None
    reading: Reading


@dataclass(frozen=True, eq=False)
class InferenceResult:
    """The answer to one request: the pose and how long it took."""

    token: int
    pose: Pose
    latency_ms: float


class InferenceService(Worker):
    """The worker with the network in it."""

    listed = Signal(object, object)
    """What there is to start with: bundled checkpoints as list[ModelEntry], (doubtful, implausible) percent."""
    loaded = Signal(object, str)
    """A checkpoint was loaded and replaces the one before: ModelEntry, device."""
    load_failed = Signal(str, object)
    """A checkpoint could not be loaded, the one before stays: source, UserError."""
    result = Signal(object)
    """InferenceResult."""
    failed = Signal(int, object)
    """A request could not be answered: token, UserError."""
    moved = Signal(str)
    """The network had to go on on another device."""

    people = Signal(int, object)
    """Everybody who was found in a picture: token, Sequence[Candidate]."""
    people_failed = Signal(int, object)
    """They could not be looked for: token, UserError."""
    ahead = Signal(int, int, object)
    """A frame of a run was looked at: token, frame, Pose."""
    ahead_ended = Signal(int, object)
    """A run is through: token, None or the UserError that ended it."""

    def __init__(self, backend: Backend, parent: QObject | None = None) -> None:
        super().__init__("inference", parent)
        self.backend = backend
        self._model: Model | None = None
        self.engine: EngineName = "torch"
        """Who runs the model that was loaded last."""
        self._device = ""
        self._run: Run | None = None
        self._run_token = 0

    def load(self, source: str) -> None:
        """Ask for another checkpoint: a bundled name or a file."""
        self.post("load", source)

    def infer(self, request: InferenceRequest) -> None:
        """Ask for a pose; a request that still waits is dropped."""
        self.post("infer", request)

    def find_people(self, token: int, rgb: NDArray[np.uint8]) -> None:
        """Ask who is in an (h, w, 3) RGB picture; a request that still waits is dropped."""
        self.post("people", (token, rgb))

    def look(self, look: Look) -> None:
        """Let a live source's frame be looked at; one that still waits is dropped."""
        self.post("live", look)

    def run_ahead(self, request: RunRequest) -> None:
        """Look at the frames of a clip one after the other, between other requests; ends the run before."""
        self._run_token = request.token
        self.post("run", request)

    def stop_ahead(self) -> None:
        """End the run."""
        self._run_token = 0
        self.mailbox.discard("run")

    def set_up(self) -> None:
        """Import torch and list what is bundled."""
        self.backend.prepare()
        self.listed.emit(self.backend.bundled(), self.backend.verdict_limits())

    def handle(self, topic: str, request: Any) -> None:
        """Answer one request."""
        if topic == "load":
            self._load(request)
        elif topic == "run":
            self._step(request)
        elif topic == "live":
            request.run(self._model, lambda rgb: self.backend.people(rgb, self._model))
        elif topic == "people":
            self._find_people(*request)
        else:
            self._infer(request)

    def _load(self, source: str) -> None:
        try:
            model = self.backend.load(source)
        except UserError as error:
            self.load_failed.emit(source, error)
        except Exception as error:  # noqa: BLE001  # a strange file may raise anything; the old model stays
            wrong = UserError(f"the checkpoint could not be loaded ({_short(error)})", "choose another checkpoint")
            self.load_failed.emit(source, wrong)
        else:
            self._model, self._device, self.engine = model, model.device, model.engine
            self.loaded.emit(model.entry, model.device)

    def _step(self, request: RunRequest) -> None:
        if request.token != self._run_token or self._model is None or self._model.entry != request.model:
            return
        try:
            if self._run is None or self._run.request is not request:
                if self._run is not None:
                    self._run.close()
                self._run = Run(request, self._model)
            found = self._run.step()
            self._tell_device(self._model)
            if found is not None and not is_finite(found[1]):
                raise UserError("the network answered with numbers that are not finite", "choose another model")
        except UserError as error:
            self._end_run(request, error)
        except Exception as error:  # noqa: BLE001  # out of memory, a lost device: the window goes on
            told = f"the network stopped on the way through the video ({_short(error)})"
            self._end_run(request, UserError(told, "try another video, box or model"))
        else:
            if found is None:
                self._end_run(request, None)
                return
            self.ahead.emit(request.token, *found)
            self.mailbox.put_if_free("run", request)

    def _end_run(self, request: RunRequest, error: UserError | None) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None
        self.ahead_ended.emit(request.token, error)

    def _tell_device(self, model: Model) -> None:
        if model.device != self._device:
            self._device = model.device
            self.moved.emit(model.device)

    def _find_people(self, token: int, rgb: NDArray[np.uint8]) -> None:
        try:
            self.people.emit(token, self.backend.people(rgb, self._model))
        except UserError as error:
            self.people_failed.emit(token, error)
        except Exception as error:  # noqa: BLE001  # out of memory: the window goes on
            told = f"other people could not be looked for ({_short(error)})"
            self.people_failed.emit(token, UserError(told, "draw a box around the person (B)"))

    def _infer(self, request: InferenceRequest) -> None:
        if self._model is None:
            self.failed.emit(request.token, UserError("no model is loaded", "choose a model in the toolbar"))
            return
        started = time.perf_counter()
        try:
            pose = self._model.predict(request.rgb, request.box, request.reading)
        except UserError as error:
            self.failed.emit(request.token, error)
            return
        except Exception as error:  # noqa: BLE001  # out of memory, a lost device: the window goes on
            wrong = UserError(f"the network stopped ({_short(error)})", "try another picture, box or model")
            self.failed.emit(request.token, wrong)
            return
        self._tell_device(self._model)
        if not is_finite(pose):
            wrong = UserError("the network answered with numbers that are not finite", "choose another model")
            self.failed.emit(request.token, wrong)
            return
        self.result.emit(InferenceResult(request.token, pose, (time.perf_counter() - started) * 1000.0))


def is_finite(pose: Pose) -> bool:
    """Tell whether a pose can be drawn."""
    return all(bool(np.isfinite(values).all()) for values in (pose.joints_px, pose.joints_mm, pose.confidence))


def _short(error: BaseException) -> str:
    """First line of an error's message, or its type where it has none."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
