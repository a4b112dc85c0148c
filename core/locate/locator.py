"""Who is in a picture: the locating network, from a picture's pixels to boxes in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.locate.candidates import Candidate, read_maps
from core.locate.confirming import SOMEBODY, Confirming

if TYPE_CHECKING:
    from core.locate.network import LocateNetwork

NAME: Final = "locate"
"""Of the bundled weights."""
LONGEST: Final = 3.0
"""A picture over so many times as long as it is wide is seen with a margin, lest its short side vanish."""


def bundled_path() -> Path:
    """Return where the bundled weights are, if they are there."""
    from core.checkpoint import SUFFIX, bundled_folder

    return bundled_folder() / f"{NAME}{SUFFIX}"


class Locator:
    """Finds people with the locating network. Imports of torch wait until one is made.

    Args:
        model: in eval mode; a copy of it is used.
        threshold: candidates of a lower score are left out.
        area_px: the picture is shrunk to so many pixels, its shape kept.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        metadata: what its file says of it.

    Attributes:
        confirming: how the pose network confirms whom it proposes; None where its file does not say.
    """

    def __init__(
        self, model: LocateNetwork, threshold: float, area_px: int, device: str = "auto",
        metadata: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        import copy

        from core.engines.threads import Threads, numbers
        from core.locate import network
        from core.network import place
        from core.predictor import choose_device, fast_precision

        self.threshold = threshold
        self.area_px = area_px
        self.metadata = metadata or {}
        rule = self.metadata.get("confirming")
        self.confirming = None if rule is None else Confirming.from_dict(rule)
        self._device = choose_device(device)
        self._dtype = fast_precision(self._device)
        self._model = place(network.folded(copy.deepcopy(model)), self._device)
        # Pictures are all shrunk to much the same size.
        self._threads = Threads(numbers() if self._device == "cpu" else (1,))

    @property
    def somebody(self) -> float:
        """Score from which on ``Predictor.people`` finds somebody."""
        return self.threshold if self.confirming is None else SOMEBODY

    @staticmethod
    def bundled() -> Path | None:
        """Return the file that comes with the program, None if there is none."""
        path = bundled_path()
        return path if path.is_file() else None

    @classmethod
    def load(cls, path: Path | None = None, device: str = "auto") -> Locator:
        """Load a locator's file, by default the bundled one.

        Raises:
            UserError: it is missing, damaged or of another shape, or the device is absent.
        """
        from core.locate import network

        model, metadata = network.load(path or bundled_path())
        return cls(model, float(metadata["threshold"]), int(metadata["area_px"]), device, metadata)

    def find(self, picture: NDArray[np.uint8], threshold: float | None = None) -> list[Candidate]:
        """Return whom the network sees in an (h, w, 3) RGB picture, the surest first; nobody is an empty list.

        Args:
            picture: of any size.
            threshold: another one than the locator's own.
        """
        import contextlib

        import torch

        from core.locate import network

        height, width = picture.shape[:2]
        columns, rows = input_size((width, height), self.area_px)
        view = _letterboxed(picture, columns / rows)
        small = cv2.resize(view, (columns, rows), interpolation=cv2.INTER_AREA)
        mixed = torch.autocast(self._device, self._dtype) if self._dtype != torch.float32 else contextlib.nullcontext()
        with torch.inference_mode(), mixed:
            seen = network.as_input(np.asarray(small, dtype=np.uint8), self._device)
            maps = self._threads(lambda: self._model(seen))
            scores = torch.sigmoid(maps.centre.float())[0].cpu().numpy().astype(np.float64)
            boxes = network.boxes_input(maps.box)[0].cpu().numpy().astype(np.float64)
        scale = view.shape[1] / columns, view.shape[0] / rows
        left, top = (view.shape[1] - width) / 2, (view.shape[0] - height) / 2
        return [
            Candidate((x * scale[0] - left, y * scale[1] - top, w * scale[0], h * scale[1]), score)
            for (x, y, w, h), score in read_maps(scores, boxes, self.threshold if threshold is None else threshold)
        ]


def input_size(picture_size_px: tuple[int, int], area_px: int) -> tuple[int, int]:
    """Return the (width, height) that a picture is shrunk or enlarged to: its shape, nearly, and about ``area_px``."""
    from core.locate.network import MULTIPLE

    aspect = float(np.clip(picture_size_px[0] / picture_size_px[1], 1 / LONGEST, LONGEST))
    width, height = np.sqrt(area_px * aspect), np.sqrt(area_px / aspect)
    columns, rows = (max(round(float(side) / MULTIPLE), 1) * MULTIPLE for side in (width, height))
    return columns, rows


def _letterboxed(picture: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """Return the picture with black margins if its shape is much longer than the network's input."""
    height, width = picture.shape[:2]
    if 1 / LONGEST <= width / height <= LONGEST:
        return picture
    wide, high = max(width, round(height * aspect)), max(height, round(width / aspect))
    left, top = (wide - width) // 2, (high - height) // 2
    return np.asarray(
        cv2.copyMakeBorder(
            picture, top, high - height - top, left, wide - width - left, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        ),
        dtype=np.uint8,
    )
