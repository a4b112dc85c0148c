"""Mixed batches: photos with 2D labels, rendered people with 3D truth, pictures of nobody; drawn and varied at random.

Every random draw of step ``n`` comes from a generator seeded with (seed, n): resuming needs no saved generator state,
and no two workers or steps can ever share numbers.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import crop, geometry
from core.skeleton import JOINT_COUNT, MIRROR, ROOT
from train import augment, neighbours
from train.config import Config, Stage
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet
from train.losses import Targets

PHOTOS, RENDERED, EMPTY = range(3)


@dataclass(frozen=True)
class Plan:
    """Everything that was drawn for a batch, before any pixel is touched.

    Attributes:
        kind: (b,) which of ``Planner.sets`` each sample is drawn from: ``PHOTOS``, ``RENDERED`` or ``EMPTY``; b rows of
            the batch are made here, all B unless several processes share it.
        index: (b,) sample within its set.
        views: how each stored crop is turned into the network's crop.
        colours: how its colours vary.
        beside: who else is laid into the network's crop, None for nobody.
        targets: labels of all B samples in the network's crop.
    """

    kind: NDArray[np.int64]
    index: NDArray[np.int64]
    views: list[augment.View]
    colours: list[augment.ColourChange]
    beside: list[neighbours.Neighbour | None]
    targets: Targets


class Batch(Protocol):
    """A training batch that is on its way to a device."""

    @property
    def count(self) -> int:
        """Number of samples of the whole batch."""
        ...

    def to(self, device: str) -> tuple[Tensor, Targets]:
        """Return (b, 3, s, s) float pictures in [0, 1], channels last, and all targets, on the device."""
        ...


@dataclass(frozen=True)
class HostBatch:
    """A batch whose pixels were made on the CPU: (b, 3, s, s) uint8 pictures and the targets of the whole batch."""

    images: Tensor
    targets: Targets

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.targets.has_depth)

    def to(self, device: str) -> tuple[Tensor, Targets]:
        """See ``Batch.to``."""
        images = self.images.to(device, non_blocking=True)
        return images.contiguous(memory_format=torch.channels_last).float().div_(255.0), self.targets.to(device)


class Planner:
    """Draws what each step's batch consists of and computes its labels.

    Args:
        config: batch size, augmentation, seed.
        input_px: side of the network's crop.
        photos: crops with 2D labels, or None.
        rendered: crops with 3D truth, or None.
        empty: crops without people, or None.
        rows: of each batch, those whose pixels this process makes.
    """

    def __init__(
        self, config: Config, input_px: int, photos: CropSet | None, rendered: CropSet | None,
        empty: CropSet | None = None, rows: slice = slice(None),
    ) -> None:  # fmt: skip
        self._config = config
        self.input_px = input_px
        given = {PHOTOS: photos, RENDERED: rendered, EMPTY: empty}
        self.sets = {kind: source for kind, source in given.items() if source is not None}
        self._rows = rows

    def plan(self, step: int) -> Plan:
        """Draw the batch of a global step."""
        random = np.random.default_rng((self._config.run.seed, step))
        _, stage, _ = self._config.stage_at(step)
        count = self._config.optimiser.batch
        joints_norm = np.zeros((count, JOINT_COUNT, 2), np.float32)
        annotated = np.zeros((count, JOINT_COUNT), bool)
        depth_norm = np.zeros((count, JOINT_COUNT), np.float32)
        kind = np.zeros(count, np.int64)
        index = np.zeros(count, np.int64)
        views, colours, beside = [], [], []
        for row in range(count):
            kind[row] = self._draw_kind(random, stage)
            source = self.sets[int(kind[row])]
            index[row] = random.integers(len(source))
            labels = source.joints_stored[index[row]], source.annotated[index[row]]
            view = augment.draw_view(random, self._config.augment, BOX_STORED, STORED_PX, self.input_px, labels)
            joints_norm[row], annotated[row] = self._labels(source, int(index[row]), view)
            if kind[row] == RENDERED:
                depth_norm[row] = true_depth_norm(source, int(index[row]), view)
            views.append(view)
            colours.append(augment.draw_colour(random, self._config.augment))
            known = joints_norm[row], annotated[row]
            beside.append(neighbours.draw(random, self._config.augment, source, *known, self.input_px))
        # A photo's missing label says nothing; where the program made the picture it knows what is not in it.
        absent = ~annotated & (kind != PHOTOS)[:, None]
        arrays = (joints_norm, annotated, depth_norm, kind == RENDERED, absent)
        targets, own = Targets(*(torch.from_numpy(array) for array in arrays)), self._rows
        return Plan(kind[own], index[own], views[own], colours[own], beside[own], targets)

    def _draw_kind(self, random: np.random.Generator, stage: Stage) -> int:
        # Always two numbers, so that a set more or less leaves the other draws as they were.
        wants_empty, wants_depth = random.random(2) < (self._config.data.empty_share, stage.depth_fraction)
        if wants_empty and EMPTY in self.sets:
            return EMPTY
        return RENDERED if RENDERED in self.sets and (wants_depth or PHOTOS not in self.sets) else PHOTOS

    def _labels(self, source: CropSet, index: int, view: augment.View) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        joints_stored = source.joints_stored[index].astype(np.float64)
        joints_crop, annotated = augment.view_joints(view, joints_stored, source.annotated[index])
        joints_norm = 2.0 * joints_crop / self.input_px - 1.0
        return joints_norm, annotated & (np.abs(joints_norm) < 1.0).all(axis=1)


def true_depth_norm(source: CropSet, index: int, view: augment.View) -> NDArray[np.float64]:
    """Return a sample's true depths (16,) in half crop widths of a view of it."""
    joints_mm = source.joints_mm[index].astype(np.float64)
    joints_stored = source.joints_stored[index].astype(np.float64)
    depth = joints_mm[:, 2] - joints_mm[ROOT, 2]
    depth_norm: NDArray[np.float64] = depth * geometry.depth_scale_norm(joints_stored, joints_mm, view.side_stored)
    return depth_norm[list(MIRROR)] if view.mirrored else depth_norm


