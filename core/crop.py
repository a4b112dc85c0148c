"""Box to square crop and its exact inverse; affine maps are (2, 3) matrices acting on (x, y, 1).

All frames are continuous: the top-left corner of the top-left pixel is (0, 0), its centre (0.5, 0.5).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""(x, y, width, height) in picture pixels."""

ROOM = 1.25
"""A person's box is the extent of the joints times this: room for hands, hair and feet."""


def box_around(joints_px: FloatArray, room: float = ROOM) -> Box:
    """Return the square box around (N, 2) joints, with room; at least one pixel wide."""
    low, high = joints_px.min(axis=0), joints_px.max(axis=0)
    side = max(float((high - low).max()) * room, 1.0)
    centre = (low + high) / 2
    return (float(centre[0] - side / 2), float(centre[1] - side / 2), side, side)


def square(box_px: Box) -> Box:
    """Return the square around the same centre whose side is the longer one of the box."""
    x, y, width, height = box_px
    side = max(width, height)
    return (x + (width - side) / 2, y + (height - side) / 2, side, side)


def crop_to_picture(box_px: Box, crop_px: int) -> FloatArray:
    """Return the (2, 3) matrix from ``_crop`` (0..crop_px) to ``_px`` for the square around a box."""
    x, y, side, _ = square(box_px)
    scale = side / crop_px
    return np.array([[scale, 0.0, x], [0.0, scale, y]])


def invert(matrix: FloatArray) -> FloatArray:
    """Invert a (2, 3) affine matrix."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.hstack([linear, -linear @ matrix[:, 2:]])


def compose(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """Return the affine matrix that applies ``inner`` first, then ``outer``."""
    return np.hstack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]])


def apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Map (..., 2) points by a (2, 3) affine matrix."""
    moved: FloatArray = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def cut(picture: NDArray[np.uint8], matrix: FloatArray, crop_px: int) -> NDArray[np.uint8]:
    """Cut a (crop_px, crop_px, 3) crop out of a (h, w, 3) picture; what lies outside the picture is black.

    Args:
        picture: RGB.
        matrix: (2, 3) from ``_crop`` to ``_px``; rotation, scale and mirror allowed.
        crop_px: side of the crop.
    """
    step = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    height, width = picture.shape[:2]
    if step > 2.0 or max(height, width) > 16_000:
        # Sampling every third pixel would alias, and OpenCV's warp takes no picture side over 32,767.
        picture, matrix = _shrink_region(picture, matrix, crop_px, step)
    # cv2 speaks of pixel centres; our frames of pixel corners.
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    centred = compose(invert(half), compose(matrix, half))
    out = cv2.warpAffine(
        picture, centred, (crop_px, crop_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0),
    )  # fmt: skip
    return np.asarray(out, dtype=np.uint8)


def _shrink_region(
    picture: NDArray[np.uint8], matrix: FloatArray, crop_px: int, step: float
) -> tuple[NDArray[np.uint8], FloatArray]:
    """Cut out the part of the picture that the crop sees and area-average it by a whole factor."""
    corners = apply(matrix, np.array([[0.0, 0.0], [crop_px, 0.0], [0.0, crop_px], [crop_px, crop_px]]))
    height, width = picture.shape[:2]
    factor = max(1, int(step))
    left, top = (int(np.clip(np.floor(v) - 2 * factor, 0, s)) for v, s in zip(corners.min(0), (width, height)))  # noqa: B905
    right, bottom = (int(np.clip(np.ceil(v) + 2 * factor, 0, s)) for v, s in zip(corners.max(0), (width, height)))  # noqa: B905
    columns, rows = (right - left) // factor, (bottom - top) // factor
    if columns < 1 or rows < 1:
        return np.zeros((1, 1, 3), np.uint8), np.array([[1.0, 0.0, 10.0], [0.0, 1.0, 10.0]])
    region = picture[top : top + rows * factor, left : left + columns * factor]
    small = cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA)
    to_small = np.array([[1 / factor, 0.0, -left / factor], [0.0, 1 / factor, -top / factor]])
    return np.asarray(small, dtype=np.uint8), compose(to_small, matrix)
