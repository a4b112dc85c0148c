"""What surrounds a rendered person: stage or photograph, light, and what lens and file format do to the picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.media import read_picture
from core.skeleton import JOINT_INDEX

FloatArray = NDArray[np.float64]
Scene = Literal["studio", "house", "outdoor"]
SCENES: tuple[Scene, ...] = ("studio", "house", "outdoor")
_PREFIX = {"house": ("house", "texture", "dtd"), "outdoor": ("landscape", "texture", "bsds", "dtd")}
PRINT_PX, PRINTED = 64, 0.15
"""Side of a piece of photograph that cloth shows, and how often people wear such cloth."""
BARE, ROOM, STUDIO, OUTDOORS = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class Light:
    """Sun or lamp, sky and ground; world axes, linear colours.

    Attributes:
        sun: (3,) unit direction towards it.
        sun_colour, sky, ground: (3,) strengths.
    """

    sun: FloatArray
    sun_colour: FloatArray
    sky: FloatArray
    ground: FloatArray


@dataclass(frozen=True, eq=False)
class Box:
    """A piece of furniture or a building: centre and half sides in metres, turned about the upright, sRGB colour."""

    centre_m: FloatArray
    half_m: FloatArray
    turn: float
    colour: FloatArray


def _grey(value: float) -> FloatArray:
    return np.full(3, value)


@dataclass(frozen=True, eq=False)
class Stage:
    """The place: floor, walls or sky, and boxes. World axes, metres; colours are sRGB 0..1.

    Attributes:
        floor_z_m: height of the floor.
        kind: ``BARE`` (only shadow and boxes, for photographs), ``ROOM``, ``STUDIO`` or ``OUTDOORS``.
        turn: angle of the room, radians.
        low_m, high_m: the room's corners, in the axes of the room.
        floor_pattern, wall_pattern: 0 plain, 1 planks, 2 tiles, 3 mottled, 4 stripes, 5 chequers, 6 bricks.
        seed: of the patterns' noise.
    """

    floor_z_m: float
    kind: int = BARE
    boxes: tuple[Box, ...] = ()
    turn: float = 0.0
    low_m: FloatArray = field(default_factory=lambda: np.array([-4.0, -9.0, 0.0]))
    high_m: FloatArray = field(default_factory=lambda: np.array([4.0, 3.0, 3.0]))
    floor_a: FloatArray = field(default_factory=lambda: _grey(0.6))
    floor_b: FloatArray = field(default_factory=lambda: _grey(0.5))
    wall_a: FloatArray = field(default_factory=lambda: _grey(0.8))
    wall_b: FloatArray = field(default_factory=lambda: _grey(0.7))
    sky_low: FloatArray = field(default_factory=lambda: np.array([0.85, 0.9, 0.95]))
    sky_high: FloatArray = field(default_factory=lambda: np.array([0.35, 0.55, 0.85]))
    floor_pattern: int = 0
    wall_pattern: int = 0
    floor_scale: float = 1.0
    wall_scale: float = 1.0
    seed: float = 0.0


@dataclass(frozen=True)
class Backgrounds:
    """Photographs without people, by scene; empty for drawn places only."""

    files: dict[str, tuple[Path, ...]]

    def draw(self, random: np.random.Generator, scene: Scene, size_px: tuple[int, int]) -> NDArray[np.float32] | None:
        """Draw a photograph, (h, w, 3) in 0..1, or None for a drawn place."""
        files = self.files.get(scene, ())
        if not files or random.random() < 0.2:
            return None
        photo: NDArray[Any] = _read(files[int(random.integers(len(files)))])
        width, height = size_px
        scale = max(width / photo.shape[1], height / photo.shape[0]) * random.uniform(1.0, 1.6)
        side = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=side)
        top = int(random.integers(max(photo.shape[0] - height, 0) + 1))
        left = int(random.integers(max(photo.shape[1] - width, 0) + 1))
        part: NDArray[Any] = photo[top : top + height, left : left + width]
        if part.shape[:2] != (height, width):
            part = cv2.resize(part, size_px)
        if random.random() < 0.5:
            part = part[:, ::-1]
        out: NDArray[Any] = part.astype(np.float32) / 255.0
        if random.random() < 0.3:
            out = cv2.GaussianBlur(out, (0, 0), float(random.uniform(0.5, 2.5)))
        return np.asarray(out * random.uniform(0.75, 1.15), dtype=np.float32)

    def draw_print(self, random: np.random.Generator) -> NDArray[np.uint8] | None:
        """Draw a piece of a photograph for cloth, (PRINT_PX, PRINT_PX, 3) RGB, or None for other cloth."""
        if random.random() >= PRINTED or not self.files:
            return None
        files = self.files[SCENES[int(random.integers(1, len(SCENES)))]]
        photo = _read(files[int(random.integers(len(files)))])
        side = int(random.integers(48, min(photo.shape[:2]) + 1)) if min(photo.shape[:2]) > 48 else min(photo.shape[:2])
        top, left = (int(random.integers(length - side + 1)) for length in photo.shape[:2])
        piece: NDArray[Any] = photo[top : top + side, left : left + side]
        return np.asarray(cv2.resize(piece, (PRINT_PX, PRINT_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def open_backgrounds(folder: Path | None, part: float = 0.0, whole: float = 1.0) -> Backgrounds:
    """Find the photographs of a folder; subfolders or names with house, landscape or texture choose the scene.

    Args:
        folder: where they are, or None.
        part, whole: use the photographs from this share of the sorted list up to that one.

    Raises:
        UserError: the folder holds no pictures.
    """
    if folder is None:
        return Backgrounds({})
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "give a folder of photographs without people")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    if not files:
        raise UserError(f"{folder} holds no pictures", "give a folder of photographs without people")
    out = {}
    for scene, prefixes in _PREFIX.items():
        named = [f for f in files if any(prefix in str(f.relative_to(folder)).lower() for prefix in prefixes)] or files
        out[scene] = tuple(named[int(part * len(named)) : max(int(whole * len(named)), 1)]) or tuple(named)
    return Backgrounds(out)


@lru_cache(maxsize=400)
def _read(path: Path) -> NDArray[np.uint8]:
    picture = read_picture(path)
    scale = 384 / min(picture.shape[:2])
    if scale < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    return picture


def draw_stage(random: np.random.Generator, scene: Scene, floor_z_m: float, near_m: FloatArray) -> Stage:
    """Draw a place: a seamless studio or a green screen, a furnished room, or a field with buildings.

    Args:
        near_m: (N, 2) points on the floor that the person needs; furniture keeps away from them.
    """
    reach = float(np.linalg.norm(near_m, axis=1).max()) + 0.35
    seed = float(random.uniform(0, 50))
    if scene == "studio" and random.random() < 0.75:
        paper = np.array([0.12, 0.65, 0.25]) if random.random() < 0.3 else _tone(random, 0.3)
        return Stage(floor_z_m, STUDIO, (), floor_a=paper, wall_a=paper * random.uniform(0.8, 1.05), seed=seed)
    common: dict[str, Any] = {
        "floor_a": _tone(random), "floor_b": _tone(random), "wall_a": _tone(random, 0.4), "wall_b": _tone(random),
        "floor_pattern": int(random.choice([0, 1, 2, 3, 5], p=[0.2, 0.35, 0.2, 0.15, 0.1])),
        "wall_pattern": int(random.choice([0, 2, 3, 4, 6], p=[0.55, 0.1, 0.1, 0.1, 0.15])),
        "floor_scale": float(random.uniform(0.6, 1.6)), "wall_scale": float(random.uniform(0.5, 1.3)),
        "turn": float(random.uniform(-0.7, 0.7)), "seed": seed,
    }  # fmt: skip
    boxes = []
    if scene == "outdoor":
        common |= {
            "floor_a": np.array([0.35, 0.45, 0.2]) * random.uniform(0.6,
            1.3) if random.random() < 0.6 else _tone(random),
            "floor_b": np.array([0.45, 0.42, 0.25]) * random.uniform(0.6, 1.3),
            "floor_pattern": int(random.choice([3, 2, 0])),
            "wall_a": np.array([0.25, 0.35, 0.2]), "wall_b": np.array([0.35, 0.4, 0.3]),
            "sky_low": np.clip(np.array([0.8, 0.87, 0.95]) * random.uniform(0.7, 1.05), 0, 1),
            "sky_high": np.clip(np.array([0.35, 0.55, 0.85]) * random.uniform(0.6, 1.1), 0, 1),
        }  # fmt: skip
        for _ in range(int(random.integers(0, 6))):
            away, side = random.uniform(8, 35), random.uniform(-16, 16)
            half = np.array([random.uniform(0.5, 5), random.uniform(0.5, 5), random.uniform(0.6, 4)])
            boxes.append(_box(random, np.array([side, away]), half, floor_z_m))
        return Stage(floor_z_m, OUTDOORS, tuple(boxes), **common)
    low = np.array([-random.uniform(1.2, 4.5), -10.0, floor_z_m])
    high = np.array([random.uniform(1.2, 4.5), random.uniform(0.9, 4.0), floor_z_m + random.uniform(2.4, 3.4)])
    low[:2] = np.minimum(low[:2], -reach)
    high[:2] = np.maximum(high[:2], reach)
    turn = common["turn"]
    for _ in range(int(random.integers(0, 7))):
        half = np.array([random.uniform(0.15, 0.8), random.uniform(0.15, 0.5), random.uniform(0.15, 1.0)])
        place = np.array([random.uniform(low[0], high[0]), random.uniform(0.0, high[1])])
        if np.linalg.norm(place) > reach + np.hypot(half[0], half[1]):
            c, s = np.cos(turn), np.sin(turn)
            boxes.append(
                _box(random, np.array([c * place[0] - s * place[1], s * place[0] + c * place[1]]), half, floor_z_m)
            )
    return Stage(floor_z_m, ROOM, tuple(boxes), low_m=low, high_m=high, **common)


def seat(
    random: np.random.Generator, vertices_m: NDArray[np.float32], joints_m: FloatArray, floor_z_m: float
) -> Box | None:
    """Return something to sit on for a person whose thighs are level and whose shanks hang; None for anybody else."""
    hips, knees, ankles = (
        joints_m[[JOINT_INDEX[f"right_{name}"], JOINT_INDEX[f"left_{name}"]]] for name in ("hip", "knee", "ankle")
    )
    thighs, shanks = knees - hips, ankles - knees
    level = np.abs(thighs[:, 2]) < 0.45 * np.linalg.norm(thighs, axis=1)
    hang = shanks[:, 2] < -0.6 * np.linalg.norm(shanks, axis=1)
    pelvis, thorax = joints_m[JOINT_INDEX["pelvis"]], joints_m[JOINT_INDEX["thorax"]]
    if not (level.all() and hang.all() and thorax[2] > pelvis[2] + 0.2):
        return None
    near = np.linalg.norm(vertices_m[:, :2] - pelvis[:2], axis=1) < 0.2
    top = float(vertices_m[near, 2].min())
    if not 0.25 < top - floor_z_m < 0.8:
        return None
    forward = thighs.mean(axis=0)[:2]
    forward /= np.linalg.norm(forward) + 1e-9
    middle = pelvis[:2] + 0.05 * forward
    half = np.array([random.uniform(0.17, 0.22), random.uniform(0.18, 0.26), (top - floor_z_m) / 2])
    tint = np.array([0.5, 0.36, 0.24]) * random.uniform(0.4, 1.5) if random.random() < 0.6 else _tone(random)
    turn = float(np.arctan2(forward[1], forward[0]))
    return Box(np.array([middle[0], middle[1], floor_z_m + half[2]]), half, turn, np.clip(tint, 0, 1))


def _box(random: np.random.Generator, place: FloatArray, half: FloatArray, floor_z_m: float) -> Box:
    centre = np.array([place[0], place[1], floor_z_m + half[2]])
    return Box(centre, half, float(random.uniform(-0.6, 0.6)), _tone(random))


def _tone(random: np.random.Generator, light: float = 0.0) -> FloatArray:
    value = random.uniform(max(light, 0.12), 0.95)
    return np.clip(value * (1.0 + random.normal(0, 0.16, 3)), 0.03, 1.0)


def draw_light(random: np.random.Generator, scene: Scene) -> Light:
    """Draw a light, mostly from the camera's side of the person; now and then from behind, as against the sky."""
    behind = random.random() < 0.18
    side = np.deg2rad(random.uniform(100, 260) if behind else random.normal(0, 50))
    height = np.deg2rad(random.uniform(22, 75))
    sun = np.array([np.sin(side) * np.cos(height), -np.cos(side) * np.cos(height), np.sin(height)])
    strength = random.uniform(0.3, 0.9) if scene != "outdoor" else random.uniform(0.4, 1.2)
    level = random.uniform(0.15, 0.4) if behind else random.uniform(0.25, 0.6)
    sky = np.clip(level * (1.0 + random.normal(0, 0.05, 3)), 0.1, 1.0)
    return Light(sun, strength * (1.0 + random.normal(0, 0.06, 3)), sky, sky * random.uniform(0.35, 0.8))


