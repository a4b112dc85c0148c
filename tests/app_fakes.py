"""What the window's tests share: a body, poses made from it, a backend that needs no network, a window opener."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from app.services.backend import Backend
from app.settings import Settings
from app.sources import Box
from app.state import ModelEntry
from app.window import MainWindow, create_window
from core import geometry, skeleton
from core.errors import UserError
from core.pose import Pose

CROP = 128
MAP = 32

STANDING_MM = np.array(
    [
        (-190, 900, 60), (-170, 455, -60), (-130, 5, 0), (130, 0, 0), (150, 450, 20), (160, 900, 90),
        (0, 0, 0), (0, -420, -10), (0, -500, -15), (10, -690, -25),
        (-420, -650, -180), (-400, -420, -90), (-175, -425, -10), (175, -425, -10), (300, -175, 40), (330, 70, -60),
    ],
    dtype=np.float64,
)  # fmt: skip
"""A body of about canonical size: standing, the right hand raised; x right, y down, z away, mm from the pelvis."""


def write_picture(path: Path, width: int = 320, height: int = 400) -> Path:
    """Write a picture with a gradient, so that orientation and channels can be told."""
    ramp = np.linspace(40, 200, width, dtype=np.uint8)
    picture = np.dstack(
        [np.tile(ramp, (height, 1)), np.full((height, width), 90, np.uint8), np.full((height, width), 60, np.uint8)]
    )
    assert cv2.imwrite(str(path), picture)
    return path


def make_pose(
    size_px: tuple[int, int] = (320, 400), box: Box | None = None, *, name: str = "fake", confidence: float = 0.8,
    joints_mm: NDArray[np.float64] = STANDING_MM,
) -> Pose:  # fmt: skip
    """Return a whole pose of a body in the middle of a picture."""
    width, height = size_px
    side = 0.95 * min(width, height)
    located = box or ((width - side) / 2, (height - side) / 2, side, side)
    x, y, box_width, box_height = located
    square = max(box_width, box_height)
    corner = np.array([x + (box_width - square) / 2, y + (box_height - square) / 2])
    scale = square / 2000.0
    joints_px = corner + square * np.array([0.5, 0.42]) + joints_mm[:, :2] * scale
    matrix = np.array([[square / CROP, 0.0, corner[0]], [0.0, square / CROP, corner[1]]])
    grid = (np.arange(MAP) + 0.5) * square / MAP
    offsets_x = (corner[0] + grid)[None, None, :] - joints_px[:, 0, None, None]
    offsets_y = (corner[1] + grid)[None, :, None] - joints_px[:, 1, None, None]
    sigma = square / MAP
    sure = np.full(skeleton.JOINT_COUNT, confidence)
    maps = np.exp(-(offsets_x**2 + offsets_y**2) / (2 * sigma**2)) * sure[:, None, None]
    second = np.full((skeleton.JOINT_COUNT, 2), np.nan)
    second[10] = joints_px[15]
    second_confidence = np.where(np.isnan(second[:, 0]), 0.0, 0.1)
    return Pose(
        picture_size_px=size_px, box_px=located, located_by="given" if box else "search", joints_px=joints_px,
        confidence=sure, joints_mm=joints_mm, depth_norm=joints_mm[:, 2] / 1000.0, second_px=second,
        second_confidence=second_confidence, geometry=geometry.report(joints_mm), heatmaps=maps.astype(np.float32),
        crop_to_picture=matrix, crop_size=CROP, checkpoint_name=name, checkpoint_sha256="0" * 64,
    )  # fmt: skip


class FakeModel:
    """Answers with a body; tests replace ``answer`` to make it fail, wait or lie."""

    device = "cpu"

    def __init__(self, source: str, backend: FakeBackend) -> None:
        self.entry = ModelEntry(Path(source).stem, source, "made by a test")
        self._backend = backend

    def predict(self, rgb: NDArray[np.uint8], box: Box | None, mirror: bool) -> Pose:
        """Return a body in the middle of the box."""
        self._backend.asked.append((self.entry.name, box, mirror))
        return self._backend.answer(self.entry.name, (rgb.shape[1], rgb.shape[0]), box)


class FakeBackend(Backend):
    """Two models, ``one`` and ``two``; the file of any other must not have ``bad`` in its name."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Box | None, bool]] = []
        self.answer: Callable[[str, tuple[int, int], Box | None], Pose] = lambda name, size, box: make_pose(
            size, box, name=name
        )

    def prepare(self) -> None:
        """Do nothing."""

    def bundled(self) -> list[ModelEntry]:
        """Return two models."""
        return [ModelEntry("one", "one", "the first"), ModelEntry("two", "two", "the second")]

    def verdict_limits(self) -> tuple[float, float]:
        """Return the real limits."""
        return geometry.DOUBTFUL_PERCENT, geometry.IMPLAUSIBLE_PERCENT

    def load(self, source: str) -> FakeModel:
        """Load anything that does not call itself bad."""
        if "bad" in source:
            raise UserError(f"{Path(source).name} is damaged", "use another checkpoint")
        return FakeModel(source, self)


class Opener:
    """Opens windows for a test and sees to it that each ends without a thread left behind."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.folder = folder
        self.windows: list[MainWindow] = []
        self.gl = False
        """Whether windows get their 3D view: it is most of the time a window takes to open."""

    def settings(self) -> Settings:
        """Return the settings of this test's home."""
        return Settings(self.folder / "settings.ini")

    def __call__(self, source: Path | None = None, backend: Backend | None = None, *, wait: bool = True) -> MainWindow:
        """Open a window, and wait for its model and, with a source, for its pose."""
        used = backend or FakeBackend()
        with pytest.MonkeyPatch.context() as patch:
            if not self.gl:
                patch.setenv("BONESIGHT_NO_GL", "1")
            window = self._make(source, used)
        if wait:
            self.qtbot.waitUntil(
                lambda: (window.state.model if source is None else window.state.pose) is not None, timeout=20_000
            )
            # The notice that there is no 3D view.
            window.toasts.clear()
        return window

    def _make(self, source: Path | None, backend: Backend) -> MainWindow:
        window = create_window(
            None if source is None else str(source), settings=self.settings(), backend=backend, reader=read_fake,
            greet=False,
        )  # fmt: skip
        self.windows.append(window)
        window.resize(1000, 700)
        window.show()
        return window

    def close_all(self) -> None:
        """Close what is open."""
        for window in self.windows:
            window.close()
            assert not window.session.inference.isRunning(), "a thread was left behind"
            assert not window.session.pictures.isRunning(), "a thread was left behind"
            assert not window.session.thumbnails.isRunning(), "a thread was left behind"
            assert not window.session.playback.clips.isRunning(), "a thread was left behind"
            window.deleteLater()


def read_fake(path: Path) -> NDArray[np.uint8]:
    """Read a picture without core.media."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise UserError(f"{path.name} is not a picture", "open a JPEG, PNG, WebP, BMP or TIFF file")
    return np.ascontiguousarray(picture[..., ::-1])
