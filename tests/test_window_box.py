"""The handles of the person's box: wherever the box ends, all of them can be seen and taken hold of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from pytestqt.qtbot import QtBot

from app.sources import Box
from app.views.box_tools import _in_sight
from app.window import MainWindow

pytest_plugins = ("app_fixtures",)

SIZE = (320, 400)
EXACT: Box = (0.0, 0.0, 320.0, 400.0)
"""The very edges of the picture."""
BEYOND: Box = (40.0, -60.0, 240.0, 520.0)
"""Over the picture's top and under its foot."""
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))


def open_with(open_window: Opener, photo: Path, box: Box) -> MainWindow:
    """Open a picture in which the person is found in this box."""
    backend = FakeBackend()
    backend.answer = lambda name, size, wanted: make_pose(size, wanted or box, name=name)
    return open_window(photo, backend)


def places(window: MainWindow) -> list[QRectF]:
    """Return where each handle is drawn in the view's pixels: the corners', then the one to move the box."""
    picture = window.picture
    picture.graphics.grab()  # the view takes its range over when it is painted
    found = []
    for handle in picture.box.handles:
        item = handle["item"]
        found.append(QRectF(picture.graphics.mapFromScene(item.mapRectToScene(item.boundingRect())).boundingRect()))
    return found


def drag(window: MainWindow, qtbot: QtBot, number: int, by: tuple[int, int]) -> None:
    """Drag a handle by so many pixels of the screen."""
    viewport = window.picture.graphics.viewport()
    start, way = places(window)[number].center().toPoint(), QPoint(*by)
    qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(viewport, start + way * share)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=start + way)
    qtbot.waitUntil(lambda: window.state.box_px is not None)


def edges(window: MainWindow) -> np.ndarray:
    """Return left, top, right and bottom of the box that the user gave."""
    assert window.state.box_px is not None
    x, y, width, height = window.state.box_px
    return np.array([x, y, x + width, y + height])


def to_picture(window: MainWindow, point: QPointF) -> tuple[float, float]:
    found = window.picture.box_view.mapSceneToView(window.picture.graphics.mapToScene(point.toPoint()))
    return found.x(), found.y()


@pytest.mark.parametrize("box", [EXACT, BEYOND])
def test_all_handles_of_a_box_that_reaches_the_edge_are_in_sight(open_window: Opener, photo: Path, box: Box) -> None:
    window = open_with(open_window, photo, box)
    window.resize(900, 560)
    window.grab()
    seen = QRectF(window.picture.graphics.viewport().rect())
    assert all(seen.contains(place) for place in places(window))


def test_a_corner_beyond_the_picture_comes_to_the_pointer_and_stays_where_nobody_pulls(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = open_with(open_window, photo, BEYOND)
    step = window.picture.box_view.viewPixelSize()[0]
    drag(window, qtbot, 0, (30, 1))
    np.testing.assert_allclose(edges(window), (40 + 30 * step, -60, 280, 460), atol=1.5 * step)
    held = places(window)[3].center()
    drag(window, qtbot, 3, (-25, -60))
    right, bottom = to_picture(window, held + QPointF(-25, -60))
    np.testing.assert_allclose(edges(window), (40 + 30 * step, -60, right, bottom), atol=1.5 * step)
    assert bottom < 400 and QRectF(window.picture.graphics.viewport().rect()).contains(places(window)[3])


def test_a_box_beyond_the_picture_is_moved_by_as_much_as_the_pointer(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window = open_with(open_window, photo, BEYOND)
    step = window.picture.box_view.viewPixelSize()[0]
    drag(window, qtbot, 4, (20, 30))
    gone = np.array([20, 30, 20, 30]) * step
    np.testing.assert_allclose(edges(window), np.array([40, -60, 280, 460]) + gone, atol=1.5 * step)


def test_who_zooms_in_is_not_followed_by_handles(open_window: Opener, photo: Path) -> None:
    window = open_with(open_window, photo, BEYOND)
    view = window.picture.box_view
    view.setRange(QRectF(120, 150, 60, 60), padding=0)
    for (across, down), place in zip(CORNERS, places(window)[:4], strict=True):
        corner = QPointF(BEYOND[0] + across * BEYOND[2], BEYOND[1] + down * BEYOND[3])
        there = window.picture.graphics.mapFromScene(view.mapViewToScene(corner))
        assert (place.center() - QPointF(there)).manhattanLength() < 3


@given(st.floats(-500, 900), st.floats(-100, 300), st.floats(50, 500), st.floats(0, 20), st.floats(10, 600))
def test_a_place_is_changed_only_to_come_into_sight_at_an_end_that_is_in_sight(
    place: float, start: float, length: float, room: float, size: float
) -> None:
    found = _in_sight(place, start, start + length, room, size)
    if found != place:
        assert start + room - 1e-9 <= found <= start + length - room + 1e-9
        assert (start <= 0 and place < found) or (start + length >= size and place > found)
