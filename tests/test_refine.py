"""Refinement at test time: bones that can be real, without leaving what the network saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import checkpoint, geometry, heatmap, media, refine, skeleton
from core.predictor import Predictor
from core.reading import Reading
from main import main

SAMPLE = Path(__file__).parents[1] / "resources/samples/waving.jpg"
SEEDS = st.integers(0, 10_000)


def person(random: np.random.Generator) -> np.ndarray:
    """Build a skeleton of canonical bones in random directions, as (16, 3) in the ``_norm`` frame."""
    joints = np.zeros((16, 3))
    placed = {skeleton.ROOT}
    while len(placed) < 15:
        for bone in skeleton.BONES:
            a, b = bone.joints
            if (a in placed) == (b in placed):
                continue
            known, new = (a, b) if a in placed else (b, a)
            direction = random.normal(size=3)
            joints[new] = joints[known] + direction / np.linalg.norm(direction) * bone.canonical_mm / 1000
            placed.add(new)
    return joints


def refined(joints: np.ndarray, spread: float = 0.03, **rules: float) -> np.ndarray:
    found = refine.refine(joints[:, :2], joints[:, 2], np.full(16, spread), **rules)
    return np.column_stack(found)


@given(SEEDS)
@settings(deadline=None)
def test_a_skeleton_whose_bones_agree_stays_as_it_is(seed: int) -> None:
    joints = person(np.random.default_rng(seed))
    assert np.abs(refined(joints) - joints).max() < 1e-4


@given(SEEDS)
@settings(deadline=None)
def test_disturbed_depth_comes_out_with_a_smaller_geometry_loss_and_more_even_sides(seed: int) -> None:
    random = np.random.default_rng(seed)
    joints = person(random)
    joints[:, 2] += random.normal(0, 0.15, 16)
    after = refined(joints)
    assert geometry.report(after).loss <= geometry.report(joints).loss + 1e-9


def test_sharp_joints_do_not_move_across_the_picture_and_blurred_ones_may() -> None:
    random = np.random.default_rng(4)
    joints = person(random) + random.normal(0, 0.1, (16, 3))
    sharp, blurred = refined(joints, spread=1e-3), refined(joints, spread=0.2)
    assert np.abs(sharp - joints)[:, :2].max() < 1e-3
    assert np.abs(blurred - joints)[:, :2].max() > 1e-2


def test_a_believed_depth_holds_and_a_doubted_one_gives_way() -> None:
    random = np.random.default_rng(5)
    joints = person(random)
    joints[:, 2] += random.normal(0, 0.15, 16)
    moved = [np.abs(refined(joints, 1e-3, depth_sd_norm=sd) - joints)[:, 2].mean() for sd in (0.002, 0.3)]
    assert moved[0] < 0.1 * moved[1]


def test_the_slope_of_the_ratios_is_that_of_small_steps() -> None:
    random = np.random.default_rng(6)
    joints, step = person(random), 1e-6 * random.normal(size=(16, 3))
    before, slope = refine._ratios(joints)
    assert refine._ratios(joints + step)[0] - before == pytest.approx(slope @ step.ravel(), rel=1e-3, abs=1e-9)


def test_joints_all_in_one_place_come_back_unharmed() -> None:
    assert np.isfinite(refined(np.zeros((16, 3)))).all()


@given(st.floats(8, 32), st.floats(8, 32), st.floats(1.2, 2.0))
@settings(deadline=None, max_examples=30)
def test_the_spread_of_a_round_peak_is_its_width(x: float, y: float, sd: float) -> None:
    grid = torch.arange(40) + 0.5
    line = [torch.exp(-0.5 * ((grid - centre) / sd) ** 2) for centre in (y, x)]
    raw = (line[0][:, None] * line[1][None, :]).clamp_min(1e-9).log().expand(1, 16, 40, 40)
    belief = heatmap.belief(raw, "softmax")
    decoded = heatmap.decode(belief, "softmax")
    # The peak's window is a few pixels wide, so a wide bell is cut: never wider than it is, and not much narrower.
    found = heatmap.spread_hm(belief, decoded, "softmax") * np.sqrt(decoded.confidence)
    assert (found <= sd + 0.1).all() and (found > 0.6 * sd).all()


def test_refining_changes_the_skeleton_in_space_and_nothing_in_the_picture() -> None:
    loaded = checkpoint.load("compact-no-geo")
    image = media.read_picture(SAMPLE)
    plain, bent = (Predictor(loaded, "cpu", reading=Reading(refine=wanted)).predict(image) for wanted in (False, True))
    assert bent.refined and not plain.refined
    assert np.array_equal(plain.joints_px, bent.joints_px) and np.array_equal(plain.depth_norm, bent.depth_norm)
    assert bent.geometry.loss < plain.geometry.loss


def test_predict_refines_when_asked_and_says_so(tmp_path: Path) -> None:
    found = []
    for name, options in (("plain", []), ("bent", ["--refine"])):
        out = tmp_path / f"{name}.json"
        assert main(["predict", str(SAMPLE), "--json", str(out), *options]) == 0
        found += json.loads(out.read_text())["poses"]
    plain, bent = found
    assert (plain["refined"], bent["refined"]) == (False, True)
    assert plain["joints_px"] == bent["joints_px"] and plain["joints_mm"] != bent["joints_mm"]
    assert bent["geometry"]["loss"] < plain["geometry"]["loss"]
