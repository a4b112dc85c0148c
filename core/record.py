"""Recording what flows by: films that can be opened even if the program is killed while it writes them.

A film is an AVI of JPEG pictures. Every picture stands by itself and is in the file soon after it was taken, so that a
film that was cut off plays up to its last second; MP4 needs an index that is written at the end, and the Matroska
writer keeps up to five seconds in memory.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from core import avi, export, film
from core.commands import lines
from core.errors import RunError
from core.media import Picture
from core.person import Seen

if TYPE_CHECKING:
    from core.capture.state import LiveFrame
    from core.person import Sight
    from core.pose import Pose

KINDS: Final = ("stream", "overlay", "space", "poses")
"""What can be recorded: the source's pictures, these with skeletons, the 3D view, and the poses as JSON lines."""
RATE: Final = 25.0
"""Pictures a second of the films; a picture stays until the next one came."""
LONGEST_GAP_S: Final = 5.0
"""A longer pause of the source is cut to this in the film."""
LEAST_FREE: Final = 64 * 1024**2
"""Bytes that a recording leaves on the disk, so that other files of the user's can still be saved."""
BUFFER: Final = 512 * 1024
"""Bytes that the writer keeps back at most, with room to spare: 256 kB were measured."""
CHECK_EVERY_S: Final = 1.0
SUFFIXES: Final = {"stream": ".avi", "overlay": ".avi", "space": ".avi", "poses": ".jsonl"}
_ELSEWHERE: Final = "make room on the disk, or choose another folder"


class GrowingFilm:
    """A film that is written while it happens.

    Args:
        path: the file, an AVI.
        rate: pictures a second.
    """

    def __init__(self, path: Path, rate: float = RATE) -> None:
        self.path = path
        self.count = 0
        """Pictures written, repeated ones included."""
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._started_s = 0.0
        self._last: Picture | None = None
        self._checked = (0, 0)
        self._made: list[str] = []
        self._comment = self._written = ""

    def tell(self, pose: Pose) -> None:
        """Say in the film's metadata how the poses were made that it shows: each way, and where it is first seen.

        Args:
            pose: one that the newest picture shows.
        """
        made = export.maker(pose)
        if made in self._made:
            return
        later = f"{self._comment}. First at {self.count / self._rate:.1f} s: {made}"
        self._comment = later if self._made else export.signature([pose])
        self._made.append(made)

    def add(self, image: Picture, time_s: float) -> None:
        """Show a picture from a time on.

        Args:
            image: (h, w, 3) RGB; of another size than the first it is fitted into the film's.
            time_s: on any clock, later than the picture before.

        Raises:
            UserError: no film can be written there.
        """
        if self._writer is None:
            self._begin(image, time_s)
        due = round((time_s - self._started_s) * self._rate)
        most = self.count + round(LONGEST_GAP_S * self._rate)
        if due > most:
            self._started_s += (due - most) / self._rate
            due = most
        self._repeat(due)
        self._last = np.ascontiguousarray(_fitted(image, self._size)[..., ::-1])

    def check(self) -> None:
        """See that what was written is in the file, with its comment: the writer itself tells of no full disk.

        Raises:
            UserError: the file does not grow any more.
        """
        self._put_comment()
        if self._writer is None or self._last is None:
            return
        size, (count, before) = _size_of(self.path), self._checked
        if size > before:
            self._checked = (self.count, size)
            return
        # What the writer's own buffer can hold need not be in the file yet; calm pictures are small.
        coded, data = cv2.imencode(".jpg", self._last, [cv2.IMWRITE_JPEG_QUALITY, 50])
        owed = (self.count - count) * len(data) / 4 if coded else 0
        if self.count - count >= 2 * self._rate and owed > BUFFER:
            raise RunError(f"{self.path.name} could not be written any further", _ELSEWHERE)

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._writer is not None:
            self._repeat(self.count + 1)
            self._writer.release()
            self._writer = None
            self._put_comment()

    def _put_comment(self) -> None:
        # The writer's buffer may hold all of a short film; and a comment is not worth losing one for.
        if self._comment != self._written and _size_of(self.path):
            with suppress(OSError):
                avi.put_comment(self.path, self._comment)
            self._written = self._comment

    def _begin(self, image: Picture, time_s: float) -> None:
        height, width = image.shape[:2]
        self._size = (max(2, width - width % 2), max(2, height - height % 2))
        codec = cv2.VideoWriter.fourcc(*"MJPG")
        self._writer = cv2.VideoWriter(str(self.path), cv2.CAP_FFMPEG, codec, self._rate, self._size)
        if not self._writer.isOpened():
            self._writer = None
            raise RunError(f"{self.path} could not be begun", "choose another folder")
        self._started_s = time_s

    def _repeat(self, until: int) -> None:
        while self._last is not None and self._writer is not None and self.count < until:
            self._writer.write(self._last)
            self.count += 1


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _fitted(image: Picture, size: tuple[int, int]) -> Picture:
    """Return the picture in a film's size: cut by a pixel, or reduced into a black frame."""
    width, height = size
    if image.shape[1] - width in (0, 1) and image.shape[0] - height in (0, 1):
        return image[:height, :width]
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0])))
    small = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    framed = np.zeros((height, width, 3), np.uint8)
    framed[top : top + inner[1], left : left + inner[0]] = small
    return framed


