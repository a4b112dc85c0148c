"""``predict INPUT...``: poses of pictures, folders and videos, printed and written."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import UserError

if TYPE_CHECKING:
    from core.checkpoint import CheckpointInfo
    from core.media import Frame
    from core.pose import Pose
    from core.predictor import Predictor

Box = tuple[float, float, float, float]

DEFAULT_CHECKPOINT: Final = "compact-geo"
MOST_TABLES: Final = 20
"""With more pictures, each gets one line instead of its tables."""
INTERRUPTED: Final = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="picture, folder of pictures, or video file")
    parser.add_argument(
        "--checkpoint",
        default=DEFAULT_CHECKPOINT,
        metavar="NAME|FILE",
        help="bundled name or file (default: %(default)s)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--box", type=parse_box, metavar="X,Y,W,H", help="the person's box in pixels of the upright picture"
    )
    where.add_argument(
        "--boxes", type=Path, metavar="FILE.json", help='boxes by file name: {"photo.jpg": [x, y, w, h], ...}'
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write the poses as JSON")
    parser.add_argument("--csv", type=Path, metavar="OUT.csv", help="write one row per joint")
    parser.add_argument(
        "--figure", type=Path, metavar="DIR", help="write an annotated figure per picture (of a video: one a second)"
    )
    parser.add_argument("--no-flip", action="store_true", help="do not average with the mirrored picture: faster")
    parser.add_argument(
        "--height-mm", type=parse_height, metavar="MM", help="the person's height, to scale the skeleton by"
    )


def parse_box(text: str) -> Box:
    """Parse X,Y,W,H."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a box: give X,Y,W,H in pixels, such as 40,20,120,300"
        ) from None
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} has no area: give X,Y,W,H with W and H above 0")
    return (x, y, width, height)


def parse_height(text: str) -> float:
    """Parse a person's height in millimetres."""
    try:
        height = float(text)
    except ValueError:
        height = math.nan
    if not 200.0 <= height <= 3000.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no person's height: give millimetres, such as 1750")
    return height


def read_boxes(path: Path) -> dict[str, Box]:
    """Read a boxes file.

    Raises:
        UserError: it is missing or not what the contract says.
    """
    example = 'write {"photo.jpg": [x, y, w, h], ...}'
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the boxes file {path} cannot be read ({error.strerror})", "check its name") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"the boxes file {path} is not JSON", example) from error
    if not isinstance(content, dict):
        raise UserError(f"the boxes file {path} does not map file names to boxes", example)
    boxes: dict[str, Box] = {}
    for name, value in content.items():
        try:
            if not isinstance(value, list) or not all(type(part) in (int, float) for part in value):
                raise ValueError(value)
            boxes[name] = parse_box(",".join(str(float(part)) for part in value))
        except (ValueError, OverflowError, argparse.ArgumentTypeError) as error:
            raise UserError(
                f"the box of {name} in {path} is not a list of four numbers [x, y, w, h] with an area", example
            ) from error
    return boxes


FileKey = tuple[int, int]
Parts = tuple[list[dict[str, Any]], list[dict[str, str]], set[Path], int]
"""Entries, failures, figures and how many figures could not be drawn, of one process."""


