"""Nothing that lay over the window stays on screen, also where the display keeps no picture of what is covered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from app_fakes import Opener
from numpy.typing import NDArray
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QToolTip
from pytestqt.qtbot import QtBot
from screens import pixels

from app.window import MainWindow

pytest_plugins = ("app_fixtures",)


def on_screen(window: MainWindow) -> NDArray[np.uint8]:
    """Return what the display has of the window: (height, width, 3)."""
    corner = window.mapToGlobal(QPoint(0, 0))
    return pixels(window.screen().grabWindow(0, corner.x(), corner.y(), window.width(), window.height()))


def test_a_tool_tip_that_is_gone_leaves_nothing_behind(open_window: Opener, qtbot: QtBot, photo: Path) -> None:
    open_window.gl = True
    window = open_window(photo)
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    qtbot.waitUntil(lambda: np.unique(on_screen(window).reshape(-1, 3), axis=0).shape[0] > 500)
    seen = [on_screen(window)]

    def is_calm() -> bool:
        qtbot.wait(100)
        seen.append(on_screen(window))
        return np.array_equal(*seen[-2:])

    qtbot.waitUntil(is_calm, timeout=20_000)
    before = seen[-1]
    QToolTip.showText(window.mapToGlobal(QPoint(120, 150)), "<b>Right wrist</b><br>x 1, y 2 px<br>80 %", window)
    qtbot.waitUntil(lambda: not np.array_equal(on_screen(window), before))
    QToolTip.hideText()
    qtbot.waitUntil(lambda: np.array_equal(on_screen(window), before), timeout=20_000)
