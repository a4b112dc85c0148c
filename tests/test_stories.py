"""One long evening at the real window with the real network: everything a person sees, and nothing left behind.

What is asserted is what is on screen: words in labels and cells, and pixels taken from the display itself.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shiboken6
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTableView, QWidget
from pytestqt.qtbot import QtBot

from app.bench import process
from app.naming import short_name
from app.settings import Settings
from app.sources import bundled_samples
from app.window import MainWindow, create_window
from core import skeleton

# vispy 0.17 asks Qt for a position in a way that PySide6 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Function. 'QMouseEvent.pos:DeprecationWarning")

LONG_MS = 30_000
SIZE_PX = (1280, 800)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with three people in it, as a user would have it."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number, sample in enumerate(bundled_samples()[:3], 1):
        shutil.copy(sample.path, folder / f"person {number}.jpg")
    return folder


class Person:
    """Sits at the window: sees what is shown, presses keys, drags the mouse."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.folder = folder
        self.window = self.start()

    def start(self) -> MainWindow:
        self.window = create_window(settings=Settings(self.folder / "settings.ini"), greet=False)
        self.window.resize(*SIZE_PX)
        self.window.show()
        self.window.activateWindow()
        try:
            self.qtbot.waitUntil(self.window.isActiveWindow, timeout=LONG_MS)
            self.sees(lambda: self.window.statusBar().model.text().startswith("compact"))
        except Exception:
            # Nobody else knows of this window yet, and a thread left running would take the other tests with it.
            self.leaves()
            self.sees(lambda: not process.running_threads(self.window))
            raise
        return self.window

    def sees(self, shown: object) -> None:
        """Wait until something is shown."""
        self.qtbot.waitUntil(shown, timeout=LONG_MS)

    def sees_pose_of(self, title: str) -> None:
        window = self.window
        self.sees(
            lambda: (
                window.picture.title.text().endswith(title)
                and "mean confidence" in window.picture.note.text()
                and window.statusBar().latency.text().startswith("pose in")
            )
        )

    def presses(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.window, key, modifier)

    def drags(self, widget: QWidget, start: QPoint, end: QPoint) -> None:
        """Press, move in steps and let go, as a hand does."""
        QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
        for step in range(1, 9):
            QTest.mouseMove(widget, start + (end - start) * (step / 8))
            QTest.qWait(20)  # vispy skips moves that follow too closely
        QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=end)

    def looks_at(self, widget: QWidget) -> NDArray[np.uint8]:
        """Return the pixels of a part of the window as the display has them: (height, width, 3)."""
        corner = widget.mapToGlobal(QPoint(0, 0))
        shot = self.window.screen().grabWindow(0, corner.x(), corner.y(), widget.width(), widget.height())
        image = shot.toImage().convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()

    def looks_when_calm(self, widget: QWidget) -> NDArray[np.uint8]:
        """Return the pixels once they stay as they are."""
        seen = [self.looks_at(widget)]

        def is_calm() -> bool:
            QTest.qWait(150)
            seen.append(self.looks_at(widget))
            return np.array_equal(*seen[-2:])

        self.sees(is_calm)
        return seen[-1]

    def reads(self, name: str) -> list[list[str]]:
        """Return the cells of a table as they stand, from the top; the table goes by the name it has for the blind."""
        [table] = [one for one in self.window.findChildren(QTableView) if one.accessibleName() == name]
        assert table.isVisible()
        model = table.model()
        return [
            [str(model.index(row, column).data()) for column in range(model.columnCount())]
            for row in range(model.rowCount())
        ]

    def has_table(self, name: str) -> bool:
        return any(one.isVisible() and one.accessibleName() == name for one in self.window.findChildren(QTableView))

    def leaves(self) -> None:
        if shiboken6.isValid(self.window):
            self.window.close()


