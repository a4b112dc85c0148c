"""What is fitted after a network has been trained: how its joints are read together and its depths corrected.

``train`` does so at the end of a run, on few pictures lest it take longer than a short training;
``python -m train.fitting CHECKPOINT CONFIG --data DIR`` does it anew on many.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core import checkpoint
from core.errors import UserError
from core.predictor import Predictor
from train import config as configuration
from train import lifting, pictorial, readings, sources, tool
from train.sources import Sources


def fit_file(path: Path, sets: Sources, samples: int | None = None, show: bool = True) -> None:
    """Fit to a checkpoint's answers and store what was learned in the file; with L_geo where the network had it.

    Args:
        path: the checkpoint.
        sets: what it was trained on.
        samples: how many it has learned from, if that is to limit how many are read.
        show: whether progress bars are drawn.

    Raises:
        UserError: the checkpoint's maps are not distributions, or the sets hold nothing to fit on.
    """
    loaded = checkpoint.load(path)
    if loaded.network.config.maps != "softmax":
        raise UserError(f"the maps of {path.name} are not distributions", "only softmax maps can be read together")
    found = readings.read(Predictor(loaded, "cpu"), sets, samples, show)
    structure = pictorial.fit(pictorial.examples(found))
    people = int(found.has_depth.sum())
    geometry = loaded.info.geometry_loss
    corrected = lifting.fit(found, structure, geometry, show=show) if people >= lifting.FEWEST else None
    fitted = {
        "photos": len(found.has_depth) - people,
        "people": people,
        "depths": corrected is not None,
        "geometry_weight": lifting.GEOMETRY if geometry else 0.0,
    }
    checkpoint.attach(path, structure, corrected, fitted)


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Fit how joints are read and depths corrected to a checkpoint.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("config", type=Path, help="of the run it came from: the same pictures are read")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()

    def fit_one() -> None:
        config = configuration.load(args.config, args.set)
        sets = sources.open_sets(config, args.data, args.data / "cache")
        fit_file(args.checkpoint, sets)

    return tool.finished(fit_one)


if __name__ == "__main__":
    sys.exit(main())
