"""``train CONFIG.toml``: run a configuration, in a folder of its own, resumable."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import geometry, skeleton
from core.errors import UserError
from core.network import PRESETS
from core.predictor import choose_device
from train import config as configuration
from train.batches import BatchMaker, Maker, Planner
from train.config import Config
from train.datasets import empty, lsp, rendered
from train.datasets.crops import CropSet, cached, file_hash
from train.device_batches import DeviceBatchMaker
from train.engine import Trainer, stored_config
from train.validation import Validation

INTERRUPTED = 130
TERMS = {
    "lspet": "Leeds Sports Pose Extended photos (Flickr), research use; Johnson & Everingham, CVPR 2011.",
    "rendered": (
        "People rendered by Bonesight: bodies from anny (Apache-2.0; data CC0, from MakeHuman). Poses: the data used "
        "in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF "
        "EIA-0196217."
    ),
}


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
    config = configuration.load(args.config, args.set)
    out: Path = args.out or Path("runs") / config.run.name
    if not args.resume and (out / "last.pt").exists():
        raise UserError(f"{out} already holds a run", "add --resume to go on with it, or give another --out")
    if args.resume and stored_config(out) != config:
        print(f"Note: the configuration differs from the one {out} was started with; the new one is used.")
    torch.set_num_threads(config.run.threads or os.cpu_count() or 1)
    device = choose_device(args.device).replace("mps", "cpu")
    photos, people, nobody, validation = _open_data(config, args.data, out)
    record = _record(config, photos, people, nobody)
    planner = Planner(config, PRESETS[config.network.preset][0].input_px, photos, people, nobody)
    batches: Maker = BatchMaker(planner) if device == "cpu" else DeviceBatchMaker(planner, device)
    trainer = Trainer(config, batches, out, record, validation, device)
    if args.resume:
        trainer.restore(trainer.last)
    elif config.run.start:
        trainer.start_from(Path(config.run.start))
    elif config.run.weights:
        trainer.begin_with(config.run.weights)
    if trainer.run(args.stop_after):
        print(f"Done: {trainer.save_checkpoint()}")
    else:
        print(f"Stopped at step {trainer.step}; go on with: bonesight train {args.config} --out {out} --resume")
        return 0 if args.stop_after < math.inf else INTERRUPTED
    return 0


def _open_data(
    config: Config, data: Path, out: Path
) -> tuple[CropSet | None, CropSet | None, CropSet | None, Validation | None]:
    section = config.data
    cache = Path(section.cache) if section.cache else out.parent / "cache"
    photos = validation = people = nobody = None
    if section.photos and CropSet.is_there(data / section.photos):
        photos = CropSet.open(data / section.photos)
        held_out = data / f"{section.photos}-held-out"
        validation = Validation(CropSet.open(held_out)) if CropSet.is_there(held_out) else None
    elif section.photos:
        folder = lsp.find(data / section.photos)
        photos = lsp.training_crops(folder, cache, section.held_out)
        names = lsp.read_split(folder, section.held_out)
        key = {"set": "lspet", "only": names, "labels": file_hash(folder / "joints.mat"), "format": 2}
        validation = Validation(cached(key, len(names), lsp.samples(folder, names), cache, "lspet-held-out"))
    if section.rendered and CropSet.is_there(data / section.rendered):
        people = CropSet.open(data / section.rendered)
    elif section.rendered:
        people = rendered.training_crops(data / section.rendered, cache)
    if section.empty and CropSet.is_there(data / section.empty):
        nobody = CropSet.open(data / section.empty)
    elif section.empty:
        nobody = empty.training_crops(data / section.empty, cache)
    if photos is None and people is None:
        raise UserError("the configuration names no data", "set data.photos or data.rendered")
    if people is None and any(stage.weights.depth for stage in config.stage):
        raise UserError("a stage has a depth loss but there is no 3D data", "set data.rendered, or weights.depth = 0")
    return photos, people, nobody, validation


def _record(config: Config, photos: CropSet | None, people: CropSet | None, nobody: CropSet | None) -> dict[str, Any]:
    used: dict[str, Any] = {}
    bone_sum = float(skeleton.CANONICAL_MM.sum())
    if photos is not None:
        used["lspet"] = {"pictures": len(photos), "labels": "2D"}
    if people is not None:
        used["rendered"] = {"pictures": len(people), "labels": "3D", "folder": Path(config.data.rendered).name}
        bone_sum = float(np.mean(geometry.bone_lengths(people.joints_mm.astype(np.float64)).sum(-1)))
    if nobody is not None:
        used["empty"] = {"pictures": len(nobody), "labels": "nobody in them"}
    return {"data": used, "terms": {name: TERMS[name] for name in used if name in TERMS}, "bone_sum_mm": bone_sum}
