"""The locating network: a whole picture in, a map of people's centres with the size of each out.

People as points: Zhou, Wang, Kraehenbuehl, "Objects as Points", 2019, sections 3 and 4: one map says how likely a
person's box is centred at each place; other maps say, at that place, where exactly the centre lies and how large the
box is. The body is the compact pose network's as far as its first hourglass's second level, so that training can begin
with weights that know people.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from core.checkpoint import as_stored, bundled_folder, weights_sha256, write_file
from core.errors import UserError
from core.locate.confirming import Confirming
from core.network import MOST_FURTHER, BasicBlock, ConvNorm, GrowingHourglass, PoseNetwork, Undrawn, fits_further

SCHEMA: Final = "bonesight.locator/1"
STRIDE: Final = 8
"""Input pixels from one place of the maps to the next."""
MULTIPLE: Final = 32
"""The input's sides are multiples of this: the hourglass halves the maps twice, and each must halve evenly."""
WIDTHS: Final = (64, 96, 128, 112)
"""Channels at strides 4, 8, 16 and 32: those of the compact pose network."""
SIZE_UNIT: Final = 64.0
"""Sizes are exp(map) times so many input pixels."""
_PRIOR: Final = 0.02


@dataclass(frozen=True, eq=False)
class Maps:
    """What the network says of a batch.

    Attributes:
        centre: (B, h, w) logits: is a box centred here.
        box: (B, 4, h, w) x and y of the centre from this place's middle, in strides, and log width and log height in
            ``SIZE_UNIT``.
    """

    centre: Tensor
    box: Tensor


