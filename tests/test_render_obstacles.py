"""Promises about people who are not seen whole: the truth stays exact, hidden joints stay annotated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendering import renderer_or_skip

from core.skeleton import BONE_ENDS
from train.render import camera, obstacles
from train.render.camera import View
from train.render.drawing import Figure
from train.render.renderer import RenderConfig, Rendered, Renderer
from train.render.scene import Light, Stage
from train.render.shards import record_of


@pytest.fixture(scope="module")
def people() -> Renderer:
    return renderer_or_skip(RenderConfig(seed=11, scene="house"))


def _pictures(people: Renderer, count: int) -> list[tuple[Rendered, np.ndarray]]:
    return [(people.render(index), people.silhouette()) for index in range(count)]


def _inside(joints_px: np.ndarray, mask: np.ndarray) -> np.ndarray:
    points = np.concatenate([joints_px, joints_px[BONE_ENDS].mean(axis=1)])
    height, width = mask.shape
    seen = points[((points >= 0) & (points < (width, height))).all(axis=1)].astype(int)
    grown = mask | np.roll(mask, 1, 0) | np.roll(mask, -1, 0) | np.roll(mask, 1, 1) | np.roll(mask, -1, 1)
    return grown[seen[:, 1], seen[:, 0]]


def test_truth_lies_on_the_main_person_whatever_stands_in_front_or_beside(
    people: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FURNITURE", "PLANT", "COMPANY"):
        monkeypatch.setattr(obstacles, name, 1.0)
    crowded = _pictures(people, 8)
    inside = np.concatenate([_inside(picture.joints_px, mask) for picture, mask in crowded])
    assert inside.mean() > 0.96
    for picture, _ in crowded:
        assert np.array_equal(picture.visible, camera.in_picture(picture.joints_px, (256, 256)))
        assert picture.visible.sum() >= camera.FEWEST
    assert np.array_equal(people.render(3).image, crowded[3][0].image)


def test_what_stands_in_front_hides_pixels_and_no_joint(people: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same person behind furniture: the draws before it are the same, so are camera and truth."""
    for name in ("FURNITURE", "PLANT", "COMPANY"):
        monkeypatch.setattr(obstacles, name, 0.0)
    bare = _pictures(people, 6)
    monkeypatch.setattr(obstacles, "FURNITURE", 1.0)
    hidden = _pictures(people, 6)
    changed = []
    for (one, mask), (two, again) in zip(bare, hidden, strict=True):
        assert np.array_equal(one.joints_px, two.joints_px) and np.array_equal(one.visible, two.visible)
        assert np.array_equal(mask, again)
        difference = np.abs(one.image.astype(int) - two.image.astype(int)).max(axis=2) > 40
        changed.append(float((difference & mask).sum() / mask.sum()))
    assert sum(share > 0.1 for share in changed) >= 3


def test_furniture_leaves_enough_of_whoever_is_framed_in_sight() -> None:
    random, drawn = np.random.default_rng(0), 0
    along = np.linspace(0.0, 1.0, 400)[:, None, None]
    for _ in range(300):
        joints = random.normal(0, 0.3, (16, 3)) * (0.6, 0.4, 1.3) + (0, 0, 1.2)
        view = camera.draw(random, joints, (256, 256), 0.0, half=0.7)
        framed = camera.in_picture(view.project_px(joints), (256, 256))
        box = obstacles.draw_furniture(random, view, joints.astype(np.float32), joints, 0.0, framed)
        if box is None:
            continue
        drawn += 1
        rays = view.eye_m + along * (joints[framed] - view.eye_m) - box.centre_m
        c, s = np.cos(box.turn), np.sin(box.turn)
        x, y = c * rays[..., 0] + s * rays[..., 1], c * rays[..., 1] - s * rays[..., 0]
        inside = (np.abs(np.stack([x, y, rays[..., 2]], axis=-1)) < box.half_m).all(axis=-1)
        assert inside.any(axis=0).mean() <= obstacles.MOST_HIDDEN
    assert drawn > 100


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_half_bodies_are_framed_whole_and_the_rest_is_not_annotated(seed: int) -> None:
    random = np.random.default_rng(seed)
    joints = random.normal(0, 0.35, (16, 3)) * (0.6, 0.4, 1.3) + (0, 0, 1.2)
    view = camera.draw(random, joints, (256, 256), -0.6, cut=0.0, half=1.0)
    inside = camera.in_picture(view.project_px(joints), (256, 256))
    assert any(inside[list(half)].all() for half in camera._HALVES)
    assert inside.sum() >= camera.FEWEST


