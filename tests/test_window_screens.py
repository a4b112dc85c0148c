"""Every view at two sizes, light and dark, looks as it did when somebody last looked at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import screens
from app_fakes import FakeBackend, Opener, make_pose, read_fake, write_picture
from poses import STANDING_MM
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot
from scripted_live import DRAWN_MS, PARTS_MS, play
from video_clips import write_clip

from app.capture import window_picture
from app.sources import Box
from app.window import MainWindow
from core import skeleton
from core.pose import Pose

pytest_plugins = ("app_fixtures",)

SIZES = ((1280, 800), (1920, 1080))
THEMES = ("dark", "light")
SETTLE_MS = 150


ELSEWHERE = {
    "two": ("left_wrist", (90, 120, 120)), "three": ("right_ankle", (-160, 0, 60)), "four": ("left_elbow", (80, 0, 0)),
}  # fmt: skip
"""The joint that a model beside A puts elsewhere, by so many millimetres."""


def several_models(name: str, size: tuple[int, int], box: Box | None) -> Pose:
    """Let each model beside A put a joint elsewhere, and give one forearm a length that no body has."""
    joints = STANDING_MM.copy()
    joints[skeleton.JOINT_INDEX["right_wrist"]] += (0, -90, 0)
    if name in ELSEWHERE:
        joint, by_mm = ELSEWHERE[name]
        joints[skeleton.JOINT_INDEX[joint]] += by_mm
    return make_pose(size, box, name=name, joints_mm=joints)


def empty(open_window: Opener, _folder: Path) -> MainWindow:
    return open_window()


def picture(open_window: Opener, folder: Path) -> MainWindow:
    window = open_window(write_picture(folder / "photo.png"), backend())
    window.actions_by_key["verdict"].trigger()
    return window


def compare(open_window: Opener, folder: Path) -> MainWindow:
    album = folder / "album"
    album.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        write_picture(album / name)
    window = open_window(album, backend())
    window.actions_by_key["compare"].trigger()
    open_window.qtbot.waitUntil(lambda: window.comparing.comparison is not None)
    # What was loaded last decides nothing about the order of the pictures.
    open_window.qtbot.waitUntil(lambda: all(map(window.thumbnails.model.is_made, window.state.trail)))
    wait_for_bodies(open_window, window, "b")
    return window


def wait_for_bodies(open_window: Opener, window: MainWindow, letters: str) -> None:
    """Wait until the others' 3D views are made, where the machine has 3D."""
    places = [window._panels[f"space_{letter}"] for letter in letters]
    if window.space.fault is None:
        open_window.qtbot.waitUntil(lambda: all(each.panel is not None and each.panel.isVisible() for each in places))


def four_models(open_window: Opener, folder: Path) -> MainWindow:
    window = compare(open_window, folder)
    for name in ("three", "four"):
        window.comparing.add(str(folder / f"{name}.safetensors"))
    open_window.qtbot.waitUntil(lambda: len(window.comparing.comparisons) == 3)
    wait_for_bodies(open_window, window, "bcd")
    return window


def all_pictures(open_window: Opener, folder: Path) -> MainWindow:
    window = compare(open_window, folder)
    window.compare_panel.all_pictures.setChecked(True)
    window.actions_by_key["compare_many"].trigger()
    many = window.comparing.many
    open_window.qtbot.waitUntil(lambda: many.result.names != () and not many.result.running, timeout=20_000)
    return window


def video(open_window: Opener, folder: Path) -> MainWindow:
    window = open_window(write_clip(folder / "walk.mp4", 20), backend())
    track = lambda: window.session.playback.track
    open_window.qtbot.waitUntil(lambda: track() is not None and bool(track().known.all()))
    # The timeline gathers what the run finds.
    open_window.qtbot.wait(400)
    return window


def backend() -> FakeBackend:
    made = FakeBackend()
    made.answer = several_models
    return made


