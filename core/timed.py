"""A predictor that tells where its time goes: before the network, in it and after it."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.checkpoint import Checkpoint
from core.engines import EngineName
from core.pose import Pose
from core.predictor import Predictor
from core.reading import Reading

PARTS: Final = ("crop", "infer", "decode")
"""Cutting the crop; the network; from heatmaps to joints and bones."""


class TimedPredictor(Predictor):
    """Adds up, in ``parts``, the seconds of each part since the dictionary was cleared, searches included."""

    def __init__(
        self, checkpoint: Checkpoint, device: str = "auto", reading: Reading | None = None, engine: EngineName = "torch"
    ) -> None:
        super().__init__(checkpoint, device, reading, engine=engine)
        self.parts: dict[str, float] = {}
        self._entered = self._left = 0.0

    def raw(self, crops: NDArray[np.uint8], flip: bool | None = None) -> tuple[Tensor, Tensor]:
        """Run the network; see ``Predictor.raw``."""
        started = time.monotonic()
        self._add("crop", started - self._entered)
        maps = super().raw(crops, flip)
        self._left = time.monotonic()
        self._add("infer", self._left - started)
        return maps

    def _poses(self, *args: Any, **kwargs: Any) -> list[Pose]:
        self._entered = time.monotonic()
        poses = super()._poses(*args, **kwargs)
        self._add("decode", time.monotonic() - self._left)
        return poses

    def _add(self, part: str, seconds: float) -> None:
        self.parts[part] = self.parts.get(part, 0.0) + seconds
