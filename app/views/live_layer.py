"""What a live source adds to the views: the others in the picture, a word on who is followed, empty states."""

from __future__ import annotations

from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import QObject, QPointF

from app.colours import ColourMode, bone_colours, joint_colours
from app.live.live import Live
from app.state import AppState
from app.views.picture import EMPTY_TEXT, EMPTY_TITLE, PicturePanel
from app.views.skeleton_item import SkeletonItem
from core.pose import Pose

_WORDS: Final = {
    "": "",
    "held": "person {track}: not seen just now",
    "nobody": "nobody found",
}


class LiveLayer(QObject):
    """Draws the others thin, each with the number of their track; a click on one of them follows them."""

    def __init__(self, picture: PicturePanel, state: AppState, live: Live) -> None:
        super().__init__(picture)
        self._picture, self._state, self._live = picture, state, live
        self._items: list[tuple[SkeletonItem, pg.TextItem]] = []
        state.moved.connect(self._show)
        state.pose_changed.connect(self._show)
        state.live_changed.connect(self._show)
        live.changed.connect(self._say)
        picture.clicked.connect(self._clicked)
        picture.note_instead = self.note

    def note(self) -> str:
        """Return what the picture's title line says in live mode."""
        live, pose = self._state.live, self._state.pose
        if live is None:
            return ""
        if self._live.trouble:
            return self._live.trouble
        if live.seen in _WORDS or pose is None:
            return _WORDS.get(live.seen, "").format(track=live.track)
        more = len(live.others) + len(self._state.others)
        several = f", {more} more (E)" if more else ""
        return f"person {live.track}, {100 * pose.mean_confidence:.0f} % sure{several}"

    def _say(self) -> None:
        """Say how the source is, also before its first picture."""
        live, empty = self._live, self._picture.empty
        if live.on and self._state.picture is None:
            empty.say(f"{live.word[:1].upper()}{live.word[1:]}…", live.trouble or "The first picture is awaited.")
        else:
            empty.say(EMPTY_TITLE, EMPTY_TEXT)
        self._picture.refresh()

    def _show(self) -> None:
        live, display = self._state.live, self._state.display
        others = () if live is None or not display.skeleton else live.others
        while len(self._items) < len(others):
            self._items.append(self._make())
        for (skeleton, label), (number, pose) in zip(self._items, others, strict=False):
            colours = bone_colours(display.colours, pose.geometry)
            skeleton.show_joints(pose.joints_px, pose.confidence, colours, joint_colours(ColourMode.VERDICT), None)
            label.setText(f"{number}")
            label.setPos(*_head(pose))
            label.show()
        for skeleton, label in self._items[len(others) :]:
            skeleton.clear()
            label.hide()

    def _make(self) -> tuple[SkeletonItem, pg.TextItem]:
        skeleton = SkeletonItem(thin=True)
        label = pg.TextItem(color="#ffffff", fill=pg.mkBrush(15, 16, 20, 170), anchor=(0.5, 1.1))
        for item in (skeleton, label):
            item.setZValue(3.5)
            self._picture.box_view.addItem(item, ignoreBounds=True)
        return skeleton, label

    def _clicked(self, point: QPointF) -> None:
        self._live.follow_at(point.x(), point.y())


def _head(pose: Pose) -> tuple[float, float]:
    return float(pose.joints_px[:, 0].mean()), float(pose.joints_px[:, 1].min())
