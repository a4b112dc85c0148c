"""Following one person through a video: the one rule for the command line and the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import locate
from core.crop import Box
from core.pose import Pose

LOST_CONFIDENCE: Final = 0.15
"""The person is searched for anew under this mean confidence."""

Look = Callable[[NDArray[np.uint8], Box | None], Pose]
"""Turns an (h, w, 3) RGB picture and a box, or None to search, into a pose: ``Predictor.predict``."""


class Tracker:
    """Gives each frame the box around the joints of the frame before it; a lost person is searched for.

    Args:
        look: what finds poses.
        given: a box that holds for every frame; nothing is tracked then.
        before: the pose of the frame before, to go on from.
    """

    def __init__(self, look: Look, given: Box | None = None, before: Pose | None = None) -> None:
        self._look = look
        self._given = given
        self._seed: Box | None = None
        self._tracked: Box | None = None
        if before is not None:
            self._follow(before)

    def restart(self, box: Box | None) -> None:
        """Look at the next frame in a box (None: search it), and follow who is found there from then on."""
        self._seed, self._tracked = box, None

    def pose(self, image: NDArray[np.uint8]) -> Pose:
        """Return the pose in the next frame."""
        if self._given is not None:
            return self._look(image, self._given)
        seed, self._seed = self._seed, None
        pose = self._look(image, self._tracked if seed is None else seed)
        if self._tracked is not None:
            pose = replace(pose, located_by="track")
            if pose.mean_confidence < LOST_CONFIDENCE:
                pose = self._look(image, None)
        self._follow(pose)
        return pose

    def _follow(self, pose: Pose) -> None:
        # Knowing the box before, the next one cannot collapse onto joints that fell together.
        self._tracked = locate.next_box(pose.joints_px, pose.confidence, pose.picture_size_px, pose.box_px)
