"""Pictures, folders and video files as RGB arrays and frames with time stamps."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError

Picture = NDArray[np.uint8]

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
VIDEO_SUFFIXES: Final = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"})
MOST_PIXELS: Final = 250_000_000
"""Larger pictures are refused before they are decoded: 250 megapixels are 750 MB of RGB."""

_OPEN_ANOTHER = "open a JPEG, PNG, WebP, BMP or TIFF file"
_GET_AGAIN = "copy or download the file again"
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EXIF_ORIENTATION = 0x0112
_JPEG_FRACTIONS: Final = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}

# Decoders write their own lines to stderr about damaged files; the user gets one sentence instead.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture to look at, and where it came from.

    Attributes:
        image: (h, w, 3) RGB.
        source: the file.
        index: number of the frame in its video, from 0; 0 for a picture.
        time_s: seconds from the start of the video, None for a picture.
    """

    image: Picture
    source: Path
    index: int = 0
    time_s: float | None = None


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key with numbers in their order: 9.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def is_video(path: Path) -> bool:
    """Tell a video file by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def pictures_in(folder: Path, videos: bool = False) -> list[Path]:
    """List a folder's pictures, and its videos if asked for, in natural order.

    Raises:
        UserError: the folder cannot be read or has none.
    """
    suffixes = PICTURE_SUFFIXES | VIDEO_SUFFIXES if videos else PICTURE_SUFFIXES
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file()]
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be read ({error.strerror})", "check its permissions") from error
    if not found:
        raise UserError(f"the folder {folder} has no pictures", "give one with JPEG, PNG, WebP, BMP or TIFF files")
    return sorted(found, key=natural_key)


def expand_inputs(inputs: Iterable[str | Path]) -> tuple[list[Path], list[tuple[str, UserError]]]:
    """Turn files and folders into files, in the given order; folders in natural order.

    Returns:
        The files, and what could not be used: (input as given, why).
    """
    files: list[Path] = []
    failed: list[tuple[str, UserError]] = []
    for given in inputs:
        path = Path(given)
        if not path.is_dir():
            files.append(path)
            continue
        try:
            files.extend(pictures_in(path))
        except UserError as error:
            failed.append((str(given), error))
    return files, failed


def frames(path: Path) -> Iterator[Frame]:
    """Yield the one frame of a picture or all frames of a video.

    Raises:
        UserError: the file is missing, damaged or of an unknown kind.
    """
    if is_video(path):
        yield from video_frames(path)
    else:
        yield Frame(read_picture(path), path)


def read_picture(path: str | Path) -> Picture:
    """Read a picture as people see it: upright by its EXIF orientation, 8 bits, transparency over white.

    Args:
        path: a JPEG, PNG, WebP, BMP or TIFF file; 8 or 16 bits, grey or colour, with or without alpha.

    Returns:
        (h, w, 3) RGB, contiguous.

    Raises:
        UserError: it is missing, a folder, empty, damaged, cut off, too large or not a picture.
    """
    path = Path(path)
    data = _read_bytes(path)
    size = _check_complete(path, data)
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        raise UserError(
            f"{path.name} has {size[0]} x {size[1]} px, more than {MOST_PIXELS // 1_000_000} megapixels",
            "make it smaller first",
        )
    jpeg = data[:2].tobytes() == b"\xff\xd8"
    # Decoding with IMREAD_UNCHANGED keeps alpha but ignores EXIF; a JPEG has no alpha, so the decoder may turn it.
    flags = cv2.IMREAD_COLOR if jpeg else cv2.IMREAD_UNCHANGED
    try:
        decoded = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise UserError(f"{path.name} cannot be decoded", _GET_AGAIN) from error
    except MemoryError as error:
        raise UserError(f"{path.name} does not fit into memory", "make it smaller first") from error
    if decoded is None:
        raise UserError(f"{path.name} is not a picture that can be read", _OPEN_ANOTHER)
    picture = _to_rgb(np.asarray(decoded))
    if picture is None:
        raise UserError(f"{path.name} has an unusual pixel format ({decoded.dtype})", "save it as an 8-bit PNG or JPEG")
    if not jpeg:
        picture = _turn(picture, _orientation(data))
    return np.ascontiguousarray(picture)


def read_thumbnail(path: Path, side: int) -> Picture:
    """Read a picture, or a video's first frame, small: a large JPEG is decoded at a fraction of its size.

    Returns:
        (h, w, 3) RGB, contiguous, the longer side at most ``side``.

    Raises:
        UserError: it cannot be read.
    """
    if is_video(path):
        picture = next(video_frames(path)).image
    else:
        data = _read_bytes(path)
        size = _walk_jpeg(data.tobytes())[1] if data[:2].tobytes() == b"\xff\xd8" else None
        fraction = next((by for by in _JPEG_FRACTIONS if size is not None and max(size) >= by * side), 1)
        decoded = cv2.imdecode(data, _JPEG_FRACTIONS[fraction]) if fraction > 1 else None
        whole = None if decoded is None else _to_rgb(np.asarray(decoded))
        picture = read_picture(path) if whole is None else whole
    return np.ascontiguousarray(at_most(picture, side))


def at_most(picture: Picture, side: int) -> Picture:
    """Return an (h, w, 3) picture whose longer side is at most ``side``, reduced in proportion where it must be."""
    scale = side / max(picture.shape[:2])
    if scale >= 1.0:
        return picture
    # However thin it is, one pixel of it is left.
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _read_bytes(path: Path) -> NDArray[np.uint8]:
    if path.is_dir():
        raise UserError(f"{path} is a folder", "give a picture in it")
    try:
        # np.fromfile takes any Unicode path on every system, which cv2.imread does not.
        data = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist", "check the name") from error
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror or error})", "check the file and its permissions"
        ) from error
    if data.size == 0:
        raise UserError(f"{path.name} is empty", _GET_AGAIN)
    return data


def _check_complete(path: Path, data: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Refuse a picture whose end is missing, which cv2 would fill with grey; return (width, height) if known."""
    head = data[:16].tobytes()
    complete, size = True, None
    if head.startswith(b"\xff\xd8"):
        complete, size = _walk_jpeg(data.tobytes())
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        chunks = dict(_png_chunks(data))
        header = chunks.get(b"IHDR")
        complete = b"IEND" in chunks
        if header is not None and header.size >= 8:
            width, height = struct.unpack(">II", header[:8].tobytes())
            size = (width, height)
    elif head.startswith(b"BM") and data.size >= 26:
        offset = struct.unpack_from("<I", data[10:14].tobytes())[0]
        width, height = struct.unpack("<ii", data[18:26].tobytes())
        bits, compression = struct.unpack("<HI", data[28:34].tobytes()) if data.size >= 34 else (24, 0)
        size = (abs(width), abs(height))
        row = (size[0] * bits + 31) // 32 * 4
        complete = compression not in (0, 3) or data.size >= offset + row * size[1]
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        complete = data.size >= 8 + struct.unpack("<I", head[4:8])[0]
    if not complete:
        raise UserError(f"{path.name} is cut off before its end", _GET_AGAIN)
    return size


