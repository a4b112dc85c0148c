"""Heatmap codec: joints to maps and back, with confidence and second peak.

``_hm`` coordinates are continuous: pixel (0, 0) of a map covers [0, 1) x [0, 1) and its centre is (0.5, 0.5).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core import pictorial
from core.network import MapKind
from core.pictorial import Structure

REFERENCE_SIGMA_HM = 1.75
"""Standard deviation of the target Gaussian on a 64 px map (method table "Targets")."""
REFERENCE_RADIUS_HM = 3.0
FAINTEST = 1e-5
"""A map that is lower than this has no peak there."""


def sigma_hm(heatmap_px: int) -> float:
    """Return the target's standard deviation on a map of this side: 1.75 px at 64, in proportion, at least 1."""
    return max(1.0, REFERENCE_SIGMA_HM * heatmap_px / 64.0)


def peak_radius(heatmap_px: int) -> int:
    """Return the half width in map pixels of the neighbourhood that counts as one peak: two standard deviations."""
    return round(2 * sigma_hm(heatmap_px))


def encode(joints_hm: Tensor, visible: Tensor, heatmap_px: int, *, normalise: bool = False) -> Tensor:
    """Draw the target maps.

    Args:
        joints_hm: (..., 16, 2) joint positions.
        visible: (..., 16) bool; a joint that is not visible, or lies outside the map, gets an all-zero map.
        heatmap_px: side of the maps.
        normalise: sum to 1 instead of peaking at 1 (the target of a cross-entropy).

    Returns:
        (..., 16, heatmap_px, heatmap_px) maps: a Gaussian around the exact sub-pixel position, cut at 3 sigma-scaled
        pixels in every direction alike.
    """
    sigma = sigma_hm(heatmap_px)
    radius = REFERENCE_RADIUS_HM * sigma / REFERENCE_SIGMA_HM
    grid = torch.arange(heatmap_px, device=joints_hm.device, dtype=joints_hm.dtype) + 0.5
    offset_x = grid - joints_hm[..., 0:1]
    offset_y = grid - joints_hm[..., 1:2]
    inside = ((joints_hm >= 0) & (joints_hm < heatmap_px)).all(dim=-1) & visible
    # Half a pixel of slack keeps the window as wide on both sides wherever the centre falls within a pixel.
    line_x = torch.exp(-0.5 * (offset_x / sigma) ** 2) * (offset_x.abs() <= radius + 0.5)
    line_y = torch.exp(-0.5 * (offset_y / sigma) ** 2) * (offset_y.abs() <= radius + 0.5)
    maps = line_y[..., :, None] * line_x[..., None, :]
    if normalise:
        maps = maps / maps.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
    # where, not multiply: an unannotated joint may be NaN.
    return torch.where(inside[..., None, None], maps, torch.zeros((), dtype=maps.dtype, device=maps.device))


def belief(raw_maps: Tensor, kind: MapKind) -> Tensor:
    """Turn raw network maps into belief: softmax maps sum to 1 each, gaussian maps are clipped to [0, 1].

    Args:
        raw_maps: (..., h, w).
        kind: what the maps mean.
    """
    raw_maps = raw_maps.float()
    if kind == "gaussian":
        return raw_maps.clamp(0.0, 1.0)
    return raw_maps.flatten(-2).softmax(-1).view(raw_maps.shape)


class Decoded(NamedTuple):
    """Joints read from maps.

    Attributes:
        joints_hm: (N, 16, 2) positions.
        confidence: (N, 16) in 0..1: the belief within the peak (softmax maps) or its height (gaussian maps).
        second_hm: (N, 16, 2) second-highest peak, NaN where there is none.
        second_confidence: (N, 16), 0 where there is none.
    """

    joints_hm: NDArray[np.float64]
    confidence: NDArray[np.float64]
    second_hm: NDArray[np.float64]
    second_confidence: NDArray[np.float64]


