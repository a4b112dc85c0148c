"""Other people in the picture: found beside the pose, drawn thin, and chosen by a click or a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QPointF

from app.session import Session
from app.sources import Box
from app.state import LiveView, Picture
from app.views.others_layer import OthersLayer
from app.views.picture import PicturePanel
from core import locate
from core.errors import UserError
from core.locate import Candidate
from core.pose import Pose


class People(QObject):
    """Has everybody found in a picture or in a frame of a video that rests; a live source finds them by itself."""

    def __init__(self, session: Session, picture: PicturePanel) -> None:
        super().__init__(session)
        self._session, self._state = session, session.state
        self._token = 0
        self._asked: Picture | None = None
        self._found: Sequence[Candidate] = ()
        self._told = ""
        self.layer = OthersLayer(picture, self._state)
        state = self._state
        state.picture_changed.connect(self._forget)
        state.frame_changed.connect(self._forget)
        state.pose_changed.connect(self._look)
        session.playback.playing_changed.connect(self._look)
        session.inference.people.connect(self._take)
        session.inference.people_failed.connect(self._fail)
        picture.clicked.connect(self._clicked)
        picture.note_others = self._note

    def handlers(self) -> dict[str, Callable[[bool], object]]:
        """Return a function for every action that has to do with other people."""
        return {
            "others": lambda on: self._state.set_display(others=on),
            "person_next": lambda _: self.step(1),
            "person_previous": lambda _: self.step(-1),
        }

    def step(self, by: int) -> None:
        """Look at the next person to the right, or to the left; after the last one comes the first."""
        boxes = [*_tracked(self._state.live), *(candidate.box_px for candidate in self._state.others)]
        if not boxes:
            self._session.notifier.info("nobody else was found in this picture", "draw a box around the person (B)")
            return
        boxes.sort(key=_middle)
        pose = self._state.pose
        here = float("-inf") if pose is None else _middle(locate.box_of_joints(pose.joints_px))
        left = sum(_middle(box) < here for box in boxes)
        self._session.give_box(boxes[(left if by > 0 else left - 1) % len(boxes)])

    def _forget(self) -> None:
        if self._state.live is None:
            self._token += 1
            self._asked, self._found = None, ()
            self._state.set_others(())

    def _look(self) -> None:
        """Ask who is there, once for each picture, after its pose: that comes first."""
        state = self._state
        picture = state.picture
        if picture is None or state.pose is None or state.live is not None or self._session.playback.playing:
            return
        if picture is self._asked:
            self._show()
            return
        self._asked = picture
        self._token += 1
        self._session.inference.find_people(self._token, picture.rgb)

    def _take(self, token: int, found: Sequence[Candidate]) -> None:
        if token == self._token:
            self._found = found
            self._show()

    def _fail(self, token: int, error: UserError) -> None:
        # Once is enough: every picture would bring it again.
        if token == self._token and str(error) != self._told:
            self._told = str(error)
            self._session.notifier.error(error)

    def _show(self) -> None:
        pose = self._state.pose
        if pose is not None and self._state.live is None:
            self._state.set_others(locate.besides(self._found, [pose.joints_px]))

    def _clicked(self, point: QPointF) -> None:
        """Look at the person whose box was clicked; a live source has more to choose from, and does so itself."""
        number = self.layer.at(point) if self._state.live is None else None
        if number is not None:
            self._session.give_box(self._state.others[number].box_px)

    def _note(self) -> str:
        state = self._state
        return f", {len(state.others)} more (E)" if state.others and state.display.others else ""


def _tracked(live: LiveView | None) -> list[Box]:
    poses: Sequence[Pose] = () if live is None else [pose for _, pose in live.others]
    return [pose.box_px for pose in poses]


def _middle(box: Box) -> float:
    return box[0] + box[2] / 2
