"""Reading the joints of both sides together: the choice is the best there is, and it is fitted to what is right."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from app.views.why import sentence
from core import checkpoint, heatmap, media, pictorial, skeleton
from core.errors import UserError
from core.made import Made
from core.pictorial import CHAIN, KNOTS, READ, STEM, Structure
from core.predictor import Predictor
from core.reading import Reading
from core.why import explain
from train import pictorial as fitting

SAMPLES = checkpoint.bundled_folder().parent / "samples"
LEFT_ANKLE, RIGHT_ANKLE = skeleton.JOINT_INDEX["left_ankle"], skeleton.JOINT_INDEX["right_ankle"]


def drawn(seed: int, spread: float = 1.0) -> Structure:
    random = torch.Generator().manual_seed(seed)

    def table(*shape: int) -> Tensor:
        return spread * torch.randn(shape, generator=random, dtype=torch.float64)

    return Structure(
        torch.ones(8, dtype=torch.float64), torch.full((8,), 1e-3, dtype=torch.float64),
        table(6, KNOTS), table(5, KNOTS), table(5, KNOTS), table(2, KNOTS),
    )  # fmt: skip


def scene(seed: int, candidates: int, people: int = 1) -> tuple[Tensor, Tensor]:
    """Return candidates and their belief, best first."""
    random = torch.Generator().manual_seed(seed)
    places = 2.0 * torch.rand((people, 16, candidates, 2), generator=random, dtype=torch.float64) - 1.0
    belief = torch.rand((people, 16, candidates), generator=random, dtype=torch.float64)
    return places, belief.sort(-1, descending=True).values


def weight_of(structure: Structure, places: Tensor, belief: Tensor, choice: dict[int, int]) -> float:
    """Return the log weight of one person's choice, term by term as ``Structure`` describes them."""

    def read(table: Tensor, value: float, reach: float) -> float:
        return float(np.interp(value, np.linspace(0.0, reach, KNOTS), table.numpy()))

    def place(joint: int) -> Any:
        return places[0, joint, choice[joint]].numpy()

    total = 0.0
    for row, joints in enumerate((*CHAIN, *((joint,) for joint in STEM))):
        for joint in joints:
            sure = float(belief[0, joint, choice[joint]] + structure.floor[row])
            total += float(structure.belief[row]) * float(np.log(sure))
    for row, (right, left) in enumerate(CHAIN):
        apart = float(np.linalg.norm(place(right) - place(left)))
        total += read(structure.twins[row], apart, pictorial.TWINS_REACH_NORM)
    for row, (before, after) in enumerate(itertools.pairwise(CHAIN)):
        lengths = [float(np.linalg.norm(place(a) - place(b))) for a, b in zip(before, after, strict=True)]
        total += sum(read(structure.length[row], length, pictorial.LENGTH_REACH_NORM) for length in lengths)
        total += read(structure.difference[row], abs(lengths[0] - lengths[1]), pictorial.DIFFERENCE_REACH_NORM)
    right, left = (skeleton.JOINT_INDEX[f"{side}_shoulder"] for side in ("right", "left"))
    neck, head = (place(joint) for joint in STEM)
    steps = (neck - (place(right) + place(left)) / 2, head - neck)
    for row, step in enumerate(steps):
        total += read(structure.stem[row], float(np.linalg.norm(step)), pictorial.STEM_REACH_NORM)
    return total


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 3.0))
def test_no_other_choice_is_likelier_than_the_one_chosen(seed: int, spread: float) -> None:
    structure, (places, belief) = drawn(seed, spread), scene(seed, candidates=2)
    chosen = pictorial.choose(structure, places, belief)[0]
    joints = READ
    best = weight_of(structure, places, belief, {joint: int(chosen[joint]) for joint in joints})
    random = np.random.default_rng(seed)
    others = random.integers(2, size=(400, len(joints)))
    flips = [[int(chosen[j]) ^ (j in (one, two)) for j in joints] for one in joints for two in joints]
    for other in itertools.chain(others.tolist(), flips):
        assert weight_of(structure, places, belief, dict(zip(joints, other, strict=True))) <= best + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_without_knowledge_of_limbs_every_joint_takes_its_surest_peak(seed: int) -> None:
    places, belief = scene(seed, pictorial.CANDIDATES, people=3)
    assert (pictorial.choose(drawn(0, spread=0.0), places, belief) == 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_a_mirrored_picture_is_read_as_the_mirror_image(seed: int) -> None:
    structure, (places, belief) = drawn(seed), scene(seed, pictorial.CANDIDATES)
    mirror = list(skeleton.MIRROR)
    mirrored = places[:, mirror] * torch.tensor([-1.0, 1.0])
    chosen = pictorial.choose(structure, places, belief)
    assert (pictorial.choose(structure, mirrored, belief[:, mirror]) == chosen[:, mirror]).all()


def test_a_peak_that_does_not_exist_is_never_taken() -> None:
    places, belief = scene(1, pictorial.CANDIDATES, people=50)
    belief[..., 1:] = 0.0
    assert (pictorial.choose(drawn(1, spread=5.0), places, belief) == 0).all()


def test_peaks_are_listed_by_belief_and_the_first_is_the_one_decoded() -> None:
    random = np.random.default_rng(0)
    places_hm = torch.from_numpy(random.uniform(6, 34, (4, 16, 3, 2)))
    seen = torch.ones(4, 16, dtype=torch.bool)
    maps = sum(
        share * heatmap.encode(places_hm[:, :, row], seen, 40, normalise=True)
        for row, share in enumerate((0.6, 0.3, 0.1))
    )
    assert isinstance(maps, Tensor)
    places, belief = heatmap.peaks(maps, "softmax", 4)
    plain = heatmap.decode(maps, "softmax")
    assert np.allclose(places[:, :, 0].numpy(), plain.joints_hm)
    assert np.allclose(belief[:, :, 0].numpy(), plain.confidence)
    assert (belief[:, :, 1:].diff(dim=-1) <= 0).all()


def test_two_ankles_on_one_leg_are_taken_apart() -> None:
    structure = drawn(0, spread=0.0)
    structure.twins[:, :3] = -2.0
    upright = torch.tensor(
        [(14, 37), (15, 29), (17, 21), (23, 21), (25, 29), (26, 37), (20, 21), (20, 11), (20, 9), (20, 4),
         (13, 22), (14, 17), (16, 11), (24, 11), (26, 17), (27, 22)], dtype=torch.float64,
    )  # fmt: skip
    seen = torch.ones(1, 16, dtype=torch.bool)
    maps = heatmap.encode(upright[None], seen, 40, normalise=True)
    swapped = upright.clone()
    swapped[[RIGHT_ANKLE, LEFT_ANKLE]] = upright[[LEFT_ANKLE, RIGHT_ANKLE]]
    other = heatmap.encode(swapped[None], seen, 40, normalise=True)
    # Both maps prefer the left leg, the right ankle's only just.
    for joint, own in ((RIGHT_ANKLE, 0.45), (LEFT_ANKLE, 0.8)):
        maps[:, joint] = own * maps[:, joint] + (1.0 - own) * other[:, joint]
    alone, together = heatmap.decode(maps, "softmax"), heatmap.decode(maps, "softmax", structure)
    assert np.abs(alone.joints_hm[0, RIGHT_ANKLE] - upright[LEFT_ANKLE].numpy()).max() < 1.0
    assert np.abs(together.joints_hm[0] - upright.numpy()).max() < 1.0
    assert together.confidence[0, RIGHT_ANKLE] == pytest.approx(alone.second_confidence[0, RIGHT_ANKLE])
    assert together.second_confidence[0, RIGHT_ANKLE] == pytest.approx(alone.confidence[0, RIGHT_ANKLE])


def test_a_head_on_another_person_is_brought_back_to_its_neck() -> None:
    structure = drawn(0, spread=0.0)
    structure.stem[1, pictorial.KNOTS // 2 :] = -4.0
    places, belief = scene(2, pictorial.CANDIDATES)
    neck, head = STEM
    places[0, neck, :] = torch.tensor([0.0, -0.3], dtype=torch.float64)
    places[0, head] = torch.tensor([(0.9, -0.6), (0.05, -0.5), (-0.9, 0.2), (0.9, 0.9)], dtype=torch.float64)
    belief[0, head] = torch.tensor([0.6, 0.3, 0.05, 0.05], dtype=torch.float64)
    assert pictorial.choose(structure, places, belief)[0, head] == 1
    assert pictorial.choose(drawn(0, spread=0.0), places, belief)[0, head] == 0


def test_fitting_learns_that_twins_are_apart_and_bones_have_a_length() -> None:
    random = torch.Generator().manual_seed(0)
    places, belief = scene(0, candidates=2, people=600)
    # The right candidate lies 0.4 from its twin and 0.5 from the next joint; the wrong one is anywhere.
    for row, (right, left) in enumerate(CHAIN):
        places[:, right, 1] = torch.tensor([-0.2, -0.9 + 0.5 * row * 0.6], dtype=torch.float64)
        places[:, left, 1] = torch.tensor([0.2, -0.9 + 0.5 * row * 0.6], dtype=torch.float64)
    # Neck and head stand in a row above the middle of the shoulders.
    for joint, above in zip(STEM, (0.1, 0.4), strict=True):
        places[:, joint, 1] = torch.tensor([0.0, above], dtype=torch.float64)
    belief = torch.full_like(belief, 0.5)
    order = torch.rand((600, 16), generator=random).round().long()
    index = torch.stack([order, 1 - order], dim=-1)
    places = places.gather(2, index[..., None].expand_as(places))
    right = index == 1
    fitted = fitting.fit(fitting.Examples(places, belief, right))
    chosen = pictorial.choose(fitted, places, belief)
    truth = right.int().argmax(-1).numpy()
    assert (chosen == truth)[:, READ].mean() > 0.97


def test_a_structure_survives_the_file_and_a_damaged_one_is_refused(tmp_path: Path, weights: Path) -> None:
    structure = drawn(3)
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(weights.read_bytes())
    checkpoint.edit_metadata(copy, {checkpoint.STRUCTURE_KEY: structure.to_dict()})
    again = checkpoint.load(copy).structure
    assert again is not None
    for field in fields(structure):
        assert np.allclose(getattr(structure, field.name), getattr(again, field.name), atol=1e-5)
    broken: list[Any] = [
        {**structure.to_dict(), "twins": [[0.0]]},
        {**structure.to_dict(), "floor": [0.0] * 8},
        {**structure.to_dict(), "length": [[float("nan")] * KNOTS] * 5},
        {**structure.to_dict(), "belief": ["a"] * 8},
        [1, 2],
    ]
    for values in broken:
        copy.write_bytes(weights.read_bytes())
        checkpoint.edit_metadata(copy, {checkpoint.STRUCTURE_KEY: values})
        with pytest.raises(UserError, match="damaged pictorial structure"):
            checkpoint.load(copy)


def test_a_pose_says_how_it_was_decoded_and_why_a_lower_peak_was_taken(tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(checkpoint.resolve("compact-geo").read_bytes())
    checkpoint.edit_metadata(copy, {checkpoint.STRUCTURE_KEY: drawn(0, spread=0.5).to_dict()})
    loaded = checkpoint.load(copy)
    image = media.read_picture(SAMPLES / "dancing.jpg")
    together = Predictor(loaded).predict(image)
    alone = Predictor(loaded, reading=Reading(peaks=True)).predict(image, box=together.box_px)
    assert (together.decoded_by, alone.decoded_by) == ("limbs", "peaks")
    same = Predictor(loaded).predict(image, box=together.box_px)
    taken = np.abs(same.joints_px - alone.joints_px).max(1) < 1e-6
    assert taken.any() and np.allclose(same.confidence[taken], alone.confidence[taken])
    lower = replace(same, confidence=np.full(16, 0.3), second_confidence=np.full(16, 0.5), second_px=same.joints_px + 9)
    assert explain(lower, 0).passed_over and "fits the limbs" in sentence(explain(lower, 0))
    assert not explain(replace(lower, made=Made(decoded_by="peaks")), 0).passed_over
