"""How long the window takes to be there: each start is a process of its own, beside one of a window with nothing in it.

Run as ``python -m app.bench.start SINCE FOLDER [bare]``: prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from core.errors import RunError

_ROOT: Final = Path(__file__).resolve().parents[2]
_TIMEOUT_S: Final = 180


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Start the window and a bare one in turn, ``rounds`` times; of more than one, the first warms the disk.

    Args:
        folder: for the settings.
        rounds: starts of each, that of the cold disk included.

    Returns:
        Medians in seconds since the process began (wall clock, and processor time of all its threads), and ratios: to
        the bare window, and of the first pose to the import of torch. ``block``: the longest time without an answer to
        events from showing the window to its first pose, of the start that had the shortest.
    """
    rows: dict[str, list[dict[str, Any]]] = {"window": [], "bare": []}
    for number in range(rounds):
        for kind, seen in rows.items():
            row = _once(folder, kind)
            if number or rounds == 1:
                seen.append(row)
    blocks = [row.pop("block") for row in rows["window"]]
    median = {
        kind: {name: statistics.median(row[name] for row in seen) for name in seen[0]} for kind, seen in rows.items()
    }
    window, bare = median["window"], median["bare"]
    return {
        "rounds": len(blocks),
        "window_up_s": round(window["shown_s"], 2),
        "window_up_cpu_s": round(window["shown_cpu_s"], 2),
        "first_pose_after_window_s": round(window["ready_s"] - window["shown_s"], 2),
        "first_pose_after_window_cpu_s": round(window["ready_cpu_s"] - window["shown_cpu_s"], 2),
        "bare_window_up_s": round(bare["shown_s"], 2),
        "import_torch_s": round(bare["ready_s"] - bare["shown_s"], 2),
        "window_up_over_bare_window": round(window["shown_s"] / bare["shown_s"], 2),
        "first_pose_over_import_of_torch": round(
            (window["ready_s"] - window["shown_s"]) / (bare["ready_s"] - bare["shown_s"]), 2
        ),
        "block": min(blocks, key=lambda block: float(block["ms"])),
    }


def _once(folder: Path, kind: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "app.bench.start", repr(time.time()), str(folder), kind]
    done = subprocess.run(words, cwd=_ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise RunError(f"the window could not be started ({last})", "see what `bonesight doctor` says")
    row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return row


def _marks(since_s: float, name: str) -> dict[str, float]:
    return {f"{name}_s": time.time() - since_s, f"{name}_cpu_s": time.process_time()}


def _start_window(since_s: float, folder: Path) -> dict[str, Any]:
    from app import window as window_module
    from app.bench.heartbeat import Heartbeat
    from app.bench.waiting import PaintWatch, wait_until
    from app.settings import Settings

    window_module.make_application()
    window = window_module.create_window(None, settings=Settings(folder / "start.ini"))
    watch = PaintWatch(window.picture)
    canvas = PaintWatch(window.picture.graphics.viewport())
    watch.expect("shown")
    window.state.pose_changed.connect(lambda: None if window.state.pose is None else canvas.expect("pose"))
    window.show()
    heart = Heartbeat()
    heart.watch(window)
    wait_until(lambda: watch.seen_s("shown") is not None, "the window")
    row: dict[str, Any] = _marks(since_s, "shown")
    with heart.phase("start, until the first pose"):
        wait_until(lambda: canvas.seen_s("pose") is not None, "the first pose")
    row |= _marks(since_s, "ready")
    heart.stop()
    window.close()
    return row | {"block": vars(heart.sorted()[0])}


def _start_bare(since_s: float) -> dict[str, float]:
    from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

    from app.bench.waiting import PaintWatch, wait_until

    _application = QApplication(sys.argv[:1])
    window = QMainWindow()
    inside = QWidget()
    window.setCentralWidget(inside)
    watch = PaintWatch(inside)
    watch.expect("shown")
    window.show()
    wait_until(lambda: watch.seen_s("shown") is not None, "the bare window")
    row = _marks(since_s, "shown")
    import torch  # noqa: F401

    row |= _marks(since_s, "ready")
    window.close()
    return row


if __name__ == "__main__":
    _since_s, _folder, _kind = float(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    print(json.dumps(_start_bare(_since_s) if _kind == "bare" else _start_window(_since_s, _folder)), flush=True)
    # Taking down torch and Qt is not measured.
    os._exit(0)
