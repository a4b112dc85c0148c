"""``compare INPUT... --a NAME --b NAME [--c NAME [--d NAME]]``: up to four checkpoints on the same pictures."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core import stopping
from core.commands import outputs, predict, predicting
from core.errors import INTERRUPTED, UserError

if TYPE_CHECKING:
    from core.checkpoint import CheckpointInfo
    from core.commands.tables import Listing
    from core.compare import Comparison
    from core.media import Frame
    from core.pose import Pose
    from core.predictor import Predictor

SHORT: Final = {"geo": "compact-geo", "no-geo": "compact-no-geo"}
"""Short names of the bundled pair."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    told = "bundled name, file, or geo or no-geo for the bundled pair (default: %(default)s)"
    parser.add_argument("--a", default="geo", metavar="NAME|FILE", help=f"{told}; it also finds the person")
    parser.add_argument("--b", default="no-geo", metavar="NAME|FILE", help=told)
    for option in ("--c", "--d"):
        parser.add_argument(option, metavar="NAME|FILE", help="one more to compare with A")
    predict.add_input_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write poses, differences and summary as JSON")
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="write one HTML page with pictures and tables")
    parser.add_argument(
        "--figure", type=Path, metavar="DIR", help="write all side by side per picture (of a video: one a second)"
    )
    parser.add_argument("--figure-format", default="png", choices=("png", "svg", "pdf"), help="(default: %(default)s)")


@dataclass
class Job:
    """What was asked for and what has come of it so far; ``predictor`` is A's, ``others`` are B's and so on."""

    args: argparse.Namespace
    predictor: Predictor
    others: Sequence[Predictor]
    files: outputs.Files
    boxes: Mapping[str, predict.Box]
    tables: bool
    listing: Listing
    entries: list[dict[str, Any]] = field(default_factory=list)
    comparisons: list[tuple[Comparison, ...]] = field(default_factory=list)
    pages: outputs.Pages = field(default_factory=outputs.Pages)
    failed: list[dict[str, str]] = field(default_factory=list)

    def fail(self, source: str | Path, error: UserError) -> None:
        """Name a failed input at once and remember it for the JSON."""
        from core import export

        item = export.failure(source, error)
        self.failed.append(item)
        print(predict.told(item["input"], error), file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    """Compare; returns the exit code: 0 done, 1 some inputs failed, 130 interrupted."""
    from core import checkpoint, export_comparison, media
    from core.commands import tables
    from core.compare import LETTERS

    boxes = predict.read_boxes(args.boxes) if args.boxes is not None else {}
    inputs, unusable = media.expand_inputs(args.inputs)
    names = _names(args)
    protected = outputs.protect([*inputs, *map(Path, names), args.boxes], {"json": args.json, "report": args.report})
    models = [checkpoint.load(name) for name in names]
    first, *others = (predicting.predictor(loaded, args) for loaded in models)
    files = outputs.Files(args, protected, predict.figure_stems(inputs), ending="compare")
    job = Job(args, first, others, files, boxes, len(inputs) <= predict.MOST_TABLES, tables.Listing())
    for source, error in unusable:
        job.fail(source, error)
    told = ", ".join(f"{letter}: {loaded.info.name}" for letter, loaded in zip(LETTERS, models, strict=False))
    *before, last = (f"{letter} minus A" for letter in LETTERS[1 : len(models)])
    print(f"{told}; differences are {', '.join(before)}{' and ' if before else ''}{last}.\n", flush=True)
    code = 0
    try:
        for path in inputs:
            stopping.check()
            predict.attempt(path, functools.partial(_one, job), job.fail)
    except KeyboardInterrupt:
        done = len({item["input"] for item in job.entries})
        print(f"Stopped: {done} of {len(inputs)} inputs done.", file=sys.stderr)
        code = INTERRUPTED
    if len(job.comparisons) > 1:
        summary = export_comparison.summary(job.comparisons, job.entries, len(models))
        print(tables.summary_table(summary) + "\n", flush=True)
    _write(job, [loaded.info for loaded in models])
    files.say_figures()
    if job.failed:
        print(f"{len(job.failed)} of the inputs failed.", file=sys.stderr)
    return code or (1 if job.failed or files.unwritten else 0)


def _names(args: argparse.Namespace) -> list[str]:
    """Return the checkpoints from A on.

    Raises:
        UserError: a letter was left out.
    """
    if args.d is not None and args.c is None:
        raise UserError("--d stands without --c", "name the third checkpoint with --c")
    return [_full_name(name) for name in (args.a, args.b, args.c, args.d) if name is not None]


def _full_name(name: str) -> str:
    return name if Path(name).exists() else SHORT.get(name, name)


def _one(job: Job, path: Path) -> None:
    """Compare on all frames of one input; print and draw as they come."""
    from core import export_comparison
    from core.commands import tables
    from core.compare import compare_all, sentences

    shown = outputs.OncePerSecond()
    for frame, a in predict.poses(job, path):
        poses = (a, *(other.predict(frame.image, a.box_px, job.args.height_mm) for other in job.others))
        found = compare_all(poses)
        item = export_comparison.entry(poses, found, path, frame.index, frame.time_s)
        job.entries.append(item)
        job.comparisons.append(found)
        if frame.time_s is None and job.tables:
            print(tables.comparison_table(item, sentences(found)) + "\n", flush=True)
        else:
            job.listing.put(tables.comparison_heading(item), item)
        if shown.takes(frame):
            if job.args.figure is not None:
                job.files.draw(frame, functools.partial(_draw, frame, poses, found))
            if job.args.report is not None:
                job.pages.add(functools.partial(_page, frame, poses, found, item))


def _write(job: Job, infos: Sequence[CheckpointInfo]) -> None:
    """Write what holds all inputs."""
    from core import checkpoint, export_comparison, report_comparison

    args, entries, comparisons = job.args, job.entries, job.comparisons
    told = [checkpoint.summary(info) for info in infos]
    if args.json is not None:
        job.files.write("JSON", lambda: export_comparison.write_json(args.json, entries, comparisons, told, job.failed))
    if args.report is not None:
        terms = [checkpoint.terms(info) for info in infos]
        summary = export_comparison.summary(comparisons, entries, len(infos))
        job.files.write(
            "Report",
            lambda: report_comparison.write(
                args.report, job.pages.kept, summary, told, terms, job.failed, job.pages.left_out
            ),
        )


def _page(frame: Frame, poses: Sequence[Pose], found: Sequence[Comparison], item: dict[str, Any]) -> Any:
    from core import report_comparison

    return report_comparison.page(frame.image, poses, found, item, outputs.title_of(frame))


def _draw(frame: Frame, poses: Sequence[Pose], found: Sequence[Comparison], target: Path, title: str) -> Path:
    from core import figure_comparison

    return figure_comparison.write_figure(target, frame.image, poses, found, title)
