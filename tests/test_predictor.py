"""The one way from a picture to a pose keeps its frames, its symmetry and its promises about boxes and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import checkpoint, crop, geometry, heatmap, locate, network, skeleton
from core.errors import UserError
from core.network import NetworkOutput
from core.predictor import STATURE_PER_BONE_SUM, Predictor
from core.reading import Reading


class Painted(network.PoseNetwork):
    """A network that finds sixteen joints by the colours painted at them, so that every frame can be checked."""

    def __init__(self) -> None:
        super().__init__(network.PRESETS["compact"][0])
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images: torch.Tensor) -> NetworkOutput:
        small = torch.nn.functional.avg_pool2d(images.float(), 4)
        levels = (torch.arange(16) + 1) / 17
        blue = small[:, 2:3]
        # Pixels at a mark's rim are mixed with black, red and blue alike.
        near = (small[:, 0:1] / blue.clamp_min(0.01) - levels.view(1, 16, 1, 1).to(small)).abs()
        score = torch.where(blue > 0.2, blue * 40.0 * (1 - 30 * near), -40.0)
        return NetworkOutput((score,), levels.expand(len(images), 16).to(small) * 0.5)


def painted_picture(joints_px: np.ndarray, size: tuple[int, int] = (400, 300), radius: int = 8) -> np.ndarray:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for index, (x, y) in enumerate(np.round(joints_px).astype(int)):
        red = round(255 * (index + 1) / 17)
        picture[y - radius : y + radius, x - radius : x + radius] = (red, 0, 255)
    return picture


@pytest.fixture(scope="module")
def painted_predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("weights") / "any.safetensors"
    checkpoint.save(path, network.build("compact"), geometry_loss=False, record={"bone_sum_mm": 4100.0})
    loaded = checkpoint.load(path)
    return Predictor(
        checkpoint.Checkpoint(loaded.info, Painted()), "cpu", reading=Reading(mirror=False), precision="float32"
    )


def spread_joints() -> np.ndarray:
    columns, rows = np.meshgrid(np.linspace(110, 290, 4), np.linspace(60, 240, 4))
    return np.column_stack([columns.ravel(), rows.ravel()])


@pytest.mark.parametrize("box", [(80.0, 30.0, 240.0, 240.0), (70.0, 40.0, 250.0, 220.0), (-20.0, -50.0, 420.0, 400.0)])
def test_joints_are_found_where_they_are_painted(painted_predictor: Predictor, box: crop.Box) -> None:
    joints = spread_joints()
    pose = painted_predictor.predict(painted_picture(joints), box)
    assert np.abs(pose.joints_px - joints).max() < 0.012 * crop.square(box)[2]
    assert pose.confidence.min() > 0.9 and pose.located_by == "given" and pose.box_px == box


def test_the_skeleton_is_the_2d_and_the_depth_at_one_scale(painted_predictor: Predictor) -> None:
    joints = spread_joints()
    pose = painted_predictor.predict(painted_picture(joints), (80.0, 30.0, 240.0, 240.0))
    assert geometry.bone_lengths(pose.joints_mm).sum() == pytest.approx(4100.0)
    assert np.allclose(pose.joints_mm[skeleton.PELVIS], 0.0)
    flat = pose.joints_px - pose.joints_px[skeleton.PELVIS]
    ratio = pose.joints_mm[:, :2][np.abs(flat) > 20] / flat[np.abs(flat) > 20]
    assert np.ptp(ratio) / ratio.mean() < 0.05
    deeper = pose.joints_mm[15, 2] - pose.joints_mm[0, 2]
    assert deeper == pytest.approx(0.5 * 15 / 17 * 120 * ratio.mean(), rel=0.05)


def test_a_given_height_sets_the_size(painted_predictor: Predictor) -> None:
    pose = painted_predictor.predict(painted_picture(spread_joints()), (80.0, 30.0, 240.0, 240.0), height_mm=1800.0)
    assert geometry.bone_lengths(pose.joints_mm).sum() == pytest.approx(1800.0 / STATURE_PER_BONE_SUM)


def test_a_batch_gives_what_single_calls_give(painted_predictor: Predictor) -> None:
    pictures = [painted_picture(spread_joints() + shift) for shift in range(0, 30, 3)]
    boxes: list[crop.Box] = [(80.0, 30.0, 240.0 + i, 240.0) for i in range(10)]
    together = painted_predictor.predict_batch(pictures, boxes)
    for picture, box, pose in zip(pictures, boxes, together, strict=True):
        assert np.allclose(painted_predictor.predict(picture, box).joints_px, pose.joints_px, atol=1e-6)


def test_mirror_averaging_makes_a_mirrored_picture_a_mirrored_pose(weights: Path) -> None:
    predictor = Predictor(checkpoint.load(weights), "cpu", precision="float32")
    picture = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    crops = np.stack([picture, picture[:, ::-1]])
    maps, depth = predictor.raw(crops)
    order = list(skeleton.MIRROR)
    assert torch.allclose(maps[1], maps[0][order].flip(-1), atol=1e-5)
    assert torch.allclose(depth[1], depth[0][order], atol=1e-4)


def test_fast_precision_says_the_same_as_float32(weights: Path) -> None:
    loaded = checkpoint.load(weights)
    fast, exact = (Predictor(loaded, "cpu", precision=precision) for precision in ("auto", "float32"))
    crops = np.random.default_rng(1).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    fast_maps, exact_maps = fast.raw(crops)[0], exact.raw(crops)[0]
    assert float((fast_maps - exact_maps).abs().max()) < 1e-2 * float(exact_maps.max()) + 1e-4


def test_a_person_who_fills_a_small_part_is_found_by_search(painted_predictor: Predictor) -> None:
    joints = spread_joints() * 0.5 + np.array([500.0, 200.0])
    pose = painted_predictor.predict(painted_picture(joints, (1000, 500), radius=4))
    assert pose.located_by == "search"
    assert np.abs(pose.joints_px - joints).max() < 4.0


@pytest.mark.parametrize("box", [(500, 10, 50, 50), (-90, 10, 50, 50), (10, 10, 0, 50), (10, 10, float("nan"), 50)])
def test_a_box_that_misses_the_picture_is_refused(painted_predictor: Predictor, box: crop.Box) -> None:
    with pytest.raises(UserError, match=r"lies outside|has no area"):
        painted_predictor.predict(np.zeros((300, 400, 3), np.uint8), box)


def test_a_picture_of_a_few_pixels_is_refused(painted_predictor: Predictor) -> None:
    with pytest.raises(UserError, match="only 1 x 1 px"):
        painted_predictor.predict(np.zeros((1, 1, 3), np.uint8))


def test_an_absent_device_is_refused(weights: Path) -> None:
    for device in ("mps", "abacus"):
        with pytest.raises(UserError):
            Predictor(checkpoint.load(weights), device)


@given(width=st.integers(8, 20_000), height=st.integers(8, 20_000))
@settings(max_examples=100)
def test_search_windows_cover_the_picture_and_stay_few(width: int, height: int) -> None:
    boxes = locate.windows((width, height))
    assert boxes[0][2] == max(width, height)
    assert len(boxes) <= 300
    short = min(width, height)
    for x, y, side, _ in boxes[1:]:
        assert 0 <= x <= width - side + 1e-6 and 0 <= y <= height - side + 1e-6 and side <= short


def test_weights_that_are_cast_once_give_what_autocast_gives(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.predictor.fast_precision", lambda _device: torch.bfloat16)
    monkeypatch.setattr("core.engines.packed.available", lambda _device: False)
    loaded = checkpoint.load(weights)
    predictor = Predictor(loaded, "cpu", reading=Reading(mirror=False))
    crops = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    maps, depth = predictor.raw(crops)
    plain = network.place(network.fold_batch_norm(loaded.network), "cpu")
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).float() / 255
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        output = plain(images)
    assert torch.equal(depth, output.depth.float())
    assert torch.equal(maps, heatmap.belief(output.maps[-1], "softmax"))
