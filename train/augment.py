"""Augmentation that stays exact for 3D: scale, mirror, rotation about the optical axis, half bodies, and colour.

Under weak perspective all but colour leave every depth as it was (a mirrored picture only swaps left and right), which
is why they are allowed on samples with 3D truth (method, "Training schedule"). Rendered people are seen in true
perspective, so for them depth and picture agree only as well as weak perspective describes the camera (about 16 mm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core import crop
from core.skeleton import JOINT_INDEX, JOINT_NAMES, MIRROR

FloatArray = NDArray[np.float64]

LOWER_BODY: Final = tuple(
    JOINT_INDEX[name] for name in JOINT_NAMES if name.endswith(("pelvis", "hip", "knee", "ankle"))
)
UPPER_BODY: Final = tuple(joint for joint in range(len(JOINT_NAMES)) if joint not in LOWER_BODY)
FEWEST_OF_HALF: Final = 4
"""A half with fewer annotated joints is not cropped to: its box would be a guess."""


@dataclass(frozen=True)
class AugmentConfig:
    """How far to vary a sample; the defaults are the reference's.

    Attributes:
        scale_sd: the crop's side is multiplied by 2^N(0, scale_sd), cut at two standard deviations.
        rotate_sd_degrees: rotation ~ N(0, sd), cut at two standard deviations.
        rotate_probability, mirror_probability: how often.
        shift: the crop's centre moves by up to this share of its side, each way.
        gain: each colour channel is multiplied by 1 - gain .. 1 + gain.
        contrast: contrast is multiplied by 1 - contrast .. 1 + contrast.
        blur_probability: how often a small Gaussian blur is applied.
        cutout_probability: how often a rectangle of one colour hides a part.
        grey_probability: how often all colour is taken away.
        half_body_probability: how often the crop is taken around the upper or the lower body only.
        neighbour_probability: how often another person is laid beside (``train.neighbours``), where there is room.
    """

    scale_sd: float = 0.25
    rotate_sd_degrees: float = 30.0
    rotate_probability: float = 0.4
    mirror_probability: float = 0.5
    shift: float = 0.0
    gain: float = 0.4
    contrast: float = 0.0
    blur_probability: float = 0.0
    cutout_probability: float = 0.0
    grey_probability: float = 0.0
    half_body_probability: float = 0.0
    neighbour_probability: float = 0.0


@dataclass(frozen=True)
class View:
    """One drawn variation of a stored crop: where the network's crop lies in it.

    Attributes:
        to_stored: (2, 3) matrix from the network's crop to the stored crop.
        mirrored: whether left and right are swapped.
        side_stored: side of the network's crop in stored pixels.
    """

    to_stored: FloatArray
    mirrored: bool
    side_stored: float


def draw_view(
    random: np.random.Generator,
    config: AugmentConfig,
    side_stored: float,
    stored_px: int,
    crop_px: int,
    labels: tuple[NDArray[np.floating], NDArray[np.bool_]] | None = None,
) -> View:
    """Draw scale, rotation, mirror, shift and half-body crop for one sample.

    Args:
        random: source of all draws.
        config: how far to vary.
        side_stored: side of the person's box, which is centred in the stored crop.
        stored_px, crop_px: sides of the stored and of the network's crop.
        labels: (16, 2) joints in the stored crop and which are annotated; without them no half body is drawn.
    """
    centre = np.full(2, stored_px / 2)
    # No draw when it is switched off: the batches of older configurations stay as they were.
    if config.half_body_probability > 0 and random.random() < config.half_body_probability:
        half = UPPER_BODY if random.random() < 0.65 else LOWER_BODY
        box = None if labels is None else half_body_box(*labels, half)
        if box is not None and box[2] < side_stored:
            side_stored, centre = box[2], np.array([box[0] + box[2] / 2, box[1] + box[2] / 2])
    scale = 2.0 ** float(np.clip(random.normal(0.0, 1.0), -2, 2) * config.scale_sd)
    angle = float(np.clip(random.normal(0.0, 1.0), -2, 2) * config.rotate_sd_degrees)
    if random.random() >= config.rotate_probability:
        angle = 0.0
    mirrored = bool(random.random() < config.mirror_probability)
    side = side_stored * scale
    shift = random.uniform(-config.shift, config.shift, 2) * side
    return make_view(side, np.deg2rad(angle), mirrored, centre + shift, crop_px)


def half_body_box(
    joints_stored: NDArray[np.floating], annotated: NDArray[np.bool_], half: tuple[int, ...]
) -> crop.Box | None:
    """Return the square around the annotated joints of a half, room included; None where they are too few."""
    rows = [joint for joint in half if annotated[joint]]
    if len(rows) < FEWEST_OF_HALF:
        return None
    return crop.box_around(joints_stored[rows].astype(np.float64))


def make_view(side_stored: float, angle: float, mirrored: bool, centre_stored: FloatArray, crop_px: int) -> View:
    """Build the view of a given side, rotation (radians), mirror and centre."""
    step = side_stored / crop_px
    cosine, sine = np.cos(angle) * step, np.sin(angle) * step
    linear = np.array([[cosine, -sine], [sine, cosine]])
    if mirrored:
        linear[:, 0] *= -1.0
    return View(placed(linear, np.asarray(centre_stored), np.full(2, crop_px / 2)), mirrored, side_stored)


def placed(linear: FloatArray, at_stored: FloatArray, at_crop: FloatArray) -> FloatArray:
    """Return the (2, 3) matrix to the stored crop that puts a point of it at a point of the network's crop.

    Args:
        linear: (2, 2) scale, rotation and mirror.
        at_stored, at_crop: (2,) the point in both.
    """
    return np.hstack([linear, (at_stored - linear @ at_crop)[:, None]])


def view_joints(
    view: View, joints_stored: FloatArray, annotated: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the (16, 2) joints of a view in ``_crop``, and which are annotated."""
    joints_crop = crop.apply(crop.invert(view.to_stored), joints_stored)
    if view.mirrored:
        joints_crop, annotated = joints_crop[list(MIRROR)], annotated[list(MIRROR)]
    return joints_crop, annotated


