"""The card that says why the chosen joint is where it is; resting on a joint shows that one's."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.colours import LOW_CONFIDENCE
from app.state import AppState, HeatmapMode
from app.views.panel import ElidedLabel
from core import skeleton
from core.pose import Pose
from core.why import Why, explain

_COLUMN_PX = 76
_NAME_PX = 130
_COLUMNS = (
    ("First", "The peak that was taken: the share of the network's belief within it"),
    (
        "Second",
        "The best peak elsewhere, and its share. It can be the higher one: the joints of both sides are read together,"
        " so that two ankles do not end up on one leg",
    ),
    ("Ratio", "How many times as strong the peak taken is: near 1, the network wavers between two places"),
    ("Edge", "Whether the peak is highest at the crop's edge: then the joint may lie outside what was looked at"),
    ("Pixel", "Where the joint is in the picture, x and y"),
    ("Depth", "Along the line of sight, measured from the pelvis; more is farther away"),
)
_KEPT = ("First", "Second", "Depth", "Ratio", "Edge", "Pixel")
"""The columns of a narrow card are the first of these."""


class WhyCard(QWidget):
    """A row of captions with what is true of one joint under them."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self.shown_pose: Callable[[], Pose | None] = lambda: state.pose
        """The pose that is told about: a comparison puts another one in its place."""
        self.has_room = True
        """Whether the panel has room for it."""
        self._hovered: int | None = None
        self._columns: dict[str, QWidget] = {}
        self.name = QLabel(objectName="panelTitle")
        self.verdict = ElidedLabel(objectName="muted")
        self.values: list[ElidedLabel] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 10, 6)
        row.setSpacing(10)
        row.addWidget(_column(self.name, self.verdict), 26)
        for caption, tip in _COLUMNS:
            value = ElidedLabel(objectName="sentence")
            head = ElidedLabel(caption, objectName="muted")
            for label in (head, value):
                label.setToolTip(tip)
            self.values.append(value)
            self._columns[caption] = _column(head, value)
            row.addWidget(self._columns[caption], 12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Why the joint is here")
        for changed in (state.pose_changed, state.words_due, state.display_changed):
            changed.connect(self.refresh)
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave columns out of a narrow card instead of cutting their numbers."""
        super().resizeEvent(event)
        room = max(1, (self.width() - _NAME_PX) // _COLUMN_PX)
        for place, caption in enumerate(_KEPT):
            self._columns[caption].setVisible(place < room)

    def hover(self, joint: int | None) -> None:
        """Tell about this joint instead of the chosen one; None for the chosen one."""
        if joint != self._hovered:
            self._hovered = joint
            self.refresh()

    def refresh(self) -> None:
        """Tell about the joint anew."""
        pose, display = self.shown_pose(), self._state.display
        chosen = display.joint if display.heatmap is HeatmapMode.JOINT else None
        joint = chosen if self._hovered is None else self._hovered
        self.setVisible(display.why and self.has_room and self._state.picture is not None)
        if pose is None or joint is None:
            self.name.setText("No joint" if pose is not None else "No pose")
            self.verdict.setText("click one in the picture" if pose is not None else "")
            for value in self.values:
                value.setText("–")
            return
        why = explain(pose, joint)
        self.name.setText(skeleton.plain_name(why.joint.name).capitalize())
        self.verdict.setText(sentence(why))
        self.verdict.setToolTip(sentence(why))
        for label, text in zip(self.values, _texts(why, joint), strict=True):
            label.setText(text)


def sentence(why: Why) -> str:
    """Say the most telling thing in a few words."""
    if why.at_edge:
        return "cut off at the edge of the crop"
    if why.passed_over:
        return "lower of two peaks: it fits the limbs better"
    if why.is_two_guesses:
        return "one of two guesses"
    if why.joint.confidence < LOW_CONFIDENCE:
        return "a guess: belief is spread out"
    return "one clear peak"


def _texts(why: Why, index: int) -> tuple[str, ...]:
    joint = why.joint
    ratio = "–" if why.ratio is None else f"{why.ratio:.1f} : 1" if why.ratio < 100 else "> 99 : 1"
    return (
        f"{100 * joint.confidence:.0f} %",
        "none" if joint.second_xy_px is None else f"{100 * joint.second_confidence:.0f} %",
        ratio,
        "–" if why.at_edge is None else "touched" if why.at_edge else "clear",
        f"{joint.xy_px[0]:.0f}, {joint.xy_px[1]:.0f}",
        "0, root" if index == skeleton.ROOT else f"{joint.xyz_mm[2]:+.0f} mm".replace("-", "−"),
    )


def _column(head: QWidget, value: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(head)
    column.addWidget(value)
    return holder
