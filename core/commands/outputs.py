"""What ``predict`` and ``compare`` write: each file whole, and never onto what is read."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import UserError

if TYPE_CHECKING:
    from core.film import Film
    from core.media import Frame
    from core.pose import Pose

FileKey = tuple[int, int]
T = TypeVar("T", bound=Mapping[str, Any])
Parts = tuple[list[dict[str, Any]], list[Path], list[Any], tuple[int, int, int]]
"""Of one process: entries, figures, pages, and how many pages were left out, figures not drawn, files not written."""

ONE_FILE = ("json", "csv", "npz", "report")
"""Outputs that hold all inputs; the others are one file per input."""
FOLDERS = ("figure", "bvh", "mp4")
"""Outputs of one file per input, or per frame."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the outputs."""
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write the poses as JSON")
    parser.add_argument("--csv", type=Path, metavar="OUT.csv", help="write one row per joint")
    parser.add_argument("--npz", type=Path, metavar="OUT.npz", help="write the poses as NumPy arrays")
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="write one HTML page with pictures and tables")
    parser.add_argument(
        "--figure", type=Path, metavar="DIR", help="write an annotated figure per picture (of a video: one a second)"
    )
    parser.add_argument("--figure-format", default="png", choices=("png", "svg", "pdf"), help="(default: %(default)s)")
    parser.add_argument("--bvh", type=Path, metavar="DIR", help="write a BVH body per picture or video")
    parser.add_argument("--mp4", type=Path, metavar="DIR", help="write every video with its skeletons drawn in")


def one_file(args: argparse.Namespace) -> dict[str, Path | None]:
    """Return the files that hold all inputs by the option that names each, with what is written beside one."""
    from core.export import note_of

    named = {name: getattr(args, name) for name in ONE_FILE}
    return {**named, "csv's note": None if args.csv is None else note_of(args.csv)}


def file_key(path: Path) -> FileKey | None:
    """Return what is the same for every name of one file (links, upper and lower case), None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def protect(read: Iterable[Path | None], written: Mapping[str, Path | None]) -> frozenset[FileKey]:
    """Return the keys of all files that are read, which nothing may be written onto.

    Args:
        read: the files.
        written: the files to be written, by the option that names each.

    Raises:
        UserError: an output was named that is read as well, or two outputs are one file.
    """
    keys = frozenset(key for path in read if path is not None and (key := file_key(path)) is not None)
    words: dict[Path, str] = {}
    for name, path in written.items():
        if path is None:
            continue
        if file_key(path) in keys:
            raise UserError(f"--{name} {path} is a file that is read", "give the output a name of its own")
        before = words.setdefault(path.resolve(), f"--{name}")
        if before != f"--{name}":
            raise UserError(f"{before} and --{name} are both {path}", "give each a name of its own")
    return keys


def shortly(error: BaseException) -> str:
    """Return the type and the first line of an error that nobody foresaw."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def in_order(items: Iterable[T], files: Sequence[Path]) -> list[T]:
    """Return entries or failures in the order of the inputs; those of no file (an empty folder) first."""
    from core.export import printable

    order = {printable(path): number for number, path in enumerate(files)}
    return sorted(items, key=lambda item: order.get(item["input"], -1))


