"""``bench --train``: what one training step costs here against the plain way, and what the loader alone can give."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from core import skeleton
from core.commands.bench import interleaved
from core.errors import RunError
from core.predictor import choose_device
from train.batches import Batch, BatchMaker, Planner
from train.compiling import compiled
from train.config import Config, NetworkSection, OptimiserSection, RunSection, Stage
from train.datasets.crops import STORED_PX, CropSet
from train.device_batches import DeviceBatchMaker
from train.distributed import Group
from train.engine import Trainer
from train.losses import LossWeights

SAMPLES: Final = 64
ROUNDS: Final = 8
BATCH: Final = 32
PLAIN: Final = "float32_eager"
EAGER: Final = "bfloat16_channels_last"
COMPILED: Final = "bfloat16_compiled"
ROOT: Final = Path(__file__).resolve().parents[1]


def measure(
    device: str, rounds: int = ROUNDS, preset: str = "compact", batch: int = BATCH, *, compile_too: bool = False
) -> dict[str, Any]:
    """Time whole training steps (forward, three losses, backward, optimiser, average) and the loader, in turn.

    Args:
        device: auto, cpu or cuda.
        rounds: interleaved rounds; two more warm up.
        preset, batch: what is trained.
        compile_too: the program's step through torch.compile besides.

    Returns:
        Medians in images a second; how much faster bfloat16 channels last is than plain float32; the process's peak
        memory so far, everything imported included.
    """
    device = choose_device(device).replace("mps", "cpu")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        fast = trainer(preset, batch, "bfloat16", device, out)
        plain = trainer(preset, batch, "float32", device, out)
        plain.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        planner = Planner(fast.config, fast.model.config.input_px, noise(False), noise(True))
        maker = BatchMaker(planner) if device == "cpu" else DeviceBatchMaker(planner, device)
        ready: Batch = maker.make(0)
        images, targets = ready.to(device)
        stage = fast.config.stage[0]

        def step(one: Trainer, pictures: torch.Tensor) -> Callable[[], object]:
            return lambda: _finished(device, one._one_step((pictures, targets), stage, stage.rate))

        steps = iter(range(1, 10_000))
        parts: dict[str, Callable[[], object]] = {
            PLAIN: step(plain, images.contiguous(memory_format=torch.contiguous_format)),
            EAGER: step(fast, images),
            "loader": lambda: _finished(device, maker.make(next(steps)).to(device)),
        }
        compile_s = None
        if compile_too:
            third = trainer(preset, batch, "bfloat16", device, out)
            began = time.perf_counter()
            third._forward = compiled(third.model, third.config, device, third.group)
            if third._forward != third.model.__call__:
                compile_s = time.perf_counter() - began
                parts[COMPILED] = step(third, images)
        seconds = interleaved(parts, rounds)
    figures: dict[str, Any] = {
        "preset": preset,
        "batch": batch,
        "rounds": rounds,
        "images_per_s": {name: round(batch / value, 1) for name, value in seconds.items()},
        "faster_than_float32_eager": round(seconds[PLAIN] / seconds[EAGER], 2),
        "peak_memory_mib": round(_peak_mib()),
    }
    if compile_s is not None:
        figures["compile_s"] = round(compile_s, 1)
        figures["compiled_over_eager"] = round(seconds[COMPILED] / seconds[EAGER], 2)
    if device == "cuda":
        figures["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(f"\ntraining, {figures['preset']}, batch {figures['batch']}, median of {figures['rounds']} rounds")
    titles = {
        PLAIN: "step, float32 eager",
        EAGER: "step, bfloat16, channels last",
        COMPILED: "the same through torch.compile",
        "loader": "loader alone, one thread",
    }
    for name, title in titles.items():
        if name in figures["images_per_s"]:
            print(f"  {title:34}{figures['images_per_s'][name]:9.1f} images/s")
    print(f"  the program's step is {figures['faster_than_float32_eager']:.2f} times as fast as float32 eager")
    if "compile_s" in figures:
        print(
            f"  compiled, a step takes {figures['compiled_over_eager']:.2f} times as long as eager, and compiling took "
            f"{figures['compile_s']:.0f} s"
        )
    print(f"  peak memory {figures['peak_memory_mib']} MiB, both networks and everything imported included")
    if "peak_gpu_memory_mib" in figures:
        print(f"  peak GPU memory {figures['peak_gpu_memory_mib']} MiB")


def run(device: str, *, compile_too: bool = False, processes: int = 1) -> dict[str, Any]:
    """Measure and print; returns the figures.

    Args:
        device: auto, cpu or cuda.
        compile_too: torch.compile besides.
        processes: so many processes against one, instead, on the CPU.
    """
    if processes > 1:
        figures = measure_processes(processes)
        show_processes(figures)
    else:
        figures = measure(device, compile_too=compile_too)
        show(figures)
    return figures


def measure_processes(count: int, rounds: int = ROUNDS, batch: int = BATCH, turns: int = 2) -> dict[str, Any]:
    """Time whole steps by one process and by several that share the batch and the cores, in turn.

    Raises:
        UserError: the batch cannot be shared evenly.
        RunError: a process failed.
    """
    Group(0, count).rows(batch)
    times: dict[int, list[float]] = {1: [], count: []}
    for _ in range(turns):
        for size in times:
            torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
            words = [sys.executable, *(torchrun if size > 1 else []), "-m", "train.bench_processes"]
            words += [str(rounds), str(batch)]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RunError(f"{size} processes could not train together", "run it by hand: " + " ".join(words[1:]))
            times[size] += json.loads(done.stdout.splitlines()[-1])
    seconds = {size: statistics.median(values) for size, values in times.items()}
    return {
        "preset": "compact",
        "batch": batch,
        "rounds": rounds * turns,
        "images_per_s": {str(size): round(batch / value, 1) for size, value in seconds.items()},
        "faster_than_one_process": round(seconds[1] / seconds[count], 2),
    }


def show_processes(figures: dict[str, Any]) -> None:
    """Print the figures of several processes for people."""
    print(f"\ntraining, {figures['preset']}, batch {figures['batch']} in all, median of {figures['rounds']} steps")
    for size, rate in figures["images_per_s"].items():
        name = "process on all cores" if size == "1" else "processes that share the cores"
        print(f"  {size} {name:32}{rate:9.1f} images/s")
    print(f"  together they are {figures['faster_than_one_process']:.2f} times as fast as one")


def trainer(preset: str, batch: int, precision: Any, device: str, out: Path, group: Group | None = None) -> Trainer:
    """Return a trainer whose steps are timed from outside."""
    config = Config(
        network=NetworkSection(preset),
        optimiser=OptimiserSection(batch=batch, precision=precision),
        run=RunSection(name="bench"),
        stage=(Stage("bench", 10_000, 1e-5, weights=LossWeights()),),
    )
    made = Trainer(config, _NoBatches(), out, {}, None, device, group)
    made.model.train()
    return made


class _NoBatches:
    def make(self, step: int) -> Batch:
        """Never called: the bench hands the batches in."""
        raise NotImplementedError


def noise(depth: bool) -> CropSet:
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
