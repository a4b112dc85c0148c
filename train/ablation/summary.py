"""The ablation's tables: the poster's, with means and spreads over seeds in the place of single checkpoints."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core.export import write_atomically
from train import tables
from train.ablation.plan import TITLES
from train.tables import Cells

SCHEMA: Final = "bonesight.ablation/1"
SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "h36m_mpjpe": ("lab",), "accuracy_2d": ("lab", "wild", "photos"), "3dhp_transferred": ("wild",),
    "geometry_mm": ("lab", "wild"), "geometry_px": ("photos",),
}  # fmt: skip
"""Table -> the evaluations it is made from: ``figures-NAME.json`` of each run."""


def write(runs: Iterable[Path], out: Path) -> None:
    """Print and write ``tables.md``, ``tables.json`` and ``ablation.json`` from what was measured so far.

    Args:
        runs: run folders with ``figures-*.json``; those without are left out.
        out: where the tables are written.

    Raises:
        UserError: a file of figures is damaged, or the tables cannot be written.
    """
    measured = {
        kind: [tables.read(path) for run in runs if (path := run / f"figures-{kind}.json").is_file()]
        for kind in dict.fromkeys(kind for kinds in SHOWN.values() for kind in kinds)
    }
    rows = {name: [row for kind in kinds for row in tables.ours(measured[kind])[name]] for name, kinds in SHOWN.items()}
    tables.write({name: [told(row) for row in summarised(found)] for name, found in rows.items()}, out)
    document = {"schema": SCHEMA, "tables": {name: summarised(found) for name, found in rows.items()}}
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    print(f"Means and spreads: {write_atomically(out / 'ablation.json', text.encode())}")


def summarised(rows: Sequence[Cells]) -> list[dict[str, Any]]:
    """Join the rows of all seeds of one row of the poster, in its order.

    Returns:
        Per row: its words; ``seeds``; and for each figure ``mean`` and ``sd`` (of a sample; None for one seed), or None
        where it was not measured.
    """
    groups: dict[tuple[str, ...], list[Cells]] = {}
    for row in rows:
        row = {**row, "checkpoint": re.sub(r"-seed\d+$", "", str(row["checkpoint"]))}
        groups.setdefault(tuple(value for value in row.values() if isinstance(value, str)), []).append(row)
    order = {title: place for place, title in enumerate(TITLES)}
    out = []
    for group in groups.values():
        joined: dict[str, Any] = {name: value for name, value in group[0].items() if isinstance(value, str)}
        joined["seeds"] = len(group)
        for name, value in group[0].items():
            if not isinstance(value, str):
                joined[name] = _spread([row[name] for row in group])
        out.append(joined)
    # Stable: within a row of the poster the parts keep the order of the evaluation.
    return sorted(out, key=lambda row: order.get(row["checkpoint"], len(order)))


def _spread(values: Sequence[Any]) -> dict[str, float | None] | None:
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    return {"mean": statistics.fmean(known), "sd": statistics.stdev(known) if len(known) > 1 else None}


def told(row: Mapping[str, Any]) -> Cells:
    """Return a summarised row as the cells of a table: mean ± standard deviation."""
    return {
        name: _told(value) if isinstance(value, dict) else None if value is None else str(value)
        for name, value in row.items()
    }


def _told(figure: Mapping[str, float | None]) -> str:
    spread = f" ± {figure['sd']:.2f}" if figure["sd"] is not None else ""
    return f"{figure['mean']:.2f}{spread}"
