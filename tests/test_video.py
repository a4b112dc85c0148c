"""Videos: every frame is the one that was asked for, and a long clip scrubs as quickly as a short one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from video_clips import at_other_times, number_in, write_clip

from core import media, video
from core.errors import UserError


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "walk.mp4", 60)


@pytest.mark.parametrize(
    ("name", "code"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.avi", "XVID"), ("a.webm", "VP80")]
)
def test_any_frame_in_any_order_is_the_one_asked_for(tmp_path: Path, name: str, code: str) -> None:
    reader = video.VideoReader(write_clip(tmp_path / name, 50, code))
    assert reader.index.count == 50
    for wanted in (0, 49, 13, 12, 11, 30, 31, 2, 49, 24, 0, 1, 37):
        frame = reader.read(wanted)
        assert (frame.index, number_in(frame.image)) == (wanted, wanted)
        assert frame.time_s == pytest.approx(wanted / 30.0, abs=0.001)


def test_frames_numbers_and_times_are_those_of_predict(clip: Path) -> None:
    reader = video.VideoReader(clip)
    for frame in media.frames(clip):
        again = reader.read(frame.index)
        assert again.time_s == pytest.approx(frame.time_s)
        np.testing.assert_array_equal(again.image, frame.image)


def test_a_variable_rate_keeps_frames_and_times(tmp_path: Path) -> None:
    # Three frames quickly, then a long pause: what a phone in the dark or a screen recorder writes.
    stamps = [10 * (number // 3) + number % 3 for number in range(45)]
    even = write_clip(tmp_path / "even.mp4", 45)
    reader = video.VideoReader(at_other_times(even, tmp_path / "uneven.mkv", stamps))
    assert reader.index.count == 45
    for wanted in (44, 1, 30, 29, 17, 0, 43):
        frame = reader.read(wanted)
        assert (frame.index, number_in(frame.image)) == (wanted, wanted)
        assert frame.time_s == pytest.approx(stamps[wanted] / 30.0, abs=0.001)
    assert reader.index.at(stamps[3] / 30.0 - 0.01) == 2
    assert reader.index.at(stamps[3] / 30.0) == 3
    assert reader.index.at(-1.0) == 0
    assert reader.index.at(1e9) == 44


def test_a_cut_off_clip_has_the_frames_it_has(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.avi", 40, "MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    reader = video.VideoReader(path)
    whole = [frame.index for frame in media.frames(path)]
    assert 10 < len(whole) < 40
    last = reader.read(39)
    assert last.index == whole[-1] == number_in(last.image)


def test_damage_in_the_middle_costs_the_damaged_frames_only(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "damaged.avi", 40, "MJPG")
    data = bytearray(path.read_bytes())
    starts = [place for place in range(data.index(b"movi"), len(data) - 4) if data[place : place + 4] == b"00dc"][:40]
    for number in (20, 21):
        data[starts[number] + 8 : starts[number + 1]] = bytes(starts[number + 1] - starts[number] - 8)
    path.write_bytes(data)
    reader = video.VideoReader(path)
    for wanted in (19, 22, 39, 20, 18, 21, 5):
        frame = reader.read(wanted)
        assert frame.index == number_in(frame.image), "a frame must say which one it is"
        assert frame.index == (22 if wanted in (20, 21) else wanted)


def test_no_decodable_frame_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("I am not a video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    none = write_clip(tmp_path / "none.avi", 0, "MJPG")
    for path in (tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "gone.mp4", none):
        with pytest.raises(UserError) as caught:
            video.VideoReader(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_one_frame_is_a_clip_too(tmp_path: Path) -> None:
    reader = video.VideoReader(write_clip(tmp_path / "one.avi", 1, "MJPG"))
    assert reader.index.count == 1
    assert number_in(reader.read(7).image) == 0


def test_reading_the_index_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    monkeypatch.setattr(video, "_CHECK_EVERY", 8)
    assert video.read_index(clip, cancelled=lambda: True).count == 8


def test_a_long_clip_scrubs_as_quickly_as_a_short_one(tmp_path: Path) -> None:
    lengths = (300, 12_000)
    readers = [video.VideoReader(write_clip(tmp_path / f"{count}.mp4", count, size=(128, 64))) for count in lengths]
    order = np.random.default_rng(0).permutation(41) / 40
    seconds: list[list[float]] = [[], []]
    for share in order:  # by turns, and the processor's own time: what else runs on the machine does not count
        for reader, count, taken in zip(readers, lengths, seconds, strict=True):
            wanted = int(share * (count - 1))
            started = time.process_time()
            frame = reader.read(wanted)
            taken.append(time.process_time() - started)
            assert number_in(frame.image) == wanted
    short, long = (float(np.median(taken)) for taken in seconds)
    # 40 times as long; measured about 1.0 on a quiet machine.
    assert long < 2.5 * short + 0.002, (short, long)


def test_memory_of_kept_frames_is_bounded(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "KEPT_BYTES", 5 * 128 * 96 * 3)
    reader = video.VideoReader(clip)
    for wanted in range(60):
        reader.read(wanted)
    assert len(reader._kept) <= 5
    assert reader._kept_bytes == sum(picture.nbytes for picture in reader._kept.values())
