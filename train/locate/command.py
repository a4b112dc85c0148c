"""``train resources/configs/locate.toml``: train the network that finds people, and choose its threshold."""

from __future__ import annotations

import argparse
import math
import os
import tomllib
from pathlib import Path
from typing import Any

import torch

from core.errors import INTERRUPTED, UserError
from core.predictor import choose_device
from train import config as configuration
from train.datasets import lsp
from train.datasets.catalogue import SETS
from train.locate import pictures
from train.locate.batches import SceneMaker
from train.locate.choosing import choose_threshold
from train.locate.config import LocateConfig, check
from train.locate.training import LocateTrainer
from train.sources import EMPTY_TERMS, RENDERED_TERMS


def asked_for(path: Path) -> bool:
    """Tell whether a configuration is of a locating network; one that cannot be read is not."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("kind") == "locate"
    except (OSError, ValueError):
        return False


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code. Takes the arguments of ``train``."""
    config = configuration.build(LocateConfig, configuration.read(args.config, args.set))
    check(config)
    out: Path = args.out or Path("runs") / config.run.name
    if not args.resume and (out / "last.pt").exists():
        raise UserError(f"{out} already holds a run", "add --resume to go on with it, or give another --out")
    device = choose_device(args.device).replace("mps", "cpu")
    torch.set_num_threads(config.run.threads or os.cpu_count() or 1)
    cache = Path(config.data.cache) if config.data.cache else out.parent / "cache"
    aside = pictures.open_sets(config.data, args.data, cache, aside=True)
    sets = pictures.open_sets(config.data, args.data, cache, aside=False)
    kind = lsp.kind(lsp.find(args.data / config.data.photos))
    trainer = LocateTrainer(config, SceneMaker(config, sets), out, record(kind, sets), device)
    if args.resume:
        trainer.restore()
    if not trainer.run(args.stop_after):
        print(f"Stopped at step {trainer.step}; go on with the same command and --resume.")
        return 0 if args.stop_after < math.inf else INTERRUPTED
    threshold, told = choose_threshold(trainer.averaged_model(), config, aside, device)
    path = trainer.save(threshold, {"choosing": told})
    print(f"Done: {path} (threshold {threshold:.2f})")
    return 0


def record(kind: lsp.Kind, sets: pictures.Sets) -> dict[str, Any]:
    """Return what the file says of its data; ``kind`` is the photos' set."""
    used = {
        kind: {"pictures": len(sets.photos), "labels": "2D labels"},
        "rendered": {"pictures": len(sets.rendered), "labels": "2D labels"},
        "empty": {"pictures": len(sets.empty), "labels": "nobody in them"},
    }
    terms = {kind: f"{SETS[kind].title}: {SETS[kind].terms}.", "rendered": RENDERED_TERMS, "empty": EMPTY_TERMS}
    return {"data": used, "terms": terms}
