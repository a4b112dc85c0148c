"""The figure of one comparison: A and B side by side with arrows between their joints, 3D, the top of the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import NDArray

from core import skeleton
from core.compare import Comparison, JointDifference, asymmetry_percent, deviation_percent, losses
from core.export import printable
from core.figure import (
    FONT,
    INK,
    LINE,
    PLAIN,
    QUIET,
    SIDE_COLOURS,
    bare,
    blank,
    foot,
    photo,
    save,
    side_legend,
    two_sides,
)
from core.pose import Pose

TOP: Final = 8
"""Joints in the table."""
_SHORTEST: Final = 0.012
"""Arrows shorter than this share of the picture's part are not drawn: they would be heads alone."""
_ARROW: Final = "#ffd34d"


def write_figure(
    path: str | Path, image: NDArray[np.uint8], poses: tuple[Pose, Pose], comparison: Comparison, title: str
) -> Path:
    """Write the figure in the format of the file's suffix: PNG of about 1750 x 980 px, SVG or PDF.

    Args:
        path: the file.
        image: (h, w, 3) RGB, the picture both poses were found in.
        poses: A's and B's.
        comparison: of the two.
        title: what is shown, such as the picture's name.

    Raises:
        UserError: it cannot be written.
    """
    return save(path, draw(image, poses, comparison, title), poses[0], printable(title))


def draw(image: NDArray[np.uint8], poses: tuple[Pose, Pose], comparison: Comparison, title: str) -> Figure:
    """Draw the figure without touching pyplot's global state."""
    a, b = poses
    figure = blank(title)
    facts = (
        f"joints {comparison.mean_mm:.0f} mm, {comparison.mean_px:.1f} px and {comparison.mean_degrees:.0f}° apart "
        "on average   ·   the same picture and box"
    )
    figure.text(0.02, 0.918, facts, size=10, color=QUIET, va="center", **PLAIN)
    part = _part(a, b, 0.225 * 14.0 / (0.755 * 7.84))
    for letter, pose, left in (("A", a, 0.02), ("B", b, 0.255)):
        heading = f"{letter}   {pose.checkpoint_name}"
        figure.text(left, 0.875, heading, size=10.5, weight="bold", color=INK, va="center", **PLAIN)
        axes = figure.add_axes((left, 0.10, 0.225, 0.755))
        photo(axes, image, pose, part)
        _arrows(axes, a, b, part)
    side_legend(figure, 0.51)
    for letter, pose, other, bottom in (("A", a, b, 0.55), ("B", b, a, 0.135)):
        figure.text(0.5, bottom + 0.325, letter, size=10.5, weight="bold", color=INK, va="center", **PLAIN)
        two_sides(figure, pose, (0.525, bottom, 0.2, 0.315), other)
    _joint_table(figure.add_axes((0.755, 0.49, 0.23, 0.40)), comparison)
    _totals(figure.add_axes((0.755, 0.10, 0.23, 0.35)), comparison)
    made_by = "   ".join(f"sha256 {pose.checkpoint_sha256[:8]}" for pose in poses)
    foot(figure, comparison.sentence(), made_by)
    return figure


def _part(a: Pose, b: Pose, shape: float) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom): both skeletons with some room, grown to width over height ``shape`` where the
    picture allows it.
    """
    limit = np.array(a.picture_size_px, dtype=np.float64)
    points = np.clip(np.vstack([a.joints_px, b.joints_px]), 0.0, limit)
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
    shortest = _SHORTEST * max(right - left, bottom - top)
    for start, end in zip(a.joints_px, b.joints_px, strict=True):
        if float(np.linalg.norm(end - start)) < shortest:
            continue
        arrow = FancyArrowPatch(
            tuple(start), tuple(end), arrowstyle="-|>,head_length=3.5,head_width=2", color=_ARROW, linewidth=1.6,
            shrinkA=0, shrinkB=0, zorder=4, path_effects=[Stroke(linewidth=3.4, foreground=INK), Normal()],
        )  # fmt: skip
        axes.add_patch(arrow)


_JOINT_COLUMNS: Final = (("mm", 0.60), ("px", 0.80), ("degrees", 1.0))


def _joint_table(axes: Axes, comparison: Comparison) -> None:
    """Draw the joints that differ most."""
    rows = [_joint_row(joint) for joint in comparison.worst_first[:TOP]]
    sides = [skeleton.joint_side(joint.index) for joint in comparison.worst_first[:TOP]]
    _table(axes, "joints that differ most", _JOINT_COLUMNS, rows, sides)


def _joint_row(joint: JointDifference) -> tuple[str, ...]:
    angle = "–" if joint.angle_degrees is None else f"{joint.angle_degrees:.0f}"
    return (skeleton.plain_name(joint.name), f"{joint.distance_mm:.0f}", f"{joint.distance_px:.1f}", angle)


def _totals(axes: Axes, comparison: Comparison) -> None:
    """Draw what the bones of each say in all."""
    reports = (comparison.geometry_a, comparison.geometry_b)
    rows = [
        ("deviation of bones, mean %", *(f"{deviation_percent(each).mean():.1f}" for each in reports)),
        (
            "left against right limbs, mean %",
            *(f"{asymmetry_percent(each).mean():.1f}" for each in reports),
        ),
    ]
    rows += [
        (name if name == "geometry loss" else f"geometry loss, {name}", f"{a:.4f}", f"{b:.4f}")
        for name, a, b in reversed(losses(comparison))
    ]
    _table(axes, "bones in all", (("A", 0.82), ("B", 1.0)), rows, None)


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
