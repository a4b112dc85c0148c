"""Models compared on a video: they follow A through it, all of it is ranked, and the flip goes on while it plays."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, make_pose
from conftest import write_random_weights
from poses import STANDING_MM
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot
from video_clips import number_in, write_clip

import main
from app.comparing import Layout
from app.services.backend import TorchBackend
from app.sources import Box
from app.window import MainWindow
from core import skeleton
from core.pose import Pose
from core.reading import Reading

pytest_plugins = ("app_fixtures",)

COUNT = 40
WORST = 25
WRIST = skeleton.JOINT_INDEX["left_wrist"]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "walk.mp4", COUNT)


class NumberedBackend(FakeBackend):
    """B's left hand is further from A's the nearer a frame is to the worst one; models see which frame they look at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[tuple[str, int]] = []
        self.gate: threading.Semaphore | None = None

    def load(self, source: str) -> object:  # type: ignore[override]
        model = super().load(source)
        backend = self

        def predict(rgb: np.ndarray, box: Box | None, reading: Reading) -> Pose:
            name, frame = model.entry.name, number_in(rgb)
            if name != "one" and backend.gate is not None:
                assert backend.gate.acquire(timeout=20)
            backend.looked.append((name, frame))
            joints = STANDING_MM.copy()
            if name != "one":
                joints[WRIST, 0] -= 400.0 - 10.0 * abs(frame - WORST)
            return make_pose((rgb.shape[1], rgb.shape[0]), box, name=name, joints_mm=joints)

        model.predict = predict  # type: ignore[method-assign]
        return model


def comparing_window(open_window: Opener, clip: Path, backend: FakeBackend | None = None) -> MainWindow:
    window = open_window(clip, backend or NumberedBackend())
    window.actions_by_key["compare"].trigger()
    return window


def whole(window: MainWindow) -> bool:
    result = window.comparing.many.result
    return bool(result.names) and result.done == COUNT and not result.running


def test_the_whole_video_is_ranked_and_a_click_goes_to_the_frame(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = comparing_window(open_window, clip)
    panel = window.compare_panel
    assert panel.all_pictures.text() == "Whole video"
    panel.all_pictures.click()
    page = panel.many
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    rows = page.ranking.texts()
    assert rows[0] == (f"{WORST / 30:.2f} s, frame {WORST}", "25", *rows[0][2:4], "L wrist, 400 mm")
    frames = [row.key for row in page.ranking.rows.rows]
    assert min(np.diff(sorted(frames))) >= 7, "a moment is told once, not frame by frame"
    assert page.status.text() == f"A one, B two: {COUNT} frames" and not page.button.isEnabled()
    assert page.asymmetry.curves[1].getData()[1].sum() == pytest.approx(100.0)
    page.ranking.selectRow(0)
    page.ranking.clicked.emit(page.ranking.currentIndex())
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.frame == WORST)
    panel.all_pictures.click()
    qtbot.waitUntil(lambda: window.comparing.comparison is not None and panel.joints.texts()[0][1] == "400")


def test_a_strip_under_the_timeline_shows_the_distance_over_time(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = comparing_window(open_window, clip)
    strip = window.compare_views.strip
    assert strip.isVisible()
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    x = strip._x_of(WORST)
    assert strip.tip(x) == f"{WORST / 30:.2f} s, frame {WORST}\nB 25 mm from A"
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(round(x), 20))
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.frame == WORST)
    assert strip.frame_at(window.timeline.strips.x_of(7)) == 7, "both have one axis of time"
    window.actions_by_key["compare"].trigger()
    assert not strip.isVisible()


