"""Finding people: which part of a picture goes through the pose network.

Two ways. A small network (``Locator``) looks at the whole picture once and proposes people, each with a box and a
score; the pose network looks at these and says who is there (``confirmed``). The search (``windows``) needs no weights
of its own: windows over the picture are scored by how sure the pose network is of the joints it sees in them; it finds
one person. Either way the best box is cut again around the joints found in it (``next_box``).

A person's box is the extent of the joints in the picture with the room of the training crops (``core.crop.ROOM``) on
all sides: the square around it (``core.crop.square``) is exactly ``core.crop.box_around`` of these joints.
"""

from core.locate.candidates import (
    CHOICES,
    LEAD,
    LOCATE_BY,
    Candidate,
    Find,
    LocateBy,
    at,
    besides,
    box_of_joints,
    crop_of,
)
from core.locate.confirming import SOMEBODY, Confirming, confirmed
from core.locate.locator import Locator
from core.locate.search import (
    FEWEST_SURE,
    MOST_STEPS,
    NOBODY_CONFIDENCE,
    PASSES,
    SETTLED,
    SMALLEST_PX,
    SURE,
    TRUST,
    next_box,
    overlap,
    windows,
)

__all__ = [
    "CHOICES",
    "FEWEST_SURE",
    "LEAD",
    "LOCATE_BY",
    "MOST_STEPS",
    "NOBODY_CONFIDENCE",
    "PASSES",
    "SETTLED",
    "SMALLEST_PX",
    "SOMEBODY",
    "SURE",
    "TRUST",
    "Candidate",
    "Confirming",
    "Find",
    "LocateBy",
    "Locator",
    "at",
    "besides",
    "box_of_joints",
    "confirmed",
    "crop_of",
    "next_box",
    "overlap",
    "windows",
]
