"""What the locating network learns from tells the truth: boxes, what is unknown, targets, losses, the run itself."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from locate_kit import GREEN, crops, place, standing

import main
from core import crop, locate
from core.checkpoint import bundled_folder, write_file
from core.errors import UserError
from core.locate import Locator, network
from core.locate.candidates import read_maps
from core.locate.network import STRIDE, Maps
from train import config as configuration
from train.locate import card, confirming, measuring, pictures, scenes, targets
from train.locate.batches import SceneMaker
from train.locate.config import LocateConfig, LocateOptimiser, LocateRun, check
from train.locate.measuring import HeldOut
from train.locate.scenes import Canvas, Placing
from train.locate.training import LocateTrainer

ROOT = Path(__file__).resolve().parents[1]


@given(
    share=st.floats(0.12, 0.9), x=st.floats(0, 1), y=st.floats(0, 1), angle=st.floats(-0.5, 0.5), mirrored=st.booleans()
)
@example(share=0.890625, x=0.0, y=0.0, angle=0.0, mirrored=False)  # the box is larger than the canvas
@settings(deadline=None, max_examples=25)
def test_a_person_put_into_a_place_lies_where_their_box_says_and_takes_the_share_asked_for(
    share: float, x: float, y: float, angle: float, mirrored: bool
) -> None:
    person, size = standing(), (192, 160)
    canvas = Canvas(place(90, size).image.copy())
    matrix = scenes.filling(person, size, share, scenes.linear(angle, mirrored), np.array([x, y]))
    assert canvas.put(person, Placing(matrix))
    (box,) = canvas.boxes
    joints = crop.apply(matrix, person.joints_px)
    assert np.allclose(box, locate.box_of_joints(joints))
    taken = float(np.ptp(joints[:, 1])) / size[1]
    assert taken == pytest.approx(share, rel=1e-6) or float(np.ptp(joints[:, 0])) / size[0] == pytest.approx(
        max(share, 0.8)
    )
    red = np.argwhere((canvas.image[..., 0] > 150) & (canvas.image[..., 1] < 110))
    if len(red) > 20:
        left, top = red.min(axis=0)[::-1]
        right, bottom = red.max(axis=0)[::-1] + 1
        assert box[0] - 2 < left and box[1] - 2 < top
        assert right < box[0] + box[2] + 2 and bottom < box[1] + box[3] + 2
        assert abs((left + right) / 2 - joints[:, 0].mean()) < 0.35 * box[2]


def test_beside_a_photos_person_nothing_is_known_and_where_a_bare_place_was_put_everything_is() -> None:
    person = standing()
    canvas = Canvas(place().image.copy())
    assert canvas.put(place(30, (60, 60)), Placing(np.array([[1.0, 0, 0], [0, 1.0, 0]])))
    assert canvas.known.min() == 255
    matrix = np.array([[0.4, 0.0, 60.0], [0.0, 0.4, 60.0]])
    canvas.put(person, Placing(matrix))
    (x, y, width, height) = canvas.boxes[0]
    assert canvas.known[int(y) + 2 : int(y + height) - 2, int(x) + 2 : int(x + width) - 2].min() == 255
    assert canvas.known[138, 66] == 0 and canvas.known[30, 30] == 255 and canvas.known[150, 150] == 255
    cut_out = Canvas(place().image.copy())
    cut_out.put(person, Placing(matrix, cutout=True))
    assert cut_out.known.min() == 255 and cut_out.boxes == canvas.boxes
    green = (np.abs(cut_out.image.astype(int) - GREEN).sum(axis=2) < 40).mean()
    assert green < (np.abs(canvas.image.astype(int) - GREEN).sum(axis=2) < 40).mean()


def test_nobody_is_hidden_by_who_comes_later_and_of_somebody_cut_off_nothing_is_said() -> None:
    person = standing()
    canvas = Canvas(place().image.copy())
    matrix = np.array([[0.5, 0.0, 10.0], [0.0, 0.5, 10.0]])
    assert canvas.put(person, Placing(matrix))
    assert not canvas.put(person, Placing(matrix)) and len(canvas.boxes) == 1
    outside = Canvas(place().image.copy())
    outside.put(person, Placing(np.array([[0.5, 0.0, -58.0], [0.0, 0.5, 100.0]])))
    assert not outside.boxes


@given(st.lists(st.tuples(*[st.floats(0.15, 0.85)] * 2, *[st.floats(12, 120)] * 2), min_size=1, max_size=3))
@settings(deadline=None, max_examples=40)
def test_what_is_read_off_perfect_maps_is_what_was_put_into_them(
    people: list[tuple[float, float, float, float]],
) -> None:
    boxes: list[crop.Box] = []
    for x, y, width, height in people:
        box = (x * 192 - width / 2, y * 160 - height / 2, width, height)
        if all(np.abs(np.subtract(_middle(box), _middle(other))).max() > 60 for other in boxes):
            boxes.append(box)
    wanted = targets.stacked([targets.of_scene(boxes, np.full((160, 192), 255, np.uint8))])
    read = network.boxes_input(wanted.box)[0].numpy().astype(np.float64)
    found = read_maps(wanted.centre[0].numpy().astype(np.float64), read, 0.99)
    for box in boxes:
        assert max(locate.overlap(box, other) for other, _ in found) > 0.95
    assert wanted.weight.sum() == pytest.approx(len(boxes), rel=1e-4)


def _middle(box: crop.Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def test_the_loss_falls_towards_the_truth_and_asks_nothing_where_nothing_is_known() -> None:
    known = np.full((160, 160), 255, np.uint8)
    known[:, 80:] = 0
    wanted = targets.stacked([targets.of_scene([(20.0, 30.0, 30.0, 80.0)], known)])
    logits = torch.logit(wanted.centre.clamp(0.001, 0.999))
    right = targets.losses(Maps(logits, wanted.box), wanted)
    wrong = targets.losses(Maps(-logits, wanted.box + 0.5), wanted)
    assert float(right["box"]) == 0.0 and float(wrong["box"]) > 0.5
    assert float(right["centre"]) < 0.2 * float(wrong["centre"])
    elsewhere = logits.clone()
    elsewhere[..., 80 // STRIDE + 1 :] = 5.0
    assert float(targets.losses(Maps(elsewhere, wanted.box), wanted)["centre"]) == pytest.approx(float(right["centre"]))
    elsewhere[..., : 8 // STRIDE] = 5.0
    assert float(targets.losses(Maps(elsewhere, wanted.box), wanted)["centre"]) > float(right["centre"]) + 1.0


def test_small_people_are_not_lost_beside_large_ones_whose_places_are_many() -> None:
    known = np.full((160, 192), 255, np.uint8)
    counted = []
    for box in ((80.0, 70.0, 16.0, 20.0), (20.0, 5.0, 140.0, 150.0)):
        wanted = targets.of_scene([box], known)
        counted.append(float((wanted["centre"] * wanted["count"]).sum()))
        assert wanted["count"].min() == 1.0
    assert counted[0] > 0.2 * counted[1]


def test_a_stored_picture_loses_its_black_margins_and_joints_move_with_it() -> None:
    stored = crops(people=True)
    stored.images[:] = np.roll(stored.images, (20, 30), axis=(1, 2))
    stored.joints_stored[:] += (30, 20)
    seen = pictures.source(stored, 0)
    assert seen.image.shape == (200, 200, 3) and np.allclose(seen.joints_px, standing().joints_px)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write small sets: 40 photos in LSP-Extended's format, rendered shards, places without people."""
    import scipy.io

    from train.datasets import lsp
    from train.render import shards

    folder = tmp_path_factory.mktemp("sets")
    person = standing()
    (folder / "lspet" / "images").mkdir(parents=True)
    table = np.zeros((14, 3, 40))
    table[:, :2] = person.joints_px[list(lsp.TO_MPII)][..., None] + 0.5
    table[:, 2] = 1
    scipy.io.savemat(folder / "lspet" / "joints.mat", {"joints": table})
    for number in range(1, 41):
        cv2.imwrite(str(folder / "lspet" / "images" / f"im{number:05d}.jpg"), person.image[..., ::-1])
    (folder / "lspet" / "val.txt").write_text("\n".join(f"im{number:05d}.jpg" for number in range(1, 6)))
    (folder / "rendered").mkdir()
    stream = cv2.imencode(".jpg", person.image[..., ::-1])[1].ravel()
    count = 40
    shards.save(
        folder / "rendered" / "shard-00000.npz",
        {
            "jpeg": np.tile(stream, count), "offset": np.arange(count + 1) * len(stream),
            "joints_px": np.repeat(person.joints_px[None], count, 0).astype(np.float32),
            "joints_mm": np.zeros((count, 16, 3), np.float32), "visible": np.ones((count, 16), bool),
            "body": np.zeros(count), "clip": np.zeros(count), "scene": np.array(["studio"] * count),
            "stature_mm": np.ones(count),
        },
    )  # fmt: skip
    (folder / "backgrounds").mkdir()
    for number in range(60):
        cv2.imwrite(str(folder / "backgrounds" / f"place-{number}.png"), np.full((90, 120, 3), 20 + number, np.uint8))
    return folder


