"""``ablation``: the poster's four rows in one command, which goes on where it was stopped.

Each step is one of the program's own commands (render, train, evaluate) and leaves a file; what is there already is
skipped. A stopped training goes on by ``--resume``, a stopped rendering by shards, a stopped evaluation anew.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from core import checkpoint
from core.errors import INTERRUPTED, UserError
from train import command as training
from train import config as configuration
from train import sources
from train.ablation import summary
from train.ablation.plan import LAST_STAGE, SHARED_STAGE, RenderedSet, Row, rendered_sets, rows
from train.config import Config
from train.datasets import catalogue, rendered
from train.evaluation import command as evaluation

FIXED: Final = ("data.photos", "data.held_out", "data.rendered", "run.name", "run.seed", "run.start", "run.weights")
"""Keys that make a row what it is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of lspet/ and of what is rendered")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="folder of the runs and the tables")
    parser.add_argument(
        "--budget", type=float, default=math.inf, metavar="MINUTES", help="training stops then; the same words go on"
    )
    parser.add_argument("--seeds", type=int, default=3, help="of the last stage (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a configuration key")
    parser.add_argument("--people", type=int, default=4000, help="pictures of the laboratory to learn from")
    parser.add_argument("--test", type=int, default=600, help="pictures of each rendered test set")
    parser.add_argument("--poses", type=Path, help="for rendering: mocap_poses.npz (default: the bundled pose prior)")
    parser.add_argument("--backgrounds", type=Path, help="for rendering: photographs without people")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))


def run(args: argparse.Namespace) -> int:
    """Do what is missing and write the tables; returns the exit code."""
    if args.seeds < 1 or args.people < 1 or args.test < 1:
        raise UserError("--seeds, --people and --test must be at least 1", "give larger numbers")
    for override in args.set:
        if override.startswith(FIXED):
            raise UserError(f"--set {override} would change what the rows are", "leave it out")
    deadline = time.monotonic() + 60 * args.budget
    planned = list(rows(args.seeds))
    for row in planned:
        _check_photos(_config(args, row), args.data)
    for each in rendered_sets(args.people, args.test):
        _render(args, each)
    for row in planned:
        if not _train(args, row, deadline):
            print(f"Stopped in {row.name}; the same words go on from there.")
            return 0 if time.monotonic() >= deadline else INTERRUPTED
        _evaluate(args, row)
    summary.write([args.out / row.name for row in planned], args.out)
    return 0


def _check_photos(config: Config, data: Path) -> None:
    if config.data.photos_kind != "rendered":
        sources.find(config.data.photos_kind, data / config.data.photos)


def _render(args: argparse.Namespace, each: RenderedSet) -> None:
    """Render a set unless its folder holds as many pictures, whoever made them."""
    folder = args.data / each.folder
    if rendered.pictures(folder) >= each.count:
        return
    try:
        from train.render import command as rendering
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("core", "train"):
            raise
        raise UserError(f"{folder} is not there and cannot be rendered", "pip install '.[render]'") from error
    words = ["--out", folder, "--count", each.count, "--scene", each.scene, "--split", each.split, "--seed", each.seed]
    words += ["--workers", os.cpu_count() or 1]
    words += ["--poses", args.poses] if args.poses is not None else []
    words += ["--backgrounds", args.backgrounds] if args.backgrounds is not None else []
    _run(rendering, words)


def _train(args: argparse.Namespace, row: Row, deadline: float) -> bool:
    """Train a row, or go on with it; returns whether it is at its last step."""
    config, out = _config(args, row), args.out / row.name
    weights = _weights(args, row)
    if _steps(weights) == config.iterations:
        return True
    # Even past the deadline one step is taken, so that calls with whatever budget come to an end.
    minutes = max(0.0, (deadline - time.monotonic()) / 60)
    words = [row.config, "--data", args.data, "--out", out, "--device", args.device]
    words += [word for override in _overrides(args, row) for word in ("--set", override)]
    words += ["--stop-after", minutes] if math.isfinite(minutes) else []
    words += ["--resume"] if (out / "last.pt").exists() else []
    print(f"== {row.name}", flush=True)
    _run(training, words)
    return _steps(weights) == config.iterations


def _evaluate(args: argparse.Namespace, row: Row) -> None:
    """Measure a row's checkpoint on everything it was not measured on."""
    weights, config = _weights(args, row), _config(args, row)
    for kind, words in _evaluations(args):
        out = args.out / row.name / f"figures-{kind}.json"
        if _measured(out) == checkpoint.describe(weights).metadata["weights_sha256"]:
            continue
        bad = ["--on-bad", config.data.on_bad]
        # Sixty lines for each of three sets and a dozen runs: the tables say it shorter.
        with contextlib.redirect_stdout(io.StringIO()):
            _run(evaluation, [*words, *bad, "--checkpoint", weights, "--device", args.device, "--json", out])


def _evaluations(args: argparse.Namespace) -> Iterator[tuple[str, list[object]]]:
    yield "lab", ["--dataset", "rendered", "--data", args.data / "rendered/lab-test"]
    yield "wild", ["--dataset", "rendered", "--data", args.data / "rendered/wild-test"]
    with_photos = _config(args, Row("3d2d", True, 1, 1)).data
    split = with_photos.held_out or catalogue.default_split(with_photos.photos_kind)
    folder = args.data / with_photos.photos
    yield "photos", ["--dataset", with_photos.photos_kind, "--data", folder, "--split", split]


def _run(module: ModuleType, words: Sequence[object]) -> int:
    """Run one of the program's commands in this process, so that one Ctrl+C reaches whatever is under way."""
    parser = argparse.ArgumentParser(prog=module.__name__)
    module.add_arguments(parser)
    return int(module.run(parser.parse_args([str(word) for word in words])))


def _overrides(args: argparse.Namespace, row: Row) -> list[str]:
    own = [f"run.name={row.name}", f"run.seed={row.seed}"]
    if row.begins_with is not None:
        own.append(f"run.start={(args.out / row.begins_with / f'stage-{SHARED_STAGE}.pt').resolve()}")
    if not row.geometry:
        own.append(f"stage.{LAST_STAGE}.weights.geometry=0.0")
    return [*args.set, *own]


def _config(args: argparse.Namespace, row: Row) -> Config:
    return configuration.load(row.config, _overrides(args, row))


def _weights(args: argparse.Namespace, row: Row) -> Path:
    path: Path = args.out / row.name / f"{row.name}{checkpoint.SUFFIX}"
    return path


def _steps(weights: Path) -> int:
    """Return after how many steps a checkpoint was written; 0 if it is not there or damaged."""
    try:
        return int(checkpoint.describe(weights).metadata["training"]["steps"])
    except (UserError, KeyError):
        return 0


def _measured(path: Path) -> str | None:
    """Return the hash of the weights that figures are of; None if there are none, or no whole file."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["weights_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
