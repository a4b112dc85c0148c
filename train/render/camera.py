"""Where the camera stands: distance, height, roll, and how the person is framed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.skeleton import JOINT_INDEX
from train.augment import LOWER_BODY, UPPER_BODY

FloatArray = NDArray[np.float64]
# World axes (x to the left of a body that is not turned, y back, z up) to a camera standing before it
# (x right, y down, z away).
FEWEST = 6
"""Joints that are always inside the picture."""
_HALVES = (
    tuple(JOINT_INDEX[name] for name in (
        "head_top", "upper_neck", "thorax", "right_shoulder", "left_shoulder", "right_elbow", "left_elbow")),
    (*UPPER_BODY, JOINT_INDEX["pelvis"]), (*UPPER_BODY, JOINT_INDEX["pelvis"]), LOWER_BODY,
)  # fmt: skip
"""Head and shoulders, the upper half (twice as often), the lower half."""
BEFORE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera: ``camera_m = points @ rotation.T + translation_m``, pixels = focal * xy / z + centre.

    Attributes:
        rotation: (3, 3) from world axes to camera axes.
        translation_m: (3,).
        focal_px: focal length.
        centre_px: (2,) principal point, which may lie outside the picture: pictures are crops of larger ones.
    """

    rotation: FloatArray
    translation_m: FloatArray
    focal_px: float
    centre_px: FloatArray

    @property
    def eye_m(self) -> FloatArray:
        """(3,) where the camera is, world axes."""
        return -self.rotation.T @ self.translation_m

    def to_camera_m(self, points_m: NDArray[np.floating]) -> FloatArray:
        """Move (N, 3) points to the camera frame: x right, y down, z away."""
        out: FloatArray = points_m @ self.rotation.T + self.translation_m
        return out

    def project_px(self, points_m: NDArray[np.floating]) -> FloatArray:
        """Project (N, 3) points to (N, 2) pixels."""
        camera_m = self.to_camera_m(points_m)
        out: FloatArray = self.focal_px * camera_m[:, :2] / camera_m[:, 2:] + self.centre_px
        return out


def aim(
    at_m: FloatArray, distance_m: float, pitch_deg: float, roll_deg: float, heading_deg: float, points_m: FloatArray,
    size_px: tuple[int, int], fill: float,
) -> View:  # fmt: skip
    """Look at a point from a distance, with the focal length that makes ``points_m`` fill a share of the picture.

    Args:
        at_m: (3,) the point looked at.
        pitch_deg: how far the camera looks down.
        heading_deg: how far it has walked round to the body's left.
        fill: extent of the points over the picture's shorter side, in whichever direction fills it more.
    """
    turn = Rotation.from_euler("z", -heading_deg, degrees=True)
    pitch = Rotation.from_euler("x", pitch_deg, degrees=True)
    roll = Rotation.from_euler("z", roll_deg, degrees=True)
    rotation = roll.as_matrix() @ pitch.as_matrix() @ BEFORE @ turn.as_matrix()
    translation = np.array([0.0, 0.0, distance_m]) - rotation @ at_m
    flat = View(rotation, translation, 1.0, np.zeros(2)).project_px(points_m)
    low, high = flat.min(axis=0), flat.max(axis=0)
    focal = fill / float(((high - low) / np.array(size_px)).max())
    return View(rotation, translation, focal, np.array(size_px) / 2 - focal * (low + high) / 2)


def draw_turn(random: np.random.Generator, tilted: float = 0.15) -> FloatArray:
    """Draw (3, 3) which way the person faces; ``tilted`` is how often they are turned any way up (gymnastics)."""
    yaw = Rotation.from_euler("z", random.uniform(0, 360), degrees=True)
    if random.random() >= tilted:
        return np.asarray(yaw.as_matrix())
    if random.random() < 0.5:
        over = Rotation.from_euler("xy", [random.normal(0, 20), random.normal(180, 20)], degrees=True)
    else:
        over = Rotation.random(random_state=random)
    return np.asarray((yaw * over).as_matrix())


def draw(
    random: np.random.Generator, joints_m: FloatArray, size_px: tuple[int, int], floor_z_m: float, cut: float = 0.15,
    half: float = 0.12, fill: tuple[float, float] = (0.42, 0.86),
) -> View:  # fmt: skip
    """Draw a camera above the floor and a framing for a body.

    Args:
        joints_m: (16, 3) in world axes.
        size_px: (width, height) of the picture.
        floor_z_m: height of the floor.
        cut: how often a part of the person is outside the picture.
        half: how often only one half of the body is framed, or head and shoulders.
        fill: range of the share of the picture's side that the joints extend over.
    """
    centre = (joints_m.min(0) + joints_m.max(0)) / 2
    distance = float(np.exp(random.uniform(np.log(2.5), np.log(8.5))))
    lowest = np.rad2deg(np.arcsin(np.clip((floor_z_m + 0.2 - centre[2]) / distance, -0.5, 0.5)))
    pitch = float(np.clip(random.normal(8, 12), max(-25.0, lowest), 50.0))
    framed = joints_m[list(_HALVES[int(random.integers(len(_HALVES)))])] if random.random() < half else joints_m
    roll, share = float(random.normal(0, 4)), float(random.uniform(*fill))
    view = aim(centre, distance, pitch, roll, 0.0, framed, size_px, share)
    size = np.array(size_px, dtype=float)
    flat = view.project_px(framed)
    extent = flat.max(axis=0) - flat.min(axis=0)
    room = np.maximum((size - extent) / 2 - 0.04 * size, 0.0)
    shift = random.uniform(-1, 1, 2) * room
    if random.random() >= cut or framed is not joints_m:
        return View(view.rotation, view.translation_m, view.focal_px, view.centre_px + shift)
    for _ in range(20):
        zoom = float(random.uniform(1.0, 1.7))
        down = float(random.choice([-1, 1], p=[0.2, 0.8]) * abs(random.normal(0, 0.3)))
        moved = shift + np.array([random.normal(0, 0.12), down]) * size
        closer = View(
            view.rotation,
            view.translation_m,
            view.focal_px * zoom,
            size / 2 + (view.centre_px - size / 2) * zoom + moved,
        )
        if in_picture(closer.project_px(joints_m), size_px).sum() >= FEWEST:
            return closer
    return view


def in_picture(points_px: FloatArray, size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which (N, 2) points lie inside the picture."""
    return np.asarray(((points_px >= 0) & (points_px < np.array(size_px))).all(axis=1))
