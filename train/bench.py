"""``bench --train``: what one training step costs here against the plain way, and what the loader alone can give."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from core import skeleton
from core.commands.bench import interleaved
from core.predictor import choose_device
from train.batches import Batch, BatchMaker, Planner
from train.config import Config, NetworkSection, OptimiserSection, RunSection, Stage
from train.datasets.crops import STORED_PX, CropSet
from train.device_batches import DeviceBatchMaker
from train.engine import Trainer
from train.losses import LossWeights

SAMPLES: Final = 64
ROUNDS: Final = 8
PLAIN: Final = "float32_eager"


def measure(device: str, rounds: int = ROUNDS, preset: str = "compact", batch: int = 32) -> dict[str, Any]:
    """Time whole training steps (forward, three losses, backward, optimiser, average) and the loader, in turn.

    Args:
        device: auto, cpu or cuda.
        rounds: interleaved rounds; two more warm up.
        preset, batch: what is trained.

    Returns:
        Medians in images a second; how much faster bfloat16 channels last is than plain float32; the process's peak
        memory so far, everything imported included.
    """
    device = choose_device(device).replace("mps", "cpu")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        fast = _trainer(preset, batch, "bfloat16", device, out)
        plain = _trainer(preset, batch, "float32", device, out)
        plain.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        planner = Planner(fast.config, fast.model.config.input_px, _noise(False), _noise(True))
        maker = BatchMaker(planner) if device == "cpu" else DeviceBatchMaker(planner, device)
        ready: Batch = maker.make(0)
        images, targets = ready.to(device)
        stage = fast.config.stage[0]

        def step(trainer: Trainer, pictures: torch.Tensor) -> Callable[[], object]:
            return lambda: _finished(device, trainer._one_step((pictures, targets), stage, stage.rate))

        steps = iter(range(1, 10_000))
        parts: dict[str, Callable[[], object]] = {
            PLAIN: step(plain, images.contiguous(memory_format=torch.contiguous_format)),
            "bfloat16_channels_last": step(fast, images),
            "loader": lambda: _finished(device, maker.make(next(steps)).to(device)),
        }
        seconds = interleaved(parts, rounds)
    figures: dict[str, Any] = {
        "preset": preset,
        "batch": batch,
        "rounds": rounds,
        "images_per_s": {name: round(batch / value, 1) for name, value in seconds.items()},
        "faster_than_float32_eager": round(seconds[PLAIN] / seconds["bfloat16_channels_last"], 2),
        "peak_memory_mib": round(_peak_mib()),
    }
    if device == "cuda":
        figures["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(f"\ntraining, {figures['preset']}, batch {figures['batch']}, median of {figures['rounds']} rounds")
    titles = {
        PLAIN: "step, float32 eager",
        "bfloat16_channels_last": "step, bfloat16, channels last",
        "loader": "loader alone, one thread",
    }
    for name, title in titles.items():
        print(f"  {title:34}{figures['images_per_s'][name]:9.1f} images/s")
    print(f"  the program's step is {figures['faster_than_float32_eager']:.2f} times as fast as float32 eager")
    print(f"  peak memory {figures['peak_memory_mib']} MiB, both networks and everything imported included")
    if "peak_gpu_memory_mib" in figures:
        print(f"  peak GPU memory {figures['peak_gpu_memory_mib']} MiB")


def run(device: str) -> dict[str, Any]:
    """Measure and print; returns the figures."""
    figures = measure(device)
    show(figures)
    return figures


def _trainer(preset: str, batch: int, precision: Any, device: str, out: Path) -> Trainer:
    config = Config(
        network=NetworkSection(preset),
        optimiser=OptimiserSection(batch=batch, precision=precision),
        run=RunSection(name="bench"),
        stage=(Stage("bench", 10_000, 1e-5, weights=LossWeights()),),
    )
    trainer = Trainer(config, _NoBatches(), out, {}, None, device)
    trainer.model.train()
    return trainer


class _NoBatches:
    def make(self, step: int) -> Batch:
        """Never called: the bench hands the batches in."""
        raise NotImplementedError


def _noise(depth: bool) -> CropSet:
    """Return crops of noise: what is in them does not matter for speed."""
    random = np.random.default_rng(int(depth))
    images = random.integers(0, 256, (SAMPLES, STORED_PX, STORED_PX, 3), dtype=np.uint8)
    joints_mm = random.normal(0.0, 300.0, (SAMPLES, skeleton.JOINT_COUNT, 3)).astype(np.float32)
    joints_stored = (joints_mm[..., :2] * 0.07 + STORED_PX / 2).astype(np.float32)
    return CropSet(images, joints_stored, np.ones(joints_mm.shape[:2], bool), joints_mm)


def _finished(device: str, value: object) -> object:
    """Wait until the device has done what was asked of it."""
    if device == "cuda":
        torch.cuda.synchronize()
    return value


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
