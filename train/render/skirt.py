"""Cloth that hangs free of the legs: skirts, dresses, robes and the skirts of coats.

A skirt is a grid of rows from the waist to the hem. Each row is laid around both legs where they are in this pose: the
convex outline of what it must enclose, which is what cloth drawn tight around them would be, moved outwards by ease,
flare and folds. So it spans the gap between the legs whatever they do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.skeleton import JOINT_INDEX
from train.render.body import TO_BODY_AXES, BodyModel, Posed

FloatArray = NDArray[np.float32]

ROWS, COLUMNS = 15, 41
"""Grid of every skirt; the last column lies on the first one unless the skirt is open in front."""
_TRUNK_ROWS: Final = 3
_ABOVE_HIP_M: Final = (0.13, 0.065, 0.0)
_AROUND: Final = 12
"""Points on each leg's outline; the trunk has twice as many."""
_STATIONS: Final = 13
_SHARP_M: Final = 0.006
"""How far the outline may cut a corner."""
_PITCH_M: Final = 0.15
"""Metres of pattern for each radian around the body."""
WORN: Final = 0.135
"""How often somebody who may wears one; about 12 in 100 of all people do."""
KNEE: Final = 0.5
"""Where the knee is on the leg, near enough."""


@dataclass(frozen=True)
class SkirtCut:
    """The shape of a skirt.

    Attributes:
        length: where the hem is, as a share of the leg: 0 at the hip joint, 1 at the ankle.
        ease_m: distance from the body.
        flare_m: how much further out the hem is.
        folds: how many folds go round, and ``fold_m`` how deep they are at the hem.
        phase: where the folds begin, radians.
        open_rad: half the angle of the opening in front; 0 is closed.
        cloth: 0 is made of the top's cloth (a dress, a coat), 1 of the bottom's.
    """

    length: float
    ease_m: float = 0.014
    flare_m: float = 0.03
    folds: int = 7
    fold_m: float = 0.006
    phase: float = 0.0
    open_rad: float = 0.0
    cloth: int = 1


@dataclass(frozen=True, eq=False)
class Skirt:
    """A skirt in one pose.

    Attributes:
        vertices_m, normals: (ROWS * COLUMNS, 3), the axes of the body it hangs on.
        rest_m: (ROWS * COLUMNS, 3) where patterns are laid.
        layers: (ROWS * COLUMNS, 4) as a dress has them.
    """

    vertices_m: FloatArray = field(repr=False)
    normals: FloatArray = field(repr=False)
    rest_m: FloatArray = field(repr=False)
    layers: FloatArray = field(repr=False)


_LENGTHS: Final = ((0.2, 0.38), (0.4, 0.55), (0.58, 0.8), (0.85, 0.98))
"""Mini, to the knee, to the calf, to the ankle."""


def draw(random: np.random.Generator, longest: float) -> SkirtCut | None:
    """Draw a skirt (half of the time), a dress, or the skirts of a coat; None for trousers.

    Args:
        random: source of all draws.
        longest: see ``longest``; 0 for none.
    """
    if random.random() >= WORN or longest <= 0.0:
        return None
    kind = random.random()
    length = float(random.uniform(*_LENGTHS[int(random.choice(4, p=[0.28, 0.32, 0.2, 0.2]))]))
    coat = kind >= 0.82
    return SkirtCut(
        length=min(length, longest), ease_m=float(random.uniform(0.02, 0.035) if coat else random.uniform(0.01, 0.022)),
        flare_m=float(abs(random.normal(0.0, 0.07))), folds=int(random.integers(4, 14)),
        fold_m=float(random.uniform(0.0, 0.014)), phase=float(random.uniform(0.0, 6.3)),
        open_rad=float(random.uniform(0.05, 0.6)) if coat else 0.0, cloth=1 if kind < 0.5 else 0,
    )  # fmt: skip


