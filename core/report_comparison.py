"""Reports of a comparison: one HTML file, each picture with both skeletons, the differences, and the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import report
from core.compare import Comparison
from core.export import printable, write_atomically
from core.export_comparison import worst_first
from core.pose import Pose


@dataclass(frozen=True)
class Page:
    """One comparison of a report.

    Attributes:
        entry: from ``export_comparison.entry``.
        title: what is shown.
        sentence: the comparison in plain words.
        sides: A's and B's picture and drawings.
        worst: the joints, those that differ most first.
    """

    entry: Mapping[str, Any]
    title: str
    sentence: str
    sides: tuple[report.Page, report.Page]
    worst: Sequence[Mapping[str, Any]]


def page(
    image: NDArray[np.uint8], poses: tuple[Pose, Pose], comparison: Comparison, entry: Mapping[str, Any], title: str
) -> Page:
    """Make one comparison's part of a report.

    Args:
        image: (h, w, 3) RGB, the picture both poses were found in.
        poses: A's and B's.
        comparison: of the two.
        entry: from ``export_comparison.entry``.
        title: what is shown, such as the picture's name.
    """
    kept = ("input", "frame", "time_s", "picture_size_px", "box_px", "located_by", "refined")
    shared = {key: entry[key] for key in kept}
    a, b = (report.page(image, pose, {**shared, **entry[side]}, title) for pose, side in zip(poses, "ab", strict=True))
    return Page(entry, printable(title), comparison.sentence(), (a, b), worst_first(entry["joints"]))


def write(
    path: str | Path, pages: Sequence[Page], summary: Mapping[str, Any],
    checkpoints: tuple[Mapping[str, Any], Mapping[str, Any]], terms: tuple[Mapping[str, str], Mapping[str, str]],
    failed: Sequence[Mapping[str, str]] = (), left_out: int = 0,
) -> Path:  # fmt: skip
    """Write a comparison's report.

    Args:
        path: the file.
        pages: from ``page``.
        summary: from ``export_comparison.summary``.
        checkpoints: A's and B's, from ``checkpoint.summary``.
        terms: of their data by data set; may be empty.
        failed: from ``export.failure``.
        left_out: how many comparisons there were beside the pages.

    Raises:
        UserError: it cannot be written.
    """
    facts = {"pages": pages, "summary": summary, "checkpoints": checkpoints, "terms": terms}
    text = report.render("comparison.html", failed=failed, left_out=left_out, **facts)
    return write_atomically(path, text.encode("utf-8"))
