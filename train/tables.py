"""``tables RUN...``: the poster's five tables, its rows beside ours and never in one column with them.

The poster's numbers are those of Zhou et al., ICCV 2017 (averages; its numbers per action are not repeated here). Ours
come from the files that ``evaluate --json`` wrote, and say which data they were measured on.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core import skeleton
from core.errors import UserError
from core.export import write_atomically
from train.evaluation.command import SCHEMA as FIGURES_SCHEMA
from train.evaluation.protocols import PROTOCOLS
from train.evaluation.protocols.human36m import RELEASE_SCALE
from train.evaluation.shared import AVERAGE, TRUE_SCALE

SCHEMA: Final = "bonesight.tables/1"
Figures = Mapping[str, Any]
Cells = dict[str, str | float | None]

_LIMBS: Final = {limb: skeleton.plain_name(limb) for limb in skeleton.LIMBS}
_SCENES: Final = ("studio GS", "studio no GS", "outdoor")


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: of its entry in the JSON.
        title: with the unit.
        poster: the poster's rows, name -> its numbers in the order of ``columns``.
        columns: names of the poster's columns.
        ours: turns one evaluation into rows; none where it measured nothing of the kind.
        note: what a reader must know before comparing.
        sets: those whose evaluation gives rows of ours.
    """

    name: str
    title: str
    poster: Mapping[str, Sequence[float]]
    columns: Sequence[str]
    ours: Callable[[Figures], Iterator[Cells]]
    note: str
    sets: Sequence[str]


Rows = Mapping[str, Sequence[Cells]]
"""Our rows by the table's name."""

_ERRORS: Final = {
    "MPJPE, training scale": "mpjpe_training_scale_mm",
    "MPJPE, release's scale (4296.99 mm)": RELEASE_SCALE,
    "N-MPJPE": "n_mpjpe_mm",
    "PA-MPJPE": "pa_mpjpe_mm",
}


def _human36m(figures: Figures) -> Iterator[Cells]:
    if "three_d" not in figures or figures["data"]["set"] == "mpi_inf_3dhp":
        return
    rows = figures.get("by_action", figures["three_d"])
    if AVERAGE not in rows:
        rows = {"no actions, all persons": rows["all"]}
    for part, row in rows.items():
        yield _of(figures, {title: row.get(name) for title, name in _ERRORS.items()}, part)


def _accuracy(figures: Figures) -> Iterator[Cells]:
    cells = {
        "PCK at 0.2 torso, 12 limb joints": figures["pck_0.2_torso"]["limb_joints_mean"],
        "PCKh at 0.5": figures.get("pckh_0.5", {}).get("mean"),
    }
    yield _of(figures, cells)


def _transferred(figures: Figures) -> Iterator[Cells]:
    rows = figures.get("three_d", {})
    if figures["data"]["set"] == "human36m":
        return
    for scale, ending in (("true skeleton's", TRUE_SCALE), ("training", "")):
        for scene, row in rows.items():
            if f"pck_150_mm{ending}" in row:
                cells = {
                    "scene": scene,
                    "scale": scale,
                    "PCK@150 mm": row[f"pck_150_mm{ending}"],
                    "AUC": row[f"auc_0_150_mm{ending}"],
                }
                yield _of(figures, cells)


def _validity(unit: str, labels: str) -> Callable[[Figures], Iterator[Cells]]:
    def ours(figures: Figures) -> Iterator[Cells]:
        if labels == "3D" and "three_d" not in figures:
            return
        yield _of(figures, {_LIMBS[limb]: figures["geometry_validity"][unit][limb] for limb in skeleton.LIMBS})

    return ours


def _of(figures: Figures, cells: Cells, part: str = "") -> Cells:
    """Put before the numbers which checkpoint they are of and which data they come from."""
    data = figures["data"]
    split = "" if data["split"] == "all" else f", {data['split']}"
    searched = ", searched for" if figures.get("box") == "search" else ""
    where = f"{data['set']} {data['folder']}{split}, {figures['persons']} persons{searched}" + (part and f": {part}")
    return {"checkpoint": figures["checkpoint"]["name"], "data": where, **cells}