@pytest.mark.parametrize("view", [empty, picture, compare, four_models, all_pictures, video])
def test_the_window_looks_as_it_did(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, view: Callable[[Opener, Path], MainWindow]
) -> None:
    open_window.gl = True
    compare_with_kept(view(open_window, tmp_path), view.__name__, qtbot, tmp_path)


def test_the_live_view_and_its_bar_look_as_they_did(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_window.gl = True
    window = open_window(None, backend())
    play(window, qtbot, monkeypatch, read_fake(write_picture(tmp_path / "frame.png", 640, 480)), seconds=2.0)
    bar = window.live_mode.bar
    assert bar is not None and bar.isVisible()
    compare_with_kept(window, "live", qtbot, tmp_path)
    assert (bar.state.text(), bar.rate.text(), bar.dropped.text()) == ("live", "20 poses/s", "7 dropped")
    assert bar.latency.parts_ms == pytest.approx({**PARTS_MS, "draw": DRAWN_MS})
    assert window.picture.note.text().startswith("person 1")
    whole = screens.reduced(screens.pixels(window_picture(window)))
    bar.latency.hide()
    qtbot.wait(SETTLE_MS)
    assert screens.difference(screens.reduced(screens.pixels(window_picture(window))), whole) > screens.MOST
    window.live_mode.live.stop()


def compare_with_kept(window: MainWindow, name: str, qtbot: QtBot, failed: Path) -> None:
    """Hold the window at all sizes, light and dark, against the kept pictures of a view."""
    if window.space.fault is not None:
        pytest.skip(window.space.fault)
    faults, means = [], {}
    for width, height in SIZES:
        window.resize(width, height)
        for theme in THEMES:
            window.actions_by_key[f"theme_{theme}"].trigger()
            window.actions_by_key["fit"].trigger()
            window.toasts.clear()
            # Latency is another number each time.
            window.statusBar().latency.setText("")
            qtbot.wait(SETTLE_MS)
            assert (window.width(), window.height()) == (width, height), "the view needs more room than the screen has"
            seen = window_picture(window)
            means[theme] = screens.pixels(seen).mean()
            faults.append(screens.fault(f"{name}-{width}x{height}-{theme}", seen, failed))
        assert means["light"] > means["dark"] + 60
    assert not any(faults), "\n".join(filter(None, faults))


@pytest.mark.parametrize("page", ["training", "batch", "models", "shortcuts"])
def test_a_window_beside_the_main_one_looks_as_it_did(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, page: str
) -> None:
    window = open_window()
    window.actions_by_key[page].trigger()
    faults = []
    for theme in THEMES:
        window.actions_by_key[f"theme_{theme}"].trigger()
        qtbot.wait(SETTLE_MS)
        [dialog] = [one for one in window.findChildren(QDialog) if one.isVisible()]
        faults.append(screens.fault(f"{page}-{theme}", dialog.grab(), tmp_path))
    assert not any(faults), "\n".join(filter(None, faults))


def test_a_missing_body_or_table_or_another_theme_is_a_difference_and_a_grain_is_none(
    open_window: Opener, qtbot: QtBot, tmp_path: Path
) -> None:
    open_window.gl = True
    window = picture(open_window, tmp_path)
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    window.resize(*SIZES[0])
    qtbot.wait(SETTLE_MS)

    def seen() -> np.ndarray:
        return screens.reduced(screens.pixels(QPixmap(window_picture(window))))

    whole = seen()
    grain = np.random.default_rng(0).integers(-6, 7, whole.shape)
    assert screens.difference(np.clip(whole + grain, 0, 255).astype(np.uint8), whole) < screens.MOST
    window.space.scene.clear()
    assert screens.difference(seen(), whole) > screens.MOST
    window.space.refresh()
    window.bones.table.hide()
    assert screens.difference(seen(), whole) > screens.MOST
    window.bones.table.show()
    window.actions_by_key["theme_light"].trigger()
    assert screens.difference(seen(), whole) > screens.MOST
