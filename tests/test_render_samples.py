"""The bundled samples: complete, light, and with truth that lies on the person."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.skeleton import BONE_ENDS, BONE_NAMES, JOINT_NAMES, LEFT_RIGHT_BONES, ROOT

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "samples"


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((FOLDER / "samples.json").read_text())


def test_there_are_six_samples_or_more_and_each_is_light(record: dict) -> None:
    assert record["schema"] == "bonesight.samples/1"
    assert record["joint_names"] == list(JOINT_NAMES)
    assert len(record["samples"]) >= 6
    for sample in record["samples"]:
        path = FOLDER / sample["file"]
        assert path.stat().st_size < 150_000
        assert cv2.imread(str(path)).shape == (700, 900, 3)


def test_sample_truth_fits_its_picture(record: dict) -> None:
    for sample in record["samples"]:
        joints_px, joints_mm = np.array(sample["joints_px"]), np.array(sample["joints_mm"])
        x, y, width, height = sample["box_px"]
        assert joints_px.shape == (16, 2) and joints_mm.shape == (16, 3)
        assert np.allclose(joints_mm[ROOT], 0.0)
        # the skull's top joint may stick out by a hair
        assert (joints_px > (x - 4, y - 4)).all() and (joints_px < (x + width + 4, y + height + 4)).all()
        ends = joints_mm[BONE_ENDS]
        lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
        for right, left in LEFT_RIGHT_BONES:
            # collar bones move: a shrugged shoulder is nearer to the neck
            room = 45.0 if "collar" in BONE_NAMES[right] else 1.0
            assert lengths[right] == pytest.approx(lengths[left], abs=room)


def test_samples_show_a_person_upside_down_and_one_sitting(record: dict) -> None:
    joints = {sample["file"]: np.array(sample["joints_mm"]) for sample in record["samples"]}
    head, ankle = JOINT_NAMES.index("head_top"), JOINT_NAMES.index("left_ankle")
    hip, knee = JOINT_NAMES.index("left_hip"), JOINT_NAMES.index("left_knee")
    assert any(pose[head, 1] > pose[ankle, 1] + 800.0 for pose in joints.values())
    assert any(abs(pose[knee, 1] - pose[hip, 1]) < 200.0 for pose in joints.values())
