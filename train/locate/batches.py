"""Batches of scenes, drawn at random and put together on the CPU.

Every draw of step ``n`` comes from a generator seeded with (seed, n), so that a resumed run goes on exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from core.locate.locator import input_size
from train import augment
from train.locate import scenes, targets
from train.locate.config import LocateConfig
from train.locate.pictures import Sets, Source, source
from train.locate.scenes import Canvas, Placing
from train.locate.targets import Targets

SHAPES: Final = (1.0, 1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16)
"""Width over height of the pictures; all scenes of a batch have one."""


@dataclass(frozen=True)
class SceneBatch:
    """(B, 3, h, w) uint8 scenes and what is to be found in them."""

    images: Tensor
    targets: Targets

    @property
    def count(self) -> int:
        """Number of scenes."""
        return len(self.images)

    def to(self, device: str) -> tuple[Tensor, Targets]:
        """Return float pictures in [0, 1], channels last, and the targets, on the device."""
        images = self.images.to(device).contiguous(memory_format=torch.channels_last).float().div_(255.0)
        return images, self.targets.to(device)


class SceneMaker:
    """Makes the batch of any step.

    Args:
        config: what to show.
        sets: what it is made of.
    """

    def __init__(self, config: LocateConfig, sets: Sets) -> None:
        self._config = config
        self._sets = sets

    def make(self, step: int) -> SceneBatch:
        """Make the batch of a step."""
        random = np.random.default_rng((self._config.run.seed, step))
        shape = SHAPES[int(random.integers(len(SHAPES)))]
        size = input_size((round(1000 * shape), 1000), self._config.area_px_at(step))
        images, labels = [], []
        for _ in range(self._config.optimiser.batch):
            canvas = self.scene(random, size)
            change = augment.draw_colour(random, self._config.augment)
            images.append(augment.apply_colour(change, canvas.image))
            labels.append(targets.of_scene(canvas.boxes, canvas.known))
        return SceneBatch(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), targets.stacked(labels))

    def scene(self, random: np.random.Generator, size: tuple[int, int]) -> Canvas:
        """Draw one scene of (width, height) pixels."""
        shown = self._config.scenes
        kind = random.random()
        canvas = Canvas(self._ground(random, size))
        if random.random() < shown.strange:
            self._strange(random, canvas, size)
        if kind < shown.whole:
            person = self._draw(random, "photos")
            turned = self._turned(random, 0.3)
            how = float(random.uniform(-0.1, 1.2))
            canvas.put(person, Placing(scenes.covering(person, size, how, turned, random.random(2))))
        elif kind < shown.whole + shown.zoomed + shown.rendered:
            which = "photos" if kind < shown.whole + shown.zoomed else "rendered"
            self._people(random, canvas, size, which)
        return canvas

    def _people(self, random: np.random.Generator, canvas: Canvas, size: tuple[int, int], which: str) -> None:
        shown = self._config.scenes
        count = int(random.integers(2, 5)) if random.random() < shown.several else 1
        largest = shown.largest if count == 1 else min(shown.largest, 0.9)
        for _ in range(count):
            person = self._draw(random, which)
            cutout = which == "rendered" and bool(person.annotated.all() and random.random() < shown.cutout)
            share = self._share(random, largest)
            turned = self._turned(random, 1.0)
            for _ in range(scenes.TRIES):
                matrix = scenes.filling(person, size, share, turned, random.random(2), slack=0.1)
                if canvas.put(person, Placing(matrix, cutout)):
                    # No draw without it: scenes of runs that were begun before stay as they were.
                    if shown.touching and random.random() < shown.touching and canvas.boxes:
                        self._friend(random, canvas)
                    break

    def _friend(self, random: np.random.Generator, canvas: Canvas) -> None:
        """Put somebody cut out at the side of who came last, so near that their boxes meet."""
        box = canvas.boxes[-1]
        for _ in range(scenes.TRIES):
            person = self._draw(random, "rendered")
            side = 1.0 if random.random() < 0.5 else -1.0
            aside, lower = side * float(random.uniform(0.3, 0.9)), float(random.normal(0.0, 0.08))
            matrix = scenes.beside(
                person, box, 2.0 ** float(random.normal(0.0, 0.2)), self._turned(random, 0.5), aside, lower
            )
            if person.annotated.all() and canvas.put(person, Placing(matrix, cutout=True)):
                break

    def _share(self, random: np.random.Generator, largest: float) -> float:
        """Draw how much of the height somebody fills: evenly, or by its logarithm, which favours the small."""
        smallest = self._config.scenes.smallest
        if random.random() < 0.5:
            return float(random.uniform(smallest, largest))
        return float(np.exp(random.uniform(np.log(smallest), np.log(largest))))

    def _strange(self, random: np.random.Generator, canvas: Canvas, size: tuple[int, int]) -> None:
        """Put a piece of another place in."""
        piece = self._draw(random, "empty")
        turned = self._turned(random, 0.5)
        matrix = scenes.covering(piece, size, 0.0, turned, np.zeros(2))
        share = float(random.uniform(0.15, 0.8))
        shift = random.uniform(-0.1, 1.0 - 0.5 * share, 2) * size
        canvas.put(piece, Placing(np.hstack([matrix[:, :2] * share, matrix[:, 2:] * share + shift[:, None]])))

    def _ground(
        self, random: np.random.Generator, size: tuple[int, int]
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        kind = random.random()
        if kind < 0.1:
            # Bare walls, and the margins of letterboxed pictures.
            colour = np.zeros(3) if kind < 0.04 else random.integers(0, 256, 3)
            return np.full((size[1], size[0], 3), colour, np.uint8)
        wide, high = random.uniform(0.4, 1.0, 2)
        left, top = random.random(2) * (1.0 - wide, 1.0 - high)
        part = (float(left), float(top), float(wide), float(high))
        return scenes.ground(self._draw(random, "empty"), size, part, bool(random.random() < 0.5))

    def _draw(self, random: np.random.Generator, which: str) -> Source:
        pictures = getattr(self._sets, which)
        return source(pictures, int(random.integers(len(pictures))))

    def _turned(self, random: np.random.Generator, much: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        shown = self._config.scenes
        angle = float(np.deg2rad(np.clip(random.normal(), -2, 2) * shown.rotate_sd_degrees * much))
        return scenes.linear(angle, bool(random.random() < 0.5), float(random.uniform(-1, 1) * shown.stretch))
