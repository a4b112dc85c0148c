"""The ResNet-50 preset is the documented network, is given what it was trained on, and its depth has our unit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import gradient

from core import checkpoint, network, network_size
from core.predictor import Predictor
from core.reading import Reading

STAGES = ((3, 64, 64), (4, 256, 128), (6, 512, 256), (3, 1024, 512))
"""Blocks, channels in, channels of the 3x3 convolutions."""


def documented_shapes() -> dict[str, tuple[int, ...]]:
    """Return the published file's keys and shapes, written from the method's description and not from our network."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        shapes.update({f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")})

    shapes["conv1.weight"] = (64, 3, 7, 7)
    norm("bn1", 64)
    for stage, (blocks, entering, width) in enumerate(STAGES, 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (width, entering if block == 0 else 4 * width, 1, 1)
            shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
            shapes[f"{name}.conv3.weight"] = (4 * width, width, 1, 1)
            for number, channels in ((1, width), (2, width), (3, 4 * width)):
                norm(f"{name}.bn{number}", channels)
            if block == 0:
                shapes[f"{name}.downsample.0.weight"] = (4 * width, entering, 1, 1)
                norm(f"{name}.downsample.1", 4 * width)
    for index, entering in ((0, 2048), (3, 256), (6, 256)):
        shapes[f"deconv_layers.{index}.weight"] = (entering, 256, 4, 4)
        norm(f"deconv_layers.{index + 1}", 256)
    for head in ("hm", "depth"):
        shapes[f"{head}.weight"], shapes[f"{head}.bias"] = (16, 256, 1, 1), (16,)
    return shapes


# --- the network ---


def test_the_network_has_the_published_size() -> None:
    def bottlenecks(blocks: int, entering: int, width: int) -> int:
        first = entering * width + 9 * width**2 + 4 * width**2 + 2 * 6 * width  # three convolutions and their norms
        further = 4 * width**2 + 9 * width**2 + 4 * width**2 + 2 * 6 * width
        return first + (4 * entering * width + 2 * 4 * width) + (blocks - 1) * further

    backbone = 3 * 64 * 49 + 2 * 64 + sum(bottlenecks(*stage) for stage in STAGES)
    assert backbone == 25_557_032 - 1000 * 2049  # the well-known ResNet-50 without its classifier
    head = (2048 + 256 + 256) * 256 * 16 + 3 * 2 * 256 + 2 * (256 * 16 + 16)
    model = network.build("resnet50")
    assert network_size.count_parameters(model) == backbone + head == 34_003_552
    deconvolutions = (8**2 * 2048 + 16**2 * 256 + 32**2 * 256) * 256 * 16
    trunk = 4.089e9 * (256 / 224) ** 2  # multiply-accumulates of ResNet-50 at 224 px, its classifier apart
    assert network_size.count_macs(model) == pytest.approx(trunk + deconvolutions + 64**2 * 256 * 32, rel=0.005)


def test_the_keys_are_the_documented_ones() -> None:
    own = network.build("resnet50").state_dict()
    shapes = {name: tuple(value.shape) for name, value in own.items() if not name.endswith("num_batches_tracked")}
    assert shapes == documented_shapes()


@pytest.mark.parametrize("preset", list(network.PRESETS))
def test_folding_leaves_the_output_of_every_preset(preset: str) -> None:
    torch.manual_seed(0)
    model = network.build(preset).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low, high in ((module.running_mean, -0.2, 0.2), (module.running_var, 0.5, 1.5)):
                torch.nn.init.uniform_(values, low, high)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    pictures = torch.rand(1, 3, model.config.input_px, model.config.input_px)
    with torch.inference_mode():
        before = model(pictures)
        after = network.fold_batch_norm(model)(pictures)
    size = float(before.maps[-1].abs().max())
    assert torch.allclose(before.maps[-1], after.maps[-1], atol=1e-4 * size)
    assert torch.allclose(before.depth, after.depth, atol=1e-4)
    left = sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert left == {"compact": 0, "resnet50": 0}.get(preset, left)


def test_settings_at_their_defaults_stay_out_of_the_metadata() -> None:
    compact = network.PRESETS["compact"][0].to_dict()
    assert list(compact) == ["preset", "input_px", "heatmap_px", "stacks", "widths", "maps"]
    said = network.PRESETS["resnet50"][0].to_dict()
    assert said == json.loads(json.dumps(said)) and said["channels"] == "bgr" and said["depth_unit"] == 2.0


# --- what it is given and what it says ---


@pytest.fixture(scope="module")
def loaded() -> checkpoint.Checkpoint:
    torch.manual_seed(0)
    info = checkpoint.CheckpointInfo("random", Path("random"), "resnet50", False, "0" * 64, 0, {})
    return checkpoint.Checkpoint(info, network.build("resnet50").eval())


def first_layer_input(loaded: checkpoint.Checkpoint, picture: np.ndarray) -> np.ndarray:
    """Return the (3, 256, 256) values that the first convolution is given for a crop."""
    seen: list[torch.Tensor] = []
    model = loaded.network
    hook = model.get_submodule("conv1").register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    try:
        Predictor(loaded, "cpu", reading=Reading(mirror=False), precision="float32").raw(picture[None])
    finally:
        hook.remove()
    return seen[0][0].numpy()


def test_the_first_layer_sees_blue_first_normalised_as_in_the_demo(loaded: checkpoint.Checkpoint) -> None:
    rgb = gradient(256, 256)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)  # what OpenCV reads from a file, as the demo does
    wanted = ((bgr / 255.0 - mean) / deviation).transpose(2, 0, 1)
    seen = first_layer_input(loaded, rgb)
    assert np.allclose(seen, wanted, atol=1e-5)
    assert np.abs(seen - ((rgb / 255.0 - mean) / deviation).transpose(2, 0, 1)).max() > 1.0
    assert np.abs(seen - wanted[::-1]).max() > 1.0