def decode(belief_maps: Tensor, kind: MapKind, structure: Structure | None = None) -> Decoded:
    """Read every map's highest and second-highest peak.

    Gaussian maps: argmax, a quarter pixel towards the larger neighbour, + 0.5 (method, "Decode"). Softmax maps: the
    mean position of the belief within the peak, which is what a distribution says.

    Args:
        belief_maps: (N, 16, h, w) from ``belief``.
        kind: what the maps mean.
        structure: read the limbs of both sides together (``core.pictorial``): a joint may then take a lower peak, and
            its second peak is the strongest of the others.
    """
    if structure is not None:
        return _decode_together(belief_maps, kind, structure)
    maps = belief_maps.double()
    score = _peak_score(maps, kind)
    first, first_score = _best(maps, score)
    # The belief of a joint's own peak must not come back as the second one.
    size = maps.shape[-1]
    apart = 2 * peak_radius(size)
    rows = torch.arange(maps.shape[-2], device=maps.device)[:, None]
    columns = torch.arange(size, device=maps.device)[None, :]
    first_row, first_column = (first // size)[..., None, None], (first % size)[..., None, None]
    near = ((rows - first_row).abs() <= apart) & ((columns - first_column).abs() <= apart)
    is_peak = maps >= functional.max_pool2d(maps, 3, stride=1, padding=1)
    rest = torch.where(near | ~is_peak, torch.zeros_like(maps), maps)
    second, second_score = _best(rest, score)
    exists = rest.flatten(-2).amax(-1) > 0
    second_hm = torch.where(exists[..., None], _refine(maps, second, kind), torch.nan)
    return Decoded(
        _refine(maps, first, kind).cpu().numpy(),
        first_score.cpu().numpy(),
        second_hm.cpu().numpy(),
        torch.where(exists, second_score, torch.zeros_like(second_score)).cpu().numpy(),
    )


def peaks(belief_maps: Tensor, kind: MapKind, count: int) -> tuple[Tensor, Tensor]:
    """Return each map's best peaks: (N, 16, count, 2) places in ``_hm`` and (N, 16, count) belief, 0 for none.

    The first is the one ``decode`` takes; the others follow by belief.
    """
    maps = belief_maps.double()
    size = maps.shape[-1]
    radius = peak_radius(size)
    # By rows and then by columns: the same, and quicker.
    across = functional.max_pool2d(belief_maps, (1, 2 * radius + 1), stride=1, padding=(0, radius))
    highest = functional.max_pool2d(across, (2 * radius + 1, 1), stride=1, padding=(radius, 0))
    rest = torch.where((belief_maps >= highest) & (belief_maps > FAINTEST), belief_maps, 0.0).flatten(-2)
    first = maps.flatten(-2).argmax(-1, keepdim=True)
    # Cells of equal height side by side are one peak, so more are looked at than are wanted.
    heights, cells = rest.scatter(-1, first, torch.inf).topk(3 * count, dim=-1)
    rows, columns, left = cells // size, cells % size, heights > 0
    indices, exists = [], []
    for _ in range(count):
        best = left.int().argmax(-1, keepdim=True)
        indices.append(cells.gather(-1, best).squeeze(-1))
        exists.append(left.any(-1))
        apart = (rows - rows.gather(-1, best)).abs() > radius
        left = left & (apart | ((columns - columns.gather(-1, best)).abs() > radius))
    chosen = torch.stack(indices, dim=-1)
    windows = _windows(maps, chosen, kind)
    # A window's mass is the score there: what the map of all scores would say.
    score = maps.flatten(-2).gather(-1, chosen) if kind == "gaussian" else windows.sum((-2, -1)).clamp(0.0, 1.0)
    belief = torch.where(torch.stack(exists, dim=-1), score, 0.0)
    places = _refined(windows, chosen, maps.shape, kind)
    order = torch.cat([belief.new_full((*belief.shape[:-1], 1), torch.inf), belief[..., 1:]], dim=-1).argsort(-1, True)
    return places.gather(-2, order[..., None].expand_as(places)), belief.gather(-1, order)


def _decode_together(belief_maps: Tensor, kind: MapKind, structure: Structure) -> Decoded:
    size = belief_maps.shape[-1]
    places, found = peaks(belief_maps.cpu(), kind, pictorial.CANDIDATES)
    chosen = pictorial.choose(structure, 2.0 * places / size - 1.0, found)
    places_hm, belief_of = places.numpy(), found.numpy()
    first_hm = _taken(places_hm, chosen)
    # The belief of a joint's own peak must not come back as the second one.
    apart = np.abs(places_hm - first_hm[..., None, :]).max(-1) > 2 * peak_radius(size)
    others = np.where(apart, belief_of, 0.0)
    second = others.argmax(-1)
    second_belief = _taken(others, second)
    second_hm = np.where(second_belief[..., None] > 0, _taken(places_hm, second), np.nan)
    return Decoded(first_hm, _taken(belief_of, chosen), second_hm, second_belief)


def _taken(values: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the candidate of each joint: (N, 16, K, ...) and (N, 16) give (N, 16, ...)."""
    rows, joints = np.ogrid[: index.shape[0], : index.shape[1]]
    return np.asarray(values[rows, joints, index])


def spread_hm(belief_maps: Tensor, decoded: Decoded, kind: MapKind) -> NDArray[np.float64]:
    """Return how uncertain each joint's place is: (N, 16) standard deviations per axis, in map pixels.

    Softmax maps: of the belief within the peak, divided by the root of the confidence, since what lies outside the
    peak is doubt too. Gaussian maps: the target's own width, likewise.
    """
    confidence = np.maximum(decoded.confidence, 0.01)
    size = belief_maps.shape[-1]
    if kind == "gaussian":
        return np.asarray(sigma_hm(size) / np.sqrt(confidence))
    maps = belief_maps.double().numpy()
    grid = np.arange(size) + 0.5
    offset_x = grid - decoded.joints_hm[..., 0:1]
    offset_y = grid - decoded.joints_hm[..., 1:2]
    reach = peak_radius(size) + 0.5
    near_x, near_y = np.abs(offset_x) <= reach, np.abs(offset_y) <= reach
    inside = maps * near_x[..., None, :] * near_y[..., :, None]
    squares = (offset_x**2)[..., None, :] + (offset_y**2)[..., :, None]
    mass = np.maximum(inside.sum((-2, -1)), 1e-12)
    variance = (inside * squares).sum((-2, -1)) / mass / 2
    return np.asarray(np.sqrt(variance / confidence))


def display(belief_maps: Tensor, confidence: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale each map so that its highest value is that peak's confidence: (N, 16, h, w) float32, for people to see."""
    peak = belief_maps.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
    shown = (belief_maps / peak).float().cpu().numpy() * confidence[..., None, None]
    return np.asarray(shown, dtype=np.float32)


def _peak_score(maps: Tensor, kind: MapKind) -> Tensor:
    if kind == "gaussian":
        return maps
    radius = peak_radius(maps.shape[-1])
    window = 2 * radius + 1
    mass = functional.avg_pool2d(maps, window, stride=1, padding=radius) * window**2
    return mass.clamp(0.0, 1.0)


def _best(maps: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    index = maps.flatten(-2).argmax(-1)
    return index, _at(score.flatten(-2), index)


def _at(values: Tensor, index: Tensor) -> Tensor:
    return values.gather(-1, index[..., None]).squeeze(-1)


def _refine(maps: Tensor, index: Tensor, kind: MapKind) -> Tensor:
    """Return (N, 16, ..., 2) sub-pixel positions around (N, 16, ...) flat map indices."""
    return _refined(_windows(maps, index, kind), index, maps.shape, kind)


def _windows(maps: Tensor, index: Tensor, kind: MapKind) -> Tensor:
    """Return the (N, 16, ..., w, w) neighbourhoods of (N, 16, ...) flat map indices, 0 beyond the rim."""
    size = maps.shape[-1]
    row, column = index // size, index % size
    radius = 1 if kind == "gaussian" else peak_radius(size)
    padded = functional.pad(maps, (radius, radius, radius, radius))
    reach = torch.arange(-radius, radius + 1, device=maps.device)
    rows = row[..., None, None] + reach[:, None] + radius
    columns = column[..., None, None] + reach[None, :] + radius
    at = rows * padded.shape[-1] + columns
    return padded.flatten(-2).gather(-1, at.flatten(2)).view(at.shape)


def _refined(window: Tensor, index: Tensor, shape: torch.Size, kind: MapKind) -> Tensor:
    row, column = index // shape[-1], index % shape[-1]
    if kind == "gaussian":
        shift_x = 0.25 * torch.sign(window[..., 1, 2] - window[..., 1, 0])
        shift_y = 0.25 * torch.sign(window[..., 2, 1] - window[..., 0, 1])
        # At the rim one neighbour does not exist: no shift, rather than one away from the padding.
        shift_x = torch.where((column == 0) | (column == shape[-1] - 1), 0.0, shift_x)
        shift_y = torch.where((row == 0) | (row == shape[-2] - 1), 0.0, shift_y)
    else:
        reach = torch.arange(window.shape[-1], device=window.device) - window.shape[-1] // 2
        mass = window.sum(dim=(-2, -1)).clamp_min(1e-12)
        shift_x = (window.sum(-2) * reach).sum(-1) / mass
        shift_y = (window.sum(-1) * reach).sum(-1) / mass
    return torch.stack([column + shift_x + 0.5, row + shift_y + 0.5], dim=-1)
