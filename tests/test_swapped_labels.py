"""Photos whose left and right are labelled the wrong way round: turned around where the network is sure, else kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import heatmap, network, skeleton
from core.errors import UserError
from train import config, losses

ORDER = list(skeleton.MIRROR)
PHOTO, LABELLED_RIGHT, WITH_DEPTH = range(3)


def people(seed: int) -> losses.Targets:
    """Return two photos and a picture with 3D truth, one wrist of each without a label."""
    random = torch.Generator().manual_seed(seed)
    annotated = torch.ones(3, 16, dtype=torch.bool)
    annotated[:, skeleton.JOINT_INDEX["left_wrist"]] = False
    return losses.Targets(
        torch.rand(3, 16, 2, generator=random) * 1.8 - 0.9, annotated, torch.zeros(3, 16),
        torch.arange(3) == WITH_DEPTH, torch.zeros(3, 16, dtype=torch.bool),
    )  # fmt: skip


def maps_of(targets: losses.Targets, sharpness: float) -> torch.Tensor:
    """Return raw maps that show where the joints are, the surer the sharper; at 0 they say nothing."""
    seen = torch.ones_like(targets.annotated)
    return sharpness * torch.log(heatmap.encode((targets.joints_norm + 1) * 20, seen, 40, normalise=True) + 1e-4)


def swapped(targets: losses.Targets, *rows: int) -> losses.Targets:
    joints_norm, annotated = targets.joints_norm.clone(), targets.annotated.clone()
    for row in rows:
        joints_norm[row], annotated[row] = joints_norm[row, ORDER], annotated[row, ORDER]
    return dataclasses.replace(targets, joints_norm=joints_norm, annotated=annotated)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.02, 0.3))
def test_a_swapped_photo_is_turned_around_and_nothing_else(seed: int, share: float) -> None:
    truth = people(seed)
    labels = swapped(truth, PHOTO, WITH_DEPTH)
    mended = losses.with_sides(labels, maps_of(truth, 1.0), share)
    expected = swapped(truth, WITH_DEPTH)  # whose sides the program knows, whatever the maps say
    assert torch.equal(mended.joints_norm, expected.joints_norm)
    assert torch.equal(mended.annotated, expected.annotated)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16))
def test_unsure_maps_turn_nothing_around_and_neither_does_a_share_of_zero(seed: int) -> None:
    truth = people(seed)
    labels = swapped(truth, PHOTO)
    for maps, share in ((maps_of(truth, 0.0), 0.1), (maps_of(truth, 1.0), 0.0)):
        assert torch.equal(losses.with_sides(labels, maps, share).joints_norm, labels.joints_norm)


def test_the_loss_of_a_swapped_photo_is_that_of_the_right_labels() -> None:
    truth = people(0)
    output = network.NetworkOutput((maps_of(truth, 1.0),), torch.zeros(3, 16))
    weights = losses.LossWeights(1.0, 0.0, 1.0)

    def total(labels: losses.Targets, share: float) -> float:
        return float(losses.total_loss(output, labels, weights, "softmax", "poster", share)[0])

    assert total(swapped(truth, PHOTO), 0.1) == pytest.approx(total(truth, 0.0))
    assert total(swapped(truth, PHOTO), 0.0) > total(truth, 0.0) + 1.0


def test_maps_that_are_no_distributions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[network]\nmaps = "gaussian"\n[data]\nswapped_share = 0.1\n[[stage]]\n')
    with pytest.raises(UserError, match="swapped_share"):
        config.load(tmp_path / "a.toml")


def test_a_share_that_believes_no_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[data]\nswapped_share = 1.0\n[[stage]]\n")
    with pytest.raises(UserError, match="believes no label"):
        config.load(tmp_path / "a.toml")
