"""People are found where they are: boxes, maps, the network's file, and the way from a picture to candidates."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

import main
from core import checkpoint, crop, locate
from core.errors import UserError
from core.locate import Candidate, Confirming, Locator, network
from core.locate.candidates import MOST, read_maps
from core.locate.locator import input_size
from core.locate.network import MULTIPLE, STRIDE, LocateNetwork, Maps
from core.predictor import Predictor
from core.reading import Reading

coordinates = st.floats(-200, 900, allow_nan=False, width=32)


class Spots(LocateNetwork):
    """Sees somebody in every bright spot, with a box of 64 x 96 input pixels."""

    def forward(self, images: Tensor) -> Maps:
        red = images[:, 0].float()
        bright = 0.7 * functional.max_pool2d(red, STRIDE) + 0.3 * functional.avg_pool2d(red, STRIDE)
        box = torch.zeros(len(images), 4, *bright.shape[1:])
        box[:, 2], box[:, 3] = np.log(64.0 / network.SIZE_UNIT), np.log(96.0 / network.SIZE_UNIT)
        return Maps(20.0 * (bright - 0.5), box)


def spotted(size: tuple[int, int], *spots: tuple[float, float]) -> np.ndarray:
    """Return a dark (width, height) picture with bright spots at these shares of its sides."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    for x, y in spots:
        left, top = int(x * width), int(y * height)
        reach = max(max(size) // 40, 1)
        picture[max(top - reach, 0) : top + reach, max(left - reach, 0) : left + reach] = 255
    return picture


@given(st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=16))
@settings(deadline=None)
def test_the_square_around_a_box_is_the_crop_that_the_pose_network_learned_with(
    joints: list[tuple[float, float]],
) -> None:
    points = np.array(joints, dtype=np.float64)
    box = locate.box_of_joints(points)
    assert np.allclose(crop.square(box), crop.box_around(points), atol=1e-6)
    assert (points >= np.array(box[:2]) - 1e-6).all() and (points <= np.add(box[:2], box[2:]) + 1e-6).all()


@pytest.mark.parametrize("size", [(640, 480), (300, 900), (1500, 200), (90, 2000), (33, 40)])
def test_people_are_found_where_they_are_in_pictures_of_any_shape(size: tuple[int, int]) -> None:
    locator = Locator(Spots().eval(), 0.3, 160 * 160, "cpu")
    found = locator.find(spotted(size, (0.25, 0.7)))
    assert len(found) == 1
    x, y, width, height = found[0].box_px
    tolerance = 0.07 * max(size)
    assert abs(x + width / 2 - 0.25 * size[0]) < tolerance and abs(y + height / 2 - 0.7 * size[1]) < tolerance
    assert 0.3 <= found[0].score <= 1.0


def test_several_people_come_the_surest_first_and_nobody_is_an_empty_list() -> None:
    locator = Locator(Spots().eval(), 0.3, 160 * 160, "cpu")
    picture = spotted((640, 480), (0.2, 0.5), (0.5, 0.5), (0.8, 0.5))
    picture[:, 213:427] = (picture[:, 213:427] * 0.8).astype(np.uint8)
    scores = [candidate.score for candidate in locator.find(picture)]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True) and scores[2] < scores[0]
    assert locator.find(np.zeros((480, 640, 3), np.uint8)) == []


def test_one_person_is_named_once_and_two_side_by_side_are_both_kept() -> None:
    scores = np.zeros((20, 20))
    boxes = np.zeros((4, 20, 20))
    for column, score in ((4, 0.9), (6, 0.7), (12, 0.8)):
        scores[10, column] = score
        boxes[:, 10, column] = (column * 8 - 30, 40, 60, 100)
    kept = read_maps(scores, boxes, 0.3)
    assert [round(box[0]) for box, _ in kept] == [4 * 8 - 30, 12 * 8 - 30]
    flat = np.full((20, 20), 0.5)
    far = np.stack([np.arange(400).reshape(20, 20) * 50.0, flat, flat, flat])
    assert len(read_maps(flat, far, 0.3)) == MOST


