"""The switch "Refine in space" at the window: off at first, remembered, for A and B, and never mixed up."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
from app_fakes import Opener
from pytestqt.qtbot import QtBot
from video_clips import write_clip

from app.services.backend import TorchBackend

pytest_plugins = ("app_fixtures",)


def test_refining_lowers_the_geometry_loss_on_screen_and_moves_no_joint_in_the_picture(
    open_window: Opener, qtbot: QtBot
) -> None:
    sample = Path(str(resources.files("resources"))) / "samples" / "sitting.jpg"
    window = open_window(sample, TorchBackend())
    plain = window.state.pose
    assert plain is not None and not plain.refined and not window.actions_by_key["refine"].isChecked()
    window.actions_by_key["refine"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.refined, timeout=20_000)
    bent = window.state.pose
    assert bent is not None
    np.testing.assert_array_equal(bent.joints_px, plain.joints_px)
    assert bent.geometry.loss < plain.geometry.loss
    shown = window.bones.model.index(0, 1).data()
    assert shown == f"{bent.geometry.bones[0].length_mm:.0f}"
    assert window.statusBar().model.text() == "compact-geo, refined"
    window.actions_by_key["refine"].trigger()
    qtbot.waitUntil(lambda: window.state.pose is not None and not window.state.pose.refined, timeout=20_000)
    assert window.state.pose.geometry.loss == plain.geometry.loss


def test_refining_is_remembered_and_model_b_refines_too(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    first = open_window(photo)
    first.actions_by_key["refine"].trigger()
    first.close()
    window = open_window(photo)
    assert window.actions_by_key["refine"].isChecked()
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.comparing.pose is not None)
    assert window.state.pose is not None and window.state.pose.refined
    assert window.comparing.pose is not None and window.comparing.pose.refined


def test_a_videos_refined_poses_are_kept_apart_from_the_others(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    window = open_window(write_clip(tmp_path / "walk.mp4", 6))
    playback = window.session.playback

    def is_computed() -> bool:
        return playback.track is not None and bool(playback.track.known.all()) and not playback.running

    qtbot.waitUntil(is_computed)
    plain = playback.track
    window.actions_by_key["refine"].trigger()
    assert playback.track is not plain
    qtbot.waitUntil(is_computed)
    assert playback.track is not None and plain is not None
    poses = [(playback.track.get(frame), plain.get(frame)) for frame in range(6)]
    assert all(bent is not None and bent.refined for bent, _ in poses)
    assert all(pose is not None and not pose.refined for _, pose in poses)
    window.actions_by_key["refine"].trigger()
    assert playback.track is plain and not playback.running
