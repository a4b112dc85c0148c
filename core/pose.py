"""What a prediction is: frozen results that screen, files and command line all read.

Frames: ``_px`` pixels of the picture (x right, y down, origin at the top-left corner of the top-left pixel);
``_mm`` millimetres relative to the pelvis, x right, y down, z away from the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from core import skeleton
from core.made import DecodedBy, Made

FloatArray = NDArray[np.float64]
Verdict = Literal["plausible", "doubtful", "implausible"]
LocatedBy = Literal["given", "search", "track"]

BARS_END: Final = 2.0
"""Where bars of the bones' deviations end at the latest, in limits of *implausible*: one bone that came out four times
too long must not make all others unreadable. A bar that goes on says so, with its number."""


@dataclass(frozen=True)
class Joint:
    """One joint of a pose.

    Attributes:
        name: the joint's name, one of ``skeleton.JOINT_NAMES``.
        xy_px: (x, y) in picture pixels.
        confidence: 0..1, the network's belief that the joint is where it says.
        xyz_mm: (x, y, z) in millimetres from the pelvis.
        second_xy_px: the best other peak of the joint's heatmap in picture pixels, None if there is only one. It is
            higher than the joint's own where the limbs decided.
        second_confidence: 0..1, that peak's height in the same unit as ``confidence``.
    """

    name: str
    xy_px: tuple[float, float]
    confidence: float
    xyz_mm: tuple[float, float, float]
    second_xy_px: tuple[float, float] | None = None
    second_confidence: float = 0.0


@dataclass(frozen=True)
class Bone:
    """One bone of a pose and what its length says.

    Attributes:
        name: one of ``skeleton.BONE_NAMES``.
        joints: the two joint indices.
        length_mm: its length in millimetres.
        ratio: length over canonical length (1 for a body of canonical size and proportions).
        group: the geometry loss's group, or None for torso and head.
        deviation_percent: how far ``ratio`` is from the mean ratio of its group, in percent of that mean; for torso
            and head, from what is usual beside the mean of all groups.
        left_right_percent: right minus left over their mean, in percent, None for centre bones.
        verdict: plausible, doubtful or implausible.
    """

    name: str
    joints: tuple[int, int]
    length_mm: float
    ratio: float
    group: str | None
    deviation_percent: float
    left_right_percent: float | None
    verdict: Verdict


@dataclass(frozen=True)
class GeometryReport:
    """The bones of one skeleton and the geometry loss it would be charged.

    Attributes:
        bones: the 14 bones in the order of ``skeleton.BONES``.
        groups: per group, the variance of length over canonical length, of the skeleton scaled to ``ratio`` mean 1
            (dimensionless, so poses of any size compare).
        loss: the sum of ``groups``: the poster's L_geo of this skeleton.
    """

    bones: tuple[Bone, ...]
    groups: dict[str, float]
    loss: float

    def sentence(self) -> str:
        """Say the most striking fault in plain words, for a person who does not know the method."""
        pairs = [(self.bones[right], self.bones[left]) for right, left in skeleton.LEFT_RIGHT_BONES]
        right, left = max(pairs, key=lambda pair: abs(pair[0].left_right_percent or 0.0))
        if abs(right.left_right_percent or 0.0) < 10.0:
            odd = max(self.bones, key=lambda bone: abs(bone.deviation_percent) if bone.group else 0.0)
            if odd.verdict == "plausible":
                return "Left and right bones agree within 10 %."
            way = "long" if odd.deviation_percent > 0 else "short"
            part = skeleton.plain_name(odd.name).capitalize()
            return f"{part} is {abs(odd.deviation_percent):.0f} % too {way} beside the other {odd.group}."
        longer, shorter = (right, left) if right.length_mm > left.length_mm else (left, right)
        part, other = skeleton.plain_name(longer.name).capitalize(), skeleton.plain_name(shorter.name).split()[0]
        if longer.length_mm > 3.0 * shorter.length_mm:
            return f"{part} is more than three times as long as the {other}."
        return f"{part} is {100.0 * (longer.length_mm / shorter.length_mm - 1.0):.0f} % longer than the {other}."


@dataclass(frozen=True, eq=False)
class Pose:
    """What the network saw of one person in one picture.

    Attributes:
        picture_size_px: (width, height) of the picture.
        box_px: (x, y, width, height) of the person's box the crop was made from, picture pixels.
        located_by: whether the box was given, searched for, or tracked.
        joints_px: (16, 2) picture pixels.
        confidence: (16,) in 0..1.
        joints_mm: (16, 3) millimetres from the pelvis, x right, y down, z away from the camera.
        depth_norm: (16,) depth in half crop widths from the pelvis, not refined.
        second_px: (16, 2) best other peak of each map in picture pixels; NaN where there is none.
        second_confidence: (16,) in 0..1; 0 where there is none.
        geometry: bones and geometry loss of ``joints_mm``.
        heatmaps: (16, h, w) float32, peak-normalised to the confidence of the highest peak, over the crop.
        crop_to_picture: (2, 3) affine matrix, crop pixels -> picture pixels.
        crop_size: side of the square crop in pixels.
        checkpoint_name, checkpoint_sha256: which weights made it.
        made: how it was made besides.
    """

    picture_size_px: tuple[int, int]
    box_px: tuple[float, float, float, float]
    located_by: LocatedBy
    joints_px: FloatArray
    confidence: FloatArray
    joints_mm: FloatArray
    depth_norm: FloatArray
    second_px: FloatArray
    second_confidence: FloatArray
    geometry: GeometryReport
    heatmaps: NDArray[np.float32] = field(repr=False)
    crop_to_picture: FloatArray = field(repr=False)
    crop_size: int = 0
    checkpoint_name: str = ""
    checkpoint_sha256: str = ""
    made: Made = field(default_factory=Made)

    @property
    def decoded_by(self) -> DecodedBy:
        """Whether joints were read together (``limbs``) or each by itself (``peaks``)."""
        return self.made.decoded_by

    @property
    def refined(self) -> bool:
        """Whether ``joints_mm`` was bent towards bones that can be real."""
        return self.made.refined

    @property
    def mean_confidence(self) -> float:
        """Mean confidence over the 16 joints, 0..1."""
        return float(self.confidence.mean())

    def joint(self, index: int) -> Joint:
        """Return one joint with everything known about it."""
        second = self.second_px[index]
        x_px, y_px = self.joints_px[index]
        x_mm, y_mm, z_mm = self.joints_mm[index]
        return Joint(
            name=skeleton.JOINT_NAMES[index],
            xy_px=(float(x_px), float(y_px)),
            confidence=float(self.confidence[index]),
            xyz_mm=(float(x_mm), float(y_mm), float(z_mm)),
            second_xy_px=None if np.isnan(second).any() else (float(second[0]), float(second[1])),
            second_confidence=float(self.second_confidence[index]),
        )
