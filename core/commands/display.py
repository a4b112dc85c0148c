"""Whether a window can be shown here: asked before Qt is, which ends the process when it cannot."""

from __future__ import annotations

import os
import socket
import sys
from typing import Final

WITHOUT_A_SCREEN: Final = ("offscreen", "minimal", "vnc", "eglfs", "linuxfb")
"""Platforms of Qt that need no display."""


def has_display() -> bool:
    """Tell whether a window can be shown."""
    return answering() is not None


def answering() -> str | None:
    """Return the name of the display that a window would be shown on, None if none answers."""
    if not sys.platform.startswith(("linux", "freebsd")):
        return sys.platform
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    if platform in WITHOUT_A_SCREEN:
        return platform
    wayland, x = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY", "")
    if wayland:
        return wayland
    return x if _x_answers(x) else None


def _x_answers(display: str) -> bool:
    """Tell whether an X server listens where DISPLAY points."""
    host, colon, rest = display.rpartition(":")
    number = rest.split(".")[0]
    if not colon or not number.isdecimal():
        return False
    name = f"/tmp/.X11-unix/X{number}"
    targets: list[tuple[socket.AddressFamily, str | tuple[str, int]]]
    if host in ("", "unix"):
        targets = [(socket.AF_UNIX, name), (socket.AF_UNIX, "\0" + name)]
    elif "/" in host:
        return True  # a socket's path, as on some systems: leave it to Qt
    else:
        targets = [(socket.AF_INET, (host, 6000 + int(number)))]
    for family, address in targets:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(2.0)
            try:
                connection.connect(address)
            except OSError:
                continue
            return True
    return False
