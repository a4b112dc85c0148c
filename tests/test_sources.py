"""Live sources by their names, and the cameras that there are."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.capture import cameras, sources
from core.errors import UserError


def refused(text: str) -> str:
    with pytest.raises(UserError) as caught:
        sources.parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("camera:0", "camera", "camera-0"),
        ("http://10.0.0.7:8080/video?x=1", "stream", "10.0.0.7-video"),
        ("rtsp://user:secret@cam.local/h264", "stream", "cam.local-h264"),
    ],
)
def test_cameras_and_streams_are_told_by_their_words(text: str, kind: str, name: str) -> None:
    source = sources.parse(text)
    assert (source.kind, source.name) == (kind, name) and sources.is_live(text)
    assert "secret" not in source.given and "user" not in source.given


def test_what_is_no_source_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert "camera:0" in refused("camera:front")
    assert "camera:0" in refused("camera:1000")
    assert "rtsp://" in refused("ftp://cam/video")
    assert "names no machine" in refused("http:///video")
    assert "not an address" in refused("http://cam:port/video")
    assert "cannot be looked at live" in refused(str(tmp_path / "notes.txt"))
    assert "does not exist" in refused(str(tmp_path / "walk.mp4"))
    assert "no picture is called" in refused(str(tmp_path / "im%04d.png"))
    assert "has no pictures" in refused(str(tmp_path))


@given(st.text(st.characters(exclude_characters="\0"), max_size=60))
def test_any_word_is_a_source_or_a_user_error(text: str) -> None:
    for word in (text, "http://" + text, "camera:" + text):
        with contextlib.suppress(UserError):
            assert sources.parse(word).name is not None


def test_a_pattern_finds_its_numbers_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("f_0009.png", "f_0010.png", "f_10000.png", "f_11.png", "f_00012.png", "f_0010.txt", "g_0001.png"):
        (tmp_path / name).touch()
    found = [path.name for path in sources.sequence_files(str(tmp_path / "f_%04d.png"))]
    assert found == ["f_0009.png", "f_0010.png", "f_10000.png"]


def test_a_file_that_is_called_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    odd = tmp_path / "50%d.png"
    assert sources.is_sequence(str(odd))
    odd.touch()
    assert not sources.is_sequence(str(odd))


def test_cameras_are_listed_by_number_and_name_without_their_metadata_devices(tmp_path: Path) -> None:
    for number, index, name in ((10, 0, "Desk"), (2, 0, "Integrated Camera"), (3, 1, "Integrated Camera")):
        folder = tmp_path / f"video{number}"
        folder.mkdir()
        (folder / "index").write_text(f"{index}\n")
        (folder / "name").write_text(f"{name}\n")
    (tmp_path / "v4l-touch0").mkdir()
    assert cameras.cameras(tmp_path) == [cameras.Camera(2, "Integrated Camera"), cameras.Camera(10, "Desk")]
    assert cameras.cameras(tmp_path / "nowhere") == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices of Linux")
def test_a_camera_that_is_absent_or_forbidden_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras, "DEVICES", tmp_path)
    monkeypatch.setattr(cameras, "cameras", lambda: [cameras.Camera(4, "Desk")])
    with pytest.raises(UserError, match=r"choose camera:4 \(Desk\)"):
        cameras.open_camera(0)
    (tmp_path / "video0").touch()
    with pytest.raises(UserError, match="close other programs"):
        cameras.open_camera(0)
    monkeypatch.setattr(cameras.os, "access", lambda *_: False)
    with pytest.raises(UserError, match="group video"):
        cameras.open_camera(0)