def settings_of(data: Path, *more: str) -> list[str]:
    words = ["--data", str(data), "--out", str(data / "runs" / "tiny")]
    for pair in (
        "data.rendered=rendered", "run.weights=", "run.area_px=9216", "optimiser.iterations=3", "optimiser.batch=4",
        "run.log_every=1", "optimiser.precision=float32", *more,
    ):  # fmt: skip
        words += ["--set", pair]
    return words


def test_train_makes_a_locator_and_evaluate_measures_it_on_pictures_that_were_kept_out(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["train", str(ROOT / "resources/configs/locate.toml"), *settings_of(data)]) == 0
    out = data / "runs" / "tiny"
    assert {"config.json", "last.pt", "locate.safetensors", "log.csv"} <= {path.name for path in out.iterdir()}
    assert len((out / "log.csv").read_text().splitlines()) == 4
    locator = Locator.load(out / "locate.safetensors", "cpu")
    assert locator.metadata["data"]["lspet"]["pictures"] <= 35 and 0.1 <= locator.threshold <= 0.91
    again = ["train", str(ROOT / "resources/configs/locate.toml"), *settings_of(data), "--resume"]
    assert main.main([*again, "--set", "optimiser.iterations=4"]) == 0
    assert Locator.load(out / "locate.safetensors", "cpu").metadata["training"]["steps"] == 4
    capsys.readouterr()
    measured = out / "figures.json"
    words = ["evaluate", "--dataset", "locate", "--data", str(data / "lspet"), "--rendered", str(data / "rendered")]
    words += [
        "--empty",
        str(data / "backgrounds"),
        "--locator",
        str(out / "locate.safetensors"),
        "--json",
        str(measured),
    ]
    assert main.main(words) == 0
    told = capsys.readouterr().out
    figures = json.loads(measured.read_text())
    assert figures["photos"]["pictures"] == 5 and figures["rendered_at_any_size"]["pictures"] == 40
    assert f"{figures['empty']['nobody_found_percent']:.1f} %" in told
    text = card.write(out / "locate.safetensors", measured).read_text()
    assert "Johnson" in text and "mocap.cs.cmu.edu" in text and "nobody found in" in text
    assert "confirmed" not in figures and "Confirmed" not in text
    assert figures["touching"] is None and "boxes meet" not in told + text


