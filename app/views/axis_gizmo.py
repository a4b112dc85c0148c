"""The small cross of axes in the corner of the 3D view: which way the pose's x, y and z point, always in sight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vispy import scene

from app.theme import Theme

_ARM_PX = 34.0
_LOWEST_PX = 160.0
"""In a lower view the cross would lie over the body."""
_CORNER_PX = (62.0, 62.0)
_NAME_PX = np.array([48.0, 14.0])
_NAMES = ("x right", "y down", "z away")
_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""The pose's x, y, z in world coordinates (x right, y away, z up)."""


def screen_axes(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """Return (3, 3): the pose's axes as seen, columns right, down and towards the viewer.

    Args:
        azimuth: of the turntable camera, degrees; at 0 it looks along world y.
        elevation: degrees above the floor.
    """
    turn, rise = np.radians(azimuth), np.radians(elevation)
    right = np.array([np.cos(turn), np.sin(turn), 0.0])
    towards = np.array([np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise)])
    up = np.cross(towards, right)
    return np.stack([_WORLD @ right, -(_WORLD @ up), _WORLD @ towards], axis=1)


def apart(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move names that would lie over each other to lines of their own: (N, 2) middles, in pixels."""
    out = places.copy()
    for index in np.argsort(-places[:, 1])[1:]:
        for other in np.argsort(-places[:, 1]):
            if other == index:
                break
            near = abs(out[index] - out[other]) < _NAME_PX
            if near.all():
                out[index, 1] = out[other, 1] - _NAME_PX[1]
    return out


class AxisGizmo:
    """Three lines and their names, drawn in screen pixels."""

    def __init__(self, canvas: scene.SceneCanvas) -> None:
        parent = canvas.scene
        self._lines = scene.visuals.Line(parent=parent, connect="segments", method="gl", width=2, antialias=False)
        self._names = scene.visuals.Text(list(_NAMES), parent=parent, font_size=8, face="DejaVu Sans")
        for order, visual in enumerate((self._lines, self._names)):
            visual.order = 100 + order
            visual.set_gl_state(
                depth_test=False, blend=True, color_mask=(True, True, True, True),
                blend_func=("src_alpha", "one_minus_src_alpha"),
            )  # fmt: skip
        self._colours = np.ones((3, 4), dtype=np.float32)
        self._last = (0.0, 0.0, 400.0)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        shade = 1.0 if theme.dark else 0.7
        bright = ((0.96, 0.45, 0.45), (0.47, 0.80, 0.47), (0.50, 0.66, 1.0))
        self._colours = np.array([(*(shade * value for value in colour), 1.0) for colour in bright], dtype=np.float32)
        self._draw()

    def turn(self, azimuth: float, elevation: float, height: float) -> None:
        """Follow the camera; ``height`` is the canvas's in pixels."""
        wanted = (azimuth, elevation, height)
        if wanted != self._last:
            self._last = wanted
            self._draw()

    def _draw(self) -> None:
        azimuth, elevation, height = self._last
        self._lines.visible = self._names.visible = height >= _LOWEST_PX
        origin = np.array([_CORNER_PX[0], height - _CORNER_PX[1]])
        seen = screen_axes(azimuth, elevation)[:, :2]
        tips = origin + seen * _ARM_PX
        points = np.stack([np.broadcast_to(origin, (3, 2)), tips], axis=1).reshape(-1, 2)
        self._lines.set_data(pos=points.astype(np.float32), color=np.repeat(self._colours, 2, axis=0))
        # An axis that points at the viewer keeps its name a little off the others.
        reach = np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-6)
        places = tips + seen / reach * np.array([18.0, 10.0])
        # No name leaves the view at its left.
        places[:, 0] = np.maximum(places[:, 0], _NAME_PX[0] / 2 + 2.0)
        self._names.pos = apart(places)
        self._names.color = self._colours
