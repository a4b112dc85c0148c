"""``evaluate --dataset locate``: does the locating network find people, and nobody where nobody is?

Four kinds of held-out pictures, drawn alike in every run:

* photos as they are (LSP-Extended's split);
* these photos, shrunk or enlarged and put into a held-out place, so that the extent of the person's joints is 12 to
  90 % of the picture's height, evenly spread;
* rendered people of the test split, put there likewise;
* the places themselves, without anybody;
* people rendered in pairs (``render --together 1``), where their boxes meet: are both found? (If ``--pairs`` is given.)

All of it twice: by the locating network alone, and with the pose network confirming whom it proposes, as the program
does it. A person is found when a candidate's box and the box of the joints overlap by at least half (intersection over
union). Photos hold other people too, of whom nothing is known: so besides the best candidate all are asked.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core import checkpoint, crop
from core.commands import predicting
from core.errors import UserError
from core.export import write_atomically
from core.locate import Find, Locator, box_of_joints, overlap
from core.locate.candidates import SAME_PERSON
from train.datasets import empty, lsp, rendered
from train.evaluation import intervals
from train.locate import scenes
from train.locate.pictures import Source, of_sample
from train.locate.scenes import Canvas, Placing
from train.render.camera import in_picture

SCHEMA: Final = "bonesight.locate-figures/1"
ENOUGH: Final = 0.5
SHARES: Final = (0.12, 0.9)
"""Of the picture's height that the extent of the joints takes."""
SIZES: Final = ((640, 480), (480, 640), (560, 560))
BINS: Final = (0.12, 0.25, 0.5, 0.9)
TIMED: Final = 40
MOST_JOINTS: Final = 14
"""Of two people whose boxes meet, each must have so many joints in the picture,"""
LEAST_MEETING: Final = 0.05
"""and their boxes overlap by more than this, yet not so much that they pass for one person's."""

Case = tuple[NDArray[np.uint8], crop.Box, float]
"""A picture, the box of the person in it, and the share of the height that the joints take."""


