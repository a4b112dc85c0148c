"""Turns what is on screen into files, through core.export, so that screen, files and commands cannot disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QAbstractItemView

from app.state import ModelEntry, Picture
from core import bvh, export
from core.errors import UserError
from core.pose import Pose


def save_image(image: QImage, path: Path, made_by: str = "") -> None:
    """Write a PNG, ``made_by`` in its metadata; raise UserError if the disk does not let us."""
    image.setText("Software", "Bonesight")
    if made_by:
        image.setText("Description", made_by)
    export.write_atomically(path, png(image))


def png(image: QImage) -> bytes:
    """Return a picture as PNG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    # The stubs ask for bytes, which Qt then refuses.
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]
        raise UserError("the picture could not be made", "try again with a smaller window")
    return bytes(buffer.data().data())


def svg(draw: Callable[[QPainter, QRectF], None], size: QSize, title: str, made_by: str = "") -> bytes:
    """Return what a function draws as SVG, ``made_by`` as its description: lines stay lines."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    maker = QSvgGenerator()
    maker.setOutputDevice(buffer)
    maker.setSize(size)
    maker.setViewBox(QRect(QPoint(0, 0), size))
    maker.setTitle(title)
    maker.setDescription(made_by)
    painter = QPainter(maker)
    draw(painter, QRectF(QRect(QPoint(0, 0), size)))
    painter.end()
    return bytes(buffer.data().data())


def save_json(picture: Picture, pose: Pose, models: Iterable[ModelEntry], path: Path) -> None:
    """Write what ``predict --json`` writes; raise UserError if the disk does not let us."""
    export.write_json(path, [_entry(picture, pose)], checkpoint_of(pose, models))


def save_csv(picture: Picture, pose: Pose, models: Iterable[ModelEntry], path: Path) -> None:
    """Write what ``predict --csv`` writes; raise UserError if the disk does not let us."""
    export.write_csv(path, [_entry(picture, pose)], checkpoint_of(pose, models))


def _entry(picture: Picture, pose: Pose) -> dict[str, object]:
    return export.entry(pose, picture.path, picture.frame, picture.time_s)


def save_npz(picture: Picture, pose: Pose, models: Iterable[ModelEntry], path: Path) -> None:
    """Write what ``predict --npz`` writes; raise UserError if the disk does not let us."""
    export.write_npz(path, [_entry(picture, pose)], checkpoint_of(pose, models))


def save_bvh(picture: Picture, pose: Pose, models: Iterable[ModelEntry], path: Path) -> None:
    """Write what ``predict --bvh`` writes; raise UserError if the disk does not let us."""
    bvh.write(path, [_entry(picture, pose)], checkpoint_of(pose, models))


def made_by(pose: Pose, models: Iterable[ModelEntry]) -> ModelEntry | None:
    """Return the model that made the pose, not the one chosen since; None if it is not listed any more."""
    return next((model for model in models if model.sha256 == pose.checkpoint_sha256), None)


def checkpoint_of(pose: Pose, models: Iterable[ModelEntry]) -> dict[str, object]:
    """Return what exports say of the checkpoint that made a pose."""
    maker = made_by(pose, models)
    return {
        "name": pose.checkpoint_name,
        "preset": "" if maker is None else maker.preset,
        "geometry_loss": maker is not None and maker.geometry_loss,
        "sha256": pose.checkpoint_sha256,
    }


def table_texts(view: QAbstractItemView) -> tuple[str, str]:
    """Return a table as it is sorted on screen: as text with tabs, and as HTML, for pasting into other programs."""
    model = view.model()
    columns = range(model.columnCount())
    across = Qt.Orientation.Horizontal
    rows = [[str(model.headerData(column, across)) for column in columns]]
    rows += [[str(model.index(row, column).data()) for column in columns] for row in range(model.rowCount())]
    cells = ["".join(f"<{tag}>{escape(text)}</{tag}>" for text in row) for row, tag in _tagged(rows)]
    html = "<table>" + "".join(f"<tr>{line}</tr>" for line in cells) + "</table>"
    return "\n".join("\t".join(row) for row in rows), html


def _tagged(rows: list[list[str]]) -> list[tuple[list[str], str]]:
    return [(row, "td" if number else "th") for number, row in enumerate(rows)]
