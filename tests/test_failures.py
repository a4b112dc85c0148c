"""How a checkpoint fails, in pictures: the kinds, the sheet that shows them, and the card beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT, write_random_weights
from dataset_files import write_rendered
from numpy.typing import NDArray
from poses import STANDING_MM, make_pose

from core import checkpoint, skeleton
from core.crop import Box
from core.errors import UserError
from core.pose import Pose
from train import card, config, failure_sheet, failures
from train.datasets import rendered
from train.evaluation.collecting import Collected
from train.render.renderer import RenderConfig
from train.render.shards import record_of

RIGHT_ANKLE, LEFT_ANKLE = (skeleton.JOINT_INDEX[f"{side}_ankle"] for side in ("right", "left"))
RIGHT_WRIST, HEAD = skeleton.JOINT_INDEX["right_wrist"], skeleton.JOINT_INDEX["head_top"]
PEOPLE = 12
RECORDED = ("training", "config", "data", "terms")


def person(name: str, predicted_mm: NDArray[np.float64] = STANDING_MM, shift_px: float = 0.0) -> dict[str, Any]:
    """Return the row of a standing body of which this was predicted; a millimetre is a tenth of a pixel."""
    return {
        "names": name, "truth_mm": STANDING_MM, "predicted_mm": predicted_mm, "annotated": np.ones(16, bool),
        "truth_px": 0.1 * STANDING_MM[:, :2], "predicted_px": 0.1 * predicted_mm[:, :2] + shift_px,
    }  # fmt: skip


def changed(**joints_mm: tuple[float, ...]) -> NDArray[np.float64]:
    out = STANDING_MM.copy()
    for name, place in joints_mm.items():
        out[skeleton.JOINT_INDEX[name]] = place
    return out


def one_legged(head_mm: float) -> NDArray[np.float64]:
    """Return a body with both ankles on the right leg, and the head so far off."""
    return changed(left_ankle=(*STANDING_MM[RIGHT_ANKLE, :2], 90), head_top=(10, -690, -25 + head_mm))


def mirrored_arms() -> NDArray[np.float64]:
    out = STANDING_MM.copy()
    for right, left in ((10, 15), (11, 14)):
        out[[right, left]] = out[[left, right]]
    return out


def test_each_kind_is_counted_and_shown_by_whoever_is_in_the_middle() -> None:
    found = failures.kinds_of(Collected([
        person("right"), person("a", one_legged(90)), person("b", one_legged(10)), person("c", one_legged(50)),
        person("arms", mirrored_arms()), person("deep", changed(right_wrist=(-420, -650, 420))),
        person("lost", -STANDING_MM, shift_px=500.0),
    ]))  # fmt: skip
    collapse, swap, depth, worst = found
    assert (collapse.persons, collapse.of, collapse.shown) == (3, 7, "c") and collapse.told == "both ankles"
    assert collapse.rate == "3 of 7 people with ankles or wrists apart: 43 %"
    assert (swap.persons, swap.of, swap.shown) == (1, 7, "arms") and swap.told == "wrists, elbows"
    assert (depth.persons, depth.of, depth.shown) == (1, 2, "deep")
    assert depth.told.startswith("right wrist ") and depth.told.endswith(" mm too far")
    assert 400 < float(depth.told.split()[2]) < 650
    assert (worst.shown, worst.of) == ("lost", 7) and "half of the people" in worst.told


def test_the_worst_is_no_example_of_a_kind_and_a_kind_of_nobody_shows_nobody() -> None:
    collapse, swap, depth, worst = failures.kinds_of(Collected([person("right"), person("a", one_legged(10))]))
    assert worst.shown == "a" and (collapse.persons, collapse.shown) == (1, "")
    assert (swap.rate, swap.shown) == ("0 of 2 people with left and right apart: 0 %", "")
    assert (depth.rate, depth.shown) == ("0 of 1 people right in 2D have a joint over 150 mm off: 0 %", "")


class OneLegged:
    """Sees everybody as they are, but for the left ankle, which it puts on the right one."""

    def __init__(self, people: Path) -> None:
        self.truth = {sample.box_px: sample for sample in rendered.samples(people)}

    def predict(self, image: NDArray[np.uint8], box: Box) -> Pose:
        sample = self.truth[box]
        assert sample.joints_mm is not None
        joints_px = sample.joints_px.copy()
        joints_px[LEFT_ANKLE] = joints_px[RIGHT_ANKLE]
        pose = make_pose((image.shape[1], image.shape[0]), box, joints_mm=sample.joints_mm)
        return replace(pose, joints_px=joints_px)

    def predict_batch(self, images: Sequence[NDArray[np.uint8]], boxes: Sequence[Box]) -> list[Pose]:
        return [self.predict(image, box) for image, box in zip(images, boxes, strict=True)]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of noise around random skeletons that passes for the rendered people."""
    monkeypatch.setattr(failure_sheet, "PEOPLE", PEOPLE)
    settings = record_of(RenderConfig(split="test", seed=failure_sheet.SEED))
    write_rendered(tmp_path / "people" / "shard-00000.npz", PEOPLE, 256, ["studio"], record=settings)
    return tmp_path / "people"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    settings = config.load(ROOT / "resources" / "configs" / "compact.toml")
    record = {
        "training": {"steps": 7, "samples": 224, "minutes": 1.0, "device": "cpu"},
        "config": settings.to_dict(),
        "data": {"lspet": {"pictures": 9, "labels": "2D"}},
        "terms": {"lspet": "research use"},
    }
    return write_random_weights(tmp_path / "own.safetensors", 0, geometry_loss=True, record=record)


