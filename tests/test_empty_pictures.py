"""Pictures without people: what the trainer makes of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from test_training import crop_set, targets_of, tiny_config

from core import checkpoint, network
from core.errors import UserError
from train import batches, card, losses
from train.datasets import empty
from train.sources import Sources, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(30):
        picture = np.full((60 + index, 90, 3), index, np.uint8)
        cv2.imwrite(str(tmp_path / f"place-{index}.png"), picture)
    return tmp_path


def test_held_out_pictures_are_never_trained_on(folder: Path, tmp_path: Path) -> None:
    trained, held_out = empty.pictures(folder, held_out=False), empty.pictures(folder, held_out=True)
    assert held_out and len(trained) > len(held_out)
    assert not set(trained) & set(held_out) and len(trained) + len(held_out) == 30
    crops = empty.training_crops(folder, tmp_path / "cache")
    assert len(crops) == len(trained) and not crops.annotated.any()


def test_a_folder_without_pictures_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        empty.pictures(tmp_path, held_out=False)


def test_joints_known_to_be_absent_are_those_outside_made_pictures_and_never_those_unlabelled_in_photos(
    folder: Path, tmp_path: Path
) -> None:
    settings = tiny_config()
    settings = dataclasses.replace(
        settings,
        data=dataclasses.replace(settings.data, empty_share=0.3),
        optimiser=dataclasses.replace(settings.optimiser, batch=64),
    )
    photos, people = crop_set(9, depth=False), crop_set(7, depth=True, seed=1)
    photos.annotated[:, 3] = people.annotated[:, 5] = False
    planner = batches.Planner(settings, 160, photos, people, empty.training_crops(folder, tmp_path / "cache"))
    plan = planner.plan(4)
    assert set(plan.kind.tolist()) == {batches.PHOTOS, batches.RENDERED, batches.EMPTY}
    absent = plan.targets.absent.numpy()
    assert not absent[plan.kind == batches.PHOTOS].any()
    assert absent[plan.kind == batches.EMPTY].all()
    made = plan.kind == batches.RENDERED
    assert np.array_equal(absent[made], ~plan.targets.annotated.numpy()[made]) and absent[made].any()
    assert np.array_equal(plan.targets.has_depth.numpy(), made)


def test_certainty_about_an_absent_joint_costs_more_than_doubt() -> None:
    targets = targets_of()
    absent = torch.zeros(3, 16, dtype=torch.bool)
    absent[1] = True
    nobody = dataclasses.replace(targets, annotated=~absent, absent=absent)
    unsure = torch.zeros(3, 16, 40, 40)
    sure = unsure.clone()
    sure[1, :, 20, 20] = 9.0
    cost = [float(losses.heatmap_loss((maps,), nobody, "softmax")) for maps in (unsure, sure)]
    assert cost[1] > cost[0] + 0.1
    # A joint that merely has no label costs nothing, however sure.
    unlabelled = dataclasses.replace(nobody, absent=torch.zeros_like(absent))
    assert float(losses.heatmap_loss((unsure,), unlabelled, "softmax")) == pytest.approx(
        float(losses.heatmap_loss((sure,), unlabelled, "softmax"))
    )


def test_the_card_of_a_network_that_saw_empty_pictures_tells_of_them(folder: Path, tmp_path: Path) -> None:
    settings = tiny_config()
    nobody = empty.training_crops(folder, tmp_path / "cache")
    told = record(settings, Sources(crop_set(9, depth=False), crop_set(7, depth=True, seed=1), empty=nobody))
    training = {"steps": 1, "samples": 4, "minutes": 1.0, "device": "cpu"}
    path = tmp_path / "own.safetensors"
    earlier = {"lspet": told["terms"]["lspet"], "rendered": told["terms"]["rendered"]}
    for terms, ending in ((told["terms"], " Photos without people"), (earlier, "\n")):
        written = {**told, "terms": terms, "training": training, "config": settings.to_publish()}
        checkpoint.save(path, network.build("compact"), geometry_loss=True, record=written)
        text = card.write(path, []).read_text()
        assert f"- **empty**: {len(nobody)} pictures, nobody in them.{ending}" in text
        assert "- **lspet**: 9 pictures, 2D labels. Leeds Sports Pose Extended" in text


def test_pictures_of_nobody_do_not_dilute_the_geometry_term() -> None:
    targets, depth = targets_of(depth=(True, False, False)), torch.randn(3, 16)
    alone = losses.geometry_term(depth[:2], targets_of(2, (True, False)), "poster")
    targets.joints_norm[1] = targets_of(2, (True, False)).joints_norm[1]
    targets.annotated[2] = False
    assert float(losses.geometry_term(depth, targets, "poster")) == pytest.approx(float(alone)) and alone > 0
    targets.annotated[1] = False
    assert float(losses.geometry_term(depth, targets, "poster")) == 0.0
