"""The three losses of the method: L_2D on heatmaps, L_reg on annotated depth, L_geo on bone-length ratios."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from core import heatmap
from core.geometry import Weighting, geometry_loss
from core.network import MapKind, NetworkOutput


@dataclass(frozen=True)
class Targets:
    """Labels of a batch.

    Attributes:
        joints_norm: (B, 16, 2) in [-1, 1] over the crop.
        annotated: (B, 16) bool: 2D label known and inside the crop.
        depth_norm: (B, 16); meaningless where ``has_depth`` is False.
        has_depth: (B,) bool: sample with 3D truth.
        absent: (B, 16) bool: known not to be in the crop (not merely unlabelled): nowhere is better than anywhere.
    """

    joints_norm: Tensor
    annotated: Tensor
    depth_norm: Tensor
    has_depth: Tensor
    absent: Tensor

    def to(self, device: str) -> Targets:
        """Move all labels to a device."""
        return Targets(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the defaults are the reference's stage 3."""

    heatmap: float = 1.0
    depth: float = 0.1
    geometry: float = 0.01


def heatmap_loss(maps: tuple[Tensor, ...], targets: Targets, kind: MapKind) -> Tensor:
    """L_2D, summed over stacks.

    Gaussian maps: mean squared error over all pixels and maps (method, "Losses"; a missing joint's target is zero).
    Softmax maps: cross-entropy with the normalised Gaussian, mean over the annotated joints; the target of a joint
    known to be absent is the uniform distribution, so that confidence falls where there is nobody.
    """
    size = maps[0].shape[-1]
    joints_hm = (targets.joints_norm + 1.0) * (size / 2)
    target = heatmap.encode(joints_hm, targets.annotated, size, normalise=kind == "softmax")
    if kind == "softmax":
        target = torch.where(targets.absent[..., None, None], 1.0 / size**2, target)
    total = torch.zeros((), device=target.device)
    for raw in maps:
        if kind == "gaussian":
            total = total + functional.mse_loss(raw.float(), target)
            continue
        each = -(target.flatten(2) * raw.float().flatten(2).log_softmax(-1)).sum(-1)
        present = target.flatten(2).sum(-1)
        total = total + (each * present).sum() / present.sum().clamp_min(1.0)
    return total


DEEPEST_NORM = 1.2
"""Truth beyond this many half crops from the pelvis does not count in L_reg: a crop is as wide as the person appears,
so only people seen almost end on have such depths, and 1 % of the values would make a fifth of a squared loss."""


def depth_loss(depth_norm: Tensor, targets: Targets) -> Tensor:
    """L_reg: mean of (z - z*)^2 over the joints of samples with 3D truth; zero if the batch has none.

    Where a picture cuts a person off, only the joints inside it count: what lies outside cannot be seen.
    """
    known = targets.has_depth[:, None] & targets.annotated & (targets.depth_norm.abs() <= DEEPEST_NORM)
    if not bool(known.any()):
        return depth_norm.sum() * 0.0
    return (depth_norm[known].float() - targets.depth_norm[known]).square().mean()


def geometry_term(depth_norm: Tensor, targets: Targets, weighting: Weighting) -> Tensor:
    """L_geo on the samples with 2D labels only, their mean; zero if the batch has none.

    Pictures without people have no labels: counted with a loss of zero, they would only lower the term's weight.
    """
    flat = ~targets.has_depth & targets.annotated.any(-1)
    if not bool(flat.any()):
        return depth_norm.sum() * 0.0
    return geometry_loss(targets.joints_norm[flat], depth_norm[flat].float(), targets.annotated[flat], weighting).mean()


def total_loss(
    output: NetworkOutput, targets: Targets, weights: LossWeights, kind: MapKind, weighting: Weighting
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum and each unweighted term, detached, by name."""
    terms = {"heatmap": heatmap_loss(output.maps, targets, kind)}
    if weights.depth:
        terms["depth"] = depth_loss(output.depth, targets)
    if weights.geometry:
        terms["geometry"] = geometry_term(output.depth, targets, weighting)
    loss = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
    return loss, {name: term.detach() for name, term in terms.items()}
