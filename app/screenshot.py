"""Makes the pictures of the window that the documentation shows: ``python -m app.screenshot OUT.png [SOURCE]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer

from app import capture
from app.comparing import Layout
from app.settings import Settings
from app.window import MainWindow, create_window, make_application


def main(arguments: list[str] | None = None) -> int:
    """Open the window, wait for the pose, write the picture."""
    parser = argparse.ArgumentParser(prog="python -m app.screenshot", description=__doc__)
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("source", nargs="?", help="a picture; without it, the first bundled sample")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", default="1440x900", help="width and height of the window, 1440x900")
    parser.add_argument("--model", default="", help="a bundled checkpoint's name or a file")
    parser.add_argument("--joint", type=int, help="the joint whose heatmap is shown, 0 to 15")
    parser.add_argument("--verdict", action="store_true", help="colour the bones by verdict")
    parser.add_argument("--view", choices=("camera", "front", "side", "top"), help="the 3D view's preset")
    parser.add_argument("--compare", choices=("side", "split", "single", "folder"), help="compare with model B")
    parser.add_argument("--ghost", action="store_true", help="in a comparison, B as a ghost in A's 3D view")
    parser.add_argument("--empty", action="store_true", help="show the empty window")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for the pose")
    options = parser.parse_args(arguments)
    width, height = (int(part) for part in options.size.lower().split("x"))
    application = make_application()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "settings.ini")
        settings.set("theme", options.theme)
        settings.set("model", options.model)
        settings.set("colours", "verdict" if options.verdict else "side")
        window = create_window(options.source, settings=settings, greet=not options.empty)
        window.resize(width, height)
        if options.joint is not None:
            window.state.choose_joint(options.joint)
        saved: list[bool] = []

        def take() -> None:
            saved.append(capture.window_picture(window).save(str(options.out), "PNG"))
            window.close()
            application.quit()

        def arrived() -> None:
            if window.state.pose is not None and not saved:
                if options.view:
                    window.space.preset(options.view)
                # Lets the views lay out and paint once with the pose before the picture is taken.
                QTimer.singleShot(400, take)

        if options.compare:
            take_comparison(window, options, take)
        else:
            window.state.pose_changed.connect(arrived)
        if options.empty:
            window.state.model_changed.connect(lambda: QTimer.singleShot(400, take))
        QTimer.singleShot(int(options.timeout * 1000), application.quit)
        window.show()
        application.exec()
        if not saved:
            window.close()
            print("no pose arrived in time: no picture was written", file=sys.stderr)
        return 0 if saved and saved[0] else 1


def take_comparison(window: MainWindow, options: argparse.Namespace, take: Callable[[], None]) -> None:
    """Compare, of one picture or of all that were opened, and take the picture when that is done."""
    comparing = window.comparing
    layout = Layout(options.compare) if options.compare != "folder" else Layout.SIDE
    asked: list[str] = []

    def once(step: str, ready: bool, do: Callable[[], None]) -> None:
        if ready and step not in asked:
            asked.append(step)
            do()

    def compared() -> None:
        folder = options.compare == "folder"
        found = comparing.comparison is not None
        once("layout", found, lambda: comparing.set_display(layout=layout, ghost=options.ghost))
        once("folder", found and folder, comparing.compare_folder)
        once("take", found and not folder, lambda: QTimer.singleShot(500, take))

    def folder_done() -> None:
        once("take", not comparing.folder.running, lambda: QTimer.singleShot(500, take))

    comparing.compared.connect(compared)
    comparing.folder_changed.connect(folder_done)
    window.state.pose_changed.connect(
        lambda: once("switch", window.state.pose is not None, lambda: comparing.switch(True))
    )


if __name__ == "__main__":
    sys.exit(main())
