"""``evaluate`` and the model card: figures come from the real program on sets in their real form."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core import checkpoint, network, skeleton
from core.errors import UserError
from train import card, config
from train.datasets import rendered
from train.evaluation import command as evaluate


@pytest.fixture(scope="module")
def lspet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.test_training import write_lspet

    folder = tmp_path_factory.mktemp("data") / "lspet"
    write_lspet(folder)
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a shard as ``render`` does, of noise, without drawing anyone."""
    folder = tmp_path_factory.mktemp("rendered")
    random = np.random.default_rng(0)
    streams = [
        cv2.imencode(".jpg", random.integers(0, 256, (256, 256, 3), dtype=np.uint8))[1].ravel() for _ in range(6)
    ]
    joints_mm = random.normal(0, 300, (6, 16, 3)).astype(np.float32)
    joints_mm -= joints_mm[:, skeleton.ROOT : skeleton.ROOT + 1]
    np.savez(
        folder / "shard-00000.npz",
        jpeg=np.concatenate(streams),
        offset=np.cumsum([0, *map(len, streams)]),
        joints_px=joints_mm[..., :2] * 0.1 + 128,
        joints_mm=joints_mm,
        visible=np.ones((6, 16), bool),
        body=np.arange(6),
        clip=np.arange(6),
        scene=np.array(["studio", "house", "outdoor"] * 2),
        stature_mm=np.full(6, 1700.0),
    )
    return folder


def figures_of(dataset: str, data: Path, weights: Path, out: Path) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    words = ["--dataset", dataset, "--data", str(data), "--checkpoint", str(weights), "--json", str(out), "--no-flip"]
    assert evaluate.run(parser.parse_args(words)) == 0
    found: dict[str, object] = json.loads(out.read_text())
    return found


def test_lsp_figures_name_every_joint_and_limb(
    lspet: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = figures_of("lsp", lspet, weights, tmp_path / "lsp.json")
    assert figures["persons"] == 2
    pck = figures["pck_0.2_torso"]
    assert isinstance(pck, dict)
    assert list(pck["per_joint"]) == list(skeleton.JOINT_NAMES)
    assert pck["per_joint"]["pelvis"] is None
    low, high = pck["limb_joints_mean_95_percent"]
    assert 0 <= low <= pck["limb_joints_mean"] <= high <= 100
    asymmetry = figures["left_right_asymmetry_percent"]
    assert isinstance(asymmetry, dict)
    assert asymmetry["mean"] == pytest.approx(np.mean([asymmetry[limb] for limb in skeleton.LIMBS]))
    printed = capsys.readouterr().out
    assert "12 limb joints" in printed and "Left-right asymmetry" in printed and "not annotated" in printed


def test_rendered_figures_split_by_scene(shards: Path, weights: Path, tmp_path: Path) -> None:
    figures = figures_of("rendered", shards, weights, tmp_path / "rendered.json")
    three_d = figures["three_d"]
    assert isinstance(three_d, dict)
    assert set(three_d) == {"all", "studio", "house", "outdoor"} and three_d["house"]["persons"] == 2
    assert (
        three_d["all"]["pa_mpjpe_mm"] <= three_d["all"]["n_mpjpe_mm"] <= 1.5 * three_d["all"]["mpjpe_training_scale_mm"]
    )


def test_rendered_samples_survive_the_round_trip(shards: Path) -> None:
    found = list(rendered.samples(shards))
    assert len(found) == 6 and {sample.scene for sample in found} == {"studio", "house", "outdoor"}
    assert all(sample.image.shape == (256, 256, 3) and sample.joints_mm is not None for sample in found)


def test_nothing_to_evaluate_is_said(lspet: Path, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("im09999.jpg\n")
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    words = [
        "--dataset",
        "lsp",
        "--data",
        str(lspet),
        "--split",
        str(tmp_path / "none.txt"),
        "--checkpoint",
        str(weights),
    ]
    with pytest.raises(UserError, match="nothing to evaluate"):
        evaluate.run(parser.parse_args(words))
    with pytest.raises(UserError, match="holds no rendered pictures"):
        evaluate.run(
            parser.parse_args(["--dataset", "rendered", "--data", str(tmp_path), "--checkpoint", str(weights)])
        )


def test_the_card_is_written_from_the_figures(lspet: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    settings = config.load(Path(__file__).parent.parent / "resources" / "configs" / "compact.toml")
    record = {
        "training": {"steps": 7, "samples": 224, "minutes": 1.0, "device": "cpu"},
        "config": settings.to_dict(),
        "data": {"lspet": {"pictures": 9, "labels": "2D"}},
        "terms": {"lspet": "research use"},
    }
    checkpoint.save(path, network.build("compact"), geometry_loss=True, record=record)
    figures = figures_of("lsp", lspet, path, tmp_path / "lsp.json")
    written = card.write(path, [tmp_path / "lsp.json"])
    text = written.read_text()
    pck = figures["pck_0.2_torso"]
    assert isinstance(pck, dict)
    assert f"**{pck['limb_joints_mean']:.1f} %**" in text and "research use" in text and "7 steps" in text
    assert checkpoint.describe(path).sha256 in text
    assert checkpoint.describe(path).metadata["figures"]["lsp"]["persons"] == 2
    retrained = tmp_path / "retrained" / "own.safetensors"
    retrained.parent.mkdir()
    checkpoint.save(retrained, network.build("compact"), geometry_loss=True, record=record)
    content = retrained.read_bytes()
    with pytest.raises(UserError, match="was measured on other weights"):
        card.write(retrained, [tmp_path / "lsp.json"])
    assert retrained.read_bytes() == content
