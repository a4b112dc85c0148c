"""Computes the poses of a clip in the background, frame after frame, as the command ``predict`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.clip import Clip, Seeds
from app.state import ModelEntry
from core.pose import Pose
from core.reading import Reading

if TYPE_CHECKING:
    from app.services.backend import Model
    from core.track import Tracker
    from core.video import VideoReader


@dataclass(frozen=True, eq=False)
class RunRequest:
    """Frames to look at ahead of the user.

    Attributes:
        token: identifies the run; its answers carry it back.
        clip: the video.
        model: the run ends where another model was loaded.
        start: the first frame to look at.
        before: the pose of the frame before it, to track on from; None at the start of the clip.
        seeds: where tracking starts anew.
        reading: how the poses are read.
        boxes: (n, 4) px, a box for each of n frames from the start on, after which the run ends: another model's, to
            compare with it. None for a run to the end of the clip.
    """

    token: int
    clip: Clip
    model: ModelEntry
    start: int
    before: Pose | None
    seeds: Seeds
    reading: Reading
    boxes: NDArray[np.float64] | None = None


class Run:
    """One run through a clip, a frame a step, so that other requests come in between."""

    def __init__(self, request: RunRequest, model: Model) -> None:
        from core.track import Tracker
        from core.video import VideoReader

        self.request = request
        self._next = request.start
        self._reader: VideoReader = VideoReader(request.clip.path, request.clip.index)
        self._model = model
        self._tracker: Tracker = Tracker(
            lambda rgb, box: model.predict(rgb, box, request.reading), before=request.before
        )

    def step(self) -> tuple[int, Pose] | None:
        """Look at the next frame; None at the end.

        Raises:
            UserError: the video cannot be read any more, or the network cannot look at it.
        """
        request = self.request
        end = request.clip.count if request.boxes is None else request.start + len(request.boxes)
        if self._next >= end:
            return None
        frame = self._reader.read(self._next)
        if not self._next <= frame.index < end:
            # What is left of the clip does not decode.
            return None
        for number, box in self.request.seeds:
            # A damaged frame's seed holds for the next one that decodes.
            if self._next <= number <= frame.index:
                self._tracker.restart(box)
        self._next = frame.index + 1
        if request.boxes is None:
            return frame.index, self._tracker.pose(frame.image)
        x, y, width, height = (float(value) for value in request.boxes[frame.index - request.start])
        box = (x, y, width, height)
        return frame.index, self._model.predict(frame.image, box, request.reading)

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
