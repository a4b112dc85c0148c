"""Two poses side by side: hand-worked numbers, promises for any pose, the command, its files and its figure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from conftest import RunMain, write_random_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from poses import STANDING_MM, make_pose

import main
from core import checkpoint, export_comparison, media, skeleton
from core.compare import compare
from core.compare_many import bin_edges, summarise
from core.made import Made
from core.pose import Pose
from core.predictor import Predictor
from core.reading import Reading

TOLD = {"name": "own", "preset": "compact", "geometry_loss": True, "sha256": "0" * 64}

INDEX = skeleton.JOINT_INDEX


def moved(joint: str, by_mm: tuple[float, float, float]) -> Pose:
    joints = STANDING_MM.copy()
    joints[INDEX[joint]] += by_mm
    return make_pose(joints_mm=joints)


def test_every_joint_hangs_on_the_bone_towards_the_pelvis() -> None:
    parents = {
        name: None if bone is None else skeleton.BONE_NAMES[bone]
        for name, bone in zip(skeleton.JOINT_NAMES, skeleton.PARENT_BONE, strict=True)
    }
    assert parents["pelvis"] is parents["thorax"] is None
    assert parents["left_wrist"] == "left_forearm" and parents["left_elbow"] == "left_upper_arm"
    assert parents["left_shoulder"] == "left_collar" and parents["upper_neck"] == "torso"
    assert parents["head_top"] == "head" and parents["right_hip"] == "right_hip_bone"
    assert parents["right_knee"] == "right_thigh" and parents["right_ankle"] == "right_shank"


def test_hand_worked_a_hand_moved_by_3_4_12_cm() -> None:
    # 30, 40, 120 mm: 130 mm in space; across the picture 50 mm at 304 px per 2000 mm, 0.152 px a mm: 7.6 px.
    found = compare(make_pose(), moved("left_wrist", (30, 40, 120)))
    wrist = found.joints[INDEX["left_wrist"]]
    assert wrist.distance_mm == pytest.approx(130.0)
    assert wrist.distance_px == pytest.approx(7.6)
    before, after = np.array([30, 245, -100.0]), np.array([60, 285, 20.0])
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert wrist.angle_degrees == pytest.approx(np.degrees(np.arccos(cosine)))
    assert found.worst_first[0].name == "left_wrist"
    assert found.mean_mm == pytest.approx(130.0 / 16)
    still = [joint for joint in found.joints if joint.name != "left_wrist"]
    assert all(joint.distance_mm == 0 and not joint.angle_degrees for joint in still)
    forearm = found.bones[skeleton.BONE_INDEX["left_forearm"]]
    assert forearm.length_mm == pytest.approx(np.linalg.norm(after) - np.linalg.norm(before))
    assert "left wrist, by 130 mm" in found.sentence()


def test_a_pelvis_elsewhere_makes_no_difference_in_millimetres() -> None:
    shifted = make_pose(joints_mm=STANDING_MM + (100.0, -50.0, 30.0))
    found = compare(make_pose(), shifted)
    assert max(joint.distance_mm for joint in found.joints) == pytest.approx(0.0, abs=1e-9)
    assert min(joint.distance_px for joint in found.joints) > 10


def test_a_bone_without_length_has_no_angle() -> None:
    joints = STANDING_MM.copy()
    joints[INDEX["left_wrist"]] = joints[INDEX["left_elbow"]]
    found = compare(make_pose(), make_pose(joints_mm=joints))
    assert found.joints[INDEX["left_wrist"]].angle_degrees is None
    assert np.isfinite(found.mean_degrees)


def test_poses_of_different_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="320, 400"):
        compare(make_pose((320, 400)), make_pose((200, 100)))


def random_pose(seed: int) -> Pose:
    return make_pose(joints_mm=STANDING_MM + np.random.default_rng(seed).normal(0, 80, (16, 3)))


@given(seed=st.integers(0, 500), other=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_the_other_way_round_distances_stay_and_differences_change_sign(seed: int, other: int) -> None:
    a, b = random_pose(seed), random_pose(other)
    there, back = compare(a, b), compare(b, a)
    for one, two in zip(there.joints, back.joints, strict=True):
        assert one == two
        assert one.angle_degrees is None or 0 <= one.angle_degrees <= 180
    for first, second in zip(there.bones, back.bones, strict=True):
        assert first.length_mm == pytest.approx(-second.length_mm)
        assert first.deviation_percent == pytest.approx(-second.deviation_percent)
        if first.left_right_percent is not None:
            assert first.left_right_percent == pytest.approx(-(second.left_right_percent or 0.0))
    assert (there.mean_mm == 0) == (seed == other)


@given(seed=st.integers(0, 500), angle=st.floats(0.0, 180.0), scale=st.floats(0.5, 2.0))
@settings(max_examples=25, deadline=None)
def test_a_body_turned_by_an_angle_shows_at_most_that_angle_at_any_size(seed: int, angle: float, scale: float) -> None:
    pose = random_pose(seed)
    turn = np.radians(angle)
    matrix = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    found = compare(pose, make_pose(joints_mm=scale * pose.joints_mm @ matrix.T))
    angles = [joint.angle_degrees for joint in found.joints if joint.angle_degrees is not None]
    assert max(angles) <= angle + 1e-6
    for bone in found.bones:
        assert bone.length_mm == pytest.approx((scale - 1) * bone.a.length_mm, abs=1e-6)
        assert bone.deviation_percent == pytest.approx(0.0, abs=1e-6)


def test_a_summary_sorts_by_difference_and_counts_everything() -> None:
    a = make_pose()
    pairs = [compare(a, moved("head_top", (0, 0, by))) for by in (16.0, 160.0, 0.0, 80.0)]
    found = summarise(pairs)
    assert found.order == (1, 3, 0, 2)
    assert found.mean_mm == pytest.approx((1 + 10 + 0 + 5) / 4)
    assert found.joint_mm[INDEX["head_top"]] == pytest.approx((16 + 160 + 80) / 4)
    assert found.deviation[0].counts().sum() == 4 * skeleton.BONE_COUNT
    assert found.asymmetry[1].counts().sum() == 4 * len(skeleton.LIMBS)
    assert len(found.asymmetry[1].counts()) == len(bin_edges()) - 1
    head = [abs(pair.bones[skeleton.BONE_INDEX["head"]].b.deviation_percent) for pair in pairs]
    assert max(head) in found.deviation[1].values


def test_what_is_beyond_the_last_bin_is_counted_in_it() -> None:
    joints = STANDING_MM.copy()
    joints[INDEX["left_wrist"]] = joints[INDEX["left_elbow"]] + (0, 900, 0)
    found = summarise([compare(make_pose(), make_pose(joints_mm=joints))])
    assert found.asymmetry[1].values.max() > bin_edges()[-1]
    assert found.asymmetry[1].counts()[-1] == 1


def test_an_entry_says_whether_the_skeletons_were_refined() -> None:
    plain, bent = make_pose(), dataclasses.replace(make_pose(), made=Made(refined=True))
    for pose in (plain, bent):
        found = (compare(pose, pose),)
        item = export_comparison.entry((pose, pose), found, "a.jpg")
        content = export_comparison.document([item], [found], (TOLD, TOLD))
        jsonschema.validate(content, schema())
        assert item["refined"] is pose.refined


def test_a_summary_of_nothing_is_empty() -> None:
    found = summarise([])
    assert found.count == 0 and found.order == () and found.mean_mm == 0 and found.deviation[0].mean == 0


# The command


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a second checkpoint, of other random weights."""
    path = tmp_path_factory.mktemp("others") / "other.safetensors"
    return write_random_weights(path, 1, geometry_loss=False, record={})


