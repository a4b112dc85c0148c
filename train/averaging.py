"""One network out of several: the mean of the weights of runs that went on from one another.

``python -m train.averaging FIRST OTHER... --out FILE``. Runs from the same weights end in different places of one
valley, and what lies between them is often better than either (Wortsman et al., "Model soups", ICML 2022). The mean
takes the first one's record; how joints are read and depths corrected has to be fitted to it anew (``train.fitting``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from core import checkpoint
from core.checkpoint import Checkpoint
from core.errors import UserError
from train import tool
from train.resizing import weights_for

_KEPT: Final = ("data", "terms", "bone_sum_mm", "config")
"""Of the first one's record; figures, and what was fitted to its answers, are of that network alone."""


def average(paths: Sequence[Path], out: Path) -> Path:
    """Write the mean of checkpoints, each counting as much as the others.

    Args:
        paths: at least two; the first one's record is kept, and the size of its input.
        out: the file to write.

    Raises:
        UserError: one is damaged, or they are not of one kind.
    """
    first, *others = (checkpoint.load(path) for path in paths)
    shape = first.network.config
    for other in others:
        resized = replace(other.network.config, input_px=shape.input_px, heatmap_px=shape.heatmap_px)
        if resized != shape or other.info.geometry_loss != first.info.geometry_loss:
            raise UserError(
                f"{other.info.path.name} is of another kind than {first.info.path.name}",
                "average networks of one shape, all trained with the geometry loss or all without",
            )
    states = [weights_for(each.network, shape) for each in (first, *others)]
    mean = {name: sum(state[name].double() for state in states) / len(states) for name in states[0]}
    # Loading gives each tensor its own type back.
    first.network.load_state_dict(mean)
    metadata = first.info.metadata
    record: dict[str, Any] = {key: metadata[key] for key in _KEPT if key in metadata}
    record["training"] = {**metadata.get("training", {}), "averaged_with": [_told(other) for other in others]}
    stored = metadata.get("config", {}).get("run", {}).get("stored", "float16")
    checkpoint.save(out, first.network, geometry_loss=first.info.geometry_loss, record=record, stored=stored)
    return out


def _told(other: Checkpoint) -> dict[str, Any]:
    return {"name": other.info.name, "weights_sha256": other.info.metadata["weights_sha256"]}


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Average the weights of checkpoints that went on from one another.")
    parser.add_argument("first", type=Path, help="whose record is kept")
    parser.add_argument("others", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    return tool.finished(lambda: print(average([args.first, *args.others], args.out)))


if __name__ == "__main__":
    sys.exit(main())
