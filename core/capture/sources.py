"""What can be looked at live, told from the words a user gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from core import media
from core.capture.v4l2 import Mode
from core.errors import UserError

Kind = Literal["camera", "stream", "video", "sequence"]

SCHEMES: Final = ("http", "https", "rtsp", "rtsps", "rtmp")
SEQUENCE_RATE: Final = 25.0
"""Pictures of a sequence a second: their files say nothing about it."""

_CAMERA = re.compile(r"camera:(\d{1,3})(?::(\d{2,5})x(\d{2,5})(?:@(\d{1,3}(?:\.\d+)?))?)?")
_PATTERN = re.compile(r"%0?(\d*)d")


@dataclass(frozen=True)
class Source:
    """One live source.

    Attributes:
        kind: camera, stream, video (a file) or sequence (pictures).
        given: as the user named it, without the password.
        address: the URL, the path, or the camera's number.
        name: short, fit for a file name.
        mode: of a camera, None for the one it takes by itself.
    """

    kind: Kind
    given: str
    address: str
    name: str
    mode: Mode | None = None

    @property
    def is_file(self) -> bool:
        """Whether it comes to an end by itself and loses nothing by waiting."""
        return self.kind in ("video", "sequence")


def is_live(text: str) -> bool:
    """Tell a camera or a stream from a file by the word alone."""
    return text.startswith("camera:") or "://" in text


def is_sequence(text: str) -> bool:
    """Tell a printf pattern such as walk/%04d.png, unless a file is really called so."""
    return _PATTERN.search(Path(text).name) is not None and not Path(text).exists()


def parse(text: str) -> Source:
    """Turn a word into a source.

    Raises:
        UserError: it names no camera, no address that can be opened, and no video or pictures.
    """
    if text.startswith("camera:"):
        camera = _CAMERA.fullmatch(text)
        if camera is None:
            raise UserError(f"{text} is no camera", "give its number, such as camera:0 or camera:0:640x480@30")
        number, width, height, rate = camera.groups()
        mode = None if width is None else Mode(int(width), int(height), float(rate or 0))
        return Source("camera", text, number, f"camera-{number}", mode)
    if "://" in text:
        return _stream(text)
    path = Path(text)
    if path.is_dir() or is_sequence(text):
        sequence_files(text)
        return Source("sequence", text, text, path.name if path.is_dir() else path.parent.resolve().name)
    if media.is_video(path):
        if not path.exists():
            raise UserError(f"{path} does not exist", "check the name")
        return Source("video", text, text, path.stem)
    raise UserError(
        f"{text} cannot be looked at live", "give camera:0, a stream's address, a video, or a folder of pictures"
    )


def _stream(text: str) -> Source:
    address, shown = split_address(text), without_password(text)
    if address.scheme.lower() not in SCHEMES:
        raise UserError(f"{shown} cannot be opened", f"give an address that starts with {'://, '.join(SCHEMES)}://")
    if not address.hostname:
        raise UserError(f"{shown} names no machine", "give an address such as http://192.168.1.20:8080/video")
    name = re.sub(r"[^\w.-]+", "-", f"{address.hostname}{address.path}").strip("-.")
    return Source("stream", shown, text, name[:80])


def split_address(text: str) -> SplitResult:
    """Split a URL.

    Raises:
        UserError: it is none, or its port is no number.
    """
    try:
        address = urlsplit(text)
        _ = address.port
    except ValueError as error:
        raise UserError(
            f"{without_password(text)} is not an address", "give one such as http://192.168.1.20:8080/video"
        ) from error
    return address


def without_password(text: str) -> str:
    """Return an address without user name and password, which no file and no screen should show."""
    return re.sub(r"://[^/?#]*@", "://", text)


def sequence_files(text: str) -> list[Path]:
    """Return the pictures of a folder or a printf pattern in their order; gaps in the numbers do no harm.

    Raises:
        UserError: there are none.
    """
    path = Path(text)
    if path.is_dir():
        return media.pictures_in(path)
    matches = _numbered(path.name)
    try:
        found = sorted((number, file) for file in path.parent.iterdir() if (number := matches(file.name)) is not None)
    except OSError as error:
        raise UserError(f"the folder {path.parent} cannot be read ({error.strerror})", "check its name") from error
    if not found:
        raise UserError(f"no picture is called {text}", "check the pattern: %04d stands for a number of four digits")
    return [file for _, file in found]


def _numbered(pattern: str) -> Callable[[str], int | None]:
    """Return what reads the number out of a file name that fits a printf pattern, and None of one that does not."""
    place = _PATTERN.search(pattern)
    if place is None:
        raise UserError(f"{pattern} holds no number", "write %04d where the number stands")
    wide = int(place[1] or 1)
    regular = re.compile(re.escape(pattern[: place.start()]) + r"(\d+)" + re.escape(pattern[place.end() :]))

    def number(name: str) -> int | None:
        fits = regular.fullmatch(name)
        # printf pads to the width and goes beyond it only for larger numbers.
        if fits is None or len(fits[1]) < wide or (len(fits[1]) > wide and fits[1][0] == "0"):
            return None
        return int(fits[1])

    return number
