"""Human bodies from the ``anny`` package: any age, sex and build, in any pose of the motion-capture skeleton."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from core.errors import UserError
from core.skeleton import JOINT_COUNT, JOINT_INDEX

FloatArray = NDArray[np.float32]

# Motion-capture axes (x left, y up, z forward) to the body's (x left, y back, z up).
TO_BODY_AXES = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

_FOLLOWS = {
    "root": 0, "pelvis": 0, "spine05": 0, "spine04": 1, "spine03": 1, "spine02": 2, "spine01": 2, "breast": 2,
    "neck01": 3, "neck02": 3, "neck03": 3,
}  # fmt: skip
_FOLLOWS_LIMB = {
    "L": {"upperleg": 16, "lowerleg": 17, "foot": 18, "toe": 18, "clavicle": 6, "shoulder": 6, "upperarm": 7,
          "lowerarm": 8, "wrist": 9, "finger": 9, "metacarpal": 9},
    "R": {"upperleg": 20, "lowerleg": 21, "foot": 22, "toe": 22, "clavicle": 11, "shoulder": 11, "upperarm": 12,
          "lowerarm": 13, "wrist": 14, "finger": 14, "metacarpal": 14},
}  # fmt: skip
HEAD_JOINT = 4
# Limb: bones that turn with it, its two ends (bone heads), its two ends in the motion-capture skeleton.
_LIMBS = (
    (("upperarm",), "upperarm01", "lowerarm01", ("shoulder", "elbow")),
    (("lowerarm", "wrist", "finger", "metacarpal"), "lowerarm01", "wrist", ("elbow", "wrist")),
    (("upperleg",), "upperleg01", "lowerleg01", ("hip", "knee")),
    (("lowerleg",), "lowerleg01", "foot", ("knee", "ankle")),
)


@dataclass(frozen=True)
class Posed:
    """One body in one pose; metres, x to the body's left, y back, z up, before any camera.

    Attributes:
        vertices_m: (V, 3) surface.
        normals: (V, 3) unit normals.
        joints_m: (16, 3) joint centres.
        stature_m: standing height of this body.
    """

    vertices_m: FloatArray
    normals: FloatArray
    joints_m: NDArray[np.float64]
    stature_m: float


class BodyModel:
    """The parametric body; loading takes some seconds, posing some milliseconds.

    Raises:
        UserError: the ``render`` extra is not installed.
    """

    def __init__(self) -> None:
        try:
            import anny
        except ImportError as error:
            raise UserError("the body model is not installed", "run `pip install 'bonesight[render]'`") from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model = anny.create_fullbody_model(bone_orientation="blender", triangulate_faces=True).to(
                torch.float32
            )
        self.labels: list[str] = list(self._model.bone_labels)
        self.faces: NDArray[np.int32] = self._model.get_triangular_faces().numpy().astype(np.int32)
        self._follows = np.array([_joint_followed(label) for label in self.labels])
        with torch.no_grad():
            rest = self._model.get_rest_model(self._model.get_phenotype_blendshape_coefficients())
        self.rest_vertices_m: FloatArray = rest["rest_vertices"][0].numpy()
        self.rest_heads_m: FloatArray = rest["rest_bone_heads"][0].numpy()
        weights, indices = self._model.vertex_bone_weights.numpy(), self._model.vertex_bone_indices.numpy()
        self.main_bone: NDArray[np.int64] = np.take_along_axis(indices, weights.argmax(1)[:, None], 1)[:, 0]

    @cached_property
    def _sum_of_faces(self) -> sparse.csr_matrix:
        faces = self.faces
        rows, columns = faces.ravel(), np.repeat(np.arange(len(faces)), 3)
        return sparse.csr_matrix(
            (np.ones(len(rows), np.float32), (rows, columns)), shape=(len(self.rest_vertices_m), len(faces))
        )

    def normals(self, vertices_m: FloatArray) -> FloatArray:
        """Return (V, 3) unit normals of the surface."""
        a, b, c = (vertices_m[self.faces[:, corner]] for corner in range(3))
        summed = self._sum_of_faces @ np.cross(b - a, c - a)
        return (summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    def pose(self, shape: dict[str, float], rotations: NDArray[np.float64], offsets_m: NDArray[np.float64]) -> Posed:
        """Pose one body.

        Args:
            shape: phenotype values in 0..1 (``age``, ``gender``, ``height``, ``muscle``, ``proportions``, ``weight``).
            rotations: (24, 3, 3) global rotations of the motion-capture joints.
            offsets_m: (24, 3) the skeleton's T-pose offsets, whose directions the limbs take.
        """
        model = self._model
        with torch.no_grad():
            coefficients = model.get_phenotype_blendshape_coefficients(
                **{k: torch.tensor([v]) for k, v in shape.items()}
            )
            rest = model.get_rest_model(coefficients)
            rest_poses = rest["rest_bone_poses"][0].numpy()
            heads = rest["rest_bone_heads"][0].numpy()
            turned = np.einsum("ij,njk,lk->nil", TO_BODY_AXES, rotations, TO_BODY_AXES)
            poses = np.tile(np.eye(4, dtype=np.float32), (len(self.labels), 1, 1))
            aligned = self._align(heads, offsets_m)
            poses[:, :3, :3] = turned[self._follows] @ aligned @ rest_poses[:, :3, :3]
            transforms, bone_poses = model.get_bone_transforms(
                torch.from_numpy(poses)[None], rest["rest_bone_poses"], "world-orient"
            )
            skinned = model.get_skinned_vertices(rest["rest_vertices"], transforms)
            posed_heads, posed_tails = model.get_bone_ends(
                rest["rest_bone_heads"], rest["rest_bone_tails"], rest["rest_bone_poses"], bone_poses
            )
        vertices = skinned[0].numpy()
        joints = self._joints(posed_heads[0].numpy(), posed_tails[0].numpy())
        rest_z = rest["rest_vertices"][0, :, 2].numpy()
        return Posed(vertices, self.normals(vertices), joints, float(rest_z.max() - rest_z.min()))

    def _align(self, heads: FloatArray, offsets_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (bones, 3, 3) rotations from each limb's rest direction to its T-pose direction."""
        out = np.tile(np.eye(3), (len(self.labels), 1, 1))
        for side, first in (("L", {"hip": 16, "shoulder": 7}), ("R", {"hip": 20, "shoulder": 12})):
            joints = {
                "shoulder": first["shoulder"], "elbow": first["shoulder"] + 1, "wrist": first["shoulder"] + 2,
                "hip": first["hip"], "knee": first["hip"] + 1, "ankle": first["hip"] + 2,
            }  # fmt: skip
            for bones, start, end, (_, far) in _LIMBS:
                rest = heads[self.labels.index(f"{end}.{side}")] - heads[self.labels.index(f"{start}.{side}")]
                rotation = _shortest_rotation(rest, TO_BODY_AXES @ offsets_m[joints[far]])
                for index, label in enumerate(self.labels):
                    if label.endswith(f".{side}") and label.startswith(bones):
                        out[index] = rotation
        return out

    def _joints(self, heads: FloatArray, tails: FloatArray) -> NDArray[np.float64]:
        joints = np.zeros((JOINT_COUNT, 3))
        for side, letter in (("right", "R"), ("left", "L")):
            for joint, bone in (
                ("ankle", "foot"), ("knee", "lowerleg01"), ("hip", "upperleg01"), ("shoulder", "upperarm01"),
                ("elbow", "lowerarm01"), ("wrist", "wrist"),
            ):  # fmt: skip
                joints[JOINT_INDEX[f"{side}_{joint}"]] = heads[self.labels.index(f"{bone}.{letter}")]
        joints[JOINT_INDEX["pelvis"]] = joints[[JOINT_INDEX["right_hip"], JOINT_INDEX["left_hip"]]].mean(0)
        joints[JOINT_INDEX["thorax"]] = joints[[JOINT_INDEX["right_shoulder"], JOINT_INDEX["left_shoulder"]]].mean(0)
        joints[JOINT_INDEX["upper_neck"]] = heads[self.labels.index("neck01")]
        joints[JOINT_INDEX["head_top"]] = tails[self.labels.index("head")]
        return joints


def _joint_followed(label: str) -> int:
    stem, _, side = label.partition(".")
    if stem in _FOLLOWS:
        return _FOLLOWS[stem]
    for prefix, joint in _FOLLOWS_LIMB.get(side, {}).items():
        if stem.startswith(prefix):
            return joint
    return HEAD_JOINT


def _shortest_rotation(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    v, c = np.cross(a, b), float(a @ b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / max(1.0 + c, 1e-6)
