"""What keeps a person from being seen whole: furniture and plants in front, other people beside and behind.

Joints that these hide stay annotated: a network must say where they are all the same.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.render.camera import View
from train.render.scene import Box

FloatArray = NDArray[np.float64]

FURNITURE, PLANT, COMPANY = 0.13, 0.07, 0.13
"""How often there is each."""
TOUCHING_DEGREES, TOUCHING_M = (60, 105), (-0.1, 0.05)
"""Where somebody stands who touches the person, from straight behind, and how far apart: sleeves give way."""
_TRIES = 4
MOST_HIDDEN = 0.6
"""Share of the joints in the picture that furniture may hide: a picture of a cupboard teaches nothing."""


def draw_furniture(
    random: np.random.Generator, view: View, vertices_m: NDArray[np.float32], joints_m: FloatArray, floor_z_m: float,
    framed: NDArray[np.bool_],
) -> Box | None:  # fmt: skip
    """Draw a table, sofa, counter, or a door's edge between camera and person; None where there is no room.

    Args:
        view: the camera.
        vertices_m: (V, 3) what it must not touch.
        joints_m: (16, 3).
        floor_z_m: what it stands on.
        framed: (16,) joints inside the picture; enough of them stay in sight to tell what the person does.
    """
    for _ in range(_TRIES):
        box = _furniture(random, view.eye_m, vertices_m, joints_m, floor_z_m, framed)
        if box is not None and _hidden(box, view.eye_m, joints_m[framed]).mean() <= MOST_HIDDEN:
            return box
    return None


def _furniture(
    random: np.random.Generator, eye: FloatArray, vertices_m: NDArray[np.float32], joints_m: FloatArray,
    floor_z_m: float, framed: NDArray[np.bool_],
) -> Box | None:  # fmt: skip
    middle = joints_m.mean(axis=0)
    towards = eye[:2] - middle[:2]
    distance = float(np.linalg.norm(towards))
    towards /= distance
    aside = np.array([-towards[1], towards[0]])
    nearest = float(((vertices_m[::9, :2] - middle[:2]) @ towards).max())
    upright = random.random() < 0.3
    half = np.array([random.uniform(0.1, 0.35), random.uniform(0.2, 1.0), 1.3])
    away = nearest + half[0] + random.uniform(0.05, 0.5)
    if away + half[0] > distance - 0.7:
        return None
    across = (joints_m[framed, :2] - middle[:2]) @ aside
    # Seen from the eye, what stands nearer hides what is further out or lower.
    shrink = (distance - away) / distance
    if upright:
        half[1] = random.uniform(0.06, 0.3)
        side = 1.0 if random.random() < 0.5 else -1.0
        edge = float(np.quantile(across * side, random.uniform(0.7, 0.95))) * shrink
        offset = side * (edge + half[1])
    else:
        hidden_z = float(np.quantile(joints_m[framed, 2], random.uniform(0.1, 0.5)))
        top = eye[2] + (hidden_z - eye[2]) * shrink
        half[2] = (top - floor_z_m) / 2
        offset = float(random.uniform(-0.6, 0.6) * half[1])
        if half[2] < 0.1:
            return None
    place = middle[:2] + towards * away + aside * offset
    turn = float(np.arctan2(towards[1], towards[0]) + (0.0 if upright else random.normal(0, 0.12)))
    tint = np.array([0.5, 0.38, 0.27]) if random.random() < 0.4 else np.full(3, 0.6) + random.normal(0, 0.15, 3)
    colour = np.clip(tint * random.uniform(0.4, 1.5), 0.04, 0.97)
    return Box(np.array([place[0], place[1], floor_z_m + half[2]]), half, turn, colour)


def _hidden(box: Box, eye_m: FloatArray, points_m: FloatArray) -> NDArray[np.bool_]:
    """Tell which (N, 3) points a box hides from the eye."""
    c, s = np.cos(box.turn), np.sin(box.turn)
    to_box = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    start, along = to_box @ (eye_m - box.centre_m), (points_m - eye_m) @ to_box.T
    along = np.where(np.abs(along) < 1e-9, 1e-9, along)
    one, two = (-box.half_m - start) / along, (box.half_m - start) / along
    enter, leave = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
    return np.asarray((enter < leave) & (leave > 0.0) & (enter < 1.0))


def draw_plant(random: np.random.Generator, picture: NDArray[np.float32], joints_px: FloatArray) -> NDArray[np.float32]:
    """Return the (h, w, 3) picture with leaves in front of a part of the person."""
    height, width = picture.shape[:2]
    extent = min(float(np.ptp(joints_px, axis=0).max()), float(max(height, width)))
    root = joints_px[int(random.integers(len(joints_px)))] + random.normal(0, 0.1 * extent, 2)
    root[1] += random.uniform(0.1, 0.35) * extent
    reach = extent * random.uniform(0.15, 0.38)
    tint = np.array([0.2, 0.42, 0.14]) * random.uniform(0.6, 1.6) + random.normal(0, 0.05, 3)
    layer = np.zeros((height, width, 3), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    slim = random.uniform(0.06, 0.2)
    for _ in range(int(random.integers(9, 28))):
        angle, length = random.normal(-90, 38), reach * random.uniform(0.5, 1.0)
        direction = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
        at = root + direction * length * random.uniform(0.5, 1.0)
        shade = np.clip(tint * random.uniform(0.55, 1.3) * 255, 5, 250)
        shape: Any = (tuple(at.tolist()), (length, max(length * slim, 2.0)), angle + random.normal(0, 12))
        cv2.ellipse(layer, shape, shade.tolist(), -1, cv2.LINE_AA)
        cv2.ellipse(mask, shape, 255, -1, cv2.LINE_AA)
        stem = (root * 8).astype(int).tolist(), (at * 8).astype(int).tolist()
        cv2.line(layer, *stem, (shade * 0.8).tolist(), 2, cv2.LINE_AA, 3)
        cv2.line(mask, *stem, 255, 2, cv2.LINE_AA, 3)
    cover = (mask.astype(np.float32) / 255.0)[..., None]
    return np.asarray(picture * (1 - cover) + cover * (layer.astype(np.float32) / 255.0), dtype=np.float32)


def place_beside(
    random: np.random.Generator, view: View, vertices_m: NDArray[np.float32], other_m: NDArray[np.float32],
    touching: bool = False,
) -> FloatArray:  # fmt: skip
    """Draw how far, (3,) metres, to shift a second person on the floor: beside or behind the first.

    Args:
        view: the camera.
        vertices_m, other_m: (V, 3) surfaces of both, the second not yet shifted.
        touching: shoulder to shoulder, as friends walk, at times a little nearer to the camera; else never in front.
    """
    middle, other = (points[:, :2].mean(axis=0).astype(np.float64) for points in (vertices_m, other_m))
    behind = middle - view.eye_m[:2]
    behind /= np.linalg.norm(behind)
    around = TOUCHING_DEGREES if touching else (25, 85)
    angle = np.deg2rad(random.uniform(*around) * (1 if random.random() < 0.5 else -1))
    c, s = np.cos(angle), np.sin(angle)
    direction = np.array([c * behind[0] - s * behind[1], s * behind[0] + c * behind[1]])
    own = float(((vertices_m[::9, :2] - middle) @ direction).max())
    others = float(((other - other_m[::9, :2]) @ direction).max())
    gap = own + others + (random.uniform(*TOUCHING_M) if touching else 0.04 + random.exponential(0.3))
    return np.array([*(middle + direction * gap - other), 0.0])
