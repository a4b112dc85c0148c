"""The 3D view in its window: it is where its panel is, and out of the keyboard's way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_fakes import Opener
from numpy.typing import NDArray
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QSplitter
from pytestqt.qtbot import QtBot

from app.views.skeleton3d import Skeleton3DPanel
from app.window import MainWindow

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
    width = window.width()
    # In two steps: by the first the views get as narrow as they can be, by the second they are only moved.
    for wider in (500, 200):
        label = QLabel("more", parent=window)
        label.setMinimumWidth(wider)
        across.insertWidget(0, label)
        label.show()
        qtbot.waitUntil(lambda: window.width() > width)
        width = window.width()
        qtbot.waitUntil(lambda: is_in_place(window, window.space) and is_in_place(window, other))
