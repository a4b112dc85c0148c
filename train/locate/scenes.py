"""Scenes with nobody, one or several people, put together from pictures: where each is, and where it is not known.

A photo tells of one person and not of the others in it, so that beside that person nothing in it counts as empty. Where
a piece of a place without people was put, nobody is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.crop import Box, apply, compose
from core.locate import box_of_joints, overlap
from core.locate.candidates import SAME_PERSON
from train.locate.pictures import Source
from train.render.camera import in_picture

FloatArray = NDArray[np.float64]
Region = tuple[int, int, int, int]
"""Left, top, right and bottom, whole pixels of a canvas."""

FEWEST_JOINTS: Final = 6
"""Of somebody with fewer joints in the picture nothing is said."""
MOST_COVERED: Final = 0.35
"""So much of a person's box may be covered by what is put in later; by somebody cut out, so many of the joints."""
TRIES: Final = 6
_EDGE_PX: Final = 0.5
_HALF: Final = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
_LIMB: Final = 0.055
"""Half the width of a cut-out limb, in parts of the body's extent: wide enough for sleeves."""


@dataclass(frozen=True)
class Placing:
    """How a source lies on a canvas.

    Attributes:
        to_canvas: (2, 3) from source to canvas pixels.
        cutout: only the person, along the limbs, not what is around them.
    """

    to_canvas: FloatArray
    cutout: bool = False


class Canvas:
    """A place that people are put into.

    Args:
        ground: (h, w, 3) RGB without people; it is drawn upon.

    Attributes:
        image: (h, w, 3).
        known: (h, w) uint8, 255 where somebody's centre would have been told.
        boxes: of the people, see ``core.locate.box_of_joints``.
    """

    def __init__(self, ground: NDArray[np.uint8]) -> None:
        self.image = ground
        self.known: NDArray[np.uint8] = np.full(ground.shape[:2], 255, np.uint8)
        self.boxes: list[Box] = []
        self._joints: list[FloatArray] = []

    def put(self, source: Source, placing: Placing) -> bool:
        """Put a source in, unless it would cover somebody; returns whether it was."""
        height, width = self.known.shape
        region = _region(source, placing, (width, height))
        if region is None:
            return False
        if not placing.cutout and any(_share_covered(box, region) > MOST_COVERED for box in self.boxes):
            return False
        left, top, right, bottom = region
        colours, alpha = _patch(source, placing, region)
        if placing.cutout and self._hides(source, placing, region, alpha):
            return False
        rows, columns = slice(top, bottom), slice(left, right)
        share = alpha[..., None].astype(np.float32) / 255.0
        under = self.image[rows, columns]
        self.image[rows, columns] = (under + share * (colours.astype(np.float32) - under)).astype(np.uint8)
        if not source.annotated.any():
            return True
        if not placing.cutout:
            self.known[rows, columns][alpha > 127] = 0
        joints = apply(placing.to_canvas, source.joints_px[source.annotated])
        inside = in_picture(joints, (width, height))
        if inside.sum() < FEWEST_JOINTS:
            if inside.any():
                _fill(self.known, box_of_joints(joints), 0)
            return True
        box = box_of_joints(joints[inside])
        self.boxes.append(box)
        self._joints.append(joints[inside])
        _fill(self.known, box, 255)
        if source.other_px is not None:
            self._tell_other(source, placing)
        return True

    def _tell_other(self, source: Source, placing: Placing) -> None:
        """Tell of who came with a source's person; where too little is seen of them, only that it is not known."""
        assert source.other_px is not None
        height, width = self.known.shape
        joints = apply(placing.to_canvas, source.other_px)
        rows, columns = source.image.shape[:2]
        seen = in_picture(source.other_px, (columns, rows)) & in_picture(joints, (width, height))
        if not seen.any():
            return
        box = box_of_joints(joints[seen])
        if placing.cutout or seen.sum() < FEWEST_JOINTS or overlap(box, self.boxes[-1]) > SAME_PERSON:
            x, y, wide, high = box
            _fill(self.known, (x + wide / 4, y + high / 4, wide / 2, high / 2), 0)
            return
        self.boxes.append(box)
        self._joints.append(joints[seen])
        _fill(self.known, box, 255)

    def _hides(self, source: Source, placing: Placing, region: Region, alpha: NDArray[np.uint8]) -> bool:
        """Tell whether somebody cut out would hide somebody, or be taken for the same person by their boxes."""
        box = box_of_joints(apply(placing.to_canvas, source.joints_px))
        if any(overlap(box, other) > SAME_PERSON for other in self.boxes):
            return True
        left, top, right, bottom = region
        over = np.zeros(self.known.shape, bool)
        over[top:bottom, left:right] = alpha > 127
        places = ((joints.astype(int)[:, 1], joints.astype(int)[:, 0]) for joints in self._joints)
        return any(float(over[rows, columns].mean()) > MOST_COVERED for rows, columns in places)


