"""A second opinion: the pose network looks at those whom the locating network proposes.

The locating network knows where somebody would be better than whether: of the places without people a twentieth look
as much like somebody to it as a fifth of the people do. The pose network, given the box, finds joints in a person and
few in a wall. The two answers together say who is there, and the joints say where the box ends. Not in the poster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.crop import Box
from core.locate.candidates import SAME_PERSON, Candidate, box_of_joints
from core.locate.search import overlap

FloatArray = NDArray[np.float64]

JOINTS_SHARE: Final = 0.75
"""Of a confirmed box: so much is the box of the joints found in it, the rest the one proposed. By the halves of either
more people are found than by one of them alone (``docs/locate.md``)."""
SOMEBODY: Final = 0.5
"""Surety from which on somebody is found."""
_SCORES: Final = (1e-6, 1.0 - 1e-6)


@dataclass(frozen=True)
class Confirming:
    """How two answers become one; fitted on held-out pictures (``docs/locate.md``) and kept in the locator's file.

    Attributes:
        proposed: whom the locating network gives a lower score the pose network is not asked about.
        weight: of the pose network's mean confidence, beside the logit of the locating network's score.
        limit: what the sum must reach.
    """

    proposed: float
    weight: float
    limit: float

    @classmethod
    def from_dict(cls, plain: Any) -> Confirming:
        """Read it from a file's metadata.

        Raises:
            ValueError: it is not one.
        """
        names = [field.name for field in fields(cls)]
        try:
            values = [float(plain[name]) for name in names]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a rule of confirming: {plain!r}") from error
        if not all(map(math.isfinite, values)) or not 0.0 <= values[0] <= 1.0:
            raise ValueError(f"not a rule of confirming: {plain!r}")
        return cls(*values)

    def to_dict(self) -> dict[str, float]:
        """Return what ``from_dict`` reads."""
        return asdict(self)

    def surety(self, score: float, mean_confidence: float) -> float:
        """Return how sure it is that somebody is there, 0..1; from ``SOMEBODY`` on somebody is found.

        Args:
            score: of the locating network, 0..1.
            mean_confidence: of the joints that the pose network finds in the box.
        """
        score = min(max(score, _SCORES[0]), _SCORES[1])
        total = math.log(score / (1.0 - score)) + self.weight * mean_confidence - self.limit
        return 1.0 / (1.0 + math.exp(-total))


def confirmed(
    proposals: Sequence[Candidate], looks: Sequence[tuple[FloatArray, float]], rule: Confirming, least: float = SOMEBODY
) -> list[Candidate]:
    """Return those of several proposals who are there, the surest first, one for each person.

    Args:
        proposals: of the locating network.
        looks: for each the (16, 2) joints in the picture, and their mean confidence, that the pose network finds in it.
        rule: the locator's own.
        least: surety of those who are returned; their scores are their sureties.
    """
    again = [
        Candidate(_between(proposal.box_px, box_of_joints(joints_px)), rule.surety(proposal.score, confidence))
        for proposal, (joints_px, confidence) in zip(proposals, looks, strict=True)
    ]
    kept: list[Candidate] = []
    for candidate in sorted(again, key=lambda candidate: -candidate.score):
        alone = all(overlap(candidate.box_px, other.box_px) <= SAME_PERSON for other in kept)
        if candidate.score >= least and alone:
            kept.append(candidate)
    return kept


def _between(proposed: Box, of_joints: Box) -> Box:
    pair = np.array([proposed, of_joints])
    pair[:, 2:] += pair[:, :2]
    left, top, right, bottom = (1.0 - JOINTS_SHARE) * pair[0] + JOINTS_SHARE * pair[1]
    return (float(left), float(top), float(right - left), float(bottom - top))
