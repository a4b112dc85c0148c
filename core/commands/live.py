"""``predict`` on what does not stand still: cameras, streams, and videos whose person is followed.

The frames of a file are all looked at; of a camera or a stream always the newest, and the others are counted.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.commands import lines
from core.errors import RunError, UserError

if TYPE_CHECKING:
    from core.capture.live import Capture
    from core.capture.sources import Source
    from core.capture.state import LiveFrame, Status
    from core.follow import Sight
    from core.predictor import Predictor

KNOWN_FILES: Final = ("json", "csv", "jsonl")
"""The outputs that are written here; ``predict`` has others, for pictures."""
INTERRUPTED: Final = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``predict`` takes for videos and live sources."""
    group = parser.add_argument_group(
        "videos and live sources", "INPUT may be camera:0, an http or rtsp address, or walk/%%04d.png; Ctrl+C ends"
    )
    group.add_argument("--follow", action="store_true", help="follow one person (always so for live sources)")
    group.add_argument("--smooth", action="store_true", help="follow, and smooth the joints over time")
    group.add_argument(
        "--live", action="store_true", help="play a video or pictures as if live: late frames are dropped"
    )
    group.add_argument("--max-seconds", type=parse_seconds, metavar="S", help="end each input after S seconds")
    group.add_argument("--jsonl", metavar="OUT.jsonl|-", help="write one JSON object per line as poses come (-: print)")


def parse_seconds(text: str) -> float:
    """Parse a duration."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: give seconds above 0, such as 10")
    return seconds


def asked_for(args: argparse.Namespace) -> bool:
    """Tell whether ``predict`` shall follow somebody rather than look at each picture by itself."""
    from core.capture import sources

    wished = args.follow or args.smooth or args.live or args.max_seconds is not None or args.jsonl is not None
    return wished or any(sources.is_live(text) or sources.is_sequence(text) for text in args.inputs)


@dataclass
class Job:
    """What was asked for and what has come of it so far."""

    args: argparse.Namespace
    predictor: Predictor
    lines: lines.Lines
    entries: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    interrupted: bool = False


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code: 0 done, 1 some inputs failed, 130 a file was interrupted."""
    from core import checkpoint, export
    from core.capture import sources
    from core.predictor import Predictor

    _refuse_what_is_not_written(args)
    loaded = checkpoint.load(args.checkpoint)
    told = checkpoint.summary(loaded.info)
    predictor = Predictor(loaded, args.device, flip=not args.no_flip)
    code = 0
    with lines.Lines(args.jsonl, told) as out:
        job = Job(args, predictor, out)
        for text in args.inputs:
            shown = sources.without_password(text)
            try:
                source = sources.parse(text)
                _one(job, source)
                code = code or (INTERRUPTED if job.interrupted and source.is_file else 0)
            except UserError as error:
                _fail(job, shown, error)
            except KeyboardInterrupt:
                job.interrupted, code = True, INTERRUPTED
            if job.interrupted:
                break
    outputs: list[tuple[str, Path | None, Callable[[], Path]]] = [
        ("JSON", args.json, lambda: export.write_json(args.json, job.entries, told, job.failed)),
        ("CSV", args.csv, lambda: export.write_csv(args.csv, job.entries)),
    ]
    unwritten = 0
    for name, path, write in outputs:
        if path is not None:
            try:
                _say(job, f"{name}: {write()}")
            except UserError as error:
                unwritten += 1
                print(error, file=sys.stderr)
    return code or (1 if job.failed or unwritten else 0)


def _refuse_what_is_not_written(args: argparse.Namespace) -> None:
    """Refuse outputs that would silently be missing, and outputs onto what is read.

    Raises:
        UserError: one of these was asked for.
    """
    for name, value in vars(args).items():
        if isinstance(value, Path) and name not in KNOWN_FILES:
            word = "--" + name.replace("_", "-")
            raise UserError(f"{word} does not go with live sources and --follow", "leave it out, or leave these out")
    read = {Path(text).resolve() for text in (*args.inputs, args.checkpoint)}
    written: set[Path] = set()
    for name in KNOWN_FILES:
        path = getattr(args, name)
        if path is None or path == "-":
            continue
        if Path(path).resolve() in read | written:
            raise UserError(f"--{name} {path} is read or written already", "give the output a name of its own")
        written.add(Path(path).resolve())


