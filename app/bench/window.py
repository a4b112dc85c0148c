"""What ``bench --window`` measures: the real window with the real network, driven the way a user drives it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from app.bench import process, start
from app.bench.heartbeat import Heartbeat
from app.bench.report import show
from app.bench.waiting import PaintWatch, rest, wait_until
from app.settings import Settings
from app.sources import bundled_samples
from app.state import ModelEntry
from app.window import MainWindow, create_window, make_application
from core.errors import RunError
from core.pose import Pose

SETTLED: Final = 50
"""Photos and switches of models after which memory should not grow any more."""
PHOTO_PX: Final = (360, 360)
"""Square: the person is then looked for in 5 windows, not in 15, and what is measured here is the window's part."""
LARGE_PX: Final = (4000, 3000)
TURNS: Final = 40
UPDATES: Final = 100


def run(*, quick: bool) -> dict[str, Any]:
    """Measure and print; returns the figures.

    Args:
        quick: few photos and switches of models: shows that all works, not how memory behaves in the long run.

    Raises:
        RunError: the installation lacks samples or models, or the window did not do something in time.
    """
    make_application()
    photos, switches, rounds = (60, 12, 1) if quick else (500, 200, 4)
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {"start": start.measure(Path(folder), rounds)}
        bench = WindowBench(Path(folder))
        try:
            figures |= bench.measure(photos, switches)
        finally:
            figures["left_behind"] = bench.close()
    show(figures)
    return figures


