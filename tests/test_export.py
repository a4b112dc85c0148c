"""Files of poses: to the contract's letter, and whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import errno
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from conftest import ROOT, gradient

from core import export, figure, geometry, skeleton
from core.errors import UserError
from core.pose import Pose

TOLD = {"name": "compact-geo", "preset": "compact", "geometry_loss": True, "sha256": "0" * 64}


def schema() -> dict[str, Any]:
    return json.loads((resources.files("resources") / "poses.schema.json").read_text(encoding="utf-8"))


def test_the_json_is_what_the_schema_says(pose: Pose, tmp_path: Path) -> None:
    failed = [export.failure("gone.jpg", UserError("gone.jpg does not exist", "check the name"))]
    entries = [export.entry(pose, "a.jpg"), export.entry(pose, "walk.mp4", 7, 0.28)]
    path = export.write_json(tmp_path / "poses.json", entries, TOLD, failed)
    content = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(content, schema())
    assert content["schema"] == "bonesight.poses/1"
    assert content["joint_names"] == list(skeleton.JOINT_NAMES)
    assert content["poses"][1]["frame"] == 7 and content["poses"][0]["time_s"] is None
    assert content["failed"][0]["what_to_do"] == "check the name"


def test_an_entry_says_what_the_pose_says(pose: Pose) -> None:
    item = export.entry(pose, "a.jpg")
    np.testing.assert_allclose(item["joints_px"], pose.joints_px, atol=0.005)
    np.testing.assert_allclose(item["joints_mm"], pose.joints_mm, atol=0.005)
    np.testing.assert_allclose(item["confidence"], pose.confidence, atol=5e-5)
    assert [bone["name"] for bone in item["bones"]] == list(skeleton.BONE_NAMES)
    assert item["joints_mm"][skeleton.PELVIS] == [0.0, 0.0, 0.0]
    assert item["geometry"]["loss"] == pytest.approx(sum(item["geometry"]["groups"].values()), abs=1e-5)


def test_a_pose_that_is_not_finite_is_never_written(pose: Pose) -> None:
    with pytest.raises(ValueError, match="not finite"):
        export.entry(dataclasses.replace(pose, joints_mm=np.full((16, 3), np.nan)), "a.jpg")


def test_a_file_name_that_is_no_unicode_still_gives_valid_json(pose: Pose, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    path = export.write_json(tmp_path / "poses.json", [export.entry(pose, name)], TOLD)
    assert json.loads(path.read_text(encoding="utf-8"))["poses"][0]["input"].startswith("caf")


def test_the_csv_has_a_row_per_joint_and_units_in_its_header(pose: Pose, tmp_path: Path) -> None:
    path = export.write_csv(tmp_path / "poses.csv", [export.entry(pose, "a, b.jpg")], TOLD)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    assert {"x_px", "y_px", "confidence_0_to_1", "x_mm", "y_mm", "z_mm"} <= rows[0].keys()
    assert rows[0]["input"] == "a, b.jpg" and rows[6]["joint"] == "pelvis"
    assert float(rows[3]["x_px"]) == pytest.approx(pose.joints_px[3, 0], abs=0.005)
    note = json.loads((tmp_path / "poses.csv.json").read_text(encoding="utf-8"))
    assert note["checkpoint"] == TOLD and "z away" in note["axes"] and "millimetres" in note["units"]["joints_mm"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_npz_opens_without_pickle(pose: Pose, tmp_path: Path, count: int) -> None:
    entries = [export.entry(pose, f"{number}.jpg") for number in range(count)]
    path = export.write_npz(tmp_path / "poses.npz", entries, TOLD)
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["joints_mm"].shape == (count, 16, 3)
        assert arrays["bone_length_mm"].shape == (count, 14)
        assert list(arrays["joint_names"]) == list(skeleton.JOINT_NAMES)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert export.write_atomically(tmp_path / "a" / "b" / "c.json", b"{}").read_bytes() == b"{}"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "poses.json"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        export.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match="could not be written"):
        export.write_atomically(file / "poses.json", b"{}")
    with pytest.raises(UserError, match="is a folder"):
        export.write_atomically(tmp_path, b"{}")

    def read_only(*_args: object, **_options: object) -> tuple[int, str]:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    with pytest.raises(UserError, match="Read-only"):
        export.write_atomically(tmp_path / "poses.json", b"{}")


def test_exports_can_be_read_by_others_like_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    written = export.write_atomically(tmp_path / "poses.json", b"{}")
    assert written.stat().st_mode == plain.stat().st_mode


def lying(pose: Pose) -> Pose:
    """The same body turned by a quarter about the optical axis."""
    joints_mm = pose.joints_mm[:, [1, 0, 2]] * (1, -1, 1)
    return dataclasses.replace(pose, joints_mm=joints_mm, geometry=geometry.report(joints_mm))


def test_a_figure_is_drawn_of_any_body_and_any_name(pose: Pose, tmp_path: Path) -> None:
    shown = dataclasses.replace(pose, confidence=np.linspace(0, 1, 16), checkpoint_name="compact-geo")
    for number, body in enumerate((shown, lying(shown))):
        name = f"price $5$ {'long ' * 30}人.jpg" if number else "a.jpg"
        path = figure.write_figure(tmp_path / f"{number}.png", gradient(320, 400), body, name)
        picture = cv2.imread(str(path))
        assert picture is not None and picture.shape == (980, 1750, 3)


def test_nothing_of_a_figure_is_cut_off(pose: Pose) -> None:
    for body in (pose, lying(pose)):
        drawn = figure.draw(gradient(320, 400), body, "a.jpg")
        renderer = drawn.canvas.get_renderer()  # type: ignore[attr-defined]
        page = drawn.bbox
        for axes in drawn.axes:
            tight = axes.get_tightbbox(renderer)
            assert page.x0 <= tight.x0 and tight.x1 <= page.x1 and page.y0 <= tight.y0 and tight.y1 <= page.y1
        for axes, across in zip(drawn.axes[1:3], (0, 2), strict=True):
            low, high = sorted(axes.get_xlim())
            assert low < body.joints_mm[:, across].min() and body.joints_mm[:, across].max() < high
            low, high = sorted(axes.get_ylim())
            assert low < body.joints_mm[:, 1].min() and body.joints_mm[:, 1].max() < high


def test_drawing_does_not_touch_pyplot() -> None:
    code = "import sys, core.figure; sys.exit('matplotlib.pyplot' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0
