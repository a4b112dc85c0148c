"""The network as oneDNN runs it fastest on a CPU: weights packed once, the sum and the ReLU after a convolution in it.

Torch alone packs a convolution's weights at every call and passes over its output again for a sum and for a ReLU; with
one crop at a time that is a quarter of the network's time (``docs/live.md``).
"""

from __future__ import annotations

import operator
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional

from core.skeleton import JOINT_COUNT

if TYPE_CHECKING:
    from core.network import PoseNetwork

_OPERATIONS = torch.ops.mkldnn


def available(device: str) -> bool:
    """Say whether this torch has oneDNN's convolutions here: on x86 processors, and in its usual builds."""
    return (
        device == "cpu"
        and platform.machine().lower() in ("x86_64", "amd64")
        and torch._C._has_mkldnn
        and all(hasattr(_OPERATIONS, name) for name in ("_convolution_pointwise", "_reorder_convolution_weight"))
    )


class PackedConvolution(nn.Module):
    """A convolution with its weights as oneDNN wants them, a sum with another tensor and a ReLU after it if wished."""

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype, relu: bool, shape: Sequence[int]) -> None:
        super().__init__()
        self.dtype = dtype
        self.relu = "relu" if relu else None
        self.placed = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        self.bias = None if convolution.bias is None else convolution.bias.detach().to(dtype)
        weight = convolution.weight.detach().to(dtype)
        # How weights are best packed depends on the size of what they are slid over.
        self.weight = _OPERATIONS._reorder_convolution_weight(weight, *self.placed, shape)

    def forward(self, features: Tensor, other: Tensor | None = None) -> Tensor:
        """(B, in, h, w) -> (B, out, h', w'), to which ``other`` of that shape is added before the ReLU."""
        features = features.to(self.dtype)
        out: Tensor
        if other is None:
            out = _OPERATIONS._convolution_pointwise(
                features, self.weight, self.bias, *self.placed, self.relu or "none", [], None
            )
        else:
            out = _OPERATIONS._convolution_pointwise.binary(
                features, other.to(self.dtype), self.weight, self.bias, *self.placed, "add", 1.0, self.relu, [], None
            )
        return out


def fuse(network: PoseNetwork, dtype: torch.dtype) -> nn.Module:
    """Return a network that gives the same, its convolutions packed; batch norms are to be folded before.

    Whatever precision, the maps themselves are told in float32: logits rounded to bfloat16 tie at the peak, which puts
    one joint in twenty more than half a pixel off.
    """
    traced = fx.symbolic_trace(network)
    side = network.config.input_px
    with torch.inference_mode():
        ShapeProp(traced).propagate(torch.zeros(1, 3, side, side))
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and isinstance(modules[node.target], nn.Identity):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and isinstance(modules[node.target], nn.Conv2d):
            convolution = modules[node.target]
            shape = node.args[0].meta["tensor_meta"].shape
            added = _only_user(node, modules, operator.add)
            last = added or node
            rectified = _only_user(last, modules, functional.relu, nn.ReLU)
            told = torch.float32 if convolution.out_channels == JOINT_COUNT else dtype
            traced.set_submodule(node.target, PackedConvolution(convolution, told, rectified is not None, shape))
            others = [other for other in added.args if other is not node] if added else []
            with traced.graph.inserting_before(last):
                packed = traced.graph.call_module(node.target, (node.args[0], *others))
                packed.meta = dict(last.meta)
            for gone in filter(None, (rectified, added, node)):
                gone.replace_all_uses_with(packed)
                traced.graph.erase_node(gone)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _only_user(
    node: fx.Node, modules: dict[str, nn.Module], function: object, kind: type[nn.Module] | None = None
) -> fx.Node | None:
    """Return the one place where a node's result goes, if that is this function or a module of this kind."""
    if len(node.users) != 1:
        return None
    (user,) = node.users
    if user.op == "call_function" and user.target is function:
        return user
    if kind is not None and user.op == "call_module" and isinstance(modules[str(user.target)], kind):
        return user
    return None
