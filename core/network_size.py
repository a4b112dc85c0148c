"""How large a network is: its values, and the multiplications that one picture takes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.network import PoseNetwork


def count_parameters(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: PoseNetwork) -> int:
    """Return the multiply-accumulates of one picture's convolutions and linear layers."""
    total = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        # A transposed convolution spreads every input value; the others gather for every output value.
        spread = isinstance(module, nn.ConvTranspose2d)
        total += (inputs[0] if spread else output).numel() * weight[0].numel()

    counted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
    hooks = [module.register_forward_hook(add) for module in network.modules() if isinstance(module, counted)]
    was_training = network.training
    network.eval()
    side = network.config.input_px
    device = next(network.parameters()).device
    with torch.inference_mode():
        network(torch.zeros(1, 3, side, side, device=device))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return total
