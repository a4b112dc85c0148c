"""The pose network: stacked hourglasses for 2D heatmaps and a depth module on the summed features.

Zhou et al., ICCV 2017, section 3.2 and the authors' Torch release (method table "Network"). Every preset returns the
same ``NetworkOutput``; which preset a checkpoint holds is written in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise, zip_longest
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from core.skeleton import JOINT_COUNT

MapKind = Literal["gaussian", "softmax"]
Channels = Literal["rgb", "bgr"]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network.

    Attributes:
        preset: name in ``PRESETS``.
        input_px: side of the square RGB input, pixels.
        heatmap_px: side of the square heatmaps, pixels.
        stacks: number of hourglasses.
        widths: channels per resolution, highest first. The paper's network has one width everywhere.
        maps: what a raw map means: ``gaussian`` maps estimate the target Gaussian itself (trained by squared
            error, as in the paper), ``softmax`` maps are logits of where the joint is (trained by cross-entropy).
        channels: the order in which the first layer takes the colours; every network is given RGB and reorders it.
        mean: subtracted from the ordered channels, values in [0, 1].
        std: what the ordered channels are then divided by.
        depth_unit: one unit of the layer that tells depth, in half crop widths.
        further: residual blocks more in every hourglass and in the depth module, for each of ``widths`` but the first;
            none if empty. Only presets of several widths have them.
    """

    preset: str
    input_px: int
    heatmap_px: int
    stacks: int
    widths: tuple[int, ...]
    maps: MapKind
    channels: Channels = "rgb"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    depth_unit: float = 1.0
    further: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; a setting at its default is left out.

        Checkpoints are compared with it, so one written before a setting existed stays valid.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        said = {field.name: values[field.name] for field in fields(self) if values[field.name] != field.default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


class NetworkOutput(NamedTuple):
    """What one forward pass gives.

    Attributes:
        maps: one (B, 16, h, w) tensor of raw maps per stack.
        depth: (B, 16) depth in half crop widths, relative to the pelvis (z of the ``_norm`` frame).
    """

    maps: tuple[Tensor, ...]
    depth: Tensor


class PoseNetwork(nn.Module):
    """Base of all presets: a module that knows its configuration."""

    in_order: ClassVar[tuple[type[nn.Module], ...]] = (nn.Sequential,)
    """Kinds of modules that run a batch norm straight after the convolution defined before it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, images: Tensor) -> NetworkOutput:
        """Map (B, 3, input_px, input_px) RGB in [0, 1] to heatmaps and depths."""
        raise NotImplementedError

    def foldable(self) -> Iterator[tuple[str, str]]:
        """Name the (convolution, batch norm right after it) modules that ``fold_batch_norm`` may join."""
        for outer, module in self.named_modules():
            if isinstance(module, self.in_order):
                for (name, layer), (next_name, next_layer) in pairwise(module.named_children()):
                    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and isinstance(next_layer, nn.BatchNorm2d):
                        yield f"{outer}.{name}".lstrip("."), f"{outer}.{next_name}".lstrip(".")


class Residual(nn.Module):
    """Pre-activation bottleneck; convolutions keep their biases, as in the Torch release."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        half = channels_out // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels_in), nn.ReLU(inplace=True), nn.Conv2d(channels_in, half, 1),
            nn.BatchNorm2d(half), nn.ReLU(inplace=True), nn.Conv2d(half, half, 3, padding=1),
            nn.BatchNorm2d(half), nn.ReLU(inplace=True), nn.Conv2d(half, channels_out, 1),
        )  # fmt: skip
        self.skip = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, h, w) -> (B, out, h, w)."""
        out: Tensor = self.body(features) + self.skip(features)
        return out


def _two_residuals(channels: int) -> nn.Sequential:
    return nn.Sequential(Residual(channels, channels), Residual(channels, channels))


class Hourglass(nn.Module):
    """Recursive hourglass with two residuals at every place, max pooling down and nearest upsampling up."""

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.up1 = _two_residuals(channels)
        self.low1 = _two_residuals(channels)
        self.low2: nn.Module = Hourglass(depth - 1, channels) if depth > 1 else _two_residuals(channels)
        self.low3 = _two_residuals(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, c, h, w)."""
        low = self.low3(self.low2(self.low1(functional.max_pool2d(features, 2))))
        up: Tensor = self.up1(features)
        return up + functional.interpolate(low, scale_factor=2.0, mode="nearest")