class WindowBench:
    """One window and what is done with it."""

    def __init__(self, folder: Path) -> None:
        samples = bundled_samples()
        if not samples:
            raise RunError("this installation has no sample pictures to measure with", "install it again")
        self._folder = folder
        self._sample_folder = samples[0].path.parent
        self._files_before = process.open_files()
        self.heart = Heartbeat()
        self.window: MainWindow = create_window(
            str(samples[0].path), settings=Settings(folder / "bench.ini"), greet=False
        )
        self.window.resize(1440, 900)
        self._painted = PaintWatch(self.window.picture.graphics.viewport())
        self._poses: list[Pose] = []
        state = self.window.state
        state.picture_changed.connect(lambda: self._painted.expect("picture"))
        state.pose_changed.connect(self._expect_pose)

    def _expect_pose(self) -> None:
        if self.window.state.pose is not None:
            self._painted.expect("pose")

    def measure(self, photos: int, switches: int) -> dict[str, Any]:
        """Do everything in turn."""
        self._open()
        figures: dict[str, Any] = self._drawn_by()
        figures["next"] = self._step_through_samples()
        figures["space_update"] = self._update_space()
        self._turn()
        self._change_how_it_looks()
        self._compare()
        self._export()
        self._open_large()
        figures["photos"] = self._open_photos(photos)
        figures["model_switches"] = self._switch_models(switches)
        figures["blocks"] = [vars(block) for block in self.heart.sorted()]
        return figures

    def close(self) -> dict[str, Any]:
        """Close the window and return what is left of it."""
        window = self.window
        started_s = time.perf_counter()
        window.close()
        closed_s = time.perf_counter() - started_s
        self.heart.stop()
        threads = process.running_threads(window)
        window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        files, before = process.open_files(), self._files_before
        left = None if files is None or before is None else [name for name in files if name not in before]
        return {
            "closed_in_s": round(closed_s, 2),
            "threads": threads,
            "files": left,
            "processes": len(process.children()),
        }

    # What a user does

    def _open(self) -> None:
        self.window.show()
        wait_until(self._shows_pose, "the first pose")
        rest(0.5)
        scene = self.window.space.scene
        for painted in (self.window, self.window.windowHandle(), None if scene is None else scene.canvas.native):
            if painted is not None:
                self.heart.watch(painted)
        if len(self.window.state.models) < 2:
            raise RunError("this installation has not two models to switch between", "install it again")

    def _step_through_samples(self) -> dict[str, Any]:
        """Go forwards and backwards through the samples, in their own size."""
        window, state = self.window, self.window.state
        with self.heart.phase("opening a folder"):
            window.session.open([self._sample_folder])
            wait_until(lambda: len(state.trail) > 1 and self._shows_pose(), "the samples")
            rest(0.5)
        rows: list[dict[str, float]] = []
        count = len(state.trail)
        with self.heart.phase("next picture"):
            for number in range(2 * (count - 1)):
                rows.append(self._step("next" if number < count - 1 else "previous"))
                if state.pose is not None:
                    self._poses.append(state.pose)
        median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        decoding_ms = statistics.median(_decoding_ms(path) for path in state.trail)
        return {
            "pictures": len(rows),
            "picture_shown_ms": round(median["picture"], 1),
            "pose_shown_ms": round(median["pose"], 1),
            "decoding_ms": round(decoding_ms, 1),
            "network_ms": round(median["network"], 1),
            "picture_shown_over_decoding": round(median["picture"] / decoding_ms, 2),
            "pose_shown_over_network": round(median["pose"] / median["network"], 2),
        }

    def _step(self, key: str) -> dict[str, float]:
        """Press a key; return when picture and pose were on screen, milliseconds after it."""
        painted, state = self._painted, self.window.state
        painted.forget()
        before, began_s = state.picture, time.perf_counter()
        self.window.actions_by_key[key].trigger()
        wait_until(lambda: state.picture is not before and painted.seen_s("picture") is not None, "the next picture")
        wait_until(lambda: state.pose is not None and painted.seen_s("pose") is not None, "its pose")
        times = {name: 1000.0 * ((painted.seen_s(name) or began_s) - began_s) for name in ("picture", "pose")}
        return {**times, "network": state.latency_ms or 0.0}

    def _update_space(self) -> dict[str, Any] | None:
        """Give the 3D view other poses, without drawing them: that is the graphics card's work."""
        space = self.window.space
        if space.scene is None:
            return None
        shown, times, cpu = space.shown_pose, [], []
        pose = self._poses[0]
        space.shown_pose = lambda: pose
        for number in range(UPDATES):
            pose = self._poses[number % len(self._poses)]
            began_s, cpu_s = time.perf_counter(), time.thread_time()
            space.refresh()
            times.append(time.perf_counter() - began_s)
            cpu.append(time.thread_time() - cpu_s)
            if number % 10 == 9:
                rest(0.02)
        space.shown_pose = shown
        space.refresh()
        return {
            "median_ms": round(1000 * statistics.median(times), 2),
            "cpu_ms": round(1000 * statistics.median(cpu), 2),
        }

    def _turn(self) -> None:
        scene = self.window.space.scene
        if scene is not None:
            with self.heart.phase("turning the 3D view"):
                for number in range(TURNS):
                    scene.look(9.0 * number, 10.0)
                    rest(0.01)

    def _change_how_it_looks(self) -> None:
        keys = ("joint_next", "heat_all", "heat_off", "verdict", "labels", "skeleton", "skeleton", "labels", "verdict")
        with self.heart.phase("heatmaps, colours, labels"):
            for key in (*keys, "joint_next", "zoom_in", "fit", "fit_person", "fit"):
                self.window.actions_by_key[key].trigger()
                rest(0.05)
        with self.heart.phase("light and dark"):
            for key in ("theme_light", "theme_dark"):
                self.window.actions_by_key[key].trigger()
                rest(0.3)

    def _compare(self) -> None:
        comparing = self.window.comparing
        with self.heart.phase("comparing"):
            self.window.actions_by_key["compare"].trigger()
            wait_until(lambda: comparing.comparison is not None, "the comparison")
            rest(0.5)
            for key in ("next", "previous"):
                self._step(key)
                wait_until(lambda: comparing.comparison is not None, "the comparison")
            self.window.actions_by_key["compare"].trigger()
            rest(0.3)

    def _export(self) -> None:
        """Save everything there is of one picture."""
        kinds = {
            "export_picture": ".png", "export_3d": ".png", "export_window": ".png", "export_json": ".json",
            "export_csv": ".csv", "export_npz": ".npz", "export_bvh": ".bvh", "export_report": ".html",
        }  # fmt: skip
        with self.heart.phase("exporting"):
            for key, suffix in kinds.items():
                if key == "export_3d" and self.window.space.scene is None:
                    continue
                path = self._folder / f"{key}{suffix}"
                with mock.patch.object(QFileDialog, "getSaveFileName", lambda *_words, path=path: (str(path), "")):
                    self.window.actions_by_key[key].trigger()
                wait_until(path.exists, path.name)
                rest(0.1)

    def _open_large(self) -> None:
        """Open a photo as large as a camera's."""
        import cv2

        picture = self.window.state.picture
        assert picture is not None
        path = self._folder / "large.jpg"
        cv2.imwrite(str(path), cv2.resize(picture.rgb, LARGE_PX)[..., ::-1])
        with self.heart.phase("opening a photo of 12 megapixels"):
            self._go(lambda: self.window.session.open([path]), path)
            rest(0.3)

    def _open_photos(self, count: int) -> dict[str, Any]:
        folder = self._folder / "photos"
        _write_photos(self._sample_folder, folder, count)
        paths = sorted(folder.iterdir())
        seen = {}
        with self.heart.phase("many photos"):
            self._go(lambda: self.window.session.open([folder]), paths[0])
        for number, path in enumerate(paths[1:], 2):
            with self.heart.phase("many photos"):
                self._go(self.window.actions_by_key["next"].trigger, path)
            if number % SETTLED == 0 or number == count:
                seen[number] = process.memory_mb()
        return {"count": count, **_growth(seen)}

    def _switch_models(self, count: int) -> dict[str, Any]:
        state = self.window.state
        settled, seen = min(SETTLED, count // 2), {}
        for number in range(1, count + 1):
            before = state.model
            with self.heart.phase("switching models"):
                self.window.actions_by_key["model_next"].trigger()
                wait_until(partial(self._shows_another, before), "the other model's pose")
            if number % settled == 0 or number == count:
                seen[number] = process.memory_mb()
        return {"count": count, **_growth(seen)}

    # How it is seen

    def _go(self, ask: Callable[[], object], path: Path) -> None:
        ask()
        state = self.window.state
        wait_until(
            lambda: state.picture is not None and state.picture.path == path and self._shows_pose(), f"a pose of {path}"
        )

    def _shows_another(self, model: ModelEntry | None) -> bool:
        return self.window.state.model != model and self._shows_pose()

    def _shows_pose(self) -> bool:
        state = self.window.state
        return state.pose is not None and not state.activity

    def _drawn_by(self) -> dict[str, Any]:
        scene = self.window.space.scene
        if scene is None:
            return {"drawn_by": f"no 3D view ({self.window.space.fault})", "drawn_in_software": False}
        from app.views.smooth_edges import is_software, renderer

        name = renderer(scene.canvas)
        return {"drawn_by": name, "drawn_in_software": is_software(name)}


def _decoding_ms(path: Path) -> float:
    from core import media

    began_s = time.perf_counter()
    media.read_picture(path)
    return 1000.0 * (time.perf_counter() - began_s)


def _write_photos(samples: Path, folder: Path, count: int) -> None:
    """Write small photos, no two alike: the samples cut and lit in another way each."""
    import cv2

    folder.mkdir()
    random = np.random.default_rng(0)
    pictures = [picture for sample in bundled_samples() if (picture := cv2.imread(str(sample.path))) is not None]
    for number in range(count):
        picture = pictures[number % len(pictures)]
        height, width = picture.shape[:2]
        left, top = (int(random.integers(0, size // 10)) for size in (width, height))
        cut = cv2.resize(picture[top : top + height * 9 // 10, left : left + width * 9 // 10], PHOTO_PX)
        lit = cv2.convertScaleAbs(cut, alpha=float(random.uniform(0.7, 1.2)))
        cv2.imwrite(str(folder / f"photo-{number:03}.jpg"), lit)


def _growth(seen: dict[int, float | None]) -> dict[str, Any]:
    """Return the memory after some steps and how much it grew from the first of them on, megabytes."""
    known = {number: value for number, value in seen.items() if value is not None}
    if not known:
        return {"memory_mb": None, "grown_mb": None}
    first, last = min(known), max(known)
    return {"memory_mb": known, "after_first": first, "grown_mb": round(known[last] - known[first], 1)}
