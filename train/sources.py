"""The sets that a configuration names, opened as crops; what is not there is told before the first step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from core import geometry, skeleton
from core.errors import UserError
from train.config import Config, DataSection, Kind
from train.datasets import empty, human36m, lsp, mpii, rendered
from train.datasets.catalogue import SETS
from train.datasets.crops import CropSet, cached, file_hash

RENDERED_TERMS: Final = (
    "People rendered by Bonesight: bodies from anny (Apache-2.0; data CC0, from MakeHuman). Poses: the data used "
    "in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF "
    "EIA-0196217."
)
EMPTY_TERMS: Final = "Photos without people, of whoever trained it; none is part of this program."
WATCHED_EVERY: Final = 200
"""While training, one frame in so many of Human3.6M's test subjects is looked at (method, "Datasets")."""


@dataclass(frozen=True)
class Sources:
    """What a training draws from.

    Attributes:
        photos: crops with 2D labels, or None.
        people: crops with 3D truth, or None.
        held_out: photos for validation, or None.
        empty: crops without people, or None.
    """

    photos: CropSet | None
    people: CropSet | None
    held_out: CropSet | None = None
    empty: CropSet | None = None

    @property
    def left_out(self) -> list[str]:
        """One line for each kind of sample that is not trained on, and why."""
        return [
            line for crops in (self.photos, self.people, self.empty) if crops is not None for line in crops.left_out
        ]


def open_sets(config: Config, data: Path, cache: Path) -> Sources:
    """Open the sets of a configuration, decoding what was not decoded yet.

    Args:
        config: its ``data`` section names the sets.
        data: folder that the section's paths are below.
        cache: folder for decoded crops, unless the section names one.

    Raises:
        UserError: a set is not there (and how to get it), damaged, or not enough for the stages' losses; or a sample
            is bad and ``data.on_bad`` is ``stop``.
    """
    section = config.data
    cache = Path(section.cache) if section.cache else cache
    if not section.photos and not section.rendered:
        raise UserError("the configuration names no data", "set data.photos or data.rendered")
    if not section.rendered and any(stage.weights.depth for stage in config.stage):
        raise UserError("a stage has a depth loss but there is no 3D data", "set data.rendered, or weights.depth = 0")
    photos = people = held_out = nobody = None
    # The cheap questions of both sets come before the decoding of either.
    for folder, kind in ((section.photos, section.photos_kind), (section.rendered, section.rendered_kind)):
        if folder and not CropSet.is_there(data / folder):
            find(kind, data / folder)
    if section.photos and section.photos_kind == "rendered" and section.held_out:
        rendered.shards(data / section.held_out)
    if section.empty and not CropSet.is_there(data / section.empty):
        empty.pictures(data / section.empty, held_out=False)
    if section.photos:
        photos = _training(section.photos_kind, data / section.photos, cache, section)
        held_out = _held_out(config, data, cache)
    if section.rendered:
        people = _training(section.rendered_kind, data / section.rendered, cache, section)
    if section.empty:
        nobody = _nobody(data / section.empty, cache, section)
    return Sources(photos, people, held_out, nobody)


def record(config: Config, sources: Sources) -> dict[str, Any]:
    """Return what a checkpoint says of its data: ``data``, ``terms`` and ``bone_sum_mm``."""
    section = config.data
    used: dict[str, Any] = {}
    terms: dict[str, str] = {}
    bone_sum = float(skeleton.CANONICAL_MM.sum())
    if sources.photos is not None:
        # A set can serve twice: with its 3D truth, and as photos, with the 2D labels alone.
        twice = sources.people is not None and section.photos_kind == section.rendered_kind
        name = f"{section.photos_kind}, 2D" if twice else section.photos_kind
        used[name] = {"pictures": len(sources.photos), "labels": "2D"}
        terms[name] = _terms(section.photos_kind)
    if sources.people is not None:
        kind, people = section.rendered_kind, sources.people
        used[kind] = {"pictures": len(people), "labels": "3D", "folder": Path(section.rendered).name}
        terms[kind] = _terms(kind)
        bone_sum = float(np.mean(geometry.bone_lengths(people.joints_mm.astype(np.float64)).sum(-1)))
    if sources.empty is not None:
        used["empty"] = {"pictures": len(sources.empty), "labels": "nobody in them"}
        terms["empty"] = EMPTY_TERMS
    return {"data": used, "terms": terms, "bone_sum_mm": bone_sum}


def _terms(kind: Kind) -> str:
    return RENDERED_TERMS if kind == "rendered" else f"{SETS[kind].title}: {SETS[kind].terms}."


def find(kind: Kind, folder: Path) -> None:
    """Ask whether a set is there.

    Raises:
        UserError: it is not, and how to get it.
    """
    if kind == "rendered":
        rendered.shards(folder)
    else:
        SETS[kind].find(folder)


def _training(kind: Kind, folder: Path, cache: Path, section: DataSection) -> CropSet:
    if CropSet.is_there(folder):
        return CropSet.open(folder)
    if kind == "rendered":
        return rendered.training_crops(folder, cache, section.on_bad)
    if kind == "mpii":
        return mpii.training_crops(folder, cache, "train", section.on_bad)
    if kind == "human36m":
        return human36m.training_crops(folder, cache, None, section.on_bad)
    return lsp.training_crops(
        SETS[kind].find(folder), cache, section.held_out or SETS[kind].default_split, section.on_bad
    )


def _nobody(folder: Path, cache: Path, section: DataSection) -> CropSet:
    if CropSet.is_there(folder):
        return CropSet.open(folder)
    return empty.training_crops(folder, cache, section.on_bad)


def _held_out(config: Config, data: Path, cache: Path) -> CropSet | None:
    section, kind, folder = config.data, config.data.photos_kind, data / config.data.photos
    if CropSet.is_there(folder):
        beside = folder.with_name(f"{folder.name}-held-out")
        return CropSet.open(beside) if CropSet.is_there(beside) else None
    if kind == "mpii":
        return mpii.training_crops(folder, cache, SETS[kind].default_split)
    if kind == "human36m":
        frames = human36m.frames(folder, "test", WATCHED_EVERY)
        key: dict[str, object] = {"set": kind, "split": "test", "every": WATCHED_EVERY, "frames": frames.key.tolist()}
        watched = human36m.samples(folder, "test", every=WATCHED_EVERY)
        return cached(key, len(frames), watched, cache, "human36m-held-out")
    if kind == "rendered":
        return rendered.training_crops(data / section.held_out, cache) if section.held_out else None
    found = SETS[kind].find(folder)
    names = lsp.read_split(found, section.held_out or SETS[kind].default_split)
    key = {"set": kind, "only": names, "labels": file_hash(found / "joints.mat"), "format": 2}
    return cached(key, len(names), lsp.samples(found, names), cache, f"{kind}-held-out")
