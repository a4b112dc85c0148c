"""What all tests share: real weights (random, seeded), real files, and the real program in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.pop("QT_QPA_PLATFORM", None)  # pytest-xvfb gives a screen with OpenGL; offscreen has none
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from core.pose import Pose

ROOT = Path(__file__).resolve().parents[1]
RunMain = Callable[..., "subprocess.CompletedProcess[str]"]


def write_random_weights(path: Path, seed: int, *, geometry_loss: bool, record: dict[str, Any]) -> Path:
    """Write a checkpoint of the compact preset with seeded random weights."""
    import torch

    from core import checkpoint, network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network.build("compact")
    checkpoint.save(path, model, geometry_loss=geometry_loss, record=record)
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint of the compact preset with seeded random weights."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    return write_random_weights(path, 0, geometry_loss=True, record={"training": {"steps": 0}})


@pytest.fixture(scope="session")
def pose(weights: Path) -> Pose:
    """Return a pose that the real predictor made of a gradient."""
    from core import checkpoint
    from core.predictor import Predictor
    from core.reading import Reading

    predictor = Predictor(checkpoint.load(weights), "cpu", reading=Reading(mirror=False))
    return predictor.predict(gradient(320, 400), (40.0, 60.0, 240.0, 300.0))


def gradient(width: int, height: int) -> np.ndarray:
    """Return an (h, w, 3) RGB picture in which every corner is different."""
    across = np.linspace(30, 220, width, dtype=np.uint8)
    down = np.linspace(10, 240, height, dtype=np.uint8)
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = across[None, :]
    picture[..., 1] = down[:, None]
    picture[..., 2] = 128
    return picture


@pytest.fixture
def write_picture(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a gradient and returns its path."""

    def write(name: str = "person.jpg", width: int = 160, height: int = 200) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(path.suffix, gradient(width, height)[..., ::-1])
        data.tofile(path)
        return path

    return write


@pytest.fixture(scope="session")
def run_main() -> RunMain:
    """Return a function that runs the real program in its own process, without a display."""

    def run(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> object:
        environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        return subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *map(str, words)],
            capture_output=True, text=True, timeout=110, check=False, cwd=cwd, env={**environment, **(env or {})},
        )  # fmt: skip

    return run  # type: ignore[return-value]


WINDOWS = ("test_app", "test_stories", "test_why", "test_window")


@pytest.hookimpl(tryfirst=True)  # before they are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the files with windows, and open them first (why: .ci/run-tests)."""
    items.sort(key=lambda item: not item.path.name.startswith(WINDOWS))
    for item in items:
        if item.path.name.startswith(WINDOWS):
            item.add_marker(pytest.mark.window)