class BatchMaker:
    """Makes the batch of any step, pixels on the CPU."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def make(self, step: int) -> Batch:
        """Make the batch of a global step."""
        plan, side = self._planner.plan(step), self._planner.input_px
        images = np.empty((len(plan.views), side, side, 3), np.uint8)
        for row, (view, change, other) in enumerate(zip(plan.views, plan.colours, plan.beside, strict=True)):
            stored = self._planner.sets[int(plan.kind[row])].images
            image = crop.cut(stored[plan.index[row]], view.to_stored, side)
            if other is not None:
                image = laid_over(image, crop.cut(stored[other.index], other.view.to_stored, side), other)
            images[row] = augment.apply_colour(change, image)
        return HostBatch(torch.from_numpy(images).permute(0, 3, 1, 2), plan.targets)


def laid_over(image: NDArray[np.uint8], theirs: NDArray[np.uint8], other: neighbours.Neighbour) -> NDArray[np.uint8]:
    """Return the crop with the neighbour's strip in it."""
    cover = other.cover(len(image))[..., None]
    return np.asarray(np.rint(image * (1.0 - cover) + theirs * cover), dtype=np.uint8)


class Maker(Protocol):
    """Whatever makes batches."""

    def make(self, step: int) -> Batch:
        """Make the batch of a global step."""
        ...


def prefetched(maker: Maker, first: int, last: int, ahead: int = 3) -> Iterator[Batch]:
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
    return crop.cut(source.images[index], plain_view(input_px).to_stored, input_px)


def plain_view(input_px: int) -> augment.View:
    """Return the view of ``stored_view``: a person's box, as it is."""
    return augment.make_view(BOX_STORED, 0.0, False, np.full(2, STORED_PX / 2), input_px)