@given(st.integers(8, 6000), st.integers(8, 6000))
def test_the_input_keeps_the_pictures_shape_about_its_area_and_the_networks_multiple(width: int, height: int) -> None:
    columns, rows = input_size((width, height), 160 * 160)
    assert columns % MULTIPLE == rows % MULTIPLE == 0
    assert 0.6 < columns * rows / 160**2 < 1.6
    wanted = np.clip(width / height, 1 / 3, 3)
    assert 0.75 < (columns / rows) / wanted < 1.34


def test_a_locator_comes_back_from_its_file_and_begins_with_a_pose_networks_weights(
    tmp_path: Path, weights: Path
) -> None:
    torch.manual_seed(0)
    model = LocateNetwork()
    pose = checkpoint.load(weights).network
    network.begin_with(model, pose)
    given_state, own = pose.state_dict(), model.state_dict()
    assert torch.equal(own["body.down.body.0.0.weight"], given_state["hourglasses.0.inner.down.body.0.0.weight"])
    path = tmp_path / "found.safetensors"
    network.save(path, model, {"threshold": 0.4, "area_px": 128 * 128})
    locator = Locator.load(path, "cpu")
    assert (locator.threshold, locator.area_px) == (0.4, 128 * 128)
    loaded, _ = network.load(path)
    image = network.as_input(np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8), "cpu")
    with torch.inference_mode():
        maps, before = loaded(image), model.eval()(image)
        folded = network.folded(loaded)(image)
    assert maps.centre.shape == (1, 8, 12) and maps.box.shape == (1, 4, 8, 12)
    assert torch.allclose(maps.centre, before.centre, atol=0.05)
    assert torch.allclose(folded.centre, maps.centre, atol=1e-4)


def test_a_locator_as_deep_as_the_pose_network_takes_its_further_blocks_along_and_its_file_tells_of_them(
    tmp_path: Path,
) -> None:
    pose = checkpoint.load("compact-geo").network
    assert pose.config.further[1:], (
        "the bundled network has lost its further blocks: mend resources/configs/locate.toml"
    )
    model = LocateNetwork(pose.config.further[1:])
    network.begin_with(model, pose)
    given_state, own = pose.state_dict(), model.state_dict()
    body = {name: tensor for name, tensor in own.items() if name.startswith("body.")}
    assert any("further." in name for name in body)
    for name, tensor in body.items():
        assert torch.equal(tensor, given_state["hourglasses.0.inner." + name.removeprefix("body.")]), name
    path = tmp_path / "deep.safetensors"
    network.save(path, model, {"threshold": 0.4, "area_px": 128 * 128})
    assert network.load(path)[0].further == pose.config.further[1:]
    other = LocateNetwork((1, 1))
    network.begin_with(other, pose)  # of another depth: what is more passes on what it is given
    assert not other.state_dict()["body.further.0.body.1.1.weight"].any()
    for further in ((10**6, 0), (1, 2, 3), "deep"):
        network.save(path, model, {"threshold": 0.4, "area_px": 128 * 128, "further": further})
        with pytest.raises(UserError, match="shape that is not known"):
            network.load(path)


def test_a_file_that_is_no_locator_is_refused_in_one_sentence(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="holds no locating network"):
        Locator.load(weights, "cpu")
    with pytest.raises(UserError, match=r"missing or damaged: name a file .* or leave it out"):
        Locator.load(tmp_path / "absent.safetensors", "cpu")
    monkeypatch.setattr("core.locate.network.bundled_folder", lambda: tmp_path)
    with pytest.raises(UserError, match="missing or damaged: put the bundled file back"):
        Locator.load(tmp_path / "locate.safetensors", "cpu")
    path = tmp_path / "broken.safetensors"
    model = LocateNetwork()
    with torch.no_grad():
        model.head[1].bias[0] = float("nan")
    network.save(path, model, {"threshold": 0.4, "area_px": 128 * 128})
    with pytest.raises(UserError, match="not numbers"):
        Locator.load(path, "cpu")
    network.save(path, LocateNetwork(), {})
    with pytest.raises(UserError, match="threshold"):
        Locator.load(path, "cpu")


