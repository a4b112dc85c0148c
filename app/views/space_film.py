"""Draws the frames of a film of the 3D view, which goes on showing what the user looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.colours import Rgb
from app.state import Display
from core import skeleton
from core.pose import Pose

if TYPE_CHECKING:
    from app.views.scene3d import Scene3D


_NOTHING = np.empty((0, skeleton.JOINT_COUNT, 3))


class SpaceFilm:
    """The 3D view as it stood when the film was asked for: its camera, its colours, what stood pale beside the pose.

    Args:
        scene: the view's.
        display: how things are shown.
        pose: what is shown, None for nothing.
        ghosts_mm, ghost_colours: what stands pale beside it, as for ``Scene3D.show``; None for nothing.
        restore: brings back what the view shows.
    """

    def __init__(
        self, scene: Scene3D, display: Display, pose: Pose | None, ghosts_mm: NDArray[np.float64] | None,
        ghost_colours: Sequence[Rgb | None], restore: Callable[[], None],
    ) -> None:  # fmt: skip
        self._scene = scene
        self._display = display
        self._pose = pose
        self._ghosts_mm = _NOTHING if ghosts_mm is None else ghosts_mm
        self._ghost_colours = ghost_colours
        self._restore = restore
        self._camera = scene.camera.get_state()

    def frame(self, pose: Pose, turned_degrees: float = 0.0) -> NDArray[np.uint8]:
        """Return (h, w, 3) RGB of a pose, the camera turned around it; the view itself is left as it was."""
        scene = self._scene
        camera = scene.camera.get_state()
        try:
            same = pose is self._pose
            scene.show_pose(
                pose, self._display, self._ghosts_mm if same else _NOTHING, self._ghost_colours if same else ()
            )
            scene.camera.set_state(self._camera)
            scene.camera.azimuth += turned_degrees
            return scene.picture()
        finally:
            scene.camera.set_state(camera)
            self._restore()
