"""A comment in an MP4 file, which OpenCV's writer has no word for (ISO 14496-12 boxes, metadata as iTunes keeps them).

The index (``moov``) that OpenCV's FFmpeg writes stands at the end and holds a list of metadata, so that a comment can
be added to that list without moving any frame.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

_LIST: Final = (b"udta", b"meta", b"ilst")
"""Where an index keeps its list of metadata."""
_UTF8: Final = 1


def add_comment(path: Path, text: str) -> bool:
    """Add a comment to the metadata of an MP4 file; tell whether it has a place for one, and leave it if not.

    Args:
        path: a whole file, written in place.
        text: what players and ``ffprobe`` show as the comment.

    Raises:
        OSError: the disk is full.
    """
    data = struct.pack(">I4sII", 16 + len(text.encode()), b"data", _UTF8, 0) + text.encode()
    item = struct.pack(">I4s", 8 + len(data), b"\xa9cmt") + data
    with path.open("r+b") as file:
        boxes = list(_boxes(file))
        kind, start, end = boxes[-1] if boxes else (b"", 0, 0)
        if kind != b"moov":
            return False
        file.seek(start)
        index = _with(file.read(end - start), _LIST, item)
        if index is None:
            return False
        file.seek(start)
        file.write(index)
    return True


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the file's outermost boxes."""
    start, whole = 0, file.seek(0, os.SEEK_END)
    while start + 8 <= whole:
        file.seek(start)
        head = file.read(16)
        size, kind = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        end = whole if size == 0 else start + size
        if not start + 8 <= end <= whole:
            return
        yield kind, start, end
        start = end


def _with(box: bytes, way: Sequence[bytes], item: bytes) -> bytes | None:
    """Return a box with an item at the end of the box that the way leads to; None if there is no such way."""
    head = 12 if box[4:8] == b"meta" else 8
    body = box[head:] + item
    if way:
        start = head
        while start + 8 <= len(box) and box[start + 4 : start + 8] != way[0]:
            start += max(8, int.from_bytes(box[start : start + 4], "big"))
        end = start + int.from_bytes(box[start : start + 4], "big")
        inner = _with(box[start:end], way[1:], item) if start + 8 <= len(box) else None
        if inner is None:
            return None
        body = box[head:start] + inner + box[end:]
    return struct.pack(">I", head + len(body)) + box[4:head] + body
