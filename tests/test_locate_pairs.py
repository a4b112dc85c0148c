"""People at each other's side: where scenes put them, what is told of whom a rendered picture shows, how both count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_files import write_rendered
from hypothesis import given, settings
from hypothesis import strategies as st
from locate_kit import crops, place, standing

from core import crop, locate
from train.datasets import rendered
from train.datasets.crops import Sample, cached
from train.datasets.reading import Problems
from train.locate import measuring, pictures, scenes, targets
from train.locate.batches import SceneMaker
from train.locate.config import LocateConfig, Scenes
from train.locate.measuring import HeldOut
from train.locate.scenes import Canvas, Placing


@given(
    ratio=st.floats(0.6, 1.5), aside=st.floats(-1, 1), lower=st.floats(-0.2, 0.2), angle=st.floats(-0.5, 0.5),
    mirrored=st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=25)
def test_a_friend_stands_at_somebodys_side_as_large_as_asked_for(
    ratio: float, aside: float, lower: float, angle: float, mirrored: bool
) -> None:
    other = (40.0, 30.0, 50.0, 90.0)
    matrix = scenes.beside(standing(), other, ratio, scenes.linear(angle, mirrored), aside, lower)
    x, y, width, height = locate.box_of_joints(crop.apply(matrix, standing().joints_px))
    assert max(width, height) == pytest.approx(90.0 * ratio)
    assert x + width / 2 == pytest.approx(65.0 + aside * (50.0 + width) / 2)
    assert y + height == pytest.approx(120.0 + lower * 90.0)


def test_friends_boxes_meet_and_both_are_told_but_nobody_is_put_over_somebody() -> None:
    person = standing()
    canvas = Canvas(place().image.copy())
    assert canvas.put(person, Placing(np.array([[0.5, 0.0, 10.0], [0.0, 0.5, 30.0]])))
    for aside in (0.0, 0.1):
        matrix = scenes.beside(person, canvas.boxes[0], 1.0, scenes.linear(), aside, 0.0)
        assert not canvas.put(person, Placing(matrix, cutout=True)) and len(canvas.boxes) == 1
    matrix = scenes.beside(person, canvas.boxes[0], 1.0, scenes.linear(), 0.6, 0.0)
    assert canvas.put(person, Placing(matrix, cutout=True))
    first, second = canvas.boxes
    assert 0.1 < locate.overlap(first, second) <= 0.5
    told = targets.of_scene(canvas.boxes, canvas.known)["centre"]
    assert (told == 1.0).sum() == 2
    # Smaller, and so with a box of its own, but in front of most of the first one's joints.
    before = Canvas(place().image.copy())
    small = np.array([[0.2, 0.0, 60.0], [0.0, 0.2, 60.0]])
    assert before.put(person, Placing(small))
    wide = np.array([[0.75, 0.0, 5.0], [0.0, 0.75, 5.0]])
    assert locate.overlap(before.boxes[0], locate.box_of_joints(crop.apply(wide, person.joints_px))) < 0.2
    assert not before.put(person, Placing(wide, cutout=True))


def test_touching_people_come_where_they_are_asked_for() -> None:
    def boxes(touching: float) -> list[list[crop.Box]]:
        shown = Scenes(whole=0.0, zoomed=0.0, rendered=1.0, several=0.0, strange=0.0, touching=touching)
        maker = SceneMaker(LocateConfig(scenes=shown), pictures.Sets(crops(True), crops(True), crops(False)))
        random = np.random.default_rng(3)
        return [maker.scene(random, (160, 160)).boxes for _ in range(20)]

    assert max(len(found) for found in boxes(0.0)) == 1
    pairs = [found for found in boxes(1.0) if len(found) == 2]
    assert len(pairs) >= 8
    assert np.mean([locate.overlap(*pair) > 0.0 for pair in pairs]) > 0.8


def two(apart: float = 60.0) -> pictures.Source:
    """Return a picture of two people side by side, told of as main person and the other."""
    one = standing()
    image = np.concatenate([one.image[:, :150], one.image[:, 150 - int(apart) :]], axis=1)
    return replace(one, image=image, other_px=one.joints_px + (apart, 0.0))


def test_whom_a_picture_shows_besides_is_told_too_and_stays_where_they_are_through_every_change() -> None:
    person = two()
    canvas = Canvas(place().image.copy())
    matrix = np.array([[0.5, 0.0, 10.0], [0.0, 0.5, 30.0]])
    assert canvas.put(person, Placing(matrix))
    assert canvas.boxes == [
        locate.box_of_joints(crop.apply(matrix, joints)) for joints in (person.joints_px, person.other_px)
    ]
    assert (targets.of_scene(canvas.boxes, canvas.known)["centre"] == 1.0).sum() == 2


@pytest.mark.parametrize("why", ["too near to be told apart", "cut out with the other", "mostly outside"])
def test_of_somebody_besides_who_is_hardly_seen_nothing_is_said(why: str) -> None:
    person = two(8.0 if why.startswith("too near") else 60.0)
    canvas = Canvas(place().image.copy())
    x = 90.0 if why == "mostly outside" else 10.0
    matrix = np.array([[0.5, 0.0, x], [0.0, 0.5, 30.0]])
    assert canvas.put(person, Placing(matrix, cutout=why.startswith("cut out")))
    assert len(canvas.boxes) == 1
    assert person.other_px is not None
    joints = crop.apply(matrix, person.other_px)
    centre_x, centre_y = joints[(joints < 160).all(axis=1)].mean(axis=0).astype(int)
    assert canvas.known[centre_y, centre_x] == 0


def test_who_stands_beside_goes_from_a_shard_through_the_decoded_crops_into_a_scene(tmp_path: Path) -> None:
    sample = Sample(two().image, standing().joints_px, np.ones(16, bool), (0, 0, 210, 210), None, "a")
    told = replace(sample, other_px=two().other_px)
    sets = cached({"set": "pairs"}, 2, iter([told, sample]), tmp_path, "pairs")
    assert sets.other_stored is not None
    both = [pictures.source(sets, index) for index in range(2)]
    assert both[1].other_px is None and both[0].other_px is not None
    scale = np.ptp(both[0].joints_px, axis=0) / np.ptp(standing().joints_px, axis=0)
    assert np.allclose(both[0].other_px - both[0].joints_px, np.array([60.0, 0.0]) * scale, atol=1e-3)
    alone = cached({"set": "alone"}, 1, iter([sample]), tmp_path, "alone")
    assert alone.other_stored is None and pictures.source(alone, 0).other_px is None


def test_a_shard_tells_of_whom_it_shows_besides_and_one_of_an_earlier_version_of_nobody(tmp_path: Path) -> None:
    other = np.full((3, 16, 2), np.nan, np.float32)
    other[1] = np.arange(32).reshape(16, 2)
    write_rendered(tmp_path / "new" / "shard-00000.npz", 3, 64, ["studio"], other_px=other)
    first, second, third = (sample.other_px for sample in rendered.samples(tmp_path / "new"))
    assert first is None and third is None and np.array_equal(second, other[1])
    write_rendered(tmp_path / "old" / "shard-00000.npz", 3, 64, ["studio"])
    assert [sample.other_px for sample in rendered.samples(tmp_path / "old")] == [None] * 3
    write_rendered(tmp_path / "bad" / "shard-00000.npz", 3, 64, ["studio"], other_px=other[:2])
    problems = Problems("bad")
    assert list(rendered.samples(tmp_path / "bad", problems=problems)) == []
    assert "different lengths" in problems.lines()[0]


def test_a_pair_counts_where_both_are_found_and_only_pairs_whose_boxes_meet_count() -> None:
    near, far = two(), replace(two(), image=np.zeros((200, 700, 3), np.uint8), other_px=standing().joints_px + (400, 0))
    (pair,) = measuring.touching([near, far, standing(), two(8.0)])
    boxes = list(pair[1:])
    assert boxes == [locate.box_of_joints(standing().joints_px), locate.box_of_joints(standing().joints_px + (60, 0))]

    def found(shown: list[crop.Box]) -> dict[str, float]:
        sets = HeldOut([standing()], [standing()], [place()], [near, near])
        candidates = [locate.Candidate(box, 0.9) for box in shown]
        return measuring.measure(lambda picture: candidates, sets)["touching"]

    assert found(boxes)["both_found_percent"] == 100.0 and found(boxes)["pictures"] == 2
    assert found(boxes[:1])["both_found_percent"] == found([])["both_found_percent"] == 0.0
    assert measuring.measure(lambda picture: [], HeldOut([standing()], [standing()], [place()]))["touching"] is None