RULE = Confirming(0.2, 5.0, 2.0)
scores = st.floats(0.0, 1.0)


@given(scores, scores, scores, scores)
def test_surety_rises_with_either_networks_answer_and_says_somebody_from_the_limit_on(
    score: float, other: float, confidence: float, more: float
) -> None:
    low, high = sorted((score, other))
    weak, strong = sorted((confidence, more))
    assert 0.0 < RULE.surety(low, weak) <= RULE.surety(high, weak) <= RULE.surety(high, strong) < 1.0
    assert RULE.surety(0.5, 2.0 / 5.0) == pytest.approx(locate.SOMEBODY)


def test_who_is_proposed_is_found_where_the_pose_network_sees_a_body_and_once_only() -> None:
    boxes = [(0.0, 0.0, 100.0, 200.0), (8.0, 4.0, 100.0, 200.0), (300.0, 0.0, 100.0, 200.0), (600.0, 0.0, 50.0, 50.0)]
    proposals = [Candidate(box, score) for box, score in zip(boxes, (0.7, 0.6, 0.4, 0.8), strict=True)]
    body = np.array([(30.0, 30.0), (70.0, 170.0)] * 8)
    looks = [(body, 0.6), (body, 0.8), (body + (300.0, 0.0), 0.7), (body / 4 + (600.0, 0.0), 0.05)]
    found = locate.confirmed(proposals, looks, RULE)
    assert [each.score for each in found] == [RULE.surety(0.6, 0.8), RULE.surety(0.4, 0.7)]
    own, wanted = locate.box_of_joints(body), np.array(boxes[1])
    assert np.all(np.abs(np.array(found[0].box_px) - own) < np.abs(wanted - own) + 1e-9), "the joints pull the box"
    assert np.any(np.abs(np.array(found[0].box_px) - own) > 1.0), "but not all the way"
    everybody = locate.confirmed(proposals, looks, RULE, least=0.0)
    assert len(everybody) == 3 and everybody[-1].score < locate.SOMEBODY


def test_a_pose_network_that_sees_nobody_takes_back_what_the_locating_network_proposes(weights: Path) -> None:
    predictor = Predictor(checkpoint.load(weights), "cpu", reading=Reading(mirror=False))
    picture = spotted((640, 480), (0.2, 0.5), (0.8, 0.5))
    metadata = {"confirming": Confirming(0.3, 5.0, -20.0).to_dict()}
    willing = Locator(Spots().eval(), 0.9, 160 * 160, "cpu", metadata)
    assert len(predictor.people(picture, willing)) == 2, "whom the network proposes, not whom it is sure of by itself"
    strict = Locator(Spots().eval(), 0.3, 160 * 160, "cpu", {"confirming": Confirming(0.3, 5.0, 40.0).to_dict()})
    assert predictor.people(picture, strict) == []
    assert len(predictor.people(picture, strict, doubtful=True)) == 2
    alone = Locator(Spots().eval(), 0.3, 160 * 160, "cpu")
    assert predictor.people(picture, alone) == alone.find(picture)


@pytest.mark.parametrize("rule", [{}, "strict", {"proposed": 0.2, "weight": 5.0}, [0.2, 5.0, 1.0],
    {"proposed": 2.0, "weight": 5.0, "limit": 1.0}, {"proposed": 0.2, "weight": float("nan"), "limit": 1.0},
    {"proposed": 0.2, "weight": "five", "limit": 1.0}])  # fmt: skip
