"""Makes the pictures of the window that the documentation shows: ``python -m app.screenshot OUT.png [SOURCE]``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog

from app import capture
from app.comparing import Layout
from app.settings import Settings
from app.window import MainWindow, create_window, make_application

PAGES = ("models", "training", "batch", "shortcuts", "about")
"""The windows beside the main one, by the action that opens them."""
_TICK_MS = 50
_SETTLE_MS = 500
"""Lets the views lay out and paint once more before the picture is taken."""


def main(arguments: list[str] | None = None) -> int:
    """Open the window, wait for what was asked for, write the picture."""
    options = _parser().parse_args(arguments)
    width, height = (int(part) for part in options.size.lower().split("x"))
    application = make_application()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "settings.ini")
        settings.set("theme", options.theme)
        settings.set("model", options.model)
        settings.set("colours", "verdict" if options.verdict else "side")
        if options.run:
            settings.set("training/out", str(options.run.resolve()))
        window = create_window(options.source, settings=settings, greet=not options.empty)
        window.resize(width, height)
        saved: list[bool] = []

        def take() -> None:
            saved.append(_picture(window, options.page).save(str(options.out), "PNG"))
            window.close()
            application.quit()

        _play(window, _steps(window, options), take)
        QTimer.singleShot(int(options.timeout * 1000), application.quit)
        window.show()
        application.exec()
        if not saved:
            window.close()
            print("the window was not ready in time: no picture was written", file=sys.stderr)
        code = 0 if saved and saved[0] else 1
        if not window.stopped_in_time:
            # A network that is being loaded cannot be interrupted; the picture is written.
            sys.stderr.flush()
            os._exit(code)
        return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.screenshot", description=__doc__)
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("source", nargs="?", help="a picture, a video or a folder; without it, the first sample")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", default="1440x900", help="width and height of the window, 1440x900")
    parser.add_argument("--model", default="", help="a bundled checkpoint's name or a file")
    parser.add_argument("--joint", type=int, help="the joint whose heatmap is shown, 0 to 15")
    parser.add_argument("--verdict", action="store_true", help="colour the bones by verdict")
    parser.add_argument("--view", choices=("camera", "front", "side", "top"), help="the 3D view's preset")
    parser.add_argument("--frame", type=int, help="of a video: look at every frame, then show this one")
    parser.add_argument("--compare", choices=("side", "split", "single", "folder"), help="compare with model B")
    parser.add_argument("--beside", action="append", default=[], help="B, then C, then D: a checkpoint's name or file")
    parser.add_argument("--ghost", action="store_true", help="in a comparison, the others as ghosts in A's 3D view")
    parser.add_argument("--page", choices=PAGES, help="take this window instead of the main one")
    parser.add_argument("--run", type=Path, help="the run that the training window shows")
    parser.add_argument("--empty", action="store_true", help="show the empty window")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait")
    return parser


def _play(window: MainWindow, steps: Iterator[Callable[[], bool]], take: Callable[[], None]) -> None:
    """Go from step to step as each comes true, and take the picture after the last."""
    timer = QTimer(window, interval=_TICK_MS)
    awaited: list[Callable[[], bool]] = [lambda: True]

    def tick() -> None:
        if not awaited[0]():
            return
        following = next(steps, None)
        if following is None:
            timer.stop()
            QTimer.singleShot(_SETTLE_MS, take)
        else:
            awaited[0] = following

    timer.timeout.connect(tick)
    timer.start()


def _steps(window: MainWindow, options: argparse.Namespace) -> Iterator[Callable[[], bool]]:
    """Do what was asked for, one thing after the other, and yield what to wait for in between."""
    state, comparing = window.state, window.comparing
    yield lambda: state.model is not None and (options.empty or state.pose is not None)
    if options.joint is not None:
        state.choose_joint(options.joint)
    if options.view:
        window.space.preset(options.view)
    if options.frame is not None:
        playback = window.session.playback
        yield lambda: playback.track is not None and bool(playback.track.known.all())
        playback.seek(options.frame)
        yield lambda: state.pose is not None and state.picture is not None and state.picture.frame == playback.wanted
    if options.compare:
        comparing.preferred = tuple(options.beside)
        comparing.switch(True)
        yield lambda: (comparing.model is not None) if options.empty else bool(comparing.comparisons)
        folder = options.compare == "folder"
        comparing.set_display(layout=Layout.SIDE if folder else Layout(options.compare), ghost=options.ghost)
        if folder:
            if state.clip is None:
                comparing.many.start_or_stop()
            window.compare_panel.all_pictures.setChecked(True)
            yield lambda: comparing.many.result.names != () and not comparing.many.result.running
    if options.page:
        window.actions_by_key[options.page].trigger()
    if options.page == "models":
        models = window.tools.models
        yield lambda: window.tools.library.card(models.current) is not None


def _picture(window: MainWindow, page: str | None) -> QPixmap:
    beside = [dialog for dialog in window.findChildren(QDialog) if dialog.isVisible()]
    return beside[-1].grab() if page and beside else capture.window_picture(window)


if __name__ == "__main__":
    sys.exit(main())
