"""Mixed batches: photos with 2D labels and rendered people with 3D truth, each sample drawn and varied at random.

Every random draw of step ``n`` comes from a generator seeded with (seed, n): resuming needs no saved generator state,
and no two workers or steps can ever share numbers.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import crop, geometry
from core.skeleton import JOINT_COUNT, MIRROR, ROOT
from train import augment
from train.config import Config
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet
from train.losses import Targets


@dataclass(frozen=True)
class Batch:
    """One training batch on the CPU: (B, 3, s, s) uint8 pictures and their targets."""

    images: Tensor
    targets: Targets

    def to(self, device: str) -> tuple[Tensor, Targets]:
        """Move to a device; pictures become float in [0, 1], channels last."""
        images = self.images.to(device, non_blocking=True)
        images = images.contiguous(memory_format=torch.channels_last).float().div_(255.0)
        t = self.targets
        return images, Targets(
            t.joints_norm.to(device), t.annotated.to(device), t.depth_norm.to(device), t.has_depth.to(device)
        )


class BatchMaker:
    """Makes the batch of any step.

    Args:
        config: batch size, augmentation, seed.
        input_px: side of the network's crop.
        photos: crops with 2D labels, or None.
        rendered: crops with 3D truth, or None.
    """

    def __init__(self, config: Config, input_px: int, photos: CropSet | None, rendered: CropSet | None) -> None:
        self._config = config
        self._input_px = input_px
        self._photos = photos
        self._rendered = rendered

    def make(self, step: int) -> Batch:
        """Draw the batch of a global step."""
        random = np.random.default_rng((self._config.run.seed, step))
        _, stage, _ = self._config.stage_at(step)
        count, side = self._config.optimiser.batch, self._input_px
        images = np.empty((count, side, side, 3), np.uint8)
        joints_norm = np.zeros((count, JOINT_COUNT, 2), np.float32)
        annotated = np.zeros((count, JOINT_COUNT), bool)
        depth_norm = np.zeros((count, JOINT_COUNT), np.float32)
        has_depth = np.zeros(count, bool)
        for row in range(count):
            wants_depth = bool(random.random() < stage.depth_fraction)
            source = self._rendered if (wants_depth or self._photos is None) else self._photos
            source = self._photos if source is None else source
            assert source is not None
            index = int(random.integers(len(source)))
            images[row], joints, annotated[row], depth = self._vary(random, source, index)
            joints_norm[row] = joints
            if depth is not None:
                depth_norm[row], has_depth[row] = depth, True
        targets = Targets(
            torch.from_numpy(joints_norm), torch.from_numpy(annotated),
            torch.from_numpy(depth_norm), torch.from_numpy(has_depth),
        )  # fmt: skip
        return Batch(torch.from_numpy(images).permute(0, 3, 1, 2), targets)

    def _vary(
        self, random: np.random.Generator, source: CropSet, index: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64] | None]:
        config, side = self._config.augment, self._input_px
        joints_stored = source.joints_stored[index].astype(np.float64)
        view = augment.draw_view(random, config, BOX_STORED, STORED_PX, side)
        image, joints_crop, annotated = augment.apply_view(
            view, source.images[index], joints_stored, source.annotated[index], side
        )
        image = augment.colour(random, config, image)
        joints_norm = 2.0 * joints_crop / side - 1.0
        annotated = annotated & (np.abs(joints_norm) < 1.0).all(axis=1)
        joints_mm = source.joints_mm[index].astype(np.float64)
        if not np.isfinite(joints_mm).all():
            return image, joints_norm, annotated, None
        depth = joints_mm[:, 2] - joints_mm[ROOT, 2]
        depth_norm = depth * geometry.depth_scale_norm(joints_stored, joints_mm, view.side_stored)
        return image, joints_norm, annotated, depth_norm[list(MIRROR)] if view.mirrored else depth_norm


def prefetched(maker: BatchMaker, first: int, last: int, ahead: int = 3) -> Iterator[Batch]:
    """Yield the batches of steps first..last-1, made by a thread a few steps ahead."""
    ready: queue.Queue[Batch | Exception] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def offer(item: Batch | Exception) -> None:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for step in range(first, last):
                if stop.is_set():
                    return
                offer(maker.make(step))
        except Exception as error:  # noqa: BLE001 (handed to the consumer, which raises it)
            offer(error)

    thread = threading.Thread(target=produce, name="batches", daemon=True)
    thread.start()
    try:
        for _ in range(first, last):
            item = ready.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def stored_view(source: CropSet, index: int, input_px: int) -> NDArray[np.uint8]:
    """Return the plain, unvaried crop of a person's box."""
    view = augment.make_view(BOX_STORED, 0.0, False, np.full(2, STORED_PX / 2), input_px)
    return crop.cut(source.images[index], view.to_stored, input_px)
