"""The 3D view in its window: it is where its panel is, its names can be read, and it is out of the keyboard's way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_fakes import Opener
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from app.views.scene3d import Scene3D
from app.views.skeleton3d import Skeleton3DPanel
from app.window import MainWindow
from core import skeleton

pytest_plugins = ("app_fixtures",)


def levels(image: QImage) -> NDArray[np.int64]:
    """Return (h, w, 3) RGB."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(np.int64)


def is_in_place(window: MainWindow, panel: Skeleton3DPanel) -> bool:
    """Tell whether the screen shows the body where the panel has room for it."""
    image = panel.picture()
    if panel.scene is None or image is None:
        pytest.skip(str(panel.fault))
    holder = panel.scene.canvas.native.parentWidget()
    corner = holder.mapToGlobal(QPoint(0, 0))
    seen = window.screen().grabWindow(0, corner.x(), corner.y(), holder.width(), holder.height()).toImage()
    wanted, shown = levels(image), levels(seen)
    return wanted.shape == shown.shape and bool(np.abs(wanted - shown).mean() < 1.0)


def test_the_3d_views_come_along_when_the_window_has_to_grow(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    open_window.gl = True
    window = open_window(photo)
    qtbot.waitUntil(lambda: is_in_place(window, window.space))
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window._panels["space_b"].panel is not None)
    other = window._panels["space_b"].panel
    qtbot.waitUntil(lambda: is_in_place(window, window.space) and is_in_place(window, other))
    across = window.findChild(QSplitter, "across")
    assert isinstance(across, QSplitter)
    # In two steps: by the first the views get as narrow as they can be, by the second they are only moved.
    for wider in (500, 200):
        label = QLabel("more", parent=window)
        label.setMinimumWidth(wider)
        across.insertWidget(0, label)
        label.show()
        qtbot.waitUntil(lambda label=label: label.width() >= label.minimumWidth())
        qtbot.waitUntil(lambda: is_in_place(window, window.space) and is_in_place(window, other))


def named(open_window: Opener, photo: Path) -> tuple[MainWindow, Scene3D]:
    """Open a window whose 3D view names the joints."""
    open_window.gl = True
    window = open_window(photo)
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    window.state.set_display(labels=True)
    return window, window.space.scene


def test_no_name_lies_over_another_from_wherever_the_body_is_seen(open_window: Opener, photo: Path) -> None:
    _window, scene = named(open_window, photo)
    seen = set()
    for azimuth, elevation in ((0, 0), (35, 10), (90, 4), (90, 30), (170, -20), (0, 90)):
        scene.look(azimuth, elevation)
        scene.picture()
        boxes, shown = scene.names.boxes, scene.names.shown
        low, high = boxes[:, :2], boxes[:, 2:]
        over = ((low[:, None] < high) & (high[:, None] > low)).all(axis=2)
        assert len(boxes) == len(shown) > 8 and over.sum() == len(boxes), (azimuth, elevation)
        seen |= set(shown)
    assert len(seen) == skeleton.JOINT_COUNT


@pytest.mark.parametrize("elevation", [0.0, 90.0])
def test_names_are_drawn_where_room_was_kept_for_them(open_window: Opener, photo: Path, elevation: float) -> None:
    window, scene = named(open_window, photo)
    scene.look(20.0, elevation)
    with_names = scene.picture().astype(int)
    boxes = scene.names.boxes
    window.state.set_display(labels=False)
    written = np.abs(with_names - scene.picture()).max(axis=2) > 24
    kept = np.zeros_like(written)
    for left, top, right, bottom in boxes:
        place = (slice(max(int(top), 0), int(bottom) + 1), slice(max(int(left), 0), int(right) + 1))
        kept[place] = True
        assert written[place].sum() > 20
    assert not (written & ~kept).any()


def test_names_without_room_come_back_when_there_is_some(open_window: Opener, photo: Path) -> None:
    _window, scene = named(open_window, photo)
    scene.look(0.0, 0.0)
    scene.picture()
    near = scene.names.shown
    scene.camera.scale_factor *= 8.0
    scene.picture()
    assert len(scene.names.shown) < len(near) == skeleton.JOINT_COUNT
    scene.camera.scale_factor /= 8.0
    scene.picture()
    assert scene.names.shown == near


def test_what_is_chosen_keeps_its_name(open_window: Opener, photo: Path) -> None:
    window, scene = named(open_window, photo)
    scene.look(90.0, 4.0)
    scene.camera.scale_factor *= 20.0
    for joint in range(skeleton.JOINT_COUNT):
        window.state.choose_joint(joint)
        scene.picture()
        assert joint in scene.names.shown and len(scene.names.shown) < 8
    window.state.set_display(bone=3)
    scene.picture()
    assert set(skeleton.BONES[3].joints) < set(scene.names.shown)


def test_the_tab_key_passes_the_3d_view_by_whose_keys_work_from_everywhere(
    open_window: Opener, qtbot: QtBot, photo: Path
) -> None:
    window, scene = named(open_window, photo)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    native, at = scene.canvas.native, window.focusWidget()
    stops: list[QWidget] = []
    while at is not None and at not in stops:
        stops.append(at)
        qtbot.keyClick(at, Qt.Key.Key_Tab)
        at = window.focusWidget()
    assert native not in stops and any(button in stops for button in window.space._buttons)
    for stop in (stops[1], native):
        stop.setFocus()
        azimuth = scene.camera.azimuth
        qtbot.keyClick(stop, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
        assert scene.camera.azimuth == azimuth + 10.0