def test_a_whole_picture_is_cropped_as_in_the_demo(loaded: checkpoint.Checkpoint) -> None:
    pose = Predictor(loaded, "cpu", reading=Reading(mirror=False)).predict(gradient(200, 320), (0.0, 0.0, 200.0, 320.0))
    side = 320 / 256
    assert np.allclose(pose.crop_to_picture, [[side, 0.0, 100.0 - 160.0], [0.0, side, 0.0]])


@pytest.fixture
def painted(loaded: checkpoint.Checkpoint) -> Iterator[Callable[[torch.Tensor, torch.Tensor], Predictor]]:
    """Return a function that puts hand-made maps and depth maps, (16, 64, 64) each, in place of both heads' outputs."""
    hooks = []

    def paint(maps: torch.Tensor, depths: torch.Tensor) -> Predictor:
        for head, values in (("hm", maps), ("depth", depths)):
            module = loaded.network.get_submodule(head)
            hooks.append(module.register_forward_hook(lambda _m, _i, out, values=values: values.expand_as(out)))
        return Predictor(loaded, "cpu", reading=Reading(mirror=False), precision="float32")

    yield paint
    for hook in hooks:
        hook.remove()


def test_depth_is_read_at_the_peak_in_crop_widths(
    painted: Callable[[torch.Tensor, torch.Tensor], Predictor],
) -> None:
    maps, depths = torch.zeros(16, 64, 64), torch.full((16, 64, 64), 77.0)
    cells = [(10 + 3 * joint, 20 + joint) for joint in range(16)]
    for joint, (row, column) in enumerate(cells):
        maps[joint, row, column] = 1.0
        depths[joint, row, column] = (joint - 6) / 64.0  # as many map pixels behind the pelvis as the column is right
    predictor = painted(maps, depths)
    crops = np.zeros((1, 256, 256, 3), np.uint8)
    depth_norm = predictor.raw(crops)[1][0]
    assert torch.allclose(depth_norm, 2.0 * (torch.arange(16) - 6) / 64.0)
    pose = predictor.predict(gradient(320, 320), (0.0, 0.0, 320.0, 320.0))
    assert np.allclose(pose.joints_px, [((column + 0.5) * 5, (row + 0.5) * 5) for row, column in cells])
    # A joint as far behind the pelvis as it is beside it must come out so in millimetres.
    assert np.allclose(pose.joints_mm[:, 2], pose.joints_mm[:, 0]) and abs(pose.joints_mm[15, 0]) > 50.0
