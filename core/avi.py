"""A comment in an AVI file while it is written, which OpenCV's writer has no word for (RIFF: ``INFO`` with ``ICMT``).

FFmpeg, which OpenCV writes with, leaves a kilobyte of padding (``JUNK``) in front of the pictures for whoever wants to
add some facts, and never comes back to it: the comment takes a part of that. No picture moves, the file has all its
bytes at any time, and a comment can be replaced by another one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_HEAD: Final = 64 * 1024
"""In so many bytes from the start the pictures have begun; FFmpeg's own facts take 6 kB."""
_COMMENT: Final = b"ICMT"
_LEAST: Final = 16
"""In fewer bytes nothing can be said."""
_CUT: Final = "…"


def put_comment(path: Path, text: str) -> bool:
    """Put a comment into an AVI file, in place of the one before; tell whether there is room, and leave it if not.

    Args:
        path: the file; somebody else may be writing it.
        text: what players show as the comment. What does not fit is cut off.

    Raises:
        OSError: there is no such file, or it cannot be written.
    """
    with path.open("r+b", buffering=0) as file:
        place = _place(file.read(_HEAD))
        if place is None:
            return False
        start, facts, size = place
        kept = [fact for fact in facts if fact[0] != _COMMENT]
        others = b"INFO" + b"".join(_chunk(*fact) for fact in kept)
        # The heads of three chunks, the comment's last byte, and one to make it even.
        room = size - len(others) - 3 * 8 - 2
        if room < _LEAST:
            return False
        info = _chunk(b"LIST", others + _chunk(_COMMENT, _fitted(text, room) + b"\0"))
        file.seek(start)
        # All at once: a program that is killed has done it or has not.
        file.write(info + _chunk(b"JUNK", bytes(size - len(info) - 8)))
    return True


def _place(head: bytes) -> tuple[int, list[tuple[bytes, bytes]], int] | None:
    """Return where facts and padding start, the facts, and how many bytes both take; None where there is no padding."""
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return None
    before = 0
    for kind, start, end in _chunks(head, 12):
        if kind == b"JUNK" and head[end : end + 4] == b"LIST" and head[end + 8 : end + 12] == b"movi":
            if head[before : before + 4] != b"LIST" or head[before + 8 : before + 12] != b"INFO":
                return start, [], end - start
            inside = _chunks(head[:start], before + 12)
            facts = [(name, head[at + 8 : at + 8 + _size(head, at)]) for name, at, _ in inside]
            return before, facts, end - before
        before = start
    return None


def _chunks(data: bytes, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of the chunks that are whole in the data."""
    while start + 8 <= len(data):
        size = _size(data, start)
        end = start + 8 + size + size % 2
        if end > len(data):
            return
        yield data[start : start + 4], start, end
        start = end


def _size(data: bytes, start: int) -> int:
    return int(struct.unpack_from("<I", data, start + 4)[0])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) % 2)


def _fitted(text: str, most: int) -> bytes:
    """Return the text in UTF-8, cut where it has more than so many bytes."""
    # A player would take it for the end.
    data = text.replace("\0", " ").encode()
    if len(data) <= most:
        return data
    cut = data[: most - len(_CUT.encode())].decode(errors="ignore")
    return (cut + _CUT).encode()