class PaperNetwork(PoseNetwork):
    """The network of the paper: two stacks of 256 features, 256 px in, 64 px maps, 14.4 M parameters."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        (width,) = config.widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
            Residual(64, 128), nn.MaxPool2d(2), Residual(128, 128), Residual(128, width),
        )  # fmt: skip
        stacks = range(config.stacks)
        self.hourglasses = nn.ModuleList(Hourglass(4, width) for _ in stacks)
        self.residuals = nn.ModuleList(_two_residuals(width) for _ in stacks)
        self.lin = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)) for _ in stacks
        )
        self.to_maps = nn.ModuleList(nn.Conv2d(width, JOINT_COUNT, 1) for _ in stacks)
        # Merged after the last stack too: the depth module reads the sum of everything (method table).
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in stacks)
        self.merge_maps = nn.ModuleList(nn.Conv2d(JOINT_COUNT, width, 1) for _ in stacks)
        self.depth_features = nn.Sequential(
            *(layer for _ in range(4) for layer in (_two_residuals(width), nn.MaxPool2d(2)))
        )
        self.depth_linear = nn.Linear(width * (config.heatmap_px // 16) ** 2, JOINT_COUNT)

    def forward(self, images: Tensor) -> NetworkOutput:
        """See ``PoseNetwork.forward``."""
        inter = self.stem(images)
        maps: list[Tensor] = []
        for stack in range(self.config.stacks):
            features = self.lin[stack](self.residuals[stack](self.hourglasses[stack](inter)))
            raw = self.to_maps[stack](features)
            maps.append(raw)
            inter = inter + self.merge_features[stack](features) + self.merge_maps[stack](raw)
        return NetworkOutput(tuple(maps), self.depth_linear(self.depth_features(inter).flatten(1)))


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and optional ReLU: in this order the norm folds into the convolution for inference."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, relu: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(channels_out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: denser work per byte moved than a bottleneck, which suits a CPU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNorm(channels_in, channels_out, 3, stride), ConvNorm(channels_out, channels_out, 3, relu=False)
        )
        straight = channels_in == channels_out and stride == 1
        self.skip: nn.Module = nn.Identity() if straight else ConvNorm(channels_in, channels_out, 1, stride, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, h, w) -> (B, out, h / stride, w / stride)."""
        return functional.relu(self.body(features) + self.skip(features))


def _further(channels: int, count: int) -> nn.Sequential:
    """Return residual blocks that pass on what they are given until they are trained.

    So a network can be grown from the weights of one without them: it begins as that network exactly.
    """
    blocks = nn.Sequential(*(BasicBlock(channels, channels) for _ in range(count)))
    for name, weight in blocks.named_parameters():
        if name.endswith("body.1.1.weight"):  # of each block's last norm
            nn.init.zeros_(weight)
    return blocks


class GrowingHourglass(nn.Module):
    """Hourglass whose width grows towards low resolution, where a channel is cheap and sees the whole body."""

    def __init__(self, widths: tuple[int, ...], further: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.up = BasicBlock(widths[0], widths[0])
        self.down = BasicBlock(widths[0], widths[1], stride=2)
        self.further = _further(widths[1], further[0] if further else 0)
        last = len(widths) == 2
        self.inner: nn.Module = BasicBlock(widths[1], widths[1]) if last else GrowingHourglass(widths[1:], further[1:])
        self.lateral = ConvNorm(widths[1], widths[0], 1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, widths[0], h, w) -> the same shape."""
        low = self.lateral(self.inner(self.further(self.down(features))))
        up: Tensor = self.up(features)
        return up + functional.interpolate(low, scale_factor=2.0, mode="nearest")


class CompactNetwork(PoseNetwork):
    """The same design for a 2-core CPU: smaller input, growing widths, post-activation blocks."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        widths = config.widths
        width = widths[0]
        self.stem = nn.Sequential(ConvNorm(3, 32, 3, 2), ConvNorm(32, width, 3, 2), BasicBlock(width, width))
        stacks = range(config.stacks)
        self.hourglasses = nn.ModuleList(GrowingHourglass(widths, config.further) for _ in stacks)
        self.lin = nn.ModuleList(ConvNorm(width, width, 1) for _ in stacks)
        self.to_maps = nn.ModuleList(nn.Conv2d(width, JOINT_COUNT, 1) for _ in stacks)
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in stacks)
        self.merge_maps = nn.ModuleList(nn.Conv2d(JOINT_COUNT, width, 1) for _ in stacks)
        self.depth_features = nn.Sequential(
            *(BasicBlock(before, after, stride=2) for before, after in zip(widths[:-1], widths[1:], strict=True))
        )
        self.depth_further = nn.ModuleList(
            _further(*each) for each in zip_longest(widths[1:], config.further, fillvalue=0)
        )
        self.bottom_places = (config.heatmap_px // 2 ** (len(widths) - 1)) ** 2
        self.depth_linear = nn.Linear(widths[-1] * self.bottom_places, JOINT_COUNT)

    def forward(self, images: Tensor) -> NetworkOutput:
        """See ``PoseNetwork.forward``."""
        inter = self.stem(images)
        maps: list[Tensor] = []
        for stack in range(self.config.stacks):
            features = self.lin[stack](self.hourglasses[stack](inter))
            raw = self.to_maps[stack](features)
            maps.append(raw)
            inter = inter + self.merge_features[stack](features) + self.merge_maps[stack](_as_belief(raw, self.config))
        # A mean over the places, not a sum: Adam moves every weight alike, so a sum of thousands would jump.
        depth = inter
        for shrink, more in zip(self.depth_features, self.depth_further, strict=True):
            depth = more(shrink(depth))
        return NetworkOutput(tuple(maps), self.depth_linear(depth.flatten(1) / self.bottom_places))


def _as_belief(raw: Tensor, config: NetworkConfig) -> Tensor:
    # Logits are unbounded and their offset means nothing; the next stack is given what they say instead.
    if config.maps == "gaussian":
        return raw
    belief = raw.flatten(2).softmax(-1).view_as(raw)
    return belief / belief.amax(dim=(2, 3), keepdim=True).clamp_min(1e-6)


def _resnet(config: NetworkConfig) -> PoseNetwork:
    # Imported late: that module builds on this one.
    from core.network_resnet import ResNetPose

    return ResNetPose(config)


# The usual statistics of RGB pictures, yet on BGR channels: as the demo of the published weights feeds them.
_RESNET50 = NetworkConfig(
    "resnet50", 256, 64, 1, (256,), "gaussian",
    channels="bgr", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), depth_unit=2.0,
)  # fmt: skip

