"""What can be opened and how: thumbnails, folders that change, drops of anything, the clipboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from app_fakes import FakeBackend, Opener, write_picture
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from video_clips import write_clip

from app.services.pictures import read_with_core
from app.window import MainWindow
from core import export, media
from core.errors import UserError
from core.reading import Reading

pytest_plugins = ("app_fixtures",)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in (10, 9, 1):
        write_picture(folder / f"im{number}.png")
    return folder


@pytest.fixture
def empty_clipboard(qapp: object) -> Iterator[None]:
    yield
    QGuiApplication.clipboard().clear()


def names(window: MainWindow) -> list[str]:
    return [window.thumbnails.model.index(row).data() for row in range(window.thumbnails.model.rowCount())]


def marked(window: MainWindow) -> str:
    return str(window.thumbnails.list.currentIndex().data())


def drop(window: MainWindow, mime: QMimeData) -> None:
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, mime, buttons, keys))


def of_files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def test_a_folder_shows_thumbnails_in_natural_order_and_a_click_goes_there(
    open_window: Opener, qtbot: QtBot, album: Path
) -> None:
    window = open_window(album)
    panel = window.thumbnails
    QAbstractItemModelTester(panel.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    assert panel.isVisible()
    assert names(window) == ["im1.png", "im9.png", "im10.png"]
    assert marked(window) == "im1.png"
    qtbot.waitUntil(lambda: all(panel.model.is_made(path) for path in panel.model.paths))
    icon = panel.model.index(1).data(Qt.ItemDataRole.DecorationRole).toImage()
    assert icon.pixelColor(icon.rect().center()).blue() == pytest.approx(120, abs=40), "the picture itself, in RGB"
    assert icon.pixelColor(1, icon.rect().center().y()).alpha() == 0, "beside it either theme's ground shows"
    place = panel.list.visualRect(panel.model.index(2)).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.picture.title.text() == "im10.png")
    window.actions_by_key["previous"].trigger()
    qtbot.waitUntil(lambda: marked(window) == "im9.png")
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: window.picture.title.text() == "im1.png")


def test_one_picture_takes_no_room_for_thumbnails(open_window: Opener, photo: Path) -> None:
    window = open_window(photo)
    assert not window.thumbnails.isVisible()


def test_of_a_large_folder_only_what_is_in_sight_is_read(open_window: Opener, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    data = write_picture(tmp_path / "one.png", 32, 32).read_bytes()
    for number in range(400):
        (folder / f"{number}.png").write_bytes(data)
    window = open_window(folder)
    panel = window.thumbnails
    qtbot.waitUntil(lambda: panel.model.is_made(folder / "0.png"))
    panel.list.scrollToBottom()
    qtbot.waitUntil(lambda: panel.model.is_made(folder / "399.png"))
    assert sum(panel.model.is_made(path) for path in panel.model.paths) < 100


def test_what_comes_into_the_folder_is_listed(open_window: Opener, qtbot: QtBot, album: Path) -> None:
    window = open_window(album)
    write_picture(album / "im2.png")
    qtbot.waitUntil(lambda: names(window) == ["im1.png", "im2.png", "im9.png", "im10.png"])
    assert marked(window) == "im1.png"
    assert window.toasts.texts == []
    window.actions_by_key["next"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "im2.png")


def test_a_picture_deleted_while_it_is_on_screen_stays_until_one_goes_on(
    open_window: Opener, qtbot: QtBot, album: Path
) -> None:
    window = open_window(album)
    window.actions_by_key["next"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "im9.png" and window.state.pose is not None)
    (album / "im9.png").unlink()
    qtbot.waitUntil(lambda: any("im9.png was deleted" in text for text in window.toasts.texts))
    assert window.picture.title.text() == "im9.png"
    assert window.state.pose is not None
    assert marked(window) == "im9.png"
    window.actions_by_key["next"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "im10.png")
    assert names(window) == ["im1.png", "im10.png"]
    window.actions_by_key["previous"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "im1.png")


def test_a_folder_that_vanishes_leaves_the_picture(open_window: Opener, qtbot: QtBot, album: Path) -> None:
    window = open_window(album)
    for path in album.iterdir():
        path.unlink()
    album.rmdir()
    qtbot.waitUntil(lambda: not window.thumbnails.isVisible())
    assert window.picture.title.text() == "im1.png"


def blue_of(window: MainWindow) -> int:
    assert window.state.picture is not None
    return int(window.state.picture.rgb[0, 0, 2])


@pytest.mark.parametrize("way", ["in place", "replaced", "deleted and made again"])
def test_a_picture_that_is_written_anew_is_shown_and_looked_at_anew(
    open_window: Opener, qtbot: QtBot, photo: Path, way: str
) -> None:
    backend = FakeBackend()
    window = open_window(photo, backend)
    box = (40.0, 30.0, 200.0, 250.0)
    window.session.give_box(box)
    window.picture.zoom(2.0)
    qtbot.waitUntil(lambda: window.state.pose is not None and window.state.pose.located_by == "given")
    shown, asked = window.picture.box_view.viewRect(), len(backend.asked)
    ok, data = cv2.imencode(".png", np.full((400, 320, 3), 200, np.uint8))
    assert ok
    if way == "in place":
        photo.write_bytes(data.tobytes())
    elif way == "replaced":
        export.write_atomically(photo, data.tobytes())
    else:
        photo.unlink()
        qtbot.wait(10)
        photo.write_bytes(data.tobytes())
    qtbot.waitUntil(lambda: blue_of(window) == 200)
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert backend.asked[asked:] == [("one", box, Reading())]
    assert window.picture.box_view.viewRect() == shown and window.state.box_px == box
    np.testing.assert_array_equal(window.picture._image.image, window.state.picture.shown)  # type: ignore[union-attr]
    # A picture of another size is a new one.
    write_picture(photo, 100, 80)
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.size_px == (100, 80))
    assert window.state.box_px is None and not window.actions_by_key["undo"].isEnabled()
    assert window.toasts.texts == []


def test_a_half_written_picture_is_no_error_and_is_shown_once_it_is_whole(
    open_window: Opener, qtbot: QtBot, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_window.reader = read_with_core
    window = open_window(album)
    first = album / "im1.png"
    before = window.state.picture
    data = write_picture(album.parent / "other.png", 90, 90).read_bytes()
    with first.open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        with qtbot.waitSignal(window.session.pictures.relisted) as relisted:
            pass
        assert relisted.args[2] == {first}
        # The next answer of the worker: it has tried by then.
        with qtbot.waitSignal(window.session.pictures.relisted):
            window.session._files_changed()
        assert window.state.picture is before and window.toasts.texts == []
        file.write(data[len(data) // 2 :])
    qtbot.waitUntil(lambda: window.state.picture is not None and window.state.picture.size_px == (90, 90))
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert window.toasts.texts == []


def test_a_picture_that_is_being_written_while_it_is_opened_is_waited_for(
    open_window: Opener, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []

    def read(path: Path) -> np.ndarray:
        tried.append(path)
        return read_with_core(path)

    open_window.reader = read
    # However slow the machine is.
    monkeypatch.setattr("app.services.pictures._FRESH_S", 30.0)
    window = open_window()
    target = tmp_path / "new.png"
    data = write_picture(tmp_path / "other.png", 90, 90).read_bytes()
    with target.open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        window.session.open([target])
        qtbot.waitUntil(lambda: len(tried) > 1)
        assert window.toasts.texts == []
        file.write(data[len(data) // 2 :])
    qtbot.waitUntil(lambda: window.picture.title.text() == "new.png")
    assert window.toasts.texts == []


def test_the_thumbnail_of_a_file_that_is_written_anew_is_made_anew(
    open_window: Opener, qtbot: QtBot, album: Path
) -> None:
    window = open_window(album)
    model = window.thumbnails.model
    qtbot.waitUntil(lambda: all(model.is_made(path) for path in model.paths))
    assert cv2.imwrite(str(album / "im9.png"), np.full((60, 60, 3), (10, 20, 250), np.uint8))

    def red() -> int:
        image = model.index(1).data(Qt.ItemDataRole.DecorationRole).toImage()
        return image.pixelColor(image.rect().center()).red()

    qtbot.waitUntil(lambda: red() > 200)


def test_a_mixed_drop_opens_everything_in_it(open_window: Opener, qtbot: QtBot, album: Path, photo: Path) -> None:
    clip = write_clip(photo.with_name("walk.mp4"), 10)
    net = photo.with_name("net.safetensors")
    net.write_bytes(b"weights")
    (album / "clip.avi").write_bytes(write_clip(photo.with_name("small.avi"), 5, "MJPG").read_bytes())
    backend = FakeBackend()
    window = open_window(None, backend)
    drop(window, of_files(photo, album, net, clip))
    qtbot.waitUntil(lambda: window.picture.title.text() == "photo.png")
    qtbot.waitUntil(lambda: window.state.model is not None and window.state.model.name == "net")
    # Where the panel is low for a moment it shows the pictures alone.
    expected = ["photo.png", "clip.avi", "im1.png", "im9.png", "im10.png", "walk.mp4"]
    qtbot.waitUntil(lambda: names(window) == expected)
    assert not window.timeline.isVisible()
    window.session.go_to(5)
    qtbot.waitUntil(lambda: window.timeline.isVisible() and window.picture.title.text() == "walk.mp4")
    window.session.go_to(0)
    qtbot.waitUntil(lambda: not window.timeline.isVisible())
    assert [action.text() for action in window.chrome.recent.actions()] == ["photo.png", "walk.mp4"]


def test_a_dropped_picture_without_a_file_is_opened(open_window: Opener, qtbot: QtBot) -> None:
    window = open_window()
    mime = QMimeData()
    image = QImage(60, 40, QImage.Format.Format_ARGB32)
    image.fill(QColor(10, 200, 30))
    image.setPixelColor(5, 6, QColor(0, 0, 0, 0))
    mime.setImageData(image)
    drop(window, mime)
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert window.state.picture is not None
    assert window.state.picture.rgb.shape == (40, 60, 3)
    assert window.state.picture.rgb[0, 0].tolist() == [10, 200, 30]
    assert window.state.picture.rgb[6, 5].tolist() == [255, 255, 255]
    drop(window, QMimeData())
    assert "nothing that can be opened" in window.toasts.texts[-1].lower()


@pytest.mark.usefixtures("empty_clipboard")
def test_pasting_opens_a_picture_or_files(open_window: Opener, qtbot: QtBot, photo: Path, album: Path) -> None:
    window = open_window()
    board = QGuiApplication.clipboard()
    board.clear()
    window.actions_by_key["paste"].trigger()
    assert "clipboard holds no picture" in window.toasts.texts[-1]
    board.setMimeData(of_files(photo))
    window.actions_by_key["paste"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "photo.png")
    image = QImage(50, 30, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    board.setImage(image)
    window.actions_by_key["paste"].trigger()
    qtbot.waitUntil(lambda: window.picture.title.text() == "From the clipboard")
    assert "clipboard" not in [action.text() for action in window.chrome.recent.actions()]
    board.setText(f"{album / 'im1.png'}\n{album / 'im9.png'}\n")
    window.actions_by_key["paste"].trigger()
    qtbot.waitUntil(lambda: names(window) == ["im1.png", "im9.png"])
    board.setText("just words")
    window.toasts.clear()
    window.actions_by_key["paste"].trigger()
    assert len(window.toasts.texts) == 1


@pytest.mark.parametrize("name", ["large.jpg", "small.jpg", "flat.png"])
def test_a_thumbnail_is_the_picture_made_small(tmp_path: Path, name: str) -> None:
    size = (1600, 1200) if name == "large.jpg" else (100, 75)
    path = write_picture(tmp_path / name, *size)
    small, whole = media.read_thumbnail(path, 160), media.read_picture(path)
    assert max(small.shape[:2]) == min(160, size[0])
    again = cv2.resize(whole, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - again).mean() < 4


def test_a_thumbnail_of_a_video_is_its_first_frame_and_of_nothing_an_error(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 5)
    first = next(media.frames(clip)).image
    np.testing.assert_array_equal(media.read_thumbnail(clip, 500), first)
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 no")
    with pytest.raises(UserError):
        media.read_thumbnail(tmp_path / "bad.jpg", 64)


def test_the_truth_of_a_sample_can_be_shown_and_hidden(open_window: Opener, qtbot: QtBot) -> None:
    from app.sources import bundled_samples

    open_window.gl = True
    window = open_window()
    if window.space.scene is None:
        pytest.skip(str(window.space.fault))
    for sample in bundled_samples():
        assert sample.truth is not None
    window.session.open([bundled_samples()[0].path])
    qtbot.waitUntil(lambda: window.state.pose is not None)
    assert window.space.scene._ghost.visible
    assert "truth" in window.space.note.text()
    window.actions_by_key["ghost"].trigger()
    assert not window.space.scene._ghost.visible
