"""Writes what is on screen to files, through core.export, so that screen, files and commands cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage, QPixmap

from app.state import ModelEntry, Picture
from core import export
from core.errors import UserError
from core.pose import Pose


def save_image(image: QImage | QPixmap, path: Path) -> None:
    """Write a PNG; raise UserError if the disk does not let us."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise UserError(f"{path.name} could not be made", "try again with a smaller window")
    export.write_atomically(path, bytes(buffer.data().data()))


def save_json(picture: Picture, pose: Pose, models: Iterable[ModelEntry], path: Path) -> None:
    """Write what ``predict --json`` writes; raise UserError if the disk does not let us."""
    export.write_json(path, [_entry(picture, pose)], _checkpoint(pose, models))


def save_csv(picture: Picture, pose: Pose, path: Path) -> None:
    """Write what ``predict --csv`` writes; raise UserError if the disk does not let us."""
    export.write_csv(path, [_entry(picture, pose)])


def _entry(picture: Picture, pose: Pose) -> dict[str, object]:
    return export.entry(pose, picture.path, picture.frame, picture.time_s)


def _checkpoint(pose: Pose, models: Iterable[ModelEntry]) -> dict[str, object]:
    # The model that made the pose, not the one chosen since.
    made_by = next((model for model in models if model.sha256 == pose.checkpoint_sha256), None)
    return {
        "name": pose.checkpoint_name,
        "preset": "" if made_by is None else made_by.preset,
        "geometry_loss": made_by is not None and made_by.geometry_loss,
        "sha256": pose.checkpoint_sha256,
    }
