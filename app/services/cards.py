"""Reads what checkpoints tell of themselves, and checks new ones whole, off the GUI thread."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from app.services.worker import Worker
from app.state import ModelEntry
from core.errors import UserError

_PICTURE: Final = re.compile(r"!\[[^\]]*\]\(([^)]*)\)")
"""A picture in Markdown: words for it, and where it is."""
_LARGEST_BYTES: Final = 5_000_000


@dataclass(frozen=True)
class Card:
    """What there is to know about one checkpoint.

    Attributes:
        entry: name and source, to choose it by.
        path: its file.
        size_mb: of the file, in megabytes of 10^6 bytes.
        text: the card in Markdown: data, terms, training, figures.
        pictures: the encoded pictures that the text shows, by the name it calls them.
    """

    entry: ModelEntry
    path: Path
    size_mb: float
    text: str
    pictures: dict[str, bytes]


@dataclass(frozen=True)
class CardRequest:
    """One checkpoint to read: a bundled name or a file; ``whole`` also checks its weights."""

    source: str
    whole: bool = False


class CardService(Worker):
    """The worker that reads cards; its thread starts with the first request."""

    read = Signal(object, bool)
    """A card, and whether the checkpoint was checked whole."""
    failed = Signal(str, bool, object)
    """A checkpoint that cannot be used: its source, whether it was to be checked whole, UserError."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("cards", parent)

    def ask(self, request: CardRequest) -> None:
        """Ask for a card."""
        if not self.isRunning():
            self.start()
        self.post(request.source, request)

    def handle(self, topic: str, request: Any) -> None:
        """Read one."""
        assert isinstance(request, CardRequest)
        try:
            card = read_card(request)
        except UserError as error:
            self.failed.emit(request.source, request.whole, error)
        except Exception as error:  # noqa: BLE001  # a strange file may raise anything
            told = f"{Path(request.source).name} could not be read ({type(error).__name__})"
            self.failed.emit(request.source, request.whole, UserError(told, "choose another checkpoint"))
        else:
            self.read.emit(card, request.whole)


def read_card(request: CardRequest) -> Card:
    """Read a checkpoint's card: the written one beside its file, or one made of its metadata.

    Raises:
        UserError: the file is missing, damaged or not one of ours.
    """
    from core import checkpoint

    info = checkpoint.load(request.source).info if request.whole else checkpoint.describe(request.source)
    entry = ModelEntry.of(info, request.source)
    path = checkpoint.resolve(request.source)
    try:
        text = path.with_suffix(".md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = _from_metadata(info.name, entry.detail, info.sha256, info.metadata)
    return Card(entry, path, info.size_bytes / 1e6, *_with_pictures(text, path.parent))


def _with_pictures(text: str, folder: Path) -> tuple[str, dict[str, bytes]]:
    """Read the pictures of a card that lie beside it; others (a stranger's card may name anything) are left out."""
    pictures: dict[str, bytes] = {}

    def kept(found: re.Match[str]) -> str:
        path = folder / found[1]
        try:
            if path.parent != folder or path.stat().st_size > _LARGEST_BYTES:
                return ""
            pictures[found[1]] = path.read_bytes()
        except OSError:
            return ""
        return found[0]

    return _PICTURE.sub(kept, text), pictures


def _from_metadata(name: str, detail: str, sha256: str, metadata: dict[str, Any]) -> str:
    from core.commands.checkpoints import flatten

    lines = [f"# {name}", "", f"{detail}, sha256 `{sha256}`.", ""]
    for key, title in (("terms", "Terms"), ("figures", "Measured"), ("data", "Data"), ("training", "Training")):
        told = flatten(metadata[key]) if metadata.get(key) else []
        if told or key in ("terms", "figures"):
            lines += [f"## {title}", ""]
            # Joint by joint would bury the figures that matter; the file has them all the same.
            told = [(label, text) for label, text in told if text != "None" and ".per_joint." not in label]
            lines += [f"- **{label}**: {text}" if label else f"- {text}" for label, text in told] or ["It tells none."]
            lines.append("")
    return "\n".join(lines)
