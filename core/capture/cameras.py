"""Which cameras there are, and which modes they have."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from core.capture import v4l2
from core.capture.v4l2 import Mode
from core.errors import UserError

SYSFS: Final = Path("/sys/class/video4linux")
DEVICES: Final = Path("/dev")


@dataclass(frozen=True)
class Camera:
    """One camera: its number, as in ``camera:0``, and the name its maker gave it."""

    number: int
    name: str


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


def modes(number: int) -> list[Mode]:
    """Return a camera's picture sizes, each with its highest rate; empty where the system does not tell.

    Args:
        number: as in ``camera:0``.

    Raises:
        UserError: the camera is not there or may not be used.
    """
    _check_device(number)
    if not sys.platform.startswith("linux"):
        return []
    try:
        return v4l2.modes(DEVICES / f"video{number}")
    except OSError as error:
        raise busy(number) from error


def open_camera(number: int, wished: Mode | None = None) -> cv2.VideoCapture:
    """Open a camera.

    Args:
        number: as in ``camera:0``.
        wished: the mode to take; None leaves it to the driver.

    Raises:
        UserError: it is not there, may not be used, does not open, or has no pictures of this size.
    """
    _check_device(number)
    mode = None if wished is None else _completed(number, wished, modes(number))
    backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
    opened = cv2.VideoCapture(number, backend)
    if not opened.isOpened():
        opened.release()
        raise busy(number)
    # The driver's own queue would make every picture some frames old; not every driver obeys.
    opened.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    if mode is not None:
        # The coding comes first: it decides which sizes and rates there are.
        if len(mode.fourcc) == 4:
            opened.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*mode.fourcc))
        opened.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
        opened.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
        if mode.rate:
            opened.set(cv2.CAP_PROP_FPS, mode.rate)
    return opened


def _completed(number: int, wished: Mode, known: Sequence[Mode]) -> Mode:
    """Return the wished mode with its coding and, where none is wished, its highest rate."""
    if not known:
        return wished
    same = next((mode for mode in known if (mode.width, mode.height) == (wished.width, wished.height)), None)
    if same is None:
        sizes = ", ".join(f"camera:{number}:{mode.width}x{mode.height}" for mode in known)
        raise UserError(f"camera:{number} gives no pictures of {wished.width} x {wished.height} px", f"choose {sizes}")
    return Mode(same.width, same.height, wished.rate or same.rate, same.fourcc)


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
