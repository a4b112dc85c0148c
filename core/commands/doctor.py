"""``doctor``: what works on this machine, and how to mend what does not.

Libraries that can kill a process (Qt, OpenGL drivers) are tried in processes of their own.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Literal, Protocol

from core.commands import display
from core.errors import UserError

State = Literal["ok", "note", "fault"]

_QT = "from PySide6.QtWidgets import QApplication; import PySide6; QApplication([]); print(PySide6.__version__)"
_EGL = (
    "import moderngl; c = moderngl.create_standalone_context(backend='egl'); print(c.info['GL_RENDERER']); c.release()"
)
_REINSTALL = "run make setup, or pip install . again"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        state: ``ok``; ``note`` for what only some commands need; ``fault`` for what the program needs.
        name: what was looked at.
        text: what was found.
        what_to_do: how to mend it, empty when all is well.
    """

    state: State
    name: str
    text: str
    what_to_do: str = ""


class Line(Protocol):
    """One line about a data set, from whoever knows the sets."""

    @property
    def state(self) -> State: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def what_to_do(self) -> str: ...  # noqa: D102


CheckSets = Callable[[Path], Iterable[Line]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="also say which data sets this folder holds")


def run(args: argparse.Namespace) -> int:
    """Print one line per check; returns 0, or 1 if something the program needs does not work.

    ``args.check_sets``, a ``CheckSets``, is handed in by the entry: this package does not know the data sets.
    """

    def check_data_sets() -> Iterator[Finding]:
        return check_data(args.data, args.check_sets)

    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python, check_torch, check_engines, check_opencv, check_window, check_render, check_folders,
        check_checkpoints,
    ]  # fmt: skip
    if args.data is not None:
        checks.append(check_data_sets)
    faults = 0
    for check in checks:
        try:
            for finding in check():
                faults += finding.state == "fault"
                mend = f"\n         {finding.what_to_do}" if finding.what_to_do else ""
                print(f"{finding.state:5}  {finding.name}: {finding.text}{mend}", flush=True)
        except Exception as error:  # noqa: BLE001  # a doctor must outlive what it examines
            faults += 1
            print(f"fault  {check.__name__}: {type(error).__name__}: {error}")
    print("\nEverything the program needs works." if not faults else f"\n{faults} of these need mending.")
    return 1 if faults else 0


def check_python() -> Iterator[Finding]:
    """Look at Python and the machine."""
    version = platform.python_version()
    enough = sys.version_info >= (3, 11)
    yield Finding(
        "ok" if enough else "fault", "Python", f"{version} on {platform.platform()}, {os.cpu_count()} cores",
        "" if enough else "install Python 3.11 or newer",
    )  # fmt: skip


def check_torch() -> Iterator[Finding]:
    """Look at torch and its devices."""
    try:
        import torch

        from core.predictor import choose_device, fast_precision
    except (ImportError, OSError) as error:
        yield Finding("fault", "torch", str(error), _REINSTALL)
        return
    device = choose_device("auto")
    named = torch.cuda.get_device_name() if device == "cuda" else device
    precision = str(fast_precision(device)).removeprefix("torch.")
    yield Finding("ok", "torch", f"{torch.__version__}, device {named}, {precision}, {torch.get_num_threads()} threads")


def check_engines() -> Iterator[Finding]:
    """Look for the engine that nothing but choosing it needs; it is not loaded."""
    try:
        yield Finding("ok", "OpenVINO", metadata.version("openvino"))
    except metadata.PackageNotFoundError:
        needed = "only --engine openvino and the window's menu Model need it: pip install '.[openvino]'"
        yield Finding("note", "OpenVINO", "not installed", needed)


def check_opencv() -> Iterator[Finding]:
    """Look at OpenCV and whether it can read videos."""
    try:
        import cv2
    except (ImportError, OSError) as error:
        yield Finding("fault", "OpenCV", str(error), _REINSTALL)
        return
    names = [cv2.videoio_registry.getBackendName(backend) for backend in cv2.videoio_registry.getBackends()]
    video = "FFMPEG" in names
    yield Finding(
        "ok" if video else "note", "OpenCV", f"{cv2.__version__}, videos " + ("yes" if video else "no"),
        "" if video else "pip install opencv-python-headless reads MP4 and WebM",
    )  # fmt: skip


def check_window() -> Iterator[Finding]:
    """Look at Qt, the libraries it loads, and the display."""
    qt = _try(_QT, {"QT_QPA_PLATFORM": "offscreen"})
    yield Finding("ok" if qt.works else "fault", "Qt", qt.text, "" if qt.works else _REINSTALL)
    if not sys.platform.startswith("linux"):
        return
    missing = [package for library, package in qt_libraries().items() if not _loads(library)]
    found = "missing: " + " ".join(missing) if missing else "all there"
    mend = f"for the window: sudo apt-get install -y {' '.join(missing)}" if missing else ""
    yield Finding("note" if missing else "ok", "libraries of Qt and OpenGL", found, mend)
    yield _display()