@dataclass(frozen=True)
class ColourChange:
    """One drawn variation of colour and sharpness.

    Attributes:
        gains: (3,) factor of each channel.
        contrast: factor around middle grey.
        grey: whether all colour is taken away.
        blur_sd_px: standard deviation of a Gaussian blur, pixels; 0 for none.
        cutout: (left, top, right, bottom) of a hidden rectangle, in shares of the crop's side, or None.
        cutout_colour: (3,) 0..255.
    """

    gains: FloatArray
    contrast: float
    grey: bool
    blur_sd_px: float
    cutout: tuple[float, float, float, float] | None
    cutout_colour: NDArray[np.uint8]


def draw_colour(random: np.random.Generator, config: AugmentConfig) -> ColourChange:
    """Draw a variation of colour, lighter as often as darker."""
    gains = random.uniform(1 - config.gain, 1 + config.gain, 3)
    contrast = float(random.uniform(1 - config.contrast, 1 + config.contrast))
    grey = bool(random.random() < config.grey_probability)
    blur = float(random.uniform(0.5, 1.8)) if random.random() < config.blur_probability else 0.0
    cutout = None
    if random.random() < config.cutout_probability:
        width, height = random.uniform(0.1, 0.35, 2)
        left, top = random.uniform(0, 1 - width), random.uniform(0, 1 - height)
        cutout = (float(left), float(top), float(left + width), float(top + height))
    return ColourChange(gains, contrast, grey, blur, cutout, random.integers(0, 256, 3, dtype=np.uint8))


def apply_colour(change: ColourChange, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Apply a variation to one (s, s, 3) crop."""
    levels = np.arange(256.0)
    table = ((levels - 128.0) * change.contrast + 128.0)[:, None] * change.gains
    out = cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None])
    if change.grey:
        out = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if change.blur_sd_px > 0:
        out = cv2.GaussianBlur(out, (0, 0), change.blur_sd_px)
    if change.cutout is not None:
        left, top, right, bottom = (int(share * image.shape[0]) for share in change.cutout)
        out[top:bottom, left:right] = change.cutout_colour
    return np.asarray(out, dtype=np.uint8)
