"""People laid beside the person who is meant: they hide none of their joints and change none of their labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import crop
from train import augment, batches, config, losses, neighbours
from train.datasets.crops import STORED_PX, CropSet
from train.device_batches import DeviceBatchMaker

SIDE = 160


def _people(count: int, seed: int, blank: bool = False) -> CropSet:
    """Slim people in the middle of crops that are, each, of one colour of their own."""
    random = np.random.default_rng(seed)
    joints = random.normal(0, (20, 60), (count, 16, 2)) + STORED_PX / 2
    images = np.empty((count, STORED_PX, STORED_PX, 3), np.uint8)
    images[:] = 200 if blank else 40 + 20 * np.arange(count)[:, None, None, None]
    return CropSet(images, joints.astype(np.float32), np.ones((count, 16), bool), None)


def _config(probability: float) -> config.Config:
    stage = config.Stage("a", 5, depth_fraction=0.0, weights=losses.LossWeights(1.0, 0.0, 0.0))
    varied = augment.AugmentConfig(gain=0.0, contrast=0.0, neighbour_probability=probability)
    made = config.Config(stage=(stage,), augment=varied)
    return dataclasses.replace(made, optimiser=dataclasses.replace(made.optimiser, batch=12))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 100_000))
def test_a_neighbour_hides_no_joint_of_the_person_who_is_meant(seed: int) -> None:
    plan = batches.Planner(_config(1.0), SIDE, _people(5, seed), None).plan(seed % 5)
    for row, other in enumerate(plan.beside):
        if other is None:
            continue
        known = plan.targets.annotated[row].numpy()
        at = ((plan.targets.joints_norm[row].numpy()[known] + 1.0) * SIDE / 2).astype(int)
        assert (other.cover(SIDE)[at[:, 1], at[:, 0]] == 0.0).all()
        assert neighbours.NARROWEST <= other.width <= 1.0
        x, y = crop.apply(crop.invert(other.view.to_stored), np.full((1, 2), STORED_PX / 2))[0] / SIDE
        from_edge = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}[other.edge]
        assert -1e-9 <= from_edge <= other.width + 1e-9


def test_neighbours_are_as_frequent_as_room_allows_and_none_without_being_asked_for() -> None:
    planner = batches.Planner(_config(1.0), SIDE, _people(5, 0), None)
    some = [other for step in range(5) for other in planner.plan(step).beside]
    assert 0.3 < np.mean([other is not None for other in some]) <= 1.0
    assert {other.edge for other in some if other is not None} >= {"left", "right"}
    plain = batches.Planner(_config(0.0), SIDE, _people(5, 0), None)
    assert not any(plain.plan(step).beside != [None] * 12 for step in range(5))


def test_their_strip_shows_them_and_the_rest_of_the_crop_stays() -> None:
    people = _people(5, 3)
    maker = batches.BatchMaker(batches.Planner(_config(1.0), SIDE, people, None))
    plan, batch = maker._planner.plan(2), maker.make(2)
    assert isinstance(batch, batches.HostBatch)
    seen = 0
    for row, other in enumerate(plan.beside):
        own = crop.cut(people.images[plan.index[row]], plan.views[row].to_stored, SIDE)
        image = batch.images[row].permute(1, 2, 0).numpy()
        cover = np.zeros((SIDE, SIDE)) if other is None else other.cover(SIDE)
        np.testing.assert_array_equal(image[cover == 0], own[cover == 0])
        if other is not None:
            theirs = crop.cut(people.images[other.index], other.view.to_stored, SIDE)
            np.testing.assert_array_equal(image[cover == 1], theirs[cover == 1])
            seen += int((cover == 1).any())
    assert seen >= 3


def test_the_device_lays_the_same_neighbours_as_the_cpu() -> None:
    planner = batches.Planner(_config(1.0), SIDE, _people(5, 1), None)
    expected, _ = batches.BatchMaker(planner).make(3).to("cpu")
    found, _ = DeviceBatchMaker(planner, "cpu").make(3).to("cpu")
    without = batches.Planner(_config(0.0), SIDE, _people(5, 1), None)
    assert not torch.allclose(expected, DeviceBatchMaker(without, "cpu").make(3).to("cpu")[0], atol=0.1)
    assert float((found - expected).abs().mean()) < 1.5 / 255


def test_pictures_of_nobody_stay_so() -> None:
    nobody = CropSet(
        np.zeros((4, STORED_PX, STORED_PX, 3), np.uint8), np.zeros((4, 16, 2), np.float32), np.zeros((4, 16), bool),
        np.zeros((4, 16, 3), np.float32),
    )  # fmt: skip
    made = dataclasses.replace(_config(1.0), data=dataclasses.replace(_config(1.0).data, empty_share=0.9))
    plan = batches.Planner(made, SIDE, _people(5, 1), None, nobody).plan(1)
    empty = plan.kind == batches.EMPTY
    assert empty.any()
    assert not any(other is not None for other, none in zip(plan.beside, empty, strict=True) if none)
