"""Every protocol against numbers worked by hand, from predictions that are wrong in known ways."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core import geometry, skeleton
from train import metrics
from train.evaluation import empty, intervals, shared
from train.evaluation.collecting import Collected
from train.evaluation.command import without_nan
from train.evaluation.printing import print_figures
from train.evaluation.protocols import PROTOCOLS, human36m, mpi_inf_3dhp, mpii

FloatArray = NDArray[np.float64]
JOINT = skeleton.JOINT_INDEX

STANDING_MM: FloatArray = np.zeros((16, 3))
"""A person facing the camera; only wrists and ankles have a depth."""
for _name, _x, _y, _z in (
    ("right_ankle", -100, 850, 60), ("right_knee", -100, 430, 0), ("right_hip", -100, 0, 0), ("left_hip", 100, 0, 0),
    ("left_knee", 100, 430, 0), ("left_ankle", 100, 850, -60), ("thorax", 0, -400, 0), ("upper_neck", 0, -500, 0),
    ("head_top", 0, -700, 0), ("right_wrist", -200, 0, -200), ("right_elbow", -200, -220, 0),
    ("right_shoulder", -200, -450, 0), ("left_shoulder", 200, -450, 0), ("left_elbow", 200, -220, 0),
    ("left_wrist", 200, 0, 200),
):  # fmt: skip
    STANDING_MM[JOINT[_name]] = _x, _y, _z
BONE_SUM_MM = float(geometry.bone_lengths(STANDING_MM).sum())


def row(name: str = "a", **changes: Any) -> dict[str, Any]:
    """Make one perfect prediction, 0.1 px a millimetre in a 256 px picture that is its own crop."""
    flat = STANDING_MM[:, :2] * 0.1 + 128.0
    known: dict[str, Any] = {
        "names": name, "predicted_px": flat.copy(), "truth_px": flat, "annotated": np.ones(16, bool),
        "confidence": np.full(16, 0.75), "predicted_mm": STANDING_MM.copy(), "truth_mm": STANDING_MM,
        "predicted_crop": np.column_stack([flat, STANDING_MM[:, 2] * 0.1]), "truth_crop": flat,
        "subjects": "S9", "actions": "Walking", "scenes": "outdoor", "head_px": 10.0, "whole_confidence": np.nan,
        "box_overlap": 1.0,
    }  # fmt: skip
    return {**known, **changes}


def moved(joint: str, x_mm: float = 0.0, y_mm: float = 0.0, z_mm: float = 0.0) -> FloatArray:
    out = STANDING_MM.copy()
    out[JOINT[joint]] += (x_mm, y_mm, z_mm)
    return out


def figures_of(protocol: str, *rows: dict[str, Any], bone_sum_mm: float = BONE_SUM_MM) -> dict[str, Any]:
    figures = PROTOCOLS[protocol](Collected(rows), bone_sum_mm)
    json.dumps(without_nan(figures), allow_nan=False)
    return figures


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_perfect_prediction_has_no_error(protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    figures = figures_of(protocol, row("a"), row("b"))
    assert figures["persons"] == 2 and figures["pck_0.2_torso"]["limb_joints_mean"] == 100.0
    assert figures["pck_0.2_torso"]["limb_joints_mean_95_percent"] == [100.0, 100.0]
    assert figures["pair_collapse_percent"] == {"ankles": 0.0, "wrists": 0.0}
    assert figures["left_right_swap_percent"] == 0.0
    if protocol == "human36m":
        assert figures["three_d"]["average of actions"]["mpjpe_training_scale_mm"] == pytest.approx(0.0, abs=1e-9)
    print_figures({
        "checkpoint": {"name": "n", "preset": "p"}, "data": {"title": "t"}, "protocol": "boxes",
        "left_out": {"samples": 0}, **figures,
    })  # fmt: skip
    assert "nan" not in capsys.readouterr().out


def test_human36m_averages_actions_not_frames_at_two_named_scales() -> None:
    # Walking twice with one of 16 joints 160 mm off, Sitting once perfect: (10 + 0) / 2, not (10 + 10 + 0) / 3.
    off = moved("head_top", z_mm=160.0)
    # The bone is longer now; a scale that keeps it would hide the error: give the protocol what it scales to.
    longer = float(geometry.bone_lengths(off).sum())
    rows = [row("a", predicted_mm=off), row("b", predicted_mm=off), row("c", actions="Sitting")]
    figures = figures_of("human36m", *rows, bone_sum_mm=longer)
    three_d = figures["three_d"]
    assert list(three_d) == ["average of actions", "Sitting", "Walking"]
    assert three_d["Walking"]["mpjpe_training_scale_mm"] == pytest.approx(10.0)
    grown = np.linalg.norm(STANDING_MM, axis=1).mean() * (longer / BONE_SUM_MM - 1)
    assert three_d["Sitting"]["mpjpe_training_scale_mm"] == pytest.approx(grown)
    average = three_d["average of actions"]
    assert average["mpjpe_training_scale_mm"] == pytest.approx((10.0 + grown) / 2)
    release = np.linalg.norm(STANDING_MM, axis=1).mean() * abs(4296.99 / BONE_SUM_MM - 1)
    assert three_d["Sitting"]["mpjpe_release_scale_4296.99_mm"] == pytest.approx(release)
    assert three_d["Sitting"]["n_mpjpe_mm"] == pytest.approx(0.0, abs=1e-9)
    assert three_d["Sitting"]["pa_mpjpe_mm"] == pytest.approx(0.0, abs=1e-6)
    assert human36m.RELEASE_SCALE in figures["scales"]
    low, high = average["mpjpe_training_scale_mm_95_percent"]
    assert low <= average["mpjpe_training_scale_mm"] <= high


def test_3dhp_scores_14_joints_by_scene_and_group_with_hips_moved_to_the_neck() -> None:
    hips = STANDING_MM.copy()
    for name in ("right_hip", "left_hip", "pelvis"):
        hips[JOINT[name]] = STANDING_MM[JOINT[name]] / 0.8 - 0.25 * STANDING_MM[JOINT["upper_neck"]]
    # Moved by a fifth towards the neck, these hips are the true ones: 125 mm lower, and wider by a quarter.
    assert hips[JOINT["left_hip"]].tolist() == [125.0, 125.0, 0.0]
    wrist = hips.copy()
    wrist[JOINT["left_wrist"]] += (0.0, 0.0, 151.0)
    size = float(geometry.bone_lengths(hips).sum())
    for_wrist = float(geometry.bone_lengths(wrist).sum())
    found = Collected([row(name, predicted_mm=hips, scenes="studio GS") for name in ("a", "b")])
    three_d = mpi_inf_3dhp.figures(found, size)["three_d"]
    assert three_d["all"]["pck_150_mm"] == 100.0
    assert three_d["all"]["mpjpe_training_scale_mm"] == pytest.approx(0.0, abs=1e-9)
    figures = figures_of("mpi_inf_3dhp", row("c", predicted_mm=wrist), bone_sum_mm=for_wrist)
    assert list(figures["three_d"]) == ["all", "outdoor"]
    assert figures["three_d"]["outdoor"]["pck_150_mm"] == pytest.approx(100 * 13 / 14)
    groups = figures["pck_150_mm_by_group"]["training"]
    assert list(groups) == ["head", "neck", "shoulders", "elbows", "wrists", "hips", "knees", "ankles"]
    assert groups["wrists"] == 50.0 and all(value == 100.0 for name, value in groups.items() if name != "wrists")
    assert sum(len(names) for names in mpi_inf_3dhp.GROUPS.values()) == 14


def test_3dhp_true_skeleton_scale_forgives_size_and_training_scale_does_not() -> None:
    figures = figures_of("mpi_inf_3dhp", row(predicted_mm=STANDING_MM * 3.0), bone_sum_mm=BONE_SUM_MM * 3.0)
    every = figures["three_d"]["all"]
    assert every["pck_150_mm_true_skeleton_scale"] == 100.0
    assert every["pck_150_mm"] < 40.0
    assert "true skeleton" in figures["scales"]["true_skeleton"] and "training" in figures["scales"]["training"]


def test_a_rendered_set_of_one_scene_is_measured_per_action_too() -> None:
    off = moved("left_wrist", z_mm=160.0)
    size = float(geometry.bone_lengths(off).sum())
    lab = {"scenes": "studio-lab", "predicted_mm": off}
    rows = [row("a", **lab), row("b", **lab), row("c", actions="sitting", **{**lab, "predicted_mm": STANDING_MM})]
    by_action = figures_of("rendered", *rows, bone_sum_mm=size)["by_action"]
    assert list(by_action) == ["average of actions", "Walking", "sitting"]
    assert by_action["Walking"]["mpjpe_training_scale_mm"] == pytest.approx(10.0)
    assert by_action["average of actions"]["n_mpjpe_mm"] == pytest.approx(by_action["Walking"]["n_mpjpe_mm"] / 2)
    assert "by_action" not in figures_of("rendered", row("a"), row("b", scenes="studio"))
    assert "by_action" not in figures_of("rendered", row("a", actions=""))
    grown = figures_of("rendered", row(predicted_mm=STANDING_MM * 3.0), bone_sum_mm=BONE_SUM_MM * 3.0)["three_d"]["all"]
    assert grown["pck_150_mm_true_skeleton_scale"] == 100.0 > grown["pck_150_mm"]


def test_mpii_pckh_pools_joints_and_leaves_pelvis_and_thorax_out() -> None:
    predicted = row()["predicted_px"]
    predicted[JOINT["left_wrist"]] += (5.01, 0.0)  # head size 10: right within 5
    predicted[JOINT["left_elbow"]] += (4.99, 0.0)
    predicted[[JOINT["pelvis"], JOINT["thorax"]]] += 50.0
    annotated = np.ones(16, bool)
    annotated[JOINT["right_ankle"]] = False
    rows = [row("a", predicted_px=predicted, annotated=annotated), row("b"), row("c", head_px=math.nan)]
    pckh = figures_of("mpii", *rows)["pckh_0.5"]
    assert pckh["mean"] == pytest.approx(100 * (12 + 14) / (13 + 14))
    assert pckh["per_joint"]["left_wrist"] == 50.0 and pckh["per_joint"]["right_ankle"] == 100.0
    assert pckh["per_joint"]["pelvis"] == 50.0 and pckh["persons_without_head_size"] == 1
    assert len(mpii.SCORED) == 14


def test_lsp_pck_is_relative_to_left_shoulder_and_right_hip() -> None:
    predicted = row()["predicted_px"]
    torso = math.hypot(30.0, 45.0)
    predicted[JOINT["left_knee"]] += (0.2 * torso + 0.01, 0.0)
    predicted[JOINT["right_knee"]] += (0.2 * torso - 0.01, 0.0)
    pck = figures_of("lsp", row(predicted_px=predicted))["pck_0.2_torso"]
    assert pck["per_joint"]["left_knee"] == 0.0 and pck["per_joint"]["right_knee"] == 100.0
    assert pck["limb_joints_mean"] == pytest.approx(100 * 11 / 12)
    assert pck["annotated_joints_mean"] == pytest.approx(100 * 15 / 16)


def test_geometry_validity_is_the_difference_of_left_and_right_in_mm_and_crop_px() -> None:
    arm = moved("left_wrist", y_mm=0.0, z_mm=-200.0)  # the left forearm is 220 mm now, the right one 297.3 mm
    crop = np.column_stack([row()["truth_crop"], STANDING_MM[:, 2] * 0.1])
    crop[JOINT["left_ankle"], 2] = 0.0  # shanks of 42 and 42.43 px
    validity = figures_of("lsp", row(predicted_mm=arm, predicted_crop=crop))["geometry_validity"]
    assert validity["mm"]["lower_arm"] == pytest.approx(math.hypot(220, 200) - 220)
    assert validity["mm"]["upper_arm"] == validity["mm"]["lower_leg"] == pytest.approx(0.0)
    assert validity["px_of_256_crop"]["lower_leg"] == pytest.approx(math.hypot(42, 6) - 42)
    assert validity["mm"]["mean"] == pytest.approx((math.hypot(220, 200) - 220) / 4)


def test_depth_order_counts_pairs_beyond_the_margin() -> None:
    truth, predicted = np.zeros((1, 16, 3)), np.zeros((1, 16, 3))
    truth[0, :3, 2] = 0.0, 51.0, 200.0
    predicted[0, :3, 2] = 0.0, -1.0, 10.0
    right, total = metrics.depth_order(predicted, truth, 50.0, (0, 1, 2))
    assert (right.tolist(), total.tolist()) == ([2], [3])  # 0 before 1 is wrong
    assert metrics.depth_order(predicted, truth, 51.0, (0, 1, 2))[1].tolist() == [2]
    order = figures_of("rendered", row())["depth_order"]
    # Wrists at -200 and 200 and ankles at -60 and 60 against 12 joints at 0 and each other: 4 x 12 + 6.
    assert (order["pairs"], order["right_percent"], order["margin_mm"]) == (54, 100.0, 50.0)
    mirrored = row(predicted_mm=STANDING_MM * [1, 1, -1])
    assert figures_of("rendered", mirrored)["depth_order"]["right_percent"] == 0.0


def test_the_error_is_split_between_2d_and_depth() -> None:
    wrong_depth = np.column_stack([row()["truth_crop"], np.zeros(16)])
    split = figures_of("rendered", row(predicted_crop=wrong_depth))["error_split"]
    assert split["own_2d_true_depth"]["mpjpe_training_scale_mm"] == pytest.approx(0.0, abs=1e-9)
    assert split["true_2d_true_depth"]["n_mpjpe_mm"] == pytest.approx(0.0, abs=1e-9)
    assert split["true_2d_own_depth"] == split["own_2d_own_depth"]
    flat = metrics.scaled(STANDING_MM[None] * [1.0, 1.0, 0.0], BONE_SUM_MM)
    expected = metrics.mpjpe(flat, STANDING_MM[None])[0]
    assert split["true_2d_own_depth"]["mpjpe_training_scale_mm"] == pytest.approx(expected)
    wrong_2d = np.column_stack([row()["truth_crop"] + np.eye(16, 2) * 9.0, STANDING_MM[:, 2] * 0.1])
    split = figures_of("rendered", row(predicted_crop=wrong_2d))["error_split"]
    assert split["true_2d_own_depth"]["n_mpjpe_mm"] == pytest.approx(0.0, abs=1e-9) != split["own_2d_own_depth"]


def test_the_error_split_moves_the_hips_of_3dhp_only_where_they_are_the_networks_own() -> None:
    # The network puts the neck 100 mm farther away: own hips and pelvis follow by a fifth, 20 mm, and the pelvis is the
    # root, so 11 joints are 20 mm off, the neck 80, the hips not at all.
    far = row()["predicted_crop"]
    far[JOINT["upper_neck"], 2] += 10.0
    size = float(geometry.bone_lengths(moved("upper_neck", z_mm=100.0)).sum())
    split = figures_of("mpi_inf_3dhp", row(predicted_crop=far), bone_sum_mm=size)["error_split"]
    depth_alone = split["true_2d_own_depth"]["mpjpe_training_scale_mm"]
    assert depth_alone == pytest.approx((11 * 20 + 80) / 14)
    # Own x and y are true here: their hips, 0.2 of 500 mm higher now, take 12 joints 100 mm down, and end themselves
    # 100 / 5 = 20 mm nearer to the middle.
    both = (11 * math.hypot(20, 100) + math.hypot(80, 100) + 2 * 20) / 14
    assert split["own_2d_own_depth"]["mpjpe_training_scale_mm"] == pytest.approx(both)
    split = figures_of("mpi_inf_3dhp", row())["error_split"]
    assert split["true_2d_true_depth"]["mpjpe_training_scale_mm"] == pytest.approx(0.0, abs=1e-9)
    assert split["own_2d_true_depth"]["mpjpe_training_scale_mm"] == pytest.approx((12 * 100 + 2 * 20) / 14)


def test_the_whole_of_the_error_split_is_the_protocols_own_error() -> None:
    off = row()["predicted_crop"] + np.eye(16, 3) * 9.0
    lifted = metrics.scaled(metrics.root_aligned(off[None]), BONE_SUM_MM)[0]
    for protocol in ("rendered", "mpi_inf_3dhp"):
        figures = figures_of(protocol, row(predicted_crop=off, predicted_mm=lifted))
        whole = figures["error_split"]["own_2d_own_depth"]
        assert whole == pytest.approx({name: figures["three_d"]["all"][name] for name in whole})


def test_calibration_error_is_the_mean_gap_over_ten_bins() -> None:
    confidence = np.array([0.95, 0.95, 0.35, 0.35, 0.35, 1.0])
    right = np.array([True, False, False, False, True, True])
    found = metrics.reliability(confidence, right)
    assert found.count.tolist() == [0, 0, 0, 3, 0, 0, 0, 0, 0, 3]
    assert found.accuracy[3] == pytest.approx(1 / 3) and found.confidence[9] == pytest.approx(2.9 / 3)
    assert found.error == pytest.approx((abs(3 * 0.35 - 1) + abs(2.9 - 2)) / 6)
    # 16 joints of confidence 0.75, all right.
    calibration = figures_of("lsp", row())["calibration"]
    assert calibration["expected_calibration_error"] == pytest.approx(0.25) and calibration["joints"] == 16
    assert calibration["expected_calibration_error_95_percent"] == pytest.approx([0.25, 0.25])
    table = calibration["reliability"]
    assert len(table) == 10 and (table[7]["joints"], table[7]["share_right"]) == (16, 1.0)
    assert table[7]["share_right_95_percent"] == [1.0, 1.0] and table[0]["share_right_95_percent"] is None


def test_roc_area_counts_how_often_people_score_higher() -> None:
    assert metrics.roc_auc(np.array([0.9, 0.5]), np.array([0.5, 0.1, 0.2])) == pytest.approx(5.5 / 6)
    rows = [row("a", whole_confidence=0.9), row("b", whole_confidence=0.5)]
    figures = empty.figures(Collected(rows), [0.5, 0.1, 0.2], Path("nobody"), everything=True)
    assert figures["roc_auc"] == pytest.approx(5.5 / 6) and figures["pictures"] == 3
    assert figures["mean_confidence_people"] == pytest.approx(0.7)
    assert figures["roc_auc_people_in_their_boxes"] == 1.0  # 0.75 in their boxes


def test_nobody_with_a_torso_gives_no_number_and_no_nan() -> None:
    annotated = np.zeros(16, bool)
    annotated[:3] = True
    figures = without_nan(figures_of("mpii", row(annotated=annotated, head_px=math.nan)))
    assert figures["pck_0.2_torso"]["limb_joints_mean"] is None and figures["pckh_0.5"]["mean"] is None
    assert figures["pckh_0.5"]["mean_95_percent"] is None
    assert figures["calibration"]["expected_calibration_error"] is None


def test_intervals_are_over_persons_and_shrink_with_their_number() -> None:
    few, many = np.tile([0.0, 10.0], 5), np.tile([0.0, 10.0], 500)
    for values in (few, many):
        low, high = intervals.of_mean(values) or [0.0, 0.0]
        # The mean of n draws of 0 and 10 has a standard deviation of 5 / sqrt(n).
        assert (high - low) == pytest.approx(2 * 1.96 * 5 / math.sqrt(len(values)), rel=0.25)
        assert low < 5.0 < high
    assert intervals.of_ratio(np.array([1, 1]), np.array([2, 2])) == [50.0, 50.0]
    assert intervals.of_mean_of_groups(np.array([1.0, 1.0, 4.0]), np.array(["a", "a", "b"])) is not None
    assert shared.mean_known(np.array([1.0, np.nan, 3.0])) == 2.0