def test_going_through_a_video_can_be_cancelled_and_goes_on_where_it_was(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    backend = NumberedBackend()
    backend.gate = threading.Semaphore(12)
    window = comparing_window(open_window, clip, backend)
    window.compare_panel.all_pictures.click()
    page, many = window.compare_panel.many, window.comparing.many
    qtbot.waitUntil(lambda: many.result.done >= 8 and not window.session.playback.running, timeout=20_000)
    assert page.button.text() == "Cancel" and page.progress.isVisible()
    qtbot.waitUntil(lambda: many.result.remaining_s is not None, timeout=20_000)
    page.refresh()
    assert page.status.text().startswith(f"{many.result.done} of {COUNT} frames, about ")
    page.button.click()
    backend.gate.release(3 * COUNT)
    assert not many.result.running and page.button.text() == "Compare on the whole video"
    done = many.result.done
    assert 0 < done < COUNT
    backend.looked.clear()
    page.button.click()
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    again = [frame for name, frame in backend.looked if name == "two"]
    assert len(again) <= COUNT - done + 2, "what was done is not done again"


def test_the_held_key_flips_while_the_video_plays(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    backend = NumberedBackend()
    # Slow, so that a busy machine shows some frames of it too.
    window = comparing_window(open_window, write_clip(tmp_path / "slow.mp4", COUNT, rate=5.0), backend)
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    window.comparing.set_display(layout=Layout.SINGLE)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    seen: list[tuple[str, int, float]] = []

    def note() -> None:
        pose, picture = window.picture.shown_pose(), window.state.picture
        if pose is not None and picture is not None:
            seen.append((pose.checkpoint_name, picture.frame, float(pose.joints_mm[WRIST, 0])))

    playback = window.session.playback
    window.actions_by_key["play"].trigger()
    qtbot.waitUntil(lambda: playback.wanted > 1)
    qtbot.keyPress(window, Qt.Key.Key_X)
    backend.looked.clear()
    window.comparing.compared.connect(note)
    qtbot.waitUntil(lambda: len({frame for _, frame, _ in seen}) >= 3)
    assert playback.playing and window.picture.title.text().startswith("B ")
    asked = list(backend.looked)
    window.comparing.compared.disconnect(note)
    qtbot.keyRelease(window, Qt.Key.Key_X)
    assert playback.playing and window.picture.title.text().startswith("A ")
    assert window.picture.shown_pose() is window.state.pose
    window.actions_by_key["play"].trigger()
    assert {name for name, _, _ in seen} == {"two"}
    for _, frame, x_mm in seen:
        assert x_mm == pytest.approx(STANDING_MM[WRIST, 0] - 400.0 + 10.0 * abs(frame - WORST)), (
            "B's pose of that frame"
        )
    assert not asked, "nothing is computed anew while it plays"


def test_another_model_or_video_begins_anew(open_window: Opener, qtbot: QtBot, clip: Path) -> None:
    window = comparing_window(open_window, clip)
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    window.comparing.choose(str(clip.with_name("other.safetensors")))
    qtbot.waitUntil(lambda: window.comparing.many.result.names == ("one", "other"))
    qtbot.waitUntil(lambda: whole(window), timeout=20_000)
    second = write_clip(clip.with_name("second.mp4"), 12)
    window.session.open([second])
    qtbot.waitUntil(lambda: window.comparing.many.result.total == 12)
    qtbot.waitUntil(lambda: window.comparing.many.result.done == 12, timeout=20_000)
    window.session.close_picture()
    assert window.comparing.many.result.total == 0 and not window.compare_views.strip.isVisible()


def test_the_window_compares_a_video_as_the_command_does(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "short.mp4", 3), tmp_path / "o.json"
    names = (
        "compact-geo",
        "compact-no-geo",
        str(write_random_weights(tmp_path / "r.safetensors", 3, geometry_loss=True, record={})),
    )
    options = [word for pair in zip(("--a", "--b", "--c"), names, strict=True) for word in pair]
    assert main.main(["compare", str(clip), *options, "--json", str(out)]) == 0
    told = json.loads(out.read_text(encoding="utf-8"))["comparisons"]
    window = open_window(clip, TorchBackend())
    window.comparing.preferred = names[1:]
    window.actions_by_key["compare"].trigger()
    many = window.comparing.many
    qtbot.waitUntil(lambda: len(many.result.tallies) == 2 and many.result.done == 3, timeout=60_000)
    b, c = many.result.tallies
    for frame, item in enumerate(told):
        assert b.mean_mm[frame] == pytest.approx(item["mean"]["distance_mm"], abs=0.01)
        assert c.mean_mm[frame] == pytest.approx(item["others"]["c"]["mean"]["distance_mm"], abs=0.01)


def test_in_a_low_window_the_timeline_leaves_its_height_to_the_pictures(
    open_window: Opener, qtbot: QtBot, clip: Path
) -> None:
    window = open_window(clip, NumberedBackend())
    tall = window.timeline.height()
    window.actions_by_key["compare"].trigger()

    def panels_touch() -> bool:
        below = window.timeline.mapTo(window, window.timeline.rect().bottomLeft()).y()
        return window.compare_panel.mapTo(window, window.compare_panel.rect().topLeft()).y() - below <= 8

    qtbot.waitUntil(lambda: window.timeline.height() < tall - 60 and panels_touch())
    assert window.height() == 700 and window.compare_views.strip.isVisible()
    window.actions_by_key["compare"].trigger()
    qtbot.waitUntil(lambda: window.timeline.height() >= tall - 30)
