"""The poster's ablation in one command: four rows, stopped and gone on with, and means over seeds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dataset_files
import numpy as np
import pytest
from test_training import write_lspet

import main
from core import checkpoint
from train import card
from train.ablation import bundle, plan, summary
from train.evaluation import intervals

TINY = [
    word
    for setting in (
        "optimiser.batch=4", "run.threads=1", "run.log_every=1", "stage.0.iterations=1", "stage.1.iterations=1",
        "stage.2.iterations=2",
    )
    for word in ("--set", setting)
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_lspet(tmp_path / "data" / "lspet")
    for each in plan.rendered_sets(6, 6):
        scenes = ["studio-lab"] if each.scene == "studio-lab" else ["studio", "house", "outdoor"]
        told = {"subject": np.resize(["L7", "L8"], 6), "action": np.resize(["walking", "sitting", "salsa"], 6)}
        dataset_files.write_rendered(tmp_path / "data" / each.folder / "shard-00000.npz", 6, 96, scenes, **told)
    return tmp_path / "data"


def test_the_ablation_trains_measures_and_tabulates_four_rows_and_goes_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "ROUNDS", 20)  # a thousand for each of thirteen evaluations take long
    out = tmp_path / "ablation"
    words = ["ablation", "--data", str(data), "--out", str(out), "--seeds", "1", "--people", "6", "--test", "6"]
    words += ["--device", "cpu", *TINY]
    assert main.main([*words, "--budget", "0"]) == 0
    assert "Stopped in 3d-geo-seed1; the same words go on from there." in capsys.readouterr().out
    assert checkpoint.describe(out / "3d-geo-seed1" / "3d-geo-seed1.safetensors").metadata["training"]["steps"] == 1
    assert main.main(words) == 0
    names = ["3d-geo", "3d-no-geo", "3d2d-geo", "3d2d-no-geo"]
    for name in names:
        told = checkpoint.describe(out / f"{name}-seed1" / f"{name}-seed1.safetensors")
        assert told.geometry_loss == (not name.endswith("no-geo")) and told.metadata["training"]["steps"] == 4
        assert set(told.metadata["data"]) == ({"lspet", "rendered"} if "2d" in name else {"rendered, 2D", "rendered"})
        assert told.metadata["config"]["run"]["start"] == ("stage-2.pt" if name.endswith("no-geo") else "")
        assert (out / f"{name}-seed1" / "log.csv").read_text().count("\n") == (3 if name.endswith("no-geo") else 5)
    lab = json.loads((out / "3d-geo-seed1" / "figures-lab.json").read_text())
    assert lab["protocol"].endswith("; mirror averaging")  # no limbs read together
    assert list(lab["by_action"]) == ["average of actions", "salsa", "sitting", "walking"]
    text = (out / "tables.md").read_text()
    assert text.count("## ") == 5 and "None of ours" not in text
    wild = [line for line in text.splitlines() if "wild-test" in line and "outdoor" in line]
    assert len(wild) == 8 and all(any(name in line for line in wild) for name in names)  # at two scales
    assert "3D+2D/w geo | 71.1" in text and "lspet lspet, val.txt, 2 persons" in text
    # What is there is neither trained nor measured again.
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix in (".pt", ".safetensors")}
    measured = out / "3d2d-geo-seed1" / "figures-wild.json"
    measured.unlink()
    kept = (out / "3d-geo-seed1" / "figures-wild.json").stat().st_mtime_ns
    assert main.main(words) == 0 and measured.exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (out / "3d-geo-seed1" / "figures-wild.json").stat().st_mtime_ns == kept
    rows_become_small_teaching_models(out, tmp_path)


def rows_become_small_teaching_models(out: Path, small: Path) -> None:
    paths = list(bundle.bundle(out, small))
    assert sorted(path.stem for path in paths) == sorted(plan.TITLES)
    for path in paths:
        loaded = checkpoint.load(path)
        whole = checkpoint.load(out / f"{path.stem}-seed1" / f"{path.stem}-seed1.safetensors")
        assert loaded.info.teaching and not whole.info.teaching
        assert loaded.info.geometry_loss is whole.info.geometry_loss
        assert loaded.info.metadata["training"] == whole.info.metadata["training"]
        assert loaded.info.size_bytes < 0.55 * whole.info.size_bytes
        for name, weight in whole.network.state_dict().items():
            step = float(weight.abs().max()) / 127
            assert float((loaded.network.state_dict()[name] - weight).abs().max()) <= 0.51 * step, name
    words = [out / "3d-geo-seed1" / f"figures-{kind}.json" for kind in ("photos", "wild", "lab")]
    measured = [small / file.name for file in words]
    sha256 = checkpoint.describe(small / "3d-geo.safetensors").metadata["weights_sha256"]
    for file, copy in zip(words, measured, strict=True):
        told = json.loads(file.read_text())
        copy.write_text(json.dumps({**told, "checkpoint": {**told["checkpoint"], "weights_sha256": sha256}}))
    text = card.write(small / "3d-geo.safetensors", measured).read_text()
    wild, lab = text.partition("/rendered/wild-test ")[2].split("/rendered/lab-test ")
    assert "- 3D, outdoor (" in wild and "- 3D, studio-lab (" not in lab and "MPJPE by action" in lab
    assert "A teaching model" in text and "Photos, of which it has never seen one" in text
    assert "LSP" not in text.partition("## Training")[0]


def test_missing_photos_are_told_before_anything_is_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ablation", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    assert main.main(words) == 2
    assert "holds no LSP-Extended set" in capsys.readouterr().err and not os.listdir(tmp_path)
    assert main.main([*words, "--set", "run.seed=4"]) == 2
    assert "would change what the rows are" in capsys.readouterr().err


def test_twins_part_after_stage_two_and_every_seed_begins_there() -> None:
    rows = list(plan.rows(3))
    assert len(rows) == 12 == len({row.name for row in rows})
    assert {row.title for row in rows[:4]} == set(plan.TITLES) == {row.title for row in rows[4:8]}
    begun = {row.name: row.begins_with for row in rows}
    assert [name for name, start in begun.items() if start is None] == ["3d-geo-seed1", "3d2d-geo-seed1"]
    assert begun["3d2d-no-geo-seed3"] == begun["3d2d-geo-seed2"] == "3d2d-geo-seed1"
    # Whatever a row begins with is trained before it.
    assert all(start is None or list(begun).index(start) < place for place, start in enumerate(begun.values()))


def test_seeds_are_joined_to_mean_and_standard_deviation_in_the_posters_order() -> None:
    def row(name: str, error: float | None) -> dict[str, str | float | None]:
        return {"checkpoint": name, "data": "lab", "MPJPE": error, "PCKh": None}

    rows = [row("3d2d-geo-seed1", 90.0), row("3d-no-geo-seed1", 110.0), row("3d-no-geo-seed2", 116.0)]
    first, second = summary.summarised([*rows, row("3d-no-geo-seed3", 119.0)])
    assert (first["checkpoint"], first["seeds"], first["PCKh"]) == ("3d-no-geo", 3, None)
    assert first["MPJPE"] == pytest.approx({"mean": 115.0, "sd": 21.0**0.5})  # (25 + 1 + 16) / 2
    assert second["MPJPE"] == {"mean": 90.0, "sd": None}
    assert summary.told(first)["MPJPE"] == "115.00 ± 4.58" and summary.told(second)["MPJPE"] == "90.00"
