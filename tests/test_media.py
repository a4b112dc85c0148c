"""Pictures and videos: read as people see them, or refused in one sentence."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import gradient
from hypothesis import given
from hypothesis import strategies as st

from core import media
from core.errors import UserError


def encoded(suffix: str, picture: np.ndarray | None = None) -> bytes:
    picture = gradient(60, 40) if picture is None else picture
    _, data = cv2.imencode(suffix, picture[..., ::-1] if picture.ndim == 3 and picture.shape[2] == 3 else picture)
    return bytes(data.tobytes())


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + struct.pack(">HHIHH", 0x112, 3, 1, orientation, 0)
    segment = b"Exif\0\0" + tiff + b"\0\0\0\0"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        media.read_picture(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and path.name in sentence
    return sentence


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_every_format_is_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(encoded(suffix))
    picture = media.read_picture(path)
    assert picture.shape == (40, 60, 3) and picture.dtype == np.uint8 and picture.flags["C_CONTIGUOUS"]
    assert np.abs(picture.astype(int) - gradient(60, 40)).mean() < 4


def test_sixteen_bit_and_grey_become_eight_bit_rgb(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    grey = gradient(60, 40)[..., 0]
    for picture in (grey.astype(np.uint16) * 257, gradient(60, 40).astype(np.uint16) * 257, grey):
        path.write_bytes(encoded(".png", picture))
        read = media.read_picture(path)
        expected = gradient(60, 40) if picture.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
        np.testing.assert_array_equal(read, expected)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    path = tmp_path / "cut-out.png"
    colour = np.full((4, 6, 3), (200, 100, 0), np.uint8)
    alpha = np.array([0, 255, 128, 255, 0, 0], np.uint8)
    path.write_bytes(encoded(".png", np.dstack([colour[..., ::-1], np.tile(alpha, (4, 1))])))
    read = media.read_picture(path)
    np.testing.assert_array_equal(read[0, 0], (255, 255, 255))
    np.testing.assert_array_equal(read[0, 1], (200, 100, 0))
    np.testing.assert_allclose(read[0, 2].astype(int), (227, 177, 127), atol=1)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (5, lambda p: p.transpose(1, 0, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (8, lambda p: np.rot90(p, 1)),
    ],
)
def test_exif_orientation_turns_the_picture_upright(
    tmp_path: Path, orientation: int, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(with_orientation(encoded(".jpg"), orientation))
    read, expected = media.read_picture(path), turn(gradient(60, 40))
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_exif_orientation_of_a_png_is_applied(tmp_path: Path, orientation: int) -> None:
    import zlib

    data = encoded(".png")
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0) + b"\0\0\0\0"
    chunk = struct.pack(">I", len(tiff)) + b"eXIf" + tiff + struct.pack(">I", zlib.crc32(b"eXIf" + tiff))
    path = tmp_path / "phone.png"
    path.write_bytes(data[:33] + chunk + data[33:])
    turns = {3: 2, 6: -1, 8: 1}
    np.testing.assert_array_equal(media.read_picture(path), np.rot90(gradient(60, 40), turns[orientation]))


def test_unicode_names_are_read(tmp_path: Path) -> None:
    path = tmp_path / "Füße 人 😀.jpg"
    path.write_bytes(encoded(".jpg"))
    assert media.read_picture(path).shape == (40, 60, 3)


def test_a_panorama_of_20000_px_is_read(tmp_path: Path) -> None:
    path = tmp_path / "panorama.jpg"
    path.write_bytes(encoded(".jpg", np.full((400, 20_000, 3), 90, np.uint8)))
    assert media.read_picture(path).shape == (400, 20_000, 3)


def test_a_picture_of_a_billion_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    data = bytearray(encoded(".png"))
    data[16:24] = struct.pack(">II", 40_000, 40_000)
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    assert "40000 x 40000" in refused(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.98])
def test_a_cut_off_picture_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(suffix, noise)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: int(len(data) * kept)])
    refused(path)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "motion-photo.jpg"
    path.write_bytes(encoded(".jpg") + b"\0\0 a video that the phone appended" * 10)
    assert media.read_picture(path).shape == (40, 60, 3)


def test_a_thumbnail_does_not_pass_for_the_end_of_a_cut_off_jpeg(tmp_path: Path) -> None:
    whole, thumbnail = encoded(".jpg"), encoded(".jpg", gradient(16, 16))
    data = whole[:2] + b"\xff\xe2" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:-20]
    path = tmp_path / "cut.jpg"
    path.write_bytes(data)
    assert "cut off" in refused(path)


def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("I am not a picture")
    empty = tmp_path / "empty.jpg"
    empty.touch()
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    assert "not a picture" in refused(text)
    assert "empty" in refused(empty)
    assert "folder" in refused(folder)
    assert "does not exist" in refused(tmp_path / "missing.jpg")


@given(data=st.binary(max_size=300), head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF"]))
def test_any_bytes_give_a_picture_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(head + data)
    with contextlib.suppress(UserError):
        assert media.read_picture(path).ndim == 3


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for name in ("im10.jpg", "im9.JPG", "notes.txt", "im1.png"):
        (tmp_path / name).write_bytes(encoded(".jpg"))
    single = tmp_path / "notes.txt"
    files, failed = media.expand_inputs([single, tmp_path])
    assert [path.name for path in files] == ["notes.txt", "im1.png", "im9.JPG", "im10.jpg"]
    assert failed == []


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    files, failed = media.expand_inputs([tmp_path])
    assert files == []
    assert failed[0][0] == str(tmp_path) and "has no pictures" in failed[0][1].what


def write_video(path: Path, count: int = 10, code: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 25, (64, 48))
    for number in range(count):
        writer.write(np.full((48, 64, 3), 20 * number % 256, np.uint8))
    writer.release()
    return path


def test_video_frames_have_numbers_and_time_stamps(tmp_path: Path) -> None:
    frames = list(media.frames(write_video(tmp_path / "walk.mp4")))
    assert [frame.index for frame in frames] == list(range(10))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(10) / 25, atol=1e-6)
    np.testing.assert_allclose([frame.image.mean() for frame in frames], 20 * np.arange(10), atol=6)


def test_a_picture_is_one_frame_without_a_time(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    path.write_bytes(encoded(".png"))
    frames = list(media.frames(path))
    assert len(frames) == 1 and frames[0].time_s is None and frames[0].index == 0


def test_a_cut_off_video_gives_the_frames_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.avi", 30, "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0 < len(list(media.frames(path))) < 30


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("I am not a video")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    for path in (text, empty, tmp_path / "missing.mp4", write_video(tmp_path / "none.avi", 0, "MJPG")):
        with pytest.raises(UserError):
            list(media.frames(path))
