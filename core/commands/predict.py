"""``predict INPUT...``: poses of pictures, folders and videos, printed and written."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from core import stopping
from core.commands import live, outputs, predicting
from core.errors import INTERRUPTED, UserError

if TYPE_CHECKING:
    from core.commands.tables import Listing
    from core.media import Frame
    from core.pose import Pose
    from core.predictor import Predictor

Box = tuple[float, float, float, float]

DEFAULT_CHECKPOINT: Final = "compact-geo"
MOST_TABLES: Final = 20
"""With more pictures, each gets one line instead of its tables."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--checkpoint",
        default=DEFAULT_CHECKPOINT,
        metavar="NAME|FILE",
        help="bundled name or file (default: %(default)s)",
    )
    add_input_arguments(parser)
    parser.add_argument(
        "--people",
        choices=("one", "all"),
        default="one",
        help="of pictures without a given box: one, or all that the locating network names (default: %(default)s)",
    )
    outputs.add_arguments(parser)
    parser.add_argument("--progress", action="store_true", help="print one JSON line per input, for other programs")
    live.add_arguments(parser)


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every command that looks at pictures takes: inputs, boxes, device, mirror averaging, height."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="picture, folder of pictures, or video file")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--box", type=parse_box, metavar="X,Y,W,H", help="the person's box in pixels of the upright picture"
    )
    where.add_argument(
        "--boxes", type=Path, metavar="FILE.json", help='boxes by file name: {"photo.jpg": [x, y, w, h], ...}'
    )
    predicting.add_arguments(parser)
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


class Asked(Protocol):
    """What ``poses`` needs to know."""

    args: argparse.Namespace
    predictor: Predictor
    boxes: Mapping[str, Box]


@dataclass
class Job:
    """What was asked for and what has come of it so far."""

    args: argparse.Namespace
    predictor: Predictor
    outputs: outputs.Outputs
    boxes: Mapping[str, Box]
    tables: bool
    listing: Listing
    failed: list[dict[str, str]] = field(default_factory=list)

    def fail(self, source: str | Path, error: UserError) -> None:
        """Name a failed input at once and remember it for the JSON."""
        from core import export

        item = export.failure(source, error)
        self.failed.append(item)
        if self.args.progress:
            _tell("failed", **item)
        else:
            print(told(item["input"], error), file=sys.stderr, flush=True)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code: 0 done, 1 some inputs failed, 130 interrupted.

    Under torchrun the processes share the inputs, and the first one writes what all of them found.
    """
    from core import checkpoint, media, sharding
    from core.commands import tables

    if live.asked_for(args):
        return live.run(args)
    _check_people(args)
    boxes = read_boxes(args.boxes) if args.boxes is not None else {}
    files, unusable = media.expand_inputs(args.inputs)
    protected = outputs.protect([*files, Path(args.checkpoint), args.boxes], outputs.one_file(args))
    loaded = checkpoint.load(args.checkpoint)
    summary, terms, stems = checkpoint.summary(loaded.info), checkpoint.terms(loaded.info), figure_stems(files)
    with sharding.shared() as share:
        predictor = predicting.predictor(loaded, args)
        written = outputs.Outputs(args, protected, stems, summary, terms)
        job = Job(args, predictor, written, boxes, len(files) <= MOST_TABLES, tables.Listing())
        if args.progress and share.leads:
            _tell("start", inputs=len(files) + len(unusable))
        for source, error in unusable if share.leads else ():
            job.fail(source, error)
        code = 0
        try:
            for path in share.take(files):
                stopping.check()
                attempt(path, lambda path: _one(job, path), job.fail)
        except KeyboardInterrupt:
            done = len({item["input"] for item in written.entries})
            print(f"Stopped: {done} of {len(share.take(files))} inputs done.", file=sys.stderr)
            code = INTERRUPTED
        if share.count > 1:
            parts = share.gather((job.failed, written.parts()))
            if not share.leads:
                return code
            job.failed = outputs.in_order((item for failed, _ in parts for item in failed), files)
            written.join([part for _, part in parts], files)
    unwritten = written.finish(job.failed)
    if job.failed:
        print(f"{len(job.failed)} of the inputs failed.", file=sys.stderr)
    return code or (1 if job.failed or unwritten else 0)


def _check_people(args: argparse.Namespace) -> None:
    if args.people == "one":
        return
    if args.bvh is not None:
        raise UserError("--bvh writes one body per input", "leave --people all out, or give each person's --box")


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


def attempt(path: Path, one: Callable[[Path], None], fail: Callable[[Path, UserError], None]) -> None:
    """Do one input; whatever goes wrong with it is told and must not cost the others."""
    import cv2
    import torch

    try:
        one(path)
    except UserError as error:
        fail(path, error)
    except (MemoryError, torch.OutOfMemoryError):
        fail(path, UserError("there is not enough memory for it", "make it smaller, or add --device cpu"))
    except (ArithmeticError, RuntimeError, ValueError, cv2.error) as error:
        # Nothing foresaw this one.
        what = f"it could not be processed ({outputs.shortly(error)})"
        fail(path, UserError(what, "try another file and report this one"))


def _one(job: Job, path: Path) -> None:
    """Predict all frames of one input; print and draw as they come."""
    from core import export
    from core.commands import tables

    with job.outputs.one(path) as one:
        for frame, pose in everybody(job, path) if job.args.people == "all" else poses(job, path):
            item = export.entry(pose, path, frame.index, frame.time_s)
            if job.args.progress:
                pass
            elif frame.time_s is None and job.tables:
                print(tables.pose_table(item, pose) + "\n", flush=True)
            else:
                job.listing.put(tables.heading(item), item)
            one.add(frame, pose, item)
    if job.args.progress:
        _tell("done", input=export.printable(path))


def _tell(event: str, **facts: object) -> None:
    """Print one line of progress as JSON."""
    print(json.dumps({"event": event, **facts}), flush=True)


def poses(job: Asked, path: Path) -> Iterator[tuple[Frame, Pose]]:
    """Yield each frame with its pose; in a video the box follows the joints of the frame before."""
    from core import media
    from core.track import Tracker

    given = job.args.box or job.boxes.get(path.name)
    tracker = Tracker(lambda image, box: job.predictor.predict(image, box, job.args.height_mm), given)
    for frame in media.frames(path):
        yield frame, tracker.pose(frame.image)


def everybody(job: Job, path: Path) -> Iterator[tuple[Frame, Pose]]:
    """Yield a picture with the pose of each person in it, the surest first; with a given box, of that one.

    Raises:
        UserError: it is a video.
    """
    from core import media

    given = job.args.box or job.boxes.get(path.name)
    for frame in media.frames(path):
        if frame.time_s is not None:
            raise UserError(f"{path.name} is a video, in which one person is followed", "leave --people all out")
        if given is not None:
            yield frame, job.predictor.predict(frame.image, given, job.args.height_mm)
        else:
            for pose in job.predictor.predict_everybody(frame.image, job.args.height_mm):
                yield frame, pose


def told(source: str, error: UserError) -> str:
    """One sentence that names the input once."""
    text = str(error)
    return text if source in text or Path(source).name in text else f"{source}: {text}"
