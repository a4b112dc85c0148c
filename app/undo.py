"""What can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QUndoCommand

from app.clip import Seeds
from app.sources import Box


class GiveBox(QUndoCommand):
    """Another box for the person, or in a video other seeds; undone, what was before comes back."""

    def __init__(
        self, apply: Callable[[Any], None], before: Box | Seeds | None, after: Box | Seeds | None, nudge: bool = False
    ) -> None:
        super().__init__("box")
        self._apply, self._before, self.after, self._nudge = apply, before, after, nudge

    def id(self) -> int:
        """Return a number that those share which may be undone together, or -1."""
        return 1 if self._nudge else -1

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802
        """Take over what a next nudge did: a key that is held down is one change."""
        assert isinstance(other, GiveBox)
        self.after = other.after
        return True

    def redo(self) -> None:
        """Take the new box."""
        self._apply(self.after)

    def undo(self) -> None:
        """Take the old box."""
        self._apply(self._before)
