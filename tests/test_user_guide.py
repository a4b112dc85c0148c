"""The user guide cannot go stale silently: all it names is in the program, its pictures are made by one command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.actions import ACTIONS, MENUS

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "user-guide.md"
KEYS = {keys for spec in ACTIONS for keys in spec.shortcuts}
BY_PATH = {f"{spec.menu} > {spec.text.rstrip('…')}": spec for spec in ACTIONS}


@pytest.fixture
def guide() -> str:
    # A path or a key may be broken over two lines.
    return " ".join(GUIDE.read_text(encoding="utf-8").split())


def test_every_menu_is_in_the_guide(guide: str) -> None:
    missing = [menu for menu in MENUS if f"**{menu}** menu" not in guide and f"*{menu} > " not in guide]
    assert not missing


def test_every_key_in_the_guide_does_something(guide: str) -> None:
    named = re.findall(r"<kbd>(.+?)</kbd>", guide)
    assert len(named) > 20
    assert not [keys for keys in named if keys not in KEYS]


def test_every_menu_entry_in_the_guide_is_there_and_has_the_key_beside_it(guide: str) -> None:
    named = re.findall(r"\*(\w+ > [^*]+)\*(?:(?: \(|, )<kbd>(.+?)</kbd>)?", guide)
    assert len(named) > 20
    unknown = [path for path, _ in named if path not in BY_PATH]
    assert not unknown
    assert not [(path, keys) for path, keys in named if keys and keys not in BY_PATH[path].shortcuts]


def test_every_file_the_guide_and_the_readme_point_at_is_there() -> None:
    for page in (GUIDE, ROOT / "README.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        assert links
        assert not [link for link in links if not (page.parent / link).is_file()]


def test_the_pictures_are_small_and_all_are_made_by_the_script(guide: str) -> None:
    script = (ROOT / "docs" / "make_screenshots.py").read_text(encoding="utf-8")
    pictures = sorted((ROOT / "docs" / "guide").glob("*.png"))
    assert 0 < len(pictures) <= 8
    for picture in pictures:
        assert picture.stat().st_size <= 200_000, picture.name
        assert f'"{picture.name}"' in script and f"guide/{picture.name}" in guide