@dataclass
class Files:
    """Files that are written one by one: named without harm to what is read, and counted where they fail.

    Attributes:
        args: of the command, with ``figure`` and ``figure_format``.
        protected: keys of files that are read.
        stems: what the files of each input are called after, where several inputs have one name.
        ending: files of one input are called ``NAME-ending``.
        unwritten: how many files could not be written.
    """

    args: argparse.Namespace
    protected: frozenset[FileKey] = frozenset()
    stems: Mapping[Path, str] = field(default_factory=dict)
    ending: str = field(default="pose", kw_only=True)
    unwritten: int = field(default=0, kw_only=True)
    _taken: set[Path] = field(default_factory=set, kw_only=True)
    _figures: list[Path] = field(default_factory=list, kw_only=True)
    _undrawn: int = field(default=0, kw_only=True)

    def stem(self, source: Path) -> str:
        """Return what the files of an input are called after."""
        return self.stems.get(source, source.stem)

    def write(self, name: str, write: Callable[[], Path]) -> None:
        """Write one file and say where it is, or why not; the others must not suffer."""
        try:
            print(f"{name}: {write()}")
        except UserError as error:
            self.unwritten += 1
            print(error, file=sys.stderr)

    def place(self, folder: Path, stem: str, suffix: str) -> Path:
        """Return a file of this name in a folder that nothing reads and no other output took."""
        target = folder / f"{stem}-{self.ending}{suffix}"
        number = 2
        while target in self._taken or file_key(target) in self.protected:
            # An input may itself be called NAME-pose.png, or a picture like the frame of a video.
            target = folder / f"{stem}-{number}-{self.ending}{suffix}"
            number += 1
        self._taken.add(target)
        return target

    def draw(self, frame: Frame, write: Callable[[Path, str], Path]) -> None:
        """Write one figure; the first that fails says why, for the others fail likewise.

        Args:
            frame: what it is of.
            write: writes it to a path under a title.
        """
        import cv2

        own = self.stem(frame.source)
        stem = own if frame.time_s is None else f"{own}-{frame.index:06d}"
        target = self.place(self.args.figure, stem, f".{self.args.figure_format}")
        try:
            self._figures.append(write(target, title_of(frame)))
        except UserError as error:
            self.not_drawn(error)
        except (ArithmeticError, MemoryError, RuntimeError, ValueError, cv2.error) as error:
            # The pose is found and goes into the files; only its figure is missing.
            told = f"the figure of {frame.source.name} could not be drawn ({shortly(error)})"
            self.not_drawn(UserError(told, "report this file"))

    def not_drawn(self, error: UserError) -> None:
        """Count a figure that could not be written."""
        self.unwritten += 1
        self._undrawn += 1
        if self._undrawn == 1:
            print(error, file=sys.stderr, flush=True)

    def say_figures(self) -> None:
        """Say where the figures are, and how many there are not."""
        if self._figures:
            names = sorted(self._figures)
            print(f"Figure: {names[0]}" if len(names) == 1 else f"Figures: {len(names)} in {self.args.figure}")
        if self._undrawn > 1:
            print(f"{self._undrawn} figures could not be written.", file=sys.stderr)


class OncePerSecond:
    """Which frames of one input have a figure and a page: a picture, or the first of each second of a video."""

    def __init__(self) -> None:
        self._last = -1

    def takes(self, frame: Frame) -> bool:
        """Tell whether this frame, the next of the input, is one of them; a picture is, for each person in it."""
        if frame.time_s is None:
            return True
        second = int(frame.time_s)
        last, self._last = self._last, second
        return second != last


class Pages:
    """What a report shows: one page per picture or second of a video, as many as anyone reads."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.left_out = 0

    def add(self, make: Callable[[], Any]) -> None:
        """Make and keep one page, or only count it."""
        from core import report

        if len(self.kept) < report.MOST_PAGES:
            self.kept.append(make())
        else:
            self.left_out += 1


@dataclass
class Outputs(Files):
    """The files that ``predict`` was asked for and what became of them.

    Attributes:
        checkpoint: from ``checkpoint.summary``.
        terms: of the checkpoint's data.
        entries: all poses so far, as exported.
        pages: of the report.
    """

    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    pages: Pages = field(default_factory=Pages)

    def one(self, source: Path) -> OneInput:
        """Return the outputs of one input, to be used in a ``with`` block."""
        return OneInput(self, source)

    def parts(self) -> Parts:
        """Return what another process must know of this one's work."""
        return self.entries, self._figures, self.pages.kept, (self.pages.left_out, self._undrawn, self.unwritten)

    def join(self, parts: Sequence[Parts], files: Sequence[Path]) -> None:
        """Take over what all processes did, in the order of the inputs."""
        from core import report

        self.entries = in_order((item for entries, _, _, _ in parts for item in entries), files)
        self._figures = [path for _, figures, _, _ in parts for path in figures]
        pages = [page for _, _, pages, _ in parts for page in pages]
        places = {id(page.entry): page for page in pages}
        self.pages.left_out, self._undrawn, self.unwritten = (
            sum(counts) for counts in zip(*(part[3] for part in parts), strict=True)
        )
        # Each kept its first pages, so the first of all are among them.
        ordered = [places[id(item)] for item in in_order((page.entry for page in pages), files)]
        self.pages.kept, over = ordered[: report.MOST_PAGES], ordered[report.MOST_PAGES :]
        self.pages.left_out += len(over)

    def finish(self, failed: list[dict[str, str]]) -> int:
        """Write what holds all inputs; return how many files could not be written, of all that were asked for."""
        from core import export, report

        args = self.args
        writers: list[tuple[str, Path | None, Callable[[], Path]]] = [
            ("JSON", args.json, lambda: export.write_json(args.json, self.entries, self.checkpoint, failed)),
            ("CSV", args.csv, lambda: export.write_csv(args.csv, self.entries, self.checkpoint)),
            ("NPZ", args.npz, lambda: export.write_npz(args.npz, self.entries, self.checkpoint)),
            ("Report", args.report, lambda: report.write(
                args.report, self.pages.kept, self.checkpoint, self.terms, failed, self.pages.left_out)),
        ]  # fmt: skip
        for name, path, write in writers:
            if path is not None:
                self.write(name, write)
        self.say_figures()
        return self.unwritten


