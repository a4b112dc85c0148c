"""Pictures for tests of the locating network's training: a standing person of sixteen marks, and places without."""

from __future__ import annotations

from typing import Final

import numpy as np

from core import skeleton
from train.datasets.crops import STORED_PX, CropSet
from train.locate.pictures import Source

GREEN: Final = (40, 160, 60)


def standing(side: int = 200, colour: tuple[int, int, int] = (200, 60, 40)) -> Source:
    """Return a picture with sixteen marks where a standing person's joints would be, on green."""
    rows = [190, 145, 100, 100, 145, 190, 100, 60, 45, 20, 105, 85, 55, 55, 85, 105]
    columns = [85, 88, 90, 110, 112, 115, 100, 100, 100, 100, 60, 70, 85, 115, 130, 140]
    joints = np.column_stack([columns, rows]).astype(np.float64)
    image = np.full((side, side, 3), GREEN, np.uint8)
    for x, y in joints.astype(int):
        image[y - 4 : y + 4, x - 4 : x + 4] = colour
    return Source(image, joints, np.ones(skeleton.JOINT_COUNT, bool))


def place(colour: int = 90, size: tuple[int, int] = (160, 160)) -> Source:
    image = np.full((size[1], size[0], 3), colour, np.uint8)
    return Source(image, np.zeros((skeleton.JOINT_COUNT, 2)), np.zeros(skeleton.JOINT_COUNT, bool))


def crops(people: bool, count: int = 6) -> CropSet:
    images = np.zeros((count, STORED_PX, STORED_PX, 3), np.uint8)
    person = standing()
    images[:, :200, :200] = person.image if people else 90
    joints = np.repeat(person.joints_px[None], count, axis=0).astype(np.float32)
    annotated = np.full((count, skeleton.JOINT_COUNT), people)
    return CropSet(images, joints, annotated, np.full((count, skeleton.JOINT_COUNT, 3), np.nan, np.float32))