def _fill(mask: NDArray[np.uint8], box: Box, value: int) -> None:
    x, y, width, height = box
    mask[max(int(y), 0) : max(int(y + height), 0), max(int(x), 0) : max(int(x + width), 0)] = value


def _share_covered(box: Box, region: Region) -> float:
    x, y, width, height = box
    left, top, right, bottom = region
    common = max(min(x + width, right) - max(x, left), 0.0) * max(min(y + height, bottom) - max(y, top), 0.0)
    return common / max(width * height, 1.0)


def _region(source: Source, placing: Placing, size: tuple[int, int]) -> Region | None:
    """Return the part of the canvas that a source takes, None if it lies outside."""
    height, width = source.image.shape[:2]
    corners = np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]])
    if placing.cutout:
        x, y, wide, high = box_of_joints(source.joints_px, room=1.5)
        corners = np.array([[x, y], [x + wide, y], [x, y + high], [x + wide, y + high]])
    corners = apply(placing.to_canvas, corners)
    left, top = (int(max(np.floor(value), 0)) for value in corners.min(axis=0))
    right, bottom = (int(min(np.ceil(value), limit)) for value, limit in zip(corners.max(axis=0), size, strict=True))
    return None if right - left < 2 or bottom - top < 2 else (left, top, right, bottom)


def _patch(source: Source, placing: Placing, region: Region) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the colours of a source in its region of the canvas, and how much they cover there."""
    matrix = placing.to_canvas
    height, width = source.image.shape[:2]
    left, top, right, bottom = region
    layers = cv2.cvtColor(source.image, cv2.COLOR_RGB2RGBA)
    if placing.cutout:
        layers[..., 3] = limbs_mask(source)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.6:
        # Else every second or third pixel alone would be seen.
        small = max(round(width * scale), 1), max(round(height * scale), 1)
        layers = cv2.resize(layers, small, interpolation=cv2.INTER_AREA)
        matrix = compose(matrix, np.array([[width / small[0], 0.0, 0.0], [0.0, height / small[1], 0.0]]))
    matrix = compose(np.array([[1.0, 0.0, -float(left)], [0.0, 1.0, -float(top)]]), matrix)
    # cv2 speaks of pixel centres, our frames of pixel corners.
    centred = compose(np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5]]), compose(matrix, _HALF))
    warped = cv2.warpAffine(layers, centred, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    return np.asarray(warped[..., :3], np.uint8), np.asarray(warped[..., 3], np.uint8)


def limbs_mask(source: Source) -> NDArray[np.uint8]:
    """Return (h, w) how much of each pixel is taken for the person: bones with flesh around them, softly ended."""
    mask = np.zeros(source.image.shape[:2], np.uint8)
    joints = source.joints_px
    extent = float((joints.max(axis=0) - joints.min(axis=0)).max())
    thick = max(int(2 * _LIMB * extent), 2)
    index = skeleton.JOINT_INDEX
    for start, end in skeleton.BONE_ENDS:
        _line(mask, joints[start], joints[end], thick)
    trunk = [index[name] for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
    cv2.fillConvexPoly(mask, cv2.convexHull(joints[trunk].astype(np.int32)), 255)
    # Hands and feet go on past wrist and ankle.
    for inner, outer in (("elbow", "wrist"), ("knee", "ankle")):
        for side in ("left", "right"):
            a, b = joints[index[f"{side}_{inner}"]], joints[index[f"{side}_{outer}"]]
            _line(mask, b, b + 0.35 * (b - a), thick)
    return np.asarray(cv2.blur(mask, (thick // 2 + 1, thick // 2 + 1)), np.uint8)


def _line(mask: NDArray[np.uint8], start: FloatArray, end: FloatArray, thick: int) -> None:
    (x0, y0), (x1, y1) = (np.clip(point, -2000, 2000).astype(int).tolist() for point in (start, end))
    cv2.line(mask, (x0, y0), (x1, y1), 255, thick)


def linear(angle: float = 0.0, mirrored: bool = False, stretch: float = 0.0) -> FloatArray:
    """Return the (2, 2) matrix of a rotation (radians) after a mirror and a stretch (log2 of width over height)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    widths = np.diag([2.0 ** (stretch / 2) * (-1.0 if mirrored else 1.0), 2.0 ** (-stretch / 2)])
    return np.asarray(np.array([[cosine, -sine], [sine, cosine]]) @ widths)


