"""How a pose was made stands in every file, under the same keys and in the same words, and follows every switch."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import struct
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from conftest import ROOT, gradient

import main
from core import bvh, export, export_comparison, figure, figure_comparison, film, mp4, report, report_comparison
from core.commands import tables
from core.compare import compare_all
from core.made import KEYS, Made, told
from core.pose import Pose

TOLD = {"name": "compact-geo", "preset": "compact", "geometry_loss": True, "sha256": "0" * 64}
PLAIN = Made()
OTHER = Made(True, "limbs", True, True, "openvino", "bfloat16", 1750.0)
"""Every fact another one than in ``PLAIN``."""


@pytest.fixture
def poses(pose: Pose) -> tuple[Pose, Pose]:
    return dataclasses.replace(pose, made=PLAIN), dataclasses.replace(pose, made=OTHER)


def schema(name: str) -> dict[str, Any]:
    return json.loads((resources.files("resources") / f"{name}.schema.json").read_text(encoding="utf-8"))


def comment_of(path: Path) -> str:
    """Read the comment of an MP4 file, following its boxes."""
    data = path.read_bytes()

    def inside(start: int, end: int, kind: bytes) -> tuple[int, int]:
        while start < end:
            size, found = struct.unpack(">I4s", data[start : start + 8])
            if found == kind:
                return start + 8 + (4 if kind == b"meta" else 0), start + size
            start += size
        raise AssertionError(f"there is no {kind!r}")

    place = (0, len(data))
    for kind in (b"moov", b"udta", b"meta", b"ilst", b"\xa9cmt", b"data"):
        place = inside(*place, kind)
    return data[place[0] + 8 : place[1]].decode()


def _cell(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def test_the_user_guide_lists_every_key() -> None:
    guide = (ROOT / "docs" / "user-guide.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in guide for key in KEYS)


def test_files_for_programs_have_every_key(poses: tuple[Pose, Pose], tmp_path: Path) -> None:
    entries = [export.entry(one, "walk.mp4", frame, frame / 25) for frame, one in enumerate(poses)]
    facts = [dataclasses.asdict(one.made) for one in poses]
    content = json.loads(export.write_json(tmp_path / "a.json", entries, TOLD).read_text(encoding="utf-8"))
    jsonschema.validate(content, schema("poses"))
    assert [{key: item[key] for key in KEYS} for item in content["poses"]] == facts
    with export.write_csv(tmp_path / "a.csv", entries, TOLD).open(newline="", encoding="utf-8") as file:
        rows = [{key: row[key] for key in KEYS} for row in csv.DictReader(file)]
    cells = [{key: _cell(value) for key, value in one.items()} for one in facts]
    assert rows == [cells[0]] * 16 + [cells[1]] * 16
    with np.load(export.write_npz(tmp_path / "a.npz", entries, TOLD), allow_pickle=False) as arrays:
        assert math.isnan(arrays["height_mm"][0]) and arrays["height_mm"][1] == 1750.0
        assert [arrays[key][1].item() for key in KEYS] == list(facts[1].values())
        assert [arrays[key][0].item() for key in KEYS[:-1]] == list(facts[0].values())[:-1]
    for one, fact in zip(entries, facts, strict=True):
        note = json.loads(export.note_of(bvh.write(tmp_path / "a.bvh", [one], TOLD)).read_text(encoding="utf-8"))
        assert {key: note[key] for key in KEYS} == fact


def test_a_comparison_says_it_of_each_model(poses: tuple[Pose, Pose], tmp_path: Path) -> None:
    found = compare_all(poses)
    item = export_comparison.entry(poses, found, "a.jpg")
    jsonschema.validate(export_comparison.document([item], [found], (TOLD, TOLD)), schema("comparison"))
    assert [Made.of(item[letter]) for letter in "ab"] == [PLAIN, OTHER]
    page = report_comparison.page(gradient(320, 400), poses, found, item, "a.jpg")
    summary = export_comparison.summary([found], [item])
    path = report_comparison.write(tmp_path / "a.html", [page], summary, [TOLD, TOLD], [{}, {}])
    text = path.read_text(encoding="utf-8")
    assert all(text.count(f"How the pose was made: {one.words()}<") == 1 for one in (PLAIN, OTHER))
    drawn = figure_comparison.write_figure(tmp_path / "a.svg", gradient(320, 400), poses, found, "a").read_text()
    assert f"A: checkpoint {poses[0].checkpoint_name}" in drawn and f"{OTHER.words()}<" in drawn


@pytest.mark.parametrize("key", KEYS)
def test_each_fact_has_words_of_its_own(key: str) -> None:
    changed = dataclasses.replace(PLAIN, **{key: getattr(OTHER, key)})
    assert changed.words() != PLAIN.words() and len(changed.parts()) <= len(PLAIN.parts()) + 1


def test_an_evaluation_names_only_what_departs_from_the_paper() -> None:
    assert Made(precision="bfloat16").departures() == []
    assert Made(mirror_averaged=True, decoded_by="limbs").departures() == ["mirror averaging", "joints read together"]
    assert OTHER.departures() == OTHER.parts()


def test_pages_and_metadata_say_it_in_the_same_words(poses: tuple[Pose, Pose], tmp_path: Path) -> None:
    for one in poses:
        page = report.page(gradient(320, 400), one, export.entry(one, "a.jpg"), "a.jpg")
        assert one.made.words() in report.html([page], TOLD, {})
        for kind in figure.FORMATS:
            path = figure.write_figure(tmp_path / f"a.{kind}", gradient(320, 400), one, "a.jpg")
            assert export.signature([one]).encode() in path.read_bytes()


def test_a_film_has_a_comment_and_all_its_frames(poses: tuple[Pose, Pose], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with film.writing(path, 10.0) as written:
        for number in range(3):
            written.add(gradient(320, 400), poses[1] if number else None, number / 10)
    assert comment_of(path) == export.signature([poses[1]])
    capture = cv2.VideoCapture(str(path))
    assert sum(capture.read()[0] for _ in range(4)) == 3
    capture.release()


@pytest.mark.parametrize("content", [b"", b"RIFF0000AVI ", struct.pack(">I4s", 8, b"moov"), b"\0\0\0\4moov" * 3])
def test_a_file_without_a_place_for_a_comment_is_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert not mp4.add_comment(path, "made by hand") and path.read_bytes() == content


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ((), {}), (("--no-flip",), {"mirror_averaged": False}), (("--refine",), {"refined": True}),
        (("--height-mm", "1750"), {"height_mm": 1750.0}),
    ],
)  # fmt: skip
def test_the_command_says_what_its_switches_did(
    words: tuple[str, ...], changed: dict[str, Any], weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "o.json"
    given = ["--checkpoint", str(weights), "--device", "cpu", "--box", "0,0,160,200", "--json", str(out)]
    assert main.main(["predict", str(write_picture()), *given, *words]) == 0
    item = json.loads(out.read_text())["poses"][0]
    found = {key: item[key] for key in KEYS if key != "precision"}
    usual = {"refined": False, "decoded_by": "peaks", "mirror_averaged": True, "smoothed": False, "engine": "torch"}
    assert found == usual | {"height_mm": None} | changed
    assert item["precision"] in ("float32", "bfloat16")


def test_printed_tables_say_it_in_the_same_words(poses: tuple[Pose, Pose]) -> None:
    for one in poses:
        assert f"How the pose was made: {one.made.words()}\n" in tables.pose_table(export.entry(one, "a.jpg"), one)
    item = export_comparison.entry(poses, compare_all(poses), "a.jpg")
    apart = tables.comparison_table(item, ["Told."]).splitlines()[1]
    of_a, of_b = apart.split("How the poses were made: A: ")[1].split("; B: ")
    assert [of_a.split(", "), of_b.split(", ")] == [PLAIN.parts(), OTHER.parts()]


def test_what_models_have_in_common_is_said_once() -> None:
    peaks = dataclasses.replace(OTHER, decoded_by="peaks")
    line = told({"A": OTHER, "B": peaks, "C": OTHER})
    common = [part for part in OTHER.parts() if part != "joints read together"]
    own = ["A: joints read together", "B: each joint at its highest peak", "C: joints read together"]
    assert line == "; ".join([*common, *own])
    assert told({"A": OTHER, "B": OTHER}) == OTHER.words()


def test_a_list_of_lines_says_it_first_and_where_it_changes(
    poses: tuple[Pose, Pose], capsys: pytest.CaptureFixture[str]
) -> None:
    plain, other = (export.entry(one, "walk.mp4", 3, 0.12) for one in poses)
    listing = tables.Listing()
    for number, item in enumerate((plain, plain, other, plain)):
        listing.put(str(number), item)
    said = [f"How the poses were made: {one.made.words()}" for one in (*poses, poses[0])]
    assert capsys.readouterr().out.splitlines() == [said[0], "0", "1", said[1], "2", said[2], "3"]


def test_what_programs_read_is_not_told_in_words(
    weights: Path, write_picture: Callable[..., Path], capsys: Any
) -> None:
    pictures = write_picture("walk/1.jpg").parent
    given = [
        "predict",
        str(pictures / "%d.jpg"),
        "--checkpoint",
        str(weights),
        "--device",
        "cpu",
        "--box",
        "0,0,160,200",
    ]
    assert main.main([*given, "--jsonl", "-"]) == 0
    printed, told_beside = capsys.readouterr()
    assert [next(iter(json.loads(line))) for line in printed.splitlines()] == ["head", "pose", "end"]
    assert "How the poses" not in printed and "in 1 frame" in told_beside