def test_pairs_are_measured_and_told_where_a_set_of_them_is_given_and_one_without_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, pairs = data / "pairs.safetensors", data / "pairs" / "shard-00000.npz"
    path.write_bytes((bundled_folder() / "locate.safetensors").read_bytes())
    tensors, metadata = network.read(path)
    write_file(path, tensors, {key: value for key, value in metadata.items() if key != "confirming"})
    with np.load(data / "rendered" / "shard-00000.npz") as shard:
        arrays = {name: shard[name] for name in shard.files}
    pairs.parent.mkdir()
    np.savez(pairs, **arrays, other_px=arrays["joints_px"] + (55, 0))
    words = ["evaluate", "--dataset", "locate", "--locator", str(path), "--json", str(data / "pairs.json")]
    words += ["--data", str(data / "lspet"), "--rendered", str(data / "rendered"), "--empty", str(data / "backgrounds")]
    assert main.main([*words, "--pairs", str(pairs.parent)]) == 0
    assert json.loads((data / "pairs.json").read_text())["touching"]["pictures"] == 40
    assert "both found, 40 pictures" in capsys.readouterr().out
    assert "boxes meet (40): both found" in card.write(path, data / "pairs.json").read_text()
    assert main.main([*words, "--pairs", str(data / "rendered")]) == 2
    assert "shows no two people whose boxes meet" in capsys.readouterr().err


