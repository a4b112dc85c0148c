"""Engines: the bundled network says the same by torch as it is, by torch packed, and by OpenVINO where it is there."""

import importlib.util
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

import main
from core import checkpoint, export, heatmap, network
from core.commands import bench_engines
from core.engines import packed, prepare
from core.errors import RunError, UserError
from core.predictor import Predictor
from core.reading import Reading

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed: pip install '.[openvino]'"
)
needs_packing = pytest.mark.skipif(not packed.available("cpu"), reason="this torch cannot pack convolutions here")


@pytest.fixture(scope="module")
def loaded() -> checkpoint.Checkpoint:
    return checkpoint.load("compact-geo")


@pytest.fixture(scope="module")
def samples(loaded: checkpoint.Checkpoint) -> np.ndarray:
    return bench_engines.samples(loaded.network.config.input_px)


@pytest.fixture(scope="module")
def exact(loaded: checkpoint.Checkpoint) -> Predictor:
    return Predictor(loaded, "cpu", reading=Reading(mirror=False), precision="float32")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def apart(loaded: checkpoint.Checkpoint, maps: torch.Tensor, others: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return how far maps are apart in parts of their peaks, and joints in pixels of the crop; (N, 16) each."""
    to_crop = loaded.network.config.input_px / loaded.network.config.heatmap_px
    joints, wanted = (heatmap.decode(each, loaded.network.config.maps).joints_hm * to_crop for each in (maps, others))
    far = (maps - others).abs().amax((2, 3)) / others.amax((2, 3))
    return far.numpy(), np.linalg.norm(joints - wanted, axis=-1)


# --- torch, packed ---


@needs_packing
@pytest.mark.parametrize("preset", list(network.PRESETS))
def test_packed_convolutions_say_the_same_whatever_the_batch(preset: str) -> None:
    torch.manual_seed(0)
    model = network.fold_batch_norm(network.build(preset).eval())
    side = model.config.input_px
    images = torch.rand(2, 3, side, side).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = model(images)
        packed.pack(network.place(model, "cpu"), torch.float32)
        found = model(images)
    assert len(found.maps) == len(wanted.maps)
    for maps, others in zip(found.maps, wanted.maps, strict=True):
        assert float((maps - others).abs().max()) < 1e-4 * float(others.abs().max())
    assert torch.allclose(found.depth, wanted.depth, atol=1e-4 * float(wanted.depth.abs().max()))


@needs_packing
def test_a_packed_network_leaves_no_convolution_relu_or_sum_to_itself() -> None:
    model = network.fold_batch_norm(network.build("compact").eval())
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in model.modules())
    packed.pack(model, torch.float32)
    kinds = Counter(type(module).__name__ for module in model.modules())
    assert kinds["PackedConvolution"] == convolutions
    assert not kinds.keys() & {"Conv2d", "ReLU", "ConvNorm", "BasicBlock"}


@needs_packing
def test_the_fast_way_names_the_joints_of_the_samples_as_float32_does(
    loaded: checkpoint.Checkpoint, samples: np.ndarray, exact: Predictor
) -> None:
    fast = Predictor(loaded, "cpu", reading=Reading(mirror=False))
    far, joints = apart(loaded, fast.raw(samples)[0], exact.raw(samples)[0])
    # Where two places are as likely, rounding decides between them; everywhere else it must not be seen.
    assert np.median(far) < 0.02 and np.mean(joints < 0.5) > 0.95


def test_a_prediction_leaves_the_checkpoint_s_network_as_it_was(loaded: checkpoint.Checkpoint) -> None:
    before = checkpoint.weights_sha256(loaded.network.state_dict())
    Predictor(loaded, "cpu")
    assert checkpoint.weights_sha256(loaded.network.state_dict()) == before


# --- OpenVINO ---


@needs_openvino
def test_openvino_in_float32_says_what_torch_says(
    loaded: checkpoint.Checkpoint, samples: np.ndarray, exact: Predictor, cache: Path
) -> None:
    other = Predictor(loaded, "cpu", reading=Reading(mirror=False), precision="float32", engine="openvino")
    (maps, depths), (wanted, wanted_depths) = other.raw(samples), exact.raw(samples)
    far, joints = apart(loaded, maps, wanted)
    assert far.max() < 1e-2 and joints.max() < 0.5
    assert torch.allclose(depths, wanted_depths, atol=1e-3)


@needs_openvino
def test_openvino_s_own_precision_departs_no_farther_than_torch_s(
    loaded: checkpoint.Checkpoint, samples: np.ndarray, exact: Predictor, cache: Path
) -> None:
    other = Predictor(loaded, engine="openvino")
    far, joints = apart(loaded, other.raw(samples, flip=False)[0], exact.raw(samples)[0])
    assert other.device == "cpu" and np.median(far) < 0.02 and np.mean(joints < 0.5) > 0.95
    mirrored = other.raw(np.ascontiguousarray(samples[:1, :, ::-1]))[0]
    assert mirrored.shape == (1, 16, 40, 40) and float(mirrored.sum()) == pytest.approx(16.0, abs=1e-2)


@needs_openvino
def test_what_openvino_compiled_is_read_again_and_damage_is_mended(
    loaded: checkpoint.Checkpoint, samples: np.ndarray, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.engines import by_openvino

    first = Predictor(loaded, "cpu", reading=Reading(mirror=False), engine="openvino").raw(samples[:1])[0]
    (kept,) = by_openvino.cache_folder().iterdir()
    whole = kept.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(by_openvino, "_compiled", None)  # taking the network over again would raise
        again = Predictor(loaded, "cpu", reading=Reading(mirror=False), engine="openvino").raw(samples[:1])[0]
    kept.write_bytes(whole[: len(whole) // 2])
    mended = Predictor(loaded, "cpu", reading=Reading(mirror=False), engine="openvino").raw(samples[:1])[0]
    assert torch.equal(first, again) and torch.equal(first, mended)
    assert kept.stat().st_size > 0.9 * len(whole)


@needs_openvino
def test_several_networks_are_taken_over_at_once(samples: np.ndarray, cache: Path) -> None:
    models = [checkpoint.load(name) for name in ("compact-geo", "compact-no-geo", "3d-geo")]

    def looked(loaded: checkpoint.Checkpoint) -> torch.Tensor:
        return Predictor(loaded, "cpu", reading=Reading(mirror=False), engine="openvino").raw(samples[:1])[0]

    with ThreadPoolExecutor(len(models)) as pool:
        together = list(pool.map(looked, models))
    assert all(torch.equal(maps, looked(loaded)) for maps, loaded in zip(together, models, strict=True))


@needs_openvino
def test_openvino_runs_where_its_cache_cannot_be_written(
    loaded: checkpoint.Checkpoint, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    (cache / "file").write_text("in the way")
    crops = np.zeros((1, 160, 160, 3), np.uint8)
    assert Predictor(loaded, "cpu", reading=Reading(mirror=False), engine="openvino").raw(crops)[0].shape == (
        1,
        16,
        40,
        40,
    )


@needs_openvino
def test_a_network_that_openvino_cannot_take_over_is_told_in_one_sentence(
    loaded: checkpoint.Checkpoint, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.engines import by_openvino

    def fails(*_: object) -> None:
        raise LookupError("Check failed\nno such operation")

    monkeypatch.setattr(by_openvino, "_compiled", fails)
    with pytest.raises(RunError, match=r"could not take the network over \(no such operation\)"):
        Predictor(loaded, engine="openvino")


@needs_openvino
def test_openvino_does_not_load_what_would_tell_of_its_use() -> None:
    from core.engines import by_openvino

    by_openvino.library()
    assert sys.modules["openvino_telemetry"] is None


# --- what cannot be ---


def test_openvino_that_is_not_there_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    export.write_atomically(tmp_path / "grey.ppm", b"P6 64 64 255\n" + bytes([128]) * (3 * 64 * 64))
    assert main.main(["predict", str(tmp_path / "grey.ppm"), "--engine", "openvino", "--box", "0,0,64,64"]) == 2
    told = capsys.readouterr().err
    assert "OpenVINO is not installed" in told and "pip install '.[openvino]'" in told and "Traceback" not in told


def test_an_engine_for_another_device_or_of_another_name_is_refused(loaded: checkpoint.Checkpoint) -> None:
    with pytest.raises(UserError, match="does not run on cuda"):
        prepare(loaded.network, "openvino", "cuda", torch.float32)
    with pytest.raises(UserError, match="no engine abacus"):
        prepare(loaded.network, "abacus", "cpu", torch.float32)  # type: ignore[arg-type]


def test_bench_refuses_an_engine_where_it_measures_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["bench", "--engine", "openvino"]) == 2
    assert "--live" in capsys.readouterr().err