class Recording:
    """The files of one recording, each a kind of ``KINDS``.

    Args:
        stem: folder and start of the files' names.
        kinds: which.
        source: what the poses say they are of.
        checkpoint: of the poses, from ``checkpoint.summary``.

    Raises:
        UserError: the folder cannot be written, or its disk is full.
    """

    def __init__(self, stem: Path, kinds: Sequence[str], source: str, checkpoint: Mapping[str, Any]) -> None:
        self._folder = stem.parent
        self._source = source
        self._checked_s = 0.0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{self._folder} cannot be made ({error.strerror})", "choose another folder") from error
        self._check_room()
        paths = {kind: stem.with_name(f"{stem.name}-{kind}{SUFFIXES[kind]}") for kind in KINDS if kind in kinds}
        self._films = {kind: GrowingFilm(path) for kind, path in paths.items() if kind != "poses"}
        self._lines = lines.Lines(str(paths["poses"]), checkpoint) if "poses" in paths else None
        self._paths = paths

    def add(self, frame: LiveFrame, sights: Sequence[Sight], looked: bool = True) -> None:
        """Write one frame and who is seen in it.

        Args:
            frame: of the source.
            sights: who is meant, then the others; empty before anything was looked at.
            looked: whether this very frame was looked at: else it has no line among the poses.

        Raises:
            UserError: something cannot be written; ``close`` all the same.
        """
        self._check()
        stream, overlay = self._films.get("stream"), self._films.get("overlay")
        if stream is not None:
            stream.add(frame.image, frame.captured_s)
        if overlay is not None:
            overlay.add(_drawn(frame, sights), frame.captured_s)
        for drawn in (each for kind, each in self._films.items() if kind != "stream"):
            for sight in sights:
                if sight.pose is not None:
                    drawn.tell(sight.pose)
        if self._lines is not None and looked:
            self._write_lines(self._lines, frame, sights)

    def add_space(self, image: Picture, time_s: float) -> None:
        """Write one (h, w, 3) RGB picture of the 3D view, at a time of ``time.monotonic()``.

        Raises:
            UserError: it cannot be written.
        """
        if "space" in self._films:
            self._films["space"].add(image, time_s)

    def close(self) -> list[Path]:
        """Close all files; return those that hold something, the others are taken away."""
        for each in self._films.values():
            each.close()
        if self._lines is not None:
            self._lines.__exit__()
        for kind, each in self._films.items():
            if not each.count:
                with suppress(OSError):
                    self._paths[kind].unlink()
        return [path for path in self._paths.values() if _size_of(path)]

    def _write_lines(self, out: lines.Lines, frame: LiveFrame, sights: Sequence[Sight]) -> None:
        for sight in sights:
            if sight.pose is not None and sight.seen is Seen.FOLLOWED:
                item = export.entry(sight.pose, self._source, frame.index, frame.time_s)
                out.write(lines.seen(item, sight, None))
            else:
                out.write(lines.unseen(self._source, frame, sight))

    def _check(self) -> None:
        now_s = time.monotonic()
        if now_s - self._checked_s >= CHECK_EVERY_S:
            self._checked_s = now_s
            self._check_room()
            for each in self._films.values():
                each.check()

    def _check_room(self) -> None:
        if shutil.disk_usage(self._folder).free < LEAST_FREE:
            raise RunError(f"the disk of {self._folder} is nearly full", _ELSEWHERE)


def _drawn(frame: LiveFrame, sights: Sequence[Sight]) -> Picture:
    """Return a frame with everybody who is seen in it."""
    drawn = frame.image
    for sight in sights[1:]:
        drawn = film.annotated(drawn, sight.pose)
    pose = sights[0].pose if sights else None
    seen = "" if not sights else "nobody" if pose is None else f"confidence {pose.mean_confidence:.2f}"
    return film.annotated(drawn, pose, f"{frame.time_s:7.2f} s   {seen}")
