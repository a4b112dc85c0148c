"""The 3D scene: skeleton, joints, floor, shadow, axes, labels and the ghost of the truth, in one vispy canvas."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from vispy import scene
from vispy.color import Color

from app.colours import TRUTH_COLOUR, Rgb, bone_colours, joint_colours
from app.state import Display, HeatmapMode
from app.theme import Theme
from app.views import mesh3d
from app.views.axis_gizmo import AxisGizmo
from app.views.joint_names import JointNames
from app.views.lit_visual import LitMesh, draw_over
from app.views.smooth_edges import SmoothEdges
from core import skeleton
from core.pose import Pose

BONE_RADIUS_MM = 24.0
JOINT_RADIUS_MM = 34.0
_FLOOR_CELL_MM = 250.0
_FLOOR_CELLS = 6


def _rgba(colours: tuple[Rgb, ...], alpha: float = 1.0) -> NDArray[np.float64]:
    return np.column_stack([np.asarray(colours, dtype=np.float64) / 255.0, np.full(len(colours), alpha)])


class Stage:
    """A canvas and its camera, with nothing to see yet."""

    def __init__(self) -> None:
        self.canvas = scene.SceneCanvas(keys=None, vsync=False, config={"depth_size": 24})
        self.view = self.canvas.central_widget.add_view()
        # distance stays None, so that zooming is scale_factor alone and cameras can be linked.
        self.camera = scene.TurntableCamera(fov=30.0, elevation=12.0, azimuth=25.0, scale_factor=2300.0)
        self.camera.depth_value = 1000.0
        self.view.camera = self.camera


class Scene3D:
    """Owns the canvas and everything drawn in it. Created once: vispy leaks memory with every canvas.

    Args:
        stage, gizmo, names: made before, the two on the stage's canvas.
    """

    def __init__(
        self, stage: Stage | None = None, gizmo: AxisGizmo | None = None, names: JointNames | None = None
    ) -> None:
        stage = stage or Stage()
        self.canvas, self.view, self.camera = stage.canvas, stage.view, stage.camera
        self.edges = SmoothEdges(self.canvas)
        parent = self.view.scene
        self._floor = scene.visuals.Line(parent=parent, connect="segments", method="gl", antialias=False)
        self._shadow = LitMesh(flat=True, parent=parent)
        self._bones = LitMesh(parent=parent)
        self._joints = LitMesh(parent=parent)
        self._ghost_depth = LitMesh(flat=True, parent=parent)
        self._ghost = LitMesh(parent=parent)
        self._gizmo = gizmo or AxisGizmo(self.canvas)
        self.names = names or JointNames(self.canvas)
        self._named_first: tuple[int, ...] = ()
        self._turned = True
        self._set_states()
        self._body: NDArray[np.float64] | None = None
        self._ghost_body: NDArray[np.float64] | None = None
        self._theme: Theme | None = None
        self._floor_z = -900.0
        self.paint_s = 0.0
        """How long the last painting took: much where OpenGL is software."""
        self._painting_since_s: float | None = None
        for visual in (self._shadow, self._bones, self._joints, self._ghost, self._ghost_depth, self.names):
            visual.visible = False
        self.canvas.events.draw.connect(self._light_from_eye, position="first")
        self.canvas.events.draw.connect(self._place_names, position="first")
        self.canvas.events.draw.connect(self._note_painting, position="first")
        # Only then are the pixels made: a driver takes down what is drawn and does it when the buffers are swapped.
        self.canvas.native.frameSwapped.connect(self._note_painted)
        self.canvas.events.resize.connect(lambda _event: self._note_turned())
        self.view.scene.transform.changed.connect(lambda _event: self._note_turned())

    @classmethod
    def in_steps(cls) -> Iterator[Scene3D | None]:
        """Make one a part at a time, and yield it at the end: between two parts a window can answer."""
        stage = Stage()
        yield None
        gizmo = AxisGizmo(stage.canvas)
        yield None
        names = JointNames(stage.canvas)
        yield None
        yield cls(stage, gizmo, names)

    def _set_states(self) -> None:
        # The floor and its shadow lie behind everything; names are drawn by the canvas, in front of everything.
        draw_over(0, self._shadow, self._floor)
        for order, visual in enumerate((self._bones, self._joints, self._ghost_depth, self._ghost), start=2):
            visual.order = order
        solid = {"depth_test": True, "blend": False, "color_mask": (True, True, True, True)}
        self._bones.set_gl_state(**solid)
        self._joints.set_gl_state(**solid)
        # First the ghost's depth alone, then its colour where it is nearest: no inner faces shine through.
        self._ghost_depth.set_gl_state(depth_test=True, blend=False, color_mask=(False, False, False, False))
        self._ghost.set_gl_state(
            depth_test=True, depth_func="lequal", blend=True, color_mask=(True, True, True, True),
            blend_func=("src_alpha", "one_minus_src_alpha"),
        )  # fmt: skip

    def _note_painting(self, _event: object) -> None:
        self._painting_since_s = time.perf_counter()

    def _note_painted(self) -> None:
        if self._painting_since_s is not None:
            self.paint_s = time.perf_counter() - self._painting_since_s
            self._painting_since_s = None

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of the theme."""
        self._theme = theme
        self.canvas.bgcolor = theme.canvas
        self._gizmo.set_theme(theme)
        self.names.set_theme(theme)
        self._turned = True
        self._draw_floor()
        self.canvas.update()

    def show(
        self, joints_mm: NDArray[np.float64], bone_colours: tuple[Rgb, ...], joint_colours: tuple[Rgb, ...],
        ghosts_mm: NDArray[np.float64], chosen: int | None, bone: int | None, labels: bool,
        ghost_colours: Sequence[Rgb | None] = (),
    ) -> None:  # fmt: skip
        """Show a skeleton of (16, 3) mm in the pose's axes, and the ghosts of (N, 16, 3) others.

        Each ghost has its own colour, or None for the paleness of a single one.
        """
        body = mesh3d.to_world(joints_mm)
        self._body = body
        self._ghost_body = ghosts = mesh3d.to_world(ghosts_mm.reshape(-1, 3)) if len(ghosts_mm) else None
        lowest = body[:, 2].min()
        if ghosts is not None:
            lowest = min(lowest, ghosts[:, 2].min())
        self._floor_z = float(lowest) - JOINT_RADIUS_MM
        ends = skeleton.BONE_ENDS
        radii = np.full(skeleton.BONE_COUNT, BONE_RADIUS_MM)
        if bone is not None:
            radii[bone] *= 1.45
        bones = mesh3d.capsules(body[ends[:, 0]], body[ends[:, 1]], radii, _rgba(bone_colours))
        joint_radii = np.full(skeleton.JOINT_COUNT, JOINT_RADIUS_MM)
        # The thorax is no end of any bone: a full ball hanging in the air would look like a fault.
        loose = np.setdiff1d(np.arange(skeleton.JOINT_COUNT), skeleton.BONE_ENDS)
        joint_radii[loose] *= 0.6
        if chosen is not None:
            joint_radii[chosen] *= 1.3
        self._bones.set_mesh(bones)
        # Joints a little lighter than their bones, to stand out against them.
        self._joints.set_mesh(mesh3d.spheres(body, joint_radii, _lighter(_rgba(joint_colours))))
        self._draw_shadow(bones)
        self._draw_floor()
        self._draw_ghosts(ghosts, ghost_colours)
        ends_first = () if bone is None else skeleton.BONES[bone].joints
        self._named_first = tuple(dict.fromkeys(joint for joint in (chosen, *ends_first) if joint is not None))
        self.names.visible = labels
        self._turned = True
        self._bones.visible = self._joints.visible = self._shadow.visible = True
        self.canvas.update()

    def show_pose(
        self, pose: Pose, display: Display, ghosts_mm: NDArray[np.float64], ghost_colours: Sequence[Rgb | None] = ()
    ) -> None:
        """Show a pose the way the user wants it shown; ghosts as for ``show``."""
        chosen = display.joint if display.heatmap is HeatmapMode.JOINT else None
        colours = bone_colours(display.colours, pose.geometry), joint_colours(display.colours)
        self.show(pose.joints_mm, *colours, ghosts_mm, chosen, display.bone, display.labels, ghost_colours)

    def clear(self) -> None:
        """Show the floor alone."""
        self._body = self._ghost_body = None
        for visual in (self._shadow, self._bones, self._joints, self._ghost, self._ghost_depth, self.names):
            visual.visible = False
        self.canvas.update()

    def look(self, azimuth: float, elevation: float) -> None:
        """Turn the camera; 0, 0 looks the way the picture's camera did."""
        self.camera.azimuth, self.camera.elevation = azimuth, elevation

    def follow(self, leader: Scene3D) -> None:
        """Look from where another scene looks, now and whenever either is turned, moved or zoomed."""
        self.camera.set_state(leader.camera.get_state())
        self.camera.link(leader.camera)

    def fit(self) -> None:
        """Put the whole body in view without turning."""
        body = self._body
        if body is None:
            self.camera.center, self.camera.scale_factor = (0.0, 0.0, 0.0), 2300.0
            return
        # The ghost too: where it leaves the view, nobody could compare.
        seen = body if self._ghost_body is None else np.concatenate([body, self._ghost_body])
        low, high = seen.min(axis=0), seen.max(axis=0)
        low[2] = min(low[2], self._floor_z)
        centre = (low + high) / 2
        self.camera.center = tuple(float(value) for value in centre)
        # vispy's scale factor spans the shorter side of the view.
        self.camera.scale_factor = max(float(high[2] - low[2]), float(np.hypot(*(high - low)[:2]))) * 1.18 + 100.0

    def picture(self) -> NDArray[np.uint8]:
        """Return (h, w, 3) RGB of what the view shows, in the screen's own pixels."""
        # Unlike vispy's own way out, this smooths edges.
        moving, self.edges.moving = self.edges.moving, False
        image = self.canvas.native.grabFramebuffer().convertToFormat(QImage.Format.Format_RGB888)
        self.edges.moving = moving
        if image.isNull():
            return np.ascontiguousarray(self.canvas.render(alpha=False))
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()

    def on_screen(self) -> NDArray[np.float64] | None:
        """Return (16, 4) of the skeleton as the view shows it: x, y and the joint's radius in pixels, and its depth."""
        if self._body is None:
            return None
        transform = self.view.scene.transform
        right = np.radians(self.camera.azimuth)
        aside = self._body + JOINT_RADIUS_MM * np.array([np.cos(right), np.sin(right), 0.0])
        points, beside = (np.asarray(transform.map(places), dtype=np.float64) for places in (self._body, aside))
        depth = points[:, 3]
        radii = np.linalg.norm(beside[:, :2] / beside[:, 3:] - points[:, :2] / points[:, 3:], axis=1)
        return np.column_stack([points[:, :2] / points[:, 3:], radii, depth])

    def facing_degrees(self) -> float:
        """Return the azimuth from which the body is seen from the front, from the line of its hips and shoulders."""
        if self._body is None:
            return 0.0
        index = skeleton.JOINT_INDEX
        across = (
            self._body[index["left_hip"]] - self._body[index["right_hip"]]
            + self._body[index["left_shoulder"]] - self._body[index["right_shoulder"]]
        )  # fmt: skip
        if float(np.hypot(across[0], across[1])) < 1e-6:
            return 0.0
        # Seen from the front, the body's left is on the viewer's right.
        return float(np.degrees(np.arctan2(across[1], across[0])))

    def _light_from_eye(self, _event: Any) -> None:
        matrix = np.asarray(self.camera.transform.matrix)
        eye = tuple(float(value) for value in matrix[3, :3])
        for visual in (self._bones, self._joints, self._ghost):
            visual.set_eye(eye)

    def _note_turned(self) -> None:
        self._turned = True

    def _place_names(self, _event: object) -> None:
        """Write axes and joints where they are seen now: once a drawing, however much was changed for it."""
        if not self._turned:
            return
        self._turned = False
        self._gizmo.turn(self.camera.azimuth, self.camera.elevation, self.canvas.size)
        points = self.on_screen() if self.names.visible else None
        if points is not None:
            self.names.place(points, self._named_first, self._gizmo.area)

    def _draw_shadow(self, bones: mesh3d.Mesh) -> None:
        colour = np.array(Color(self._theme.shadow).rgba if self._theme else (0, 0, 0, 1), dtype=np.float32)
        shadow = mesh3d.flattened(bones, self._floor_z)
        # Opaque, because overlapping limbs of a translucent shadow would darken twice.
        colours = np.broadcast_to(colour, shadow.colours.shape)
        self._shadow.set_mesh(mesh3d.Mesh(shadow.positions, shadow.normals, colours, shadow.faces))

    def _draw_ghosts(self, joints: NDArray[np.float64] | None, colours: Sequence[Rgb | None]) -> None:
        self._ghost.visible = self._ghost_depth.visible = joints is not None
        if joints is None:
            return
        pale = TRUTH_COLOUR if self._theme is None or self._theme.dark else (90, 96, 110)
        ghosts = joints.reshape(-1, skeleton.JOINT_COUNT, 3)
        ends = skeleton.BONE_ENDS
        starts, stops = ghosts[:, ends[:, 0]].reshape(-1, 3), ghosts[:, ends[:, 1]].reshape(-1, 3)
        given = [colour or pale for colour in colours] or [pale] * len(ghosts)
        each = tuple(colour for colour in given for _ in range(skeleton.BONE_COUNT))
        radii = np.full(len(starts), BONE_RADIUS_MM * 0.7)
        mesh = mesh3d.capsules(starts, stops, radii, _rgba(each, 0.5))
        self._ghost.set_mesh(mesh)
        self._ghost_depth.set_mesh(mesh)

    def _draw_floor(self) -> None:
        if self._theme is None:
            return
        centre = np.zeros(2) if self._body is None else np.round(self._body[:, :2].mean(axis=0) / _FLOOR_CELL_MM)
        centre = centre * (1.0 if self._body is None else _FLOOR_CELL_MM)
        flat, alpha = _floor_pattern()
        colour = np.array(Color(self._theme.grid).rgb)
        colours = np.column_stack([np.broadcast_to(colour, (len(flat), 3)), alpha]).astype(np.float32)
        points = np.column_stack([flat + centre, np.full(len(flat), self._floor_z)]).astype(np.float32)
        self._floor.set_data(pos=points, color=colours)


@lru_cache(maxsize=1)
def _floor_pattern() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the (N, 2) ends of the floor's lines about its middle, mm, and how visible each is, 0..1."""
    half = _FLOOR_CELL_MM * _FLOOR_CELLS
    ticks = np.linspace(-half, half, 2 * _FLOOR_CELLS + 1)
    first, second = np.meshgrid(ticks, ticks[:-1], indexing="ij")
    step = ticks[1] - ticks[0]
    along = np.stack([np.stack([first, second], -1), np.stack([first, second + step], -1)], axis=2).reshape(-1, 2)
    flat = np.concatenate([along, along[:, ::-1]])
    # Fades out with the distance, so that the floor has no edge.
    return flat, np.clip(1.15 - np.linalg.norm(flat, axis=1) / half, 0.0, 1.0)


def _lighter(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    out = colours.copy()
    out[:, :3] = out[:, :3] * 0.82 + 0.18
    return out
