"""``evaluate`` and the model card: figures come from the real program on sets in their real form."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import dataset_files
import numpy as np
import pytest
from test_training import write_lspet

import main
from core import checkpoint, locate, network, skeleton
from core.errors import UserError
from core.predictor import Predictor
from core.reading import Reading
from train import card, config
from train.datasets import catalogue, rendered
from train.datasets.empty import is_held_out
from train.evaluation import command as evaluate


@pytest.fixture(scope="module")
def lspet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "lspet"
    write_lspet(folder)
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    dataset_files.write_rendered(folder / "shard-00000.npz", 6, 256, ["studio", "house", "outdoor"])
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


def evaluate_words(dataset: str, data: Path, weights: Path, *more: str | Path) -> list[str]:
    words = ["evaluate", "--dataset", dataset, "--data", data, "--checkpoint", weights, "--no-flip", "--device", "cpu"]
    return [str(word) for word in (*words, *more)]


def test_every_set_is_opened_by_its_name(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset_files.write_tompson(tmp_path / "mpii" / "annot" / "valid.h5")
    for number in range(1, 5):
        dataset_files.write_picture(tmp_path / "mpii" / "images" / f"{number:09d}.jpg")
    dataset_files.write_lsp(tmp_path / "lsp", "lsp")
    (tmp_path / "lsp" / "mine.txt").write_text("im0001.jpg im0002.jpg")
    keys = [(9, 2, 1, 1, 1), (11, 3, 1, 1, 1)]
    dataset_files.write_human36m(tmp_path / "human36m" / "annotSampleTest.h5", keys)
    dataset_files.write_3dhp(tmp_path / "mpi_inf_3dhp_test_set", ["TS1", "TS5"])
    persons = {"mpii": 2, "lsp": 2, "human36m": 2, "mpi_inf_3dhp": 6}
    own = {"mpii": "pckh_0.5", "lsp": "pck_0.2_torso", "human36m": "three_d", "mpi_inf_3dhp": "pck_150_mm_by_group"}
    for dataset, count in persons.items():
        out = tmp_path / f"figures-{dataset}.json"
        split = ["--split", "mine.txt"] if dataset == "lsp" else []
        assert main.main(evaluate_words(dataset, tmp_path, weights, "--json", out, *split)) == 0
        figures = json.loads(out.read_text(), parse_constant=pytest.fail)
        assert (figures["data"]["set"], figures["persons"], figures["dataset"]) == (dataset, count, dataset)
        assert own[dataset] in figures and len(figures["calibration"]["reliability"]) == 10
    assert figures["left_out"]["kinds"] == {
        "the sequence is missing": {"samples": 4, "first": ["TS2", "TS3", "TS4", "TS6"]}
    }
    assert list(figures["three_d"]) == ["all", "studio GS", "outdoor"]
    told = capsys.readouterr()
    assert "4 left out, the sequence is missing (TS2, TS3, TS4 and 1 more)" in told.err
    assert "Left out: 4 samples" in told.out and "nan" not in told.out
    assert main.main(["tables", str(tmp_path)]) == 0


def test_bad_samples_are_counted_or_stop_the_evaluation(
    shards: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(shards / "shard-00000.npz") as shard:
        arrays = {name: shard[name] for name in shard.files}
    arrays["joints_mm"] = arrays["joints_mm"].copy()
    arrays["joints_mm"][1, 4, 2] = np.nan
    arrays["jpeg"][arrays["offset"][2] : arrays["offset"][3]] = 0
    # A person far outside the picture: the box cannot be cut out.
    arrays["joints_px"] = arrays["joints_px"].copy()
    arrays["joints_px"][3] += 5000.0
    arrays["visible"][4, 5:] = False
    np.savez(tmp_path / "shard-00000.npz", **arrays)
    whole = (shards / "shard-00000.npz").read_bytes()
    (tmp_path / "shard-00001.npz").write_bytes(whole[: len(whole) // 2])
    spoiled = bytearray(whole)
    spoiled[len(whole) // 3] ^= 0xFF
    (tmp_path / "shard-00002.npz").write_bytes(bytes(spoiled))
    np.savez(tmp_path / "shard-00003.npz", **{**arrays, "offset": arrays["offset"][:-1]})
    np.savez(tmp_path / "shard-00004.npz", **{name: array for name, array in arrays.items() if name != "visible"})
    out = tmp_path / "figures.json"
    assert main.main(evaluate_words("rendered", tmp_path, weights, "--json", out)) == 0
    figures = json.loads(out.read_text())
    assert figures["persons"] == 2
    assert {kind: entry["first"] for kind, entry in figures["left_out"]["kinds"].items()} == {
        "a joint is not a number": ["shard-00000:1"],
        "the picture is damaged": ["shard-00000:2"],
        "the box lies outside the picture": ["shard-00000:3"],
        "fewer than 6 joints are in the picture": ["shard-00000:4"],
        "the shard is damaged": ["shard-00001.npz", "shard-00002.npz"],
        "the shard's fields are of different lengths": ["shard-00003.npz"],
        "the shard lacks visible": ["shard-00004.npz"],
    }
    assert figures["left_out"]["samples"] == 8 and "1 left out, the shard lacks visible" in capsys.readouterr().err
    out.unlink()
    assert main.main(evaluate_words("rendered", tmp_path, weights, "--json", out, "--on-bad", "stop")) == 2
    told = capsys.readouterr().err
    assert "shard-00000:1: a joint is not a number: delete the shard and render again." in told
    assert not out.exists()
    assert len(rendered.training_crops(tmp_path, tmp_path / "cache")) == 3  # cutting a crop needs no picture


def test_people_are_told_from_empty_pictures(
    lspet: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = tmp_path / "nobody"
    for name, size in {"a.jpg": 90, "deeper/c.png": 40, "wee.png": 4}.items():
        dataset_files.write_picture(nobody / name, size, size)
    (nobody / "broken.jpg").write_bytes(b"none")
    out = tmp_path / "figures.json"
    assert main.main(evaluate_words("lsp", lspet, weights, "--empty", nobody, "--empty-all", "--json", out)) == 0
    found = json.loads(out.read_text())
    assert found["without_people"]["pictures"] == 2 and found["left_out"]["samples"] == 2
    assert 0.0 <= found["without_people"]["roc_auc"] <= 1.0
    predictor = Predictor(checkpoint.load(weights), "cpu", reading=Reading(mirror=False))
    both = [predictor.predict(np.full((s, s, 3), 90, np.uint8), (0, 0, s, s)).mean_confidence for s in (90, 40)]
    assert found["without_people"]["mean_confidence_empty"] == pytest.approx(np.mean(both), rel=1e-2)
    assert "People against 2 pictures without" in capsys.readouterr().out
    # What training may have seen is not measured unless asked for.
    held_out = next(f"{number}.jpg" for number in range(99) if is_held_out(f"{number}.jpg"))
    assert not is_held_out("a.jpg")
    assert main.main(evaluate_words("lsp", lspet, weights, "--empty", nobody)) == 2
    assert "holds no pictures that training holds out: add --empty-all" in capsys.readouterr().err
    dataset_files.write_picture(nobody / held_out, 40, 40)
    assert main.main(evaluate_words("lsp", lspet, weights, "--empty", nobody)) == 0
    assert "People against 1 pictures without" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    assert main.main(evaluate_words("lsp", lspet, weights, "--empty", tmp_path / "none")) == 2
    assert "holds no pictures" in capsys.readouterr().err


def test_without_boxes_the_person_is_searched_for_as_predict_does(
    lspet: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {}
    for box in ("given", "search"):
        out = tmp_path / f"figures-{box}.json"
        assert main.main(evaluate_words("lsp", lspet, weights, "--box", box, "--json", out)) == 0
        found[box] = json.loads(out.read_text())
    assert "search" not in found["given"] and found["given"]["box"] == "given"
    searched = found["search"]
    assert "a search of the whole picture" in searched["protocol"] and searched["persons"] == 2
    assert "Searched for: " in capsys.readouterr().out
    predictor = Predictor(checkpoint.load(weights), "cpu", reading=Reading(mirror=False))
    samples = list(catalogue.samples("lspet", lspet))
    poses = [predictor.predict(sample.image) for sample in samples]
    overlaps = [locate.overlap(pose.box_px, one.box_px) for pose, one in zip(poses, samples, strict=True)]
    assert searched["search"]["overlap_mean"] == pytest.approx(np.mean(overlaps))
    assert searched["mean_confidence"] == pytest.approx(np.mean([pose.mean_confidence for pose in poses]))
    assert main.main(["tables", str(tmp_path)]) == 0
    assert "lspet lspet, val.txt, 2 persons, searched for" in capsys.readouterr().out


def test_the_page_holds_the_curve_and_the_reliability_diagram(
    shards: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, pages = tmp_path / "figures.json", tmp_path / "pages"
    assert main.main(evaluate_words("rendered", shards, weights, "--json", out, "--figure", pages)) == 0
    figures = json.loads(out.read_text())
    curve = figures["pck_curve"]
    at = curve["thresholds_torso"].index(0.2)
    assert curve["limb_joints_mean"][at] == pytest.approx(figures["pck_0.2_torso"]["limb_joints_mean"])
    ankles = [figures["pck_0.2_torso"]["per_joint"][f"{side}_ankle"] for side in ("right", "left")]
    assert curve["by_pair"]["ankles"][at] == pytest.approx(np.mean(ankles))
    assert all(np.diff(curve["limb_joints_mean"]) >= 0) and len(curve["by_pair"]) == 6
    page = cv2.imread(str(pages / "random-rendered-accuracy.png"))
    assert page.shape == (980, 1750, 3) and page.std() > 20
    text = (pages / "random-rendered-accuracy.svg").read_text()
    assert f"sha256 {figures['checkpoint']['sha256']}" in text and text.count("<path") > 60
    told = capsys.readouterr().out
    assert f"Figure: {pages / 'random-rendered-accuracy.svg'}" in told


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
    searched = tmp_path / "searched.json"
    assert main.main(evaluate_words("lsp", lspet, path, "--box", "search", "--json", searched)) == 0
    text = card.write(path, [searched]).read_text()
    assert "(2 persons)" in text and "(2 persons, searched for)" in text and "--box search" in text
    retrained = tmp_path / "retrained" / "own.safetensors"
    retrained.parent.mkdir()
    checkpoint.save(retrained, network.build("compact"), geometry_loss=True, record=record)
    content = retrained.read_bytes()
    with pytest.raises(UserError, match="was measured on other weights"):
        card.write(retrained, [tmp_path / "lsp.json"])
    assert retrained.read_bytes() == content
