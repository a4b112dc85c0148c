"""The network as oneDNN runs it fastest on a CPU: weights packed once, the sum and the ReLU after a convolution in it.

Torch by itself packs a convolution's weights at every call and passes over its output again for a sum and for a ReLU;
with one crop at a time that is a fifth of the network's time (``docs/live.md``).
"""

from __future__ import annotations

import platform
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.network import BasicBlock, ConvNorm, PoseNetwork
from core.skeleton import JOINT_COUNT

_OPERATIONS = torch.ops.mkldnn


def available(device: str) -> bool:
    """Say whether this torch has oneDNN's convolutions here: on x86 processors, and in its usual builds."""
    return (
        device == "cpu"
        and platform.machine().lower() in ("x86_64", "amd64")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(_OPERATIONS, name) for name in ("_convolution_pointwise", "_reorder_convolution_weight"))
    )


class PackedConvolution(nn.Module):
    """A convolution with its weights as oneDNN wants them, a sum with another tensor and a ReLU after it if wished.

    Args:
        convolution: whose weights it takes.
        dtype: what it computes in, and what it gives.
        relu: whether a ReLU ends it.
        shape: of what it is given; how weights are best packed depends on it. Other shapes are only slower.
    """

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype, relu: bool, shape: Sequence[int]) -> None:
        super().__init__()
        self._dtype = dtype
        self._relu = "relu" if relu else None
        self._placed = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        weight = convolution.weight.detach().to(dtype)
        self._weight = _OPERATIONS._reorder_convolution_weight(weight, *self._placed, shape)
        self._bias = None if convolution.bias is None else convolution.bias.detach().to(dtype)

    def forward(self, features: Tensor, other: Tensor | None = None) -> Tensor:
        """(B, in, h, w) -> (B, out, h', w'), to which ``other`` of that shape is added before the ReLU."""
        features = features.to(self._dtype)
        kept = (self._weight, self._bias, *self._placed)
        out: Tensor
        if other is None:
            out = _OPERATIONS._convolution_pointwise(features, *kept, self._relu or "none", [], None)
        else:
            other = other.to(self._dtype)
            out = _OPERATIONS._convolution_pointwise.binary(features, other, *kept, "add", 1.0, self._relu, [], None)
        return out


class PackedBlock(nn.Module):
    """A ``BasicBlock`` whose second convolution adds the shortcut."""

    def __init__(self, first: nn.Module, second: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.skip = first, second, skip

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, h, w) -> (B, out, h / stride, w / stride)."""
        out: Tensor = self.second(self.first(features), self.skip(features))
        return out


def pack(network: PoseNetwork, dtype: torch.dtype) -> None:
    """Pack all convolutions of a network in place; its batch norms are to be folded before.

    Whatever the precision, the maps themselves are told in float32: logits rounded to bfloat16 tie at the peak, which
    puts one joint in twenty more than half a pixel off.
    """
    shapes: dict[nn.Module, torch.Size] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        shapes[module] = inputs[0].shape

    hooks = [module.register_forward_pre_hook(note) for module in network.modules() if isinstance(module, nn.Conv2d)]
    side = network.config.input_px
    with torch.inference_mode():
        network(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()

    def packed(convolution: nn.Module, relu: bool) -> PackedConvolution:
        assert isinstance(convolution, nn.Conv2d)
        told = torch.float32 if convolution.out_channels == JOINT_COUNT else dtype
        return PackedConvolution(convolution, told, relu, shapes[convolution])

    def replaced(module: nn.Module) -> nn.Module:
        if isinstance(module, nn.Conv2d):
            return packed(module, relu=False)
        if isinstance(module, ConvNorm):
            convolution, norm, *relu = module
            assert isinstance(norm, nn.Identity)
            return packed(convolution, relu=bool(relu))
        if isinstance(module, BasicBlock):
            first, second = module.body
            assert isinstance(second, ConvNorm)
            return PackedBlock(replaced(first), packed(second[0], relu=True), replaced(module.skip))
        for name, child in module.named_children():
            setattr(module, name, replaced(child))
        return module

    replaced(network)
