"""Torch as the engine: in low precision where that is asked for, on a CPU packed and with the threads that pay."""

from __future__ import annotations

import contextlib
from collections import defaultdict

import torch
from torch import Tensor, nn

from core.engines import packed
from core.engines.threads import Threads, numbers
from core.network import NetworkOutput, PoseNetwork, place


class TorchEngine:
    """A network run by torch.

    Args:
        network: in eval mode, on the CPU, its batch norms folded; it is changed.
        device: ``cpu``, ``cuda`` or ``mps``.
        dtype: what convolutions compute in.
        plain: leave out ``packed``, and choosing threads.
    """

    def __init__(self, network: PoseNetwork, device: str, dtype: torch.dtype, plain: bool) -> None:
        self._device, self._dtype = device, dtype
        self._network = place(network, device)
        if not plain and packed.available(device):
            packed.pack(self._network, dtype)
        if dtype != torch.float32:
            _cast_weights(self._network, dtype)
        choices = numbers() if device == "cpu" and not plain else (1,)
        # Batches of one size take the same time.
        self._threads: defaultdict[int, Threads] = defaultdict(lambda: Threads(choices))

    def __call__(self, images: Tensor) -> NetworkOutput:
        """See ``core.engines.Engine``."""
        mixed = torch.autocast(self._device, self._dtype) if self._dtype != torch.float32 else contextlib.nullcontext()
        with torch.inference_mode(), mixed:
            output: NetworkOutput = self._threads[len(images)](lambda: self._network(images))
        return output


def _cast_weights(network: nn.Module, dtype: torch.dtype) -> None:
    """Do once what autocast does at every call; what it gives stays the same to the last bit."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            module.to(dtype)