def _say(job: Job, text: str) -> None:
    """Print for people, beside the lines for programs if these are printed."""
    print(text, file=sys.stderr if job.lines.printed else sys.stdout, flush=True)


def _fail(job: Job, source: str, error: UserError) -> None:
    from core import export

    item = export.failure(source, error)
    job.failed.append(item)
    job.lines.write({"failed": item})
    text = str(error)
    print(text if source in text else f"{source}: {text}", file=sys.stderr, flush=True)


def _one(job: Job, source: Source) -> None:
    """Follow the person in one source until it ends; an interrupt ends it cleanly."""
    from core.follow import Follower

    args = job.args
    follower = Follower(lambda image, box: job.predictor.predict(image, box, args.height_mm), args.box, args.smooth)
    tally = lines.Tally(source.given)
    try:
        if source.is_file and not args.live:
            with closing(every_frame(source)) as frames:
                for frame in frames:
                    if args.max_seconds is not None and frame.time_s >= args.max_seconds:
                        tally.reason = "max-seconds"
                        break
                    _report(job, source, frame, follower.step(frame.image, frame.time_s), tally)
        else:
            _live(job, source, follower, tally)
    except KeyboardInterrupt:
        job.interrupted, tally.reason = True, "interrupted"
    except UserError:
        tally.reason = "failed"
        raise
    finally:
        job.lines.write({"end": tally.facts()})
        _say(job, tally.sentence())


def _live(job: Job, source: Source, follower: Any, tally: lines.Tally) -> None:
    from core.capture.live import Capture

    def tell(status: Status) -> None:
        job.lines.write({"status": {"input": source.given, "state": status.state.value, "message": str(status)}})
        if status.error is not None and status.retry_s:
            print(status, file=sys.stderr, flush=True)

    seconds = job.args.max_seconds
    until = math.inf if seconds is None else time.monotonic() + seconds
    capture = Capture(source, on_status=tell)
    try:
        with capture:
            while (frame := _take(capture, until)) is not None:
                _report(job, source, frame, follower.step(frame.image, frame.time_s), tally)
    finally:
        tally.dropped, tally.damaged = capture.dropped, capture.damaged
    if time.monotonic() >= until:
        tally.reason = "max-seconds"
        if not tally.frames:
            raise RunError(f"{source.given} gave no frame in {seconds:g} s", "check the camera, or allow more time")


def _take(capture: Capture, until: float) -> LiveFrame | None:
    left = until - time.monotonic()
    frame = None if left <= 0 else capture.take(left if math.isfinite(left) else None)
    status = capture.status
    if frame is None and status.error is not None and status.state.value == "faulted":
        raise status.error
    return frame


def every_frame(source: Source) -> Generator[LiveFrame, None, None]:
    """Yield all frames of a video or of a sequence of pictures with their own times.

    Raises:
        UserError: it cannot be read.
    """
    from core import media
    from core.capture.sources import SEQUENCE_RATE, sequence_files
    from core.capture.state import LiveFrame

    if source.kind == "video":
        for frame in media.video_frames(Path(source.address)):
            yield LiveFrame(frame.image, frame.index, frame.time_s or 0.0, time.monotonic())
    else:
        for index, path in enumerate(sequence_files(source.address)):
            yield LiveFrame(media.read_picture(path), index, index / SEQUENCE_RATE, time.monotonic())


def _report(job: Job, source: Source, frame: LiveFrame, sight: Sight, tally: lines.Tally) -> None:
    """Write and print what one frame shows."""
    from core import export
    from core.commands import tables
    from core.follow import Seen

    latency_s = None if source.is_file and not job.args.live else time.monotonic() - frame.captured_s
    tally.add(sight, frame.time_s)
    if sight.pose is None or sight.seen is not Seen.FOLLOWED:
        job.lines.write(lines.unseen(source.given, frame, sight))
        _say(job, f"{source.given} frame {frame.index} ({frame.time_s:.2f} s): {sight.seen.value}")
        return
    item = export.entry(sight.pose, source.given, frame.index, frame.time_s)
    if job.args.json is not None or job.args.csv is not None:
        job.entries.append(item)
    job.lines.write(lines.seen(item, sight, latency_s))
    if not job.lines.printed:
        print(tables.heading(item), flush=True)
