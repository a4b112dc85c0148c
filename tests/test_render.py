"""Promises of the renderer: exact truth, the same pictures for the same seed, splits that share nobody."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from rendering import MOCAP, renderer_or_skip

from core.errors import UserError
from core.predictor import STATURE_PER_BONE_SUM
from core.skeleton import BONE_ENDS, BONE_NAMES, JOINT_INDEX, LEFT_RIGHT_BONES, ROOT
from train.render import camera, command, pose_sampling, renderer, scene, shards
from train.render.body import TO_BODY_AXES, BodyModel
from train.render.pose_sampling import Split
from train.render.renderer import RenderConfig, Rendered, Renderer
from train.render.rig import OFFSETS_M, globals_of

COUNT = 10


@cache
def _body() -> BodyModel:
    return BodyModel()


@pytest.fixture(scope="module")
def people() -> Renderer:
    return renderer_or_skip(RenderConfig(seed=3, poses=MOCAP))


@pytest.fixture(scope="module")
def pictures(people: Renderer) -> list[tuple[Rendered, np.ndarray]]:
    return [(people.render(index), people.silhouette()) for index in range(COUNT)]


def test_the_same_seed_and_index_give_the_same_picture_in_any_order(
    people: Renderer, pictures: list[tuple[Rendered, np.ndarray]]
) -> None:
    for index in (7, 2):
        again, first = people.render(index), pictures[index][0]
        assert np.array_equal(again.image, first.image)
        assert np.array_equal(again.joints_mm, first.joints_mm)
    assert not np.array_equal(pictures[0][0].image, pictures[1][0].image)


def test_another_seed_gives_another_picture(people: Renderer, pictures: list[tuple[Rendered, np.ndarray]]) -> None:
    config = people.config
    try:
        people.config = replace(config, seed=4)
        assert not np.array_equal(people.render(0).joints_px, pictures[0][0].joints_px)
    finally:
        people.config = config


def test_joints_and_limb_middles_lie_inside_the_drawn_person(pictures: list[tuple[Rendered, np.ndarray]]) -> None:
    inside = []
    for picture, mask in pictures:
        points = np.concatenate([picture.joints_px, picture.joints_px[BONE_ENDS].mean(axis=1)])
        height, width = mask.shape
        seen = points[((points >= 0) & (points < (width, height))).all(axis=1)].astype(int)
        # the skull's top joint lies on the edge: allow a pixel around each point
        grown = mask | np.roll(mask, 1, 0) | np.roll(mask, -1, 0) | np.roll(mask, 1, 1) | np.roll(mask, -1, 1)
        inside += list(grown[seen[:, 1], seen[:, 0]])
    assert np.mean(inside) > 0.97


def test_pixels_are_the_projection_of_the_millimetres(pictures: list[tuple[Rendered, np.ndarray]]) -> None:
    for picture, _ in pictures:
        camera_mm = picture.joints_mm + picture.pelvis_mm
        expected = picture.view.focal_px * camera_mm[:, :2] / camera_mm[:, 2:] + picture.view.centre_px
        assert np.allclose(expected, picture.joints_px, atol=1e-6)
        assert np.allclose(picture.joints_mm[ROOT], 0.0)
        assert (camera_mm[:, 2] > 500.0).all()
        width, height = picture.image.shape[1], picture.image.shape[0]
        inside = ((picture.joints_px >= 0) & (picture.joints_px < (width, height))).all(axis=1)
        assert np.array_equal(picture.visible, inside)
        assert picture.visible.sum() >= camera.FEWEST


def test_bones_have_human_lengths_and_agree_left_and_right(pictures: list[tuple[Rendered, np.ndarray]]) -> None:
    for picture, _ in pictures:
        ends = picture.joints_mm[BONE_ENDS]
        lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
        for right, left in LEFT_RIGHT_BONES:
            # collar bones move: a shrugged shoulder is nearer to the neck
            room = 45.0 if "collar" in BONE_NAMES[right] else 1.0
            assert lengths[right] == pytest.approx(lengths[left], abs=room)
        assert 2000.0 < lengths.sum() < 5200.0
        assert (lengths > 40.0).all()


def test_stature_per_bone_sum_is_what_the_predictor_believes() -> None:
    body = _body()
    rest = globals_of(np.tile([0.0, 0.0, 0.0, 1.0], (19, 1)))
    ratios = []
    for number in range(60):
        phenotype = renderer.phenotype_of(number)
        if phenotype["age"] < 0.6:
            continue
        shape = body.shape(phenotype)
        ends = body.pose(shape, rest).joints_m[BONE_ENDS]
        ratios.append(shape.stature_m / np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum())
        assert 1.3 < shape.stature_m < 2.15
    assert np.mean(ratios) == pytest.approx(STATURE_PER_BONE_SUM, rel=0.03)


def test_limbs_point_where_the_motion_capture_says() -> None:
    body, random = _body(), np.random.default_rng(0)
    poses = pose_sampling.load(MOCAP, "train")
    limbs = (
        (16, "left_hip", "left_knee"), (17, "left_knee", "left_ankle"), (20, "right_hip", "right_knee"),
        (21, "right_knee", "right_ankle"), (7, "left_shoulder", "left_elbow"), (8, "left_elbow", "left_wrist"),
        (12, "right_shoulder", "right_elbow"), (13, "right_elbow", "right_wrist"),
    )  # fmt: skip
    worst = 0.0
    for number in range(12):
        rotations, _, _ = pose_sampling.draw(random, poses)
        posed = body.pose(body.shape(renderer.phenotype_of(number)), rotations)
        for part, start, end in limbs:
            said = TO_BODY_AXES @ rotations[part] @ OFFSETS_M[part + 1]
            drawn = posed.joints_m[JOINT_INDEX[end]] - posed.joints_m[JOINT_INDEX[start]]
            cosine = said @ drawn / np.linalg.norm(said) / np.linalg.norm(drawn)
            worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    assert worst < 1.0


def test_left_is_the_subjects_left_and_up_is_up() -> None:
    body = _body()
    rest = globals_of(np.tile([0.0, 0.0, 0.0, 1.0], (19, 1)))
    joints = body.pose(body.shape({}), rest).joints_m
    assert joints[JOINT_INDEX["left_wrist"], 0] > 0.4 > -0.4 > joints[JOINT_INDEX["right_wrist"], 0]
    assert joints[JOINT_INDEX["head_top"], 2] > joints[JOINT_INDEX["thorax"], 2] > joints[JOINT_INDEX["left_ankle"], 2]


@pytest.mark.skipif(MOCAP is None, reason="the motion-capture file is not on this machine")
def test_splits_share_no_clip() -> None:
    assert MOCAP is not None
    clips = [set(pose_sampling.read(MOCAP, split).clip.tolist()) for split in get_args(Split)]
    assert all(clips)
    assert not (clips[0] & clips[1] or clips[0] & clips[2] or clips[1] & clips[2])


def test_splits_share_no_body_and_no_photograph(tmp_path: Path) -> None:
    bases = sorted(renderer._BODY_BASE.values())
    assert all(after - before >= renderer.BODIES for before, after in zip(bases, bases[1:], strict=False))
    assert renderer.phenotype_of(bases[0]) != renderer.phenotype_of(bases[1])
    for number in range(40):
        (tmp_path / f"house_{number:02d}.jpg").write_bytes(b"")
    found = [set(scene.open_backgrounds(tmp_path, *share).files["house"]) for share in renderer._PHOTO_SHARE.values()]
    assert all(found) and not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])


def test_poses_are_drawn_without_a_file() -> None:
    random = np.random.default_rng(0)
    rotations, clip, action = pose_sampling.draw(random, pose_sampling.load(None, "val"))
    assert clip == -1 and action
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-6)


def test_a_set_goes_on_where_it_stopped_and_mends_a_cut_shard(
    people: Renderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD", 2)
    monkeypatch.setattr(shards, "Renderer", lambda config: people)
    config = people.config
    assert shards.write(config, tmp_path, 5) == 5
    first, second, third = sorted(tmp_path.glob("shard-*.npz"))
    with np.load(third) as shard:
        assert shard["joints_px"].shape == (1, 16, 2)
        assert shard["offset"][-1] == len(shard["jpeg"])
    kept = first.stat().st_mtime_ns
    whole = second.read_bytes()
    second.write_bytes(whole[: len(whole) // 2])
    assert shards.write(config, tmp_path, 5) == 2
    assert first.stat().st_mtime_ns == kept
    assert shards.decode(second, 1).shape == (256, 256, 3)
    assert shards.write(config, tmp_path, 5) == 0
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("shard-")]
    with pytest.raises(UserError, match="other settings"):
        shards.write(replace(config, seed=99), tmp_path, 5)
    command.write_sheet(tmp_path / "sheet.png", first)
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_wrong_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = ["--out", str(tmp_path / "set")]
    with pytest.raises(UserError):
        command.run(parser.parse_args([*out, "--count", "0"]))
    with pytest.raises(UserError):
        command.run(parser.parse_args([*out, "--count", "1", "--poses", str(tmp_path / "none.npz")]))
    with pytest.raises(UserError):
        scene.open_backgrounds(tmp_path)
    (tmp_path / "poses.npz").write_bytes(b"no")
    with pytest.raises(UserError):
        pose_sampling.load(tmp_path / "poses.npz", "train")