TABLES: Final = (
    Table(
        "h36m_mpjpe", "Human3.6M: average MPJPE (mm)",
        {
            "Chen & Ramanan": (114.18,), "Mehta et al.": (74.14,), "Pavlakos et al.": (66.92,), "3D/wo geo": (82.44,),
            "3D/w geo": (80.98,), "3D+2D/wo geo": (65.69,), "3D+2D/w geo": (64.90,),
        },
        ("average",), _human36m,
        "The poster scales every prediction to 4296.99 mm of bones. Its row Zhou et al. (79.9, while its own fifteen "
        "actions average 112.9) is left out.",
        ("human36m", "rendered"),
    ),
    Table(
        "accuracy_2d", "2D accuracy (%)",
        {"3D/wo geo": (90.01,), "3D/w geo": (90.57,), "3D+2D/wo geo": (90.93,), "3D+2D/w geo": (91.62,)},
        ("on Human3.6M",), _accuracy,
        "How the poster counts a joint as right is not known here; ours are PCK and PCKh as named.",
        tuple(PROTOCOLS),
    ),
    Table(
        "3dhp_transferred", "MPI-INF-3DHP, transferred: 3D PCK at 150 mm and AUC (%)",
        {
            "Mehta et al. (H36M+MPII)": (70.8, 62.3, 58.8, 64.7, 31.7), "3D/wo geo": (34.4, 40.8, 13.6, 31.5, 18.0),
            "3D/w geo": (45.6, 45.1, 14.4, 37.7, 20.9), "3D+2D/wo geo": (68.8, 61.2, 67.5, 65.8, 32.1),
            "3D+2D/w geo": (71.1, 64.7, 72.7, 69.2, 32.5),
            "Mehta et al. (MPI-INF-3DHP)": (84.1, 68.9, 59.6, 72.5, 36.9),
        },
        (*_SCENES, "all PCK", "AUC"), _transferred,
        "The authors' release scales each frame by its true skeleton.",
        ("mpi_inf_3dhp", "rendered"),
    ),
    Table(
        "geometry_mm", "Geometry validity: mean |left - right| (mm)",
        {"3D+2D/wo geo": (42.4, 60.4, 43.5, 59.4), "3D+2D/w geo": (37.8, 50.7, 43.4, 47.8)},
        tuple(_LIMBS.values()), _validity("mm", "3D"), "On sets with 3D truth; ours at training scale.",
        ("human36m", "rendered"),
    ),
    Table(
        "geometry_px", "Geometry validity: mean |left - right| (px of the 256 px crop)",
        {"3D+2D/wo geo": (6.27, 10.11, 6.89, 8.03), "3D+2D/w geo": (4.80, 6.64, 4.93, 6.22)},
        tuple(_LIMBS.values()), _validity("px_of_256_crop", "2D"),
        "Ours: lengths of the lifted skeleton, with depth in px too.",
        ("lsp", "lspet", "mpii", "rendered"),
    ),
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run folder with figures-*.json, or a file of evaluate --json"
    )
    parser.add_argument("--out", type=Path, default=None, help="write tables.md and tables.json into this folder")


def run(args: argparse.Namespace) -> int:
    """Print the tables, and write them if asked to; returns the exit code."""
    rows = ours([read(file) for file in files(args.runs)])
    write(rows, args.out)
    for table in TABLES:
        if not rows[table.name]:
            print(f"\nNot measured: {table.title}. To fill it: {_evaluate(args.runs[0], table.sets)}")
    return 0


def write(rows: Rows, out: Path | None) -> None:
    """Print the tables, and write ``tables.md`` and ``tables.json`` into a folder if there is one.

    Raises:
        UserError: they cannot be written.
    """
    text = markdown(rows)
    print(text, end="")
    if out is not None:
        told = json.dumps(document(rows), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        print(f"\nMarkdown: {write_atomically(out / 'tables.md', text.encode())}")
        print(f"JSON: {write_atomically(out / 'tables.json', told.encode())}")


def files(runs: Sequence[Path]) -> list[Path]:
    """Return the figures files of runs: files as they are, folders' ``figures-*.json``.

    Raises:
        UserError: a run is not there, or its folder holds no figures.
    """
    found: list[Path] = []
    for path in runs:
        held = sorted(path.glob("figures-*.json")) if path.is_dir() else [path] if path.is_file() else []
        if not held:
            what = f"{path} holds no figures-*.json" if path.is_dir() else f"there is no {path}"
            raise UserError(what, f"write some with {_evaluate(path, ('rendered',))}")
        found += held
    return found


def _evaluate(run: Path, sets: Sequence[str]) -> str:
    """Return the command that measures a run on one of the sets."""
    folder = run.parent if run.suffix == ".json" else run
    names = [
        path.name for path in sorted(folder.glob("*.safetensors")) if not re.search(r"-(best|step-\d+)$", path.stem)
    ]
    weights = folder / (names[0] if names else "NAME.safetensors")
    return (
        f"`bonesight evaluate --dataset {'|'.join(sets)} --data DIR --checkpoint {weights} "
        f"--json {folder}/figures-{sets[0]}.json`"
    )


def read(path: Path) -> Figures:
    """Read what ``evaluate --json`` wrote.

    Raises:
        UserError: it is something else, or of a version that did not say which data it was measured on.
    """
    again = "write it anew with `bonesight evaluate --json`"
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
        if figures["schema"] != FIGURES_SCHEMA:
            raise KeyError("schema")
        _ = figures["data"]["set"], figures["checkpoint"]["name"], figures["geometry_validity"]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", "check its name") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} holds no figures, or those of an older version", again) from error
    assert isinstance(figures, dict)
    return figures


def ours(measured: Sequence[Figures]) -> dict[str, list[Cells]]:
    """Return our rows of every table."""
    return {table.name: [row for figures in measured for row in table.ours(figures)] for table in TABLES}


def document(rows: Rows) -> dict[str, Any]:
    """Return the tables as JSON: the poster's rows and ours in lists of their own."""
    return {
        "schema": SCHEMA,
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "note": table.note,
                "poster": [
                    {"row": row, **dict(zip(table.columns, values, strict=True))}
                    for row, values in table.poster.items()
                ],
                "ours": list(rows[table.name]),
            }
            for table in TABLES
        ],
    }


def markdown(rows: Rows) -> str:
    """Return the tables as Markdown: the poster's columns on the left, ours on the right."""
    return "\n".join(line for table in TABLES for line in _lines(table, rows[table.name]))


def _lines(table: Table, rows: Sequence[Cells]) -> list[str]:
    columns = list(rows[0]) if rows else []
    header = ["poster", *(f"poster: {column}" for column in table.columns), *(f"ours: {column}" for column in columns)]
    lines = [f"## {table.title}", "", _row(header), _row(["---"] * len(header))]
    lines += [
        _row([name, *(f"{value:g}" for value in values), *[""] * len(columns)]) for name, values in table.poster.items()
    ]
    lines += [_row([*[""] * (1 + len(table.columns)), *map(_text, row.values())]) for row in rows]
    return [*lines, "", table.note if rows else f"{table.note} None of ours were measured.", ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.2f}"
