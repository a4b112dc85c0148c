"""``bench --live``: how old a pose is when it is there, part by part, and how many there are a second.

The source is a person who walks through a room, 640 x 480, made from a bundled sample and played as if live; nothing is
drawn. It has 60 frames a second, more than are expected to be looked at: one of 30 would give no more than 30 poses.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.engines import EngineName
from core.reading import Reading

WIDTH, HEIGHT, RATE = 640, 480, 30
"""A usual camera's pictures, as the window is shown them."""
UNDRAWN_RATE: Final = 60
SECONDS = 10.0
WARM_UP_S = 2.0
"""Frames of the first seconds are not counted: the first passes through the network are slow."""
PARTS: Final = ("grab", "crop", "infer", "decode", "locate")


def run(device: str, checkpoint_name: str, engine: EngineName) -> dict[str, Any]:
    """Measure.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        checkpoint_name: which weights.
        engine: who runs the network.

    Returns:
        ``latency_ms``: median and p95 from a frame's arrival to its pose, as a whole and in parts (grab: until the
        frame is taken and decoded; crop; infer: the network with mirror averaging off; decode: from heatmaps to bones;
        locate: what following adds, searches included), ``share``: the parts in parts of the whole, ``poses_per_s``,
        and how many ``frames`` arrived, were ``dropped`` and gave ``poses``.
    """
    from core import checkpoint
    from core.capture import sources
    from core.capture.live import Capture
    from core.follow import Follower
    from core.timed import PARTS as TIMED
    from core.timed import TimedPredictor

    predictor = TimedPredictor(checkpoint.load(checkpoint_name), device, reading=Reading(mirror=False), engine=engine)
    follower = Follower(predictor.predict)
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        film = write_walk(Path(folder) / "walk.avi", rate=UNDRAWN_RATE)
        with Capture(sources.parse(str(film))) as capture:
            for frame in capture:
                taken_s = time.monotonic()
                predictor.parts.clear()
                follower.step(frame.image, frame.time_s)
                done_s = time.monotonic()
                if frame.time_s >= WARM_UP_S:
                    parts = {name: predictor.parts.get(name, 0.0) for name in TIMED}
                    locate = done_s - taken_s - sum(parts.values())
                    rows.append({"grab": taken_s - frame.captured_s, **parts, "locate": locate, "done": done_s})
            arrived, dropped = capture.arrived, capture.dropped
    source = f"{WIDTH} x {HEIGHT} at {UNDRAWN_RATE} frames a second for {SECONDS:g} s, as if live; nothing is drawn"
    return figures(source, rows, PARTS, arrived, dropped)


def figures(
    source: str, rows: list[dict[str, float]], parts: Sequence[str], arrived: int, dropped: int
) -> dict[str, Any]:
    """Sum up what was measured.

    Args:
        source: what was looked at, in words.
        rows: for each pose the seconds in each part, and when it was ``done``.
        parts: their names in their order.
        arrived: frames.
        dropped: those of them that passed.
    """
    whole = [sum(row[name] for name in parts) for row in rows]
    total = sum(whole)
    between = rows[-1]["done"] - rows[0]["done"] if len(rows) > 1 else math.inf
    return {
        "source": source,
        "latency_ms": {
            "whole": _spread(whole),
            **{name: _spread([row[name] for row in rows]) for name in parts},
        },
        "share": {name: round(sum(row[name] for row in rows) / total, 3) if total else 0.0 for name in parts},
        "poses_per_s": round((len(rows) - 1) / between, 1) if len(rows) > 1 else 0.0,
        "frames": arrived,
        "dropped": dropped,
        "poses": len(rows),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"median": 0.0, "p95": 0.0}
    return {
        "median": round(1000.0 * statistics.median(seconds), 2),
        "p95": round(1000.0 * float(np.percentile(seconds, 95)), 2),
    }


def write_walk(path: Path, seconds: float | None = None, rate: int = RATE) -> Path:
    """Write the film: the first bundled sample seen by a camera that swings to and fro, ``SECONDS`` if not told."""
    import cv2

    from core import media

    folder = Path(str(resources.files("resources"))) / "samples"
    entry = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"][0]
    picture = np.ascontiguousarray(media.read_picture(folder / str(entry["file"]))[..., ::-1])
    scale = WIDTH / picture.shape[1]
    swing = 2 * rate
    views = []
    for number in range(swing):
        aside = 0.1 * WIDTH * math.sin(2 * math.pi * number / swing)
        matrix = np.array([[scale, 0.0, aside], [0.0, scale, (HEIGHT - scale * picture.shape[0]) / 2]])
        views.append(cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (WIDTH, HEIGHT))
    for number in range(round((SECONDS if seconds is None else seconds) * rate)):
        writer.write(views[number % swing])
    writer.release()
    return path


_TITLES: Final = {
    "whole": "whole",
    "grab": "waiting to be taken, decoding",
    "crop": "crop",
    "infer": "network, no mirror",
    "decode": "heatmaps to joints and bones",
    "locate": "following",
    "draw": "until it is drawn",
}


def report(measured: dict[str, Any]) -> None:
    """Print the figures for people."""
    drawn = "draw" in measured["share"]
    print(f"\nlive, {measured['source']}")
    title = "from arrival to screen" if drawn else "from arrival to pose"
    print(f"  {title:34}{'median ms':>12}{'p95 ms':>12}{'share':>9}")
    for name, spread in measured["latency_ms"].items():
        share = "" if name == "whole" else f"{100 * measured['share'][name]:8.0f}%"
        print(f"  {_TITLES[name]:34}{spread['median']:12.1f}{spread['p95']:12.1f}{share:>9}")
    print(
        f"  {measured['poses_per_s']:.1f} poses a second; "
        f"{measured['dropped']} of {measured['frames']} frames passed while one was looked at"
    )
