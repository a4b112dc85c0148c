"""Human bodies from the ``anny`` package: any age, sex and build, in any pose of the motion-capture skeleton.

anny gives the shapes (surface, bone heads, skin weights). The posing is done here: all bones that follow one joint of
the motion-capture skeleton move as one rigid part, so a pose is 24 matrices and a posed surface one product.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from core.errors import UserError
from core.skeleton import JOINT_COUNT, JOINT_INDEX
from train.render.rig import OFFSETS_M, PARENTS
from train.render.thinning import thin

FloatArray = NDArray[np.float32]

# Motion-capture axes (x left, y up, z forward) to the body's (x left, y back, z up).
TO_BODY_AXES: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
PARTS: Final = len(PARENTS)

_CENTRE_PARTS = {
    "root": 0, "pelvis": 0, "spine05": 0, "spine04": 1, "spine03": 1, "spine02": 2, "spine01": 2, "breast": 2,
    "neck01": 3, "neck02": 3, "neck03": 3,
}  # fmt: skip
_SIDE_PARTS = {
    "L": {"upperleg": 16, "lowerleg": 17, "foot": 18, "toe": 18, "clavicle": 6, "shoulder": 6, "upperarm": 7,
          "lowerarm": 8, "wrist": 9, "finger": 9, "metacarpal": 9},
    "R": {"upperleg": 20, "lowerleg": 21, "foot": 22, "toe": 22, "clavicle": 11, "shoulder": 11, "upperarm": 12,
          "lowerarm": 13, "wrist": 14, "finger": 14, "metacarpal": 14},
}  # fmt: skip
_HEAD_PART = 4
# Each part turns about the head of this bone.
_PIVOTS = {0: "root", 1: "spine04", 2: "spine02", 3: "neck01", 4: "head"} | {
    part: f"{bone}.{side}"
    for side, first in (("L", (6, 16)), ("R", (11, 20)))
    for part, bone in (
        (first[0], "clavicle"), (first[0] + 1, "upperarm01"), (first[0] + 2, "lowerarm01"), (first[0] + 3, "wrist"),
        (first[1], "upperleg01"), (first[1] + 1, "lowerleg01"), (first[1] + 2, "foot"),
    )
}  # fmt: skip
# Limb parts, whose rest direction (own pivot to the pivot of the part after it) is laid along the T-pose's.
_LIMBS = ((7, 8), (8, 9), (12, 13), (13, 14), (16, 17), (17, 18), (20, 21), (21, 22))
_HANDS = ((9, 8), (14, 13))
_JOINT_PARTS = {
    "right_ankle": 22, "right_knee": 21, "right_hip": 20, "left_hip": 16, "left_knee": 17, "left_ankle": 18,
    "upper_neck": 3, "right_wrist": 14, "right_elbow": 13, "right_shoulder": 12, "left_shoulder": 7,
    "left_elbow": 8, "left_wrist": 9,
}  # fmt: skip
_SPACING_M, _FEATURES_M = 0.024, 0.005
_CLOSER_M = {3: 0.018, 4: 0.01, 9: 0.011, 14: 0.011, 18: 0.018, 22: 0.018}
"""How far apart vertices are on a thinned body: anywhere, on eyes and lips, and by part."""


@dataclass(frozen=True, eq=False)
class Shape:
    """One body standing at rest; metres, x to its left, y back, z up.

    Attributes:
        vertices_m: (V, 3) surface.
        normals: (V, 3) unit normals.
        soft_m, soft_normals: the same surface with its small forms (toes, muscles) smoothed away: what cloth lies on.
        pivots_m: (24, 3) where each part turns.
        head_top_m: (3,) top of the skull.
        stature_m: standing height.
    """

    vertices_m: FloatArray
    normals: FloatArray
    soft_m: FloatArray
    soft_normals: FloatArray
    pivots_m: NDArray[np.float64]
    head_top_m: NDArray[np.float64]
    stature_m: float


@dataclass(frozen=True, eq=False)
class Posed:
    """One body in one pose, in the axes of ``Shape``.

    Attributes:
        vertices_m: (V, 3) surface.
        normals: (V, 3) normals, nearly unit.
        joints_m: (16, 3) joint centres.
    """

    vertices_m: FloatArray
    normals: FloatArray
    joints_m: NDArray[np.float64]

    def moved(self, rotation: NDArray[np.float64], shift_m: NDArray[np.float64]) -> Posed:
        """Turn the whole body about the origin, then shift it."""
        turn = rotation.T.astype(np.float32)
        return Posed(
            self.vertices_m @ turn + shift_m.astype(np.float32),
            self.normals @ turn,
            self.joints_m @ rotation.T + shift_m,
        )


class BodyModel:
    """The parametric body; loading takes some seconds, shaping and posing some milliseconds.

    Args:
        fine: all of anny's triangles; without it a fifth of them, enough for pictures of some hundred pixels.

    Attributes:
        labels: names of anny's bones.
        faces: (F, 3) triangles.
        part: (V,) the part that moves each vertex most.
        main_bone: (V,) the bone that moves each vertex most.
        rest_vertices_m: (V, 3) surface of the mean body.
        rest_heads_m: (bones, 3) bone heads of the mean body.

    Raises:
        UserError: the ``render`` extra is not installed.
    """

    def __init__(self, fine: bool = True) -> None:
        try:
            anny: Any = importlib.import_module("anny")
        except ImportError as error:
            raise UserError("the body model is not installed", "run `pip install 'bonesight[render]'`") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The original blend shapes: anny's compact ones take a minute and a half to work out the first time.
            model = anny.Anny(rig="makehuman", topology="anny", phenotype_blendshapes="original")
        self._model = model
        self.labels: list[str] = list(model.bone_labels)
        self.faces: NDArray[np.int32] = model.get_triangular_faces().numpy().astype(np.int32)
        self._vertices = model.template_vertices.numpy().astype(np.float32)
        shapes = model.blendshapes.numpy().astype(np.float32)
        self._vertex_shapes = shapes.reshape(len(shapes), -1)
        self._heads = model.template_bone_heads.numpy()
        self._head_shapes = model.bone_heads_blendshapes.numpy()
        skull = self.labels.index("head")
        self._skull = model.template_bone_tails[skull].numpy()
        self._skull_shapes = model.bone_tails_blendshapes[:, skull].numpy()
        self._pivot_bones = {part: self.labels.index(bone) for part, bone in _PIVOTS.items()}
        weights, bones = model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy()
        parts = np.array([_part_of(label) for label in self.labels])
        self._weights = np.zeros((len(self._vertices), PARTS), np.float32)
        np.add.at(self._weights, (np.arange(len(weights))[:, None], parts[bones]), weights)
        self.part: NDArray[np.int64] = self._weights.argmax(axis=1)
        self.main_bone: NDArray[np.int64] = np.take_along_axis(bones, weights.argmax(1)[:, None], 1)[:, 0]
        self._connect()
        if not fine:
            self._thin()
        mean = self.shape({})
        self.rest_vertices_m = mean.vertices_m
        self._soften = self._kernel(mean)
        used, values = self._coefficients({})
        self.rest_heads_m: NDArray[np.float64] = self._heads + np.tensordot(values, self._head_shapes[used], 1)

    def _connect(self) -> None:
        """Prepare what follows from the triangles."""
        corners = self.faces.ravel()
        self._sum_of_faces = sparse.csr_matrix(
            (np.ones(len(corners), np.float32), (corners, np.repeat(np.arange(len(self.faces)), 3))),
            shape=(len(self._vertices), len(self.faces)),
        )
        self._soften = sparse.eye(len(self._vertices), format="csr", dtype=np.float32)

    def _thin(self) -> None:
        """Keep fewer vertices: densest where the face is, less dense where limbs are nearly cylinders."""
        spacing_m = np.full(len(self._vertices), _SPACING_M)
        for part, closer_m in _CLOSER_M.items():
            spacing_m[self.part == part] = closer_m
        stems = [label.partition(".")[0] for label in self.labels]
        features = np.array([stem == "eye" or stem.startswith("oris") for stem in stems])
        spacing_m[features[self.main_bone]] = _FEATURES_M
        mean = self.shape({})
        chosen, self.faces = thin(mean.vertices_m, mean.normals, self.faces, spacing_m)
        self._vertices = self._vertices[chosen]
        self._vertex_shapes = np.ascontiguousarray(self._vertex_shapes[:, (3 * chosen[:, None] + range(3)).ravel()])
        self._weights, self.part, self.main_bone = self._weights[chosen], self.part[chosen], self.main_bone[chosen]
        self._connect()

    def _kernel(self, shape: Shape) -> sparse.csr_matrix:
        """Return the (V, V) means over a few centimetres of skin that cloth and shoe leather lie on.

        Head and hands, which wear neither, stay as they are.
        """
        a, b, c = (shape.vertices_m[self.faces[:, corner]] for corner in range(3))
        area = self._sum_of_faces @ np.linalg.norm(np.cross(b - a, c - a), axis=1)
        out = sparse.eye(len(area), format="lil", dtype=np.float32)
        for parts, radius in (
            ((0, 1, 2, 6, 7, 11, 12, 16, 20), 0.05), ((8, 13, 17, 21), 0.03), ((18,), 0.07), ((22,), 0.07)
        ):  # fmt: skip
            rows = np.flatnonzero(np.isin(self.part, parts))
            tree = cKDTree(shape.vertices_m[rows])
            near = tree.sparse_distance_matrix(tree, radius, output_type="coo_matrix")
            weight = (1.0 - (near.data / radius) ** 2) ** 2 * area[rows[near.col]]
            block = sparse.csr_matrix((weight, (near.row, near.col)), shape=near.shape)
            block = sparse.diags(1.0 / np.asarray(block.sum(axis=1)).ravel()) @ block
            out[np.ix_(rows, rows)] = block
        return out.tocsr().astype(np.float32)

    def _coefficients(self, values: dict[str, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return which blend shapes a phenotype uses (a few of hundreds) and how much of each."""
        all_of_them = self._model.get_phenotype_blendshape_coefficients(**values).numpy()[0]
        used = np.flatnonzero(all_of_them)
        return used, all_of_them[used]

    def normals(self, vertices_m: FloatArray) -> FloatArray:
        """Return (V, 3) unit normals of the surface."""
        a, b, c = (vertices_m[self.faces[:, corner]] for corner in range(3))
        summed = self._sum_of_faces @ np.cross(b - a, c - a)
        return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9), dtype=np.float32)

    def shape(self, phenotype: dict[str, float]) -> Shape:
        """Return a body: ``age``, ``gender``, ``height``, ``muscle``, ``proportions``, ``weight``, each in 0..1."""
        used, values = self._coefficients(phenotype)
        vertices = self._vertices + (values.astype(np.float32) @ self._vertex_shapes[used]).reshape(-1, 3)
        heads = self._heads + np.tensordot(values, self._head_shapes[used], 1)
        pivots = np.zeros((PARTS, 3))
        for part, bone in self._pivot_bones.items():
            pivots[part] = heads[bone]
        skull = self._skull + values @ self._skull_shapes[used]
        stature = float(vertices[:, 2].max() - vertices[:, 2].min())
        soft = np.asarray(self._soften @ vertices)
        return Shape(vertices, self.normals(vertices), soft, self.normals(soft), pivots, skull, stature)

    def pose(
        self,
        shape: Shape,
        rotations: NDArray[np.float64],
        stand_off_m: FloatArray | None = None,
        softness: FloatArray | None = None,
    ) -> Posed:
        """Pose a body.

        Args:
            shape: the body.
            rotations: (24, 3, 3) global rotations of the motion-capture joints, in their own axes.
            stand_off_m: (V,) how far cloth and hair stand off the skin.
            softness: (V,) 0..1, how far cloth hides the small forms below it.
        """
        turned = TO_BODY_AXES @ rotations @ TO_BODY_AXES.T
        turned = turned @ _laid_along_t_pose(shape.pivots_m)
        shifts = np.zeros((PARTS, 3))
        for part, parent in enumerate(PARENTS):
            at = shape.pivots_m[part]
            if parent >= 0:
                at = turned[parent] @ at + shifts[parent]
            shifts[part] = at - turned[part] @ shape.pivots_m[part]
        matrices = np.concatenate([turned, shifts[:, :, None]], axis=2).astype(np.float32)
        blended = (self._weights @ matrices.reshape(PARTS, 12)).reshape(-1, 3, 4)
        outside, facing = shape.vertices_m, shape.normals
        if softness is not None:
            outside = outside + (shape.soft_m - outside) * softness[:, None]
            facing = facing + (shape.soft_normals - facing) * softness[:, None]
        if stand_off_m is not None:
            outside = outside + facing * stand_off_m[:, None]
        vertices = np.einsum("vij,vj->vi", blended[:, :, :3], outside) + blended[:, :, 3]
        normals = np.einsum("vij,vj->vi", blended[:, :, :3], facing)
        pivots = np.einsum("pij,pj->pi", turned, shape.pivots_m) + shifts
        joints = np.zeros((JOINT_COUNT, 3))
        for name, part in _JOINT_PARTS.items():
            joints[JOINT_INDEX[name]] = pivots[part]
        for middle, ends in (("pelvis", "hip"), ("thorax", "shoulder")):
            pair = [JOINT_INDEX[f"right_{ends}"], JOINT_INDEX[f"left_{ends}"]]
            joints[JOINT_INDEX[middle]] = joints[pair].mean(axis=0)
        joints[JOINT_INDEX["head_top"]] = turned[_HEAD_PART] @ shape.head_top_m + shifts[_HEAD_PART]
        return Posed(vertices, normals, joints)


def _laid_along_t_pose(pivots_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (24, 3, 3) rotations that bring a body at rest into the motion capture's T-pose."""
    out = np.tile(np.eye(3), (PARTS, 1, 1))
    for part, after in _LIMBS:
        out[part] = _shortest_rotation(pivots_m[after] - pivots_m[part], TO_BODY_AXES @ OFFSETS_M[after])
    for hand, forearm in _HANDS:
        out[hand] = out[forearm]
    return out


def _part_of(label: str) -> int:
    stem, _, side = label.partition(".")
    if stem in _CENTRE_PARTS:
        return _CENTRE_PARTS[stem]
    for prefix, part in _SIDE_PARTS.get(side, {}).items():
        if stem.startswith(prefix):
            return part
    return _HEAD_PART


def _shortest_rotation(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    v, c = np.cross(a, b), float(a @ b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.asarray(np.eye(3) + k + k @ k / max(1.0 + c, 1e-6))
