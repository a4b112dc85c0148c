"""Depths brought into line with the places of the joints: what ``core.network``'s depth module cannot do by itself.

How far a bone points towards the camera follows from how short it looks, but the depth module sees features, not
places: it cannot subtract one joint's place from another's. A small residual network can (Martinez et al., "A simple
yet effective baseline for 3d human pose estimation", ICCV 2017, whose lifting from places this is in small). It is
given the joints as they were read, how sure they are, and the depth module's depths, which tell front from back, and
answers with corrected depths. This is beyond Zhou et al., ICCV 2017. It is fitted after the network (train/lifting.py)
with the same L_reg and, where the network had it, L_geo, and kept beside its weights; without it the depths stay as the
depth module gave them.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from core import skeleton

WIDTH: Final = 160
BLOCKS: Final = 2
DROPOUT: Final = 0.05

_ENDS: Final = torch.from_numpy(skeleton.BONE_ENDS)
_MIRROR: Final = list(skeleton.MIRROR)
_FLIP: Final = torch.tensor([-1.0, 1.0])
_HIPS: Final = [skeleton.JOINT_INDEX["right_hip"], skeleton.JOINT_INDEX["left_hip"]]


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH),
            nn.LayerNorm(WIDTH), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = features + self.body(features)
        return out


class Lifting(nn.Module):
    """Corrects depths; until it is fitted it passes them on."""

    def __init__(self) -> None:
        super().__init__()
        joints = skeleton.JOINT_COUNT
        self.first = nn.Linear(4 * joints, WIDTH)
        self.blocks = nn.Sequential(*(_Block() for _ in range(BLOCKS)))
        answer = nn.Linear(WIDTH, joints)
        nn.init.zeros_(answer.weight)
        nn.init.zeros_(answer.bias)
        self.last = nn.Sequential(nn.LayerNorm(WIDTH), nn.ReLU(), answer)

    def forward(self, joints_norm: Tensor, confidence: Tensor, depth_norm: Tensor) -> Tensor:
        """Return corrected depths.

        All is seen in multiples of the person's size: how large they are in the crop does not count.

        Args:
            joints_norm: (B, 16, 2) places as read, [-1, 1] over the crop.
            confidence: (B, 16) in 0..1.
            depth_norm: (B, 16) the depth module's depths, in the same unit.

        Returns:
            (B, 16) depths in the same unit.
        """
        size = size_norm(joints_norm)[:, None]
        places = (joints_norm - joints_norm[:, _HIPS].mean(1, keepdim=True)) / size[..., None]
        depth = depth_norm / size
        # A mirrored person has the same depths, with left and right exchanged.
        mirrored = self._change(places[:, _MIRROR] * _FLIP, confidence[:, _MIRROR], depth[:, _MIRROR])
        change = (self._change(places, confidence, depth) + mirrored[:, _MIRROR]) / 2
        return depth_norm + change * size

    def _change(self, places: Tensor, confidence: Tensor, depth: Tensor) -> Tensor:
        seen = torch.cat([places.flatten(1), confidence, depth], dim=1)
        change: Tensor = self.last(self.blocks(self.first(seen)))
        return change


def size_norm(joints_norm: Tensor) -> Tensor:
    """Return (B,) how large people appear: the root mean square of their bones in the picture, (B, 16, 2)
    joints; never 0.
    """
    bones = (joints_norm[:, _ENDS[:, 0]] - joints_norm[:, _ENDS[:, 1]]).square().sum(-1)
    return bones.mean(-1).sqrt().clamp_min(0.01)
