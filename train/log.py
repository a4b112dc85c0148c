"""What a run tells while it goes: a CSV file always, TensorBoard events where the package is there."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.errors import RunError, UserError
from core.export import write_atomically
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

    Rows after the resumed step, written by a run that was killed, are dropped from both; the new file takes the old
    one's place in one go, so that a kill meanwhile loses no row.

    Args:
        out: the run's folder.
        step: the step the run goes on from.
        fields: the columns, ``step`` among them.

    Raises:
        RunError: the file cannot be written.
    """

    def __init__(self, out: Path, step: int, fields: Sequence[str] = FIELDS) -> None:
        self._path = out / "log.csv"
        text = io.StringIO(newline="")
        begun = csv.DictWriter(text, fields)
        begun.writeheader()
        begun.writerows(_rows(self._path, step, fields))
        write_atomically(self._path, text.getvalue().encode())
        self._file = self._path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, fields)
        self._events = _events(out / EVENTS, step)

    def write(self, row: dict[str, Any]) -> None:
        """Write one row of the columns; a missing field stays empty.

        Raises:
            RunError: the disk is full.
        """
        try:
            self._writer.writerow(
                {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
            )
            self._file.flush()
        except OSError as error:
            raise RunError(
                f"{self._path} could not be written ({error.strerror or error})",
                "free some space and go on with --resume from the last state saved",
            ) from error
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
        with suppress(OSError):  # what a full disk left in the buffer
            self._file.close()
        if self._events is not None:
            self._events.close()


def _rows(path: Path, step: int, fields: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of an earlier log up to a step, without one that a kill cut off."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = io.StringIO(text[: text.rfind("\n") + 1], newline="")
    rows = [row for row in csv.DictReader(whole) if (row.get("step") or "").isdecimal()]
    return [{name: row.get(name) or "" for name in fields} for row in rows if int(row["step"]) <= step]


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