class OneInput:
    """The outputs of one picture or video, begun by its first pose and closed with the block.

    An interrupt keeps what a film has so far; any other exception leaves no file.
    """

    def __init__(self, outputs: Outputs, source: Path) -> None:
        self._outputs = outputs
        self._args = outputs.args
        self._source = source
        self._entries: list[dict[str, Any]] = []
        self._shown = OncePerSecond()
        self._stack = ExitStack()
        self._film: Film | None = None
        self._film_path: Path | None = None
        self._filming = self._args.mp4 is not None

    def __enter__(self) -> OneInput:
        return self

    def add(self, frame: Frame, pose: Pose, item: dict[str, Any]) -> None:
        """Take in one pose."""
        from core import report

        outputs, args = self._outputs, self._args
        outputs.entries.append(item)
        self._entries.append(item)
        if self._shown.takes(frame):
            if args.figure is not None:
                outputs.draw(frame, functools.partial(_draw, frame, pose))
            if args.report is not None:
                outputs.pages.add(lambda: report.page(frame.image, pose, item, title_of(frame)))
        if self._filming and frame.time_s is not None:
            self._add_to_film(frame, pose, frame.time_s)

    def unseen(self, frame: Frame) -> None:
        """Take in a frame of a video in which nobody is: only the film shows it."""
        if self._filming and frame.time_s is not None:
            self._add_to_film(frame, None, frame.time_s)

    def _add_to_film(self, frame: Frame, pose: Pose | None, time_s: float) -> None:
        from core import film

        try:
            if self._film is None:
                self._film_path = self._outputs.place(self._args.mp4, self._outputs.stem(self._source), film.SUFFIX)
                rate = film.frame_rate(self._source)
                self._film = self._stack.enter_context(film.writing(self._film_path, rate))
            self._film.add(frame.image, pose, time_s)
        except UserError as error:
            self._filming = False
            self._close_film(error)

    def _close_film(self, error: BaseException | None) -> None:
        """Close the film, keeping it without an error; tell what became of it."""
        if self._film_path is None:
            return
        path, self._film_path = self._film_path, None

        def close() -> Path:
            if error is None:
                self._stack.close()
            else:
                self._stack.__exit__(type(error), error, error.__traceback__)
                if isinstance(error, UserError):
                    raise error
            return path

        self._outputs.write("Video", close)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            self._close_film(None)
        elif self._film_path is not None:
            self._stack.__exit__(type(error), error, error.__traceback__)
        if error is None and self._args.bvh is not None and self._entries:
            from core import bvh

            target = self._outputs.place(self._args.bvh, self._outputs.stem(self._source), ".bvh")
            self._outputs.write("BVH", lambda: bvh.write(target, self._entries, self._outputs.checkpoint))


def _draw(frame: Frame, pose: Pose, target: Path, title: str) -> Path:
    from core import figure

    return figure.write_figure(target, frame.image, pose, title)


def title_of(frame: Frame) -> str:
    """Return what to call a picture or a video's frame."""
    return frame.source.name if frame.time_s is None else f"{frame.source.name}, {frame.time_s:.2f} s"