def qt_libraries() -> dict[str, str]:
    """Return what Qt and OpenGL load on Linux with X: shared library -> Debian package."""
    text = (resources.files("resources") / "system-libraries.txt").read_text(encoding="utf-8")
    pairs = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return dict(pairs)


def _display() -> Finding:
    answering = display.answering()
    if answering is not None:
        return Finding("ok", "display", answering)
    silent = os.environ.get("DISPLAY")
    return Finding(
        "note", "display", f"{silent} does not answer" if silent else "none",
        "the commands work without one; for the window use a desktop, ssh -X, or xvfb-run",
    )  # fmt: skip


def check_render() -> Iterator[Finding]:
    """Look at what ``render`` needs beyond the rest."""
    extra = "only `render` needs it: pip install '.[render]'"
    anny = _try("import anny; print('installed')", {})
    yield Finding("ok" if anny.works else "note", "anny (bodies)", anny.text, "" if anny.works else extra)
    egl = _try(_EGL, {})
    hint = "only `render` needs it: pip install '.[render]', and on Linux sudo apt-get install -y libegl1 libgl1"
    yield Finding("ok" if egl.works else "note", "OpenGL without a window (EGL)", egl.text, "" if egl.works else hint)


def check_folders() -> Iterator[Finding]:
    """Look at whether the places that are written to can be."""
    for name, folder in (("this folder", Path.cwd()), ("temporary files", Path(tempfile.gettempdir()))):
        try:
            with tempfile.NamedTemporaryFile(dir=folder):
                pass
            yield Finding("ok", name, f"{folder} can be written")
        except OSError as error:
            yield Finding("note", name, f"{folder} cannot be written ({error.strerror})", "start from another folder")


def check_checkpoints() -> Iterator[Finding]:
    """Load every bundled checkpoint, and the locating network."""
    from core import checkpoint
    from core.locate import Locator

    locating = Locator.bundled()
    found = [path for path in sorted(checkpoint.bundled_folder().glob(f"*{checkpoint.SUFFIX}")) if path != locating]
    if not found:
        yield Finding("fault", "checkpoints", "none is bundled", _REINSTALL)
    for path in found:
        try:
            info = checkpoint.load(path).info
            yield Finding("ok", f"checkpoint {info.name}", f"loads, sha256 {info.sha256[:12]}")
        except UserError as error:
            yield Finding("fault", f"checkpoint {path.stem}", error.what, error.what_to_do)
    if locating is None:
        yield Finding(
            "note", "locating network", "none is bundled", "without it people are searched for, one at a time"
        )
        return
    try:
        yield Finding("ok", "locating network", f"loads, threshold {Locator.load(device='cpu').threshold:g}")
    except UserError as error:
        yield Finding("fault", "locating network", error.what, error.what_to_do)


def check_data(folder: Path, check_sets: CheckSets) -> Iterator[Finding]:
    """Say which data sets a folder holds and what each lacks."""
    if not folder.is_dir():
        yield Finding("fault", "data", f"{folder} is not a folder", "give the folder that holds lspet and the like")
        return
    for line in check_sets(folder):
        yield Finding(line.state, line.name, line.text, line.what_to_do)
    poses = next((place for place in (folder / "mocap_poses.npz", folder) if place.is_file()), None)
    if poses is None:
        yield Finding("note", "mocap_poses.npz", "not there", "without it people are rendered in procedural poses only")
    else:
        try:
            with zipfile.ZipFile(poses) as archive:
                arrays = [name.removesuffix(".npy") for name in archive.namelist()]
            yield Finding("ok", "mocap_poses.npz", "holds " + ", ".join(arrays))
        except (OSError, zipfile.BadZipFile):
            yield Finding("fault", "mocap_poses.npz", "is damaged", "copy it again")
    backgrounds = folder / "backgrounds"
    if backgrounds.is_dir():
        yield Finding("ok", "backgrounds", f"{sum(1 for _ in backgrounds.glob('*.jpg'))} pictures")
    else:
        yield Finding("note", "backgrounds", "not there", "without it people are rendered before a studio")


@dataclass(frozen=True)
class _Tried:
    works: bool
    text: str


def _try(code: str, environment: dict[str, str]) -> _Tried:
    """Run a line of Python in its own process and return its last line."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, **environment},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _Tried(False, "does not answer")
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines()
    return _Tried(done.returncode == 0, lines[-1] if lines else f"ended with code {done.returncode}")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
