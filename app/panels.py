"""Which views there are and where they stand: a new view is a file in views/ and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from PySide6.QtWidgets import QWidget

from app.comparing import Comparing
from app.notifications import Notifier
from app.session import Session
from app.theme import ThemeWatcher
from app.views.bones import BonesPanel
from app.views.compare import ComparePanel
from app.views.compare_picture import OtherPicturePanel
from app.views.compare_space import OtherSpace
from app.views.picture import PicturePanel
from app.views.skeleton3d import Skeleton3DPanel
from app.views.thumbnails import ThumbnailsPanel
from app.views.timeline import TimelinePanel


class Area(StrEnum):
    """Where a panel stands. Areas without a panel take no room."""

    SIDE = "side"
    PICTURE = "picture"
    SPACE = "space"
    BELOW = "below"


@dataclass(frozen=True)
class Context:
    """What a panel may need."""

    session: Session
    themes: ThemeWatcher
    notifier: Notifier
    comparing: Comparing


@dataclass(frozen=True)
class PanelSpec:
    """One panel: its name, its place, and how to make it."""

    name: str
    area: Area
    make: Callable[[Context], QWidget]


PANELS: Final[tuple[PanelSpec, ...]] = (
    PanelSpec(
        "thumbnails",
        Area.SIDE,
        lambda c: ThumbnailsPanel(c.session.state, c.themes, c.session.thumbnails, c.session.go_to),
    ),
    PanelSpec("picture", Area.PICTURE, lambda c: PicturePanel(c.session.state, c.themes, c.session)),
    PanelSpec("picture_b", Area.PICTURE, lambda c: OtherPicturePanel(c.session.state, c.themes, c.comparing, 0)),
    PanelSpec("space", Area.SPACE, lambda c: Skeleton3DPanel(c.session.state, c.themes, c.notifier)),
    PanelSpec("space_b", Area.SPACE, lambda c: OtherSpace(c.session.state, c.themes, c.notifier, c.comparing, 0)),
    PanelSpec("timeline", Area.BELOW, lambda c: TimelinePanel(c.session.state, c.themes, c.session.playback)),
    PanelSpec("bones", Area.BELOW, lambda c: BonesPanel(c.session.state, c.themes)),
    PanelSpec("compare", Area.BELOW, lambda c: ComparePanel(c.session.state, c.themes, c.comparing)),
)
AREA_BELOW_PX: Final = {"timeline": 184, "bones": 280, "compare": 280}
"""Heights to start with."""