def filling(
    source: Source, size: tuple[int, int], share: float, turned: FloatArray, where: FloatArray, slack: float = 0.0
) -> FloatArray:
    """Return the (2, 3) matrix that makes a person fill a share of the canvas.

    Args:
        source: with at least two annotated joints.
        size: (width, height) of the canvas.
        share: height of the joints' extent in parts of the canvas's; less where the width would not fit.
        turned: (2, 2) applied first.
        where: (2,) in 0..1, where between the canvas's edges the box lies.
        slack: parts of the box that may lie outside; without, all joints lie inside, whatever the box does.
    """
    joints = source.joints_px[source.annotated] @ turned.T
    extent = np.maximum(joints.max(axis=0) - joints.min(axis=0), 1.0)
    scale = min(share * size[1] / extent[1], max(share, 0.8) * size[0] / extent[0])
    x, y, width, height = box_of_joints(joints * scale)
    span = np.array([width, height])
    room = np.array(size, dtype=np.float64) - span
    low, high = np.minimum(room, 0.0) - slack * span, np.maximum(room, 0.0) + slack * span
    shift = low + where * (high - low) - (x, y)
    if not slack:
        first, last = joints.min(axis=0) * scale + shift, joints.max(axis=0) * scale + shift
        shift += np.maximum(_EDGE_PX - first, 0.0) - np.maximum(last + _EDGE_PX - size, 0.0)
    return np.hstack([turned * scale, shift[:, None]])


def beside(source: Source, box: Box, ratio: float, turned: FloatArray, aside: float, lower: float) -> FloatArray:
    """Return the (2, 3) matrix that puts a person at the side of somebody, like friends in a photo.

    Args:
        source: with at least two annotated joints.
        box: the other's, on the canvas.
        ratio: longer side of this person's box in parts of the other's.
        turned: (2, 2) applied first.
        aside: from the other's middle to this person's, in parts of the mean of their widths; negative to the left.
        lower: how much lower this person's box ends, in parts of the other's height.
    """
    x, y, width, height = box
    joints = source.joints_px[source.annotated] @ turned.T
    _, _, wide, high = box_of_joints(joints)
    scale = ratio * max(width, height) / max(wide, high)
    left, top, wide, high = box_of_joints(joints * scale)
    middle = x + width / 2 + aside * (width + wide) / 2
    shift = np.array([middle - wide / 2 - left, y + height + lower * height - high - top])
    return np.hstack([turned * scale, shift[:, None]])


def covering(source: Source, size: tuple[int, int], how: float, turned: FloatArray, where: FloatArray) -> FloatArray:
    """Return the (2, 3) matrix with which a picture just fits the canvas (``how`` 0) or just fills it (1).

    Args:
        turned: (2, 2) applied first.
        where: (2,) in 0..1, which of the parts that are too much is left away.
    """
    height, width = source.image.shape[:2]
    corners = np.array([[0.0, 0.0], [width, 0.0], [0.0, height], [width, height]]) @ turned.T
    extent = corners.max(axis=0) - corners.min(axis=0)
    ratios = np.array(size) / extent
    scale = float(ratios.min() ** (1.0 - how) * ratios.max() ** how)
    corner = where * (np.array(size) - extent * scale)
    return np.hstack([turned * scale, (corner - corners.min(axis=0) * scale)[:, None]])


def ground(picture: Source, size: tuple[int, int], part: Box, mirrored: bool) -> NDArray[np.uint8]:
    """Return a part (in 0..1 of the picture's sides) of a picture, as large as the canvas."""
    height, width = picture.image.shape[:2]
    left, top = int(part[0] * width), int(part[1] * height)
    right, bottom = max(int((part[0] + part[2]) * width), left + 1), max(int((part[1] + part[3]) * height), top + 1)
    cut = picture.image[top:bottom, left:right]
    small = cut.shape[1] < size[0]
    out = cv2.resize(cut, size, interpolation=cv2.INTER_LINEAR if small else cv2.INTER_AREA)
    return np.ascontiguousarray(out[:, ::-1] if mirrored else out)
