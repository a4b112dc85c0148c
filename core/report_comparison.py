"""Reports of a comparison: one HTML file, each picture with both skeletons, the differences, and the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import report
from core.compare import Comparison, sentences
from core.export import printable, write_atomically
from core.export_comparison import MOST_ROWS, letters, pairs
from core.figure import region
from core.pose import Pose


@dataclass(frozen=True)
class Page:
    """One comparison of a report.

    Attributes:
        entry: from ``export_comparison.entry``.
        title: what is shown.
        sides: picture and drawings of each model, A's first.
        pairs: from ``export_comparison.pairs``: the entry of A and each of the others.
        sentences: each comparison in plain words, by the other's key.
        worst: the joints of A and each of the others, by its key; those that differ most first, by the model that is
            furthest from A.
        made: how the poses were made, in words: once if all were made alike, else of each model.
    """

    entry: Mapping[str, Any]
    title: str
    sides: Sequence[report.Page]
    pairs: Mapping[str, Mapping[str, Any]]
    sentences: Mapping[str, str]
    worst: Sequence[Mapping[str, Mapping[str, Any]]]
    made: Sequence[str]


def page(
    image: NDArray[np.uint8],
    poses: Sequence[Pose],
    comparisons: Sequence[Comparison],
    entry: Mapping[str, Any],
    title: str,
) -> Page:
    """Make one comparison's part of a report.

    Args:
        image: (h, w, 3) RGB, the picture all poses were found in.
        poses: A's first.
        comparisons: from ``compare_all``.
        entry: from ``export_comparison.entry``.
        title: what is shown, such as the picture's name.
    """
    kept = ("input", "frame", "time_s", "picture_size_px", "box_px", "located_by")
    shared = {key: entry[key] for key in kept}
    parts = np.array([region(pose) for pose in poses])
    (left, top), (right, bottom) = parts[:, :2].min(axis=0).tolist(), parts[:, 2:].max(axis=0).tolist()
    joints_mm = np.array([entry[side]["joints_mm"] for side in letters(len(poses))])
    sides = []
    for pose, side in zip(poses, letters(len(poses)), strict=True):
        beside = report.Beside((left, top, right, bottom), joints_mm, None if side == "a" else entry["a"])
        sides.append(report.page(image, pose, {**shared, **entry[side]}, title, beside))
    told = pairs(entry)
    rows = [
        dict(zip(told, joints, strict=True)) for joints in zip(*(each["joints"] for each in told.values()), strict=True)
    ]
    rows.sort(key=lambda row: -max(float(joint["distance_mm"]) for joint in row.values()))
    words = dict(zip(told, sentences(comparisons), strict=True))
    made = list(dict.fromkeys(pose.made.words() for pose in poses))
    return Page(entry, printable(title), sides, told, words, rows, made)


def write(
    path: str | Path, pages: Sequence[Page], summary: Mapping[str, Any],
    checkpoints: Sequence[Mapping[str, Any]], terms: Sequence[Mapping[str, str]],
    failed: Sequence[Mapping[str, str]] = (), left_out: int = 0,
) -> Path:  # fmt: skip
    """Write a comparison's report.

    Args:
        path: the file.
        pages: from ``page``.
        summary: from ``export_comparison.summary``.
        checkpoints: of A, B and any others, from ``checkpoint.summary``.
        terms: of their data by data set; may be empty.
        failed: from ``export.failure``.
        left_out: how many comparisons there were beside the pages.

    Raises:
        UserError: it cannot be written.
    """
    others = {"b": summary, **summary.get("others", {})}
    numbers = {(page.entry["input"], page.entry["frame"]): number for number, page in enumerate(pages)}
    facts: dict[str, Any] = {"numbers": numbers, "most_rows": MOST_ROWS}
    facts |= {"pages": pages, "summary": summary, "others": others, "checkpoints": checkpoints, "terms": terms}
    text = report.render("comparison.html", failed=failed, left_out=left_out, **facts)
    return write_atomically(path, text.encode("utf-8"))