PRESETS: dict[str, tuple[NetworkConfig, Callable[[NetworkConfig], PoseNetwork]]] = {
    "paper": (NetworkConfig("paper", 256, 64, 2, (256,), "gaussian"), PaperNetwork),
    "compact": (NetworkConfig("compact", 160, 40, 2, (64, 96, 128, 112), "softmax"), CompactNetwork),
    "resnet50": (_RESNET50, _resnet),
}


MOST_FURTHER = 8
"""Blocks more that a network may have at one resolution; a file that asks for thousands is no checkpoint."""
MOST_INPUT_PX = 512
"""Side of the largest input; likewise."""
INPUT_MULTIPLE = 64
"""An input other than the preset's own has a side that is a multiple of this: all presets can halve it to the end."""


def configured(
    preset: str, maps: MapKind | None = None, further: Sequence[int] = (), input_px: int | None = None
) -> NetworkConfig:
    """Return a preset's shape; ``maps`` overrides what its maps mean, ``further`` makes it deeper.

    Args:
        preset: name in ``PRESETS``.
        maps: see ``NetworkConfig``.
        further: see ``NetworkConfig``.
        input_px: side of the input, and with it of the maps; None for the preset's own.

    Raises:
        KeyError: no such preset.
        ValueError: ``further`` or ``input_px`` does not fit it.
    """
    config, _ = PRESETS[preset]
    if input_px is not None and input_px != config.input_px:
        if not isinstance(input_px, int) or input_px % INPUT_MULTIPLE or not 0 < input_px <= MOST_INPUT_PX:
            raise ValueError(
                f"network.input_px needs a multiple of {INPUT_MULTIPLE} up to {MOST_INPUT_PX}, or {config.input_px}"
            )
        config = replace(config, input_px=input_px, heatmap_px=input_px * config.heatmap_px // config.input_px)
    if not fits_further(further, len(config.widths) - 1):
        raise ValueError(
            f"network.further needs {len(config.widths) - 1} numbers from 0 to {MOST_FURTHER} for {preset}"
        )
    return replace(config, maps=maps or config.maps, further=tuple(further))


def fits_further(further: Sequence[int], places: int) -> bool:
    """Tell whether these are numbers of further blocks for so many places, or none at all."""
    return not further or (
        len(further) == places and all(isinstance(count, int) and 0 <= count <= MOST_FURTHER for count in further)
    )


def build(
    preset: str, maps: MapKind | None = None, further: Sequence[int] = (), input_px: int | None = None
) -> PoseNetwork:
    """Build a preset with fresh weights; arguments and errors as for ``configured``."""
    _, make = PRESETS[preset]
    return make(configured(preset, maps, further, input_px))


class Undrawn(TorchFunctionMode):
    """While active, new modules do not draw their first weights: a quarter of the time that loading a file takes.

    Only for networks whose every weight is then loaded: until then they hold whatever was in that memory.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Leave out what ``torch.nn.init`` would do; see ``torch.overrides``."""
        if getattr(function, "__module__", None) == nn.init.__name__:
            return (kwargs or {}).get("tensor", *args)
        return function(*args, **(kwargs or {}))


Network = TypeVar("Network", bound=nn.Module)


def place(network: Network, device: str) -> Network:
    """Move a network to a device with its weights channels last, which convolutions run fastest on."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


Preset = TypeVar("Preset", bound=PoseNetwork)


def fold_batch_norm(network: Preset) -> Preset:
    """Fold every batch norm that follows a convolution into it, in place; the network must be in eval mode.

    The outputs stay the same up to rounding; norms that come before their convolution are left as they are.
    """
    for convolution_name, norm_name in list(network.foldable()):
        convolution, norm = network.get_submodule(convolution_name), network.get_submodule(norm_name)
        assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d)
        transpose = isinstance(convolution, nn.ConvTranspose2d)
        network.set_submodule(convolution_name, nn.utils.fusion.fuse_conv_bn_eval(convolution, norm, transpose))
        network.set_submodule(norm_name, nn.Identity())
    return network
