"""What the ablation consists of: its sets, its trainings in the order they are made, and how each is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

BASES: Final = ("3d", "3d2d")
"""Configurations ``ablation-NAME.toml``: the poster's 3D and 3D+2D."""
SHARED_STAGE: Final = "2"
"""Where the twins part: with and without L_geo, and by seed."""
LAST_STAGE: Final = 2
"""Index of the stage that L_geo is in."""


@dataclass(frozen=True)
class RenderedSet:
    """A set that ``render`` makes: folder below ``--data``, scene, split, seed, and how many pictures."""

    folder: str
    scene: str
    split: str
    seed: int
    count: int


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        base: one of ``BASES``.
        geometry: with L_geo in the last stage.
        seed: of its last stage.
        first: the seed whose run with L_geo is trained from the start; all others begin at the end of its stage 2.
    """

    base: str
    geometry: bool
    seed: int
    first: int

    @property
    def title(self) -> str:
        """The poster's row, seeds apart."""
        return f"{self.base}-{'geo' if self.geometry else 'no-geo'}"

    @property
    def name(self) -> str:
        """Run folder and checkpoint."""
        return f"{self.title}-seed{self.seed}"

    @property
    def begins_with(self) -> str | None:
        """The run whose stage 2 it goes on from; None for the one that is trained from random weights."""
        first = Row(self.base, True, self.first, self.first)
        return None if self == first else first.name

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return Path(str(resources.files("resources"))) / "configs" / f"ablation-{self.base}.toml"


TITLES: Final = tuple(Row(base, geometry, 1, 1).title for base in BASES for geometry in (False, True))
"""The poster's four rows, in its order."""


def rendered_sets(train: int, test: int) -> list[RenderedSet]:
    """Return the sets that are rendered where they are missing.

    Args:
        train: pictures of the laboratory to learn from.
        test: pictures of each of the two test sets.
    """
    return [
        RenderedSet("rendered/lab-train", "studio-lab", "train", 1, train),
        RenderedSet("rendered/lab-val", "studio-lab", "val", 7, min(48, test)),
        RenderedSet("rendered/lab-test", "studio-lab", "test", 7, test),
        RenderedSet("rendered/wild-test", "mixed", "test", 11, test),
    ]


def rows(seeds: int) -> Iterator[Row]:
    """Yield the trainings: after the first seed all four rows are there once."""
    for seed in range(1, seeds + 1):
        for base in BASES:
            for geometry in (True, False):
                yield Row(base, geometry, seed, first=1)
