"""``train CONFIG.toml``: run a configuration, in a folder of its own, resumable."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from pathlib import Path

import torch

from core.errors import INTERRUPTED, UserError
from core.predictor import choose_device
from train import config as configuration
from train import distributed, fitting, sources
from train.batches import BatchMaker, Maker, Planner
from train.config import Config
from train.device_batches import DeviceBatchMaker
from train.distributed import Group
from train.engine import Trainer
from train.locate import command as locating
from train.log import stored_config
from train.validation import Validation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", type=Path, help="TOML configuration, such as resources/configs/compact.toml")
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="folder that the configuration's paths are below"
    )
    parser.add_argument("--out", type=Path, default=None, help="run folder (default: runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on from the run folder's last saved state")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a configuration key")
    parser.add_argument(
        "--stop-after", type=float, default=math.inf, metavar="MINUTES", help="save and stop then; go on with --resume"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    if locating.asked_for(args.config):
        return locating.run(args)
    config = configuration.load(args.config, args.set)
    out: Path = args.out or Path("runs") / config.run.name
    device = choose_device(args.device).replace("mps", "cpu")
    with distributed.group(device) as group:
        if group.leads:
            _check_folder(args, config, out)
        trainer, opened = _trainer(config, args.data, out, device, group)
        if args.resume:
            trainer.restore(trainer.last)
        elif config.run.start:
            trainer.start_from(Path(config.run.start))
        elif config.run.weights:
            trainer.begin_with(config.run.weights)
        done = trainer.run(args.stop_after)
        path = trainer.save_checkpoint() if done else None
        if group.leads:
            if path is not None and config.network.maps == "softmax" and config.run.read_limbs:
                _fit_reading(path, opened, trainer)
            for line in opened.left_out:
                print(line, file=sys.stderr)
            print(f"Done: {path}" if done else f"Stopped at step {trainer.step}; go on with: {_again(args, out)}")
    return 0 if done or args.stop_after < math.inf else INTERRUPTED


def _fit_reading(path: Path, opened: sources.Sources, trainer: Trainer) -> None:
    """Fit how poses are read from the answers; a run whose pictures cannot tell is a good run all the same."""
    try:
        fitting.fit_file(path, opened, trainer.step * trainer.config.optimiser.batch)
    except UserError as error:
        print(f"Note: the joints of {path.name} are read one by one: {error}.", file=sys.stderr)


def _again(args: argparse.Namespace, out: Path) -> str:
    """Return the command that goes on with this run."""
    words = ["bonesight", "train", str(args.config), "--data", str(args.data), "--out", str(out), "--resume"]
    if args.device != "auto":
        words += ["--device", args.device]
    for override in args.set:
        words += ["--set", override]
    return shlex.join(words)


def _check_folder(args: argparse.Namespace, config: Config, out: Path) -> None:
    if not args.resume and (out / "last.pt").exists():
        raise UserError(f"{out} already holds a run", "add --resume to go on with it, or give another --out")
    if args.resume and stored_config(out) != config:
        print(f"Note: the configuration differs from the one {out} was started with; the new one is used.")


def _trainer(config: Config, data: Path, out: Path, device: str, group: Group) -> tuple[Trainer, sources.Sources]:
    """Open the sets and build the trainer."""
    rows = group.rows(config.optimiser.batch)
    torch.set_num_threads(config.run.threads or max(1, (os.cpu_count() or 1) // group.size_here))
    with group.one_before_the_others():
        opened = sources.open_sets(config, data, out.parent / "cache")
    side = config.network.shape().input_px
    planner = Planner(config, side, opened.photos, opened.people, opened.empty, rows)
    batches: Maker = BatchMaker(planner) if device == "cpu" else DeviceBatchMaker(planner, device)
    validation = None
    if opened.held_out is not None and group.leads:
        validation = Validation(opened.held_out, at_most=config.run.validate_pictures, device=device)
    return Trainer(config, batches, out, sources.record(config, opened), validation, device, group), opened
