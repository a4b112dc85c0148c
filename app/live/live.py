"""The live mode: opens a source, puts its frames on screen as fast as they can be drawn, and lets go of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal

from app.live.latency import Latency
from app.live.turns import Turns
from app.services.live import Feed, Options, Shown
from app.services.pictures import reduced
from app.session import Session
from app.settings import Settings
from app.sources import Box
from app.state import LiveView, Picture
from core import locate
from core.errors import UserError

if TYPE_CHECKING:
    from core.capture.state import Status, Timing

_RECENT: Final = "live/recent"
_MOST_RECENT: Final = 8
STOPPED: Final = "stopped"


class Live(QObject):
    """Shows one live source at a time."""

    changed = Signal()
    """Another source, another state of it, or an option."""
    numbers_changed = Signal()
    """Rate, latency and dropped frames are new."""
    drawn = Signal(object, object)
    """A frame is on screen: Shown, the state's pose."""

    def __init__(self, session: Session, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._state = session.state
        self._settings = settings
        self.options = Options(
            smooth=settings.flag("live/filter", True),
            several=settings.flag("live/several", False),
            by_network=settings.flag("live/network", False),
        )
        self.timing: Timing | None = None
        """Limits of the capture, if others than usual."""
        self.word = STOPPED
        """The source's state in a word."""
        self.trouble = ""
        """Why it is not live, empty if it is."""
        self.given = ""
        self.latency = Latency()
        self.dropped = 0
        self._feed: Feed | None = None
        self._ending: list[Feed] = []
        self._token = 0
        self._own: Picture | None = None
        self._drawing = self._replacing = False
        self._turns = Turns(len(self._state.due))
        self._state.picture_changed.connect(self._leave_if_replaced)
        self._state.reading_changed.connect(self._take_options)
        self._state.display_changed.connect(self._take_options)
        session.pointed.connect(self.point_at)

    @property
    def on(self) -> bool:
        """Whether a source is open."""
        return self._feed is not None

    # Opening and stopping

    def open(self, address: str) -> None:
        """Open a source: camera:0, a stream's address, a video or a folder of pictures."""
        address = address.strip()
        if not address:
            self._session.notifier.info("no address is given", "type one such as camera:0 or http://192.168.1.20:8080")
            return
        self._end_feed()
        self._session.stop_opening()
        self._take_options()
        self._token += 1
        feed = self._feed = Feed(self._token, address, self._session.inference, self.options, self.timing, self)
        feed.ready.connect(self._show_next)
        feed.told.connect(self._told)
        feed.failed.connect(self._failed)
        feed.finished.connect(self._tidy)
        self.word, self.trouble, self.given, self.dropped = "starting", "", "", 0
        self._drawing = False
        self.latency.clear()
        feed.start()
        self.changed.emit()

    def stop(self) -> None:
        """Let go of the source; the last frame stays."""
        if self.on:
            self._finish(STOPPED)

    def end(self, timeout_ms: int = 1500) -> bool:
        """Let go of everything with the program. Return whether it ended in time."""
        self.stop()
        ended = [feed.wait(timeout_ms) for feed in self._ending]
        return all(ended)

    def _finish(self, word: str, trouble: str = "") -> None:
        self._end_feed()
        self.word, self.trouble = word, trouble
        self._own = None
        self._state.set_live(None)
        self._state.set_others(())
        # What is read may be of an earlier frame than the one that stays.
        for due in self._state.due:
            due.emit()
        self.changed.emit()

    def _end_feed(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            self._ending.append(feed)
            feed.ask_to_stop()

    def _tidy(self) -> None:
        for feed in [feed for feed in self._ending if feed.isFinished()]:
            self._ending.remove(feed)
            feed.deleteLater()

    def _leave_if_replaced(self) -> None:
        if self.on and not self._replacing and self._state.picture is not self._own:
            self._finish(STOPPED)

    # What the source tells

    def _told(self, token: int, status: Status) -> None:
        if token != self._token or not self.on:
            return
        word = status.state.value
        if word == "faulted" and status.error is not None:
            self._session.notifier.error(status.error)
            self._finish(word, str(status.error))
        elif word == STOPPED:
            self._finish("ended")
        else:
            self.word, self.trouble = word, str(status) if status.error is not None else ""
            self.changed.emit()

    def _failed(self, token: int, error: UserError) -> None:
        if token == self._token and self.on:
            self._session.notifier.error(error)

    # Frames

    def _show_next(self, token: int) -> None:
        """Put the newest frame on screen, unless the one before is still being drawn."""
        if self._feed is None or token != self._token or self._drawing:
            return
        shown = self._feed.take()
        if shown is None:
            return
        self._drawing = True
        self._show(shown, self._feed)
        # Comes after the events that paint.
        QTimer.singleShot(0, self, lambda: self._note_drawn(token, shown))

    def _show(self, shown: Shown, feed: Feed) -> None:
        image, frame = shown.frame.image, shown.frame
        picture = Picture(Path(feed.name), feed.given, image, reduced(image), None, frame.index, frame.time_s)
        sight = None if shown.group is None else shown.group.chosen
        pose = None if sight is None else sight.pose
        view = LiveView(feed.given)
        if sight is not None and shown.group is not None:
            others = tuple((other.track, other.pose) for other in shown.group.others if other.pose is not None)
            view = LiveView(feed.given, sight.seen.value, sight.track, sight.median_mm, sight.departure_percent, others)
        self._state.set_others(shown.besides)
        before = self._state.live
        if before is None or self._own is None or self._own.size_px != picture.size_px:
            self._show_first(picture, view, feed)
            self._state.set_pose(pose)
            return
        if before.seen != view.seen:
            self._turns.forget()
        self._own = picture
        self._state.set_live_frame(picture, pose, view)

    def _show_first(self, picture: Picture, view: LiveView, feed: Feed) -> None:
        """Let go of what was open before, only now: a source that cannot be opened takes nothing away."""
        if self._state.live is None:
            self._replacing = True
            self._session.close_picture()
            self._replacing = False
            self.given = feed.given
            self._remember(feed.given)
        self._own = picture
        self._state.set_live(view)
        self._state.set_picture(picture)
        self.changed.emit()

    def _note_drawn(self, token: int, shown: Shown) -> None:
        if token != self._token or not self.on:
            return
        self._drawing = False
        now_s = time.monotonic()
        self.dropped = shown.dropped
        if shown.looked:
            self.latency.add(now_s, {**shown.parts, "draw": now_s - shown.ready_s})
        self.drawn.emit(shown, self._state.pose)
        self.numbers_changed.emit()
        if self._feed is not None:
            for part in self._turns.take(now_s, self._feed.waits):
                self._state.due[part].emit()
        self._show_next(token)

    def pass_on(self, take: Callable[[Shown], None] | None) -> None:
        """Give every frame of the source to somebody else as well, on whatever thread it comes from; None ends it."""
        if self._feed is not None:
            self._feed.on_shown = take

    # Who is followed

    def point_at(self, box: Box | None) -> None:
        """Follow whoever is in a box; None lets go of everybody and searches anew."""
        if self._feed is None:
            return
        self._state.set_display(drawing=False)
        if box is None:
            self._feed.people.forget()
        else:
            self._feed.people.point_at(box)

    def follow_at(self, x_px: float, y_px: float) -> None:
        """Follow the person at a point of the picture: one who is known, or whoever is around there."""
        live, picture = self._state.live, self._state.picture
        if self._feed is None or live is None or picture is None:
            return
        tracked = [locate.box_of_joints(pose.joints_px) for _, pose in live.others]
        seen = [candidate.box_px for candidate in self._state.others]
        number = locate.at([*tracked, *seen], x_px, y_px)
        if number is not None and number < len(tracked):
            self._feed.people.choose(live.others[number][0])
            return
        if number is not None:
            self._feed.people.point_at(seen[number - len(tracked)])
            return
        pose = self._state.pose
        side = pose.box_px[2] if pose is not None else 0.8 * min(picture.size_px)
        self._feed.people.point_at((x_px - side / 2, y_px - side / 2, side, side))

    # Options

    def set_filter(self, on: bool) -> None:
        """Switch the One-Euro filter."""
        self.options.smooth = on
        self._settings.set("live/filter", on)
        self.changed.emit()

    def set_several(self, on: bool) -> None:
        """Follow several people, or one."""
        self.options.several = on
        self._settings.set("live/several", on)
        self.changed.emit()

    def set_by_network(self, on: bool) -> None:
        """Find people by the locating network, or by searching."""
        self.options.by_network = on
        self._settings.set("live/network", on)
        self.changed.emit()

    def _take_options(self) -> None:
        self.options.reading = self._state.reading
        self.options.besides = self._state.display.others

    def recent(self) -> list[str]:
        """Return the sources opened last, newest first."""
        return [line for line in self._settings.text(_RECENT).split("|") if line][:_MOST_RECENT]

    def _remember(self, given: str) -> None:
        # Without name and password: the settings are a plain file.
        lines = [given, *(line for line in self.recent() if line != given)][:_MOST_RECENT]
        self._settings.set(_RECENT, "|".join(line for line in lines if "|" not in line))
