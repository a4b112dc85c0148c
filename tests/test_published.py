"""The authors' published weights open as they are documented, say what they should, and never run code."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import RunMain, gradient
from safetensors import safe_open
from test_network_resnet import documented_shapes

from core import checkpoint, network, published
from core.errors import UserError
from core.predictor import Predictor

Weights = dict[str, torch.Tensor]


def seeded(seed: int) -> Weights:
    """Return random weights under the documented keys, scaled so that the signal neither dies nor explodes."""
    generator = torch.Generator().manual_seed(seed)
    weights: Weights = {}
    for name, shape in documented_shapes().items():
        noise = torch.randn(shape, generator=generator)
        if len(shape) == 4:
            fan_in = shape[0] * 4 if "deconv" in name else shape[1] * shape[2] * shape[3]
            weights[name] = noise * (2 / fan_in) ** 0.5
        elif name.endswith("running_var"):
            weights[name] = 1.0 + 0.1 * noise.abs()
        elif name.endswith("weight"):
            weights[name] = (0.3 if "bn3" in name else 1.0) + 0.1 * noise
        else:
            weights[name] = 0.1 * noise
    return weights


def write(path: Path, weights: Weights, prefix: str = "") -> Path:
    """Save a file as the authors' trainer does."""
    state = {prefix + name: tensor for name, tensor in weights.items()}
    optimizer = {"state": {0: {"square_avg": torch.zeros(4)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    torch.save({"epoch": 60, "state_dict": state, "optimizer": optimizer}, path)
    return path


@pytest.fixture(scope="module")
def weights() -> Weights:
    return seeded(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("published")
    yield path
    shutil.rmtree(path)  # the files here are of 136 MB each


@pytest.fixture(scope="module")
def source(folder: Path, weights: Weights) -> Path:
    return write(folder / "fusion_3d_var.pth", weights)


@pytest.fixture(scope="module")
def loaded(source: Path) -> checkpoint.Checkpoint:
    return checkpoint.load(source)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "cache"
    monkeypatch.setattr(published, "cache_folder", lambda: path)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def same_weights(model: network.PoseNetwork, weights: Weights) -> bool:
    own = model.state_dict()
    return all(torch.equal(own[name], tensor) for name, tensor in weights.items())


# --- opening the file ---


def test_the_file_opens_with_its_own_values(loaded: checkpoint.Checkpoint, source: Path, weights: Weights) -> None:
    assert same_weights(loaded.network, weights) and not loaded.network.training
    info = loaded.info
    assert (info.name, info.preset, info.geometry_loss) == ("fusion_3d_var", "resnet50", True)
    assert info.metadata["published"] == {"file": source.name, "sha256": checkpoint.sha256(source)}
    assert info.metadata["training"]["epoch"] == 60
    assert loaded.bone_sum_mm == published.TRAINING_BONE_SUM_MM
    assert info.path == source.with_suffix(".safetensors")
    assert not list(source.parent.glob(".bonesight-*")), "nothing half-written stays behind"


def test_a_picture_gets_a_pose(loaded: checkpoint.Checkpoint) -> None:
    pose = Predictor(loaded, "cpu").predict(gradient(160, 200), (0.0, 0.0, 160.0, 200.0))
    assert pose.heatmaps.shape == (16, 64, 64) and np.isfinite(pose.joints_mm).all()
    assert pose.checkpoint_name == "fusion_3d_var"


def test_the_command_line_takes_the_file(
    source: Path, loaded: checkpoint.Checkpoint, write_picture: Callable[..., Path], tmp_path: Path, run_main: RunMain
) -> None:
    told = tmp_path / "poses.json"
    done = run_main(
        "predict", write_picture(), "--checkpoint", source, "--box", "0,0,160,200", "--no-flip", "--json", told
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(told.read_text())
    assert content["checkpoint"]["name"] == "fusion_3d_var" and content["checkpoint"]["preset"] == "resnet50"
    assert content["checkpoint"]["sha256"] == loaded.info.sha256
    assert len(content["poses"]) == 1 and not content["failed"]


def test_a_file_is_converted_once(
    source: Path, loaded: checkpoint.Checkpoint, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = loaded.info.path.stat()

    def again(*_words: Any, **_settings: Any) -> None:
        raise AssertionError("the file was opened a second time")

    monkeypatch.setattr(torch, "load", again)
    second = checkpoint.load(source)
    assert same_weights(second.network, weights) and second.info.sha256 == loaded.info.sha256
    after = loaded.info.path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_changed_file_is_converted_anew_whatever_its_prefix_and_age(folder: Path, weights: Weights) -> None:
    path = write(folder / "multi.pth", weights, prefix="module.")
    os.utime(path, (1_000, 1_000))
    first = checkpoint.load(path)
    assert same_weights(first.network, weights) and not first.info.geometry_loss
    changed = {**weights, "depth.bias": weights["depth.bias"] + 1.0}
    write(path, changed, prefix="module.")
    # Older than the conversion, as a file restored from an archive is.
    os.utime(path, (2_000, 2_000))
    second = checkpoint.load(path)
    assert same_weights(second.network, changed) and second.info.sha256 != first.info.sha256


def test_weights_without_their_wrapping_open(folder: Path, weights: Weights) -> None:
    path = folder / "bare.pth"
    counted = {f"{name.rpartition('.')[0]}.num_batches_tracked": torch.tensor(7) for name in weights if "var" in name}
    torch.save({**{name: tensor.half() for name, tensor in weights.items()}, **counted}, path)
    opened, epoch = published.read(path)
    assert epoch is None
    assert same_weights(opened, {name: tensor.half().float() for name, tensor in weights.items()})


def refuse_to_write(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Make folders read-only for the conversion; permissions would not stop the administrator that tests may run as."""
    real = published.TemporaryDirectory

    def create(**settings: Any) -> Any:
        if any(Path(settings["dir"]).is_relative_to(folder) for folder in folders):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(settings["dir"]))
        return real(**settings)

    monkeypatch.setattr(published, "TemporaryDirectory", create)


@pytest.fixture
def alone(source: Path, tmp_path: Path) -> Iterator[Path]:
    """Return the source in a folder in which nothing was converted yet."""
    path = tmp_path / "alone" / source.name
    path.parent.mkdir()
    os.link(source, path)
    yield path
    shutil.rmtree(path.parent)


def test_a_read_only_folder_sends_the_conversion_to_the_cache(
    alone: Path, own_cache: Path, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_write(monkeypatch, alone.parent)
    first = checkpoint.load(alone)
    assert first.info.path.is_relative_to(own_cache) and first.info.name == "fusion_3d_var"
    assert [path.name for path in alone.parent.iterdir()] == [alone.name]
    monkeypatch.setattr(torch, "load", None)
    assert same_weights(checkpoint.load(alone).network, weights)


def test_with_nowhere_to_write_it_says_so(alone: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_write(monkeypatch, alone.parent, own_cache)
    assert refused(alone) == (
        f"fusion_3d_var.pth cannot be converted, because neither its folder nor {own_cache} can be written"
        " (Read-only file system): free some space, or copy the file to a folder of yours."
    )


def test_a_checkpoint_of_the_same_name_is_never_replaced(alone: Path, own_cache: Path) -> None:
    mine = alone.with_suffix(".safetensors")
    checkpoint.save(mine, network.build("compact"), geometry_loss=False, record={})
    before = mine.read_bytes()
    assert checkpoint.load(alone).info.path.is_relative_to(own_cache)
    assert mine.read_bytes() == before


def test_changing_the_record_changes_the_conversion_and_not_the_file(alone: Path, own_cache: Path) -> None:
    before = checkpoint.sha256(alone)
    checkpoint.edit_metadata(alone, {"figures": {"mpjpe_mm": 64.9}})
    assert checkpoint.sha256(alone) == before
    assert checkpoint.load(alone).info.metadata["figures"] == {"mpjpe_mm": 64.9}


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(published.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert published.cache_folder() == tmp_path / "bonesight" / "converted"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert published.cache_folder() == tmp_path / ".cache" / "bonesight" / "converted"


# --- files that are refused ---


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        checkpoint.load(path)
    assert not path.with_suffix(".safetensors").exists() or path.name == "fusion_3d_var.pth"
    assert "\n" not in str(caught.value)
    return str(caught.value)


AGAIN = "download it again, or use a bundled checkpoint (`bonesight checkpoints` lists them)."
OTHER = "use the authors' published 3D weights (fusion_3d_var.pth) or a checkpoint written by `bonesight train`."


class RunsCode:
    """What a hostile file holds: opening it the careless way runs a command."""

    def __init__(self, call: Callable[..., object], *words: str) -> None:
        self.call, self.words = call, words

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return self.call, self.words


@pytest.mark.parametrize("form", ["zip", "legacy", "bare", "optimizer"])
def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path, form: str) -> None:
    mark = tmp_path / "it-ran"
    hostile = RunsCode(os.system, f"touch {mark}")
    path = tmp_path / "evil.pth"
    if form == "bare":
        path.write_bytes(pickle.dumps(hostile, protocol=2))
    elif form == "optimizer":
        torch.save({"epoch": 1, "state_dict": {}, "optimizer": hostile}, path)
    else:
        torch.save({"state_dict": {"conv1.weight": hostile}}, path, _use_new_zipfile_serialization=form == "zip")
    asked = f"{os.system.__module__}.system"
    assert refused(path) == (
        f"evil.pth holds more than weights (it asks for the code of {asked}, which was not run):"
        " do not trust it; use the authors' own file or a bundled checkpoint."
    )
    assert not mark.exists()
    if form == "bare":
        pickle.loads(path.read_bytes())
        assert mark.exists(), "the file does run code where code is unpickled, so the test proves something"


def test_a_pickle_of_a_newer_protocol_is_refused_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "new.pth"
    path.write_bytes(pickle.dumps({"state_dict": RunsCode(eval, "1")}, protocol=4))
    assert refused(path) == f"new.pth is damaged or not a PyTorch weights file: {AGAIN}"


def test_empty_truncated_and_text_files_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.pth").touch()
    assert refused(tmp_path / "empty.pth") == f"empty.pth is empty: {AGAIN}"
    with source.open("rb") as file:
        (tmp_path / "cut.pth").write_bytes(file.read(2_000_000))
    (tmp_path / "text.pth").write_text("hello, I am not a checkpoint")
    (tmp_path / "page.pth").write_text("<html>404 not found</html>")
    for name in ("cut", "text", "page"):
        assert refused(tmp_path / f"{name}.pth") == f"{name}.pth is damaged or not a PyTorch weights file: {AGAIN}"


def test_other_weights_are_refused_with_the_first_difference(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    start = "other.pth does not hold the weights of a resnet50 network"
    for content, difference in (
        ([torch.zeros(2)], "it is no table of weights"),
        ({"state_dict": 3}, "its state_dict is no table of weights"),
        ({"state_dict": {"fc.weight": torch.zeros(2)}}, "conv1.weight is missing"),
        ({"state_dict": {"conv1.weight": torch.zeros(64, 3, 3, 3)}}, "conv1.weight is not 64 x 3 x 7 x 7 numbers"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7, dtype=torch.int64)}, "conv1.weight is not 64 x 3 x 7 x 7 numbers"),
        ({"conv1.weight": "weights"}, "conv1.weight is not 64 x 3 x 7 x 7 numbers"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7, device="meta")}, "conv1.weight is not 64 x 3 x 7 x 7 numbers"),
    ):
        torch.save(content, path)
        assert refused(path) == f"{start} ({difference}): {OTHER}"


def test_a_layer_too_many_is_refused(weights: Weights, folder: Path) -> None:
    path = folder / "more.pth"
    write(path, {**{name: tensor.half() for name, tensor in weights.items()}, "fc.weight": torch.zeros(2)})
    assert refused(path) == (
        f"more.pth does not hold the weights of a resnet50 network (fc.weight is too much): {OTHER}"
    )
    path.unlink()


def test_weights_that_are_not_numbers_are_refused(weights: Weights, folder: Path) -> None:
    broken = {name: tensor.half() for name, tensor in weights.items()}
    broken["layer1.0.bn2.running_var"][5] = torch.nan
    path = write(folder / "nan.pth", broken)
    assert refused(path) == f"nan.pth holds weights that are not numbers (in layer1.0.bn2.running_var): {AGAIN}"
    path.unlink()


def test_a_conversion_cut_short_is_not_trusted(
    loaded: checkpoint.Checkpoint, alone: Path, own_cache: Path, weights: Weights
) -> None:
    target = alone.with_suffix(".safetensors")
    target.write_bytes(loaded.info.path.read_bytes()[:1_000_000])
    again = checkpoint.load(alone)
    assert same_weights(again.network, weights) and again.info.path.is_relative_to(own_cache)
    with safe_open(again.info.path, framework="pt") as file:
        assert set(weights) <= set(file.keys())
