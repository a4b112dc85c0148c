"""What two poses of the same person in the same picture differ in.

A is what is compared, B what it is compared with; every signed difference is B minus A. Of up to four models, A is the
reference: each of the others stands in B's place in turn. Joints are compared in three ways: pixels of the picture,
millimetres after both pelvises are laid on each other, and the angle between the two directions of the bone that leads
to the joint. The last does not care about the size of the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.pose import Bone, GeometryReport, Pose

FloatArray = NDArray[np.float64]

LETTERS: Final = "ABCD"
"""What the models are called, up to four: A is the one that each of the others is compared with."""


@dataclass(frozen=True)
class JointDifference:
    """How far one joint of B is from the same joint of A.

    Attributes:
        index: the joint.
        distance_px: in pixels of the picture.
        distance_mm: in millimetres, both skeletons from their pelvis.
        angle_degrees: 0..180, between the two directions of the joint's parent bone; None for pelvis and thorax, which
            have none, and where a bone has no length.
    """

    index: int
    distance_px: float
    distance_mm: float
    angle_degrees: float | None

    @property
    def name(self) -> str:
        """The joint's name, one of ``skeleton.JOINT_NAMES``."""
        return skeleton.JOINT_NAMES[self.index]


@dataclass(frozen=True)
class BoneDifference:
    """One bone in both poses.

    Attributes:
        a, b: the bone and what its length says.
    """

    a: Bone
    b: Bone

    @property
    def name(self) -> str:
        """The bone's name, one of ``skeleton.BONE_NAMES``."""
        return self.a.name

    @property
    def length_mm(self) -> float:
        """B's length minus A's."""
        return self.b.length_mm - self.a.length_mm

    @property
    def deviation_percent(self) -> float:
        """B's deviation from its group minus A's, in percent points."""
        return self.b.deviation_percent - self.a.deviation_percent

    @property
    def left_right_percent(self) -> float | None:
        """B's right minus left less A's, in percent points; None for centre bones."""
        if self.a.left_right_percent is None or self.b.left_right_percent is None:
            return None
        return self.b.left_right_percent - self.a.left_right_percent


@dataclass(frozen=True)
class Comparison:
    """Two poses of one picture side by side.

    Attributes:
        joints: the 16 joints in the order of ``skeleton.JOINT_NAMES``.
        bones: the 14 bones in the order of ``skeleton.BONES``.
        geometry_a, geometry_b: bones and geometry loss of each.
    """

    joints: tuple[JointDifference, ...]
    bones: tuple[BoneDifference, ...]
    geometry_a: GeometryReport
    geometry_b: GeometryReport

    @cached_property
    def mean_px(self) -> float:
        """Mean distance of the 16 joints in pixels."""
        return float(np.mean([joint.distance_px for joint in self.joints]))

    @cached_property
    def mean_mm(self) -> float:
        """Mean distance of the 16 joints in millimetres, the pelvis (always 0) included."""
        return float(np.mean([joint.distance_mm for joint in self.joints]))

    @cached_property
    def mean_degrees(self) -> float:
        """Mean angle over the joints that have one; 0 if none has."""
        angles = [joint.angle_degrees for joint in self.joints if joint.angle_degrees is not None]
        return float(np.mean(angles)) if angles else 0.0

    @cached_property
    def worst_first(self) -> tuple[JointDifference, ...]:
        """The joints, those that differ most in millimetres first."""
        return tuple(sorted(self.joints, key=lambda joint: -joint.distance_mm))

    def sentence(self, letter: str = "B") -> str:
        """Say where A and the other, of this letter, differ most and whose bones are more alike, in plain words."""
        if max(joint.distance_mm for joint in self.joints) < 0.5 and self.mean_px < 0.5:
            return "Both models give the same pose."
        worst = self.worst_first[0]
        where = f"They differ most at the {skeleton.plain_name(worst.name)}, by {worst.distance_mm:.0f} mm"
        a, b = asymmetry_percent(self.geometry_a).mean(), asymmetry_percent(self.geometry_b).mean()
        if round(a) == round(b):
            return f"{where}; their left and right limbs are equally even."
        small, large, better = (a, b, "A") if a < b else (b, a, letter)
        return f"{where}; {better}'s limbs are more even left to right, {small:.0f} % against {large:.0f} %."


def compare(pose_a: Pose, pose_b: Pose) -> Comparison:
    """Compare two poses of one person in one picture.

    Raises:
        ValueError: they are of pictures of different size.
    """
    if pose_a.picture_size_px != pose_b.picture_size_px:
        raise ValueError(f"poses of pictures of {pose_a.picture_size_px} and {pose_b.picture_size_px} px")
    distances_px = np.linalg.norm(pose_b.joints_px - pose_a.joints_px, axis=1)
    rooted_a, rooted_b = (pose.joints_mm - pose.joints_mm[skeleton.ROOT] for pose in (pose_a, pose_b))
    distances_mm = np.linalg.norm(rooted_b - rooted_a, axis=1)
    angles = bone_angles_degrees(pose_a.joints_mm, pose_b.joints_mm)
    joints = []
    for index in range(skeleton.JOINT_COUNT):
        bone = skeleton.PARENT_BONE[index]
        angle = None if bone is None or np.isnan(angles[bone]) else float(angles[bone])
        joints.append(JointDifference(index, float(distances_px[index]), float(distances_mm[index]), angle))
    pairs = zip(pose_a.geometry.bones, pose_b.geometry.bones, strict=True)
    bones = tuple(BoneDifference(a, b) for a, b in pairs)
    return Comparison(tuple(joints), bones, pose_a.geometry, pose_b.geometry)


def compare_all(poses: Sequence[Pose]) -> tuple[Comparison, ...]:
    """Compare the first of several poses of one person in one picture, A's, with each of the others.

    Raises:
        ValueError: they are of pictures of different size.
    """
    return tuple(compare(poses[0], other) for other in poses[1:])


def sentences(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the plain words of each comparison with A, from ``compare_all``."""
    return [found.sentence(letter) for letter, found in zip(LETTERS[1:], comparisons, strict=False)]


def bone_angles_degrees(joints_a: FloatArray, joints_b: FloatArray) -> FloatArray:
    """Return the (14,) angles between the bones of two (16, 3) skeletons, NaN where one has no length.

    By the half-angle formula (Kahan), which stays exact where the arc cosine of the dot product does not: near 0 and
    180 degrees.
    """
    units = []
    for joints in (joints_a, joints_b):
        ends = joints[skeleton.BONE_ENDS]
        vectors = ends[:, 1] - ends[:, 0]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units.append(np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=lengths > 1e-9))
    apart = np.linalg.norm(units[0] - units[1], axis=1)
    together = np.linalg.norm(units[0] + units[1], axis=1)
    angles: FloatArray = np.degrees(2.0 * np.arctan2(apart, together))
    return angles


def asymmetry_percent(report: GeometryReport) -> FloatArray:
    """Return |right - left| over their mean of the four limbs, (4,) percent, in the order of ``skeleton.LIMBS``."""
    return np.array([abs(report.bones[right].left_right_percent or 0.0) for right, _left in skeleton.LIMBS.values()])


def deviation_percent(report: GeometryReport) -> FloatArray:
    """Return how far each of the 14 bones is from its group, (14,) percent without sign."""
    return np.abs([bone.deviation_percent for bone in report.bones])
