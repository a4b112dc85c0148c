"""Writes what is on screen to files: to a temporary file first, then in place, so that no half file is left."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtGui import QImage, QPixmap

from app.state import Picture
from core.errors import UserError
from core.pose import Pose

_ELSEWHERE = "choose another folder, or make room on the disk"


def save_image(image: QImage | QPixmap, path: Path) -> None:
    """Write a PNG; raise UserError if the disk does not let us."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        if not image.save(str(partial), "PNG"):
            raise UserError(f"{path.name} could not be written", _ELSEWHERE)
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{path.name} could not be written ({error.strerror})", _ELSEWHERE) from error
    finally:
        partial.unlink(missing_ok=True)


def save_pose(picture: Picture, pose: Pose, path: Path) -> None:
    """Write the pose the way ``predict --json`` does; raise UserError if the disk does not let us."""
    try:
        from core import export
    except ImportError as error:
        raise UserError("this installation has no JSON export", "install the program again") from error
    try:
        export.write_json([(picture, pose)], path)
    except OSError as error:
        raise UserError(f"{path.name} could not be written ({error.strerror})", _ELSEWHERE) from error
