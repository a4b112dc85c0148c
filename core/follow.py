"""Following one person from frame to frame, live or in a video: ``core.crowd`` with one person in it."""

from __future__ import annotations

from core.crop import Box
from core.crowd import Crowd
from core.media import Picture
from core.person import Sight, Track
from core.track import Look


class Follower:
    """Follows one person through frames that are given in the order of their times.

    Args:
        look: what finds poses.
        given: a box that holds for every frame: nobody is searched for, and whoever is in it is one person.
        smooth: filter the joints (``core.one_euro``).
    """

    def __init__(self, look: Look, given: Box | None = None, smooth: bool = False) -> None:
        self._look = look
        self._given = given
        self._smooth = smooth
        self._crowd = Crowd(look, smooth=smooth)
        self._track: Track | None = None
        self._tracks = 0

    def step(self, image: Picture, time_s: float) -> Sight:
        """Look at the next frame.

        Args:
            image: (h, w, 3) RGB; another size than before starts anew.
            time_s: its time in seconds, not earlier than that of the frame before.

        Raises:
            UserError: the picture cannot be looked at.
        """
        if self._given is None:
            return self._crowd.step(image, time_s).chosen
        pose = self._look(image, self._given)
        if self._track is not None and self._track.raw.picture_size_px == pose.picture_size_px:
            return self._track.take(pose, time_s)
        self._tracks += 1
        self._track = Track(self._tracks, pose, time_s, self._smooth)
        return self._track.sight