def schema() -> Any:
    found = json.loads((resources.files("resources") / "comparison.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def document(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(content, schema())
    return content


def test_compare_prints_tables_and_writes_json_and_figure(
    run_main: RunMain, weights: Path, others: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    pictures, out, figures = (
        [write_picture("in/a.jpg"), write_picture("in/b.jpg", 200, 120)],
        tmp_path / "o.json",
        tmp_path,
    )
    words = ("--a", weights, "--b", others, "--json", out, "--figure", figures, "--no-flip", "--device", "cpu")
    done = run_main("compare", pictures[0].parent, tmp_path / "gone.jpg", *words)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[0].startswith("gone.jpg does not exist") or "gone.jpg" in done.stderr
    for told in ("A: random, B: other", "degrees", "length mm", "B-A", "where they differ most", "2 comparisons"):
        assert told in done.stdout
    content = document(out)
    assert [content["checkpoints"][side]["name"] for side in "ab"] == ["random", "other"]
    assert [Path(item["input"]).name for item in content["comparisons"]] == ["a.jpg", "b.jpg"]
    assert content["summary"]["count"] == 2 and len(content["summary"]["most_different"]) == 2
    means = [row["distance_mm"] for row in content["summary"]["most_different"]]
    assert means == sorted(means, reverse=True)
    assert Path(content["failed"][0]["input"]).name == "gone.jpg"
    for name in ("a", "b"):
        drawn = cv2.imread(str(figures / f"{name}-compare.png"))
        assert drawn is not None and drawn.shape[:2] == (980, 1750)


def test_both_models_look_at_the_box_that_a_found(
    weights: Path, others: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    picture, out = write_picture(), tmp_path / "o.json"
    words = ["--a", str(weights), "--b", str(others), "--no-flip", "--json", str(out)]
    assert main.main(["compare", str(picture), *words]) == 0
    item = document(out)["comparisons"][0]
    image = media.read_picture(picture)
    a = Predictor(checkpoint.load(weights), reading=Reading(mirror=False)).predict(image)
    b = Predictor(checkpoint.load(others), reading=Reading(mirror=False)).predict(image, a.box_px)
    assert item["located_by"] == "search"
    np.testing.assert_allclose(item["box_px"], a.box_px, atol=0.01)
    np.testing.assert_allclose(item["a"]["joints_mm"], a.joints_mm, atol=0.01)
    np.testing.assert_allclose(item["b"]["joints_mm"], b.joints_mm, atol=0.01)
    found = compare(a, b)
    for told, joint in zip(item["joints"], found.joints, strict=True):
        assert told["distance_mm"] == pytest.approx(joint.distance_mm, abs=0.006)


def test_a_given_box_is_used_by_both(
    weights: Path, others: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    boxes, out = tmp_path / "boxes.json", tmp_path / "o.json"
    boxes.write_text(json.dumps({"person.jpg": [10, 20, 100, 150]}))
    words = ["--a", str(weights), "--b", str(others), "--no-flip", "--json", str(out), "--boxes", str(boxes)]
    assert main.main(["compare", str(write_picture()), *words]) == 0
    item = document(out)["comparisons"][0]
    assert item["box_px"] == [10, 20, 100, 150] and item["located_by"] == "given"


def test_a_model_compared_with_itself_differs_in_nothing(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.json"
    words = ["--a", str(weights), "--b", str(weights), "--no-flip", "--json", str(out), "--box", "0,0,160,200"]
    assert main.main(["compare", str(write_picture()), *words]) == 0
    item = document(out)["comparisons"][0]
    assert item["mean"] == {"distance_px": 0, "distance_mm": 0, "angle_degrees": 0}
    assert "Both models give the same pose." in capsys.readouterr().out


def test_the_bundled_pair_has_short_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = Path(str(resources.files("resources"))) / "samples" / "waving.jpg"
    assert main.main(["compare", str(sample), "--a", "geo", "--b", "no-geo", "--no-flip"]) == 0
    assert "A: compact-geo, B: compact-no-geo" in capsys.readouterr().out


@pytest.mark.parametrize("side", ["--a", "--b"])
def test_a_checkpoint_that_is_not_there_is_wrong_use(
    side: str, weights: Path, write_picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"--a": str(weights), "--b": str(weights), side: "nonsense"}
    assert main.main(["compare", str(write_picture()), *(word for pair in words.items() for word in pair)]) == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1 and "there is no checkpoint nonsense" in shown.err and shown.out == ""


def test_nothing_that_is_read_is_written_onto(
    weights: Path, write_picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--a", str(weights), "--b", str(weights), "--json", str(weights)]
    assert main.main(["compare", str(write_picture()), *words]) == 2
    assert "is a file that is read" in capsys.readouterr().err


def test_a_video_is_followed_by_a_and_b_looks_where_a_does(weights: Path, others: Path, tmp_path: Path) -> None:
    film, out = tmp_path / "walk.mp4", tmp_path / "o.json"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 5, (120, 160))
    for shade in (40, 90, 140):
        writer.write(np.full((160, 120, 3), shade, np.uint8))
    writer.release()
    words = ["--a", str(weights), "--b", str(others), "--no-flip", "--json", str(out)]
    assert main.main(["compare", str(film), *words]) == 0
    items = document(out)["comparisons"]
    assert [item["frame"] for item in items] == [0, 1, 2]
    assert [item["time_s"] for item in items] == [0.0, 0.2, 0.4]
