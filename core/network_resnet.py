"""ResNet-50 with a deconvolution head: heatmaps and depth maps from the same features.

The backbone is that of He et al., CVPR 2016, with a stage's stride on its first 3x3 convolution; the head, three
transposed convolutions, that of Xiao et al., ECCV 2018. The modules carry the names that the published weights of
Zhou et al. use (method, "The authors' published weights"), so that their keys need no table here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.network import NetworkConfig, NetworkOutput, PoseNetwork
from core.skeleton import JOINT_COUNT

STAGE_BLOCKS = (3, 4, 6, 3)
"""Bottlenecks per stage: fifty layers with the stem's convolution and the classifier, which is not built here."""
EXPANSION = 4
"""A bottleneck gives this many times the channels its 3x3 convolution works on."""
DECONVOLUTIONS = 3


class Bottleneck(nn.Module):
    """Narrow, look around, widen, and add what came in: 1x1, 3x3, 1x1, each with its batch norm."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        channels_out = channels * EXPANSION
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        fits = channels_in == channels_out and stride == 1
        self.downsample: nn.Module = nn.Identity() if fits else nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, h, w) -> (B, 4 channels, h / stride, w / stride)."""
        inner = functional.relu(self.bn1(self.conv1(features)), inplace=True)
        inner = functional.relu(self.bn2(self.conv2(inner)), inplace=True)
        out: Tensor = self.bn3(self.conv3(inner)) + self.downsample(features)
        return functional.relu(out, inplace=True)


def _stage(channels_in: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels_in, channels, stride)
    return nn.Sequential(first, *(Bottleneck(channels * EXPANSION, channels, 1) for _ in range(blocks - 1)))


class ResNetPose(PoseNetwork):
    """The network of the published weights: 256 px in, 64 px maps, 34.0 M parameters."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        (head,) = config.widths
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, STAGE_BLOCKS[0], 1)
        self.layer2 = _stage(256, 128, STAGE_BLOCKS[1], 2)
        self.layer3 = _stage(512, 256, STAGE_BLOCKS[2], 2)
        self.layer4 = _stage(1024, 512, STAGE_BLOCKS[3], 2)
        layers: list[nn.Module] = []
        for channels_in in (512 * EXPANSION, *[head] * (DECONVOLUTIONS - 1)):
            layers += [
                nn.ConvTranspose2d(channels_in, head, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(head),
                nn.ReLU(inplace=True),
            ]
        self.deconv_layers = nn.Sequential(*layers)
        self.hm = nn.Conv2d(head, JOINT_COUNT, 1)
        self.depth = nn.Conv2d(head, JOINT_COUNT, 1)
        # Not persistent: they belong to the configuration, and the published files do not hold them.
        self.register_buffer("mean", torch.tensor(config.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> NetworkOutput:
        """See ``PoseNetwork.forward``."""
        if self.config.channels == "bgr":
            images = images.flip(1)
        features = functional.relu(self.bn1(self.conv1((images - self.mean) / self.std)), inplace=True)
        features = functional.max_pool2d(features, 3, stride=2, padding=1)
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        features = self.deconv_layers(features)
        maps: Tensor = self.hm(features)
        return NetworkOutput((maps,), at_peak(self.depth(features), maps) * self.config.depth_unit)


# Not in the class's body, where its own name is not yet known.
ResNetPose.in_order = (nn.Sequential, Bottleneck, ResNetPose)


def at_peak(values: Tensor, maps: Tensor) -> Tensor:
    """Read (B, 16, h, w) values where each of the (B, 16, h, w) maps is highest: (B, 16)."""
    peak = maps.flatten(2).argmax(-1, keepdim=True)
    return values.flatten(2).gather(-1, peak).squeeze(-1)
