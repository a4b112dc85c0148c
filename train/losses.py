"""The three losses of the method: L_2D on heatmaps, L_reg on annotated depth, L_geo on bone-length ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from core import heatmap
from core.geometry import Weighting, geometry_loss
from core.network import MapKind, NetworkOutput
from core.skeleton import JOINT_COUNT, MIRROR


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


SURE_AS_ONE: Final = 4.0
"""So many joints of one person say their sides together: they count as one independent witness."""


def with_sides(targets: Targets, raw_maps: Tensor, swapped_share: float) -> Targets:
    """Return the labels with left and right of a photo turned around where that is likelier than a mistake of the maps.

    Annotators take the sides of people who are upside down or seen from behind for each other. With p, the share of
    photos whose sides are all the wrong way round, and the maps' cross-entropies L with the labels and L' with them
    turned around, they are turned around where log p - L' / n > log(1 - p) - L / n: the likelier half of a mixture of
    both, decided anew at every step (hard expectation maximisation). Pictures with 3D truth are never in doubt.

    Args:
        targets: of a batch.
        raw_maps: (B, 16, h, w) softmax maps of the last stack.
        swapped_share: p; 0 believes every label.
    """
    if not swapped_share:
        return targets
    order = list(MIRROR)
    with torch.no_grad():
        size = raw_maps.shape[-1]
        target = heatmap.encode((targets.joints_norm + 1.0) * (size / 2), targets.annotated, size, normalise=True)
        says = raw_maps.float().flatten(2).log_softmax(-1)
        gain = ((target[:, order] - target).flatten(2) * says).sum((1, 2)) / SURE_AS_ONE
        doubtful = ~targets.has_depth & (gain > math.log(1.0 - swapped_share) - math.log(swapped_share))
    turned = torch.arange(JOINT_COUNT, device=raw_maps.device).repeat(len(gain), 1)
    turned[doubtful] = torch.tensor(order, device=raw_maps.device)
    return Targets(
        targets.joints_norm.gather(1, turned[..., None].expand_as(targets.joints_norm)),
        targets.annotated.gather(1, turned),
        targets.depth_norm,
        targets.has_depth,
        targets.absent.gather(1, turned),
    )


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
    output: NetworkOutput, targets: Targets, weights: LossWeights, kind: MapKind, weighting: Weighting,
    swapped_share: float = 0.0,
) -> tuple[Tensor, dict[str, Tensor]]:  # fmt: skip
    """Return the weighted sum and each unweighted term, detached, by name; ``swapped_share`` as in ``with_sides``."""
    targets = with_sides(targets, output.maps[-1], swapped_share)
    terms = {"heatmap": heatmap_loss(output.maps, targets, kind)}
    if weights.depth:
        terms["depth"] = depth_loss(output.depth, targets)
    if weights.geometry:
        terms["geometry"] = geometry_term(output.depth, targets, weighting)
    loss = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
    return loss, {name: term.detach() for name, term in terms.items()}
