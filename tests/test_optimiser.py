"""The Muon optimiser, steps of one size in every direction; and beginning with given weights."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from test_training import tiny_config, trainer
from torch import Tensor, nn

from core import checkpoint, network
from core.errors import UserError
from train import card
from train.engine import Trainer
from train.muon import ADAM_RMS, Muon, orthogonalised
from train.resizing import weights_for


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16), (3, 8, 40)])
def test_orthogonalised_keeps_directions_and_makes_every_singular_value_near_one(shape: tuple[int, ...]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.mT @ orthogonalised(matrix) @ right.mT
    values = found.diagonal(dim1=-2, dim2=-1)
    assert ((values > 0.5) & (values < 1.4)).all()
    assert float((found - torch.diag_embed(values)).abs().max()) < 0.1


def test_a_step_on_a_convolution_has_the_size_of_an_adam_step_and_lowers_the_loss() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 12, 3)
    before = layer.weight.detach().clone()
    inputs, wanted = torch.randn(4, 6, 9, 9), torch.randn(4, 12, 7, 7)
    optimiser = Muon([layer.weight], [layer.bias], weight_decay=0.0)
    for group in optimiser.param_groups:
        group["lr"] = 1e-2

    def loss() -> torch.Tensor:
        return (layer(inputs) - wanted).square().mean()

    first = loss()
    first.backward()
    optimiser.step()
    change = (layer.weight.detach() - before).square().mean().sqrt()
    assert float(change) == pytest.approx(1e-2 * ADAM_RMS, rel=0.3)
    assert float(loss().detach()) < float(first.detach())


def test_its_state_survives_saving_so_that_resuming_goes_on_exactly() -> None:
    def train(model: nn.Module, optimiser: Muon, steps: range) -> None:
        for step in steps:
            optimiser.zero_grad()
            inputs = torch.randn(8, 5, generator=torch.Generator().manual_seed(step))
            model(inputs).square().sum().backward()
            optimiser.step()

    def fresh() -> tuple[nn.Module, Muon]:
        torch.manual_seed(1)
        model = nn.Linear(5, 3)
        return model, Muon([model.weight], [model.bias])

    whole, optimiser = fresh()
    train(whole, optimiser, range(6))
    first, optimiser = fresh()
    train(first, optimiser, range(3))
    second, resumed = fresh()
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(optimiser.state_dict())
    train(second, resumed, range(3, 6))
    assert torch.equal(whole.weight, second.weight) and torch.equal(whole.bias, second.bias)


def test_a_run_begins_with_the_weights_of_a_checkpoint_and_refuses_another_network(tmp_path: Path) -> None:
    bundled = checkpoint.load("compact-geo").network.state_dict()
    settings = tiny_config()
    shape = checkpoint.load("compact-geo").network.config
    alike = dataclasses.replace(settings.network, further=shape.further, input_px=shape.input_px)
    settings = dataclasses.replace(settings, network=alike)
    run = trainer(tmp_path, settings)
    run.begin_with("compact-geo")
    assert all(torch.equal(tensor, bundled[name]) for name, tensor in run.model.state_dict().items())
    assert all(torch.equal(tensor, bundled[name]) for name, tensor in run.averaged_model().state_dict().items())
    run.save_state(tmp_path / "state.pt")
    resumed = trainer(tmp_path, settings)
    resumed.restore(tmp_path / "state.pt")
    info = checkpoint.describe(resumed.save_checkpoint())
    before = info.metadata["training"]["begun_from"]
    assert before["weights_sha256"] == checkpoint.describe("compact-geo").metadata["weights_sha256"]
    told = card.render(info)
    assert f"an earlier `compact-geo` (weights sha256 `{before['weights_sha256']}`)" in told
    assert f"{before['training']['samples']} samples" in told
    gaussian = tiny_config()
    gaussian = dataclasses.replace(gaussian, network=dataclasses.replace(gaussian.network, maps="gaussian"))
    with pytest.raises(UserError, match="another network"):
        trainer(tmp_path, gaussian).begin_with("compact-geo")


def test_a_deeper_network_goes_on_from_the_weights_of_a_shallower_one_and_not_the_other_way(
    tmp_path: Path, weights: Path
) -> None:
    settings = tiny_config()
    deeper = dataclasses.replace(settings, network=dataclasses.replace(settings.network, further=(0, 1, 1)))
    run = trainer(tmp_path, deeper)
    run.begin_with(str(weights))
    given, pictures = checkpoint.load(weights).network, torch.rand(1, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(run.averaged_model()(pictures).depth, given(pictures).depth)
    grown = run.save_checkpoint()
    with pytest.raises(UserError, match="is deeper than the network configured"):
        trainer(tmp_path, settings).begin_with(str(grown))


@pytest.mark.parametrize("preset", ["compact", "paper"])
def test_depths_are_read_from_a_larger_input_as_from_the_one_that_was_learned(preset: str) -> None:
    small, large = network.build(preset), network.build(preset, input_px=320)
    linear = small.depth_linear
    assert isinstance(linear, torch.nn.Linear)
    side = math.isqrt(linear.in_features // (channels := 112 if preset == "compact" else 256))
    # What a joint's depth owes to each place rises to one side, to another extent for each joint and channel.
    tilt = torch.linspace(-1.0, 1.0, side).view(1, 1, 1, side)
    level, slope = torch.randn(2, 16, channels, 1, 1)
    with torch.no_grad():
        linear.weight.copy_((level + slope * tilt).expand(16, channels, side, side).reshape(16, -1))
    weights = weights_for(small, large.config)
    large.load_state_dict(weights)
    features = torch.randn(1, channels, 1, 1)
    read = [told(model, features) for model in (small, large)]
    assert torch.allclose(*read, rtol=1e-4, atol=1e-4)
    assert all(
        torch.equal(weights[name], tensor) for name, tensor in small.state_dict().items() if "linear" not in name
    )


def told(model: network.PoseNetwork, features: Tensor) -> Tensor:
    """Return the depths of a network whose last features are the same everywhere."""
    linear = model.depth_linear
    assert isinstance(linear, torch.nn.Linear)
    places = linear.in_features // features.shape[1]
    everywhere = features.expand(1, features.shape[1], 1, places).flatten(1)
    return linear(everywhere / getattr(model, "bottom_places", 1))


def test_a_run_at_a_larger_input_begins_with_the_weights_of_a_smaller_one(tmp_path: Path, weights: Path) -> None:
    settings = tiny_config()
    larger = dataclasses.replace(settings, network=dataclasses.replace(settings.network, input_px=192))
    run = trainer(tmp_path, larger)
    run.begin_with(str(weights))
    assert checkpoint.load(run.save_checkpoint()).network.config.input_px == 192
    given = checkpoint.load(weights).network.state_dict()
    assert torch.equal(run.model.state_dict()["stem.0.0.weight"], given["stem.0.0.weight"])


@pytest.mark.parametrize(("before", "after"), [("adamw", "muon"), ("muon", "adamw"), ("rmsprop", "adamw")])
def test_another_optimisers_state_is_refused_in_words(before: str, after: str, tmp_path: Path) -> None:
    def run(name: str) -> Trainer:
        settings = tiny_config()
        chosen = dataclasses.replace(settings.optimiser, name=name)
        return trainer(tmp_path / name, dataclasses.replace(settings, optimiser=chosen))

    saved, state = run(before), tmp_path / "last.pt"
    saved.save_state(state)
    run(before).restore(state)
    with pytest.raises(UserError, match="of another network or optimiser"):
        run(after).restore(state)
