"""The networks have the method's size, and checkpoints are refused or exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from core import checkpoint, network, network_size, skeleton
from core.errors import UserError


def test_paper_network_has_the_published_size() -> None:
    model = network.build("paper")
    assert network_size.count_parameters(model) == pytest.approx(14.4e6, rel=0.01)
    assert network_size.count_macs(model) == pytest.approx(16.2e9, rel=0.03)
    flat = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("depth_"))
    assert flat == pytest.approx(12.6e6, rel=0.01)


@pytest.mark.parametrize("preset", list(network.PRESETS))
def test_output_shapes_are_what_the_configuration_says(preset: str) -> None:
    model = network.build(preset).eval()
    config = model.config
    with torch.inference_mode():
        output = model(torch.rand(1, 3, config.input_px, config.input_px))
    assert len(output.maps) == config.stacks
    assert all(raw.shape == (1, 16, config.heatmap_px, config.heatmap_px) for raw in output.maps)
    assert output.depth.shape == (1, 16)


def test_folding_batch_norm_changes_nothing() -> None:
    torch.manual_seed(0)
    model = network.build("compact").train()
    for _ in range(3):
        model(torch.rand(4, 3, 160, 160))
    model.eval()
    pictures = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        before = model(pictures)
        after = network.fold_batch_norm(model)(pictures)
    assert torch.allclose(before.maps[-1], after.maps[-1], atol=1e-3)
    assert torch.allclose(before.depth, after.depth, atol=1e-3)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoints") / "good.safetensors"
    checkpoint.save(path, network.build("compact"), geometry_loss=True, record={"training": {"steps": 3}})
    return path


def test_a_saved_checkpoint_loads_with_its_record(good: Path) -> None:
    loaded = checkpoint.load(good)
    assert loaded.info.name == "good" and loaded.info.preset == "compact" and loaded.info.geometry_loss
    assert loaded.info.metadata["training"] == {"steps": 3}
    assert loaded.info.metadata["joint_names"] == list(skeleton.JOINT_NAMES)
    assert len(loaded.info.sha256) == 64
    assert good.stat().st_size <= 8_000_000


def test_editing_the_metadata_leaves_the_weights(good: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(good.read_bytes())
    checkpoint.edit_metadata(copy, {"figures": {"pck": 1.5}})
    before, after = checkpoint.load(good), checkpoint.load(copy)
    assert after.info.metadata["figures"] == {"pck": 1.5} and after.info.sha256 != before.info.sha256
    weights = after.network.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in before.network.state_dict().items())


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        checkpoint.load(path)
    return str(caught.value)


def test_empty_truncated_text_and_foreign_files_are_refused(good: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.safetensors"
    empty.touch()
    assert "is empty" in refused(empty)
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(good.read_bytes()[:300_000])
    assert "damaged" in refused(truncated)
    text = tmp_path / "text.safetensors"
    text.write_text("hello, I am not a checkpoint")
    assert "not a safetensors file" in refused(text)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, foreign)
    assert "not a Bonesight checkpoint" in refused(foreign)
    pickled = tmp_path / "pickled.pt"
    torch.save({"weight": torch.zeros(3)}, pickled)
    assert "not a safetensors file" in refused(pickled)
    assert "there is no checkpoint" in refused(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("preset", list(network.PRESETS))
def test_loading_draws_no_weights_that_it_then_throws_away(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.safetensors"
    written = network.build(preset)
    checkpoint.save(path, written, geometry_loss=False, record={}, stored="float16")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    loaded = checkpoint.load(path).network.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in written.state_dict().items():
        assert torch.equal(loaded[name], tensor.half().float() if tensor.ndim > 1 else tensor), name
    network.build(preset)
    assert not torch.equal(torch.get_rng_state(), before), "a network to train draws its own"


FURTHER = (0, 2, 3)


def test_a_network_grown_from_another_begins_as_that_one() -> None:
    torch.manual_seed(0)
    small, grown = network.build("compact"), network.build("compact", further=FURTHER)
    more = grown.load_state_dict(small.state_dict(), strict=False)
    assert not more.unexpected_keys and all("further" in name for name in more.missing_keys)
    assert network_size.count_parameters(grown) > 1.5 * network_size.count_parameters(small)
    pictures = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        before, after = small.eval()(pictures), grown.eval()(pictures)
    assert torch.equal(before.maps[-1], after.maps[-1]) and torch.equal(before.depth, after.depth)


@pytest.mark.parametrize("preset", ["paper", "compact", "resnet50"])
def test_an_input_of_another_size_gives_maps_of_another_size_and_its_file_tells_of_it(
    preset: str, tmp_path: Path
) -> None:
    model = network.build(preset, input_px=192).eval()
    with torch.inference_mode():
        output = model(torch.rand(1, 3, 192, 192))
    assert output.maps[-1].shape == (1, 16, 48, 48) and output.depth.shape == (1, 16)
    path = tmp_path / "larger.safetensors"
    checkpoint.save(path, model, geometry_loss=False, record={})
    loaded = checkpoint.load(path).network.config
    assert (loaded.input_px, loaded.heatmap_px) == (192, 48)


@pytest.mark.parametrize("input_px", [100, 0, -64, 576, 128.0, True, "wide"])
def test_an_input_of_a_size_that_no_network_takes_is_refused(good: Path, tmp_path: Path, input_px: Any) -> None:
    with pytest.raises(ValueError, match=r"network\.input_px needs a multiple of 64 up to 512, or 160"):
        network.build("compact", input_px=input_px)
    loaded = checkpoint.load(good)
    metadata = json.loads(json.dumps(loaded.info.metadata))
    metadata["network"]["input_px"] = input_px
    path = tmp_path / "odd.safetensors"
    save_file(loaded.network.state_dict(), path, metadata={"bonesight": json.dumps(metadata)})
    with pytest.raises(UserError, match="another network shape"):
        checkpoint.load(path)


@pytest.mark.parametrize("further", [(1, 2), (0, 9, 0), (0, -1, 0), (0, 0.5, 0)])
def test_a_depth_that_fits_no_network_is_refused(good: Path, tmp_path: Path, further: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"network\.further needs 3 numbers from 0 to 8"):
        network.build("compact", further=further)
    loaded = checkpoint.load(good)
    metadata = json.loads(json.dumps(loaded.info.metadata))
    metadata["network"]["further"] = list(further)
    path = tmp_path / "deep.safetensors"
    save_file(loaded.network.state_dict(), path, metadata={"bonesight": json.dumps(metadata)})
    assert "another network shape" in refused(path)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[network.PoseNetwork, Path]:
    torch.manual_seed(0)
    model = network.build("compact", further=FURTHER)
    path = tmp_path_factory.mktemp("packed") / "packed.safetensors"
    checkpoint.save(path, model, geometry_loss=True, record={}, stored="int8")
    return model, path


def test_int8_weights_are_right_to_half_a_step_of_their_channel(packed: tuple[network.PoseNetwork, Path]) -> None:
    model, path = packed
    loaded = checkpoint.load(path).network
    assert loaded.config == model.config and loaded.config.further == FURTHER
    assert path.stat().st_size <= 8_000_000
    for name, weight in model.state_dict().items():
        read = loaded.state_dict()[name]
        if weight.ndim < 2:
            assert torch.equal(read, weight)
        else:
            step = weight.flatten(1).abs().amax(1) / 127
            assert bool(((read - weight).flatten(1).abs().amax(1) <= 0.501 * step).all())


def test_int8_weights_survive_a_change_of_the_metadata(packed: tuple[network.PoseNetwork, Path]) -> None:
    _, path = packed
    before = checkpoint.load(path)
    checkpoint.edit_metadata(path, {"figures": {"pck": 1.5}})
    after = checkpoint.load(path)
    assert after.info.metadata["weights_sha256"] == before.info.metadata["weights_sha256"]
    weights = after.network.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in before.network.state_dict().items())


@pytest.mark.parametrize("change", ["no weight", "length", "nan"])
def test_scales_that_fit_no_weight_are_refused(
    packed: tuple[network.PoseNetwork, Path], tmp_path: Path, change: str
) -> None:
    with safe_open(packed[1], framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        metadata = file.metadata()
    if change == "no weight":
        del tensors["depth_linear.weight"]
    else:
        tensors["depth_linear.weight:scale"] = torch.full((3 if change == "length" else 16,), torch.nan)
    path = tmp_path / "scales.safetensors"
    save_file(tensors, path, metadata=metadata)
    assert ("not numbers" if change == "nan" else "is damaged") in refused(path)


def _altered(good: Path, path: Path, change: str) -> Path:
    loaded = checkpoint.load(good)
    tensors = {name: tensor.clone() for name, tensor in loaded.network.state_dict().items()}
    metadata = json.loads(json.dumps(loaded.info.metadata))
    if change == "nan":
        tensors["depth_linear.bias"][3] = torch.nan
    elif change == "shape":
        tensors["depth_linear.bias"] = torch.zeros(17)
    elif change == "joints":
        metadata["joint_names"] = metadata["joint_names"][::-1]
    elif change == "preset":
        metadata["network"]["preset"] = "giant"
    elif change == "paper":
        metadata["network"] = network.PRESETS["paper"][0].to_dict()
    save_file(tensors, path, metadata={"bonesight": json.dumps(metadata)})
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("nan", "not numbers"),
        ("shape", "does not hold the weights"),
        ("joints", "another joint order"),
        ("preset", "unknown preset giant"),
        ("paper", "does not hold the weights of a paper network"),
    ],
)
def test_wrong_contents_are_refused_in_words(good: Path, tmp_path: Path, change: str, sentence: str) -> None:
    assert sentence in refused(_altered(good, tmp_path / f"{change}.safetensors", change))
