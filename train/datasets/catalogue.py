"""The sets that exist, how to get each, what a folder lacks of them, and one way to open any of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from core.errors import UserError
from core.sharding import ALONE, Share
from train.datasets import human36m, lsp, mpi_inf_3dhp, mpii, rendered
from train.datasets.crops import Sample
from train.datasets.reading import Inventory, OnBad, Problems, some


@dataclass(frozen=True)
class DataSet:
    """One set.

    Attributes:
        name: as on the command line, and the usual folder's name.
        title: as in papers.
        labels: which labels it has.
        terms: what its makers allow, and whom to cite.
        get: how to get it.
        find: returns the set's folder at or below a folder, or raises UserError.
        inventory: says what that folder holds.
        default_split: the split that is evaluated.
    """

    name: str
    title: str
    labels: Literal["2D", "3D"]
    terms: str
    get: str
    find: Callable[[Path], Path]
    inventory: Callable[[Path], Inventory]
    default_split: str


@dataclass(frozen=True)
class Line:
    """One line about a folder: ``state`` is ok, note (not there, or some uses need more) or fault (damaged)."""

    state: Literal["ok", "note", "fault"]
    name: str
    text: str
    what_to_do: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.text}" + (f" ({self.what_to_do})" if self.what_to_do else "")


SETS: Final[dict[str, DataSet]] = {
    each.name: each
    for each in (
        DataSet(
            "mpii", "MPII Human Pose", "2D",
            "simplified BSD licence; Andriluka et al., CVPR 2014",
            mpii.GET, mpii.find, mpii.inventory, "val",
        ),
        DataSet(
            "lsp", "Leeds Sports Pose", "2D",
            "pictures from Flickr, for research; Johnson & Everingham, BMVC 2010",
            lsp.GET["lsp"], partial(lsp.find, only="lsp"), partial(lsp.inventory, only="lsp"), "test",
        ),
        DataSet(
            "lspet", "Leeds Sports Pose Extended", "2D",
            "pictures from Flickr, for research; Johnson & Everingham, CVPR 2011",
            lsp.GET["lspet"], partial(lsp.find, only="lspet"), partial(lsp.inventory, only="lspet"), "val.txt",
        ),
        DataSet(
            "human36m", "Human3.6M", "3D",
            "academic use after registration, not to be passed on; Ionescu et al., TPAMI 2014",
            human36m.GET, human36m.find, human36m.inventory, "test",
        ),
        DataSet(
            "mpi_inf_3dhp", "MPI-INF-3DHP test set", "3D",
            "non-commercial research; Mehta et al., 3DV 2017",
            mpi_inf_3dhp.GET, mpi_inf_3dhp.find, mpi_inf_3dhp.inventory, "test",
        ),
    )
}  # fmt: skip
"""The sets that others made, by name; what `render` makes is described in ``rendered``."""


def samples(
    name: str,
    data: Path,
    split: str | None = None,
    on_bad: OnBad = "skip",
    problems: Problems | None = None,
    share: Share = ALONE,
) -> Iterator[Sample]:
    """Open a set by its name.

    Args:
        name: a key of ``SETS``, or ``rendered``.
        data: its folder or the one above.
        split: as the set's module names them, or for LSP a file of picture names; None for the one to evaluate.
        on_bad: leave bad samples out and count them, or refuse the set.
        problems: where they are counted, with its own ``on_bad``; None tells them at the end.
        share: the part of the samples that this process reads.

    Raises:
        UserError: the set is unknown, not there, or damaged.
    """
    if name == "rendered":
        return rendered.samples(data, on_bad, problems, share)
    if name not in SETS:
        raise UserError(f"there is no data set {name}", f"choose one of {', '.join((*SETS, 'rendered'))}")
    split = split or SETS[name].default_split
    if name in ("lsp", "lspet"):
        folder = SETS[name].find(data)
        return lsp.samples(folder, lsp.read_split(folder, split), on_bad, problems, share)
    if name == "mpii":
        return mpii.samples(data, split, on_bad, problems, share)
    if name == "human36m":
        return human36m.samples(data, split, on_bad, problems, share=share)
    return mpi_inf_3dhp.samples(data, split, on_bad, problems, share)


def which(name: str, data: Path) -> tuple[str, str]:
    """Return the name and the title of the set that is meant: ``lsp`` is the extension where only that is there."""
    if name == "rendered":
        return name, "people rendered by Bonesight"
    if name == "lsp":
        try:
            SETS["lsp"].find(data)
        except UserError:
            name = "lspet"
    return name, SETS[name].title


def default_split(name: str) -> str:
    """Return the split that is evaluated."""
    return SETS[name].default_split if name in SETS else "all"


def check(folder: Path) -> list[Line]:
    """Say which sets a folder holds and exactly what each lacks."""
    return [line for each in SETS.values() for line in _check(each, folder)]


def _check(each: DataSet, folder: Path) -> Iterator[Line]:
    try:
        each.find(folder)
    except UserError:
        # A folder of the set's name that lacks what the set is told by is worth more than "not there".
        started = (folder / each.name).is_dir()
        yield Line(
            "note", each.name, "the folder lacks the annotation or images/" if started else "not there", each.get
        )
        return
    try:
        held = each.inventory(folder)
    except UserError as error:
        yield Line("fault", each.name, error.what, error.what_to_do)
        return
    missing = _missing(held.pictures)
    total = len(held.pictures)
    if missing:
        named = some([str(path) for path in missing])
        yield Line("fault", each.name, f"{held.summary}; {len(missing)} of {total} pictures missing: {named}", each.get)
    else:
        yield Line("ok", each.name, f"{held.summary}, {total} pictures")
    for text, what_to_do in held.notes:
        yield Line("note", each.name, text, what_to_do)


def _missing(pictures: tuple[Path, ...]) -> list[Path]:
    """Return the pictures that are not there; each folder is listed once, for asking 300,000 times takes minutes."""
    listed: dict[Path, set[str]] = {}
    for path in pictures:
        if path.parent not in listed:
            listed[path.parent] = set(os.listdir(path.parent)) if path.parent.is_dir() else set()
    return [path for path in pictures if path.name not in listed[path.parent]]
