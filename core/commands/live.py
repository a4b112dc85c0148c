"""``predict`` on what does not stand still: cameras, streams, and videos whose person is followed.

The frames of a file are all looked at; of a camera or a stream always the newest, and the others are counted.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Generator
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands import lines, outputs, predicting
from core.errors import INTERRUPTED, RunError, UserError

if TYPE_CHECKING:
    from core.capture.live import Capture
    from core.capture.sources import Source
    from core.capture.state import LiveFrame, Status
    from core.commands.tables import Listing
    from core.follow import Follower
    from core.predictor import Predictor


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
    outputs: outputs.Outputs
    keeps: bool
    listing: Listing
    failed: list[dict[str, str]] = field(default_factory=list)
    interrupted: bool = False


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code: 0 done, 1 some inputs failed, 130 a file was interrupted."""
    from core import checkpoint
    from core.commands import tables

    protected = _check(args)
    loaded = checkpoint.load(args.checkpoint)
    told = checkpoint.summary(loaded.info)
    predictor = predicting.predictor(loaded, args)
    with lines.Lines(args.jsonl, told) as out, redirect_stdout(sys.stderr if out.printed else sys.stdout):
        written = outputs.Outputs(args, protected, {}, told, checkpoint.terms(loaded.info))
        # Lines go out as they come; only what is written at the end must be kept until then.
        keeps = any(getattr(args, name) is not None for name in (*outputs.ONE_FILE, *outputs.FOLDERS))
        job = Job(args, predictor, out, written, keeps, tables.Listing())
        code = _each(job)
        unwritten = written.finish(job.failed)
    return code or (1 if job.failed or unwritten else 0)


def _each(job: Job) -> int:
    """Do one input after the other; return 0, or 130 if a file was interrupted."""
    from core.capture import sources

    for text in job.args.inputs:
        try:
            source = sources.parse(text)
            _one(job, source)
        except UserError as error:
            _fail(job, sources.without_password(text), error)
        except KeyboardInterrupt:
            return INTERRUPTED
        if job.interrupted:
            # A camera has no end of its own: to interrupt it is to end it.
            return INTERRUPTED if source.is_file else 0
    return 0


def _check(args: argparse.Namespace) -> frozenset[outputs.FileKey]:
    """Refuse outputs that could not be what they say, and outputs onto what is read; return what is read.

    Raises:
        UserError: one of these was asked for.
    """
    from core.capture import sources

    unfit = ("--boxes", args.boxes is not None), ("--progress", args.progress), ("--people all", args.people == "all")
    for word, asked in unfit:
        if asked:
            raise UserError(f"{word} does not go with live sources and --follow", "leave it out")
    flows = args.live or any(sources.is_live(text) for text in args.inputs)
    if flows and args.mp4 is not None:
        raise UserError("--mp4 needs every frame, and a live source gives only the newest", "give a video, not --live")
    written = outputs.one_file(args)
    written["jsonl"] = None if args.jsonl in (None, "-") else Path(args.jsonl)
    return outputs.protect([*map(Path, args.inputs), Path(args.checkpoint)], written)


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
    path = Path(source.address if source.is_file else source.name)
    tally = lines.Tally(source.given)
    try:
        with job.outputs.one(path) as one:
            looking = Looking(job, source, path, follower, one, tally)
            try:
                if source.is_file and not args.live:
                    _file(looking)
                else:
                    _live(looking)
            except KeyboardInterrupt:
                job.interrupted, tally.reason = True, "interrupted"
    except UserError:
        tally.reason = "failed"
        raise
    finally:
        job.lines.write({"end": tally.facts()})
        print(tally.sentence(), flush=True)


@dataclass
class Looking:
    """One source while it is looked at."""

    job: Job
    source: Source
    path: Path
    follower: Follower
    one: outputs.OneInput
    tally: lines.Tally

    def step(self, frame: LiveFrame) -> None:
        """Look at one frame; write and print what it shows."""
        from core import export, media
        from core.commands import tables
        from core.person import Seen

        job, given = self.job, self.source.given
        sight = self.follower.step(frame.image, frame.time_s)
        self.tally.add(sight, frame.time_s)
        kept = media.Frame(frame.image, self.path, frame.index, frame.time_s)
        if sight.pose is None or sight.seen is not Seen.FOLLOWED:
            job.lines.write(lines.unseen(given, frame, sight))
            self.one.unseen(kept)
            print(f"{given} frame {frame.index} ({frame.time_s:.2f} s): {sight.seen.value}", flush=True)
            return
        latency_s = None if self.source.is_file and not job.args.live else time.monotonic() - frame.captured_s
        item = export.entry(sight.pose, given, frame.index, frame.time_s)
        if job.keeps:
            self.one.add(kept, sight.pose, item)
        job.lines.write(lines.seen(item, sight, latency_s))
        if not job.lines.printed:
            job.listing.put(tables.heading(item), item)


def _file(looking: Looking) -> None:
    """Look at every frame of a file."""
    seconds = looking.job.args.max_seconds
    with closing(every_frame(looking.source)) as frames:
        for frame in frames:
            if seconds is not None and frame.time_s >= seconds:
                looking.tally.reason = "max-seconds"
                return
            looking.step(frame)


def _live(looking: Looking) -> None:
    """Look at the newest frame again and again."""
    from core.capture.live import Capture

    job, source, tally = looking.job, looking.source, looking.tally

    def tell(status: Status) -> None:
        job.lines.tell({"status": {"input": source.given, "state": status.state.value, "message": str(status)}})
        if status.error is not None and status.retry_s:
            print(status, file=sys.stderr, flush=True)

    seconds = job.args.max_seconds
    until = math.inf if seconds is None else time.monotonic() + seconds
    capture = Capture(source, on_status=tell)
    try:
        with capture:
            while (frame := _take(capture, until)) is not None:
                looking.step(frame)
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
