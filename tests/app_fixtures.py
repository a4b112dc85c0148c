"""The fixtures of the window's tests; loaded with ``pytest_plugins``, never imported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from app_fakes import Opener, write_picture
from pytestqt.qtbot import QtBot


@pytest.fixture
def open_window(qtbot: QtBot, tmp_path: Path) -> Iterator[Opener]:
    """Return the function that opens windows."""
    opener = Opener(qtbot, tmp_path)
    yield opener
    opener.close_all()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a picture file."""
    return write_picture(tmp_path / "photo.png")
