"""A model card: Markdown whose pictures are as wide as there is room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import QSize, Qt, QUrl
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
        self.document().setDocumentMargin(_MARGIN_PX)
        self._text = ""
        self._pictures: dict[str, QImage] = {}

    def show_card(self, text: str, pictures: Mapping[str, bytes] | None = None) -> None:
        """Show Markdown and the encoded pictures it names."""
        self._text = text
        self._pictures = {name: QImage.fromData(encoded) for name, encoded in (pictures or {}).items()}
        self.setMarkdown(text)

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
        if self._pictures and event.oldSize() != QSize() and event.oldSize().width() != event.size().width():
            bar = self.verticalScrollBar()
            share = bar.value() / max(bar.maximum(), 1)
            self.setMarkdown(self._text)
            bar.setValue(round(share * bar.maximum()))
