"""Which cameras there are, and which modes they have."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import cv2

from core.errors import UserError

SYSFS: Final = Path("/sys/class/video4linux")
DEVICES: Final = Path("/dev")
COMMON_SIZES: Final = ((320, 240), (640, 480), (800, 600), (1280, 720), (1920, 1080))
"""What is tried: OpenCV cannot ask a camera for its modes."""


@dataclass(frozen=True)
class Camera:
    """One camera: its number, as in ``camera:0``, and the name its maker gave it."""

    number: int
    name: str


@dataclass(frozen=True)
class Mode:
    """One mode of a camera: picture size in pixels and frames a second (0 where the driver does not say)."""

    width: int
    height: int
    rate: float


class Device(Protocol):
    """The part of ``cv2.VideoCapture`` that modes are asked through."""

    def set(self, key: int, value: float, /) -> bool:
        """Ask for a property; the driver may give another value."""

    def get(self, key: int, /) -> float:
        """Return a property as it is."""

    def release(self) -> None:
        """Let go of the camera."""


def cameras(sysfs: Path = SYSFS) -> list[Camera]:
    """List the cameras by number. On Linux; elsewhere the list is empty and ``camera:0`` may work all the same.

    Args:
        sysfs: where the kernel lists video devices.
    """
    found = []
    try:
        entries = list(sysfs.iterdir())
    except OSError:
        return []
    for entry in entries:
        number = re.fullmatch(r"video(\d+)", entry.name)
        # A camera's second device carries only its metadata.
        if number is not None and _line(entry / "index") in ("0", ""):
            found.append(Camera(int(number[1]), _line(entry / "name") or f"camera {number[1]}"))
    return sorted(found, key=lambda camera: camera.number)


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def open_camera(number: int) -> cv2.VideoCapture:
    """Open a camera.

    Raises:
        UserError: it is not there, may not be used, or does not open.
    """
    _check_device(number)
    backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
    opened = cv2.VideoCapture(number, backend)
    if not opened.isOpened():
        opened.release()
        raise busy(number)
    # The driver's own queue would make every picture some frames old; not every driver obeys.
    opened.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return opened


def _check_device(number: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    device = DEVICES / f"video{number}"
    if not device.exists():
        there = cameras()
        names = ", ".join(f"camera:{camera.number} ({camera.name})" for camera in there)
        raise UserError(f"there is no camera:{number}", f"choose {names}" if there else "plug a camera in")
    if not os.access(device, os.R_OK | os.W_OK):
        raise UserError(
            f"camera:{number} may not be used by this user", "add yourself to the group video and log in again"
        )


def busy(number: int) -> UserError:
    """Return the sentence about a camera that is there and gives no picture."""
    return UserError(
        f"camera:{number} gives no picture", "close other programs that use it, or unplug it and plug it in again"
    )


def modes(
    number: int,
    sizes: Sequence[tuple[int, int]] = COMMON_SIZES,
    opener: Callable[[int], Device] = open_camera,
) -> list[Mode]:
    """Find a camera's modes by asking for common sizes and looking at what it gives. Takes a moment for each.

    Args:
        number: as in ``camera:0``.
        sizes: what to try.
        opener: opens a camera.

    Returns:
        The modes that differ, smallest first.

    Raises:
        UserError: the camera cannot be opened.
    """
    opened = opener(number)
    found = set()
    try:
        for width, height in sizes:
            opened.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            opened.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            given = (int(opened.get(cv2.CAP_PROP_FRAME_WIDTH)), int(opened.get(cv2.CAP_PROP_FRAME_HEIGHT)))
            if min(given) > 0:
                found.add((*given, float(opened.get(cv2.CAP_PROP_FPS))))
    finally:
        opened.release()
    return [Mode(*mode) for mode in sorted(found)]
