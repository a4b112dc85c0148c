"""Settings, sources, mailbox, colours and thumbnails: the parts of the window that need no window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from app_fakes import make_pose, write_picture
from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QEnterEvent, QFontMetricsF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import actions, sources
from app.colours import VERDICT_COLOURS, ColourMode, bone_colours, heat_table
from app.naming import JOINT_ORDER, short_name, tiny_joint_name
from app.services.worker import Mailbox
from app.settings import Settings
from app.state import AppState, ModelEntry
from app.theme import ThemeWatcher
from app.views.heat import enlarge
from app.views.heatmap_strip import HeatmapStrip, crop_thumbnail
from app.views.joint_tip import joint_tip
from app.views.panel import ElidedLabel
from core import skeleton


def test_a_mailbox_keeps_only_the_newest_request_of_a_topic() -> None:
    mailbox = Mailbox()
    for token in range(5):
        mailbox.put("infer", token)
    mailbox.put("load", "geo")
    assert mailbox.replaced == 4
    assert mailbox.take() == ("infer", 4)
    assert mailbox.take() == ("load", "geo")
    mailbox.put("infer", 9)
    mailbox.close()
    assert mailbox.take() is None


@pytest.mark.parametrize("keep", [False, True])
def test_a_closed_mailbox_takes_nothing_more_so_that_its_reader_ends(keep: bool) -> None:
    mailbox = Mailbox()
    mailbox.put("save", "waits")
    mailbox.close(keep=keep)
    mailbox.put("save", "late")
    mailbox.put_if_free("run", "late")
    assert [mailbox.take() for _ in range(2)] == [("save", "waits") if keep else None, None]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"samples": [{"title": "no file"}]}', '{"samples": 3}'])
def test_damaged_samples_are_no_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "samples.json").write_text(content)
    monkeypatch.setattr(sources, "files", lambda _package: tmp_path)
    assert sources.bundled_samples() == []


def test_a_sample_brings_its_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    write_picture(folder / "a.jpg")
    entry = {"file": "a.jpg", "title": "Standing", "joints_px": [[1, 2]] * 16, "joints_mm": [[1, 2, 3]] * 16,
             "box_px": [0, 0, 9, 9]}  # fmt: skip
    gone = {**entry, "file": "gone.jpg"}
    (folder / "samples.json").write_text(json.dumps({"samples": [entry, gone]}))
    monkeypatch.setattr(sources, "files", lambda _package: tmp_path)
    samples = sources.bundled_samples()
    assert [sample.title for sample in samples] == ["Standing"]
    assert samples[0].truth is not None
    assert sources.sample_truth(folder / "a.jpg") is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff\xfe garbage", b"[General]\nopacity=@Invalid()\nmirror=42\nfolder=/nowhere/at/all\n",
     b"[window]\ngeometry=@ByteArray(x)\n[General]\ntheme=neon\nopacity=nan\nrecent=/gone.jpg|\\x0\n"],
)  # fmt: skip
def test_corrupt_settings_count_as_not_set(tmp_path: Path, qtbot: QtBot, content: bytes) -> None:
    path = tmp_path / "settings.ini"
    path.write_bytes(content)
    settings = Settings(path)
    assert settings.flag("mirror", True) is True
    assert settings.number("opacity", 0.7, 0.0, 1.0) == 0.7
    assert settings.folder() == Path.home()
    assert settings.recent() == []


def test_settings_come_back(tmp_path: Path, qtbot: QtBot) -> None:
    settings = Settings(tmp_path / "settings.ini")
    settings.set("mirror", False)
    settings.set("opacity", 0.4)
    photo = write_picture(tmp_path / "photo, with comma.png")
    settings.add_recent(photo)
    settings.flush()
    again = Settings(tmp_path / "settings.ini")
    assert again.flag("mirror", True) is False
    assert again.number("opacity", 0.7, 0.0, 1.0) == 0.4
    assert again.recent() == [photo]
    assert again.folder() == tmp_path


def test_verdict_colours_are_those_of_the_verdicts() -> None:
    report = make_pose().geometry
    colours = bone_colours(ColourMode.VERDICT, report)
    assert colours == tuple(VERDICT_COLOURS[bone.verdict] for bone in report.bones)


def test_no_heat_is_transparent() -> None:
    table = heat_table()
    assert table.shape == (256, 4)
    assert table[0, 3] == 0
    assert (np.diff(table[:, 3].astype(int)) >= 0).all()


def test_enlarging_a_heatmap_keeps_its_peak_where_it_was() -> None:
    offsets = np.arange(32) + 0.5
    heatmap = np.exp(-((offsets[None, :] - 20.5) ** 2 + (offsets[:, None] - 9.5) ** 2) / 2).astype(np.float32)
    large = enlarge(heatmap, 8)
    row, column = np.unravel_index(large.argmax(), large.shape)
    assert large.shape == (256, 256)
    assert abs((column + 0.5) / 8 - 20.5) < 0.1
    assert abs((row + 0.5) / 8 - 9.5) < 0.1
    assert large.min() >= 0.0
    np.testing.assert_allclose(enlarge(np.ones((4, 6), np.float32), 3), 1.0, rtol=1e-6)


def test_the_reading_order_holds_every_joint_once() -> None:
    assert sorted(JOINT_ORDER) == list(range(skeleton.JOINT_COUNT))
    assert short_name("left_upper_arm") == "L upper arm"


def test_the_thumbnail_is_black_outside_the_picture() -> None:
    picture = np.full((100, 100, 3), 255, dtype=np.uint8)
    thumbnail = crop_thumbnail(picture, np.array([[2.0, 0.0, -64.0], [0.0, 2.0, 0.0]]), 64)
    assert thumbnail[0, 0].tolist() == [0, 0, 0]
    assert thumbnail[0, 40].tolist() == [107, 107, 107]


def test_the_tip_tells_name_pixel_confidence_second_peak_and_depth() -> None:
    tip = joint_tip(make_pose(), skeleton.JOINT_INDEX["right_wrist"])
    for part in ("Right wrist", "px", "80 %", "10 % at", "180 mm in front of the pelvis"):
        assert part in tip
    assert "none" in joint_tip(make_pose(), 0)


def test_no_two_actions_share_a_key_and_help_lists_every_shortcut() -> None:
    keys = [keys for spec in actions.ACTIONS for keys in spec.shortcuts]
    assert len(keys) == len(set(keys))
    page = actions.help_text()
    assert all(key in page for key in keys)
    assert {key for key in actions.TOOLBAR if key[0] not in "|@"} <= {spec.key for spec in actions.ACTIONS}


def test_the_window_offers_the_files_that_core_reads() -> None:
    from core import media

    assert set(sources.PICTURE_SUFFIXES) == media.PICTURE_SUFFIXES
    assert set(sources.VIDEO_SUFFIXES) == media.VIDEO_SUFFIXES


@pytest.mark.parametrize("width", range(210, 1300, 61))
def test_the_names_under_the_heatmaps_never_touch(qtbot: QtBot, width: int) -> None:
    strip = HeatmapStrip(AppState(), ThemeWatcher(QApplication.instance()))
    qtbot.addWidget(strip)
    strip.resize(width, 100)
    font = strip.name_font()
    if font is None:
        assert width < 600, "at an ordinary width all joints are named"
        return
    middles = [strip.cell(place).center().x() for place in range(len(JOINT_ORDER))]
    halves = [QFontMetricsF(font).horizontalAdvance(tiny_joint_name(joint)) / 2 for joint in JOINT_ORDER]
    ends = [middle + half for middle, half in zip(middles, halves, strict=True)]
    starts = [middle - half for middle, half in zip(middles, halves, strict=True)]
    assert all(end + 2.5 <= start for end, start in zip(ends, starts[1:], strict=False))


def test_models_for_teaching_stand_last_and_the_next_model_is_one_of_its_kind() -> None:
    state = AppState()
    entries = {name: ModelEntry(name, name, teaching=name.startswith("3d")) for name in ("a", "3d", "b", "3d2d", "own")}
    state.set_models([*entries.values()])
    assert [model.name for model in state.models] == ["a", "b", "own", "3d", "3d2d"]
    after = {name: state.model_after(entry) for name, entry in entries.items()}
    assert {name: model and model.name for name, model in after.items()} == {
        "a": "b", "b": "own", "own": "a", "3d": "3d2d", "3d2d": "3d",
    }  # fmt: skip
    assert state.model_after(None) == entries["a"]
    state.set_models([entries["a"], entries["3d"]])
    assert state.model_after(ModelEntry("a", "a", "loaded")) is None
    state.set_models([])
    assert state.model_after(None) is None


def test_a_label_without_room_says_it_shorter_and_has_the_whole_in_its_tip(qtbot: QtBot) -> None:
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.setToolTip("What the loss means")
    label.tell("loss 0.1060, 4 implausible", "loss 0.1060")
    metrics = label.fontMetrics()
    label.show()

    def rests_with(width: int) -> tuple[str, str]:
        label.resize(width, 20)
        enter = QEnterEvent(QPointF(1, 1), QPointF(1, 1), QPointF(1, 1))
        QApplication.sendEvent(label, enter)
        told = label.shown_text(), label.toolTip()
        QApplication.sendEvent(label, QEvent(QEvent.Type.Leave))
        assert label.toolTip() == "What the loss means"
        return told

    whole, shorter = (metrics.horizontalAdvance(text) for text in ("loss 0.1060, 4 implausible", "loss 0.1060"))
    assert rests_with(whole + 1) == ("loss 0.1060, 4 implausible", "What the loss means")
    assert rests_with(whole - 1) == ("loss 0.1060", "loss 0.1060, 4 implausible\nWhat the loss means")
    cut, tip = rests_with(shorter - 1)
    assert cut.startswith("loss") and cut.endswith("…") and tip.startswith("loss 0.1060, 4 implausible\n")
    assert rests_with(3)[0] == "", "rather than a letter or two"
    label.setText("said by another")
    assert rests_with(whole)[0] == "said by another"
