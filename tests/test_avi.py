"""The comment of an AVI file: whatever it says, nothing else in the file changes and every picture plays."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import plain
from test_record import pictures_of
from video_clips import chunks, comment_of

from core import avi
from core.record import RATE, GrowingFilm

ROOM = 800
"""Bytes of a comment that are kept at least."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = GrowingFilm(tmp_path_factory.mktemp("film") / "film.avi")
    for number in range(5):
        made.add(plain()(number), number / RATE)
    made.close()
    return made.path


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_a_comment_comes_back_as_it_was_and_is_all_that_changed(film: Path, text: str) -> None:
    whole = film.read_bytes()
    before = chunks(whole, 12, len(whole))
    assert avi.put_comment(film, text) and comment_of(film) == text
    data = film.read_bytes()
    after = chunks(data, 12, len(data))
    assert len(data) == len(whole) and struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert {kind: body for kind, body in after.items() if kind not in (b"INFO", b"JUNK")} == {
        kind: body for kind, body in before.items() if kind not in (b"INFO", b"JUNK")
    }
    assert data.index(b"movi") == whole.index(b"movi"), "no picture moved"
    facts = chunks(after[b"INFO"], 4, len(after[b"INFO"]))
    assert set(facts) == {b"ISFT", b"ICMT"}, "what the writer said of itself stays"
    assert facts[b"ICMT"] == text.encode() + b"\0"


@given(text=st.text(st.sampled_from("aä€😀"), min_size=1100, max_size=3000))
def test_a_long_comment_is_cut_at_a_letter(film: Path, text: str) -> None:
    assert avi.put_comment(film, text)
    kept = comment_of(film)
    assert kept.endswith("…") and text.startswith(kept[:-1]) and len(kept.encode()) >= ROOM
    assert len(pictures_of(film)) == 5


@given(content=st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"RIFF\0\0\0\0AVI " + rest))
def test_what_is_no_film_or_has_no_room_is_left_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "other.avi"
    path.write_bytes(content)
    assert not avi.put_comment(path, "made by hand") and path.read_bytes() == content


@pytest.mark.parametrize(("padding", "said"), [(0, False), (20, False), (200, True)])
def test_a_film_with_little_padding_or_without_facts(tmp_path: Path, padding: int, said: bool) -> None:
    path = tmp_path / "small.avi"
    body = b"AVI " + b"JUNK" + struct.pack("<I", padding) + bytes(padding) + b"LIST" + struct.pack("<I", 4) + b"movi"
    content = b"RIFF" + struct.pack("<I", len(body)) + body
    path.write_bytes(content)
    assert avi.put_comment(path, "made by hand") is said
    assert comment_of(path) == ("made by hand" if said else "")
    assert len(path.read_bytes()) == len(content) and said == (path.read_bytes() != content)
