"""What the Export menu does: asks where to, writes, and tells how it went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData, QRectF
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget

from app.capture import window_picture
from app.clip_exports import KINDS, ClipExports
from app.comparing import Comparing
from app.notifications import Notifier
from app.playback import Playback
from app.services import exporter
from app.services.drawing import ComparisonRequest, DrawingService, DrawRequest
from app.services.saving import SaveRequest, SavingService
from app.settings import Settings
from app.state import AppState, Picture
from app.views.bones import BonesPanel
from app.views.picture import PicturePanel
from app.views.skeleton3d import Skeleton3DPanel
from core import export
from core.errors import UserError
from core.pose import Pose

PNG: Final = "PNG picture (*.png)"
SVG: Final = "SVG drawing (*.svg)"
PDF: Final = "PDF page (*.pdf)"
HTML: Final = "HTML page (*.html)"
OF_A_POSE: Final = (
    "export_figure", "export_report", "export_json", "export_csv", "export_npz", "export_bvh", "copy_figure",
    "copy_table", "export_space_film",
)  # fmt: skip
"""Actions that need a picture to be open."""


class Exports:
    """The functions behind the Export menu."""

    def __init__(
        self, window: QWidget, state: AppState, settings: Settings, notifier: Notifier, picture: PicturePanel,
        space: Skeleton3DPanel, bones: BonesPanel, playback: Playback,
        comparing: Comparing,
    ) -> None:  # fmt: skip
        self._window = window
        self._state = state
        self._settings = settings
        self._notifier = notifier
        self._picture = picture
        self._space = space
        self._bones = bones
        self._comparing = comparing
        self.clips = ClipExports(state, playback, space, notifier, self._ask_where, window)
        self.clips.written.connect(self._told)
        self.drawing = DrawingService(window)
        self.drawing.written.connect(self._written)
        self.drawing.failed.connect(self._failed)
        self.drawing.drawn.connect(self._drawn)
        self.saving = SavingService(window)
        self.saving.written.connect(self._written)
        self.saving.failed.connect(self._failed)

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return a function for every key of the Export menu."""
        return {
            "export_picture": lambda _: self.export_picture(),
            "export_3d": lambda _: self.export_3d(),
            "export_window": lambda _: self.export_window(),
            "export_figure": lambda _: self.export_drawn("figure", (PNG, SVG)),
            "export_report": lambda _: self.export_drawn("report", (HTML, PDF, PNG, SVG)),
            "export_comparison": lambda _: self.export_comparison(),
            "export_json": lambda _: self.export_data("export_json", exporter.save_json),
            "export_csv": lambda _: self.export_data("export_csv", exporter.save_csv),
            "export_npz": lambda _: self.export_data("export_npz", exporter.save_npz),
            "export_bvh": lambda _: self.export_data("export_bvh", exporter.save_bvh),
            "export_film": lambda _: self.clips.export("export_film"),
            "export_space_film": lambda _: self.export_space_film(),
            "copy_figure": lambda _: self.copy_figure(),
            "copy_table": lambda _: self.copy_table(),
        }

    def ask_to_stop(self) -> None:
        """Let the threads end after what they do."""
        for worker in (self.drawing, self.saving, self.clips.service):
            worker.ask_to_stop()

    def stop(self, timeout_ms: int = 500, saving_ms: int = 5000) -> bool:
        """End the threads, that which saves files after the last of them. Return whether they ended in time."""
        ended = [worker.stop(timeout_ms) for worker in (self.drawing, self.clips.service)]
        return all([*ended, self.saving.stop(saving_ms)])

    def export_picture(self) -> None:
        """Save the picture view."""
        picture = self._state.picture
        if picture is None:
            self._notifier.info("there is no picture to export yet", "open one first (Ctrl+O)")
            return
        path = self._ask_where("picture", (PNG, SVG))
        if path is None:
            return
        if path.suffix.lower() == ".svg":
            view = self._picture.graphics
            size, made_by = view.viewport().size(), self._made_by()

            def draw(painter: QPainter, area: QRectF) -> None:
                view.render(painter, area)

            self._save_svg(exporter.svg(draw, size, picture.title, made_by), path)
        else:
            self._save_image(self._picture.picture().toImage(), path, self._made_by())

    def export_3d(self) -> None:
        """Save the 3D view."""
        image = self._space.picture()
        if image is None:
            self._notifier.warn("there is no 3D view on this machine", "export the picture view instead")
            return
        path = self._ask_where("3d", (PNG, SVG))
        if path is not None and path.suffix.lower() == ".svg":
            draw, size, made_by = self._space.draw, image.size(), self._made_by()
            self._save_svg(exporter.svg(draw, size, "3D skeleton", made_by), path)
        elif path is not None:
            self._save_image(image, path, self._made_by())

    def export_space_film(self) -> None:
        """Save the 3D view as a video: the body turning around, or a video's motion."""
        if self._space.scene is None:
            self._notifier.warn("there is no 3D view on this machine", "export the video with skeletons instead")
        elif self._state.clip is not None:
            self.clips.export("export_space_film")
        elif shown := self._shown():
            self.clips.export_turn(shown[1])

    def export_window(self) -> None:
        """Save everything that is on screen."""
        path = self._ask_where("window", (PNG,))
        if path is not None:
            poses = self._comparing.poses
            made_by = export.signature(poses) if poses else self._made_by()
            self._save_image(window_picture(self._window).toImage(), path, made_by)

    def export_drawn(self, what: str, kinds: tuple[str, ...]) -> None:
        """Have a figure or report drawn into a file."""
        shown = self._shown()
        path = self._ask_where(what, kinds) if shown else None
        if shown and path:
            self._state.set_activity(f"drawing {path.name}")
            self.drawing.draw(self._request(*shown, path))

    def export_comparison(self) -> None:
        """Have all compared models drawn side by side into a page or a figure."""
        shown, poses = self._shown(), self._comparing.poses
        if shown is None or not poses:
            self._notifier.info("there is no comparison to export yet", "switch on Compare (C) and wait for the models")
            return
        path = self._ask_where("compare", (HTML, PDF, PNG, SVG))
        if path is not None:
            self._state.set_activity(f"drawing {path.name}")
            self.drawing.draw(ComparisonRequest(tuple(self._request(shown[0], pose, path) for pose in poses)))

    def export_data(self, key: str, save: Callable[..., None]) -> None:
        """Save what the command writes, of a picture or of a whole video, in one of the formats for programs."""
        if self._state.clip is not None:
            self.clips.export(key)
            return
        what, kind = KINDS[key]
        shown = self._shown()
        path = self._ask_where(what, (kind,)) if shown else None
        if shown and path:
            models = self._state.models
            self._save(path, lambda: save(*shown, models, path))

    def copy_figure(self) -> None:
        """Have the figure drawn for the clipboard."""
        shown = self._shown()
        if shown:
            self._state.set_activity("drawing the figure")
            self.drawing.draw(self._request(*shown, None))

    def copy_table(self) -> None:
        """Put the bone table on the clipboard, as text for sheets and as HTML for documents."""
        if self._shown():
            plain, html = exporter.table_texts(self._bones.table)
            mime = QMimeData()
            mime.setText(plain)
            mime.setHtml(html)
            QGuiApplication.clipboard().setMimeData(mime)
            self._notifier.info("copied the bone table", "paste it into a sheet or a document")

    def _written(self, path: Path) -> None:
        self._state.set_activity("")
        self._told(path)

    def _failed(self, error: UserError) -> None:
        self._state.set_activity("")
        self._notifier.error(error)

    def _drawn(self, data: bytes) -> None:
        self._state.set_activity("")
        QGuiApplication.clipboard().setImage(QImage.fromData(data))
        self._notifier.info("copied the figure", "paste it into a document")

    def _request(self, picture: Picture, pose: Pose, path: Path | None) -> DrawRequest:
        maker = exporter.made_by(pose, self._state.models)
        told = exporter.checkpoint_of(pose, self._state.models)
        source = "" if maker is None else maker.source
        title = picture.title if picture.time_s is None else f"{picture.title}, {picture.time_s:.2f} s"
        return DrawRequest(pose, picture.rgb, picture.path, title, told, source, path, picture.frame, picture.time_s)

    def _shown(self) -> tuple[Picture, Pose] | None:
        picture, pose = self._state.picture, self._state.pose
        if picture is None or pose is None:
            self._notifier.info("there is no pose to export yet", "open a picture of a person first")
            return None
        return picture, pose

    def _ask_where(self, what: str, kinds: tuple[str, ...]) -> Path | None:
        suffixes = [kind.rpartition("*")[2].rstrip(")") for kind in kinds]
        picture = self._state.picture
        stem = "bonesight" if picture is None else picture.path.stem
        start = self._settings.folder() / f"{stem}-{what}{suffixes[0]}"
        name, chosen = QFileDialog.getSaveFileName(self._window, "Export", str(start), ";;".join(kinds))
        if not name:
            return None
        path = Path(name)
        if path.suffix.lower() in suffixes:
            return path
        suffix = suffixes[kinds.index(chosen)] if chosen in kinds else suffixes[0]
        return path.with_name(path.name + suffix)

    def _made_by(self) -> str:
        """Return what the metadata say of the pose that is shown; nothing without one."""
        pose = self._comparing.shown
        return "" if pose is None else export.signature([pose])

    def _save_image(self, image: QImage, path: Path, made_by: str) -> None:
        self._save(path, lambda: exporter.save_image(image, path, made_by))

    def _save_svg(self, data: bytes, path: Path) -> None:
        self._save(path, lambda: export.write_atomically(path, data))

    def _save(self, path: Path, write: Callable[[], object]) -> None:
        self._state.set_activity(f"saving {path.name}")
        self.saving.save(SaveRequest(path, write))

    def _told(self, path: Path) -> None:
        self._notifier.info(f"saved {path.name}", f"it is in {path.parent}")
