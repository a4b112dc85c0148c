"""Weights of a network for the same network with an input of another size.

Convolutions fit any size. The layer that tells depth has one weight for each place of the last features: its weights
are laid out over the new places, so that a body that is drawn larger is read by the same weights.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor
from torch.nn import functional

from core.network import NetworkConfig, PaperNetwork, PoseNetwork
from core.skeleton import JOINT_COUNT

_DEPTH: Final = "depth_linear.weight"


def weights_for(given: PoseNetwork, config: NetworkConfig) -> dict[str, Tensor]:
    """Return a network's weights as the same network with ``config.input_px`` takes them.

    Args:
        given: whose weights.
        config: of the network to be; may differ in its sizes and in ``further``.
    """
    weights = dict(given.state_dict())
    if given.config.heatmap_px == config.heatmap_px or _DEPTH not in weights:
        return weights
    before = weights[_DEPTH]
    # One halving for each: four in the paper's depth module, one less than there are widths in the compact one's.
    paper = isinstance(given, PaperNetwork)
    halvings = 4 if paper else len(config.widths) - 1
    old, new = given.config.heatmap_px >> halvings, config.heatmap_px >> halvings
    laid = before.view(JOINT_COUNT, -1, old, old).float()
    resized = functional.interpolate(laid, size=(new, new), mode="bilinear", align_corners=False)
    # The paper's sums over the places, the compact one takes their mean.
    resized = resized * (old / new) ** 2 if paper else resized
    return {**weights, _DEPTH: resized.reshape(JOINT_COUNT, -1).to(before.dtype)}
