"""Who runs a network: torch, or OpenVINO where it is installed. Both say the same, up to rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

from core.errors import UserError

if TYPE_CHECKING:
    import torch

    from core.network import NetworkOutput, PoseNetwork

EngineName = Literal["torch", "openvino"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)


class Engine(Protocol):
    """A network made ready to predict."""

    def __call__(self, images: torch.Tensor) -> NetworkOutput:
        """Map (B, 3, s, s) float32 RGB in [0, 1] to heatmaps, of the last stack at least, and depths."""


def prepare(network: PoseNetwork, name: EngineName, device: str, dtype: torch.dtype, *, plain: bool = False) -> Engine:
    """Make a network ready; the one that is given stays as it is.

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
    # Imported late: commands name the engines before torch, which takes a second, is there.
    if name == "torch":
        from core.engines.by_torch import TorchEngine

        return TorchEngine(network, device, dtype, plain)
    if name != "openvino":
        raise UserError(f"there is no engine {name}", f"choose {' or '.join(ENGINES)}")
    if device != "cpu":
        raise UserError(f"the engine openvino does not run on {device}", "choose --device cpu, or --engine torch")
    from core.engines.by_openvino import OpenVinoEngine

    return OpenVinoEngine(network, dtype)
