"""``evaluate``: measure a checkpoint on held-out data, the way anyone else would use it (``Predictor``)."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, Final, get_args

from core import checkpoint, sharding
from core.commands import predicting
from core.errors import UserError
from core.export import write_atomically
from core.predictor import Predictor
from core.sharding import Share
from train.datasets import catalogue
from train.datasets.reading import OnBad, Problems
from train.evaluation import empty, shared
from train.evaluation.collecting import Collected, Row, collect
from train.evaluation.printing import print_figures
from train.evaluation.protocols import PROTOCOLS
from train.locate import measuring as locating

SCHEMA: Final = "bonesight.figures/1"
BOXES: Final = {
    "mpii": "boxes as annotated: centre 15 x scale lower, side 250 x scale",
    "human36m": "boxes: the whole 224 px crop",
}
SEARCHED: Final = {
    "both": "no boxes given: the person is searched for in the whole picture and by the locating network",
    "search": "no boxes given: the person is searched for in the whole picture",
    "network": "no boxes given: the locating network finds the person, a search of the whole picture where it does not",
}
FROM_LABELS: Final = "boxes from the labels: extent of the joints x 1.25, square"
NAMED: Final = 20
"""How many bad samples of each kind the JSON names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--dataset", required=True, choices=(*PROTOCOLS, "locate"))
    parser.add_argument("--data", type=Path, required=True, help="the set's folder, or the one above")
    parser.add_argument("--split", default=None, help="the set's split, or for lsp a file of picture names")
    parser.add_argument("--checkpoint", default="compact-geo", help="bundled name or file")
    predicting.add_arguments(parser)
    parser.add_argument(
        "--box", choices=("given", "search"), default="given",
        help="the box of the set's protocol, or none: the person is searched for in the picture (slower)",
    )  # fmt: skip
    parser.add_argument(
        "--on-bad",
        choices=get_args(OnBad),
        default="skip",
        help="bad samples: leave out and count, or stop at the first",
    )
    parser.add_argument(
        "--empty", type=Path, metavar="DIR", help="pictures without people: can the confidence tell them apart?"
    )
    parser.add_argument(
        "--empty-all", action="store_true", help="all of these pictures, not only the one in five that is held out"
    )
    parser.add_argument("--rendered", type=Path, metavar="DIR", help="for locate: rendered people of the test split")
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="for locate: people rendered with --together 1")
    parser.add_argument("--locator", type=Path, metavar="FILE", help="for locate: another file than the bundled one")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file")
    parser.add_argument(
        "--figure", type=Path, metavar="DIR", help="draw the PCK curve and the reliability diagram, as PNG and SVG"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, print and write; returns the exit code. Under torchrun the processes share the samples."""
    if args.dataset == "locate":
        return locating.run(args)
    loaded = checkpoint.load(args.checkpoint)
    name, title = catalogue.which(args.dataset, args.data)
    problems = Problems(title, args.on_bad)
    with sharding.shared() as share:
        predictor = predicting.predictor(loaded, args)
        rows, nobody = _gathered(args, name, predictor, problems, share)
        if not share.leads:
            return 0
    problems.tell()
    if not rows:
        raise UserError("there is nothing to evaluate on", "check --data and --split: no annotated picture was found")
    found = Collected(rows)
    figures = {
        "schema": SCHEMA,
        "dataset": args.dataset,
        "data": {
            "set": name,
            "title": title,
            "folder": args.data.resolve().name,
            "split": args.split or catalogue.default_split(name),
        },
        "box": args.box,
        "protocol": (SEARCHED[args.locate] if args.box == "search" else BOXES.get(name, FROM_LABELS))
        + "".join(f"; {part}" for part in predictor.made().departures()),
        "checkpoint": {
            **checkpoint.summary(loaded.info),
            "weights_sha256": loaded.info.metadata.get("weights_sha256"),
            "bone_sum_mm": loaded.bone_sum_mm,
        },
        **PROTOCOLS[name](found, loaded.bone_sum_mm),
        "left_out": {
            "samples": problems.count,
            "kinds": {kind: {"samples": len(names), "first": names[:NAMED]} for kind, names in problems.found.items()},
        },
    }
    if args.box == "search":
        figures["search"] = shared.search_figures(found)
    if args.empty is not None:
        figures["without_people"] = empty.figures(found, nobody, args.empty, args.empty_all)
    print_figures(figures)
    if args.json is not None:
        text = json.dumps(without_nan(figures), indent=1, allow_nan=False) + "\n"
        print(f"JSON: {write_atomically(args.json, text.encode())}")
    if args.figure is not None:
        # A machine that only trains may have no matplotlib.
        from train.evaluation import drawing

        for path in drawing.write(figures, args.figure):
            print(f"Figure: {path}")
    return 0


def _gathered(
    args: argparse.Namespace, name: str, predictor: Predictor, problems: Problems, share: Share
) -> tuple[list[Row], list[float]]:
    """Predict this process's share; the leader gets everyone's, and all that was bad counted in ``problems``."""
    part: tuple[list[Row], list[float], dict[str, list[str]]] | UserError
    try:
        samples = catalogue.samples(name, args.data, args.split, problems.on_bad, problems, share)
        rows = collect(
            predictor, samples, problems, search=args.box == "search", whole=args.empty is not None, show=share.leads
        )
        nobody = [] if args.empty is None else empty.scores(predictor, args.empty, problems, share, args.empty_all)
        part = rows, nobody, problems.found
    except UserError as error:
        part = error
    parts = share.gather(part)
    for _, _, found in parts[1:]:
        problems.merge(found)
    return [row for rows, _, _ in parts for row in rows], [score for _, scores, _ in parts for score in scores]


def without_nan(value: Any) -> Any:
    """Replace numbers that do not exist (no person with a torso, say) by None: JSON knows no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
