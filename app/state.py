"""What is open, which model looks at it and how it is shown: plain data with signals, and nothing that computes.

Views watch this object and ask the session for changes; they never call torch or cv2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, SignalInstance

from app.clip import Clip
from app.colours import ColourMode
from app.sources import Box, Truth
from core import skeleton
from core.locate import Candidate
from core.pose import Pose
from core.reading import Reading

if TYPE_CHECKING:
    # It needs torch, which the window opens without.
    from core.checkpoint import CheckpointInfo


class HeatmapMode(StrEnum):
    """Which heatmaps lie over the picture."""

    OFF = "off"
    JOINT = "joint"
    ALL = "all"


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture.

    Attributes:
        path: where it came from.
        title: what to call it.
        rgb: (height, width, 3) uint8.
        shown: the same, reduced if it is larger than any screen.
        truth: what is known about it, for bundled samples.
        frame: its number in a video, 0 for a picture of its own.
        time_s: seconds from the start of its video, None for a picture of its own.
    """

    path: Path
    title: str
    rgb: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    truth: Truth | None = None
    frame: int = 0
    time_s: float | None = None

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return int(self.rgb.shape[1]), int(self.rgb.shape[0])


@dataclass(frozen=True)
class ModelEntry:
    """One checkpoint that can be chosen.

    Attributes:
        name: what to call it.
        source: the bundled name or the file's path that loads it.
        detail: a line for the tool tip.
        preset: network preset.
        geometry_loss: whether it was trained with the geometry loss.
        sha256: of the file; poses carry it too.
        teaching: only to be compared with its like; such models stand last, under a heading.
    """

    name: str
    source: str
    detail: str = ""
    preset: str = ""
    geometry_loss: bool = False
    sha256: str = ""
    teaching: bool = False

    @classmethod
    def of(cls, info: CheckpointInfo, source: str) -> ModelEntry:
        """Return the entry of a checkpoint that ``source`` loads."""
        detail = info.kind[0].upper() + info.kind[1:]
        return cls(info.name, source, detail, info.preset, info.geometry_loss, info.sha256, bool(info.teaching))


@dataclass(frozen=True, eq=False)
class LiveView:
    """What a live source shows besides the picture and the pose of who is meant.

    Attributes:
        name: of the source.
        seen: ``followed``, ``held`` (not seen just now: the pose is the last one), ``nobody``, or empty before anything
            was looked at.
        track: number of the person's track, 0 without one.
        median_mm: (14,) medians of the person's own bones so far, NaN where not known yet.
        departure_percent: (14,) how much longer the bones are in this frame.
        others: number of the track and pose of each of the others.
    """

    name: str
    seen: str = ""
    track: int = 0
    median_mm: NDArray[np.float64] | None = None
    departure_percent: NDArray[np.float64] | None = None
    others: tuple[tuple[int, Pose], ...] = ()


@dataclass(frozen=True)
class Display:
    """How things are shown.

    Attributes:
        heatmap: which heatmaps lie over the picture.
        joint: the chosen joint.
        opacity: of the heatmaps, 0..1.
        colours: what the bones' colours say.
        drawing: whether the next drag over the picture draws a box.
        ghost: whether the truth of a sample is shown.
        bone: the chosen bone, drawn bolder; None for none.
        labels: whether joints carry their names in 3D.
        turning: whether the 3D view turns by itself.
        box: whether the person's box is shown.
        others: whether other people the program found are shown, to choose from.
        skeleton: whether the 2D skeleton is shown.
        why: whether the card about the chosen joint is shown.
        strips: whether a video's timeline shows the lengths of the bones.
    """

    heatmap: HeatmapMode = HeatmapMode.JOINT
    joint: int = skeleton.JOINT_INDEX["right_wrist"]
    opacity: float = 0.75
    colours: ColourMode = ColourMode.SIDE
    bone: int | None = None
    drawing: bool = False
    ghost: bool = True
    labels: bool = False
    turning: bool = False
    box: bool = True
    others: bool = True
    skeleton: bool = True
    strips: bool = True
    why: bool = True


