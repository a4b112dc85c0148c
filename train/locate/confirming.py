"""Fits how the pose network confirms whom the locating network proposes (``core.locate.Confirming``).

``python -m train.locate.confirming LOCATOR --data LSPET --rendered RENDERED/test --empty BACKGROUNDS`` chooses the
limit on held-out places without people and stores it in the locator's file. Both networks know the places they were
trained on too well to choose by. So that the choice flatters nobody, it is made on one half of the places and measured
on the other, both ways round, and this is what is printed; stored is the limit of all places.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from core import checkpoint, locate
from core.checkpoint import write_file
from core.errors import UserError
from core.locate import Candidate, Confirming, Locator, network
from core.predictor import Predictor
from train import tool
from train.locate import measuring
from train.locate.measuring import Case, HeldOut

QUIET: Final = 0.955
"""Share of the places without people in which nobody may be found."""
WEIGHT: Final = 5.0
"""Of the pose network's mean confidence: between 3 and 5 it hardly matters (``docs/locate.md``)."""
PROPOSED: Final = 0.25
"""With proposals from 0.05 on as many held-out people were found, at twice to three times the looks."""


def limit_for(sums: Sequence[float], quiet: float) -> float:
    """Return about the lowest limit, to two digits, that at least the share ``quiet`` of some places stays under.

    Args:
        sums: of each place the likeliest proposal's; minus infinity where nobody is proposed.
        quiet: 0..1.
    """
    highest = float(np.quantile(np.array(sums), quiet, method="higher"))
    if not math.isfinite(highest):
        return 0.0
    hundredths = math.floor(100.0 * highest)
    while hundredths / 100.0 <= highest:  # times a hundred, -1.1 is rounded to less than -110
        hundredths += 1
    return hundredths / 100.0


def fit(
    predictor: Predictor, locator: Locator, sets: HeldOut, quiet: float = QUIET, weight: float = WEIGHT
) -> tuple[Confirming, dict[str, Any]]:
    """Return the rule, and what halves of the places say of each other.

    Args:
        predictor: with the pose network.
        locator: the locating network; a rule that it has already does not matter.
        sets: held-out pictures.
        quiet: see ``QUIET``.
        weight: see ``WEIGHT``.
    """
    locator.confirming = Confirming(PROPOSED, weight, 0.0)
    sums = [_highest(predictor, locator, place.image) for place in tqdm(sets.places, desc="places", unit="picture")]
    people = {name: list(_judged(predictor, locator, cases)) for name, cases in sets.cases()}
    halves = []
    for mine, other in ((sums[::2], sums[1::2]), (sums[1::2], sums[::2])):
        limit = limit_for(mine, quiet)
        told: dict[str, Any] = {"limit": limit, "nobody_found_percent": 100.0 * float(np.mean(np.array(other) < limit))}
        for name, judged in people.items():
            told[f"{name}_found_percent"] = 100.0 * float(np.mean([_found(each, limit) for each in judged]))
        halves.append(told)
    rule = Confirming(PROPOSED, weight, limit_for(sums, quiet))
    chosen_by = {"checkpoint": predictor.checkpoint.info.name, "quiet": quiet, "places": len(sums), "halves": halves}
    return rule, chosen_by


def _highest(predictor: Predictor, locator: Locator, image: Any) -> float:
    found = predictor.people(image, locator, doubtful=True)
    return max((_sum(candidate) for candidate in found), default=-np.inf)


def _judged(predictor: Predictor, locator: Locator, cases: Iterable[Case]) -> Iterable[list[tuple[float, bool]]]:
    for picture, box, _ in cases:
        found = predictor.people(picture, locator, doubtful=True)
        yield [(_sum(each), locate.overlap(each.box_px, box) >= measuring.ENOUGH) for each in found]


def _sum(candidate: Candidate) -> float:
    # The limit was 0: the surety's logit is the sum itself.
    return float(np.log(candidate.score / (1.0 - candidate.score)))


def _found(judged: list[tuple[float, bool]], limit: float) -> bool:
    return any(right and total >= limit for total, right in judged)


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Fit how the pose network confirms the locating network's proposals.")
    parser.add_argument("locator", type=Path)
    parser.add_argument("--checkpoint", default="compact-geo", help="whose pose network is asked")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default=None)
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--empty", type=Path, required=True)
    parser.add_argument("--quiet", type=float, default=QUIET)
    parser.set_defaults(pairs=None)
    args = parser.parse_args()
    return tool.finished(lambda: _run(args))


def _run(args: argparse.Namespace) -> None:
    if not 0.0 <= args.quiet <= 1.0:
        raise UserError(f"--quiet {args.quiet:g} is no share", "give a number from 0 to 1")
    predictor = Predictor(checkpoint.load(args.checkpoint))
    rule, chosen_by = fit(predictor, Locator.load(args.locator), measuring.held_out(args), args.quiet)
    tensors, metadata = network.read(args.locator)
    metadata["confirming"] = {**rule.to_dict(), "chosen_by": chosen_by}
    write_file(args.locator, tensors, metadata)
    print(json.dumps(metadata["confirming"], indent=1))


if __name__ == "__main__":
    sys.exit(main())
