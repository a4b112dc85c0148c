"""Turn the ablation's rows into checkpoints small enough to come with the program, one seed of each.

``python -m train.ablation.bundle runs/ablation`` writes ``3d-geo.safetensors`` and the other three beside the bundled
checkpoints, with int8 weights. Figures come from ``evaluate --json`` and ``python -m train.card`` as for any other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from core import checkpoint
from train import tool
from train.ablation.plan import BASES, Row

PURPOSE: Final = (
    "One of the four rows of the poster's ablation in small, to be compared with the other three: what photos with 2D "
    "labels change, and what L_geo. Trained on a small budget, and not for use"
)
_NOTES: Final = (
    "Seed {seed} of its last stage; means and spreads over the seeds stand in docs/results.md. Rows with and without "
    "L_geo share the first two stages. The file holds 8-bit weights where the training's own has 16 bits."
)
_TWICE: Final = " The laboratory's pictures stand twice above: with their depths, and without them, for L_geo to count."
_WRITTEN_ANEW: Final = ("schema", "network", "joint_names", "geometry_loss", "weights_sha256")
"""Keys of the metadata that ``checkpoint.save`` writes."""


def bundle(runs: Path, out: Path, seed: int = 1) -> Iterator[Path]:
    """Write each row's checkpoint of one seed under the row's name, without figures; yields the files.

    Args:
        runs: ``ablation``'s folder of runs.
        out: folder to write to.
        seed: of the last stage.

    Raises:
        UserError: a run is missing, or its checkpoint damaged.
    """
    for row in (Row(base, geometry, seed, first=1) for base in BASES for geometry in (False, True)):
        loaded = checkpoint.load(runs / row.name / f"{row.name}{checkpoint.SUFFIX}")
        path = out / f"{row.title}{checkpoint.SUFFIX}"
        geometry_loss, record = loaded.info.geometry_loss, _record(loaded.info.metadata, row)
        checkpoint.save(path, loaded.network, geometry_loss=geometry_loss, record=record, stored="int8")
        yield path


def _record(metadata: dict[str, Any], row: Row) -> dict[str, Any]:
    """Return what the training's checkpoint tells of itself, and what it is for now."""
    kept = {key: value for key, value in metadata.items() if key not in _WRITTEN_ANEW}
    notes = _NOTES.format(seed=row.seed) + (_TWICE if row.base == "3d" else "")
    config = {**kept["config"], "run": {**kept["config"]["run"], "notes": notes}}
    return {**kept, "config": config, checkpoint.TEACHING_KEY: PURPOSE}


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write the ablation's rows as small checkpoints.")
    parser.add_argument("runs", type=Path, help="folder of the runs, as of ablation --out")
    parser.add_argument("--out", type=Path, default=checkpoint.bundled_folder(), help="(default: the bundled ones')")
    parser.add_argument("--seed", type=int, default=1, help="of the last stage (default: %(default)s)")
    args = parser.parse_args()
    return tool.finished(lambda: print(*bundle(args.runs, args.out, args.seed), sep="\n"))


if __name__ == "__main__":
    sys.exit(main())
