"""How poses are read from what the network answers: the switches that window and command line share.

The one place that says which switches there are. The command line makes its flags of them
(``core.commands.predicting``), the window its settings and the words of the processes that it starts.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, Final


def _switch(default: bool, flag: str, told: str) -> bool:
    """Declare one switch: how it stands at first, the flag that turns it over, and the flag's help."""
    switch: bool = field(default=default, metadata={"flag": flag, "help": told})
    return switch


@dataclass(frozen=True)
class Reading:
    """What a pose depends on besides checkpoint, picture and box. As it stands at first, it is how poses are best.

    Attributes:
        mirror: average with the mirrored picture: slower by half to twice, steadier.
        peaks: take every map's highest peak by itself and depths as the depth module gives them, as the paper does,
            also where the checkpoint knows how likely joints are together (``core.pictorial``, ``core.lifting``).
        refine: bend the skeleton in space towards bones that can be real (``core.refine``); the picture's joints and
            the network's own depth stay as they are.
    """

    mirror: bool = _switch(True, "--no-flip", "do not average with the mirrored picture: faster")
    peaks: bool = _switch(
        False,
        "--peaks",
        "take each heatmap's highest peak and the network's depths by themselves, as the paper does, instead of "
        "reading all joints together",
    )
    refine: bool = _switch(False, "--refine", "bend the skeleton in space towards bones that can be real")

    def words(self) -> list[str]:
        """Return the flags of a command that reads in this way."""
        return [switch.metadata["flag"] for switch in SWITCHES if getattr(self, switch.name) != switch.default]


SWITCHES: Final[tuple[Field[Any], ...]] = fields(Reading)
"""Name, default, and ``flag`` and ``help`` in the metadata of every switch."""
