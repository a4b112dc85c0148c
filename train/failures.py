"""The kinds of failure of a checkpoint, how frequent each is, and a typical example of it, among rendered people.

``train.failure_sheet`` makes ``NAME-failures.jpg`` of them beside the checkpoint, and as JSON what it shows; the card
(``train.card``) shows both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core import geometry, skeleton
from core.checkpoint import CheckpointInfo
from train import metrics
from train.evaluation.collecting import Collected
from train.evaluation.shared import PCK_SHARE

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TOO_DEEP_MM: Final = 150.0
"""A joint whose depth is further off than this is wrong: the distance of 3D PCK."""


@dataclass(frozen=True)
class Kind:
    """One kind of failure among the people who were looked at.

    Attributes:
        title: what it is called.
        persons: how many fail so.
        of: how many could.
        rate: how frequent it is, in words.
        shown: the sample that is the example; empty where nobody fails so.
        told: what is wrong there, in words.
    """

    title: str
    persons: int
    of: int
    rate: str
    shown: str = ""
    told: str = ""


@dataclass(frozen=True)
class Failures:
    """What the picture beside a checkpoint shows.

    Attributes:
        weights_sha256: of the weights that failed so.
        rendered: how many people were rendered.
        seed: of these people.
        whole: how many of them have all joints in the picture; the others do not count.
        kinds: in the order of the picture.
    """

    weights_sha256: str
    rendered: int
    seed: int
    whole: int
    kinds: tuple[Kind, ...]


def picture_path(path: Path) -> Path:
    """Return where the picture of a checkpoint's failures is; what it shows is beside it, as JSON."""
    return path.with_name(f"{path.stem}-failures.jpg")


def read(info: CheckpointInfo) -> Failures | None:
    """Return what the picture beside a checkpoint shows; None without one, or where other weights failed so."""
    picture = picture_path(info.path)
    try:
        stored = json.loads(picture.with_suffix(".json").read_text(encoding="utf-8"))
        found = Failures(**{**stored, "kinds": tuple(Kind(**kind) for kind in stored["kinds"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if picture.is_file() and found.weights_sha256 == info.metadata["weights_sha256"] else None


def true_sized(predicted_mm: FloatArray, truth_mm: FloatArray) -> FloatArray:
    """Return (N, 16, 3) predictions relative to the pelvis, their bones summing to those of the truth."""
    return metrics.scaled(metrics.root_aligned(predicted_mm), geometry.bone_lengths(truth_mm).sum(-1))


def kinds_of(found: Collected) -> tuple[Kind, ...]:
    """Find each kind of failure, as ``train.metrics`` defines it, and its example.

    The example is, of those who fail so, the one in the middle by 3D error (MPJPE at the true skeleton's scale). Nobody
    is the example of two kinds.

    Args:
        found: people with 3D truth whose joints are all in the picture.
    """
    torso = metrics.torso_px(found.truth_px, found.annotated)
    flat = (found.predicted_px, found.truth_px, found.annotated, torso)
    lifted, truth = true_sized(found.predicted_mm, found.truth_mm), metrics.root_aligned(found.truth_mm)
    error = metrics.mpjpe(lifted, truth)
    worst = int(error.argmax())
    examples = _Examples(found, error, worst)

    pairs = metrics.pair_collapse(*flat)
    collapsed, apart = (np.stack(each, axis=1) for each in zip(*pairs.values(), strict=True))
    swapped, swappable = metrics.swaps(*flat)
    right, counts = metrics.pck_hits(*flat, PCK_SHARE)
    right_in_2d = np.asarray((right & counts).all(axis=1))
    too_deep_mm = (lifted - truth)[..., 2]
    return (
        examples.kind(
            "Both ankles or both wrists on one limb", _anyhow(collapsed), _anyhow(apart), "with ankles or wrists apart",
            lambda who: " and ".join(f"both {pair}" for pair, yes in zip(pairs, collapsed[who], strict=True) if yes),
        ),
        examples.kind(
            "Left and right swapped", _anyhow(swapped), _anyhow(swappable), "with left and right apart",
            lambda who: ", ".join(_plural(skeleton.MIRROR_PAIRS[pair][0]) for pair in np.flatnonzero(swapped[who])),
        ),
        examples.kind(
            "Right in 2D, wrong in depth", right_in_2d & _anyhow(np.abs(too_deep_mm) > TOO_DEEP_MM), right_in_2d,
            "right in 2D", lambda who: _furthest(too_deep_mm[who]), f" have a joint over {TOO_DEEP_MM:.0f} mm off",
        ),
        Kind(
            "The worst of all", 1, len(found), f"greatest 3D error of {len(found)} people", str(found.names[worst]),
            f"{error[worst]:.0f} mm a joint; half of the people: under {np.median(error):.0f} mm",
        ),
    )  # fmt: skip


class _Examples:
    """Chooses examples; whoever was chosen once is not again."""

    def __init__(self, found: Collected, error: FloatArray, taken: int) -> None:
        self._names, self._error, self._taken = found.names, error, {taken}

    def kind(
        self, title: str, fails: BoolArray, counts: BoolArray, among: str, tell: Callable[[int], str], how: str = ""
    ) -> Kind:
        """Count who of those that count fails (and say how), and choose one of them."""
        persons, of = int(fails.sum()), int(counts.sum())
        rate = f"{persons} of {of} people {among}{how}: {100 * persons / of:.0f} %" if of else f"no people {among}"
        order = [int(who) for who in np.flatnonzero(fails)[np.argsort(self._error[fails], kind="stable")]]
        free = [who for who in order if who not in self._taken]
        if not free:
            return Kind(title, persons, of, rate)
        who = free[(len(free) - 1) // 2]
        self._taken.add(who)
        return Kind(title, persons, of, rate, str(self._names[who]), tell(who))


def _anyhow(each: BoolArray) -> BoolArray:
    """Return (N,) whether any of (N, K) holds."""
    return np.asarray(each.any(axis=1))


def _plural(right_joint: int) -> str:
    return skeleton.plain_name(skeleton.JOINT_NAMES[right_joint]).removeprefix("right ") + "s"


def _furthest(too_deep_mm: FloatArray) -> str:
    """Say which of (16,) depths is the furthest off."""
    joint = int(np.abs(too_deep_mm).argmax())
    way = "far" if too_deep_mm[joint] > 0 else "near"
    return f"{skeleton.plain_name(skeleton.JOINT_NAMES[joint])} {abs(too_deep_mm[joint]):.0f} mm too {way}"
