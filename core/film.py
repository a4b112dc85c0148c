"""Annotated videos: every frame with its 2D skeleton, time stamp and confidence, in the colours of the figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core import mp4, skeleton
from core.errors import RunError
from core.export import replacing, signature
from core.figure import SIDE_COLOURS, UNSURE
from core.pose import Pose

Picture = NDArray[np.uint8]

SUFFIX: Final = ".mp4"
# The only codec for MP4 that OpenCV's own build can write; H.264 is not among them.
_CODEC: Final = "mp4v"
_HALO: Final = (24, 26, 30)
_STEPS: Final = 4
"""Fixed-point bits of drawn coordinates: sixteenths of a pixel, so that a slow movement does not jump."""


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


_COLOURS: Final = {side: _rgb(colour) for side, colour in SIDE_COLOURS.items()}


def frame_rate(path: Path) -> float:
    """Return the frames per second that a video file states; 25 where it states nothing sensible."""
    capture = cv2.VideoCapture(str(path))
    try:
        rate = float(capture.get(cv2.CAP_PROP_FPS)) if capture.isOpened() else 0.0
    finally:
        capture.release()
    return rate if 0.5 <= rate <= 480.0 else 25.0


class Film:
    """A video being written; made by ``writing``."""

    def __init__(self, partial: Path, shown: Path, rate: float, comment: str = "") -> None:
        self.comment = comment
        """What its metadata say; of the first pose that is added, where nothing was given."""
        self._partial = partial
        self._shown = shown
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self.count = 0

    def add(self, image: Picture, pose: Pose | None, time_s: float) -> None:
        """Draw the pose over a frame and append it.

        Args:
            image: (h, w, 3) RGB, left as it is.
            pose: the pose found in it; None where nobody is.
            time_s: seconds from the start, drawn in the corner.

        Raises:
            UserError: no such video can be written here.
        """
        if pose is not None and not self.comment:
            self.comment = signature([pose])
        seen = "nobody" if pose is None else f"confidence {pose.mean_confidence:.2f}"
        self.append(annotated(image, pose, f"{time_s:7.2f} s   {seen}"))

    def append(self, drawn: Picture) -> None:
        """Append a frame as it is.

        Args:
            drawn: (h, w, 3) RGB; another size than the first one's is padded or cut to it.

        Raises:
            UserError: no such video can be written here.
        """
        if self._writer is None:
            height, width = drawn.shape[:2]
            # The codec takes even sizes only.
            self._size = (width + width % 2, height + height % 2)
            self._writer = cv2.VideoWriter(
                str(self._partial), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*_CODEC), self._rate, self._size
            )
            if not self._writer.isOpened():
                raise RunError(f"{self._shown} could not be begun", "choose another folder, or make the video smaller")
        width, height = self._size
        if drawn.shape[1::-1] != self._size:
            down, across = max(height - drawn.shape[0], 0), max(width - drawn.shape[1], 0)
            padded = cv2.copyMakeBorder(drawn, 0, down, 0, across, cv2.BORDER_REPLICATE)
            drawn = np.asarray(padded[:height, :width], np.uint8)
        self._writer.write(np.ascontiguousarray(drawn[..., ::-1]))
        self.count += 1

    def finish(self) -> None:
        """Close the file and see that all frames are in it, for the writer itself tells of no full disk.

        Raises:
            UserError: they are not.
        """
        if self._writer is None:
            raise RunError(f"{self._shown} has no frame", "give a video that can be read")
        self.close()
        if self.comment:
            mp4.add_comment(self._partial, self.comment)
        capture = cv2.VideoCapture(str(self._partial))
        kept = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if kept < self.count:
            raise RunError(f"{self._shown} could not be written whole", "make room on the disk")

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def writing(path: Path, rate: float, comment: str = "") -> Iterator[Film]:
    """Write an MP4 through a temporary file: it takes the place of ``path`` when the block ends well.

    Args:
        path: the file.
        rate: frames per second.
        comment: what the file's metadata say (``export.signature``); of films made by ``add``, nothing need be given.

    Raises:
        UserError: it cannot be written; what was at ``path`` stays as it was.
    """
    with replacing(path, suffix=f".partial{SUFFIX}") as partial:
        film = Film(partial, path, rate, comment)
        try:
            yield film
            film.finish()
        finally:
            film.close()


def annotated(image: Picture, pose: Pose | None, caption: str = "") -> Picture:
    """Return a copy of a picture with the 2D skeleton over it: unsure joints hollow, their bones thin.

    Args:
        image: (h, w, 3) RGB.
        pose: the pose found in it; None for none.
        caption: ASCII text for the lower left corner.
    """
    drawn = np.ascontiguousarray(image).copy()
    if pose is not None:
        _draw(drawn, pose)
    if caption:
        _caption(drawn, caption)
    return drawn


def _draw(drawn: Picture, pose: Pose) -> None:
    unit = max(1.0, float(max(pose.box_px[2:])) / 150.0)
    thick = max(2, round(unit))
    points = [_fixed(point) for point in pose.joints_px]
    sure = pose.confidence >= UNSURE
    for bone in skeleton.BONES:
        start, end = bone.joints
        both = bool(sure[start] and sure[end])
        if both:
            cv2.line(drawn, points[start], points[end], _HALO, thick + 2, cv2.LINE_AA, _STEPS)
        width = thick if both else max(1, thick // 2)
        cv2.line(drawn, points[start], points[end], _COLOURS[bone.side], width, cv2.LINE_AA, _STEPS)
    radius = round(1.3 * thick * (1 << _STEPS))
    for joint, point in enumerate(points):
        colour = _COLOURS[skeleton.joint_side(joint)]
        if sure[joint]:
            cv2.circle(drawn, point, radius, colour, -1, cv2.LINE_AA, _STEPS)
            cv2.circle(drawn, point, radius, (255, 255, 255), max(1, thick // 3), cv2.LINE_AA, _STEPS)
        else:
            cv2.circle(drawn, point, radius, colour, max(1, thick // 3), cv2.LINE_AA, _STEPS)


def _fixed(point: NDArray[np.float64]) -> tuple[int, int]:
    # cv2 puts whole numbers on pixel centres, our frame on their corners. Far joints would overflow its integers.
    x, y = np.clip(np.round((point - 0.5) * (1 << _STEPS)), -(2**26), 2**26)
    return int(x), int(y)


def _caption(drawn: Picture, text: str) -> None:
    height, width = drawn.shape[:2]
    scale = max(0.35, min(height, width) / 900.0)
    thickness = max(1, round(1.6 * scale))
    (across, up), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    if across > width:
        return
    room = round(12 * scale)
    top = max(0, height - up - below - 2 * room)
    plate = drawn[top:height, : across + 2 * room]
    plate[:] = (plate.astype(np.uint16) * 2 // 5).astype(np.uint8)
    cv2.putText(drawn, text, (room, height - below - room), cv2.FONT_HERSHEY_SIMPLEX, scale, (245, 246, 248),
                thickness, cv2.LINE_AA)  # fmt: skip