@pytest.fixture
def person(qtbot: QtBot, tmp_path: Path) -> Iterator[Person]:
    someone = Person(qtbot, tmp_path)
    yield someone
    someone.leaves()


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Return which share of the pixels is another one."""
    assert before.shape == after.shape
    return float((np.abs(before.astype(int) - after.astype(int)).max(axis=2) > 24).mean())


def running_timers() -> list[QTimer]:
    # By type: asking some of torch's objects for their class warns.
    alive = [one for one in gc.get_objects() if issubclass(type(one), QTimer) and shiboken6.isValid(one)]
    return [timer for timer in alive if timer.isActive()]


def owner(timer: QObject) -> str:
    parent = timer.parent()
    return f"{type(timer).__name__} of {type(parent).__name__}"


def test_an_evening_at_the_window(
    person: Person, qtbot: QtBot, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = person.window
    ctrl, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier

    # Open a folder.
    monkeypatch.setattr("app.commands.QFileDialog.getExistingDirectory", lambda *_args: str(album))
    assert "Ctrl+O" in window.picture.empty.text.text() and window.picture.empty.isVisible()
    person.presses(Qt.Key.Key_O, ctrl | shift)
    person.sees_pose_of("person 1.jpg")
    assert window.statusBar().place.text() == "1 of 3"
    assert len(person.reads("Bones")) == skeleton.BONE_COUNT
    canvas = window.picture.graphics.viewport()
    first = person.looks_at(canvas)
    assert np.unique(first.reshape(-1, 3), axis=0).shape[0] > 500, "the picture is not on the display"

    # Step.
    person.presses(Qt.Key.Key_Right)
    person.sees_pose_of("person 2.jpg")
    assert window.statusBar().place.text() == "2 of 3"
    person.sees(lambda: changed(first, person.looks_at(canvas)) > 0.2)
    found = person.reads("Bones")

    # Move the box by the handle in the middle of its upper edge.
    before = person.looks_when_calm(canvas)
    box = window.picture.box
    top = box.mapToScene(QPointF(box.size().x() / 2, 0.0))
    grip = window.picture.graphics.mapFromScene(top)
    person.drags(canvas, grip, grip + QPoint(30, 25))
    person.sees(lambda: person.reads("Bones") != found)
    person.sees(lambda: changed(before, person.looks_at(canvas)) > 0.001)
    moved = window.picture.graphics.mapFromScene(box.mapToScene(QPointF(box.size().x() / 2, 0.0)))
    assert (moved - grip - QPoint(30, 25)).manhattanLength() <= 4
    person.presses(Qt.Key.Key_Z, ctrl)
    person.sees(lambda: person.reads("Bones") == found)

    # Turn the 3D view.
    scene = window.space.scene
    assert scene is not None, window.space.fault
    native = scene.canvas.native
    person.sees(lambda: np.unique(person.looks_at(native).reshape(-1, 3), axis=0).shape[0] > 50)
    before = person.looks_when_calm(native)
    middle = native.rect().center()
    person.drags(native, middle, middle + QPoint(120, 10))
    person.sees(lambda: changed(before, person.looks_at(native)) > 0.01)

    # Compare.
    person.presses(Qt.Key.Key_C)
    person.sees(lambda: person.has_table("Joints by difference"))
    joints = person.reads("Joints by difference")
    assert len(joints) == skeleton.JOINT_COUNT
    apart_mm = [float(row[1]) for row in joints]
    assert apart_mm == sorted(apart_mm, reverse=True) and apart_mm[0] > 0
    person.presses(Qt.Key.Key_C)
    person.sees(lambda: not person.has_table("Joints by difference") and person.has_table("Bones"))

    # Colours by verdict, which the program shall remember; a light room.
    before = person.looks_when_calm(canvas)
    person.presses(Qt.Key.Key_V)
    person.sees(lambda: changed(before, person.looks_at(canvas)) > 0.0005)
    dark = person.looks_at(window)
    window.actions_by_key["theme_light"].trigger()
    person.sees(lambda: person.looks_at(window).mean() > dark.mean() + 60)

    # Export: the file says what the table says.
    target = tmp_path / "pose.json"
    monkeypatch.setattr("app.exports.QFileDialog.getSaveFileName", lambda *_args: (str(target), ""))
    person.presses(Qt.Key.Key_J, ctrl)
    person.sees(lambda: any("pose.json" in text for text in window.toasts.texts))
    bones = json.loads(target.read_text(encoding="utf-8"))["poses"][0]["bones"]
    shown = {row[0]: (row[1], row[5]) for row in person.reads("Bones")}
    assert {short_name(bone["name"]): (f"{bone['length_mm']:.0f}", bone["verdict"]) for bone in bones} == shown

    # Close and reopen: the program remembers.
    person.leaves()
    window.deleteLater()
    again = person.start()
    assert [action.text() for action in again.chrome.recent.actions()][:2] == ["person 2.jpg", "person 1.jpg"]
    assert person.looks_at(again).mean() > dark.mean() + 60, "it opened dark"
    assert again.actions_by_key["verdict"].isChecked()
    again.chrome.recent.actions()[0].trigger()
    person.sees_pose_of("person 2.jpg")
    assert person.reads("Bones") == found
    again.deleteLater()


def test_nothing_is_left_behind(qtbot: QtBot, album: Path, tmp_path: Path) -> None:
    # What the first window loads for good (fonts, drivers, torch's own threads) is not left behind by the second.
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        files, timers, processes = process.open_files(), running_timers(), process.children()
        someone = Person(qtbot, tmp_path / folder)
        window = someone.window
        window.session.open([album])
        someone.sees_pose_of("person 1.jpg")
        someone.presses(Qt.Key.Key_C)
        someone.sees(lambda window=window: window.comparing.comparison is not None)
        someone.leaves()
        assert window.stopped_in_time
        assert process.running_threads(window) == []
        window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [owner(timer) for timer in running_timers() if timer not in timers] == []
    assert process.children() == processes
    if files is not None:
        assert [name for name in process.open_files() or [] if name not in files] == []
