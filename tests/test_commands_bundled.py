"""The checkpoints, for use and for teaching, and the samples that come with the program."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from conftest import RunMain

import main
from core import checkpoint, media, skeleton
from core.commands.checkpoints import figures
from core.commands.predict import DEFAULT_CHECKPOINT
from core.predictor import Predictor

PAIR = ("compact-geo", "compact-no-geo")
ROWS = ("3d-geo", "3d-no-geo", "3d2d-geo", "3d2d-no-geo")
"""Of the poster's ablation, for teaching."""


def samples() -> list[dict[str, object]]:
    text = (resources.files("resources") / "samples" / "samples.json").read_text(encoding="utf-8")
    found = json.loads(text)["samples"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("name", PAIR + ROWS)
def test_a_bundled_checkpoint_loads_is_small_and_has_a_card_of_its_own(name: str) -> None:
    info = checkpoint.load(name).info
    assert info.size_bytes <= (8_000_000 if name in PAIR else 4_000_000)
    assert info.geometry_loss is (not name.endswith("no-geo"))
    for key in ("training", "data", "terms", "figures"):
        assert info.metadata.get(key), f"{name} does not say its {key}"
    card = info.path.with_suffix(".md").read_text(encoding="utf-8")
    assert info.sha256 in card and f"--checkpoint {name}" in card
    assert all(terms in card for terms in info.metadata["terms"].values())


def test_models_for_use_stand_before_those_for_teaching_and_the_first_is_the_default() -> None:
    infos = checkpoint.bundled()
    assert [info.name for info in infos] == [*PAIR, *ROWS]
    assert infos[0].name == DEFAULT_CHECKPOINT
    assert [bool(info.teaching) for info in infos] == [False] * len(PAIR) + [True] * len(ROWS)


def test_the_rows_of_the_ablation_tell_what_they_are_for_and_whose_terms_hold() -> None:
    infos = {name: checkpoint.describe(name) for name in ROWS}
    for name, info in infos.items():
        card = info.path.with_suffix(".md").read_text(encoding="utf-8")
        assert "**A teaching model.**" in card and "not for use" in card
        terms = card.partition("## Training")[0]
        assert ("lspet" in info.metadata["terms"]) is ("Sports Pose" in terms) is ("2d" in name)
        assert set(info.metadata["figures"]) == {"lsp", "rendered lab-test", "rendered wild-test"}
        assert all(f"--data DATA/rendered/{folder} " in card for folder in ("lab-test", "wild-test"))
        assert all(f"- 3D, {scene} (" in card for scene in ("studio", "house", "outdoor"))
        assert "MPJPE by action" in card and "mocap.cs.cmu.edu" in card and "seeds" in card
    # Equal budgets, and one network: only data and loss differ.
    assert len({info.metadata["training"]["samples"] for info in infos.values()}) == 1
    assert all(info.metadata["network"] == infos["3d-geo"].metadata["network"] for info in infos.values())


def test_the_pair_differs_only_by_the_geometry_loss_of_its_last_stage() -> None:
    geo, no_geo = (checkpoint.describe(name) for name in PAIR)
    assert geo.sha256 != no_geo.sha256
    assert geo.metadata["network"] == no_geo.metadata["network"]
    assert geo.metadata["data"] == no_geo.metadata["data"]


def test_checkpoints_lists_the_pair_with_its_headline_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["checkpoints"]) == 0
    shown = capsys.readouterr().out
    blocks = dict(zip(PAIR + ROWS, shown.split("\n\n"), strict=False))
    for name in ROWS:
        first, *others = blocks[name].splitlines()
        assert first.startswith(f"{name}: teaching model, preset compact")
        assert any("only for" in line and "ablation" in line for line in others)
        assert any("MPJPE" in line and line.endswith("rendered by Bonesight (wild-test)") for line in others)
    for name, block in list(blocks.items())[:2]:
        info = checkpoint.describe(name)
        lines = block.splitlines()
        assert lines[0].startswith(f"{name}: preset compact") and len(lines) <= 20
        measured = [line for line in lines if "(95 %: " in line]
        pck = info.metadata["figures"]["lsp"]["pck_0.2_torso"]["limb_joints_mean"]
        assert len(measured) == 5 and f"{pck:.1f} %" in measured[0]
        assert info.sha256[:12] in block and info.sha256 not in block
        assert str(info.path.with_suffix(".md")) in block and info.metadata["terms"]["lspet"] in block
        assert f"{info.metadata['data']['rendered']['pictures']} pictures of rendered" in block


def test_checkpoints_prints_everything_of_one_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    info = checkpoint.describe(PAIR[0])
    assert main.main(["checkpoints", PAIR[0], "--all"]) == 0
    shown = capsys.readouterr().out
    assert info.sha256 in shown and "lsp.pck_0.2_torso.per_joint.right_ankle" in shown and PAIR[1] + ":" not in shown
    assert main.main(["checkpoints", str(info.path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["checkpoints"]
    assert told["metadata"] == info.metadata and told["sha256"] == info.sha256
    assert main.main(["checkpoints", "no-such-model"]) == 2
    assert "there is no checkpoint no-such-model" in capsys.readouterr().err


def test_checkpoints_takes_a_stranger_s_metadata_as_it_is() -> None:
    assert figures({}) == figures({"figures": 3}) == figures({"figures": {"lsp": {"pck_0.2_torso": [1]}}}) == []
    row = {"limb_joints_mean": 50, "limb_joints_mean_95_percent": "?"}
    assert figures({"figures": {"mine": {"pck_0.2_torso": row}}}) == ["PCK at 0.2 torso, 12 limb joints: 50.0 %, mine"]


def test_the_samples_are_found_in_their_pictures_and_at_most_one_with_its_sides_swapped() -> None:
    predictor = Predictor(checkpoint.load("compact-geo"), "cpu")
    folder = Path(str(resources.files("resources"))) / "samples"
    assert len(samples()) >= 4
    swapped = []
    for sample in samples():
        pose = predictor.predict(media.read_picture(folder / str(sample["file"])))
        truth = np.array(sample["joints_px"])
        size = np.ptp(truth, axis=0).max()
        error, mirrored = (
            np.median(np.linalg.norm(joints_px - truth, axis=1)) / size
            for joints_px in (pose.joints_px, pose.joints_px[list(skeleton.MIRROR)])
        )
        assert min(error, mirrored) < 0.1, f"{sample['file']}: the median joint is {error:.2f} of the size off"
        if error >= 0.1:
            swapped.append(sample["file"])
    assert len(swapped) <= 1


def test_the_program_without_words_and_display_shows_a_sample(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out" / "poses.json").read_text(encoding="utf-8"))
    assert content["checkpoint"]["name"] == "compact-geo"
    assert len(list((tmp_path / "out").glob("*.png"))) == 1
    assert "out" in done.stdout.splitlines()[-1]


def test_doctor_finds_nothing_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["doctor"]) == 0
    assert "Everything the program needs works." in capsys.readouterr().out


def test_a_polite_kill_ends_predict_like_ctrl_c_with_what_is_done_written(tmp_path: Path) -> None:
    sample = Path(str(resources.files("resources"))) / "samples" / "waving.jpg"
    words = [sys.executable, main.__file__, "predict", *[str(sample)] * 300, "--progress", "--json", "poses.json"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{") and json.loads(line)["event"] != "start":
                process.terminate()
                break
        process.stdout.read()
        assert process.wait(60) == 130
    assert 1 <= len(json.loads((tmp_path / "poses.json").read_text(encoding="utf-8"))["poses"]) < 300
