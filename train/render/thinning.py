"""A surface with fewer triangles: at 256 pixels most of a body's would be smaller than a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

_FACING_ALIKE = 0.2
"""Least cosine between the normals of vertices that stand for each other: two fingers stay two."""


def thin(
    vertices_m: NDArray[np.float32], normals: NDArray[np.float32], faces: NDArray[np.int32],
    spacing_m: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:  # fmt: skip
    """Choose vertices about a spacing apart, and join those whose regions of the surface meet.

    Regions are those nearest to a chosen vertex along the surface, so that the new triangles (the dual of the regions)
    lie on it and are oriented as the old ones.

    Args:
        vertices_m, normals: (V, 3) the surface.
        faces: (F, 3) its triangles.
        spacing_m: (V,) how far apart the chosen ones may be at each place.

    Returns:
        (K,) indices of the chosen vertices, in order, and (G, 3) triangles of them.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    lengths = np.linalg.norm(vertices_m[edges[:, 0]] - vertices_m[edges[:, 1]], axis=1) + 1e-6
    count = len(vertices_m)
    # An inner edge is there in both directions; the larger of two equal entries is kept, their sum would be wrong.
    graph = sparse.csr_matrix((lengths, (edges[:, 0], edges[:, 1])), shape=(count, count))
    graph = graph.maximum(graph.T)
    _, piece = connected_components(graph, directed=False)
    chosen = _choose(vertices_m, normals, piece, spacing_m)
    _, _, region = dijkstra(graph, directed=False, indices=chosen, min_only=True, return_predecessors=True)
    place = np.full(count, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    joined = place[region][faces]
    whole = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 2] != joined[:, 0])
    _, first = np.unique(np.sort(joined[whole], axis=1), axis=0, return_index=True)
    return chosen, joined[whole][np.sort(first)].astype(np.int32)


def _choose(
    vertices_m: NDArray[np.float32], normals: NDArray[np.float32], piece: NDArray[np.int32],
    spacing_m: NDArray[np.float64],
) -> NDArray[np.int64]:  # fmt: skip
    """Return vertices none of which stands within another's spacing; head top and soles come first: stature stays."""
    near = cKDTree(vertices_m).query_ball_point(vertices_m, spacing_m)
    covered = np.zeros(len(vertices_m), bool)
    ends = [int(vertices_m[:, 2].argmax()), int(vertices_m[:, 2].argmin())]
    out = []
    for vertex in [*ends, *range(len(vertices_m))]:
        if covered[vertex]:
            continue
        out.append(vertex)
        around = np.array(near[vertex])
        alike = (piece[around] == piece[vertex]) & (normals[around] @ normals[vertex] > _FACING_ALIKE)
        covered[around[alike]] = True
        covered[vertex] = True
    return np.sort(np.array(out, dtype=np.int64))
