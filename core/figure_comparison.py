"""The figure of one comparison: the models side by side with arrows from A's joints, 3D, the top of the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import NDArray

from core import skeleton
from core.compare import LETTERS, Comparison, JointDifference, asymmetry_percent, deviation_percent, sentences
from core.export import printable, signature
from core.figure import (
    FONT,
    INK,
    LINE,
    MOVE_COLOUR,
    PLAIN,
    QUIET,
    SHORTEST,
    SIDE_COLOURS,
    bare,
    blank,
    foot,
    photo,
    save,
    side_legend,
    two_sides,
)
from core.made import shared
from core.pose import Pose

TOP: Final = 8
"""Joints in the table."""


def write_figure(
    path: str | Path, image: NDArray[np.uint8], poses: Sequence[Pose], comparisons: Sequence[Comparison], title: str
) -> Path:
    """Write the figure in the format of the file's suffix: PNG of about 1750 x 980 px, SVG or PDF.

    Args:
        path: the file.
        image: (h, w, 3) RGB, the picture all poses were found in.
        poses: two to four, A's first.
        comparisons: from ``compare_all``.
        title: what is shown, such as the picture's name.

    Raises:
        UserError: it cannot be written.
    """
    return save(path, draw(image, poses, comparisons, title), signature(poses), printable(title))


def draw(image: NDArray[np.uint8], poses: Sequence[Pose], comparisons: Sequence[Comparison], title: str) -> Figure:
    """Draw the figure without touching pyplot's global state."""
    figure = blank(title)
    draw_models = _draw_two if len(poses) == 2 else _draw_grid
    draw_models(figure, image, poses, comparisons)
    _joint_table(figure.add_axes((0.755, 0.49, 0.23, 0.40)), comparisons)
    _totals(figure.add_axes((0.755, 0.10, 0.23, 0.35)), comparisons)
    words, furthest = max(zip(sentences(comparisons), comparisons, strict=True), key=lambda pair: pair[1].mean_mm)
    # What differs between the models is in the metadata and in JSON.
    made = "; ".join(shared([pose.made for pose in poses]))
    if len(poses) == 2:
        foot(figure, words, "   ".join(_hash(pose) for pose in poses), made)
    else:
        foot(figure, f"A and {LETTERS[comparisons.index(furthest) + 1]}: {words}", "", made)
    return figure


def _hash(pose: Pose) -> str:
    return f"sha256 {pose.checkpoint_sha256[:8]}"


def _draw_two(
    figure: Figure, image: NDArray[np.uint8], poses: Sequence[Pose], comparisons: Sequence[Comparison]
) -> None:
    """Draw the pictures of A and B beside each other, and their 3D one over the other."""
    a, b = poses
    _facts(
        figure,
        f"joints {_apart(comparisons[0])} apart on average   ·   the same picture and box",
    )
    part = _part(poses, 0.225 * 14.0 / (0.755 * 7.84))
    for letter, pose, left in (("A", a, 0.02), ("B", b, 0.255)):
        _heading(figure, left, 0.875, f"{letter}   {pose.checkpoint_name}")
        axes = figure.add_axes((left, 0.10, 0.225, 0.755))
        photo(axes, image, pose, part)
        _arrows(axes, a, b, part)
    side_legend(figure, 0.51)
    for letter, pose, other, bottom in (("A", a, b, 0.55), ("B", b, a, 0.135)):
        _heading(figure, 0.5, bottom + 0.325, letter)
        two_sides(figure, pose, (0.525, bottom, 0.2, 0.315), other)


