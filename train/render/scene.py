"""What surrounds a rendered person: background, light, and what the lens and the file format do to the picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.errors import UserError
from core.media import read_picture
from train.render.drawing import Light

Scene = Literal["studio", "house", "outdoor"]
SCENES: tuple[Scene, ...] = ("studio", "house", "outdoor")
_PREFIX = {"house": ("house", "texture"), "outdoor": ("landscape", "texture")}


@dataclass(frozen=True)
class Backgrounds:
    """Photographs without people, by scene; empty for procedural backgrounds only."""

    files: dict[str, tuple[Path, ...]]

    def draw(self, random: np.random.Generator, scene: Scene, size_px: tuple[int, int]) -> NDArray[np.float32]:
        """Draw a background: (h, w, 3) in 0..1."""
        files = self.files.get(scene, ())
        if not files:
            return procedural(random, scene, size_px)
        photo = _read(files[int(random.integers(len(files)))])
        width, height = size_px
        scale = max(width / photo.shape[1], height / photo.shape[0]) * random.uniform(1.0, 1.6)
        photo = cv2.resize(
            photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        top = int(random.integers(max(photo.shape[0] - height, 0) + 1))
        left = int(random.integers(max(photo.shape[1] - width, 0) + 1))
        part = photo[top : top + height, left : left + width]
        if part.shape[:2] != (height, width):
            part = cv2.resize(part, size_px)
        if random.random() < 0.5:
            part = part[:, ::-1]
        out = part.astype(np.float32) / 255.0
        if random.random() < 0.3:
            out = cv2.GaussianBlur(out, (0, 0), float(random.uniform(0.5, 2.5)))
        return np.asarray(out * random.uniform(0.75, 1.15), dtype=np.float32)


def open_backgrounds(folder: Path | None) -> Backgrounds:
    """Find the photographs of a folder; subfolders or names with house, landscape or texture choose the scene.

    Raises:
        UserError: the folder holds no pictures.
    """
    if folder is None:
        return Backgrounds({})
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    if not files:
        raise UserError(f"{folder} holds no pictures", "give a folder of photographs without people")
    chosen = {
        scene: tuple(f for f in files if any(p in str(f.relative_to(folder)).lower() for p in prefixes))
        for scene, prefixes in _PREFIX.items()
    }
    return Backgrounds({scene: found or tuple(files) for scene, found in chosen.items()})


@lru_cache(maxsize=400)
def _read(path: Path) -> NDArray[np.uint8]:
    picture = read_picture(path)
    scale = 384 / min(picture.shape[:2])
    if scale < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    return picture


def procedural(random: np.random.Generator, scene: Scene, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """Draw a wall and a floor (or sky and ground) with soft shading, edges and noise: (h, w, 3) in 0..1."""
    width, height = size_px
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    rows /= height
    columns /= width
    horizon = random.uniform(0.45, 0.85) + random.normal(0, 0.05) * (columns - 0.5)
    green = scene == "studio" and random.random() < 0.4
    wall = np.array([0.1, 0.62, 0.22]) if green else _tone(random, scene == "outdoor")
    floor = wall * random.uniform(0.8, 1.0) if green else _tone(random, False) * 0.8
    wall_light = 1.0 + random.normal(0, 0.25) * (columns - 0.5) + random.normal(0, 0.25) * (rows - 0.3)
    floor_light = 0.75 + 0.5 * (rows - horizon) + random.normal(0, 0.2) * (columns - 0.5)
    below = rows > horizon
    out = np.where(below[..., None], floor * floor_light[..., None], wall * wall_light[..., None])
    for _ in range(int(random.integers(0, 9)) if scene != "studio" else int(random.integers(0, 3))):
        left, top = random.uniform(-0.1, 0.9, 2)
        right, bottom = left + random.uniform(0.05, 0.5), top + random.uniform(0.05, 0.5)
        inside = (columns > left) & (columns < right) & (rows > top) & (rows < bottom)
        out[inside] = out[inside] * 0.3 + 0.7 * _tone(random, False)
    grain = cv2.resize(random.normal(0, 1, (height // 8 + 1, width // 8 + 1)).astype(np.float32), size_px)
    out = out * (1.0 + 0.05 * grain[..., None])
    return cv2.GaussianBlur(np.clip(out, 0, 1).astype(np.float32), (0, 0), float(random.uniform(0.4, 1.5)))


def _tone(random: np.random.Generator, sky: bool) -> NDArray[np.float64]:
    if sky:
        return np.array([0.55, 0.7, 0.95]) * random.uniform(0.6, 1.05) + random.normal(0, 0.05, 3)
    return np.clip(random.uniform(0.15, 0.95) + random.normal(0, 0.1, 3), 0.03, 1.0)


def light(random: np.random.Generator, scene: Scene, to_camera: NDArray[np.float64]) -> Light:
    """Draw sun or lamp, sky and ground light; ``to_camera`` turns body axes into camera axes."""
    up = to_camera @ np.array([0.0, 0.0, 1.0])
    heading, height = random.uniform(0, 360), random.uniform(15, 80)
    direction = Rotation.from_euler("zy", [heading, -height], degrees=True).apply([1.0, 0.0, 0.0])
    sun = to_camera @ direction
    if sun[2] > 0.3:
        sun[2] *= -1.0  # a person lit only from behind shows nothing to learn from
    strength = random.uniform(0.25, 0.9)
    warm = 1.0 + random.normal(0, 0.06, 3)
    sky = np.clip(random.uniform(0.45, 0.85) + random.normal(0, 0.04, 3), 0.2, 1.0)
    if scene == "studio":
        sky *= 1.1
    ground = sky * random.uniform(0.35, 0.8)
    return Light(sun / np.linalg.norm(sun), strength * warm, sky, ground, up, float(random.uniform(0, 0.18)))


def finish(random: np.random.Generator, picture: NDArray[np.float32]) -> tuple[NDArray[np.uint8], int]:
    """Apply exposure, blur and noise: (h, w, 3) uint8, and the JPEG quality to write it with."""
    picture = np.clip(picture, 0, 1) ** float(random.uniform(0.8, 1.25))
    if random.random() < 0.35:
        picture = cv2.GaussianBlur(picture, (0, 0), float(random.uniform(0.4, 1.3)))
    if random.random() < 0.1:
        length = int(random.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1.0 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), float(random.uniform(0, 180)), 1.0)
        picture = cv2.filter2D(picture, -1, cv2.warpAffine(kernel, turn, (length, length)))
    noisy = picture + random.normal(0, random.uniform(0.0, 0.035), picture.shape).astype(np.float32)
    quality = int(random.integers(45, 90)) if random.random() < 0.4 else 92
    return np.clip(noisy * 255.0 + 0.5, 0, 255).astype(np.uint8), quality
