"""What the readers of the real sets share: opening their files, and counting what is wrong in them.

A file that cannot be trusted as a whole is refused. A single bad sample (a missing picture, a joint that is not a
number) is named and left out, or refused, as the caller asks; what was left out is told at the end, never silent.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray
from scipy.io.matlab import MatReadError
from tqdm import tqdm

from core.errors import UserError
from core.media import Picture, read_picture

OnBad = Literal["skip", "stop"]
Arrays = dict[str, NDArray[Any]]

NAMED: Final = 3
"""How many bad samples of each kind are told by name."""
GET_AGAIN: Final = "copy or download the file again"
_DAMAGED_MATLAB: Final = (
    ValueError, TypeError, KeyError, IndexError, OSError, EOFError, OverflowError, MemoryError, NotImplementedError,
    MatReadError, zlib.error,
)  # fmt: skip
"""All that scipy was seen to raise on files that are empty, cut off, of another version or not MATLAB's."""


class Problems:
    """What was wrong with a set's samples.

    Attributes:
        label: the set's name.
        on_bad: ``skip`` leaves a bad sample out and counts it, ``stop`` raises at the first.
        found: kind of problem -> names of the samples left out.
        bad: how many of them were bad, not left out by rule.
    """

    def __init__(self, label: str, on_bad: OnBad = "skip") -> None:
        self.label = label
        self.on_bad = on_bad
        self.found: dict[str, list[str]] = {}
        self.bad = 0

    def add(self, kind: str, name: str, what_to_do: str = GET_AGAIN) -> None:
        """Leave a bad sample out, or refuse the set because of it.

        Args:
            kind: what is wrong, the same words for all samples it happens to ("the picture is missing").
            name: the sample.
            what_to_do: said when it is refused.

        Raises:
            UserError: ``on_bad`` is ``stop``.
        """
        if self.on_bad == "stop":
            raise UserError(f"{self.label} {name}: {kind}", what_to_do)
        self.bad += 1
        self.leave_out(kind, name)

    def leave_out(self, kind: str, name: str) -> None:
        """Count a sample that is left out by rule, not because it is bad."""
        self.found.setdefault(kind, []).append(name)

    def merge(self, found: dict[str, list[str]]) -> None:
        """Add what another process found; what both found, reading the same annotation, counts once."""
        for kind, names in found.items():
            self.found[kind] = sorted({*self.found.get(kind, []), *names})

    @property
    def count(self) -> int:
        """How many samples were left out."""
        return sum(len(names) for names in self.found.values())

    def lines(self) -> list[str]:
        """Return one line per kind: how many, what, and the first names."""
        return [f"{self.label}: {len(names)} left out, {kind} ({some(names)})" for kind, names in self.found.items()]

    def tell(self) -> None:
        """Print the lines on stderr, without breaking a progress bar."""
        for line in self.lines():
            tqdm.write(line, file=sys.stderr)


@contextmanager
def told(label: str, on_bad: OnBad, problems: Problems | None) -> Iterator[Problems]:
    """Give the problems to count into: the caller's, who tells them, or new ones that are told at the end."""
    counted = Problems(label, on_bad) if problems is None else problems
    yield counted
    if problems is None:
        counted.tell()


def some(names: Sequence[str]) -> str:
    """Name the first few and count the rest."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True)
class Inventory:
    """What a folder holds of a set.

    Attributes:
        summary: the annotation in words ("valid.h5: 2958 persons").
        pictures: every picture the annotation names.
        notes: what only some uses need and is not there, each with what to do.
    """

    summary: str
    pictures: tuple[Path, ...]
    notes: tuple[tuple[str, str], ...] = ()


def picture_or_problem(path: Path, name: str, problems: Problems) -> Picture | None:
    """Read a sample's picture; None when it is missing or damaged, which is then counted."""
    if not path.is_file():
        problems.add("the picture is missing", name, f"put it at {path}")
        return None
    try:
        return read_picture(path)
    except UserError as error:
        problems.add("the picture is damaged", name, error.what_to_do)
        return None


def matlab(path: Path, variable: str) -> Any:
    """Read one variable of a MATLAB v5 file; structs become objects with attributes, dimensions of one vanish.

    Raises:
        UserError: the file is damaged, of another version, or has no such variable.
    """
    try:
        return scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=[variable])[variable]
    except _DAMAGED_MATLAB as error:
        raise UserError(f"{path.name} is damaged or not MATLAB's, without `{variable}`", GET_AGAIN) from error


def hdf5(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Arrays:
    """Read fields of an HDF5 file (MATLAB v7.3 files are HDF5 too, with the dimensions in reverse).

    Raises:
        UserError: the file is damaged or a required field is missing.
    """
    try:
        with h5py.File(path, "r") as file:
            arrays = {
                name: np.asarray(file[name][()])
                for name in (*required, *optional)
                if isinstance(file.get(name), h5py.Dataset)
            }
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(f"{path.name} is damaged or not HDF5", GET_AGAIN) from error
    missing = [name for name in required if name not in arrays]
    if missing:
        raise UserError(f"{path.name} has no field {', '.join(missing)}", "see the exact layout in docs/datasets.md")
    return arrays


def same_length(path: Path, arrays: Arrays) -> int:
    """Return the fields' common length.

    Raises:
        UserError: they differ, so that no row can be trusted.
    """
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UserError(f"{path.name} has fields of different lengths ({told})", GET_AGAIN)
    return next(iter(lengths.values()), 0)
