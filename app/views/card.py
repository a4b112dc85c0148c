"""A model card: Markdown whose pictures are as wide as there is room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage, QResizeEvent, QTextDocument
from PySide6.QtWidgets import QTextBrowser, QWidget

_MARGIN_PX: Final = 14


class CardView(QTextBrowser):
    """Shows a card; a picture is one that came with the card, and never fetched from anywhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName("Model card")
        self.setOpenExternalLinks(True)
        self._text = ""
        self._rendered_px = 0
        self._document: QTextDocument | None = None
        self._pictures: dict[str, QImage] = {}

    def show_card(self, text: str, pictures: Mapping[str, bytes] | None = None) -> None:
        """Show Markdown and the encoded pictures it names."""
        self._text = text
        self._pictures = {name: QImage.fromData(encoded) for name, encoded in (pictures or {}).items()}
        self._render()

    def _render(self) -> None:
        """Read the card into a new document: in one that held another, paragraphs look like that one's titles."""
        self._rendered_px = self.picture_width()
        document = QTextDocument(self)
        document.setDocumentMargin(_MARGIN_PX)
        document.setDefaultFont(self.font())
        document.setMarkdown(self._text)
        self.setDocument(document)
        # The browser deletes its first document by itself, and no other.
        if self._document is not None:
            self._document.deleteLater()
        self._document = document

    def picture_width(self) -> int:
        """Return the room for a picture, whether or not there is a scroll bar."""
        beside = 2 * (self.frameWidth() + _MARGIN_PX) + self.verticalScrollBar().sizeHint().width()
        return max(self.width() - beside, 1)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802
        """Return a picture at the width there is room for; it is smoother than what the browser would scale."""
        if kind != QTextDocument.ResourceType.ImageResource.value:
            return super().loadResource(kind, name)
        picture = self._pictures.get(QUrl(name).toString(), QImage())
        ratio = self.devicePixelRatioF()
        width = min(round(self.picture_width() * ratio), picture.width())
        if width < picture.width():
            picture = picture.scaledToWidth(width, Qt.TransformationMode.SmoothTransformation)
        picture.setDevicePixelRatio(ratio)
        return picture

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the pictures into another width; what is read stays where it is."""
        super().resizeEvent(event)
        # A scroll bar that comes or goes changes the event's width, and no picture's.
        if self._pictures and self._rendered_px != self.picture_width():
            bar = self.verticalScrollBar()
            share = bar.value() / max(bar.maximum(), 1)
            self._render()
            bar.setValue(round(share * bar.maximum()))
