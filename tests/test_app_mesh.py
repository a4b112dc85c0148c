"""The 3D view's geometry: capsules, shadow, axes."""

from __future__ import annotations

import numpy as np
import pytest
from poses import STANDING_MM

from app.views import mesh3d
from app.views.axis_gizmo import name_boxes, screen_axes
from app.views.skeleton3d import ghost_joints
from core import skeleton

RED = np.array([[1.0, 0.0, 0.0, 1.0]])


@pytest.mark.parametrize("end", [(0, 0, 300), (300, 0, 0), (0, -300, 0), (120, -40, 77), (0, 0, 0)])
def test_every_vertex_of_a_capsule_lies_on_its_surface(end: tuple[float, float, float]) -> None:
    start, stop = np.array([[10.0, 20.0, 30.0]]), np.array([[10.0, 20.0, 30.0]]) + end
    mesh = mesh3d.capsules(start, stop, np.array([25.0]), RED)
    along = stop[0] - start[0]
    length = max(float(along @ along), 1e-12)
    share = np.clip((mesh.positions - start[0]) @ along / length, 0.0, 1.0)
    distance = np.linalg.norm(mesh.positions - (start[0] + share[:, None] * along), axis=1)
    np.testing.assert_allclose(distance, 25.0, rtol=1e-4)


def test_normals_are_of_unit_length_and_faces_look_outwards() -> None:
    mesh = mesh3d.capsules(np.zeros((1, 3)), np.array([[30.0, 60.0, 200.0]]), np.array([20.0]), RED)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, rtol=1e-5)
    corners = mesh.positions[mesh.faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(facing, axis=1)
    outwards = (facing * mesh.normals[mesh.faces].mean(axis=1)).sum(axis=1)
    # The triangles at the poles have no area.
    assert (outwards[area > 1e-3] > 0).all()


def test_merged_meshes_do_not_share_vertices() -> None:
    one = mesh3d.capsules(np.zeros((1, 3)), np.ones((1, 3)), np.ones(1), RED)
    two = mesh3d.capsules(np.zeros((2, 3)), np.ones((2, 3)), np.ones(2), np.repeat(RED, 2, axis=0))
    half = len(two.faces) // 2
    assert two.faces[:half].max() < two.faces[half:].min()
    np.testing.assert_array_equal(two.positions[: len(one.positions)], one.positions)


def test_the_shadow_lies_on_the_floor() -> None:
    mesh = mesh3d.spheres(np.array([[0.0, 0.0, 500.0]]), np.array([40.0]), RED)
    np.testing.assert_allclose(mesh3d.flattened(mesh, -120.0).positions[:, 2], -120.0, atol=1e-3)


def test_world_axes_are_right_away_and_up() -> None:
    head = skeleton.JOINT_INDEX["head_top"]
    world = mesh3d.to_world(STANDING_MM)
    assert world[head, 2] == -STANDING_MM[head, 1] > 0
    np.testing.assert_array_equal(world[:, 1], STANDING_MM[:, 2])


def test_the_camera_preset_sees_the_axes_of_the_picture() -> None:
    np.testing.assert_allclose(screen_axes(0.0, 0.0), [[1, 0, 0], [0, 1, 0], [0, 0, -1]], atol=1e-12)


def test_from_above_the_depth_points_up_the_screen() -> None:
    np.testing.assert_allclose(screen_axes(0.0, 90.0)[2, :2], [0.0, -1.0], atol=1e-12)


def test_names_of_axes_never_lie_over_each_other_or_over_an_axis() -> None:
    origin, sizes = np.array([62.0, 338.0]), np.array([[40.0, 13.0], [42.0, 13.0], [43.0, 13.0]])
    along = np.linspace(0.0, 1.0, 30)[:, None, None]
    for azimuth in range(-180, 180, 7):
        for elevation in (-20, 0, 4, 45, 90):
            seen = screen_axes(azimuth, elevation)[:, :2]
            boxes = name_boxes(seen, origin, sizes, (400.0, 400.0))
            low, high = boxes[:, :2], boxes[:, 2:]
            over = ((low[:, None] < high) & (high[:, None] > low)).all(axis=2)
            assert (over == np.eye(3, dtype=bool)).all(), (azimuth, elevation)
            # Half a pixel of a line's own width aside.
            lines = origin + (34.0 * along * seen).reshape(-1, 1, 2)
            assert not ((lines > low + 0.5) & (lines < high - 0.5)).all(axis=2).any(), (azimuth, elevation)
            assert (low >= 0.0).all() and (high <= 400.0).all()


def test_an_axis_that_points_at_the_viewer_has_its_name_away_from_the_others() -> None:
    sizes = np.full((3, 2), [40.0, 13.0])
    [_x, _y, z] = name_boxes(screen_axes(0.0, 0.0)[:, :2], np.array([62.0, 338.0]), sizes, (400.0, 400.0))
    assert z[2] < 62.0 and z[3] < 338.0, "x goes right and y down: above at the left nothing else is"


def test_the_ghost_of_the_same_body_in_another_size_is_the_body() -> None:
    np.testing.assert_allclose(ghost_joints(STANDING_MM, STANDING_MM * 1.3 + 7.0), STANDING_MM, atol=1e-9)
