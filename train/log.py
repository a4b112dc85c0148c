"""What a run tells while it goes: a CSV file always, TensorBoard events where the package is there."""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.errors import UserError
from train import config as configuration
from train.config import Config

FIELDS = (
    "step", "stage", "rate", "loss", "heatmap", "depth", "geometry", "images_per_s", "pck", "asymmetry_percent",
    "minutes",
)  # fmt: skip
EVENTS = "tensorboard"
"""Folder of the TensorBoard events in a run's folder."""


class Meter:
    """Means over the steps since the last take, and their speed."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = self._images = 0
        self._since = time.monotonic()

    def add(self, terms: dict[str, float], images: int) -> None:
        """Take in one step's terms and how many pictures it saw."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps += 1
        self._images += images

    def take(self) -> dict[str, float]:
        """Return the means and ``images_per_s``, and begin anew."""
        means = {name: value / self._steps for name, value in self._sums.items()}
        means["images_per_s"] = self._images / max(time.monotonic() - self._since, 1e-9)
        self._clear()
        return means


class Log:
    """Rows of figures in ``log.csv`` and as TensorBoard events.

    Rows after the resumed step, written by a run that was killed, are dropped from both.

    Args:
        out: the run's folder.
        step: the step the run goes on from.
    """

    def __init__(self, out: Path, step: int) -> None:
        path = out / "log.csv"
        kept: list[dict[str, str]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdecimal()]
            kept = [{name: row.get(name) or "" for name in FIELDS} for row in rows if int(row["step"]) <= step]
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, FIELDS)
        self._writer.writeheader()
        self._writer.writerows(kept)
        self._events = _events(out / EVENTS, step)

    def write(self, row: dict[str, Any]) -> None:
        """Write one row of ``FIELDS``; a missing field stays empty."""
        self._writer.writerow(
            {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        )
        self._file.flush()
        if self._events is not None:
            for name, value in row.items():
                if name not in ("step", "stage"):
                    self._events.add_scalar(name, value, row["step"])
            self._events.flush()

    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """Show an (h, w, 3) RGB picture among the events."""
        if self._events is not None:
            self._events.add_image(name, picture, step, dataformats="HWC")
            self._events.flush()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()


def _events(folder: Path, step: int) -> Any:
    """Return torch's event writer, or None, having said so, where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        message = "No TensorBoard events: the package is not installed (pip install '.[train]'); log.csv has it all."
        tqdm.write(message, file=sys.stderr)
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def stored_config(out: Path) -> Config:
    """Read the configuration a run folder was trained with.

    Raises:
        UserError: the folder holds no run.
    """
    try:
        plain = json.loads((out / "config.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{out} holds no training run", "give the folder of a run") from error
    return configuration.from_dict(plain)
