"""What a camera of Linux says of its modes, asked of the driver (Video4Linux) without taking a picture.

OpenCV cannot ask: it can only try a size and look at what it gets. Numbers and layouts are those of the kernel's
``linux/videodev2.h``, which never changes them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

COMMON_SIZES: Final = ((320, 240), (640, 480), (800, 600), (1280, 720), (1920, 1080))
"""Offered of a camera that takes any size within limits."""
MOST: Final = 64
"""So many entries of each list are read at most: a broken driver may never end one."""

_ENUM_FMT: Final = 0xC0405602
_ENUM_SIZES: Final = 0xC02C564A
_ENUM_INTERVALS: Final = 0xC034564B
_CAPTURE: Final = 1
_DISCRETE: Final = 1
_FMT: Final = struct.Struct("=III32sII12x")
_SIZE: Final = struct.Struct("=III6I8x")
_INTERVAL: Final = struct.Struct("=IIIII6I8x")

Ioctl = Callable[[int, int, bytearray], int]


@dataclass(frozen=True, order=True)
class Mode:
    """One mode of a camera: picture size in pixels, frames a second (0 where the driver does not say), coding."""

    width: int
    height: int
    rate: float
    fourcc: str = ""

    def __str__(self) -> str:
        return f"{self.width} × {self.height}" + (f", {self.rate:g} a second" if self.rate else "")


def _ioctl(handle: int, request: int, buffer: bytearray) -> int:
    # Not there on every system; who asks for modes elsewhere is told that none are known.
    import fcntl

    return int(fcntl.ioctl(handle, request, buffer, True))


def modes(device: Path, ioctl: Ioctl = _ioctl) -> list[Mode]:
    """Return a camera's sizes, each with its highest rate and the coding that reaches it, smallest first.

    Args:
        device: such as /dev/video0.
        ioctl: asks the driver, as ``fcntl.ioctl`` does.

    Raises:
        OSError: the device cannot be opened.
    """
    handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    best: dict[tuple[int, int], Mode] = {}
    try:
        for coding in _codings(handle, ioctl):
            for width, height in _sizes(handle, ioctl, coding):
                mode = Mode(width, height, _highest_rate(handle, ioctl, coding, width, height), _word(coding))
                before = best.get((width, height))
                # Of two codings as fast as each other the driver names the better one first.
                if before is None or mode.rate > before.rate:
                    best[width, height] = mode
    finally:
        os.close(handle)
    return sorted(best.values())


def _asked(handle: int, ioctl: Ioctl, request: int, layout: struct.Struct, *values: int) -> Iterator[tuple[int, ...]]:
    """Yield a list's entries; ``values`` stand after the index in the question."""
    for index in range(MOST):
        buffer = bytearray(struct.pack(f"={1 + len(values)}I", index, *values).ljust(layout.size, b"\0"))
        try:
            ioctl(handle, request, buffer)
        except OSError:
            return
        yield layout.unpack(bytes(buffer))


def _codings(handle: int, ioctl: Ioctl) -> Iterator[int]:
    for entry in _asked(handle, ioctl, _ENUM_FMT, _FMT, _CAPTURE):
        yield entry[4]


def _sizes(handle: int, ioctl: Ioctl, coding: int) -> Iterator[tuple[int, int]]:
    for entry in _asked(handle, ioctl, _ENUM_SIZES, _SIZE, coding):
        kind, first, second, *rest = entry[2:]
        if kind == _DISCRETE:
            yield first, second
            continue
        # Any size from the least to the greatest in steps; such a list has one entry.
        (step_x, least_y, most_y, step_y) = rest
        for width, height in COMMON_SIZES:
            fits = first <= width <= second and least_y <= height <= most_y
            if fits and not (width - first) % max(step_x, 1) and not (height - least_y) % max(step_y, 1):
                yield width, height
        return


def _highest_rate(handle: int, ioctl: Ioctl, coding: int, width: int, height: int) -> float:
    highest = 0.0
    for entry in _asked(handle, ioctl, _ENUM_INTERVALS, _INTERVAL, coding, width, height):
        kind, numerator, denominator = entry[4:7]
        if numerator:
            highest = max(highest, round(denominator / numerator, 2))
        if kind != _DISCRETE:
            # The first interval of a range is the shortest.
            break
    return highest


def _word(coding: int) -> str:
    return coding.to_bytes(4, "little").decode("ascii", "replace")
