"""Skin, hair, clothes and shoes by body region: a colour for every vertex and how far cloth stands off the skin."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.render.body import BodyModel

FloatArray = NDArray[np.float32]

_REGIONS = {
    "head": ("head", "jaw", "eye", "or", "lev", "ton", "special", "temp", "risor", "oculi"),
    "neck": ("neck",),
    "trunk": ("spine01", "spine02", "spine03", "breast", "clavicle", "shoulder"),
    "belly": ("spine04", "spine05", "root", "pelvis"),
    "upper_arm": ("upperarm",), "forearm": ("lowerarm",), "hand": ("wrist", "finger", "metacarpal"),
    "thigh": ("upperleg",), "shank": ("lowerleg",), "foot": ("foot", "toe"),
}  # fmt: skip
SKIN_TONES = np.array(
    [[255, 224, 196], [241, 194, 160], [224, 172, 125], [198, 134, 92], [141, 85, 54], [96, 57, 38], [70, 42, 30]]
) / 255.0  # fmt: skip
HAIR_TONES = (
    np.array([[20, 16, 14], [52, 36, 26], [96, 64, 38], [160, 120, 70], [205, 175, 120], [150, 150, 150]]) / 255.0
)


@dataclass(frozen=True)
class Dress:
    """What a body wears: (V, 3) colours in 0..1 and (V,) metres that the surface stands off the skin."""

    colours: FloatArray
    stand_off_m: FloatArray


class Wardrobe:
    """Knows every vertex's region and its place along the limb; draws outfits.

    Args:
        body: the body model whose vertices are dressed.
    """

    def __init__(self, body: BodyModel) -> None:
        labels = [label.partition(".")[0] for label in body.labels]
        region = np.array([_region_of(label) for label in labels])[body.main_bone]
        self._is = {name: region == name for name in _REGIONS}
        self._rest = body.rest_vertices_m
        self._along = self._limb_coordinate(body)
        z = self._rest[:, 2]
        self._height = (z - z.min()) / (z.max() - z.min())
        self._smooth = _neighbour_mean(body)
        head = self._rest[self._is["head"]]
        low, high = head.min(0), head.max(0)
        scaled = (self._rest - low) / (high - low)
        # The body faces -y: hair is the top and the back of the head.
        self._hair_depth = np.where(
            self._is["head"], np.maximum(1.6 * scaled[:, 1] - 0.45, 2.6 * scaled[:, 2] - 1.75), -1
        )
        self._hat_depth = np.where(self._is["head"], 3.0 * scaled[:, 2] - 2.0, -1)

    def _limb_coordinate(self, body: BodyModel) -> FloatArray:
        """0 at shoulder or hip, 1 at elbow or knee, 2 at wrist or ankle."""
        out = np.zeros(len(self._rest), np.float32)
        heads = body.rest_heads_m
        for names, points in (
            (("upper_arm", "forearm", "hand"), ("upperarm01", "lowerarm01", "wrist")),
            (("thigh", "shank", "foot"), ("upperleg01", "lowerleg01", "foot")),
        ):
            for side, sign in (("L", 1), ("R", -1)):
                a, b, c = (heads[body.labels.index(f"{point}.{side}")] for point in points)
                for name, start, end, base in ((names[0], a, b, 0.0), (names[1], b, c, 1.0), (names[2], c, c, 2.0)):
                    mask = self._is[name] & (self._rest[:, 0] * sign > 0)
                    axis = end - start
                    length = float(axis @ axis)
                    out[mask] = base + (self._rest[mask] - start) @ axis / length if length else base
        return out

    def draw(self, random: np.random.Generator) -> Dress:
        """Draw an outfit."""
        count = len(self._rest)
        skin = SKIN_TONES[int(random.integers(len(SKIN_TONES)))] * random.uniform(0.9, 1.08)
        colours = np.tile(skin, (count, 1))
        colours[self._is["head"]] = skin * random.uniform(0.97, 1.05)
        push = np.zeros(count)
        noise = self._folds(random)
        sleeve = float(random.choice([0.0, 0.25, 0.55, 1.0, 1.9], p=[0.1, 0.2, 0.3, 0.1, 0.3]) + random.normal(0, 0.06))
        leg = float(random.choice([0.25, 0.65, 1.05, 1.95], p=[0.15, 0.25, 0.1, 0.5]) + random.normal(0, 0.06))
        arms = self._is["upper_arm"] | self._is["forearm"]
        legs = self._is["thigh"] | self._is["shank"]
        waist = random.uniform(0.0, 1.0)
        top = self._is["trunk"] | self._is["belly"] | (arms & (self._along < sleeve))
        if random.random() < 0.25:
            top |= self._is["neck"] & (self._height < 0.86)
        bottom = (legs & (self._along < leg)) | (self._is["belly"] & (self._height < 0.5 + 0.06 * waist))
        tight = random.random() < 0.3
        for part, looseness in (
            (top, 0.003 if tight else random.uniform(0.006, 0.026)),
            (bottom, 0.003 if tight else random.uniform(0.005, 0.022)),
        ):
            colours[part] = self._cloth(random, count)[part]
            edge = self._smooth(self._smooth(part.astype(np.float64)))
            push = np.where(part, np.maximum(push, looseness * (0.35 + 0.65 * edge) * (1.0 + 0.8 * noise)), push)
        if random.random() < 0.06:
            suit = top | bottom
            colours[suit] = self._cloth(random, count)[suit]
        if random.random() < 0.85:
            shoe = self._is["foot"] | (self._is["shank"] & (self._along > (1.93 if random.random() < 0.6 else 1.75)))
            colours[shoe] = _colour(random, dark=0.6)
            push[shoe] = np.maximum(push[shoe], 0.008)
        if random.random() < 0.08:
            colours[self._is["hand"]] = _colour(random)
        self._hair(random, colours, push)
        return Dress(np.clip(colours, 0, 1).astype(np.float32), push.astype(np.float32))

    def _hair(self, random: np.random.Generator, colours: NDArray[np.float64], push: NDArray[np.float64]) -> None:
        style = random.random()
        if style < 0.07:
            return
        tone = HAIR_TONES[int(random.integers(len(HAIR_TONES)))] * random.uniform(0.7, 1.2)
        hair = self._hair_depth > random.uniform(0.0, 0.25)
        if random.random() < 0.3:
            hair |= self._is["neck"] & (self._rest[:, 1] > np.median(self._rest[self._is["neck"], 1]))
        colours[hair] = tone
        push[hair] = random.uniform(0.004, 0.03)
        if style > 0.88:
            hat = self._hat_depth > random.uniform(0.0, 0.3)
            colours[hat] = _colour(random)
            push[hat] = random.uniform(0.012, 0.03)

    def _folds(self, random: np.random.Generator) -> NDArray[np.float64]:
        total = np.zeros(len(self._rest))
        for _ in range(4):
            direction = random.normal(0, 1, 3) * random.uniform(8, 45)
            total += np.sin(self._rest @ direction + random.uniform(0, 6.3))
        return total / 4

    def _cloth(self, random: np.random.Generator, count: int) -> NDArray[np.float64]:
        first, second = _colour(random), _colour(random)
        base = np.tile(first, (count, 1))
        kind = random.random()
        if kind < 0.5:
            mix = 0.08 * self._folds(random)[:, None]
            return base * (1 + mix)
        x, y, z = self._rest.T
        pitch = random.uniform(60, 260)
        phase = random.uniform(0, 6.3)
        if kind < 0.62:
            mask = np.sin(z * pitch + phase) > random.uniform(-0.5, 0.6)
        elif kind < 0.7:
            mask = np.sin(x * pitch + phase) > random.uniform(-0.3, 0.6)
        elif kind < 0.78:
            mask = (np.sin(z * pitch) > 0.2) ^ (np.sin(x * pitch + phase) > 0.2)
        elif kind < 0.9:
            mask = self._folds(random) > random.uniform(-0.2, 0.3)
        else:
            mask = (np.abs(x) < 0.09) & (np.abs(z - np.median(z) - random.uniform(0.1, 0.35)) < 0.09) & (y < 0)
        base[mask] = second
        return base


def _colour(random: np.random.Generator, dark: float = 0.25) -> NDArray[np.float64]:
    if random.random() < dark:
        grey = random.choice([0.05, 0.1, 0.2, 0.5, 0.9]) * random.uniform(0.7, 1.1)
        return np.clip(np.full(3, grey) + random.normal(0, 0.02, 3), 0, 1)
    return np.array(colorsys.hsv_to_rgb(random.random(), random.uniform(0.15, 0.95), random.uniform(0.2, 1.0)))


def _region_of(stem: str) -> str:
    for name, prefixes in _REGIONS.items():
        if name != "head" and stem.startswith(prefixes):
            return name
    return "head"


class _neighbour_mean:  # noqa: N801 (used as a function)
    def __init__(self, body: BodyModel) -> None:
        from scipy import sparse

        f = body.faces
        rows = np.concatenate([f[:, 0], f[:, 1], f[:, 2], f[:, 1], f[:, 2], f[:, 0]])
        columns = np.concatenate([f[:, 1], f[:, 2], f[:, 0], f[:, 0], f[:, 1], f[:, 2]])
        count = len(body.rest_vertices_m)
        matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
        self._matrix = sparse.diags(1.0 / np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)) @ matrix

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = self._matrix @ values
        return out
