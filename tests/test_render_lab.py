"""Promises of ``studio-lab``: narrow, repeatable, named, and its test people and takes were never trained on."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from rendering import MOCAP, renderer_or_skip

from train.datasets import rendered
from train.render import lab, pose_sampling, shards
from train.render.pose_sampling import Split
from train.render.renderer import RenderConfig, Renderer


@pytest.fixture(scope="module")
def laboratory() -> Renderer:
    return renderer_or_skip(RenderConfig(scene="studio-lab", split="test", seed=2, poses=MOCAP))


def test_the_laboratory_is_narrow_and_repeats(laboratory: Renderer) -> None:
    pictures = [laboratory.render(index) for index in range(12)]
    assert np.array_equal(laboratory.render(5).image, pictures[5].image)
    assert {picture.subject for picture in pictures} == {"L7", "L8"}
    assert len({picture.view.rotation.tobytes() for picture in pictures}) == 4
    assert len({picture.view.translation_m.tobytes() for picture in pictures}) == 4
    assert len({picture.action for picture in pictures}) > 3
    for picture in pictures:
        assert picture.scene == "studio-lab" and picture.visible.all()


def test_people_and_takes_are_of_one_split_and_actions_of_all() -> None:
    people = [name for split in get_args(Split) for name in lab.PEOPLE[split]]
    assert len(set(people)) == len(people) == len({str(lab.phenotype_of(name)) for name in people})
    seen: dict[str, list[set[str]]] = {}
    actions = []
    for split in get_args(Split):
        poses, random = pose_sampling.load(MOCAP, split), np.random.default_rng(0)
        drawn = [lab.draw_take(random, poses, split) for _ in range(400)]
        actions.append({take.action for take in drawn})
        for action in actions[-1]:
            clips = {str(take.clip) for take in drawn if take.action == action and take.clip >= 0}
            assert len(clips) <= lab.TAKES
            seen.setdefault(action, []).append(clips)
    assert actions[0] == actions[1] == actions[2] and len(actions[0]) >= len(lab.POSED)
    for train, val, test in seen.values():
        assert not (train & val or train & test or val & test)


def test_procedural_takes_of_two_splits_are_different_poses() -> None:
    none = pose_sampling.load(None, "train")
    for seed in range(30):
        train, test = (lab.draw_take(np.random.default_rng(seed), none, split) for split in ("train", "test"))
        assert train.action == test.action
        assert np.abs(train.rotations - test.rotations).max() > 0.1


def test_subject_and_action_reach_the_sample_and_old_shards_still_load(laboratory: Renderer, tmp_path: Path) -> None:
    pictures = [laboratory.render(index) for index in range(2)]
    arrays = shards.pack(pictures, "")
    shards.save(tmp_path / "shard-00000.npz", arrays)
    found = list(rendered.samples(tmp_path))
    assert [(one.scene, one.subject, one.action) for one in found] == [
        ("studio-lab", picture.subject, picture.action) for picture in pictures
    ]
    shards.save(tmp_path / "shard-00000.npz", {k: v for k, v in arrays.items() if k not in ("subject", "action")})
    assert [(one.subject, one.action) for one in rendered.samples(tmp_path)] == [("", "")] * 2
    assert not shards.missing(shards.plan(tmp_path, 2), laboratory.config)