def test_a_locator_with_a_rule_that_says_nothing_is_refused(rule: object, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    network.save(path, LocateNetwork(), {"threshold": 0.4, "area_px": 128 * 128, "confirming": rule})
    with pytest.raises(UserError, match="does not tell its threshold"):
        Locator.load(path, "cpu")


def test_the_pose_is_looked_for_where_the_locator_names_people_and_the_surest_is_taken(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(checkpoint.load(weights), "cpu", reading=Reading(mirror=False), locate_by="network")

    class Named:
        confirming, somebody = None, 0.3

        def find(self, picture: np.ndarray, threshold: float | None = None) -> list[Candidate]:
            return [Candidate((100.0, 40.0, 60.0, 160.0), 0.9), Candidate((10.0, 50.0, 40.0, 80.0), 0.5)]

    monkeypatch.setitem(predictor.__dict__, "locator", Named())
    monkeypatch.setattr(locate, "PASSES", 0)
    picture = spotted((320, 240), (0.4, 0.5))
    everybody = predictor.predict_everybody(picture)
    assert [pose.box_px for pose in everybody] == [
        pytest.approx((38.0, 28.0, 184.0, 184.0)), pytest.approx((-16.0, 44.0, 92.0, 92.0)),
    ]  # fmt: skip
    whole = predictor.predict(picture, (0.0, -40.0, 320.0, 320.0))
    surest = max((whole, everybody[0]), key=lambda pose: pose.mean_confidence + locate.LEAD * (pose is not whole))
    pose = predictor.predict(picture)
    assert pose.box_px == surest.box_px and pose.located_by == "search"
    monkeypatch.setattr(predictor, "locate_by", "both")
    windows = locate.windows((320, 240))
    of_all = predictor.predict(picture).box_px
    assert of_all == predictor.best_window(picture, windows, [everybody[0].box_px])
    monkeypatch.setattr(locate, "LEAD", -1.0)
    of_windows = predictor.predict(picture).box_px
    assert of_windows == predictor.best_window(picture, windows) != windows[0]
    monkeypatch.setattr(predictor, "locate_by", "network")
    assert predictor.predict(picture).box_px == windows[0], "somebody is found: no small windows are looked at"
    monkeypatch.setattr(Named, "somebody", 0.95)
    assert predictor.predict(picture).box_px == of_windows, "nobody is: all of them are"
    monkeypatch.setattr(locate, "LEAD", 1.0)
    assert predictor.best_window(picture, windows, [windows[-1]]) == windows[-1], "whoever was located is ahead"
    monkeypatch.setattr(predictor, "locate_by", "search")
    asked: list[str] = []
    monkeypatch.setattr(Named, "find", lambda *_: asked.append("network"))
    assert predictor.predict(picture).located_by == "search" and not asked


def test_where_nobody_is_found_the_locating_network_is_not_asked_again_for_the_one_pose(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(checkpoint.load(weights), "cpu", reading=Reading(mirror=False))
    picture = spotted((320, 240), (0.4, 0.5))
    metadata = {"confirming": Confirming(0.3, 5.0, 40.0).to_dict()}
    strict = Locator(Spots().eval(), 0.3, 160 * 160, "cpu", metadata)
    monkeypatch.setitem(predictor.__dict__, "locator", strict)
    asked: list[float | None] = []
    find = strict.find

    def counted(seen: np.ndarray, threshold: float | None = None) -> list[Candidate]:
        asked.append(threshold)
        return find(seen, threshold)

    monkeypatch.setattr(strict, "find", counted)
    assert predictor.people(picture, strict) == []
    asked.clear()
    (pose,) = predictor.predict_everybody(picture)
    assert len(asked) == 1 and pose.box_px == predictor.predict(picture).box_px


def test_everybody_in_a_picture_is_printed_and_written_and_what_cannot_be_is_refused(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locator = Locator(Spots().eval(), 0.3, 160 * 160, "cpu")
    monkeypatch.setattr(Predictor, "locator", locator)
    group = tmp_path / "group.png"
    cv2.imwrite(str(group), spotted((640, 480), (0.2, 0.5), (0.8, 0.5)))
    out = tmp_path / "poses.json"
    words = ["predict", str(group), "--checkpoint", str(weights), "--no-flip", "--people", "all"]
    assert main.main([*words, "--json", str(out), "--figure", str(tmp_path / "figures")]) == 0
    poses = json.loads(out.read_text())["poses"]
    assert len(poses) == 2 and {pose["input"] for pose in poses} == {str(group)}
    assert len(list((tmp_path / "figures").iterdir())) == 2
    assert main.main([*words, "--bvh", str(tmp_path)]) == 2
    assert "one body per input" in capsys.readouterr().err