def _draw_grid(
    figure: Figure, image: NDArray[np.uint8], poses: Sequence[Pose], comparisons: Sequence[Comparison]
) -> None:
    """Draw two rows of two: each model's picture with arrows from A's joints, and its 3D beside it."""
    apart = [f"{letter} {_apart(found)}" for letter, found in zip(LETTERS[1:], comparisons, strict=False)]
    _facts(figure, f"from A on average: {'   '.join(apart)}")
    part = _part(poses, 0.115 * 14.0 / (0.345 * 7.84))
    for place, pose in enumerate(poses):
        left, bottom = 0.02 + 0.366 * (place % 2), 0.50 - 0.405 * (place // 2)
        _heading(figure, left, bottom + 0.37, f"{LETTERS[place]}   {pose.checkpoint_name}")
        figure.text(left + 0.35, bottom + 0.37, _hash(pose), size=8, color=QUIET, va="center", ha="right", **PLAIN)
        axes = figure.add_axes((left, bottom, 0.115, 0.345))
        photo(axes, image, pose, part)
        if place:
            _arrows(axes, poses[0], pose, part)
        two_sides(figure, pose, (left + 0.15, bottom + 0.045, 0.19, 0.275), *poses)
    side_legend(figure, 0.755)


def _facts(figure: Figure, text: str) -> None:
    figure.text(0.02, 0.918, text, size=10, color=QUIET, va="center", **PLAIN)


def _heading(figure: Figure, left: float, bottom: float, text: str) -> None:
    figure.text(left, bottom, text, size=10.5, weight="bold", color=INK, va="center", **PLAIN)


def _apart(found: Comparison) -> str:
    return f"{found.mean_mm:.0f} mm, {found.mean_px:.1f} px and {found.mean_degrees:.0f}°"


def _part(poses: Sequence[Pose], shape: float) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom): all skeletons with some room, grown to width over height ``shape`` where the
    picture allows it.
    """
    limit = np.array(poses[0].picture_size_px, dtype=np.float64)
    points = np.clip(np.vstack([pose.joints_px for pose in poses]), 0.0, limit)
    low, high = points.min(axis=0), points.max(axis=0)
    size = (high - low) + 0.16 * float((high - low).max()) + 2.0
    size = np.minimum(np.maximum(size, (size[1] * shape, size[0] / shape)), limit)
    corner = np.clip((low + high - size) / 2, 0.0, limit - size)
    left, top = (int(value) for value in np.floor(corner))
    right, bottom = (int(value) for value in np.minimum(np.ceil(corner + size), limit))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _arrows(axes: Axes, a: Pose, b: Pose, part_px: tuple[int, int, int, int]) -> None:
    """Draw an arrow from each of A's joints to B's."""
    left, top, right, bottom = part_px
    shortest = SHORTEST * max(right - left, bottom - top)
    for start, end in zip(a.joints_px, b.joints_px, strict=True):
        if float(np.linalg.norm(end - start)) < shortest:
            continue
        arrow = FancyArrowPatch(
            tuple(start), tuple(end), arrowstyle="-|>,head_length=3.5,head_width=2", color=MOVE_COLOUR, linewidth=1.6,
            shrinkA=0, shrinkB=0, zorder=4, path_effects=[Stroke(linewidth=3.4, foreground=INK), Normal()],
        )  # fmt: skip
        axes.add_patch(arrow)


def _joint_table(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    """Draw the joints that differ most, with several models by the one that is furthest from A."""
    triples = list(zip(*(found.joints for found in comparisons), strict=True))
    triples.sort(key=lambda joints: -max(joint.distance_mm for joint in joints))
    shown = triples[:TOP]
    rows: list[tuple[str, ...]]
    columns: tuple[tuple[str, float], ...]
    if len(comparisons) == 1:
        columns = (("mm", 0.60), ("px", 0.80), ("degrees", 1.0))
        rows = [_joint_row(joints[0]) for joints in shown]
        title = "joints that differ most"
    else:
        places = (1.0, 0.86, 0.72)[: len(comparisons)][::-1]
        columns = tuple(zip(LETTERS[1:], places, strict=False))
        rows = [
            (skeleton.plain_name(joints[0].name), *(f"{joint.distance_mm:.0f}" for joint in joints)) for joints in shown
        ]
        title = "joints that differ most from A, mm"
    _table(axes, title, columns, rows, [skeleton.joint_side(joints[0].index) for joints in shown])


def _joint_row(joint: JointDifference) -> tuple[str, ...]:
    angle = "–" if joint.angle_degrees is None else f"{joint.angle_degrees:.0f}"
    return (skeleton.plain_name(joint.name), f"{joint.distance_mm:.0f}", f"{joint.distance_px:.1f}", angle)


def _totals(axes: Axes, comparisons: Sequence[Comparison]) -> None:
    """Draw what the bones of each model say in all."""
    reports = (comparisons[0].geometry_a, *(found.geometry_b for found in comparisons))
    rows = [
        ("deviation, mean %", *(f"{deviation_percent(each).mean():.1f}" for each in reports)),
        ("left-right, mean %", *(f"{asymmetry_percent(each).mean():.1f}" for each in reports)),
        ("geometry loss", *(f"{each.loss:.4f}" for each in reports)),
    ]
    rows += [
        (f"loss, {name}", *(f"{each.groups[name]:.4f}" for each in reports)) for name in reversed(skeleton.GROUP_NAMES)
    ]
    step = 0.18 if len(reports) == 2 else 0.15
    columns = tuple((letter, 1.0 - step * (len(reports) - 1 - place)) for place, letter in enumerate(LETTERS))
    _table(axes, "bones in all", columns[: len(reports)], rows, None)


def _table(
    axes: Axes, title: str, columns: tuple[tuple[str, float], ...], rows: list[tuple[str, ...]], sides: list[Any] | None
) -> None:
    bare(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) + 1.1, 0)
    text: dict[str, Any] = {"va": "center", "family": FONT}
    axes.text(0.0, 0.5, title, size=8, color=QUIET, ha="left", **text)
    for name, x in columns:
        axes.text(x, 0.5, name, size=8, color=QUIET, ha="right", **text)
    for number, (label, *values) in enumerate(rows):
        y = number + 1.5
        axes.axhline(y - 0.5, color=LINE, linewidth=0.8)
        if sides is not None:
            axes.plot(0.012, y, marker="o", markersize=6, color=SIDE_COLOURS[sides[number]], clip_on=False)
        axes.text(0.0 if sides is None else 0.045, y, label, size=9, color=INK, ha="left", **text)
        for (_name, x), value in zip(columns, values, strict=True):
            axes.text(x, y, value, size=9, color=INK, ha="right", **text)
