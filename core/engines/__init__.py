"""Who runs a network: torch, or OpenVINO where it is installed. Both say the same, up to rounding."""

from __future__ import annotations

import copy
import importlib.util
from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

from core.errors import UserError

if TYPE_CHECKING:
    import torch

    from core.network import NetworkOutput, PoseNetwork

EngineName = Literal["torch", "openvino"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)


def others(device: str) -> list[EngineName]:
    """Name the engines besides torch that are installed and run on this device."""
    return [name for name in ENGINES if name != "torch" and device == "cpu" and importlib.util.find_spec(name)]


class Engine(Protocol):
    """A network made ready to predict."""

    def __call__(self, images: torch.Tensor) -> NetworkOutput:
        """Map (B, 3, s, s) float32 RGB in [0, 1] to heatmaps, of the last stack at least, and depths."""


def prepare(network: PoseNetwork, name: EngineName, device: str, dtype: torch.dtype, *, plain: bool = False) -> Engine:
    """Make a network ready, its batch norms folded; the one that is given stays as it is.

    Args:
        network: in eval mode, on the CPU.
        name: who is to run it.
        device: ``cpu``, ``cuda`` or ``mps``.
        dtype: what convolutions compute in.
        plain: as torch runs it by itself, to compare with.

    Raises:
        UserError: the engine is unknown, not installed, or does not know the device.
        RunError: the engine could not take the network over.
    """
    if name not in ENGINES:
        raise UserError(f"there is no engine {name}", f"choose {' or '.join(ENGINES)}")
    if name == "openvino" and device != "cpu":
        raise UserError(f"the engine openvino does not run on {device}", "choose --device cpu, or --engine torch")
    # Imported late: commands name the engines before torch, which takes a second, is there.
    from core.network import fold_batch_norm

    network = fold_batch_norm(copy.deepcopy(network))
    if name == "torch":
        from core.engines.by_torch import TorchEngine

        return TorchEngine(network, device, dtype, plain)
    from core.engines.by_openvino import OpenVinoEngine

    return OpenVinoEngine(network, dtype)