class LocateNetwork(nn.Module):
    """See the module. Takes any input whose sides are multiples of ``MULTIPLE``.

    Args:
        further: residual blocks more at strides 16 and 32, where a block is cheap and sees the whole body; none: empty.

    Raises:
        ValueError: these are no two small numbers.
    """

    def __init__(self, further: Sequence[int] = ()) -> None:
        super().__init__()
        if not fits_further(further, len(WIDTHS) - 2):
            raise ValueError(f"further needs {len(WIDTHS) - 2} numbers from 0 to {MOST_FURTHER}")
        self.further = tuple(further)
        first, second, *_ = WIDTHS
        self.stem = nn.Sequential(ConvNorm(3, 32, 3, 2), ConvNorm(32, first, 3, 2))
        self.down = BasicBlock(first, second, stride=2)
        self.body = GrowingHourglass(WIDTHS[1:], self.further)
        self.head = nn.Sequential(ConvNorm(second, 64, 3), nn.Conv2d(64, 5, 1))
        last = self.head[1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        # Almost nowhere is a centre: begun at one half, the first steps would be spent on learning that alone.
        nn.init.constant_(last.bias[:1], float(np.log(_PRIOR / (1.0 - _PRIOR))))

    def forward(self, images: Tensor) -> Maps:
        """Map (B, 3, H, W) RGB in [0, 1] to maps of H / STRIDE x W / STRIDE."""
        out = self.head(self.body(self.down(self.stem(images))))
        return Maps(out[:, 0], out[:, 1:])


def begin_with(model: LocateNetwork, pose: PoseNetwork) -> None:
    """Take over the weights of a compact pose network as far as the two are alike.

    Its further blocks belong to what it learned: where it has as many as the locating network they are taken along,
    else those of the locating network begin as passing on what they are given.
    """
    given = pose.state_dict()
    places = {
        "stem.0.": "stem.0.",
        "stem.1.": "stem.1.",
        "down.": "hourglasses.0.down.",
        "body.": "hourglasses.0.inner.",
    }
    own = model.state_dict()
    alike = model.further == pose.config.further[1:]
    for name in own:
        for here, there in places.items():
            if name.startswith(here) and (alike or "further." not in name):
                own[name] = given[there + name[len(here) :]]
    model.load_state_dict(own)


def boxes_input(maps: Tensor) -> Tensor:
    """Turn (..., 4, h, w) box maps into x, y, width, height in pixels of the network's input."""
    height, width = maps.shape[-2:]
    columns = torch.arange(width, dtype=torch.float32, device=maps.device) + 0.5
    rows = torch.arange(height, dtype=torch.float32, device=maps.device)[:, None] + 0.5
    maps = maps.float()
    size_x, size_y = (maps[..., part, :, :].clamp(-6.0, 6.0).exp() * SIZE_UNIT for part in (2, 3))
    centre_x = (maps[..., 0, :, :] + columns) * STRIDE
    centre_y = (maps[..., 1, :, :] + rows) * STRIDE
    return torch.stack([centre_x - size_x / 2, centre_y - size_y / 2, size_x, size_y], dim=-3)


def save(path: Path, model: LocateNetwork, record: dict[str, Any]) -> None:
    """Write a locator atomically: half-precision weights, and what is known about them.

    Args:
        path: the file to write.
        model: its weights.
        record: JSON-ready ``threshold``, ``area_px``, ``training``, ``data``, ``terms``, ``figures``.
    """
    tensors = as_stored(model.state_dict(), "float16")
    write_file(
        path, tensors, {"schema": SCHEMA, "weights_sha256": weights_sha256(tensors), "further": model.further, **record}
    )


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a locator's weights and metadata.

    Raises:
        UserError: it is missing, damaged or no locator.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("bonesight", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise UserError(f"{path.name} is missing or damaged", _instead_of(path)) from error
    if not isinstance(metadata, dict) or metadata.get("schema") != SCHEMA:
        raise UserError(f"{path.name} holds no locating network", _instead_of(path))
    return tensors, metadata


def _instead_of(path: Path) -> str:
    """Return what to do about a file that is no good."""
    if path.parent == bundled_folder():
        return "put the bundled file back, or use --locate search"
    return "name a file that a locating run has written, or leave it out"


def is_locator(path: Path) -> bool:
    """Tell whether a file holds a locator; one that cannot be read holds none."""
    try:
        read(path)
    except UserError:
        return False
    return True


def load(path: Path) -> tuple[LocateNetwork, dict[str, Any]]:
    """Load a locator, checked as a whole: its network in eval mode and its metadata.

    Raises:
        UserError: it is missing, damaged, of another shape, or holds values that are not finite.
    """
    tensors, metadata = read(path)
    try:
        with Undrawn():
            model = LocateNetwork(metadata.get("further", ()))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path.name} holds a network of a shape that is not known", _instead_of(path)) from error
    expected = model.state_dict()
    if expected.keys() != tensors.keys() or any(tensors[name].shape != expected[name].shape for name in expected):
        raise UserError(f"{path.name} does not hold the weights of the locating network", _instead_of(path))
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise UserError(f"{path.name} holds weights that are not numbers", _instead_of(path))
    try:
        float(metadata["threshold"]), int(metadata["area_px"])
        if "confirming" in metadata:
            Confirming.from_dict(metadata["confirming"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path.name} does not tell its threshold", _instead_of(path)) from error
    model.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()})
    return model.eval(), metadata


def folded(model: LocateNetwork) -> LocateNetwork:
    """Fold every batch norm into its convolution, in place; the outputs stay the same up to rounding."""
    for module in list(model.modules()):
        if isinstance(module, ConvNorm):
            convolution, norm = module[0], module[1]
            assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            module[0] = nn.utils.fusion.fuse_conv_bn_eval(convolution, norm)
            module[1] = nn.Identity()
    return model


def as_input(picture: NDArray[np.uint8], device: str) -> Tensor:
    """Turn an (h, w, 3) RGB picture into a (1, 3, h, w) float batch in [0, 1], channels last."""
    image = torch.from_numpy(np.ascontiguousarray(picture)).to(device)[None].permute(0, 3, 1, 2)
    return image.contiguous(memory_format=torch.channels_last).float().div_(255.0)
