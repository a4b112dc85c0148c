"""The pictures of a model card in the window: as wide as there is room, and only those that lie beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtGui import QFont, QFontInfo, QImage
from pytestqt.qtbot import QtBot

from app.services.cards import CardRequest, read_card
from app.views.card import CardView

TEXT = "# A card\n\nBefore.\n\n![A red picture](red.png)\n\n" + "\n\n".join(["After."] * 60)


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """Write a red picture of 900 x 300 pixels."""
    assert cv2.imwrite(str(tmp_path / "red.png"), np.full((300, 900, 3), (0, 0, 255), np.uint8))
    return tmp_path / "red.png"


@pytest.fixture
def view(qtbot: QtBot) -> CardView:
    """Show an empty card of 500 x 400 pixels."""
    view = CardView()
    qtbot.addWidget(view)
    view.resize(500, 400)
    view.show()
    return view


def red_columns(view: CardView) -> tuple[int, int]:
    """Return where the red picture begins and how wide it is, as it is shown."""
    shown = view.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(shown.constBits(), np.uint8).reshape(shown.height(), shown.width(), 4)[..., :3]
    found = np.flatnonzero((pixels == (0, 0, 255)).all(axis=-1).any(axis=0))
    return (int(found[0]), len(found)) if len(found) else (0, 0)


def test_a_picture_is_as_wide_as_there_is_room_and_never_wider_than_it_is(
    qtbot: QtBot, view: CardView, red: Path
) -> None:
    view.show_card(TEXT, {"red.png": red.read_bytes()})
    for width in (500, 700, 420):
        view.resize(width, 400)
        qtbot.waitUntil(lambda: red_columns(view)[1] == view.picture_width())
        left, shown = red_columns(view)
        assert left + shown < view.viewport().width() and not view.horizontalScrollBar().isVisible()
        assert shown > 0.85 * width
    view.resize(1200, 400)
    qtbot.waitUntil(lambda: red_columns(view)[1] == 900)
    view.show_card(TEXT.replace("red.png", "gone.png"))
    assert red_columns(view)[1] == 0 and "Before." in view.toPlainText()


def test_paragraphs_stay_smaller_than_titles_when_a_card_is_read_anew(view: CardView, red: Path) -> None:
    view.show_card("# One card\n\nIts words.", {"red.png": red.read_bytes()})
    view.show_card("# A title\n\nPlain `code`, words.\n\n## Another\n\nMore words.", {"red.png": red.read_bytes()})
    view.resize(700, 400)
    sizes = {}
    block = view.document().begin()
    while block.isValid():
        fragment = block.begin().fragment()
        sizes[block.text()] = (fragment.charFormat().fontWeight(), QFontInfo(fragment.charFormat().font()).pixelSize())
        block = block.next()
    assert sizes["A title"][1] > sizes["Another"][1] > sizes["More words."][1]
    assert sizes["Plain code, words."] == sizes["More words."] and sizes["More words."][0] == QFont.Weight.Normal


def test_reading_goes_on_where_it_was_when_the_window_gets_another_width(view: CardView, red: Path) -> None:
    view.show_card(TEXT, {"red.png": red.read_bytes()})
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum())
    view.resize(700, 400)
    assert bar.maximum() > 0 and bar.value() > 0.9 * bar.maximum()


def test_a_card_shows_pictures_that_lie_beside_it_and_no_others(weights: Path, tmp_path: Path, red: Path) -> None:
    own = tmp_path / "card" / "mine.safetensors"
    own.parent.mkdir()
    shutil.copy(weights, own)
    shutil.copy(red, own.with_name("red.png"))
    others = ("../red.png", str(red), "https://example.org/red.png", "gone.png", "..")
    own.with_suffix(".md").write_text(TEXT + "".join(f"\n\n![other]({other})" for other in others))
    card = read_card(CardRequest(str(own)))
    assert list(card.pictures) == ["red.png"] and card.pictures["red.png"] == red.read_bytes()
    assert card.text.strip() == TEXT
