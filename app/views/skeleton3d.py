"""The 3D panel: the scene with its presets, or a calm word where the machine has no OpenGL."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QImage, QOffscreenSurface, QOpenGLContext, QPainter, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QMenu, QToolButton, QVBoxLayout, QWidget

from app.colours import Rgb, bone_colours, joint_colours
from app.notifications import Notifier
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.native_place import NativePlace
from app.views.panel import LOWEST_PX, EmptyState, Panel
from app.views.space_film import SpaceFilm
from app.views.turning import AutoTurn
from core import skeleton
from core.pose import Pose

if TYPE_CHECKING:
    from app.views.scene3d import Scene3D

PRESETS = (
    ("camera", "Camera", "The way the picture's camera saw the person"),
    ("front", "Front", "From the front of the body, wherever the camera was"),
    ("side", "Side", "From the body's left side"),
    ("top", "Top", "From above: depth errors show here first"),
)
_NARROWEST = 200
_STEP_DEGREES = 10.0
_REST = 3.0
"""Of a live source the body is drawn anew after so many times what drawing it took: where OpenGL is software, it would
else set the pace of everything."""
_NEEDED_BESIDE_PRESETS = 110
"""Pixels of a header for title and note; with less, the presets fold into a menu."""


@dataclass(frozen=True, eq=False)
class Ghost:
    """Another model's pose to draw pale beside the shown one: its letter, and its colour where there are several."""

    letter: str
    pose: Pose
    colour: Rgb | None = None


def told_alone(_pose: Pose) -> tuple[tuple[str, ...], str]:
    """Return what the header says of the only body, shorter where it has no room, and the tool tip."""
    return ("25 cm floor squares", "25 cm squares"), ""


def told_beside(pose: Pose) -> tuple[tuple[str, ...], str]:
    """Return the same of one of several bodies: how far it is from one that can be real."""
    count = sum(bone.verdict == "implausible" for bone in pose.geometry.bones)
    tip = "Geometry loss of this body, and how many of its bones are implausible. Floor squares are 25 cm."
    loss = f"loss {pose.geometry.loss:.4f}"
    return (f"{loss}, {count} implausible", loss), tip


def opengl_fault() -> str | None:
    """Tell why OpenGL cannot be used here, None if it can."""
    if os.environ.get("BONESIGHT_NO_GL"):
        return "it was switched off by BONESIGHT_NO_GL"
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    if not context.create() or not context.makeCurrent(surface):
        return "no OpenGL context could be made"
    context.doneCurrent()
    return None


