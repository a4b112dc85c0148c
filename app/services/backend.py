"""What the inference service needs of the core, as a small interface: tests put a slow or failing one in its place."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.sources import Box
from app.state import ModelEntry
from core.engines import EngineName
from core.errors import UserError
from core.pose import Pose
from core.reading import Reading

if TYPE_CHECKING:
    from core.locate import Candidate, Locator
    from core.timed import TimedPredictor

Answer = TypeVar("Answer")


@cache
def _import_uncollected() -> None:
    """Import torch and what looks at pictures with it, and never let Python's garbage collections walk through them.

    While one runs, in whichever thread, no other runs Python: the window would stand still for an eighth of a second
    again and again while it starts, and for a quarter later on. Once in a process: what is thrown away after that has
    to be found.
    """
    gc.disable()
    try:
        import cv2  # noqa: F401
        import torch  # noqa: F401

        from core import timed  # noqa: F401  # and all that it imports
    finally:
        gc.freeze()
        gc.enable()


class Model(Protocol):
    """A loaded checkpoint, ready to look at pictures."""

    entry: ModelEntry
    parts: dict[str, float]
    """Seconds spent in each part of looking (``core.timed``) since it was cleared."""
    engine: EngineName
    """Who runs it."""

    @property
    def device(self) -> str:
        """Where it runs."""

    def predict(self, rgb: NDArray[np.uint8], box: Box | None, reading: Reading) -> Pose:
        """Return the pose of the person in the box, or of the person it finds."""

    def people(self, rgb: NDArray[np.uint8], locator: Locator) -> Sequence[Candidate]:
        """Return everybody whom the locating network proposes and this model confirms, the surest first."""


class Backend(Protocol):
    """Lists and loads checkpoints."""

    engine: EngineName = "torch"
    """Who runs the networks that are loaded from now on."""
    engine_fault: UserError | None = None
    """Why it is torch although another one was wanted; whoever tells it takes it away."""

    def prepare(self) -> None:
        """Import and set up what is slow to import; called once, in the worker's thread."""

    def bundled(self) -> list[ModelEntry]:
        """Return the checkpoints that come with the program."""

    def verdict_limits(self) -> tuple[float, float]:
        """Return from which percent on a bone is doubtful, and implausible."""

    def load(self, source: str) -> Model:
        """Load a bundled name or a file; raise UserError for a bad one."""

    def people(self, rgb: NDArray[np.uint8], model: Model | None) -> Sequence[Candidate]:
        """Name everybody in a picture, the surest first, as the model confirms them, if there is one.

        Raise UserError for a damaged installation.
        """


def load_library() -> bool:
    """Load the largest library of torch so that the window can go on meanwhile; return whether it was done.

    Python holds its lock while it imports, so a window would stand still for as long as the library takes. A function
    that ctypes calls runs without the lock, ``dlopen`` as well; the import then finds the library there. Where that
    does not work, the import does all by itself.
    """
    import ctypes
    import importlib.util

    found = importlib.util.find_spec("torch")
    if os.name != "posix" or found is None or found.origin is None:
        return False
    suffix = "dylib" if sys.platform == "darwin" else "so"
    path = Path(found.origin).parent / "lib" / f"libtorch_cpu.{suffix}"
    load = ctypes.CDLL(None).dlopen
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    return load(os.fsencode(path), os.RTLD_NOW) is not None


class TorchBackend:
    """The real one. It imports torch only in the worker's thread, so that the window is up before torch is."""

    def __init__(self) -> None:
        self.engine: EngineName = "torch"
        self.engine_fault: UserError | None = None
        self._locator: Locator | None = None
        # While the window is made: it takes a third of a second and, unlike the import, nothing of Python.
        threading.Thread(target=load_library, name="library", daemon=True).start()

    def prepare(self) -> None:
        """Import torch and leave one core to the window."""
        load_library()
        _import_uncollected()
        import cv2
        import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
        cv2.setNumThreads(1)

    def bundled(self) -> list[ModelEntry]:
        """Return the checkpoints that come with the program."""
        from core import checkpoint

        return [ModelEntry.of(info, info.name) for info in checkpoint.bundled()]

    def verdict_limits(self) -> tuple[float, float]:
        """Return from which percent on a bone is doubtful, and implausible."""
        from core import geometry

        return geometry.DOUBTFUL_PERCENT, geometry.IMPLAUSIBLE_PERCENT

    def load(self, source: str) -> TorchModel:
        """Load a bundled name or a file; raise UserError for a bad one.

        An engine that does not take it over is left for torch, for good.
        """
        engine = self.engine
        try:
            return TorchModel(source, engine)
        except UserError as error:
            if engine == "torch":
                raise
            model = TorchModel(source, "torch")
            self.engine, self.engine_fault = "torch", error
            return model

    def people(self, rgb: NDArray[np.uint8], model: Model | None) -> Sequence[Candidate]:
        """Ask the locating network, and the model about those whom it proposes; nobody where it is not bundled.

        The locating network runs on the processor always: it is quick there, and a full graphics card does not matter.
        """
        from core.locate import Locator

        if self._locator is None:
            if Locator.bundled() is None:
                return ()
            self._locator = Locator.load(device="cpu")
        return self._locator.find(rgb) if model is None else model.people(rgb, self._locator)


class TorchModel:
    """A checkpoint with its predictor."""

    def __init__(self, source: str, engine: EngineName) -> None:
        from core import checkpoint

        self.engine = engine
        self._loaded = checkpoint.load(source)
        self.entry = ModelEntry.of(self._loaded.info, source)
        self._take("auto")

    def _take(self, device: str) -> None:
        from core.timed import TimedPredictor

        self._predictor = TimedPredictor(self._loaded, device, engine=self.engine)
        self.parts = self._predictor.parts

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self._predictor.device)

    def predict(self, rgb: NDArray[np.uint8], box: Box | None, reading: Reading) -> Pose:
        """See ``Model``."""

        def ask(predictor: TimedPredictor) -> Pose:
            predictor.reading = reading
            return predictor.predict(rgb, box=box)

        return self._asked(ask)

    def people(self, rgb: NDArray[np.uint8], locator: Locator) -> Sequence[Candidate]:
        """See ``Model``."""
        return self._asked(lambda predictor: predictor.people(rgb, locator))

    def _asked(self, ask: Callable[[TimedPredictor], Answer]) -> Answer:
        # A graphics card that is full or gone is left for the processor, for good: slower is better than nothing.
        try:
            return ask(self._predictor)
        except RuntimeError:  # also what torch raises for memory that a card does not have
            if self.device == "cpu":
                raise
            self._take("cpu")
            return ask(self._predictor)