def test_training_goes_on_from_a_locator_where_one_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(ROOT / "resources/configs/locate.toml"), *settings_of(data)]
    # A rate of nothing: what comes out is what it went on from.
    still = [
        "--out",
        str(data / "runs" / "on"),
        "--set",
        "run.weights=locate",
        "--set",
        "optimiser.rate=0.0",
        "--set",
        "optimiser.rate_end=0.0",
    ]
    assert main.main([*words, *still, "--set", "optimiser.iterations=1"]) == 0
    path = data / "runs" / "on" / "locate.safetensors"
    bundled, written = (network.read(each) for each in (bundled_folder() / "locate.safetensors", path))
    learned = [name for name in bundled[0] if "running" not in name and "batches" not in name]
    assert learned and all(torch.equal(bundled[0][name], written[0][name]) for name in learned)
    told = written[1]["begun_from"]
    assert told["name"] == "locate" and told["weights_sha256"] == bundled[1]["weights_sha256"]
    text = card.write(path, None).read_text()
    assert f"which had learned for {bundled[1]['training']['steps']} steps" in text
    capsys.readouterr()
    other = ["--out", str(data / "runs" / "other"), "--set", f"run.weights={path}", "--set", "run.further=[]"]
    assert main.main([*words, *other]) == 2
    assert "give run.further = [2, 3]" in capsys.readouterr().err


def test_what_is_published_is_the_mean_with_a_locator_where_one_is_named(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(ROOT / "resources/configs/locate.toml"), *settings_of(data)]
    words += ["--out", str(data / "runs" / "mixed")]
    path, own = data / "runs" / "mixed" / "locate.safetensors", data / "own.safetensors"
    assert main.main(words) == 0
    path.rename(own)
    mixed = ["--resume", "--set", "run.mixed_with=locate", "--set", "run.mixed_share=0.25"]
    assert main.main([*words, *mixed]) == 0
    states = [network.read(each)[0] for each in (own, bundled_folder() / "locate.safetensors", path)]
    for name, weight in states[2].items():
        if weight.is_floating_point():
            exact = 0.75 * states[0][name].double() + 0.25 * states[1][name].double()
            torch.testing.assert_close(weight.double(), exact, rtol=2e-3, atol=2e-3)  # stored with 16 bits, twice
    assert main.main([*words, "--resume", "--set", "run.mixed_with=nowhere.safetensors"]) == 2
    assert 'nowhere.safetensors is no locator: give the file of one, or "locate"' in capsys.readouterr().err
    assert "counting 25 %, those of `locate`" in card.write(path, None).read_text()