@dataclass(frozen=True)
class HeldOut:
    """Pictures that nothing was trained on: photos, rendered people, places without people; maybe people in pairs."""

    photos: Sequence[Source]
    people: Sequence[Source]
    places: Sequence[Source]
    pairs: Sequence[Source] = ()

    def cases(self) -> Iterator[tuple[str, Iterator[Case]]]:
        """Yield the kinds of pictures with people, with a name each; a bar tells how far they are looked through."""
        kinds = {
            "photos": (self.photos, _as_they_are(self.photos)),
            "photos_at_any_size": (self.photos, zoomed(self.photos, self.places, 1)),
            "rendered_at_any_size": (self.people, zoomed(self.people, self.places, 2)),
        }
        for name, (people, cases) in kinds.items():
            yield name, iter(tqdm(cases, total=len(people), desc=name, unit="picture"))


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; returns the exit code. Takes the arguments of ``evaluate``.

    Raises:
        UserError: a set is not there, or the locator cannot be used.
    """
    for name in ("rendered", "empty"):
        if getattr(args, name) is None:
            raise UserError(f"--dataset locate needs --{name}", f"give --{name} DIR")
    locator = Locator.load(args.locator, args.device)
    sets = held_out(args)
    figures = {"schema": SCHEMA, "locator": told_of(locator), **measure(locator.find, sets)}
    if locator.confirming is not None:
        predictor = predicting.predictor(checkpoint.load(args.checkpoint), args)
        found = measure(lambda picture: predictor.people(picture, locator), sets)
        figures["confirmed"] = {"checkpoint": predictor.checkpoint.info.name, **found}
    show(figures)
    if args.json is not None:
        write_atomically(args.json, (json.dumps(figures, indent=1) + "\n").encode())
    return 0


def held_out(args: argparse.Namespace) -> HeldOut:
    """Open the sets that the arguments name.

    Raises:
        UserError: one is not there.
    """
    places = [of_sample(sample) for sample in empty.samples(args.empty, held_out=True)]
    if not places:
        raise UserError(f"{args.empty} holds no pictures that training holds out", "give another folder")
    folder = lsp.find(args.data)
    split = lsp.read_split(folder, args.split or ("val.txt" if lsp.kind(folder) == "lspet" else "test"))
    photos = [of_sample(sample) for sample in lsp.samples(folder, split)]
    people = [of_sample(sample) for sample in rendered.samples(args.rendered)]
    pairs = [] if args.pairs is None else [of_sample(sample) for sample in rendered.samples(args.pairs)]
    if args.pairs is not None and not any(True for _ in touching(pairs)):
        raise UserError(
            f"{args.pairs} shows no two people whose boxes meet",
            f"render some: `bonesight render --out {args.pairs} --split test --together 1 --count 400`",
        )
    return HeldOut(photos, people, places, pairs)


def told_of(locator: Locator) -> dict[str, Any]:
    """Return which locator is measured."""
    return {
        "weights_sha256": locator.metadata.get("weights_sha256"),
        "threshold": locator.threshold,
        "area_px": locator.area_px,
        "confirming": None if locator.confirming is None else locator.confirming.to_dict(),
    }


def measure(find: Find, sets: HeldOut) -> dict[str, Any]:
    """Return all figures of one way to find people; see the module."""
    found = {name: _found(find, cases) for name, cases in sets.cases()}
    quiet, took = _quiet(find, sets.places), _milliseconds(find, sets.photos[0].image)
    return {**found, "touching": _both(find, list(touching(sets.pairs))), "empty": quiet, "milliseconds": took}


def _as_they_are(photos: Sequence[Source]) -> Iterator[Case]:
    for photo in photos:
        joints = photo.joints_px[photo.annotated]
        share = float(np.ptp(joints[:, 1])) / photo.image.shape[0]
        yield photo.image, box_of_joints(joints), share


def zoomed(people: Sequence[Source], places: Sequence[Source], seed: int) -> Iterator[Case]:
    """Yield each person once, put into a place at a size drawn evenly from 12 to 90 % of the height."""
    for index, person in enumerate(people):
        random = np.random.default_rng((seed, index))
        size = SIZES[int(random.integers(len(SIZES)))]
        share = float(random.uniform(*SHARES))
        place = places[int(random.integers(len(places)))]
        canvas = Canvas(scenes.ground(place, size, (0.0, 0.0, 1.0, 1.0), False))
        matrix = scenes.filling(person, size, share, np.eye(2), random.random(2))
        canvas.put(person, Placing(matrix))
        if canvas.boxes:
            joints = crop.apply(matrix, person.joints_px[person.annotated])
            yield canvas.image, canvas.boxes[0], float(np.ptp(joints[:, 1])) / size[1]


def touching(pairs: Iterable[Source]) -> Iterator[tuple[NDArray[np.uint8], crop.Box, crop.Box]]:
    """Yield the pictures of two people whose boxes meet and who are both all but wholly in the picture."""
    for person in pairs:
        if person.other_px is None:
            continue
        height, width = person.image.shape[:2]
        seen = in_picture(person.other_px, (width, height))
        if min(seen.sum(), person.annotated.sum()) < MOST_JOINTS:
            continue
        first, second = box_of_joints(person.joints_px[person.annotated]), box_of_joints(person.other_px[seen])
        if LEAST_MEETING < overlap(first, second) <= SAME_PERSON:
            yield person.image, first, second


def _both(find: Find, pairs: Sequence[tuple[NDArray[np.uint8], crop.Box, crop.Box]]) -> dict[str, Any] | None:
    """Return in how many pictures of two people both are found; None where there are no such pictures."""
    if not pairs:
        return None
    both = []
    for picture, *boxes in tqdm(pairs, desc="touching", unit="picture"):
        candidates = find(picture)
        both.append(all(any(overlap(one.box_px, box) >= ENOUGH for one in candidates) for box in boxes))
    values = 100.0 * np.array(both, dtype=np.float64)
    return {
        "pictures": len(both),
        "both_found_percent": float(values.mean()),
        "both_found_percent_95_percent": intervals.of_mean(values),
    }


def _found(find: Find, cases: Iterable[Case]) -> dict[str, Any]:
    any_right, best_right, square_right, shares, named = [], [], [], [], []
    for picture, box, share in cases:
        candidates = find(picture)
        overlaps = [overlap(candidate.box_px, box) for candidate in candidates]
        any_right.append(max(overlaps, default=0.0) >= ENOUGH)
        best_right.append(bool(overlaps) and overlaps[0] >= ENOUGH)
        squares = [overlap(crop.square(candidate.box_px), crop.square(box)) for candidate in candidates]
        square_right.append(max(squares, default=0.0) >= ENOUGH)
        shares.append(share)
        named.append(len(candidates))
    out: dict[str, Any] = {"pictures": len(shares), "candidates_mean": float(np.mean(named))}
    for key, values in (("found", any_right), ("best_is_right", best_right), ("found_square", square_right)):
        out[f"{key}_percent"] = 100.0 * float(np.mean(values))
        out[f"{key}_percent_95_percent"] = intervals.of_mean(100.0 * np.array(values, dtype=np.float64))
    out["found_percent_by_size"] = _by_size(np.array(any_right, dtype=np.float64), np.array(shares))
    return out


def _by_size(right: NDArray[np.float64], shares: NDArray[np.float64]) -> dict[str, Any]:
    place = np.digitize(shares, BINS[1:-1])
    out = {}
    for row, (low, high) in enumerate(pairwise(BINS)):
        here = right[place == row]
        out[f"{100 * low:.0f} to {100 * high:.0f} %"] = {
            "pictures": len(here),
            "found_percent": 100.0 * float(here.mean()) if len(here) else None,
        }
    return out


def _quiet(find: Find, places: Sequence[Source]) -> dict[str, Any]:
    nothing = np.array([not find(place.image) for place in places], dtype=np.float64)
    return {
        "pictures": len(places),
        "nobody_found_percent": 100.0 * float(nothing.mean()),
        "nobody_found_percent_95_percent": intervals.of_mean(100.0 * nothing),
    }


def _milliseconds(find: Find, picture: NDArray[np.uint8]) -> dict[str, Any]:
    frame = scenes.ground(Source(picture, np.zeros((16, 2)), np.zeros(16, bool)), SIZES[0], (0, 0, 1, 1), False)
    seconds = []
    for number in range(TIMED + 3):
        began = time.perf_counter()
        find(frame)
        if number >= 3:
            seconds.append(time.perf_counter() - began)
    return {"picture": "640 x 480", "rounds": TIMED, "median": 1000.0 * statistics.median(seconds)}


def show(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    told = figures["locator"]
    asked = f"threshold {told['threshold']:.2f}, input of {told['area_px']} px; overlap at least {ENOUGH:g}"
    print(f"finding people by the locating network alone, {asked}")
    _show(figures)
    if "confirmed" in figures:
        print(f"\nproposed by the locating network, confirmed by {figures['confirmed']['checkpoint']}")
        _show(figures["confirmed"])


def _show(figures: dict[str, Any]) -> None:
    titles = {
        "photos": "photos as they are",
        "photos_at_any_size": "photos, 12 to 90 % of the height",
        "rendered_at_any_size": "rendered, 12 to 90 % of the height",
    }
    for name, title in titles.items():
        row = figures[name]
        print(f"  {title:36}{_percent(row, 'found_percent')} found, {row['pictures']} pictures")
        print(f"  {'':36}{_percent(row, 'best_is_right_percent')} by the best candidate")
        print(f"  {'':36}{_percent(row, 'found_square_percent')} found, as the square the pose network is given")
        by_size = ", ".join(
            f"{size}: {part['found_percent']:.0f} of {part['pictures']}"
            for size, part in row["found_percent_by_size"].items()
            if part["found_percent"] is not None
        )
        print(f"  {'':36}by size, percent found: {by_size}")
    if (row := figures["touching"]) is not None:
        both = _percent(row, "both_found_percent")
        print(f"  {'two whose boxes meet':36}{both} both found, {row['pictures']} pictures")
    row = figures["empty"]
    quiet = _percent(row, "nobody_found_percent")
    print(f"  {'places without people':36}{quiet} nobody found, {row['pictures']} pictures")
    print(f"  {'one picture of 640 x 480':36}{figures['milliseconds']['median']:.1f} ms")


def _percent(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_95_percent"]
    return f"{row[name]:.1f} % (95 %: {low:.1f} to {high:.1f})"
