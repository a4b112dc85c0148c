"""Averaging checkpoints: the mean of their weights, with a record of both; networks of different kinds are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core import checkpoint, network
from core.errors import UserError
from train import card, config
from train.averaging import average

SETTINGS = config.load(Path(__file__).parent.parent / "resources" / "configs" / "compact.toml", ["run.stored=float16"])
RECORD: dict[str, Any] = {
    "training": {"steps": 3, "samples": 96, "minutes": 1.0, "device": "cpu"},
    "data": {"lspet": {"pictures": 9, "labels": "2D"}},
    "terms": {"lspet": "research"},
    "config": SETTINGS.to_dict(),
    "figures": {"pck": 1.0},
    "bone_sum_mm": 4000.0,
}


def written(path: Path, seed: int, geometry_loss: bool = True, input_px: int | None = None) -> Path:
    torch.manual_seed(seed)
    model = network.build("compact", "softmax", input_px=input_px)
    checkpoint.save(path, model, geometry_loss=geometry_loss, record=RECORD)
    return path


def test_each_weight_is_the_mean_and_the_record_names_both(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one.safetensors", 1), written(tmp_path / "other.safetensors", 2)
    mean = checkpoint.load(average([one, other], tmp_path / "mean.safetensors"))
    states = [checkpoint.load(path).network.state_dict() for path in (one, other)]
    for name, weight in mean.network.state_dict().items():
        exact = (states[0][name].double() + states[1][name].double()) / 2
        torch.testing.assert_close(weight.double(), exact, rtol=1e-3, atol=1e-4)  # stored with 16 bits
    named = checkpoint.describe(other).metadata["weights_sha256"]
    told = {"averaged_with": [{"name": "other", "weights_sha256": named}]}
    assert mean.info.metadata["training"] == {**RECORD["training"], **told}
    assert f"mean of this run's and of those of an earlier `other` (weights sha256 `{named}`)" in card.render(mean.info)
    # Neither what was fitted to one of them nor its figures belong to the mean.
    assert mean.structure is None and mean.lifting is None and "figures" not in mean.info.metadata
    assert mean.info.geometry_loss and mean.bone_sum_mm == 4000.0


def test_a_checkpoint_averaged_with_itself_stays_as_it_is(tmp_path: Path) -> None:
    one = written(tmp_path / "one.safetensors", 1)
    mean = average([one, one], tmp_path / "mean.safetensors")
    assert checkpoint.describe(mean).metadata["weights_sha256"] == checkpoint.describe(one).metadata["weights_sha256"]


def test_a_network_that_learned_with_a_smaller_input_is_averaged_at_the_size_of_the_first(tmp_path: Path) -> None:
    larger = written(tmp_path / "larger.safetensors", 1, input_px=192)
    smaller = written(tmp_path / "smaller.safetensors", 2)
    mean = checkpoint.load(average([larger, smaller], tmp_path / "mean.safetensors")).network
    assert (mean.config.input_px, mean.config.heatmap_px) == (192, 48)
    states = [checkpoint.load(path).network.state_dict() for path in (larger, smaller)]
    name = "stem.0.0.weight"
    torch.testing.assert_close(mean.state_dict()[name], (states[0][name] + states[1][name]) / 2, rtol=1e-3, atol=1e-4)


def test_twins_with_and_without_the_geometry_loss_are_not_mixed(tmp_path: Path) -> None:
    one, twin = written(tmp_path / "one.safetensors", 1), written(tmp_path / "twin.safetensors", 1, False)
    with pytest.raises(UserError, match=r"twin\.safetensors is of another kind"):
        average([one, twin], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()
