"""Bonesight: one entry. Without a command word the window opens; otherwise the command runs."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core import stopping
from core.commands.display import has_display
from core.errors import INTERRUPTED, RunError, UserError

if TYPE_CHECKING:
    from train.datasets.catalogue import Line

# libgomp's threads spin while they wait, which starves every other process; it reads this when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A short spin, some tens of microseconds, spares threads a sleep after each of a small network's many convolutions.
# Beside other work it costs; core.engines.threads notices that.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
# NumPy's own threads would wait for torch's at every product of small matrices, the window's drawing among them: seven
# times as long on a busy machine of two cores. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "predict": ("core.commands.predict", "poses of pictures, folders and videos"),
    "compare": ("core.commands.compare", "two to four checkpoints on the same pictures: where they differ and how"),
    "train": ("train.command", "train a network from a configuration file"),
    "evaluate": ("train.evaluation.command", "measure a checkpoint on a data set"),
    "ablation": ("train.ablation.command", "the poster's four rows: render, train, evaluate, tables; resumable"),
    "tables": ("train.tables", "the poster's tables, from figures that evaluate wrote"),
    "render": ("train.render.command", "make pictures of people with exact 3D truth"),
    "checkpoints": ("core.commands.checkpoints", "list what is bundled, with measured figures"),
    "bench": ("core.commands.bench", "speed of each part on this device"),
    "doctor": ("core.commands.doctor", "what works on this machine, and how to mend what does not"),
}
"""Word -> (module with ``add_arguments`` and ``run``, help). Modules are imported only when their word is used."""


def _check_sets(folder: Path) -> Iterable[Line]:
    from train.datasets import catalogue

    return catalogue.check(folder)


def _bench_training(device: str, compile_too: bool, processes: int) -> dict[str, Any]:
    from train import bench

    return bench.run(device, compile_too=compile_too, processes=processes)


def _bench_window(quick: bool) -> dict[str, Any]:
    return dict(_of_the_window("window").run(quick=quick))


def _bench_live_window(checkpoint: str) -> dict[str, Any]:
    return dict(_of_the_window("live").run(checkpoint))


def _of_the_window(bench: str) -> Any:
    try:
        return importlib.import_module(f"app.bench.{bench}")
    except ImportError as error:
        raise RunError(f"the window cannot open ({error})", "`bonesight doctor` tells how to mend that") from error


HANDED_IN: Final[dict[str, dict[str, Callable[..., object]]]] = {
    "doctor": {"check_sets": _check_sets},
    "bench": {
        "bench_training": _bench_training,
        "bench_window": _bench_window,
        "bench_live_window": _bench_live_window,
    },
}
"""Word -> what the command's arguments carry besides the user's words: core may not know training, this file may."""

DONE, FAILED, WRONG_USE = 0, 1, 2
OUT: Final = Path("out")

USAGE: Final = "usage: bonesight [PICTURE|FOLDER|VIDEO]\n       bonesight COMMAND ...\n"


def console() -> None:
    """Run as the ``bonesight`` command; its commands take a polite kill like Ctrl+C: what is done is written."""
    if sys.argv[1:] and sys.argv[1] in COMMANDS:
        stopping.listen()
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run with the given command-line words and return the exit code: 0 done, 1 some failed, 2 wrong use."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal cannot show must not end the program.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(list(arguments))
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"bonesight: {error}", file=sys.stderr)
        return FAILED if isinstance(error, RunError) else WRONG_USE
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has had enough; what is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if os.environ.get("BONESIGHT_TRACEBACK"):
            raise
        print(
            f"Bonesight met an error it did not expect ({type(error).__name__}: {error}): "
            "set BONESIGHT_TRACEBACK=1, run it again and report what it prints.",
            file=sys.stderr,
        )
        return FAILED


def _dispatch(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        return _command(words[0], words[1:])
    if words and words[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return DONE
    if words and words[0] == "--version":
        print(f"bonesight {_version()}")
        return DONE
    if len(words) > 1 or (words and words[0].startswith("-")):
        print(f"{USAGE}bonesight: {words[0]} is not a command: choose from {', '.join(COMMANDS)}.", file=sys.stderr)
        return WRONG_USE
    source = words[0] if words else None
    if source is not None and not _may_be_source(source):
        print(
            f"bonesight: no command and no file is called {source}: choose {', '.join(COMMANDS)}, or give a picture.",
            file=sys.stderr,
        )
        return WRONG_USE
    return _open(source)


def _command(word: str, words: list[str]) -> int:
    module_name, about = COMMANDS[word]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("core", "train"):
            raise
        extra = "pip install '.[render]'" if error.name in ("anny", "moderngl") else "install the program again"
        raise UserError(f"{word} needs the package {error.name}, which is not installed", extra) from error
    parser = argparse.ArgumentParser(prog=f"bonesight {word}", description=about, allow_abbrev=False)
    module.add_arguments(parser)
    parser.set_defaults(**HANDED_IN.get(word, {}))
    return int(module.run(parser.parse_args(_with_boxes_joined(words))))


def _with_boxes_joined(words: Sequence[str]) -> list[str]:
    """Join ``--box`` with a box that starts with a minus, which argparse would take for an option.

    The boxes of people who are cut off at the left edge start there.
    """
    joined: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return [*joined, *words[number:]]
        if joined and joined[-1] == "--box" and re.match(r"-[\d.]", word):
            joined[-1] = f"--box={word}"
        else:
            joined.append(word)
    return joined


def _help() -> str:
    lines = [USAGE, "\nWithout a command the window opens, or without a display the job is done without it.\n\n"]
    lines += [f"  {word:13}{about}\n" for word, (_module, about) in COMMANDS.items()]
    lines += ["\n`bonesight COMMAND --help` tells more. Exit codes: 0 done, 1 some inputs failed, 2 wrong use.\n"]
    return "".join(lines)


def _version() -> str:
    try:
        return version("bonesight")
    except PackageNotFoundError:
        return "0.1.0"


def _may_be_source(text: str) -> bool:
    """Tell a file, URL or camera from a mistyped command word."""
    return (
        "://" in text or text.startswith("camera:") or Path(text).suffix != "" or os.sep in text or Path(text).exists()
    )


def _open(source: str | None) -> int:
    """Open the window; without a display do the same job without it."""
    why = "there is no display"
    if has_display():
        try:
            from app import window

            return int(window.main(source))
        except ImportError as error:
            # Qt's own libraries are there after installation; the system's may not be.
            why = f"the window cannot open ({error}); `bonesight doctor` tells how to mend that"
    return _without_window(source, why)


def _without_window(source: str | None, why: str) -> int:
    """Print pose and bones, and write the annotated figure and the JSON to ``out/``."""
    if source is None:
        source = str(sample_picture())
    print(f"{why[0].upper()}{why[1:]}: working without the window.\n", flush=True)
    if "://" in source or source.startswith("camera:"):
        return _command("predict", ["--jsonl", str(OUT / "poses.jsonl"), "--", source])
    return _command("predict", ["--json", str(OUT / "poses.json"), "--figure", str(OUT), "--", source])


def sample_picture() -> Path:
    """Return the first bundled sample picture.

    Raises:
        UserError: the installation has none.
    """
    import json
    from importlib.resources import files

    folder = Path(str(files("resources"))) / "samples"
    try:
        entries = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]
        return folder / str(entries[0]["file"])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UserError("this installation has no sample picture", "give a picture: bonesight photo.jpg") from error


if __name__ == "__main__":
    console()