def ghost_joints(pose_mm: NDArray[np.float64], truth_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale the truth to the size of the pose: a picture alone does not tell how tall a person is."""
    ends = skeleton.BONE_ENDS

    def size(joints: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(joints[ends[:, 0]] - joints[ends[:, 1]], axis=1).sum())

    centred = truth_mm - truth_mm[skeleton.ROOT]
    return centred * (size(pose_mm) / max(size(centred), 1e-9))


class Skeleton3DPanel(Panel):
    """Shows the pose in space.

    Args:
        state: what is shown.
        themes: tells the colours.
        notifier: is told of a machine without 3D.
        leads: whether it is A's, with presets and turning; others follow it.
        scene: one that was made before.
    """

    def __init__(
        self, state: AppState, themes: ThemeWatcher, notifier: Notifier, *, leads: bool = True,
        scene: Scene3D | None = None,
    ) -> None:  # fmt: skip
        super().__init__("3D")
        self.shown_pose: Callable[[], Pose | None] = lambda: state.pose
        """The pose that is drawn: a comparison puts another one in its place."""
        self.ghosts: Callable[[], Sequence[Ghost]] = lambda: ()
        """Other models' poses to draw pale beside it, instead of the truth."""
        self.told: Callable[[Pose], tuple[tuple[str, ...], str]] = told_alone
        """What the header, shorter where it has no room, and the tool tip say of a pose with nothing pale beside it."""
        self._state = state
        self._themes = themes
        self.scene: Scene3D | None = None
        self._leads = leads
        self._drawn_s = 0.0
        self._fitted = False
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self.refresh)
        self.turning: AutoTurn | None = None
        self._buttons: list[QToolButton] = []
        self.fault = opengl_fault()
        self._holder = QWidget()
        self._holder.setMinimumSize(_NARROWEST, LOWEST_PX)
        self._inside = QVBoxLayout(self._holder)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self.add_content(self._holder, 1)
        if self.fault is None:
            self._make_scene(scene)
        if self.scene is None:
            self.title.setEnabled(False)
            hint = "The picture, the heatmaps and the bone table work without it."
            self._inside.addWidget(EmptyState("No 3D view on this machine", f"{hint}\nReason: {self.fault}."))
            text = f"the 3D view is off because {self.fault}"
            QTimer.singleShot(0, self, lambda: notifier.warn(text, "install OpenGL drivers (Debian: libgl1 libegl1)"))
            return
        if leads:
            self.turning = AutoTurn(self.scene, self)
            self.turning.taken.connect(lambda: state.set_display(turning=False))
            self._add_presets()
        themes.changed.connect(self._retheme)
        state.picture_changed.connect(self._forget_view)
        state.pose_changed.connect(self.refresh)
        state.moved.connect(self._follow)
        state.live_changed.connect(self.refresh)
        state.display_changed.connect(self.refresh)
        self._retheme()

    def _make_scene(self, scene: Scene3D | None) -> None:
        try:
            from app.views.scene3d import Scene3D

            scene = scene or Scene3D()
        except Exception as error:  # noqa: BLE001  # drivers fail in many ways; 2D and tables must go on
            self.fault = f"OpenGL could not be started ({type(error).__name__})"
            return
        self.scene = scene
        native = scene.canvas.native
        # A native child keeps Qt from composing the whole window through OpenGL (a 2D repaint is 4 times faster).
        native.setAttribute(Qt.WidgetAttribute.WA_DontCreateNativeAncestors)
        native.setAttribute(Qt.WidgetAttribute.WA_NativeWindow)
        native.setAccessibleName("3D skeleton")
        # All its keys are the window's and work from everywhere: a stop of the Tab key here would lead nowhere, and
        # turning the wheel must not take the keys from a table.
        native.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        native.setToolTip("Drag to turn, wheel to zoom, Shift + drag to move")
        self._inside.addWidget(native)
        NativePlace(native, self._holder)

    def _add_presets(self) -> None:
        self._group = QButtonGroup(self)
        menu = QMenu(self)
        for key, text, tip in PRESETS:
            button = QToolButton(text=text, toolTip=tip)
            button.clicked.connect(lambda _checked=False, key=key: self.preset(key))
            menu.addAction(text, partial(self.preset, key))
            self._group.addButton(button)
            self._buttons.append(button)
        fit = QToolButton(text="Fit", toolTip="Put the whole body in view")
        fit.clicked.connect(self.fit)
        menu.addAction("Fit", self.fit)
        self._buttons.append(fit)
        self._folded = QToolButton(text="View", toolTip="From where to look", visible=False)
        self._folded.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._folded.setMenu(menu)
        for button in (*self._buttons, self._folded):
            self.add_control(button)
        # The panel may be narrower than its buttons, which fold then.
        self.header.setMinimumWidth(_NARROWEST)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fold the presets into a menu where there is no room for them."""
        super().resizeEvent(event)
        if self._buttons:
            needed = sum(button.sizeHint().width() + 6 for button in self._buttons) + _NEEDED_BESIDE_PRESETS
            for button in self._buttons:
                button.setVisible(self.width() >= needed)
            self._folded.setVisible(self.width() < needed)

    def preset(self, key: str) -> None:
        """Look from one of the presets and put the body in view."""
        if self.scene is None:
            return
        facing = self.scene.facing_degrees()
        views = {"camera": (0.0, 0.0), "front": (facing, 4.0), "side": (facing + 90.0, 4.0), "top": (0.0, 90.0)}
        self.scene.look(*views[key])
        self.scene.fit()

    def turn(self, right: int, up: int) -> None:
        """Go around the body, and higher or lower, by so many steps."""
        if self.scene is not None:
            camera = self.scene.camera
            camera.azimuth += right * _STEP_DEGREES
            camera.elevation = min(max(camera.elevation + up * _STEP_DEGREES, -90.0), 90.0)

    def zoom(self, factor: float) -> None:
        """Make the body larger or smaller in the view."""
        if self.scene is not None:
            self.scene.camera.scale_factor /= factor

    @property
    def looks_from(self) -> tuple[float, float] | None:
        """Azimuth and elevation of the camera, degrees; None without a 3D view."""
        return None if self.scene is None else (self.scene.camera.azimuth, self.scene.camera.elevation)

    def look(self, azimuth: float, elevation: float) -> None:
        """Turn the camera."""
        if self.scene is not None:
            self.scene.look(azimuth, elevation)

    def fit(self) -> None:
        """Put the whole body in view without turning."""
        if self.scene is not None:
            self.scene.fit()

    def picture(self) -> QImage | None:
        """Return what the view shows, for export."""
        if self.scene is None:
            return None
        pixels = self.scene.picture()
        height, width = pixels.shape[:2]
        return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()

    def draw(self, painter: QPainter, area: QRectF) -> None:
        """Draw what the view shows as lines, for export."""
        pose, display = self._state.pose, self._state.display
        points = None if self.scene is None else self.scene.on_screen()
        if self.scene is not None and pose is not None and points is not None:
            from app.views import drawing3d

            colours, theme = bone_colours(display.colours, pose.geometry), self._themes.theme
            drawing3d.draw(painter, area, theme, points, colours, joint_colours(display.colours))
            drawing3d.write_names(painter, theme, self.scene.names)

    def film(self) -> SpaceFilm:
        """Return what draws the frames of a film of the view as it stands now.

        Raises:
            RuntimeError: the machine has no 3D view.
        """
        if self.scene is None:
            raise RuntimeError("there is no 3D view to film")
        pose = self.shown_pose()
        others = self.ghosts()
        pale = None if pose is None else self._pale(pose, others)
        return SpaceFilm(self.scene, self._state.display, pose, pale, [other.colour for other in others], self.refresh)

    def _follow(self) -> None:
        """Draw a body that moves, as often as leaves most of the time to the picture."""
        if self.scene is None or self._rest.isActive():
            return
        rest_s = self._drawn_s + _REST * self.scene.paint_s - time.monotonic()
        if rest_s <= 0.0:
            self.refresh()
        else:
            self._rest.start(int(1000 * rest_s) + 1)

    def _forget_view(self) -> None:
        self._fitted = False

    def _retheme(self) -> None:
        if self.scene is not None:
            self.scene.set_theme(self._themes.theme)
            self.refresh()

    def refresh(self) -> None:
        """Draw the pose and what stands pale beside it."""
        scene = self.scene
        if scene is None:
            return
        self._drawn_s = time.monotonic()
        pose, display = self.shown_pose(), self._state.display
        scene.edges.moving = self._state.live is not None
        if self.turning is not None:
            self.turning.set_on(display.turning and pose is not None)
        if pose is None:
            scene.clear()
            self.note.setText("")
            return
        others = self.ghosts()
        pale = self._pale(pose, others)
        scene.show_pose(pose, display, pale, [other.colour for other in others])
        if self._leads and not self._fitted:
            self._fitted = True
            scene.fit()
        refined = "refined, " if pose.refined else ""
        rooted = pose.joints_mm - pose.joints_mm[skeleton.ROOT]
        apart = [f"{np.linalg.norm(ghost - rooted, axis=1).mean():.0f}" for ghost in pale]
        if not len(pale):
            texts, tip = self.told(pose)
            self.note.tell(*(f"{refined}{text}" for text in texts))
            self.note.setToolTip(tip)
        elif others:
            told = ", ".join(f"{other.letter} {text}" for text, other in zip(apart, others, strict=True))
            told = f"from {told} mm" if len(others) > 1 else f"{apart[0]} mm from {others[0].letter}"
            self.note.setText(f"{refined}{told}")
            self.note.setToolTip("Mean distance of the 16 joints from the pale body's")
        else:
            self.note.setText(f"{refined}{apart[0]} mm from the truth")
            how = "after scaling the truth to the same size"
            self.note.setToolTip(f"Mean distance of the 16 joints from the pale body's {how}")

    def _pale(self, pose: Pose, others: Sequence[Ghost]) -> NDArray[np.float64]:
        """Return (N, 16, 3) mm of what stands pale beside a pose: other models' bodies, or the truth."""
        if others:
            # Not scaled: what the bodies differ in size belongs to the comparison.
            return np.stack([other.pose.joints_mm - other.pose.joints_mm[skeleton.ROOT] for other in others])
        picture = self._state.picture
        truth = picture.truth if picture is not None and self._state.display.ghost else None
        if truth is None:
            return np.empty((0, skeleton.JOINT_COUNT, 3))
        return ghost_joints(pose.joints_mm, truth.joints_mm)[None]
