"""Batches whose pixels are made on the GPU: all crops lie there decoded, so that the loader never holds training back.

What is drawn for a step is the same as on the CPU (``Planner``); only cutting, colour, blur and cut-out run on the
device, for the whole batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core import crop
from train.augment import ColourChange, View
from train.batches import Plan, Planner
from train.datasets.crops import STORED_PX, CropSet
from train.losses import Targets

BLUR_RADIUS_PX = 5
_LUMA = (0.299, 0.587, 0.114)
UPLOAD = 512


class DeviceBatchMaker:
    """Makes batches on a device; call ``make`` from any thread, the pixels are made in ``Batch.to``.

    Args:
        planner: draws the batches.
        device: where all crops of all sets are put, as uint8.
    """

    def __init__(self, planner: Planner, device: str) -> None:
        self._planner = planner
        self._crops = {kind: _upload(source, device) for kind, source in planner.sets.items()}

    def make(self, step: int) -> DeviceBatch:
        """Draw the batch of a global step."""
        return DeviceBatch(self._planner.plan(step), self._crops, self._planner.input_px)


@dataclass(frozen=True)
class DeviceBatch:
    """A drawn batch and where its crops lie."""

    plan: Plan
    crops: dict[int, Tensor]
    input_px: int

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.plan.targets.has_depth)

    def to(self, device: str) -> tuple[Tensor, Targets]:
        """See ``train.batches.Batch.to``."""
        plan = self.plan
        images = torch.empty(len(plan.views), 3, self.input_px, self.input_px, device=device)
        for kind, crops in self.crops.items():
            rows = np.flatnonzero(plan.kind == kind)
            if len(rows) == 0:
                continue
            chosen = crops[torch.from_numpy(plan.index[rows]).to(device)]
            views = [plan.views[row] for row in rows]
            images[torch.from_numpy(rows).to(device)] = cut(chosen, views, self.input_px)
            self._lay_over(images, crops, rows)
        images = vary(images, plan.colours)
        return images.contiguous(memory_format=torch.channels_last), plan.targets.to(device)

    def _lay_over(self, images: Tensor, crops: Tensor, rows: NDArray[np.intp]) -> None:
        """Put the neighbours into some rows of (B, 3, s, s) pictures; all of them come from one set's crops."""
        beside = {int(row): other for row in rows if (other := self.plan.beside[row]) is not None}
        if not beside:
            return
        device, found = images.device, list(beside.values())
        chosen = crops[torch.tensor([other.index for other in found], device=device)]
        theirs = cut(chosen, [other.view for other in found], self.input_px)
        cover = torch.from_numpy(np.stack([other.cover(self.input_px) for other in found])).to(device)[:, None]
        at = torch.tensor(list(beside), device=device)
        images[at] = torch.lerp(images[at], theirs, cover)


def cut(stored: Tensor, views: list[View], crop_px: int) -> Tensor:
    """Cut views out of (B, s, s, 3) uint8 crops: (B, 3, crop_px, crop_px) float, 0..255."""
    theta = np.stack([_sampling_matrix(view, crop_px) for view in views]).astype(np.float32)
    grid = functional.affine_grid(
        torch.from_numpy(theta).to(stored.device), [len(views), 3, crop_px, crop_px], align_corners=False
    )
    return functional.grid_sample(
        stored.permute(0, 3, 1, 2).float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )


def vary(images: Tensor, changes: list[ColourChange]) -> Tensor:
    """Apply colour, blur and cut-out to (B, 3, s, s) pictures of 0..255; returns them in [0, 1]."""
    device, side = images.device, images.shape[-1]

    def column(values: list[NDArray[np.float64]] | list[float]) -> Tensor:
        array = np.asarray(values, dtype=np.float32).reshape(len(changes), -1, 1, 1)
        return torch.from_numpy(array).to(device)

    contrast, gains = column([change.contrast for change in changes]), column([change.gains for change in changes])
    images = (((images - 128.0) * contrast + 128.0) * gains).clamp(0.0, 255.0)
    luma = (images * torch.tensor(_LUMA, device=device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    grey = column([float(change.grey) for change in changes]).bool()
    images = torch.where(grey, luma, images)
    blurred = [row for row, change in enumerate(changes) if change.blur_sd_px > 0]
    if blurred:
        images[blurred] = _blur(images[blurred], column([c.blur_sd_px for c in changes])[blurred].flatten())
    for row, change in enumerate(changes):
        if change.cutout is not None:
            left, top, right, bottom = (int(share * side) for share in change.cutout)
            hidden = torch.from_numpy(change.cutout_colour.astype(np.float32)).to(device)
            images[row, :, top:bottom, left:right] = hidden[:, None, None]
    return images / 255.0


def _blur(images: Tensor, sd_px: Tensor) -> Tensor:
    count, channels, height, width = images.shape
    reach = torch.arange(-BLUR_RADIUS_PX, BLUR_RADIUS_PX + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (reach / sd_px[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = functional.pad(images, (BLUR_RADIUS_PX,) * 4, mode="reflect")
    flat = flat.reshape(1, count * channels, height + 2 * BLUR_RADIUS_PX, width + 2 * BLUR_RADIUS_PX)
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=count * channels)
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=count * channels)
    return flat.reshape(images.shape)


def _sampling_matrix(view: View, crop_px: int) -> NDArray[np.float64]:
    """Return the (2, 3) matrix from [-1, 1] over the network's crop to [-1, 1] over the stored crop.

    torch's sampling without aligned corners puts -1 and 1 at the outer edges: the same continuous frame as ours.
    """
    to_crop = np.array([[crop_px / 2, 0.0, crop_px / 2], [0.0, crop_px / 2, crop_px / 2]])
    from_stored = np.array([[2 / STORED_PX, 0.0, -1.0], [0.0, 2 / STORED_PX, -1.0]])
    return crop.compose(from_stored, crop.compose(view.to_stored, to_crop))


def _upload(source: CropSet, device: str) -> Tensor:
    """Copy all crops of a set to a device, some at a time."""
    out = torch.empty(source.images.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(source), UPLOAD):
        part = np.ascontiguousarray(source.images[start : start + UPLOAD])
        out[start : start + len(part)] = torch.from_numpy(part).to(device)
    return out
