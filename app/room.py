"""Room for what is not always there: the timeline takes it from the bones, a comparison shares it out evenly."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QSplitter, QWidget

from app.comparing import Comparing
from app.state import AppState
from app.views.timeline import TimelinePanel

_LEAST_BONES_PX = 150
_WIDE_PX = 1600


class TimelineRoom(QObject):
    """Moves the handles of the splitter when the first video is opened and when the last one is closed.

    The pictures get what the timeline does not need while its strips are left out.
    """

    def __init__(self, splitter: QSplitter, timeline: TimelinePanel, bones: QWidget, state: AppState) -> None:
        super().__init__(splitter)
        self._splitter, self._timeline, self._bones, self._state = splitter, timeline, bones, state
        self._before: list[int] = []
        """Heights without the timeline, while it is shown."""
        state.clip_changed.connect(self._follow)
        timeline.limited.connect(lambda: QTimer.singleShot(0, self, self._close_gap))

    def _follow(self) -> None:
        if self._state.clip is not None and not self._before:
            self._before = self._without()
            QTimer.singleShot(0, self, self._make_room)
        elif self._state.clip is None and self._before:
            sizes, self._before = self._before, []
            QTimer.singleShot(0, self, lambda: self._splitter.setSizes(sizes))

    def _close_gap(self) -> None:
        sizes, place = self._splitter.sizes(), self._splitter.indexOf(self._timeline)
        spare = sizes[place] - self._timeline.maximumHeight()
        if spare > 0:
            sizes[place] -= spare
            sizes[0] += spare
            self._splitter.setSizes(sizes)

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


class ComparisonRoom(QObject):
    """Gives A's and B's panels the same width, and everything back when the comparison ends."""

    def __init__(self, splitter: QSplitter, side: QWidget, comparing: Comparing) -> None:
        super().__init__(splitter)
        self._splitter, self._side, self._comparing = splitter, side, comparing
        self._before: list[int] = []
        """Widths without a comparison, while there is one."""
        self._shared: list[QWidget] = []
        comparing.changed.connect(self._follow)

    def _follow(self) -> None:
        if self._comparing.on and not self._before:
            self._before = self._splitter.sizes()
        # Which panels stand is decided by others that listen too: ask when they have.
        QTimer.singleShot(0, self, self._share)

    def _share(self) -> None:
        if not self._comparing.on:
            sizes, self._before, self._shared = self._before, [], []
            if sizes:
                self._splitter.setSizes(sizes)
            return
        panels = [self._splitter.widget(place) for place in range(self._splitter.count())]
        shown = [panel for panel in panels if panel and panel.isVisible() and panel is not self._side]
        if shown != self._shared:
            # Only then: what the user dragged stays while the same panels stand.
            self._shared = shown
            # On a small screen the side gets its least; the others are alike.
            place, width = self._splitter.indexOf(self._side), sum(self._splitter.sizes())
            side = self._before[place] if width >= _WIDE_PX else 0
            each = (width - side) // max(len(shown), 1)
            sizes = [each if panel in shown else 0 for panel in panels]
            sizes[place] = side
            self._splitter.setSizes(sizes)