def test_a_second_person_stands_beside_or_behind_and_touches_nobody() -> None:
    random = np.random.default_rng(0)
    view = camera.aim(np.array([0, 0, 1.0]), 4.0, 5.0, 0.0, 0.0, np.eye(3), (256, 256), 0.5)
    for _ in range(50):
        one, two = (random.normal(0, 0.3, (900, 3)).astype(np.float32) for _ in range(2))
        moved = two + obstacles.place_beside(random, view, one, two)
        away = one[:, :2].mean(axis=0) - view.eye_m[:2]
        apart = moved[:, :2].mean(axis=0) - one[:, :2].mean(axis=0)
        assert apart @ away > 0.0
        direction = apart / np.linalg.norm(apart)
        assert (one[::9, :2] @ direction).max() < (moved[::9, :2] @ direction).min() + 0.03


def test_somebody_who_touches_stands_at_the_side_about_where_the_body_ends() -> None:
    random = np.random.default_rng(1)
    view = camera.aim(np.array([0, 0, 1.0]), 4.0, 5.0, 0.0, 0.0, np.eye(3), (256, 256), 0.5)
    for _ in range(50):
        one, two = (random.normal(0, 0.3, (900, 3)).astype(np.float32) for _ in range(2))
        moved = two + obstacles.place_beside(random, view, one, two, touching=True)
        away = one[:, :2].mean(axis=0) - view.eye_m[:2]
        apart = moved[:, :2].mean(axis=0) - one[:, :2].mean(axis=0)
        direction = apart / np.linalg.norm(apart)
        degrees = np.degrees(np.arccos(direction @ away / np.linalg.norm(away)))
        nearest, furthest = obstacles.TOUCHING_DEGREES
        assert nearest - 1 < degrees < furthest + 1
        between = (moved[::9, :2] @ direction).min() - (one[::9, :2] @ direction).max()
        deepest, widest = obstacles.TOUCHING_M
        assert deepest - 0.03 < between < widest + 0.03


def test_people_together_are_two_in_the_picture_and_the_truth_stays_that_of_the_first(people: Renderer) -> None:
    alone = _pictures(people, 6)
    people.config, before = replace(people.config, together=1.0), people.config
    try:
        together = _pictures(people, 6)
    finally:
        people.config = before
    assert (
        sum(not np.array_equal(one.image, two.image) for (one, _), (two, _) in zip(alone, together, strict=True)) == 6
    )
    for (one, mask), (two, again) in zip(alone, together, strict=True):
        assert np.array_equal(one.joints_px, two.joints_px) and np.array_equal(mask, again)
        assert np.isfinite(two.other_px).all() and np.abs(two.other_px - two.joints_px).max() > 20
    assert '"together"' not in record_of(before) and '"together": 0.5' in record_of(replace(before, together=0.5))


def test_the_joints_told_of_somebody_beside_lie_on_that_person(
    people: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures are drawn twice, the second time with whoever stands beside as the main person."""
    for name in ("FURNITURE", "PLANT", "COMPANY"):
        monkeypatch.setattr(obstacles, name, 0.0)
    assert all(np.isnan(people.render(index).other_px).all() for index in range(4))
    monkeypatch.setattr(people, "config", replace(people.config, together=1.0))
    draw, masks = people._canvas.draw, []

    def of_the_other(figure: Figure, view: View, light: Light, stage: Stage, other: Figure) -> np.ndarray:
        draw(other, view, light, stage, figure)
        masks.append(people.silhouette())
        return draw(figure, view, light, stage, other)

    monkeypatch.setattr(people._canvas, "draw", of_the_other)
    told = [people.render(index).other_px for index in range(8)]
    assert np.concatenate([_inside(joints, mask) for joints, mask in zip(told, masks, strict=True)]).mean() > 0.96
