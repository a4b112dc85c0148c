"""Promises of the bundled pose prior: small, credited, human, and apart between splits."""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from train.render import anatomy, families, fit_prior, pose_sampling, prior, rig
from train.render.pose_sampling import PoseSource, Split

RESOURCE = importlib.resources.files("resources").joinpath(prior.RESOURCE)


def test_the_prior_is_small_and_says_where_its_poses_come_from() -> None:
    with RESOURCE.open("rb") as file:
        assert len(file.read()) < 1_000_000
    with RESOURCE.open("rb") as file, np.load(file) as stored:
        about = json.loads(str(stored["about"]))
        assert max(array.shape[0] for array in (stored[name] for name in stored.files) if array.ndim) < 500
    assert "mocap.cs.cmu.edu" in about["credit"] and "NSF EIA-0196217" in about["credit"]
    assert set(about["splits"]) == set(get_args(Split))


@pytest.mark.parametrize("split", get_args(Split))
def test_sampled_poses_keep_to_the_limits_and_out_of_the_body(split: Split) -> None:
    model, random = prior.load(split), np.random.default_rng(1)
    poses = [model.pick(random)[0] for _ in range(60)]
    assert np.mean([anatomy.is_possible(pose) and model.within_limits(pose) for pose in poses]) > 0.97
    again = np.random.default_rng(1)
    assert np.array_equal(poses[0], model.pick(again)[0])
    spread = np.std([rig.positions_of(rig.globals_of(pose)) for pose in poses], axis=0)
    assert np.linalg.norm(spread[[9, 14, 18, 22]], axis=1).min() > 0.15  # hands and feet go to many places


def test_splits_have_models_of_their_own() -> None:
    models = [prior.load(split) for split in get_args(Split)]
    shapes = [model.mean.shape for model in models]
    assert len(set(shapes)) == 3
    assert not np.isin(models[0].centre, models[2].centre).all()


def test_features_lose_nothing_but_the_heading() -> None:
    random = np.random.default_rng(0)
    local = families.FAMILIES["crouching"](random)
    for heading in (0.0, 2.0, -1.3):
        turned = local.copy()
        turned[0] = (Rotation.from_euler("y", heading) * Rotation.from_quat(local[0])).as_quat()
        back = prior.rotations_of(prior.features_of(turned[None])[0])
        assert np.allclose(Rotation.from_quat(back[1:]).as_matrix(), Rotation.from_quat(local[1:]).as_matrix())
    assert np.allclose(
        rig.positions_of(rig.globals_of(back))[:, 1], rig.positions_of(rig.globals_of(local))[:, 1], atol=1e-9
    )


def test_what_no_body_can_do_is_refused() -> None:
    straight = np.tile([0.0, 0.0, 0.0, 1.0], (19, 1))
    assert anatomy.is_possible(straight)
    knee, elbow = rig.ROTATING.index(17), rig.ROTATING.index(8)
    for row, turn in ((knee, ("x", -40)), (elbow, ("y", 40))):
        wrong = straight.copy()
        wrong[row] = Rotation.from_euler(*turn, degrees=True).as_quat()
        assert not anatomy.is_possible(wrong)
    through = straight.copy()
    through[rig.ROTATING.index(7)] = Rotation.from_euler("z", -90, degrees=True).as_quat()
    through[elbow] = Rotation.from_euler("y", -90, degrees=True).as_quat()
    assert anatomy.is_possible(through)
    through[rig.ROTATING.index(7)] = Rotation.from_euler("ZYX", [-90, 0, 90], degrees=True).as_quat()
    assert not anatomy.is_possible(through)  # the forearm points into the belly


def test_a_fitted_prior_gives_back_the_poses_it_was_fitted_to() -> None:
    random = np.random.default_rng(0)
    names = ("standing", "sitting")
    action = np.array([names[index % 2] for index in range(300)])
    local = np.array([rig.jitter(random, families.FAMILIES[name](random), 3.0) for name in action])
    model = fit_prior.fit(PoseSource(local, np.zeros(300, np.int64), action))
    found = [replace(model).pick(random) for _ in range(80)]
    knees = {name: [abs(Rotation.from_quat(pose[rig.ROTATING.index(17)]).magnitude())
                    for pose, _, said in found if said == name] for name in names}  # fmt: skip
    assert min(map(len, knees.values())) > 15
    assert np.median(knees["sitting"]) > 1.0 > 0.4 > np.median(knees["standing"])


def test_every_procedural_family_is_drawn_and_possible() -> None:
    random = np.random.default_rng(0)
    assert {families.draw_name(random) for _ in range(600)} == set(families.FAMILIES)
    source = pose_sampling.load(None, "val")
    drawn = [pose_sampling.draw(random, source) for _ in range(80)]
    assert {clip for _, clip, _ in drawn} == {-1}
    possible = [not anatomy.touches_itself(rig.positions_of(rotations)) for rotations, _, _ in drawn]
    assert np.mean(possible) > 0.97
