"""The joints' names in the 3D view, beside their joints: what finds no room waits until the view is turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from vispy import scene
from vispy.color import Color

from app.naming import short_joint_name
from app.theme import Theme
from app.views import name_places
from app.views.lit_visual import LitMesh, draw_over
from app.views.mesh3d import Mesh
from core import skeleton

_SIZE_PT: Final = 7.0
_GAP_PX: Final = 3.0
_APART_PX: Final = 6.0
"""Between two names in one line, or they would read as one."""
_LARGER: Final = 1.3
"""How much larger than others the chosen joint's ball is."""
_SAMPLES: Final = 12
"""Points of each bone that names keep off."""
_COVERED: Final = 1.0
"""What each of them costs that a name stands over, or next to."""
_LIKING: Final = np.array([0.0, 0.6, 0.6, 0.9, 1.5, 1.5, 1.3, 1.3])
"""What the places of ``name_places.WAYS`` cost a joint at the right of its body."""
_MIRRORED: Final = np.array([3, 4, 5, 0, 1, 2, 6, 7])
_CUT: Final = 4.0
"""What it costs to be cut by the edge of the view."""
_MOVED: Final = 1.0
"""What it costs to leave a place: a live body never holds still."""
_WAS_THERE_MM: Final = 60.0
"""So much nearer to the viewer than a named joint another one has to be to push its name out."""
_BEHIND_ALL_MM: Final = 1e6
_FAR_OFF: Final = -1e4
PLATE_ALPHA: Final = 0.6
_FACES: Final = (
    (4 * np.arange(skeleton.JOINT_COUNT)[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]]))
    .reshape(-1, 3)
    .astype(np.uint32)
)
"""Two triangles for each plate."""
_ENDLESS: Final = np.setdiff1d(np.arange(skeleton.JOINT_COUNT), skeleton.BONE_ENDS)
"""Joints at the end of no bone."""


class JointNames:
    """Sixteen names, drawn in screen pixels.

    Args:
        canvas: draws them.
    """

    def __init__(self, canvas: scene.SceneCanvas) -> None:
        self._canvas = canvas
        self._names = tuple(short_joint_name(joint) for joint in range(skeleton.JOINT_COUNT))
        self._text = scene.visuals.Text(
            list(self._names), parent=canvas.scene, font_size=_SIZE_PT, face=name_places.FACE, anchor_x="left"
        )
        # Where a name has to stand over a limb, it is read off a plate.
        self._plates = LitMesh(flat=True, parent=canvas.scene)
        self._plate = np.zeros((1, 4), dtype=np.float32)
        draw_over(90, self._plates, self._text)
        self._way = np.full(skeleton.JOINT_COUNT, -1, dtype=np.intp)
        self.boxes = np.empty((0, 4))
        """(N, 4) left, top, right, bottom of the names placed last, in pixels."""

    @property
    def visible(self) -> bool:
        """Whether names are shown at all."""
        return bool(self._text.visible)

    @visible.setter
    def visible(self, visible: bool) -> None:
        if visible != self._text.visible:
            self._text.visible = self._plates.visible = visible

    @property
    def size_px(self) -> float:
        """How large the letters are, in pixels."""
        return _SIZE_PT / 72.0 * float(self._canvas.dpi)

    @property
    def shown(self) -> tuple[int, ...]:
        """The joints whose names are shown."""
        return tuple(np.flatnonzero(self._way >= 0).tolist()) if self.visible else ()

    def written(self) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Yield the names that are shown, each with left, top, right and bottom of its plate in pixels."""
        if self.visible:
            for joint, box in zip(self.shown, self.boxes, strict=True):
                yield self._names[joint], box

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of the theme, from the next placing on."""
        self._text.color = theme.text
        self._plate = np.array([[*Color(theme.canvas).rgb, PLATE_ALPHA]], dtype=np.float32)

    def place(
        self, points: NDArray[np.float64], first: Sequence[int], taken: Sequence[NDArray[np.float64]] = ()
    ) -> None:
        """Find a place for each name.

        Nearer joints choose before farther ones.

        Args:
            points: (16, 4) from ``Scene3D.on_screen``.
            first: joints that are always named.
            taken: boxes of (4,) pixels that no name may touch.
        """
        points = points.copy()
        points[list(first), 2] *= _LARGER
        sizes = name_places.text_sizes(self._names, _SIZE_PT, self._canvas.dpi) + np.array([_APART_PX, 0.0])
        boxes = name_places.boxes_about(_middles(points, sizes), sizes)
        costs = self._costs(points, boxes)
        depth = points[:, 3] - _WAS_THERE_MM * (self._way >= 0)
        depth[_ENDLESS] += _BEHIND_ALL_MM
        rest = [joint for joint in np.argsort(depth) if joint not in first and points[joint, 3] > 0.0]
        self._way = name_places.place(boxes, costs, [*first, *rest], always=len(first), taken=taken)
        stands = boxes[np.arange(len(boxes)), self._way]
        self.boxes = stands[self._way >= 0]
        stands[self._way < 0] = _FAR_OFF
        self._text.pos = np.column_stack([stands[:, 0] + _APART_PX / 2, stands[:, [1, 3]].mean(axis=1)])
        corners = stands[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
        flat = np.column_stack([corners, np.zeros(len(corners))]).astype(np.float32)
        self._plates.set_mesh(Mesh(flat, np.zeros_like(flat), np.repeat(self._plate, len(flat), axis=0), _FACES))

    def _costs(self, points: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (16, 8): outwards from the body, off its bones, within the view, and where the name stood before."""
        at_left = points[:, 0] < points[:, 0].mean() - _GAP_PX
        costs = np.where(at_left[:, None], _LIKING[_MIRRORED], _LIKING)
        ends = points[skeleton.BONE_ENDS][..., :2]
        share = np.linspace(0.0, 1.0, _SAMPLES)[:, None]
        bones = (ends[:, None, 0] * (1.0 - share) + ends[:, None, 1] * share).reshape(-1, 2)
        costs += _COVERED * name_places.covered(boxes, bones, 0.6 * float(points[:, 2].mean()))
        costs += _CUT * name_places.leaves(boxes, self._canvas.size)
        stood = np.flatnonzero(self._way >= 0)
        costs[stood, self._way[stood]] -= _MOVED
        return costs


def _middles(points: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (16, 8, 2): the middle of each name in each of its places, just off its joint's ball."""
    ways = name_places.WAYS
    slanting = (ways != 0.0).all(axis=1)
    reach = points[:, 2, None] * np.where(slanting, 0.7, 1.0) + np.where(slanting, 0.0, _GAP_PX)
    # Beside the joint, a slanting name overlaps the height of the ball's middle a little: it stays near.
    half = sizes[:, None, :] / 2 * np.where(slanting[:, None], [1.0, 0.7], 1.0)
    return points[:, None, :2] + ways * (reach[..., None] + half)
