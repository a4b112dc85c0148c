"""The network through torch.compile, where a compiler is there; without one the training goes on as it is."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable

import torch
from torch import Tensor
from tqdm import tqdm

from core.network import NetworkOutput, PoseNetwork
from train.config import Config
from train.distributed import Group


def compiled(
    model: PoseNetwork, config: Config, device: str, group: Group, backend: str = "inductor"
) -> Callable[[Tensor], NetworkOutput]:
    """Return the network's compiled forward (and with it its backward), tried once so that a failure comes early.

    Losses and optimiser stay eager: they take little of a step. The weights stay in ``model``; the trial leaves no
    trace in them.
    """
    if group.size > 1:
        _say("optimiser.compile is left out: several processes share their batch norms, which cannot be compiled")
        return model.__call__
    before = copy.deepcopy(model.state_dict())
    side = model.config.input_px
    images = torch.zeros(config.optimiser.batch, 3, side, side, device=device)
    try:
        forward: Callable[[Tensor], NetworkOutput] = torch.compile(model, dynamic=False, backend=backend)
        with torch.autocast(device, torch.bfloat16, enabled=config.optimiser.precision == "bfloat16"):
            output = forward(images.contiguous(memory_format=torch.channels_last))
        torch.stack([part.float().sum() for part in (*output.maps, output.depth)]).sum().backward()  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 (a missing or old compiler fails in many ways, and none may end a run)
        _say(f"optimiser.compile is left out: the network could not be compiled ({_first_line(error)})")
        return model.__call__
    finally:
        model.load_state_dict(before)
        model.zero_grad(set_to_none=True)
    return forward


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _say(text: str) -> None:
    tqdm.write(f"Note: {text}.", file=sys.stderr)
