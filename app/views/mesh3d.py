"""Geometry of the 3D skeleton as merged numpy meshes: every bone one capsule, every joint one sphere.

World axes of the 3D view: X = the pose's x (right), Y = its z (away from the camera), Z = minus its y (up); mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

AROUND = 24
"""Facets around a capsule."""
CAP_RINGS = 6
"""Rings of each half sphere."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """One merged mesh: (V, 3) positions and unit normals, (V, 4) colours in 0..1, (F, 3) faces seen from outside."""

    positions: FloatArray
    normals: FloatArray
    colours: FloatArray
    faces: NDArray[np.uint32]


def to_world(joints_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (N, 3) pose coordinates (x right, y down, z away) into world coordinates (x right, y away, z up)."""
    return np.stack([joints_mm[:, 0], joints_mm[:, 2], -joints_mm[:, 1]], axis=1)


@lru_cache(maxsize=4)
def _template(around: int, rings: int) -> tuple[FloatArray, FloatArray, NDArray[np.uint32]]:
    """Return (V, 3) local normals with the axis as third coordinate, (V,) 0 at the start or 1 at the end, faces."""
    latitudes = np.concatenate([np.linspace(-np.pi / 2, 0.0, rings + 1), np.linspace(0.0, np.pi / 2, rings + 1)])
    at_end = np.repeat([0.0, 1.0], rings + 1)
    angles = np.arange(around) * (2 * np.pi / around)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    flat = np.cos(latitudes)[:, None, None] * ring[None, :, :]
    axial = np.broadcast_to(np.sin(latitudes)[:, None, None], (*flat.shape[:2], 1))
    normals = np.concatenate([flat, axial], axis=2).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(len(latitudes) - 1), np.arange(around), indexing="ij")
    here, aside = row * around + column, row * around + (column + 1) % around
    above, above_aside = here + around, aside + around
    faces = np.stack([here, aside, above_aside, here, above_aside, above], axis=-1).reshape(-1, 3)
    return normals.astype(np.float32), np.repeat(at_end, around).astype(np.float32), faces.astype(np.uint32)


@lru_cache(maxsize=8)
def _faces(count: int) -> NDArray[np.uint32]:
    """Return the faces of so many capsules; always the same array, so that a view can tell it by itself."""
    normals, _, faces = _template(AROUND, CAP_RINGS)
    offsets = (np.arange(count, dtype=np.uint32) * len(normals))[:, None, None]
    return (faces[None] + offsets).reshape(-1, 3).astype(np.uint32)


def _cross(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cross products of (N, 3) and (N, 3): numpy's own spends ten times as long on its arguments."""
    x, y, z = first.T
    u, v, w = second.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)


def _frames(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 3, 3) right-handed frames, rows u, v, axis, for (N, 3) unit axes."""
    helper = np.zeros_like(axes)
    # The world axis least along the bone, so that the cross product never vanishes.
    helper[np.arange(len(axes)), np.abs(axes).argmin(axis=1)] = 1.0
    first = _cross(helper, axes)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, _cross(axes, first), axes], axis=1)


def capsules(
    starts: NDArray[np.float64], ends: NDArray[np.float64], radii: NDArray[np.float64], colours: NDArray[np.float64]
) -> Mesh:
    """Merge capsules into one mesh.

    Args:
        starts: (N, 3) centres of the first half spheres.
        ends: (N, 3) centres of the second ones; equal to the start for a sphere.
        radii: (N,).
        colours: (N, 4) in 0..1.
    """
    normals_local, at_end, _ = _template(AROUND, CAP_RINGS)
    along = ends - starts
    lengths = np.linalg.norm(along, axis=1, keepdims=True)
    axes = np.where(lengths > 1e-9, along / np.maximum(lengths, 1e-9), np.array([0.0, 0.0, 1.0]))
    # Rows are vertices, whose local coordinates count the frame's three directions.
    normals = normals_local @ _frames(axes).astype(np.float32)
    positions = normals * radii[:, None, None].astype(np.float32)
    positions += starts[:, None, :].astype(np.float32)
    positions += at_end[None, :, None] * along[:, None, :].astype(np.float32)
    return Mesh(
        positions.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.repeat(colours.astype(np.float32), len(normals_local), axis=0),
        _faces(len(starts)),
    )


def spheres(centres: NDArray[np.float64], radii: NDArray[np.float64], colours: NDArray[np.float64]) -> Mesh:
    """Merge spheres into one mesh; arguments as for ``capsules``."""
    return capsules(centres, centres, radii, colours)


def flattened(mesh: Mesh, floor: float, light: tuple[float, float, float] = (0.18, 0.12, -1.0)) -> Mesh:
    """Return the shadow of a mesh: every vertex moved along the light onto the floor."""
    reach = (mesh.positions[:, 2] - np.float32(floor))[:, None] / np.float32(-light[2])
    positions = mesh.positions + reach * np.asarray(light, dtype=np.float32)
    return Mesh(positions, mesh.normals, mesh.colours, mesh.faces)