def faces() -> NDArray[np.int32]:
    """Return (2 (ROWS - 1) (COLUMNS - 1), 3) triangles of the grid."""
    at = np.arange(ROWS * COLUMNS, dtype=np.int32).reshape(ROWS, COLUMNS)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, 1:].ravel(), at[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def longest(rotations: NDArray[np.float64], turn: NDArray[np.float64]) -> float:
    """Return how long a skirt may be in a pose, as a share of the leg; 0 for none.

    Cloth falls off legs that point up and cannot be stretched over a split. Nor does it stay over knees that are
    bent sharply or feet that are far apart.

    Args:
        rotations: (24, 3, 3) global rotations of the motion-capture joints.
        turn: (3, 3) the turn of the whole body after posing.
    """
    down = np.array([0.0, -1.0, 0.0])
    directions = (turn @ TO_BODY_AXES @ (rotations[[16, 20, 17, 21]] @ down).T).T
    thighs, shanks = directions[:2], directions[2:]
    between_thighs, between_shanks = (float(pair[0] @ pair[1]) for pair in (thighs, shanks))
    bent = float((thighs * shanks).sum(axis=1).min())
    upright = float((turn @ TO_BODY_AXES @ rotations[0] @ -down)[2])
    if thighs[:, 2].mean() > 0.35 or between_thighs < np.cos(np.deg2rad(80)) or upright < -0.3:
        return 0.0
    if between_thighs < np.cos(np.deg2rad(55)):
        return 0.38
    return KNEE if bent < np.cos(np.deg2rad(105)) or between_shanks < np.cos(np.deg2rad(60)) else 1.0


class Tailor:
    """Knows the vertices that outline hips and legs, and hangs skirts on them.

    Args:
        body: the body model.
    """

    def __init__(self, body: BodyModel) -> None:
        rest = body.rest_vertices_m.astype(np.float64)
        heads = {label: body.rest_heads_m[index] for index, label in enumerate(body.labels)}
        angles = 2 * np.pi * np.arange(2 * _AROUND) / (2 * _AROUND)
        trunk = np.flatnonzero(np.isin(body.part, (0, 1, 2, 16, 20)))
        hip_z = float(heads["upperleg01.L"][2])
        rings = [_ring(rest, trunk, np.array([0.0, 0.0, hip_z + z]), np.array([0.0, 0.0, 1.0]), angles)
                 for z in _ABOVE_HIP_M]  # fmt: skip
        self._leg_m = 0.0
        legs = []
        for side, parts in (("L", (16, 17, 18)), ("R", (20, 21, 22))):
            hip, knee, ankle = (heads[f"{bone}.{side}"] for bone in ("upperleg01", "lowerleg01", "foot"))
            lengths = np.linalg.norm([knee - hip, ankle - knee], axis=1)
            self._leg_m = float(lengths.sum())
            own = np.flatnonzero(np.isin(body.part, parts))
            ring = []
            for at in np.linspace(0.1, 0.98, _STATIONS) * self._leg_m:
                above = at < lengths[0]
                start, end = (hip, knee) if above else (knee, ankle)
                along = (end - start) / np.linalg.norm(end - start)
                ring.append(_ring(rest, own, start + along * (at if above else at - lengths[0]), along, angles[::2]))
            legs.append(np.array(ring))
        self._rings = np.concatenate([np.array(rings), np.concatenate(legs, axis=1)])
        self._hip_z = hip_z

    def hang(self, cut: SkirtCut, posed: Posed, floor_z_m: float) -> Skirt:
        """Hang a skirt on a posed body.

        Args:
            cut: its shape.
            posed: the dressed body, in world axes.
            floor_z_m: cloth does not go below it.
        """
        # (rows, points, 3): what each row has to enclose.
        at = np.concatenate([
            np.arange(_TRUNK_ROWS), _TRUNK_ROWS + np.linspace(0.0, 1.0, ROWS - _TRUNK_ROWS) * self._last(cut.length),
        ])  # fmt: skip
        outline = posed.vertices_m[self._rings].astype(np.float64)
        low = np.minimum(at.astype(np.int64), len(outline) - 2)
        part = (at - low)[:, None, None]
        points = outline[low] * (1.0 - part) + outline[low + 1] * part
        centre = points.mean(axis=1)
        along = np.gradient(centre, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        hips = posed.joints_m[[JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]]
        left, front = _frames(along, hips[0] - hips[1])
        from_centre = points - centre[:, None]
        flat = np.stack([np.einsum("rpi,ri->rp", from_centre, axis) for axis in (left, front)], axis=-1)
        turns = _turns(cut)
        around, facing = _outlines(flat, points, turns)
        # Outlines jump a little from row to row, for the points they go through do; cloth does not.
        around[1:-1] = 0.25 * around[:-2] + 0.5 * around[1:-1] + 0.25 * around[2:]
        outwards = np.cos(facing)[..., None] * left[:, None] + np.sin(facing)[..., None] * front[:, None]
        vertices = around + outwards * _stand_off_m(cut, turns, np.clip(-along[:, 2:], 0.0, 1.0))[..., None]
        vertices[..., 2] = np.maximum(vertices[..., 2], floor_z_m + 0.004)
        return self._finished(cut, vertices, outwards)

    def _last(self, length: float) -> float:
        """Return the station of the hem, counted from the first on the legs."""
        return float(np.clip((length - 0.1) / 0.88, 0.02, 1.0) * (_STATIONS - 1))

    def _finished(self, cut: SkirtCut, vertices: NDArray[np.float64], outwards: NDArray[np.float64]) -> Skirt:
        across = np.empty_like(vertices)
        across[:, 1:-1] = vertices[:, 2:] - vertices[:, :-2]
        across[:, 0], across[:, -1] = vertices[:, 1] - vertices[:, 0], vertices[:, -1] - vertices[:, -2]
        if cut.open_rad == 0.0:
            across[:, 0] = across[:, -1] = vertices[:, 1] - vertices[:, -2]
        normals = np.cross(np.gradient(vertices, axis=0), across)
        normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
        normals *= np.where((normals * outwards).sum(axis=2, keepdims=True) < 0.0, -1.0, 1.0)
        down = np.concatenate([
            -np.array(_ABOVE_HIP_M), np.linspace(0.1, max(cut.length, 0.1), ROWS - _TRUNK_ROWS) * self._leg_m,
        ])  # fmt: skip
        rest = np.empty_like(vertices)
        rest[..., 0], rest[..., 1], rest[..., 2] = _PITCH_M * _turns(cut), 0.1, (self._hip_z - down)[:, None]
        layers = np.full((ROWS, COLUMNS, 4), -0.1)
        layers[..., cut.cloth] = np.minimum(down[-1] - down, 0.1)[:, None] + 0.002
        grids = (vertices, normals, rest, layers)
        return Skirt(*(grid.reshape(ROWS * COLUMNS, -1).astype(np.float32) for grid in grids))


def _turns(cut: SkirtCut) -> NDArray[np.float64]:
    """Return (COLUMNS,) angles from the body's left over its front: closed from the back on, open from the front."""
    if cut.open_rad > 0.0:
        return np.linspace(0.5 * np.pi + cut.open_rad, 2.5 * np.pi - cut.open_rad, COLUMNS)
    return np.linspace(-0.5 * np.pi, 1.5 * np.pi, COLUMNS)


def _stand_off_m(cut: SkirtCut, turns: NDArray[np.float64], hanging: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (ROWS, COLUMNS) distances from the outline; (ROWS, 1) ``hanging`` is 1 where the cloth hangs straight."""
    down = np.clip((np.arange(ROWS) - _TRUNK_ROWS + 1) / (ROWS - _TRUNK_ROWS), 0.0, 1.0)[:, None]
    ease = cut.ease_m * np.minimum(0.5 + 3.0 * down, 1.0)
    folds = cut.fold_m * down * (1.0 + np.sin(cut.folds * turns + cut.phase + 0.6 * down))
    return np.asarray(ease + cut.flare_m * down * (0.35 + 0.65 * hanging) + folds)


def _ring(
    rest_m: NDArray[np.float64], own: NDArray[np.int64], centre: NDArray[np.float64], along: NDArray[np.float64],
    angles: NDArray[np.float64],
) -> NDArray[np.int64]:  # fmt: skip
    """Return the vertex that reaches furthest in each direction of a cross-section."""
    left = np.array([1.0, 0.0, 0.0]) - along[0] * along
    left /= np.linalg.norm(left)
    front = np.cross(left, along) * (1.0 if along[2] > 0.0 else -1.0)
    from_centre = rest_m[own] - centre
    off = np.abs(from_centre @ along)
    flat = np.stack([from_centre @ left, from_centre @ front])
    reach = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ flat - 2.0 * off
    reach[:, off > 0.04] = -1.0
    return np.asarray(own[reach.argmax(axis=1)])


def _frames(along: NDArray[np.float64], left: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (rows, 3) left and front at right angles to each row's direction, carried down without twisting."""
    lefts, fronts = np.empty_like(along), np.empty_like(along)
    for row, direction in enumerate(along / np.linalg.norm(along, axis=1, keepdims=True)):
        left = left - (left @ direction) * direction
        left = left / max(float(np.linalg.norm(left)), 1e-9)
        lefts[row], fronts[row] = left, np.cross(direction, left)
    return lefts, fronts


def _outlines(
    flat: NDArray[np.float64], points: NDArray[np.float64], turns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each row's convex outline, (rows, COLUMNS, 3), and which way it faces there, radians.

    Args:
        flat: (rows, points, 2) what to enclose, in the row's own plane.
        points: (rows, points, 3) the same in space.
        turns: (COLUMNS,) angles about the middle at which the outline is wanted.
    """
    directions = np.linspace(0.0, 2 * np.pi, 48, endpoint=False)
    reach = flat @ np.stack([np.cos(directions), np.sin(directions)])
    share = np.exp((reach - reach.max(axis=1, keepdims=True)) / _SHARP_M)
    share /= share.sum(axis=1, keepdims=True)
    hull, space = np.einsum("rpd,rpi->rdi", share, flat), np.einsum("rpd,rpi->rdi", share, points)
    seen_at = np.arctan2(hull[..., 1], hull[..., 0])
    around = np.empty((len(flat), len(turns), 3))
    facing = np.empty((len(flat), len(turns)))
    # The direction a point faces is near the one it is seen in: so interpolated, it does not jump at half a turn.
    lean = (directions - seen_at + np.pi) % (2 * np.pi) - np.pi
    for row, known in enumerate(seen_at):
        facing[row] = turns + np.interp(turns, known, lean[row], period=2 * np.pi)
        for axis in range(3):
            around[row, :, axis] = np.interp(turns, known, space[row, :, axis], period=2 * np.pi)
    return around, facing
