"""Where the camera stands: distance, height, roll, and how the person is framed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

FloatArray = NDArray[np.float64]
# The body's axes (x left, y back, z up) to a camera that stands before it (x right, y down, z away).
BEFORE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class View:
    """A pinhole camera: ``camera_m = points @ rotation.T + translation_m``, pixels = focal * xy / z + centre.

    Attributes:
        rotation: (3, 3) from body axes to camera axes.
        translation_m: (3,).
        focal_px: focal length.
        centre_px: (2,) principal point, which may lie outside the picture: pictures are crops of larger ones.
    """

    rotation: FloatArray
    translation_m: FloatArray
    focal_px: float
    centre_px: FloatArray

    def to_camera_m(self, points_m: NDArray[np.floating]) -> FloatArray:
        """Move (N, 3) points to the camera frame: x right, y down, z away."""
        out: FloatArray = points_m @ self.rotation.T + self.translation_m
        return out

    def project_px(self, points_m: NDArray[np.floating]) -> FloatArray:
        """Project (N, 3) points to (N, 2) pixels."""
        camera_m = self.to_camera_m(points_m)
        out: FloatArray = self.focal_px * camera_m[:, :2] / camera_m[:, 2:] + self.centre_px
        return out


def draw(
    random: np.random.Generator, joints_m: FloatArray, size_px: tuple[int, int], tilted: float = 0.15, cut: float = 0.2,
    fill: tuple[float, float] = (0.42, 0.78),
) -> View:  # fmt: skip
    """Draw a camera and a framing for a body.

    Args:
        joints_m: (16, 3) in body axes.
        size_px: (width, height) of the picture.
        tilted: how often the person is turned any way up (gymnastics, lying, handstands).
        cut: how often a part of the person is outside the picture.
        fill: range of the share of the picture's side that the joints extend over.
    """
    yaw = Rotation.from_euler("z", random.uniform(0, 360), degrees=True)
    if random.random() < tilted:
        kind = random.random()
        body = (
            Rotation.from_euler("y", random.normal(180, 20), degrees=True)
            if kind < 0.5
            else Rotation.random(random_state=random)
        )
        yaw = yaw * body
    pitch = Rotation.from_euler("x", float(np.clip(random.normal(8, 12), -25, 50)), degrees=True)
    roll = Rotation.from_euler("z", random.normal(0, 4), degrees=True)
    rotation = roll.as_matrix() @ pitch.as_matrix() @ BEFORE @ yaw.as_matrix()
    distance = float(np.exp(random.uniform(np.log(2.4), np.log(9.0))))
    centre = (joints_m.min(0) + joints_m.max(0)) / 2
    translation = np.array([0.0, 0.0, distance]) - rotation @ centre
    flat = View(rotation, translation, 1.0, np.zeros(2)).project_px(joints_m)
    low, high = flat.min(0), flat.max(0)
    side = float(min(size_px))
    focal = side * random.uniform(*fill) / float((high - low).max())
    size = np.array(size_px, dtype=float)
    room = (size - focal * (high - low)) / 2 - 0.03 * side
    shift = random.uniform(-1, 1, 2) * np.maximum(room, 0)
    if random.random() < cut:
        focal *= random.uniform(1.0, 1.7)
        shift += (
            np.array([random.normal(0, 0.12), random.choice([-1, 1], p=[0.2, 0.8]) * abs(random.normal(0, 0.3))]) * size
        )
    return View(rotation, translation, focal, size / 2 + shift - focal * (low + high) / 2)
