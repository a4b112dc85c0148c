"""Heatmap codec and crops: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import crop, heatmap
from core.network import MapKind

KINDS: list[tuple[MapKind, float]] = [("gaussian", 0.26), ("softmax", 0.2)]


@pytest.mark.parametrize(("kind", "tolerance_hm"), KINDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_decoding_an_encoded_joint_gives_it_back(kind: MapKind, tolerance_hm: float, data: st.DataObject) -> None:
    size = data.draw(st.sampled_from([32, 40, 64]))
    place = st.floats(4.0, size - 4.0)
    joints = torch.tensor(data.draw(st.lists(st.tuples(place, place), min_size=16, max_size=16)))[None]
    maps = heatmap.encode(joints, torch.ones(1, 16, dtype=torch.bool), size, normalise=kind == "softmax")
    decoded = heatmap.decode(maps, kind)
    assert np.abs(decoded.joints_hm - joints.numpy()).max() <= tolerance_hm
    assert decoded.confidence.min() > 0.7
    assert np.isnan(decoded.second_hm).all()


def test_target_peaks_at_one_is_symmetric_and_cut_at_three_pixels() -> None:
    joints = torch.full((1, 16, 2), 20.5)
    target = heatmap.encode(joints, torch.ones(1, 16, dtype=torch.bool), 64)[0, 0]
    assert target[20, 20] == 1.0
    assert torch.equal(target, target.T) and torch.equal(target[:41, :41], target[:41, :41].flip(0, 1))
    assert target[20, 23] == pytest.approx(np.exp(-0.5 * (3 / 1.75) ** 2), rel=1e-5)
    assert target[20, 24] == 0.0


def test_missing_and_outside_joints_have_empty_maps_even_if_nan() -> None:
    joints = torch.full((1, 16, 2), 10.0)
    joints[0, 0] = torch.nan
    joints[0, 1] = -3.0
    visible = torch.ones(1, 16, dtype=torch.bool)
    visible[0, 0] = False
    maps = heatmap.encode(joints, visible, 40, normalise=True)
    assert maps[0, 0].abs().sum() == 0 and maps[0, 1].abs().sum() == 0
    assert maps[0, 2].sum() == pytest.approx(1.0, rel=1e-5)


def test_quarter_pixel_moves_towards_the_larger_neighbour_in_x_and_y() -> None:
    maps = torch.zeros(1, 16, 40, 40)
    maps[..., 12, 30] = 0.9
    maps[..., 12, 31] = 0.5
    maps[..., 11, 30] = 0.4
    decoded = heatmap.decode(maps, "gaussian")
    assert decoded.joints_hm[0, 0].tolist() == [30.75, 12.25]


def test_second_peak_is_found_and_is_not_the_first_one() -> None:
    both = torch.ones(1, 16, dtype=torch.bool)
    first = heatmap.encode(torch.full((1, 16, 2), 10.5), both, 40)
    second = heatmap.encode(torch.tensor([30.5, 25.5]).expand(1, 16, 2), both, 40)
    decoded = heatmap.decode(torch.maximum(0.9 * first, 0.4 * second), "gaussian")
    assert decoded.joints_hm[0, 3].tolist() == [10.5, 10.5]
    assert decoded.second_hm[0, 3].tolist() == [30.5, 25.5]
    assert decoded.second_confidence[0, 3] == pytest.approx(0.4)


def test_confidence_of_a_divided_belief_is_its_share() -> None:
    both = torch.ones(1, 16, dtype=torch.bool)
    first = heatmap.encode(torch.full((1, 16, 2), 10.5), both, 40, normalise=True)
    second = heatmap.encode(torch.full((1, 16, 2), 30.5), both, 40, normalise=True)
    decoded = heatmap.decode(0.7 * first + 0.3 * second, "softmax")
    assert decoded.confidence[0, 0] == pytest.approx(0.7, abs=0.02)
    assert decoded.second_confidence[0, 0] == pytest.approx(0.3, abs=0.02)


def test_shown_maps_peak_at_the_confidence() -> None:
    maps = torch.rand(2, 16, 40, 40).flatten(2).softmax(-1).view(2, 16, 40, 40)
    confidence = np.random.default_rng(0).random((2, 16))
    shown = heatmap.display(maps, confidence)
    assert shown.dtype == np.float32
    assert np.allclose(shown.max(axis=(2, 3)), confidence, atol=1e-6)


boxes = st.tuples(st.floats(-500, 5000), st.floats(-500, 5000), st.floats(1, 4000), st.floats(1, 4000))


@given(box=boxes, side=st.sampled_from([128, 160, 256]), x=st.floats(-1e4, 1e4), y=st.floats(-1e4, 1e4))
def test_crop_and_back_is_exact(box: crop.Box, side: int, x: float, y: float) -> None:
    matrix = crop.crop_to_picture(box, side)
    point = np.array([[x, y]])
    back = crop.apply(crop.invert(matrix), crop.apply(matrix, point))
    assert np.allclose(back, point, atol=1e-6)
    centre = crop.apply(matrix, np.array([side / 2, side / 2]))
    assert np.allclose(centre, [box[0] + box[2] / 2, box[1] + box[3] / 2])


@pytest.mark.parametrize("size", [(120, 90), (1200, 900), (20_000, 300)])
def test_a_marked_point_appears_in_the_crop_where_the_matrix_says(size: tuple[int, int]) -> None:
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    mark = np.array([width * 0.6, height * 0.4])
    radius = max(2, round(max(size) / 60))
    x, y = mark.astype(int)
    picture[max(0, y - radius) : y + radius, max(0, x - radius) : x + radius] = 255
    truth = np.array([x, (max(0, y - radius) + min(height, y + radius)) / 2])
    box = (-0.1 * width, height / 2 - 0.6 * width, 1.2 * width, 1.2 * width)
    matrix = crop.crop_to_picture(box, 160)
    image = crop.cut(picture, matrix, 160).astype(float)[..., 0]
    rows, columns = np.mgrid[:160, :160] + 0.5
    found = np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()
    assert np.abs(found - crop.apply(crop.invert(matrix), truth)).max() < 0.35


def test_outside_the_picture_is_black() -> None:
    picture = np.full((50, 50, 3), 200, np.uint8)
    image = crop.cut(picture, crop.crop_to_picture((40, 40, 40, 40), 160), 160)
    assert image[150, 150].sum() == 0 and image[5, 5].min() == 200
    assert crop.cut(picture, crop.crop_to_picture((5000, 40, 400, 400), 160), 160).sum() == 0