def test_the_limit_that_confirms_people_is_fitted_kept_in_the_file_measured_and_told(
    data: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / "locate.safetensors"
    path.write_bytes((bundled_folder() / "locate.safetensors").read_bytes())
    sets = ["--data", str(data / "lspet"), "--rendered", str(data / "rendered"), "--empty", str(data / "backgrounds")]
    monkeypatch.setattr(sys, "argv", ["confirming", str(path), "--checkpoint", str(weights), *sets, "--quiet", "1.0"])
    assert confirming.main() == 0
    before = path.read_bytes()
    monkeypatch.setattr(sys, "argv", ["confirming", str(path), *sets, "--quiet", "95"])
    assert confirming.main() == 1 and "give a number from 0 to 1" in capsys.readouterr().err
    assert path.read_bytes() == before
    rule = Locator.load(path, "cpu").metadata["confirming"]
    assert rule["chosen_by"]["checkpoint"] == weights.stem and len(rule["chosen_by"]["halves"]) == 2
    words = ["evaluate", "--dataset", "locate", *sets, "--locator", str(path), "--checkpoint", str(weights)]
    assert main.main([*words, "--json", str(data / "figures.json")]) == 0
    told = capsys.readouterr().out
    confirmed = json.loads((data / "figures.json").read_text())["confirmed"]
    assert confirmed["empty"]["nobody_found_percent"] == 100.0, "the limit was chosen for all of these places"
    assert f"confirmed by {weights.stem}" in told
    text = card.write(path, data / "figures.json").read_text()
    assert f"| {rule['chosen_by']['halves'][0]['limit']:.2f} |" in text and "This network alone" in text


@given(st.lists(st.floats(-9.0, 9.0), min_size=1, max_size=60), st.floats(0.0, 1.0))
@example([-1.1], 1.0)
def test_a_limit_keeps_its_share_of_the_places_quiet_and_lies_just_over_one_of_them(
    sums: list[float], quiet: float
) -> None:
    limit = confirming.limit_for(sums, quiet)
    assert np.mean(np.array(sums) < limit) >= quiet - 1e-9
    assert any(0.0 < limit - each < 0.0101 for each in sums)
    assert confirming.limit_for([*sums, math.inf], 1.0) == confirming.limit_for([-math.inf], quiet) == 0.0


def test_measuring_counts_what_overlaps_by_half_and_is_the_same_every_time() -> None:
    people, places = [standing()] * 6, [place(90, (120, 90))]

    class Perfect:
        def __init__(self, moved: float) -> None:
            self._moved = moved

        def find(self, picture: np.ndarray) -> list[locate.Candidate]:
            red = np.argwhere((picture[..., 0] > 150) & (picture[..., 1] < 110))
            if not len(red):
                return []
            low, high = red.min(axis=0)[::-1] + 4, red.max(axis=0)[::-1] - 3
            x, y, width, height = locate.box_of_joints(np.array([low, high], dtype=np.float64))
            return [locate.Candidate((x + self._moved * width, y, width, height), 0.9)]

    right = measuring.measure(Perfect(0.0).find, HeldOut(people, people, places))
    aside = measuring.measure(Perfect(0.5).find, HeldOut(people, people, places))
    for name in ("photos", "photos_at_any_size", "rendered_at_any_size"):
        assert right[name]["found_percent"] == 100.0 and aside[name]["found_percent"] == 0.0
        assert right[name]["pictures"] == 6
    assert right["empty"]["nobody_found_percent"] == 100.0
    first, second = (list(measuring.zoomed(people, places, 1)) for _ in range(2))
    assert all(np.array_equal(a[0], b[0]) and a[1] == b[1] for a, b in zip(first, second, strict=True))
    assert all(0.119 < share < 0.901 for _, _, share in first)


def test_every_batch_of_a_step_is_the_same_and_of_one_shape() -> None:
    sets = pictures.Sets(crops(True), crops(True), crops(False))
    maker = SceneMaker(LocateConfig(), sets)
    first, second = maker.make(7), maker.make(7)
    assert torch.equal(first.images, second.images) and torch.equal(first.targets.box, second.targets.box)
    images, wanted = first.to("cpu")
    assert images.shape[2] // STRIDE == wanted.centre.shape[1] and images.shape[3] // STRIDE == wanted.centre.shape[2]
    assert float(wanted.weight.sum()) > 4 and not math.isnan(float(images.sum()))


def test_the_last_steps_are_learned_at_the_size_of_use() -> None:
    run = LocateRun(area_px=9216, use_area_px=25600, as_used_from=0.75)
    maker = SceneMaker(
        LocateConfig(run=run, optimiser=LocateOptimiser(iterations=8, batch=2)),
        pictures.Sets(crops(True), crops(True), crops(False)),
    )
    areas = [float(np.prod(maker.make(step).images.shape[2:])) for step in range(8)]
    assert max(areas[:6]) < 14_000 < 18_000 < min(areas[6:])


def test_a_wrong_configuration_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "locate.toml"
    path.write_text('kind = "locate"\n[scenes]\nwhole = 0.8\nzoomed = 0.5\n')
    with pytest.raises(UserError, match="their sum"):
        check(configuration.build(LocateConfig, configuration.read(path)))
    with pytest.raises(UserError, match="did you mean smallest"):
        configuration.build(LocateConfig, configuration.read(path, ["scenes.smalest=0.2"]))
    maker = SceneMaker(LocateConfig(), pictures.Sets(crops(True), crops(True), crops(False)))
    with pytest.raises(UserError, match="further needs 2 numbers"):
        LocateTrainer(LocateConfig(run=LocateRun(further=(1,))), maker, tmp_path, {}, "cpu")
    with pytest.raises(UserError, match="--rendered"):
        measuring.run(argparse.Namespace(rendered=None, empty=tmp_path))
