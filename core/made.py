"""How a pose was made, besides checkpoint, picture and box: the same keys and the same words in every file.

``core.reading`` says what is asked for; a ``Made`` says what was done, and stays with its pose whatever is switched
since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

from core.engines import EngineName

DecodedBy = Literal["limbs", "peaks"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Made:
    """How one pose was made. The names of the attributes are the keys in files.

    Attributes:
        refined: whether the skeleton in space was bent towards bones that can be real (``core.refine``).
        decoded_by: ``peaks``: every joint is its map's highest peak, as in the paper; ``limbs``: the joints of both
            sides were chosen together among their maps' best peaks (``core.pictorial``), and depths corrected by
            their places where the checkpoint knows how (``core.lifting``).
        mirror_averaged: whether the network's answer was averaged with that to the mirrored picture.
        smoothed: whether the joints were smoothed over time (``core.one_euro``).
        engine: who ran the network (``core.engines``).
        precision: what its convolutions computed in.
        height_mm: the person's stature that the skeleton in space was scaled by; None for the training subjects' mean
            size.
    """

    refined: bool = False
    decoded_by: DecodedBy = "peaks"
    mirror_averaged: bool = False
    smoothed: bool = False
    engine: EngineName = "torch"
    precision: Precision = "float32"
    height_mm: float | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Made:
        """Return what an entry of ``poses``, or one side of an entry of ``comparisons``, says."""
        return cls(**{key: item[key] for key in KEYS})

    def facts(self) -> dict[str, Any]:
        """Return the JSON-ready keys that every file has."""
        return asdict(self)

    def words(self) -> str:
        """Return all of it in words, for people."""
        return "; ".join(self.parts())

    def departures(self) -> list[str]:
        """Return in words only what differs from the paper's plain way."""
        plain = Made(precision=self.precision).parts()
        return [part for part in self.parts() if part not in plain]

    def parts(self) -> list[str]:
        """Return ``words`` fact by fact."""
        parts = [
            "mirror averaging" if self.mirror_averaged else "no mirror averaging",
            "joints read together" if self.decoded_by == "limbs" else "each joint at its highest peak",
            "refined in space" if self.refined else "not refined",
            "smoothed over time" if self.smoothed else "",
            f"run by {self.engine} in {self.precision}",
            "" if self.height_mm is None else f"scaled to a height of {self.height_mm:.0f} mm",
        ]
        return [part for part in parts if part]


def shared(made: Collection[Made]) -> list[str]:
    """Return in words what several poses have in common."""
    return [part for part in next(iter(made)).parts() if all(part in each.parts() for each in made)]


def told(made: Mapping[str, Made]) -> str:
    """Return one line for people about the poses of several models: what they have in common, then what only one has.

    Args:
        made: by the model's letter.
    """
    common = shared(made.values())
    own = {letter: [part for part in each.parts() if part not in common] for letter, each in made.items()}
    return "; ".join([*common, *(f"{letter}: {', '.join(parts)}" for letter, parts in own.items() if parts)])


KEYS: Final = tuple(field.name for field in fields(Made))
"""The keys that every file has of a pose."""