def finish(
    random: np.random.Generator, picture: NDArray[np.float32], plain: bool = False
) -> tuple[NDArray[np.uint8], int]:
    """Apply exposure, contrast, white balance, blur and noise: (h, w, 3) uint8, and the JPEG quality to write it with.

    Args:
        picture: (h, w, 3) in 0..1.
        plain: as one good camera sees it: a little noise, always the same exposure.
    """
    if plain:
        out = cv2.scaleAdd(_grain(random, picture), 0.008, np.ascontiguousarray(picture, dtype=np.float32))
        return np.clip(out * 255.0 + 0.5, 0, 255).astype(np.uint8), 92
    out = cv2.pow(np.clip(picture, 0, 1), float(random.uniform(0.8, 1.25)))
    middle = np.float32(random.uniform(0.4, 0.6))
    out = (out - middle) * np.float32(random.uniform(0.85, 1.35)) + middle
    out = np.clip(out * random.uniform(0.93, 1.07, 3).astype(np.float32), 0, 1)
    if random.random() < 0.04:
        out = np.repeat(out.mean(axis=2, keepdims=True), 3, axis=2)
    if random.random() < 0.35:
        out = cv2.GaussianBlur(out, (0, 0), float(random.uniform(0.4, 1.3)))
    if random.random() < 0.1:
        length = int(random.integers(3, 8))
        kernel: NDArray[Any] = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1.0 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), float(random.uniform(0, 180)), 1.0)
        out = cv2.filter2D(out, -1, cv2.warpAffine(kernel, turn, (length, length)))
    out = cv2.scaleAdd(_grain(random, out), float(random.uniform(0.0, 0.035)), np.ascontiguousarray(out))
    quality = int(random.integers(45, 90)) if random.random() < 0.4 else 92
    return np.clip(out * 255.0 + 0.5, 0, 255).astype(np.uint8), quality


@lru_cache(maxsize=1)
def _normal_numbers(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(9).standard_normal(count, dtype=np.float32)


def _grain(random: np.random.Generator, picture: NDArray[Any]) -> NDArray[np.float32]:
    """Return noise of a picture's shape: a stretch of a long list, which costs less than as many draws."""
    spare = 1 << 20
    start = int(random.integers(spare))
    return _normal_numbers(picture.size + spare)[start : start + picture.size].reshape(picture.shape)