def test_the_sheet_shows_the_kinds_that_happen_and_the_card_shows_the_sheet(
    people: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_sheet, "Predictor", lambda *_args, **_options: OneLegged(people))
    picture = failure_sheet.write(own, people)
    assert picture == own.with_name("own-failures.jpg") and picture.stat().st_size < 250_000
    found = failures.read(checkpoint.describe(own))
    assert found is not None and (found.rendered, found.whole) == (PEOPLE, PEOPLE)
    collapse, swap, depth, worst = found.kinds
    assert collapse.persons == collapse.of > 3 and collapse.told == "both ankles" and worst.shown
    assert (swap.persons, swap.shown, depth.persons, depth.shown) == (0, "", 0, "")
    drawn = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    height, width = drawn.shape
    columns = [
        drawn[int(0.2 * height) : int(0.4 * height), int((0.06 + 0.2415 * column) * width) :][:, : int(0.18 * width)]
        for column in range(4)
    ]
    assert [bool(column.std() > 20) for column in columns] == [True, False, False, True]
    first = picture.read_bytes()
    assert failure_sheet.write(own, people).read_bytes() == first

    text = card.write(own, []).read_text()
    told = text.partition("## Known failures")[2]
    assert "](own-failures.jpg)" in told and f"- {collapse.title}: {collapse.rate}; shown: both ankles\n" in told
    assert f"- {swap.title}: {swap.rate}\n" in told and "`python -m train.card own --failures`" in told
    assert "mocap.cs.cmu.edu" in told


def test_a_card_without_a_picture_or_with_one_of_other_weights_says_in_words_where_it_fails(
    people: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = card.write(own, []).read_text()
    told = plain.partition("## Known failures")[2]
    assert told.startswith("\n\nBoth ankles or both wrists") and told.endswith(" still get a pose.\n")
    monkeypatch.setattr(failure_sheet, "Predictor", lambda *_args, **_options: OneLegged(people))
    failure_sheet.write(own, people)
    assert card.write(own, []).read_text() != plain
    metadata = checkpoint.describe(own).metadata
    write_random_weights(own, 1, geometry_loss=True, record={key: metadata[key] for key in RECORDED})
    assert "failures.jpg" not in card.write(own, []).read_text()


def test_people_rendered_otherwise_are_refused(people: Path, own: Path) -> None:
    settings = record_of(RenderConfig(split="train", seed=failure_sheet.SEED))
    write_rendered(people / "shard-00000.npz", PEOPLE, 256, ["studio"], record=settings)
    with pytest.raises(UserError, match="rendered with other settings"):
        failure_sheet.write(own, people)
    assert not failures.picture_path(own).exists()


@pytest.mark.parametrize("info", checkpoint.bundled(), ids=lambda info: info.name)
def test_every_bundled_model_shows_how_these_very_weights_fail(info: checkpoint.CheckpointInfo) -> None:
    found = failures.read(info)
    assert found is not None, f"python -m train.card {info.name} --failures"
    picture = failures.picture_path(info.path)
    assert picture.stat().st_size <= 150_000 and cv2.imread(str(picture)).shape[1] > 800
    text = info.path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"]({picture.name})" in text and all(f"- {kind.title}: {kind.rate}" in text for kind in found.kinds)
