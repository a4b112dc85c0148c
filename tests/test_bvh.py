"""BVH bodies: forward kinematics of what was written gives the joints back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from core import bvh, export, skeleton
from core.errors import UserError
from core.pose import Pose

FloatArray = NDArray[np.float64]
TOLD = {"name": "compact-geo", "preset": "compact", "geometry_loss": True, "sha256": "0" * 64}

coordinates = st.floats(-1500.0, 1500.0, allow_nan=False, width=32)


def turn(axis: str, degrees: float) -> FloatArray:
    """A rotation matrix about one axis, written down here on its own so that the test shares nothing with the code."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array(
        {"X": [[1, 0, 0], [0, c, -s], [0, s, c]], "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
         "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[axis]
    )  # fmt: skip


def forward_kinematics(text: str) -> tuple[dict[str, FloatArray], float]:
    """Read a BVH file as animation programs do: {joint: (N, 3) millimetres in our axes}, and the frame time."""
    head, motion = text.split("MOTION\n")
    lines = motion.splitlines()
    count, seconds = int(lines[0].removeprefix("Frames: ")), float(lines[1].removeprefix("Frame Time: "))
    rows = np.array([[float(word) for word in line.split()] for line in lines[2:]])
    assert rows.shape[0] == count
    places: dict[str, FloatArray] = {name: np.zeros((count, 3)) for name in skeleton.JOINT_NAMES}
    for frame in range(count):
        values = iter(rows[frame])
        stack: list[tuple[FloatArray, FloatArray]] = [(np.eye(3), np.zeros(3))]
        name, offset = "", np.zeros(3)
        for line in head.splitlines()[1:]:
            words = line.split()
            if words[0] in ("ROOT", "JOINT", "End"):
                name = words[1]
            elif words[0] == "OFFSET":
                offset = np.array([float(word) for word in words[1:]])
                if name == "Site":
                    stack.append((np.eye(3), offset))
            elif words[0] == "CHANNELS":
                rotation, base = stack[-1]
                local, place = np.eye(3), offset.copy()
                for channel in words[2:]:
                    value = next(values)
                    if channel.endswith("position"):
                        place["XYZ".index(channel[0])] = value
                    else:
                        local = local @ turn(channel[0], value)
                here = base + rotation @ place
                places[name][frame] = here * (10.0, -10.0, -10.0)
                stack.append((rotation @ local, here))
            elif words[0] == "}":
                stack.pop()
        assert next(values, None) is None and len(stack) == 1
    return places, seconds


def assert_gives_back(joints_mm: FloatArray, text: str) -> None:
    places, _ = forward_kinematics(text)
    for index, name in enumerate(skeleton.JOINT_NAMES):
        wanted = joints_mm[:, index] - joints_mm[:, skeleton.ROOT]
        assert np.abs(places[name] - wanted).max() < 1.0, name


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 3), st.just(16), st.just(3)), elements=coordinates))
def test_forward_kinematics_gives_the_joints_back_within_a_millimetre(joints_mm: FloatArray) -> None:
    assert_gives_back(joints_mm, bvh.text(joints_mm, 0.04))


def test_a_body_fallen_into_one_point_and_one_upside_down_can_be_written(pose: Pose) -> None:
    for joints_mm in (np.zeros((1, 16, 3)), pose.joints_mm[None] * (1, -1, -1), pose.joints_mm[None] * (-1, 1, -1)):
        assert_gives_back(joints_mm, bvh.text(joints_mm, 0.04))


def test_the_offsets_of_a_single_pose_are_its_bone_lengths(pose: Pose) -> None:
    lines = [line.strip() for line in bvh.text(pose.joints_mm[None], 0.04).splitlines()]
    offset = lines[lines.index("JOINT right_wrist") + 2].split()[1:]
    length = pose.geometry.bones[skeleton.BONE_INDEX["right_forearm"]].length_mm
    assert np.linalg.norm([float(word) for word in offset]) * 10 == pytest.approx(length, abs=0.01)


def test_a_slow_turn_has_no_jumps_of_a_whole_turn(pose: Pose) -> None:
    turns = [pose.joints_mm @ turn("Y", degrees).T for degrees in range(0, 720, 5)]
    text = bvh.text(np.stack(turns), 0.04)
    rows = np.array(
        [[float(word) for word in line.split()] for line in text.split("Frame Time: 0.040000\n")[1].splitlines()]
    )
    assert np.abs(np.diff(rows[:, 3:6], axis=0)).max() < 180.0


def test_the_frame_time_is_the_video_s_and_the_note_tells_what_bvh_cannot(pose: Pose, tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = [
        export.entry(pose, "walk.mp4", n, time) for n, time in enumerate((0.0, 0.04, 0.081))
    ]
    path = bvh.write(tmp_path / "walk.bvh", entries, TOLD)
    places, seconds = forward_kinematics(path.read_text())
    assert seconds == pytest.approx(0.0405)
    assert places["pelvis"].shape == (3, 3)
    note = json.loads((tmp_path / "walk.bvh.json").read_text())
    assert note["checkpoint"]["sha256"] == "0" * 64 and note["units"]["positions"] == "centimetres"
    assert "y up" in note["axes"] and note["time_s"] == [0.0, 0.04, 0.081]


def test_no_pose_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pose"):
        bvh.write(tmp_path / "a.bvh", [], TOLD)
    assert not list(tmp_path.iterdir())
