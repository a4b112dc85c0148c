"""The small cross of axes in the corner of the 3D view: which way the pose's x, y and z point, always in sight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vispy import scene

from app.theme import Theme
from app.views import name_places
from app.views.lit_visual import draw_over

_ARM_PX = 34.0
_LOWEST_PX = 160.0
"""In a lower view the cross would lie over the body."""
_CORNER_PX = (62.0, 62.0)
_GAPS_PX = np.array([3.0, 5.0])
_SIZE_PT = 8.0
_WAYS = np.concatenate([name_places.WAYS, [[0.5, -1.0], [0.5, 1.0], [-0.5, -1.0], [-0.5, 1.0]]])
_OFF_OTHERS = 0.4
"""How much a name keeps away from the other axes: enough to decide where its own has no arm."""
_SAMPLES = 12
"""Points of each axis that names keep off."""
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


def name_boxes(
    seen: NDArray[np.float64], origin: NDArray[np.float64], sizes: NDArray[np.float64], view: tuple[float, float]
) -> NDArray[np.float64]:
    """Return (3, 4) left, top, right, bottom of the axes' names: beside the tips, off each other and off the lines.

    Args:
        seen: (3, 2) the axes as seen, of length 1 at most; one that points at the viewer has none.
        origin: where they start, pixels.
        sizes: (3, 2) of the names, pixels.
        view: width and height of the view, pixels.
    """
    tips = seen * _ARM_PX
    middles = origin + tips[:, None] + _WAYS * (sizes[:, None] / 2 + _GAPS_PX)
    boxes = name_places.boxes_about(middles, sizes)
    # Onwards from the tip; where there is hardly an arm, away from the other two.
    onwards = seen + _OFF_OTHERS * (seen - seen.mean(axis=0))
    ways = _WAYS / np.linalg.norm(_WAYS, axis=1, keepdims=True)
    lines = (origin + tips[:, None] * np.linspace(0.0, 1.0, _SAMPLES)[:, None]).reshape(-1, 2)
    costs = -onwards @ ways.T + name_places.covered(boxes, lines, 1.0)
    costs += _SAMPLES * name_places.leaves(boxes, view)
    # So few can all be tried together.
    over = _SAMPLES * name_places.overlap(boxes[:, None, :, None], boxes[None, :, None])
    together = costs[0][:, None, None] + costs[1][:, None] + costs[2]
    together = together + over[0, 1][:, :, None] + over[0, 2][:, None, :] + over[1, 2]
    chosen = np.array(np.unravel_index(together.argmin(), together.shape))
    return boxes[np.arange(len(boxes)), chosen]


class AxisGizmo:
    """Three lines and their names, drawn in screen pixels."""

    def __init__(self, canvas: scene.SceneCanvas) -> None:
        parent = canvas.scene
        self._lines = scene.visuals.Line(parent=parent, connect="segments", method="gl", width=2, antialias=False)
        self._names = scene.visuals.Text(list(_NAMES), parent=parent, font_size=_SIZE_PT, face=name_places.FACE)
        draw_over(100, self._lines, self._names)
        self._colours = np.ones((3, 4), dtype=np.float32)
        self._canvas = canvas
        self._last = (0.0, 0.0, (400.0, 400.0))
        self._box: NDArray[np.float64] | None = None

    @property
    def area(self) -> tuple[NDArray[np.float64], ...]:
        """The box of (4,) pixels in which it is drawn, none where there is no room for it."""
        return () if self._box is None else (self._box,)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        shade = 1.0 if theme.dark else 0.7
        bright = ((0.96, 0.45, 0.45), (0.47, 0.80, 0.47), (0.50, 0.66, 1.0))
        self._colours = np.array([(*(shade * value for value in colour), 1.0) for colour in bright], dtype=np.float32)
        self._draw()

    def turn(self, azimuth: float, elevation: float, view: tuple[float, float]) -> None:
        """Follow the camera; ``view`` is the canvas's width and height in pixels."""
        wanted = (azimuth, elevation, view)
        if wanted != self._last:
            self._last = wanted
            self._draw()

    def _draw(self) -> None:
        azimuth, elevation, view = self._last
        self._lines.visible = self._names.visible = view[1] >= _LOWEST_PX
        origin = np.array([_CORNER_PX[0], view[1] - _CORNER_PX[1]])
        seen = screen_axes(azimuth, elevation)[:, :2]
        tips = origin + seen * _ARM_PX
        points = np.stack([np.broadcast_to(origin, (3, 2)), tips], axis=1).reshape(-1, 2)
        self._lines.set_data(pos=points.astype(np.float32), color=np.repeat(self._colours, 2, axis=0))
        boxes = name_boxes(seen, origin, name_places.text_sizes(_NAMES, _SIZE_PT, self._canvas.dpi), view)
        self._names.pos = (boxes[:, :2] + boxes[:, 2:]) / 2
        self._names.color = self._colours
        ends = np.concatenate([boxes.reshape(-1, 2), points])
        self._box = np.concatenate([ends.min(axis=0), ends.max(axis=0)]) if self._lines.visible else None
