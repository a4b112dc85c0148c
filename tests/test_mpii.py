"""MPII in its three formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from dataset_files import (
    RECTANGLE,
    joints_2d,
    json_person,
    point,
    struct,
    write_official,
    write_picture,
    write_tompson,
)

from core.errors import UserError
from train.datasets import mpii
from train.datasets.reading import Problems


def test_mpii_official_struct_is_read_with_its_missing_fields(tmp_path: Path) -> None:
    write_official(tmp_path / "mpii", RECTANGLE)
    found = list(mpii.samples(tmp_path, "trainval", "stop"))
    assert [sample.name for sample in found] == ["000000001.jpg#0", "two_people.jpg#1"]
    sample = found[0]
    assert sorted(np.flatnonzero(sample.annotated)) == [0, 1, 6, 9]  # a hidden joint has a label all the same
    assert sample.joints_px[6].tolist() == [20.0, 24.5] and sample.joints_px[9].tolist() == [20.5, 4.75]
    side = 200 * 0.2 * 1.25
    assert sample.box_px == pytest.approx((20.5 - side / 2, 23.5 + 15 * 0.2 - side / 2, side, side))
    assert sample.head_px == pytest.approx(0.6 * 5.0)
    assert sample.action == "curling" and sample.joints_mm is None


def test_mpii_official_splits_come_from_a_list_or_from_tompsons_pairs(tmp_path: Path) -> None:
    write_official(tmp_path, RECTANGLE, RECTANGLE)
    with pytest.raises(UserError, match=r"does not say which persons are for validation: put valid.h5 or val.txt"):
        list(mpii.samples(tmp_path, "train"))
    (tmp_path / "val.txt").write_text("000000002.jpg\n")
    assert [s.name for s in mpii.samples(tmp_path, "val")] == ["000000002.jpg#0"]
    assert [s.name for s in mpii.samples(tmp_path, "train")] == ["000000001.jpg#0", "two_people.jpg#1"]
    (tmp_path / "val.txt").unlink()
    write_tompson(tmp_path / "annot" / "valid.h5", index=[2], person=[1])  # 0-based into the official struct
    assert [s.name for s in mpii.samples(tmp_path, "train")] == ["000000001.jpg#0", "000000002.jpg#0"]
    with pytest.raises(UserError, match="choose one of train, val, trainval"):
        list(mpii.samples(tmp_path, "test"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"annopoints": struct({"point": struct(point(0, np.nan, 4), point(1, 5, 5))})}, "a joint is not a number"),
        ({"annopoints": struct({"point": struct(point(16, 3, 4))})}, "a joint has an unknown id"),
        ({"scale": np.zeros((0, 0))}, "centre or scale is missing"),
        ({"objpos": np.zeros((0, 0))}, "centre or scale is missing"),
    ],
)
def test_mpii_bad_person_is_counted_or_refused(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    write_official(tmp_path, RECTANGLE | change, RECTANGLE)
    problems = Problems("MPII")
    assert len(list(mpii.samples(tmp_path, "trainval", problems=problems))) == 2
    assert problems.found == {problem: ["000000001.jpg#0"]} and problems.count == 1
    with pytest.raises(UserError, match=f"MPII 000000001.jpg#0: {problem}"):
        list(mpii.samples(tmp_path, "trainval", "stop"))


def test_mpii_tompson_split_is_read_with_its_missing_joints(tmp_path: Path) -> None:
    fields = write_tompson(tmp_path / "annot" / "valid.h5")
    first, second = mpii.samples(tmp_path, "val", "stop")
    assert not first.annotated[3] and first.annotated.sum() == 15 and second.annotated.all()
    assert first.joints_px[4] == pytest.approx(fields["part"][0, 4] - 0.5)
    assert first.box_px == pytest.approx((24.5 - 25, 29.5 + 3 - 25, 50, 50))
    assert (first.head_px, second.head_px) == (3.0, 4.0)
    assert first.name == "000000001.jpg#0" and second.name == "000000002.jpg#1"


def test_mpii_files_without_multi_have_the_crops_room_already(tmp_path: Path) -> None:
    write_tompson(tmp_path / "annot" / "train.h5", multi=None, istrain=None)
    sample = next(mpii.samples(tmp_path, "train"))
    assert sample.box_px == pytest.approx((24.5 - 20, 29.5 - 20, 40, 40))


def test_mpii_one_file_for_all_splits_with_names_as_character_codes(tmp_path: Path) -> None:
    codes = np.zeros((3, 16))
    for row in range(3):
        codes[row, :13] = [ord(letter) for letter in f"{row + 1:09d}.jpg"]
    write_tompson(
        tmp_path / "annot" / "annot.h5", index=[7, 8, 9], person=[0, 0, 0], imgname=codes, istrain=[1.0, 1.0, 0.0]
    )
    write_tompson(tmp_path / "annot" / "valid.h5", index=[8], person=[0])
    assert [s.name for s in mpii.samples(tmp_path, "train")] == ["000000001.jpg#0"]
    assert [s.name for s in mpii.samples(tmp_path, "trainval")] == ["000000001.jpg#0", "000000002.jpg#0"]


def test_mpii_json_is_read_and_heads_come_from_beside_it(tmp_path: Path) -> None:
    people = [json_person("a.jpg", joints) for joints in joints_2d(2, 16) + 2]
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "valid.json").write_text(json.dumps(people))
    write_picture(tmp_path / "images" / "a.jpg")
    first, second = mpii.samples(tmp_path, "val", "stop")
    assert not first.annotated[2] and first.annotated.sum() == 15 and np.isnan(first.head_px)
    assert first.joints_px[15] == pytest.approx(np.array(people[0]["joints"][15]) - 0.5)
    assert [first.name, second.name] == ["a.jpg#0", "a.jpg#1"]
    boxes = np.zeros((2, 2, 2))
    boxes[1, :, 0], boxes[1, :, 1] = (3, 4), (6, 8)
    scipy.io.savemat(tmp_path / "annot" / "gt_valid.mat", {"headboxes_src": boxes})
    assert [s.head_px for s in mpii.samples(tmp_path, "val")] == pytest.approx([3.0, 6.0])
    scipy.io.savemat(tmp_path / "annot" / "gt_valid.mat", {"headboxes_src": boxes[..., :1]})
    with pytest.raises(UserError, match=r"has 1 heads and valid.json 2 persons: take both from one source"):
        list(mpii.samples(tmp_path, "val"))


def test_mpii_wrong_length_in_json_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = [json_person("a.jpg", joints_2d(1, 15)[0] + 2), json_person("a.jpg", joints_2d(1, 16)[0] + 2), {}]
    (tmp_path / "train.json").write_text(json.dumps(people))
    write_picture(tmp_path / "images" / "a.jpg")
    assert [s.name for s in mpii.samples(tmp_path, "train")] == ["a.jpg#1"]
    told = capsys.readouterr().err
    assert "MPII: 1 left out, the annotation has not 16 joints (a.jpg#0)" in told
    assert "MPII: 1 left out, the annotation is incomplete or not numbers (person 2)" in told


def test_mpii_pictures_that_are_missing_or_damaged_are_counted(tmp_path: Path) -> None:
    write_tompson(tmp_path / "annot" / "valid.h5")
    (tmp_path / "images" / "000000001.jpg").unlink()
    whole = (tmp_path / "images" / "000000002.jpg").read_bytes()
    (tmp_path / "images" / "000000002.jpg").write_bytes(whole[: len(whole) // 2])
    problems = Problems("MPII")
    assert not list(mpii.samples(tmp_path, "val", problems=problems))
    assert problems.found == {
        "the picture is missing": ["000000001.jpg#0"], "the picture is damaged": ["000000002.jpg#1"],
    }  # fmt: skip
    with pytest.raises(UserError, match="the picture is missing: put it at"):
        list(mpii.samples(tmp_path, "val", "stop"))


def test_mpii_training_crops_are_kept(tmp_path: Path) -> None:
    write_tompson(tmp_path / "annot" / "train.h5")
    crops = mpii.training_crops(tmp_path, tmp_path / "cache")
    again = mpii.training_crops(tmp_path, tmp_path / "cache")
    assert len(crops) == len(again) == 2 and np.isnan(crops.joints_mm).all()
    assert crops.annotated.sum() == 31


@pytest.mark.parametrize(
    "content", [b"", b"text", b"MATLAB 5.0 MAT-file" + b" " * 200, b"\x89HDF\r\n\x1a\n" + b"\0" * 90]
)
@pytest.mark.parametrize("name", [mpii.OFFICIAL, "annot.h5", "trainval.json"])
def test_mpii_damaged_annotation_is_refused_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} is (damaged|not)"):
        list(mpii.samples(tmp_path, "trainval"))


def test_mpii_fields_of_different_lengths_are_refused(tmp_path: Path) -> None:
    write_tompson(tmp_path / "valid.h5", scale=[0.2, 0.2, 0.2])
    with pytest.raises(UserError, match=r"fields of different lengths \(imgname 2, part 2, center 2, scale 3"):
        list(mpii.samples(tmp_path, "val"))
    write_tompson(tmp_path / "valid.h5", part=np.ones((2, 14, 2)))
    with pytest.raises(UserError, match=r"`part` of shape \(2, 14, 2\): it should be N x 16 x 2"):
        list(mpii.samples(tmp_path, "val"))
    write_tompson(tmp_path / "valid.h5", center=None)
    with pytest.raises(UserError, match="has no field center"):
        list(mpii.samples(tmp_path, "val"))
