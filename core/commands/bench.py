"""``bench``: the speed of each part on this device, as medians; times are compared as ratios taken in one run."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from core import engines
from core.commands import predicting
from core.commands.display import has_display
from core.errors import RunError, UserError
from core.reading import Reading

SCHEMA: Final = "bonesight.bench/1"
DEFAULT_CHECKPOINT: Final = "compact-geo"
FEW_PICTURES, MANY_PICTURES = 8, 104
"""Pictures that each process renders, twice; the difference leaves its start out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--live",
        action="store_true",
        help="only how old live poses are, and how many a second: without drawing, and in the window",
    )
    parser.add_argument("--window", action="store_true", help="only the window: its start, stepping, stalls, memory")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="with --live: what a stream of this length leaves in memory"
    )
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures as JSON")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    predicting.add_engine(parser)
    parser.add_argument("--rounds", type=int, default=40, help="interleaved rounds of inference (default: %(default)s)")
    parser.add_argument("--train", action="store_true", help="training instead: steps and loader, in images a second")
    parser.add_argument("--compile", action="store_true", help="with --train: the step through torch.compile besides")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="with --train: N processes that share the cores, and one"
    )
    parser.add_argument("--quick", action="store_true", help="less: inference only, or a short look at the window")


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    if args.soak is not None and not args.live:
        raise UserError("--soak goes with --live", "write bench --live --soak MINUTES")
    if args.engine != engines.ENGINES[0] and (not args.live or args.soak is not None):
        raise UserError(
            f"--engine {args.engine} goes with --live", "write bench --live, or bench alone, which measures all engines"
        )
    if args.rounds < 1:
        raise UserError(f"{args.rounds} rounds measure nothing", "give --rounds 1 or more")
    if args.window and not has_display():
        raise RunError("there is no display to open a window on", "run it on a desktop, or under xvfb-run")
    figures: dict[str, Any] = {"schema": SCHEMA, "machine": machine(args.device)}
    print("  ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    if args.live:
        figures |= _live(args)
    elif args.window:
        figures["window"] = args.bench_window(args.quick)
    elif args.train:
        figures["training"] = args.bench_training(args.device, args.compile, args.processes)
    else:
        figures["inference"] = inference(args.device, args.rounds)
        _print_inference(figures["inference"])
    if not (args.quick or args.train or args.live or args.window):
        figures["start_to_first_pose_s"] = start_to_first_pose()
        print(f"\nstart of `predict` to the first pose, a new process: {figures['start_to_first_pose_s']:.2f} s")
        figures["rendered_pictures_per_s"] = rendered_per_second()
        rate = figures["rendered_pictures_per_s"]
        print("rendered pictures: " + ("the render extra is not there" if rate is None else f"{rate:.1f} a second"))
    if args.json is not None:
        from core import export

        text = json.dumps(figures, indent=1) + "\n"
        print(f"JSON: {export.write_atomically(args.json, text.encode('utf-8'))}")
    return 0


def _live(args: argparse.Namespace) -> dict[str, Any]:
    from core.commands import bench_live, soak

    if args.soak is not None:
        lasting = soak.run(args.device, DEFAULT_CHECKPOINT, args.soak)
        soak.report(lasting)
        return {"soak": lasting}
    figures = {"live": bench_live.run(args.device, DEFAULT_CHECKPOINT, args.engine)}
    bench_live.report(figures["live"])
    if has_display():
        figures["live_window"] = args.bench_live_window(DEFAULT_CHECKPOINT)
        bench_live.report(figures["live_window"])
    else:
        print("\nthere is no display, so the live window was not measured: run it on a desktop, or under xvfb-run")
    return figures


def machine(device: str) -> dict[str, Any]:
    """Return what the figures depend on."""
    import torch

    from core.predictor import choose_device, fast_precision

    chosen = choose_device(device)
    return {
        "device": torch.cuda.get_device_name() if chosen == "cuda" else chosen,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "torch": torch.__version__,
        "fast_precision": str(fast_precision(chosen)).removeprefix("torch."),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def inference(device: str, rounds: int) -> dict[str, Any]:
    """Time the compact network as the program runs it against the same network in eager float32, interleaved.

    Returns:
        Medians in milliseconds per crop or picture, and ratios.
    """
    import torch

    from core import checkpoint, locate, network, refine, skeleton
    from core.commands import bench_engines
    from core.predictor import Predictor

    try:
        loaded = checkpoint.load(DEFAULT_CHECKPOINT)
    except UserError:
        # Speed does not depend on the weights.
        torch.manual_seed(0)
        loaded = _fresh(network.build("compact"))
    fast = Predictor(loaded, device, reading=Reading(mirror=False))
    mirrored = Predictor(loaded, device)
    others = {
        name: Predictor(loaded, reading=Reading(mirror=False), engine=name) for name in engines.others(fast.device)
    }
    locator, windows = mirrored.locator, locate.windows((640, 480))
    plain = loaded.network.to(fast.device).eval()
    side = loaded.network.config.input_px
    crops = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous().float().div_(255.0).to(fast.device)
    bent = np.random.default_rng(2).normal(0.0, 0.3, (skeleton.JOINT_COUNT, 3))
    picture = np.random.default_rng(1).integers(0, 256, (480, 640, 3), dtype=np.uint8)

    def eager() -> None:
        with torch.inference_mode():
            plain(images)
        if fast.device == "cuda":
            torch.cuda.synchronize()

    parts: dict[str, Callable[[], object]] = {
        "float32_eager": eager,
        "fast": lambda: fast.raw(crops),
        **{name: partial(other.raw, crops) for name, other in others.items()},
        "fast_mirror": lambda: mirrored.raw(crops),
        "predict_given_box": lambda: fast.predict(picture, (170.0, 90.0, 300.0, 300.0)),
        "refine": lambda: refine.refine(bent[:, :2], bent[:, 2], np.full(skeleton.JOINT_COUNT, 0.05)),
        "predict_search_mirror": lambda: mirrored.predict(picture),
        "locate_search": lambda: mirrored.best_window(picture, windows),
    }
    if locator is not None:
        parts |= {"locate_network": lambda: locator.find(picture)}
    medians = {name: 1000.0 * seconds for name, seconds in interleaved(parts, rounds).items()}
    found: dict[str, Any] = {
        "from_float32_of_peak": bench_engines.departures(loaded, {"torch": fast, **others}),
        "times_torch": {name: round(medians["fast"] / medians[name], 2) for name in others},
    }
    if locator is not None:
        found["search_over_network"] = round(medians["locate_search"] / medians["locate_network"], 1)
    return {
        "preset": loaded.info.preset,
        "input_px": side,
        "rounds": rounds,
        "median_ms": {name: round(value, 2) for name, value in medians.items()},
        "float32_eager_over_fast": round(medians["float32_eager"] / medians["fast"], 2),
        "mirror_over_fast": round(medians["fast_mirror"] / medians["fast"], 2),
        **found,
    }


def _fresh(model: Any) -> Any:
    from core.checkpoint import Checkpoint, CheckpointInfo

    preset = model.config.preset
    return Checkpoint(CheckpointInfo("fresh", Path("fresh"), preset, False, "0" * 64, 0, {}), model.eval())


def interleaved(parts: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run all parts in turn, so that a change in the machine's load meets all alike; return median seconds."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(rounds + 2):
        for name, part in parts.items():
            started = time.perf_counter()
            part()
            if number >= 2:  # the first two rounds warm up
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def _print_inference(figures: dict[str, Any]) -> None:
    print(f"\n{figures['preset']} network, {figures['input_px']} px, batch 1, median of {figures['rounds']} rounds")
    titles: dict[str, str] = {
        "float32_eager": "network, float32 eager",
        "fast": "network as the program runs it",
        **{name: f"the same by {name}" for name in engines.ENGINES},
        "fast_mirror": "the same with mirror averaging",
        "predict_given_box": "predict, box given, no mirror",
        "refine": "refine one skeleton",
        "predict_search_mirror": "predict, searching, with mirror",
        "locate_search": "find a person by searching",
        "locate_network": "find people by the network",
    }
    for name, title in titles.items():
        if name not in figures["median_ms"]:
            continue
        print(f"  {title:34}{figures['median_ms'][name]:9.1f} ms")
    print(f"  float32 eager takes {figures['float32_eager_over_fast']:.2f} times as long as the program's way")
    for name, times in figures["times_torch"].items():
        print(f"  the engine {name} is {times:.2f} times as fast as torch")
    far = ", ".join(f"{name} {100 * share:.1f} %" for name, share in figures["from_float32_of_peak"].items())
    print(f"  maps of the samples differ from float32 by this much of their peaks (median): {far}")
    print(f"  mirror averaging takes {figures['mirror_over_fast']:.2f} times as long as none")
    if "search_over_network" in figures:
        print(f"  searching takes {figures['search_over_network']:.1f} times as long as the locating network")


def _command(*words: str) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve().parents[2] / "main.py"), *words]


def start_to_first_pose(rounds: int = 3) -> float:
    """Return the median seconds of a whole ``predict`` of one small picture in a new process."""
    import cv2
    import torch

    from core import checkpoint, network

    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        cv2.imwrite(str(picture), noise)
        chosen = DEFAULT_CHECKPOINT
        if DEFAULT_CHECKPOINT not in [info.name for info in checkpoint.bundled()]:
            torch.manual_seed(0)
            fresh = Path(folder) / "fresh.safetensors"
            checkpoint.save(fresh, network.build("compact"), geometry_loss=False, record={})
            chosen = str(fresh)
        times = []
        for _ in range(rounds):
            started = time.perf_counter()
            subprocess.run(
                _command("predict", str(picture), "--box", "40,0,240,240", "--checkpoint", chosen),
                check=True, capture_output=True, timeout=300,
            )  # fmt: skip
            times.append(time.perf_counter() - started)
    return round(statistics.median(times), 2)


def rendered_per_second() -> float | None:
    """Return how many people are rendered a second on all cores, start-up left out; None without the render extra.

    One process a core, each with a set of its own: a shard is one process's work, and these sets are smaller than one.
    Everybody has a body not seen before, so a large set, where bodies come again, is rendered a little faster.
    """
    if importlib.util.find_spec("anny") is None or importlib.util.find_spec("moderngl") is None:
        return None
    cores = os.cpu_count() or 1
    one_thread = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LP_NUM_THREADS"), "1")
    seconds, none = [], subprocess.DEVNULL
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW_PICTURES, MANY_PICTURES):
            started = time.perf_counter()
            running: list[subprocess.Popen[bytes]] = []
            try:
                for core in range(cores):
                    words = ["render", "--out", f"{folder}/{count}-{core}", "--count", str(count), "--seed", str(core)]
                    running.append(subprocess.Popen(_command(*words), env=one_thread, stdout=none, stderr=none))
                codes = [process.wait(timeout=600) for process in running]
            finally:
                for process in running:
                    process.kill()
            if any(codes):
                return None
            seconds.append(time.perf_counter() - started)
    return round(cores * (MANY_PICTURES - FEW_PICTURES) / max(seconds[1] - seconds[0], 1e-3), 1)
