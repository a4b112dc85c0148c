"""The Help page and the About page: plain windows that do not block the program."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from app.views.panel import size_for_screen

_ABOUT = (
    "<h3>Bonesight</h3>"
    "<p>Shows what a 3D human pose network sees: where it believes each joint is, how it lifts them to 3D, and whether"
    " the bones it drew can be real.</p>"
    "<p>The method is that of Zhou, Huang, Sun, Xue and Wei, <i>Towards 3D Human Pose Estimation in the Wild: a"
    " Weakly-supervised Approach</i>, ICCV 2017.</p>"
    "<p>A single picture does not tell how tall a person is, nor everything about depth: lengths are relative to a"
    " body of mean size, and the network can be wrong. Do not use it for medical or safety decisions.</p>"
    "<p>Licence: Apache-2.0.</p>"
)


def show_page(parent: QWidget, title: str, html: str, size: tuple[int, int]) -> QDialog:
    """Open a page beside the window."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    size_for_screen(dialog, *size)
    browser = QTextBrowser()
    browser.setHtml(html)
    browser.setFrameShape(QTextBrowser.Shape.NoFrame)
    QVBoxLayout(dialog).addWidget(browser)
    dialog.show()
    return dialog


def show_about(parent: QWidget) -> QDialog:
    """Open the About page."""
    return show_page(parent, "About Bonesight", _ABOUT, (460, 340))
