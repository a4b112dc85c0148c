"""Promises of skirts, dresses and coats: cloth hangs between the legs, encloses them, and moves no joint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rendering import renderer_or_skip
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

from core.skeleton import BONE_ENDS, JOINT_INDEX
from train.render import camera, families, pose_sampling, rig, scene, skirt
from train.render.drawing import Figure
from train.render.renderer import RenderConfig, Renderer
from train.render.skirt import SkirtCut

LONG = SkirtCut(length=0.9, flare_m=0.05)
KNEES = [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]


@pytest.fixture(scope="module")
def people() -> Renderer:
    return renderer_or_skip(RenderConfig(seed=21, scene="studio"))


def _straddling(degrees: float) -> np.ndarray:
    """Stand with each leg turned outwards: (24, 3, 3) global rotations."""
    local = np.tile([0.0, 0.0, 0.0, 1.0], (19, 1))
    for hip, sign in ((16, 1.0), (20, -1.0)):
        local[rig.ROTATING.index(hip)] = Rotation.from_euler("z", sign * degrees, degrees=True).as_quat()
    return rig.globals_of(local)


def _figure(people: Renderer, rotations: np.ndarray, cut: SkirtCut | None) -> tuple[np.ndarray, Figure]:
    dress = replace(people._wardrobe.draw(np.random.default_rng(0), tight=True), skirt=cut)
    posed, figure = people._dressed(people._body.shape({}), rotations, np.eye(3), dress)
    return posed.joints_m, figure


def _mask(people: Renderer, figure: Figure, view: camera.View) -> np.ndarray:
    light, stage = scene.draw_light(np.random.default_rng(0), "studio"), scene.Stage(-2.0, scene.STUDIO)
    people._canvas.draw(figure, view, light, stage)
    return people.silhouette()


@pytest.mark.parametrize("heading", [0.0, 180.0, 25.0])
def test_cloth_is_drawn_between_the_legs(people: Renderer, heading: float) -> None:
    joints, skirted = _figure(people, _straddling(16.0), LONG)
    _, bare = _figure(people, _straddling(16.0), None)
    view = camera.aim(joints.mean(axis=0), 4.0, 5.0, 0.0, heading, joints, (256, 256), 0.8)
    ankles = joints[[JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]]
    between = np.stack([joints[KNEES].mean(axis=0), (joints[KNEES].sum(axis=0) + ankles.sum(axis=0)) / 4])
    columns, rows = view.project_px(between).astype(int).T
    assert _mask(people, skirted, view)[rows, columns].all()
    assert not _mask(people, bare, view)[rows, columns].any()
    columns, rows = view.project_px(ankles.mean(axis=0)[None]).astype(int).T
    assert not _mask(people, skirted, view)[rows, columns].any()  # the hem is above the ankles


def test_a_skirt_encloses_the_legs_in_whatever_pose_it_is_worn(people: Renderer) -> None:
    random, worn = np.random.default_rng(1), 0
    for name in ("standing", "sitting", "kneeling", "crouching", "sitting on the floor", "lying"):
        for _ in range(4):
            rotations = rig.globals_of(families.FAMILIES[name](random))
            length = min(skirt.longest(rotations, np.eye(3)), 0.7)
            if length < 0.5:
                continue
            worn += 1
            joints, figure = _figure(people, rotations, replace(LONG, length=length + 0.03))
            assert figure.skirt is not None and np.isfinite(figure.skirt.vertices_m).all()
            assert (Delaunay(figure.skirt.vertices_m).find_simplex(joints[KNEES]) >= 0).all(), name
            assert figure.skirt.vertices_m[:, 2].min() >= figure.vertices_m[:, 2].min()  # it lies on the floor
            assert np.allclose(np.linalg.norm(figure.skirt.normals, axis=1), 1.0, atol=1e-3)
    assert worn > 14


def test_joints_lie_on_people_in_skirts_and_their_labels_are_those_of_anybody(
    people: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skirt, "WORN", 1.0)
    inside, worn = [], 0
    for index in range(10):
        picture, mask = people.render(index), people.silhouette()
        assert people._canvas._drawn is not None
        worn += people._canvas._drawn.skirt is not None
        points = np.concatenate([picture.joints_px, picture.joints_px[BONE_ENDS].mean(axis=1)])
        seen = points[((points >= 0) & (points < 256)).all(axis=1)].astype(int)
        grown = mask | np.roll(mask, 1, 0) | np.roll(mask, -1, 0) | np.roll(mask, 1, 1) | np.roll(mask, -1, 1)
        inside += list(grown[seen[:, 1], seen[:, 0]])
        assert np.array_equal(picture.visible, camera.in_picture(picture.joints_px, (256, 256)))
    assert worn >= 7
    assert np.mean(inside) > 0.97
    assert np.array_equal(people.render(4).image, people.render(4).image)


def test_cloth_falls_off_legs_in_the_air_and_is_not_stretched_over_a_split() -> None:
    assert skirt.longest(_straddling(5.0), np.eye(3)) == 1.0
    assert skirt.longest(_straddling(5.0), np.diag([1.0, -1.0, -1.0])) == 0.0
    assert skirt.longest(_straddling(60.0), np.eye(3)) == 0.0
    upside_down = rig.globals_of(families.FAMILIES["handstand"](np.random.default_rng(0)))
    assert skirt.longest(upside_down, np.eye(3)) == 0.0


def test_about_twelve_people_in_a_hundred_wear_one() -> None:
    random, source = np.random.default_rng(0), pose_sampling.load(None, "train")
    worn = 0
    for _ in range(1500):
        rotations, _, _ = pose_sampling.draw(random, source)
        worn += skirt.draw(random, skirt.longest(rotations, camera.draw_turn(random))) is not None
    assert 0.095 < worn / 1500 < 0.145
