"""``tables``: the poster's numbers as printed, ours beside them and never among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_protocols import figures_of, moved, row

import main
from train import tables
from train.evaluation.command import SCHEMA, without_nan


def write_figures(path: Path, dataset: str, *rows: dict[str, Any], split: str = "test") -> None:
    figures = {
        "schema": SCHEMA, "dataset": dataset, "data": {"set": dataset, "folder": f"{dataset}-data", "split": split},
        "checkpoint": {"name": "own"}, **figures_of(dataset, *rows),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(without_nan(figures)))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    off = moved("left_wrist", z_mm=500.0)
    write_figures(folder / "figures-human36m.json", "human36m", row(predicted_mm=off), row("b", actions="Eating"))
    write_figures(folder / "figures-mpii.json", "mpii", row(), split="val")
    write_figures(folder / "figures-3dhp.json", "mpi_inf_3dhp", row(predicted_mm=off))
    write_figures(folder / "figures-wild.json", "rendered", row(predicted_mm=off, actions=""), split="all")
    return folder


def test_the_five_tables_keep_the_posters_columns_and_ours_apart(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["tables", str(run_folder), "--out", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "tables.md").read_text()
    assert text in capsys.readouterr().out
    assert text.count("## ") == 5
    for block in text.split("## ")[1:]:
        header, _, *rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"
        ]
        first = next(number for number, cell in enumerate(header) if cell.startswith("ours: "))
        assert all(cell.startswith("poster") for cell in header[:first])
        assert all(cell.startswith("ours: ") for cell in header[first:])
        for cells in rows:
            assert len(cells) == len(header) and any(cells[:first]) != any(cells[first:])
    assert "| 3D+2D/w geo | 71.1 | 64.7 | 72.7 | 69.2 | 32.5 |" in text
    assert "rendered rendered-data, 1 persons" in text and "human36m human36m-data, test, 2 persons: Eating" in text


def test_the_json_holds_the_posters_averages_and_says_where_ours_come_from(run_folder: Path) -> None:
    document = tables.document(tables.ours([tables.read(path) for path in tables.files([run_folder])]))
    by_name = {table["name"]: table for table in document["tables"]}
    assert list(by_name) == ["h36m_mpjpe", "accuracy_2d", "3dhp_transferred", "geometry_mm", "geometry_px"]
    assert {row["row"]: row["average"] for row in by_name["h36m_mpjpe"]["poster"]} == {
        "Chen & Ramanan": 114.18, "Mehta et al.": 74.14, "Pavlakos et al.": 66.92, "3D/wo geo": 82.44,
        "3D/w geo": 80.98, "3D+2D/wo geo": 65.69, "3D+2D/w geo": 64.90,
    }  # fmt: skip
    assert [row["on Human3.6M"] for row in by_name["accuracy_2d"]["poster"]] == [90.01, 90.57, 90.93, 91.62]
    assert [row["lower arm"] for row in by_name["geometry_mm"]["poster"]] == [60.4, 50.7]
    assert [row["lower leg"] for row in by_name["geometry_px"]["poster"]] == [8.03, 6.22]
    assert all(row["checkpoint"] == "own" and row["data"] for table in by_name.values() for row in table["ours"])
    # Only what has 3D truth is in millimetres, and only scenes are in the table of scenes.
    assert len(by_name["geometry_mm"]["ours"]) == 3 and len(by_name["geometry_px"]["ours"]) == 4
    scenes = {(row["scene"], row["scale"]) for row in by_name["3dhp_transferred"]["ours"] if "3dhp" in row["data"]}
    assert scenes == {(scene, scale) for scene in ("all", "outdoor") for scale in ("true skeleton's", "training")}
    errors = [row["data"].rpartition(": ")[2] for row in by_name["h36m_mpjpe"]["ours"]]
    assert errors == ["average of actions", "Eating", "Walking", "no actions, all persons"]


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "other"}', f'{{"schema": "{SCHEMA}"}}'])
def test_what_holds_no_figures_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures-lsp.json"
    path.write_text(content)
    assert main.main(["tables", str(tmp_path)]) == 2
    assert "holds no figures, or those of an older version" in capsys.readouterr().err
    path.unlink()
    (tmp_path / "quick-best.safetensors").touch()
    (tmp_path / "quick.safetensors").touch()
    assert main.main(["tables", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "holds no figures-*.json" in told and f"--checkpoint {tmp_path / 'quick.safetensors'} --json" in told


def test_a_table_that_no_run_fills_says_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_figures(tmp_path / "figures-lsp.json", "lsp", row())
    (tmp_path / "own.safetensors").touch()
    assert main.main(["tables", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    missing = [line for line in told.splitlines() if line.startswith("Not measured: ")]
    assert [line.split(" (")[0] for line in missing] == [
        "Not measured: Human3.6M: average MPJPE", "Not measured: MPI-INF-3DHP, transferred: 3D PCK at 150 mm and AUC",
        "Not measured: Geometry validity: mean |left - right|",
    ]  # fmt: skip
    assert f"--dataset human36m|rendered --data DIR --checkpoint {tmp_path / 'own.safetensors'}" in missing[0]
    assert f"--json {tmp_path / 'figures-human36m.json'}" in missing[0]
    # One evaluation on rendered people fills all five.
    write_figures(tmp_path / "figures-rendered.json", "rendered", row(), split="all")
    assert main.main(["tables", str(tmp_path)]) == 0
    assert "Not measured" not in capsys.readouterr().out