def _walk_jpeg(data: bytes) -> tuple[bool, tuple[int, int] | None]:
    """Follow a JPEG's segments: whether its end marker is there (anything may follow it), and (width, height)."""
    size = None
    position = 2
    while True:
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            return False, size
        marker = data[found.end() - 1]
        position = found.end()
        if marker == 0xD9:
            return True, size
        if marker in (0x01, 0xD8):
            continue
        if position + 2 > len(data):
            return False, size
        length = int.from_bytes(data[position : position + 2], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and position + 7 <= len(data):
            height, width = struct.unpack_from(">HH", data, position + 3)
            size = (width, height)
        # After a scan's header its data follow, in which every real marker is found by the pattern.
        position += length


def _png_chunks(data: NDArray[np.uint8]) -> Iterator[tuple[bytes, NDArray[np.uint8]]]:
    position = 8
    while position + 12 <= data.size:
        length = int.from_bytes(data[position : position + 4].tobytes(), "big")
        if position + 12 + length > data.size:
            return
        yield data[position + 4 : position + 8].tobytes(), data[position + 8 : position + 8 + length]
        position += 12 + length


def _webp_chunks(data: NDArray[np.uint8]) -> Iterator[tuple[bytes, NDArray[np.uint8]]]:
    position = 12
    while position + 8 <= data.size:
        length = int.from_bytes(data[position + 4 : position + 8].tobytes(), "little")
        yield data[position : position + 4].tobytes(), data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _orientation(data: NDArray[np.uint8]) -> int:
    """Return the EXIF orientation (1..8) of a PNG or WebP file; TIFF files are turned by their decoder."""
    head = data[:12].tobytes()
    exif = b""
    if head.startswith(b"\x89PNG"):
        exif = next((chunk.tobytes() for name, chunk in _png_chunks(data) if name == b"eXIf"), b"")
    elif head[:4] == b"RIFF":
        exif = next((chunk.tobytes() for name, chunk in _webp_chunks(data) if name == b"EXIF"), b"")
    exif = exif.removeprefix(b"Exif\0\0")
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(count):
            tag, _kind, _number, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * entry)
            if tag == _EXIF_ORIENTATION:
                return int(value)
    except struct.error:
        pass
    return 1


def _turn(picture: Picture, orientation: int) -> Picture:
    """Apply an EXIF orientation to (h, w, 3)."""
    if orientation in (5, 6, 7, 8):
        picture = picture.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return picture


def _to_rgb(decoded: NDArray[Any]) -> Picture | None:
    """Bring what the decoder gave (grey, BGR or BGRA; 8 or 16 bits or float in 0..1) to 8-bit RGB."""
    if decoded.dtype == np.uint16:
        decoded = (decoded >> 8).astype(np.uint8)
    elif decoded.dtype.kind == "f":
        decoded = (np.nan_to_num(decoded).clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    if decoded.dtype != np.uint8:
        return None
    if decoded.ndim == 2:
        decoded = decoded[..., None]
    channels = decoded.shape[2]
    if channels == 1:
        return np.repeat(np.asarray(decoded, np.uint8), 3, axis=2)
    if channels == 3:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
    if channels == 4:
        colour, alpha = decoded[..., 2::-1].astype(np.uint16), decoded[..., 3:].astype(np.uint16)
        return np.asarray((colour * alpha + 255 * (255 - alpha) + 127) // 255, np.uint8)
    return None


def video_frames(path: Path) -> Generator[Frame, None, None]:
    """Yield the frames of a video file with their numbers and time stamps.

    Raises:
        UserError: it is missing, empty, or no frame of it can be decoded.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist", "check the name")
    if path.is_dir() or path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty or a folder", "give a video file")
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise UserError(f"{path.name} is not a video that can be read", "convert it to MP4 with H.264")
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        index = 0
        # The frame count in the header is a promise a cut-off file does not keep: trust read() alone.
        while True:
            read, image = capture.read()
            if not read or image is None:
                break
            stamp = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
            if index and stamp <= 0.0 and rate > 0:
                stamp = index / rate
            yield Frame(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), path, index, stamp)
            index += 1
    finally:
        capture.release()
    if index == 0:
        raise UserError(
            f"no frame of {path.name} can be decoded (AV1 videos, for one, are not supported)",
            "convert it to MP4 with H.264",
        )
