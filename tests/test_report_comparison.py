"""The report of a comparison: the numbers of its JSON, both pictures, both checkpoints' terms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from test_outputs import read_report

import main
from core import checkpoint, network, skeleton


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return a second checkpoint with other random weights, and terms."""
    torch.manual_seed(1)
    path = tmp_path / "other.safetensors"
    checkpoint.save(path, network.build("compact"), geometry_loss=False, record={"terms": {"lspet": "research use"}})
    return path


def test_the_report_of_a_comparison_tells_what_its_json_tells(
    weights: Path, other: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    pictures = [str(write_picture(name)) for name in ("a.jpg", "b.jpg")]
    out = tmp_path / "out"
    words = ["compare", *pictures, "--a", str(weights), "--b", str(other), "--no-flip", "--refine"]
    words += ["--box", "0,0,160,200"]
    files = ["--json", str(out / "c.json"), "--report", str(out / "c.html"), "--figure", str(out)]
    assert main.main([*words, *files, "--figure-format", "svg"]) == 0
    told = json.loads((out / "c.json").read_text())
    parsed, text = read_report(out / "c.html"), (out / "c.html").read_text()
    assert all(address.startswith("data:") for address in parsed.addresses) and len(parsed.addresses) == 4
    item = told["comparisons"][0]
    bones = [row for row in parsed.rows if len(row) == 12][: skeleton.BONE_COUNT]
    assert [row[1:3] for row in bones] == [
        [f"{bone[side]['length_mm']:.0f}" for side in "ab"] for bone in item["bones"]
    ]
    joints = [row for row in parsed.rows if len(row) == 4][: skeleton.JOINT_COUNT]
    distances = sorted((joint["distance_mm"] for joint in item["joints"]), reverse=True)
    assert [row[2] for row in joints] == [f"{distance:.0f}" for distance in distances]
    for info in told["checkpoints"].values() if isinstance(told["checkpoints"], dict) else told["checkpoints"]:
        assert info["sha256"] in text
    assert item["refined"] and text.count("refined in space") == 2
    scales = re.findall(r'viewBox="([^"]+)" role="img" aria-label="3D skeleton, (front|right side)"', text)
    assert len(scales) == 8 and len(set(scales[:4])) == 2, "both models are drawn at one scale"
    linked = re.findall(r'<a href="#(picture-\d)">([ab]\.jpg)</a>', text)
    worst = [Path(row["input"]).name for row in told["summary"]["most_different"]]
    assert [name for _, name in linked] == worst
    assert all(re.search(f'id="{place}">\\s*<h2>{name}</h2>', text) for place, name in linked)
    assert "research use" in text and "2 comparisons" in text
    assert f"{told['summary']['mean']['distance_mm']:.0f}" in next(row for row in parsed.rows if len(row) == 6)
    assert {path.name for path in out.iterdir()} == {"c.json", "c.html", "a-compare.svg", "b-compare.svg"}


def test_one_name_for_two_files_of_a_comparison_is_refused(
    weights: Path, other: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    words = ["compare", str(write_picture()), "--a", str(weights), "--b", str(other)]
    assert main.main([*words, "--json", str(tmp_path / "o"), "--report", str(tmp_path / "o")]) == 2
    assert not (tmp_path / "o").exists()
