"""Room for the timeline: it is taken from the bones under it, not from the picture, and given back."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QSplitter, QWidget

from app.state import AppState

_LEAST_BONES_PX = 150


class TimelineRoom(QObject):
    """Moves the handles of the splitter when the first video is opened and when the last one is closed."""

    def __init__(self, splitter: QSplitter, timeline: QWidget, bones: QWidget, state: AppState) -> None:
        super().__init__(splitter)
        self._splitter, self._timeline, self._bones, self._state = splitter, timeline, bones, state
        self._before: list[int] = []
        """Heights without the timeline, while it is shown."""
        state.clip_changed.connect(self._follow)

    def _follow(self) -> None:
        if self._state.clip is not None and not self._before:
            self._before = self._without()
            QTimer.singleShot(0, self, self._make_room)
        elif self._state.clip is None and self._before:
            sizes, self._before = self._before, []
            QTimer.singleShot(0, self, lambda: self._splitter.setSizes(sizes))

    def _without(self) -> list[int]:
        # The panel may be shown by now, but the splitter lays out later: the sizes are still those before.
        sizes = self._splitter.sizes()
        sizes[self._splitter.indexOf(self._timeline)] = 0
        return sizes

    def _make_room(self) -> None:
        place, bones = self._splitter.indexOf(self._timeline), self._splitter.indexOf(self._bones)
        sizes = list(self._before)
        wanted = self._timeline.sizeHint().height()
        taken = min(wanted, max(0, sizes[bones] - _LEAST_BONES_PX))
        sizes[place] = wanted
        sizes[bones] -= taken
        sizes[0] -= wanted - taken
        self._splitter.setSizes(sizes)
