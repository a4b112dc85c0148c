"""Clips made for tests, with each frame's number drawn in it as blocks that survive compression; and what films say."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_BITS = 16
_BLOCK = 8


def write_clip(
    path: Path, count: int, code: str = "mp4v", rate: float = 30.0, size: tuple[int, int] = (128, 96)
) -> Path:
    """Write a clip whose frames carry their numbers."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), rate, size)
    assert writer.isOpened()
    for number in range(count):
        writer.write(_numbered(number, size))
    writer.release()
    return path


def at_other_times(clip: Path, path: Path, ticks: Sequence[int]) -> Path:
    """Write the packets of a clip into an MKV anew, each shown at its number of thirtieths of a second."""
    reader = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    assert reader.set(cv2.CAP_PROP_FORMAT, -1)
    raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1, cv2.VIDEOWRITER_PROP_KEY_INTERVAL, 12]
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), 30.0, size, raw)
    assert writer.isOpened()
    for tick in ticks:
        _, packet = reader.read()
        writer.set(cv2.VIDEOWRITER_PROP_KEY_FLAG, reader.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME))
        writer.set(cv2.VIDEOWRITER_PROP_PTS, tick)
        writer.write(packet)
    writer.release()
    return path


def _numbered(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for bit in range(_BITS):
        if number >> bit & 1:
            picture[:32, bit * _BLOCK : (bit + 1) * _BLOCK] = 255
    picture[40:] = (40, 90, 160)
    return picture


def number_in(rgb: NDArray[np.uint8]) -> int:
    """Read the number that was drawn in a frame."""
    return sum(1 << bit for bit in range(_BITS) if rgb[16, bit * _BLOCK + _BLOCK // 2].mean() > 128)


def chunks(data: bytes, start: int, end: int) -> dict[bytes, bytes]:
    """Return the bodies of an AVI file's chunks by kind, lists by what they hold; cut-off ones as far as they go."""
    found = {}
    while start < end:
        kind, size = struct.unpack_from("<4sI", data, start)
        body = data[start + 8 : start + 8 + size]
        found[body[:4] if kind == b"LIST" else kind] = body
        start += 8 + size + size % 2
    return found


def comment_of(path: Path) -> str:
    """Read the comment of an AVI file as players do; empty without one."""
    data = path.read_bytes()
    if data[:4] != b"RIFF":
        return ""
    facts = chunks(data, 12, len(data)).get(b"INFO", b"INFO")
    return chunks(facts, 4, len(facts)).get(b"ICMT", b"").rstrip(b"\0").decode()
