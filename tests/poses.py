"""A standing body, and whole poses made from it without a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core import geometry, skeleton
from core.crop import Box
from core.pose import Pose

CROP = 128
MAP = 32

STANDING_MM = np.array(
    [
        (-190, 900, 60), (-170, 455, -60), (-130, 5, 0), (130, 0, 0), (150, 450, 20), (160, 900, 90),
        (0, 0, 0), (0, -420, -10), (0, -500, -15), (10, -690, -25),
        (-420, -650, -180), (-400, -420, -90), (-175, -425, -10), (175, -425, -10), (300, -175, 40), (330, 70, -60),
    ],
    dtype=np.float64,
)  # fmt: skip
"""A body of about canonical size: standing, the right hand raised; x right, y down, z away, mm from the pelvis."""


def make_pose(
    size_px: tuple[int, int] = (320, 400), box: Box | None = None, *, name: str = "fake", confidence: float = 0.8,
    joints_mm: NDArray[np.float64] = STANDING_MM,
) -> Pose:  # fmt: skip
    """Return a whole pose of a body in the middle of a picture."""
    width, height = size_px
    side = 0.95 * min(width, height)
    located = box or ((width - side) / 2, (height - side) / 2, side, side)
    x, y, box_width, box_height = located
    square = max(box_width, box_height)
    corner = np.array([x + (box_width - square) / 2, y + (box_height - square) / 2])
    scale = square / 2000.0
    joints_px = corner + square * np.array([0.5, 0.42]) + joints_mm[:, :2] * scale
    matrix = np.array([[square / CROP, 0.0, corner[0]], [0.0, square / CROP, corner[1]]])
    grid = (np.arange(MAP) + 0.5) * square / MAP
    offsets_x = (corner[0] + grid)[None, None, :] - joints_px[:, 0, None, None]
    offsets_y = (corner[1] + grid)[None, :, None] - joints_px[:, 1, None, None]
    sigma = square / MAP
    sure = np.full(skeleton.JOINT_COUNT, confidence)
    maps = np.exp(-(offsets_x**2 + offsets_y**2) / (2 * sigma**2)) * sure[:, None, None]
    second = np.full((skeleton.JOINT_COUNT, 2), np.nan)
    second[10] = joints_px[15]
    second_confidence = np.where(np.isnan(second[:, 0]), 0.0, 0.1)
    return Pose(
        picture_size_px=size_px, box_px=located, located_by="given" if box else "search", joints_px=joints_px,
        confidence=sure, joints_mm=joints_mm, depth_norm=joints_mm[:, 2] / 1000.0, second_px=second,
        second_confidence=second_confidence, geometry=geometry.report(joints_mm), heatmaps=maps.astype(np.float32),
        crop_to_picture=matrix, crop_size=CROP, checkpoint_name=name, checkpoint_sha256="0" * 64,
    )  # fmt: skip
