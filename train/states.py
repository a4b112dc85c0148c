"""What a training keeps: averaged weights, and training states that are whole on the disk or not there at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import RunError, UserError

STATE_FORMAT = 1


class Averaged:
    """Exponential moving average of the weights; batch norm's running statistics are copied."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self._trained = {name for name, _ in model.named_parameters()}

    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` steps; early on the memory is shorter, so that the start is forgotten."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                if name in self._trained:
                    self.state[name].lerp_(tensor, 1.0 - decay)
                else:
                    self.state[name].copy_(tensor)


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a training state through a temporary file: a kill or a full disk leaves the last good one.

    Raises:
        RunError: it could not be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        torch.save({"format": STATE_FORMAT, **state}, partial)
        # Else a power cut could leave the new name with nothing in it.
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        # torch reports a full disk as a RuntimeError of its zip writer.
        partial.unlink(missing_ok=True)
        raise RunError(
            f"{path} could not be written ({str(error).splitlines()[0]})",
            "free some space and go on with --resume from the last state saved",
        ) from error


def read(path: Path) -> dict[str, Any]:
    """Read a training state into the CPU's memory.

    Raises:
        UserError: it is missing, damaged or of another version.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        known = state["format"] == STATE_FORMAT
    except FileNotFoundError as error:
        raise UserError(f"there is no training state {path}", "start without --resume, or mend run.start") from error
    except Exception as error:
        # torch.load raises half a dozen unrelated types on damaged files.
        raise damaged(path) from error
    if not known:
        raise UserError(f"{path.name} was written by another version of Bonesight", "start anew")
    return state


def damaged(path: Path) -> UserError:
    """Return what to say of a state that cannot be used."""
    return UserError(f"{path.name} is damaged, or of another network or optimiser", "use stage-*.pt or start anew")