class AppState(QObject):
    """The one place that says what the window shows. Every setter tells only of real changes."""

    picture_changed = Signal()
    frame_changed = Signal()
    """Another frame of the same clip, or what its file holds now, is on screen: what the user zoomed and turned stays.
    The pose follows."""
    clip_changed = Signal()
    pose_changed = Signal()
    moved = Signal()
    """The pose of a live source moved on: picture and body follow at once, what is read of it part by part."""
    words_due = Signal()
    table_due = Signal()
    bars_due = Signal()
    maps_due = Signal()
    """Of a live source, this part of what is read is to be drawn anew: it takes long and has a turn of its own."""
    live_changed = Signal()
    """A live source is shown from now on, or no longer."""
    box_changed = Signal()
    others_changed = Signal()
    """Other people were found in the picture, or are there no longer."""
    display_changed = Signal()
    models_changed = Signal()
    model_changed = Signal()
    reading_changed = Signal()
    trail_changed = Signal()
    activity_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture: Picture | None = None
        self.clip: Clip | None = None
        self.live: LiveView | None = None
        self.pose: Pose | None = None
        self.truth_error_mm: float | None = None
        self.box_px: Box | None = None
        self.others: tuple[Candidate, ...] = ()
        self.display = Display()
        self.models: tuple[ModelEntry, ...] = ()
        self.model: ModelEntry | None = None
        self.reading = Reading()
        self.trail: tuple[Path, ...] = ()
        self.trail_index = -1
        self.activity = ""
        self.device = ""
        self.latency_ms: float | None = None
        self.token = 0
        self.verdict_limits = (15.0, 30.0)

    def next_token(self) -> int:
        """Start a new request: results that carry an older token are late and must be dropped."""
        self.token += 1
        return self.token

    def set_picture(self, picture: Picture | None) -> None:
        """Show another picture; its pose and box are not known yet."""
        self.picture = picture
        self.box_px = None
        self.pose = None
        self.latency_ms = None
        self.picture_changed.emit()
        self.box_changed.emit()
        self.pose_changed.emit()

    def set_clip(self, clip: Clip | None) -> None:
        """Say which video the pictures come from, None for pictures of their own."""
        if clip is not self.clip:
            self.clip = clip
            self.clip_changed.emit()

    def set_frame(self, picture: Picture, pose: Pose | None) -> None:
        """Show another frame of the open clip, or what its file holds now; the person's box stays."""
        self.picture = picture
        self.pose = pose
        self.latency_ms = None
        self.frame_changed.emit()
        self.pose_changed.emit()

    @property
    def due(self) -> tuple[SignalInstance, ...]:
        """The parts of what is read of a live source's pose."""
        return self.words_due, self.table_due, self.bars_due, self.maps_due

    def set_live(self, live: LiveView | None) -> None:
        """Say which live source the pictures come from, None for pictures of their own."""
        before, self.live = self.live, live
        if (before is None) != (live is None):
            self.live_changed.emit()

    def set_live_frame(self, picture: Picture, pose: Pose | None, live: LiveView) -> None:
        """Show the next frame of a live source as picture and body, not in tables, bars and strips."""
        self.picture, self.pose, self.live = picture, pose, live
        self.frame_changed.emit()
        self.moved.emit()

    def set_pose(self, pose: Pose | None, latency_ms: float | None = None) -> None:
        """Show what the network saw."""
        self.pose = pose
        self.latency_ms = latency_ms
        self.pose_changed.emit()

    def set_box(self, box_px: Box | None) -> None:
        """Set the person's box the user gave, or None to let the program find the person."""
        if box_px != self.box_px:
            self.box_px = box_px
            self.box_changed.emit()

    def set_others(self, others: Sequence[Candidate]) -> None:
        """Say who else is in the picture besides those who have a pose."""
        if tuple(others) != self.others:
            self.others = tuple(others)
            self.others_changed.emit()

    def set_display(self, **changes: Any) -> None:
        """Change how things are shown: the fields of Display by name."""
        display = replace(self.display, **changes)
        if display != self.display:
            self.display = display
            self.display_changed.emit()

    def choose_joint(self, joint: int) -> None:
        """Choose the joint whose heatmap is shown."""
        self.set_display(joint=joint % skeleton.JOINT_COUNT, heatmap=HeatmapMode.JOINT)

    def set_models(self, models: Sequence[ModelEntry]) -> None:
        """Replace the list of checkpoints to choose from; those for teaching go to its end."""
        ordered = tuple(sorted(models, key=lambda model: model.teaching))
        if ordered != self.models:
            self.models = ordered
            self.models_changed.emit()

    def model_after(self, model: ModelEntry | None) -> ModelEntry | None:
        """Return the next model for use, or after one for teaching the next of these; None where there is no other."""
        alike = [entry for entry in self.models if entry.teaching == (model is not None and model.teaching)]
        sources = [entry.source for entry in alike]
        place = sources.index(model.source) if model is not None and model.source in sources else -1
        following = alike[(place + 1) % len(alike)] if alike else None
        return None if following is None or (model is not None and following.source == model.source) else following

    def set_model(self, model: ModelEntry | None, device: str) -> None:
        """Tell which model is loaded, and where it runs."""
        if model != self.model or device != self.device:
            self.model, self.device = model, device
            self.model_changed.emit()

    def set_reading(self, **switches: bool) -> None:
        """Change how poses are read: the fields of Reading by name."""
        reading = replace(self.reading, **switches)
        if reading != self.reading:
            self.reading = reading
            self.reading_changed.emit()

    def set_trail(self, paths: Sequence[Path], index: int) -> None:
        """Set the pictures that next and previous step through."""
        self.trail, self.trail_index = tuple(paths), index
        self.trail_changed.emit()

    def set_activity(self, activity: str) -> None:
        """Say what the program is doing, an empty string when it rests."""
        if activity != self.activity:
            self.activity = activity
            self.activity_changed.emit()