def file_key(path: Path) -> FileKey | None:
    """Return what is the same for every name of one file (links, upper and lower case), None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def protect(args: argparse.Namespace, files: Iterable[Path]) -> frozenset[FileKey]:
    """Return the keys of all files that are read, which nothing may be written onto.

    Raises:
        UserError: an output was named that is read as well, or two outputs are one file.
    """
    read = [*files, Path(args.checkpoint), *([args.boxes] if args.boxes is not None else [])]
    keys = frozenset(key for path in read if (key := file_key(path)) is not None)
    for word, path in (("--json", args.json), ("--csv", args.csv)):
        if path is not None and file_key(path) in keys:
            raise UserError(f"{word} {path} is a file that is read", "give the output a name of its own")
    if args.json is not None and args.csv is not None and args.json.resolve() == args.csv.resolve():
        raise UserError(f"--json and --csv are both {args.json}", "give each a name of its own")
    return keys


@dataclass
class Job:
    """What was asked for and what has come of it so far."""

    args: argparse.Namespace
    predictor: Predictor
    info: CheckpointInfo
    boxes: Mapping[str, Box]
    tables: bool
    protected: frozenset[FileKey] = frozenset()
    stems: Mapping[Path, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    figures: set[Path] = field(default_factory=set)
    undrawn: int = 0

    def fail(self, source: str | Path, error: UserError) -> None:
        """Name a failed input at once and remember it for the JSON."""
        from core import export

        item = export.failure(source, error)
        self.failed.append(item)
        print(_line(item["input"], error), file=sys.stderr, flush=True)

    def not_drawn(self, error: UserError) -> None:
        """Count a figure that could not be written; the first one says why, for the others fail likewise."""
        self.undrawn += 1
        if self.undrawn == 1:
            print(error, file=sys.stderr, flush=True)

    def parts(self) -> Parts:
        """Return what another process must know of this one's work."""
        return self.entries, self.failed, self.figures, self.undrawn

    def join(self, parts: list[Parts], files: Sequence[Path]) -> None:
        """Take over what all processes did, in the order of the inputs."""
        from core import export

        order = {export.printable(path): number for number, path in enumerate(files)}
        self.entries = [item for entries, _, _, _ in parts for item in entries]
        self.failed = [item for _, failed, _, _ in parts for item in failed]
        for items in (self.entries, self.failed):
            items.sort(key=lambda item: order.get(item["input"], -1))
        self.figures = {path for _, _, figures, _ in parts for path in figures}
        self.undrawn = sum(undrawn for _, _, _, undrawn in parts)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code: 0 done, 1 some inputs failed, 130 interrupted.

    Under torchrun the processes share the inputs, and the first one writes what all of them found.
    """
    from core import checkpoint, media, sharding
    from core.predictor import Predictor

    boxes = read_boxes(args.boxes) if args.boxes is not None else {}
    files, unusable = media.expand_inputs(args.inputs)
    protected = protect(args, files)
    loaded = checkpoint.load(args.checkpoint)
    with sharding.shared() as share:
        predictor = Predictor(loaded, args.device, flip=not args.no_flip)
        tables, stems = len(files) <= MOST_TABLES, figure_stems(files)
        job = Job(args, predictor, loaded.info, boxes, tables, protected, stems)
        for source, error in unusable if share.leads else ():
            job.fail(source, error)
        code = 0
        try:
            for path in share.take(files):
                _try(job, path)
        except KeyboardInterrupt:
            done = len({item["input"] for item in job.entries})
            print(f"Stopped: {done} of {len(share.take(files))} inputs done.", file=sys.stderr)
            code = INTERRUPTED
        if share.count > 1:
            parts = share.gather(job.parts())
            if not share.leads:
                return code
            job.join(parts, files)
    unwritten = _write(job)
    return code or (1 if job.failed or unwritten else 0)


def figure_stems(files: Sequence[Path]) -> dict[Path, str]:
    """Name the figures of each input after it; where several are called the same, the later ones get a number."""
    stems: dict[Path, str] = {}
    taken: set[str] = set()
    for path in files:
        if path in stems:
            continue
        stem, number = path.stem, 2
        while stem in taken:
            stem = f"{path.stem}-{number}"
            number += 1
        taken.add(stem)
        stems[path] = stem
    return stems


def _try(job: Job, path: Path) -> None:
    """Predict one input; whatever goes wrong with it must not cost the others."""
    import torch

    try:
        _one(job, path)
    except UserError as error:
        job.fail(path, error)
    except (MemoryError, torch.OutOfMemoryError):
        job.fail(path, UserError("there is not enough memory for it", "make it smaller, or add --device cpu"))
    except (ArithmeticError, RuntimeError, ValueError) as error:
        # Nothing foresaw this one.
        first = (str(error).splitlines() or [""])[0]
        told = f"it could not be processed ({type(error).__name__}: {first})"
        job.fail(path, UserError(told, "try another file and report this one"))


def _one(job: Job, path: Path) -> None:
    """Predict all frames of one input; print and draw as they come."""
    from core import export
    from core.commands import tables

    drawn_second = -1
    for frame, pose in _poses(job, path):
        item = export.entry(pose, path, frame.index, frame.time_s)
        job.entries.append(item)
        if frame.time_s is None and job.tables:
            print(tables.pose_table(item, pose) + "\n", flush=True)
        else:
            print(tables.heading(item), flush=True)
        second = 0 if frame.time_s is None else int(frame.time_s)
        if job.args.figure is not None and second != drawn_second:
            drawn_second = second
            try:
                _draw(job, frame, pose)
            except UserError as error:
                # The pose is found and goes into the files; only its figure is missing.
                job.not_drawn(error)
            except (ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
                first = (str(error).splitlines() or [""])[0]
                told = f"the figure of {frame.source.name} could not be drawn ({type(error).__name__}: {first})"
                job.not_drawn(UserError(told, "report this file"))


def _poses(job: Job, path: Path) -> Iterator[tuple[Frame, Pose]]:
    """Yield each frame with its pose; in a video the box follows the joints of the frame before."""
    from core import media
    from core.track import Tracker

    given = job.args.box or job.boxes.get(path.name)
    tracker = Tracker(lambda image, box: job.predictor.predict(image, box, job.args.height_mm), given)
    for frame in media.frames(path):
        yield frame, tracker.pose(frame.image)


def _draw(job: Job, frame: Frame, pose: Pose) -> None:
    """Write one figure as ``NAME-pose.png``, never onto a file that is read.

    Raises:
        UserError: it cannot be written.
    """
    from core import figure

    own = job.stems.get(frame.source, frame.source.stem)
    stem = own if frame.time_s is None else f"{own}-{frame.index:06d}"
    target: Path = job.args.figure / f"{stem}-pose.png"
    number = 2
    while target in job.figures or file_key(target) in job.protected:
        # An input may itself be called NAME-pose.png, or a picture like the frame of a video.
        target = job.args.figure / f"{stem}-{number}-pose.png"
        number += 1
    title = frame.source.name if frame.time_s is None else f"{frame.source.name}, {frame.time_s:.2f} s"
    figure.write_figure(target, frame.image, pose, title)
    job.figures.add(target)


def _write(job: Job) -> int:
    """Write what was asked for, each file on its own; return how many could not be written."""
    from core import checkpoint, export

    args, unwritten = job.args, job.undrawn
    told = checkpoint.summary(job.info)
    outputs: list[tuple[str, Path | None, Callable[[], Path]]] = [
        ("JSON", args.json, lambda: export.write_json(args.json, job.entries, told, job.failed)),
        ("CSV", args.csv, lambda: export.write_csv(args.csv, job.entries)),
    ]
    for name, path, write in outputs:
        if path is None:
            continue
        try:
            print(f"{name}: {write()}")
        except UserError as error:
            unwritten += 1
            print(error, file=sys.stderr)
    if job.figures:
        names = sorted(job.figures)
        print(f"Figure: {names[0]}" if len(names) == 1 else f"Figures: {len(names)} in {args.figure}")
    if job.undrawn > 1:
        print(f"{job.undrawn} figures could not be written.", file=sys.stderr)
    if job.failed:
        print(f"{len(job.failed)} of the inputs failed.", file=sys.stderr)
    return unwritten


def _line(source: str, error: UserError) -> str:
    """One sentence that names the input once."""
    text = str(error)
    return text if source in text or Path(source).name in text else f"{source}: {text}"
