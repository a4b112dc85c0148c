"""The annotated figure of one pose: picture with skeleton, 3D from two sides, bone table, one plain sentence."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from core import skeleton
from core.errors import UserError
from core.export import printable, signature, write_atomically
from core.media import at_most
from core.pose import Pose

FloatArray = NDArray[np.float64]

SIDE_COLOURS: Final = {"right": "#f2683c", "left": "#2f88ee", "centre": "#4fae55"}
VERDICT_COLOURS: Final = {"plausible": "#2f9e63", "doubtful": "#d99a16", "implausible": "#d8434e"}
UNSURE: Final = 0.25
"""Joints of less confidence are drawn hollow and their bones dashed."""
MOVE_COLOUR: Final = "#ffd34d"
"""Of what leads from one model's joint to another's."""
SHORTEST: Final = 0.012
"""What would be shorter than this share of the picture's part is not drawn: arrows would be heads alone."""

INK, QUIET, LINE, _PAPER = "#20242c", "#69707d", "#dfe3e9", "#ffffff"
FONT: Final = ("DejaVu Sans", "sans-serif")
# Names are text, never formulas: a dollar sign must stay one.
PLAIN: Final[dict[str, Any]] = {"family": FONT, "parse_math": False}
_LARGEST_PX = 1200
_DPI: Final = 125
FORMATS: Final = ("png", "svg", "pdf")


def write_figure(path: str | Path, image: NDArray[np.uint8], pose: Pose, title: str) -> Path:
    """Write the figure in the format of the file's suffix: PNG of about 1750 x 980 px, SVG or PDF.

    Args:
        path: the file, ending in one of ``FORMATS``.
        image: (h, w, 3) RGB, the picture the pose was found in.
        pose: the pose.
        title: what is shown, such as the picture's name.

    Raises:
        UserError: the suffix is none of them, or it cannot be written.
    """
    return save(path, draw(image, pose, title), signature([pose]), printable(title))


def save(path: str | Path, figure: Figure, made_by: str, title: str) -> Path:
    """Write a drawn figure in the format of the file's suffix.

    Args:
        path: the file.
        figure: what is drawn.
        made_by: what its metadata say (``export.signature``).
        title: what is shown.

    Raises:
        UserError: the suffix is none of ``FORMATS``, or it cannot be written.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UserError(f"{Path(path).name} is no figure", f"end its name in .{', .'.join(FORMATS)}")
    return write_atomically(path, render(figure, kind, made_by, title))


def render(figure: Figure, kind: str, made_by: str, title: str) -> bytes:
    """Return a figure as a file of one of ``FORMATS``; see ``save``."""
    buffer = io.BytesIO()
    # Each format has its own words for the same three things; SVG and PDF would add the time, which no reader needs.
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Software": "Bonesight", "Title": title, "Description": made_by},
        "svg": {"Creator": "Bonesight", "Title": title, "Description": made_by, "Date": None},
        "pdf": {"Creator": "Bonesight", "Title": title, "Subject": made_by, "CreationDate": None},
    }
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; that is no reason to speak on stderr.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(buffer, format=kind, dpi=_DPI, facecolor=_PAPER, metadata=metadata[kind])
    return buffer.getvalue()


def draw(image: NDArray[np.uint8], pose: Pose, title: str) -> Figure:
    """Draw the figure without touching pyplot's global state."""
    figure = blank(title)
    width, height = pose.picture_size_px
    located = {"given": "box given", "search": "person searched for", "track": "person tracked"}[pose.located_by]
    facts = f"{width} × {height} px   ·   {located}   ·   mean confidence {pose.mean_confidence:.2f}"
    figure.text(0.02, 0.918, facts, size=10, color=QUIET, va="center", **PLAIN)

    photo(figure.add_axes((0.02, 0.10, 0.35, 0.79)), image, pose, region(pose))
    two_sides(figure, pose, (0.405, 0.385, 0.285, 0.475))
    side_legend(figure, 0.405)
    _confidence(figure.add_axes((0.405, 0.175, 0.285, 0.125)), pose)
    _table(figure.add_axes((0.715, 0.10, 0.27, 0.79)), pose)

    source = f"{pose.checkpoint_name}   sha256 {pose.checkpoint_sha256[:12]}"
    foot(figure, pose.geometry.sentence(), source, pose.made.words())
    return figure


def blank(title: str) -> Figure:
    """Return a page with a title and nothing else."""
    figure = Figure(figsize=(14.0, 7.84), facecolor=_PAPER)
    FigureCanvasAgg(figure)
    shown = printable(title)
    shown = shown if len(shown) <= 60 else shown[:28] + " … " + shown[-28:]
    figure.text(0.02, 0.955, shown, size=16, weight="bold", color=INK, va="center", **PLAIN)
    return figure


def side_legend(figure: Figure, left: float) -> None:
    """Say which colour is which side of the body, from so far right on."""
    for x, side in ((left, "right"), (left + 0.063, "left"), (left + 0.117, "centre")):
        figure.text(x, 0.935, "●", size=12, color=SIDE_COLOURS[side], va="center", **PLAIN)
        figure.text(x + 0.013, 0.935, side, size=9, color=QUIET, va="center", **PLAIN)


def foot(figure: Figure, sentence: str, source: str, made: str = "") -> None:
    """Put one plain sentence, what made the figure, and how its poses were made under a line at its foot."""
    rule = Line2D((0.02, 0.985), (0.07, 0.07), transform=figure.transFigure, color=LINE, linewidth=1)
    figure.add_artist(rule)
    quiet: dict[str, Any] = {"size": 9, "color": QUIET, "va": "center", **PLAIN}
    # Beside each other, the longest sentence and the longest words on how would meet.
    figure.text(0.02, 0.046 if made else 0.038, sentence, size=12, weight="bold", color=INK, va="center", **PLAIN)
    figure.text(0.02, 0.018, made, **quiet)
    figure.text(0.985, 0.046 if made else 0.038, source, ha="right", **quiet)


def bare(axes: Axes) -> None:
    """Take ticks and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def photo(axes: Axes, image: NDArray[np.uint8], pose: Pose, part_px: tuple[int, int, int, int]) -> None:
    """Draw a part of the picture, (left, top, right, bottom), with the 2D skeleton."""
    bare(axes)
    left, top, right, bottom = part_px
    part = at_most(image[top:bottom, left:right], _LARGEST_PX)
    axes.imshow(part, extent=(left, right, bottom, top), interpolation="bilinear")
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_anchor("NW")
    halo = [Stroke(linewidth=5.0, foreground=(0, 0, 0, 0.55)), Normal()]
    for bone in skeleton.BONES:
        ends = pose.joints_px[list(bone.joints)]
        sure = float(pose.confidence[list(bone.joints)].min()) >= UNSURE
        axes.plot(
            ends[:, 0], ends[:, 1], color=SIDE_COLOURS[bone.side], linewidth=3.0, solid_capstyle="round",
            linestyle="-" if sure else (0, (1.6, 1.6)), path_effects=halo if sure else None, zorder=2,
        )  # fmt: skip
    for joint, (x, y) in enumerate(pose.joints_px):
        colour = SIDE_COLOURS[skeleton.joint_side(joint)]
        sure = float(pose.confidence[joint]) >= UNSURE
        axes.plot(
            x, y, marker="o", markersize=7.5, markerfacecolor=colour if sure else "none", markeredgewidth=1.4,
            markeredgecolor="white" if sure else colour, zorder=3,
        )  # fmt: skip


def region(pose: Pose) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) in picture pixels: box and joints with some room, within the picture."""
    width, height = pose.picture_size_px
    x, y, box_width, box_height = pose.box_px
    points = np.vstack([pose.joints_px, [(x, y), (x + box_width, y + box_height)]])
    points = np.clip(points, (0, 0), (width, height))
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.04 * float((high - low).max()) + 1.0
    left, top = (int(value) for value in np.clip(np.floor(low - room), 0, (width - 1, height - 1)))
    right, bottom = (int(value) for value in np.clip(np.ceil(high + room), (left + 1, top + 1), (width, height)))
    return left, top, right, bottom


def two_sides(figure: Figure, pose: Pose, area: tuple[float, float, float, float], *others: Pose) -> None:
    """Draw the 3D skeleton from the front and from the side at one scale, nothing cut off.

    Args:
        figure: where.
        pose: the pose.
        area: (left, bottom, width, height) for both in figure fractions.
        others: poses that are drawn elsewhere at the same scale.
    """
    left, bottom, width, height = area
    gap = 0.016
    width_in, height_in = figure.get_size_inches()
    joints_mm = np.vstack([each.joints_mm for each in (pose, *others)])
    low, high = joints_mm.min(axis=0), joints_mm.max(axis=0)
    # A lying or reaching body needs width, a standing one height: the two views share the room by need.
    span = np.maximum((high - low) * 1.12 + 120.0, 800.0)
    mm_per_inch = max(span[1] / (height * height_in), (span[0] + span[2]) / ((width - gap) * width_in))
    for across, name in ((0, "front"), (2, "side, from the right")):
        share = (width - gap) * float(span[across] / (span[0] + span[2]))
        axes = figure.add_axes((left, bottom, share, height))
        half = np.array([share * width_in, height * height_in]) * mm_per_inch / 2
        middle = ((low + high) / 2)[[across, 1]]
        axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
        axes.set_ylim(middle[1] + half[1], middle[1] - half[1])
        _skeleton(axes, pose, across, name)
        left += share + gap


def _skeleton(axes: Axes, pose: Pose, across: int, name: str) -> None:
    """Draw the 3D skeleton without perspective; ``across`` is the axis that runs to the right (0 x, 2 z)."""
    joints = pose.joints_mm
    # From the front the camera looks along +z; from the side along -x, with z to the right.
    depth = joints[:, 2] if across == 0 else -joints[:, 0]
    axes.set_facecolor("#f7f8fa")
    axes.grid(color="#e3e7ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=7, labelcolor=QUIET, pad=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MultipleLocator(500.0))
    for spine in axes.spines.values():
        spine.set_color(LINE)
    axes.set_title(name, size=9.5, color=INK, loc="left", pad=5, family=FONT)
    axes.set_xlabel("x mm" if across == 0 else "z mm, away from the camera →", size=7.5, color=QUIET, labelpad=2)
    if across == 0:
        axes.set_ylabel("y mm, down", size=7.5, color=QUIET, labelpad=1)
    else:
        axes.tick_params(labelleft=False)
    far, near = float(depth.max()), float(depth.min())
    order = sorted(range(skeleton.BONE_COUNT), key=lambda bone: -float(depth[skeleton.BONE_ENDS[bone]].mean()))
    for index in order:
        bone = skeleton.BONES[index]
        ends = joints[list(bone.joints)]
        closeness = (far - float(depth[list(bone.joints)].mean())) / max(far - near, 1.0)
        width = 4.0 + 2.5 * closeness
        axes.plot(
            ends[:, across], ends[:, 1], color=SIDE_COLOURS[bone.side], linewidth=width, solid_capstyle="round",
            path_effects=[Stroke(linewidth=width + 2.4, foreground="white"), Normal()], zorder=2,
        )  # fmt: skip
        axes.plot(
            ends[:, across], ends[:, 1], linestyle="none", marker="o", markersize=width + 1.6,
            color=SIDE_COLOURS[bone.side], markeredgecolor="white", markeredgewidth=0.9, zorder=2,
        )  # fmt: skip


def _confidence(axes: Axes, pose: Pose) -> None:
    """Draw the confidence of the 16 joints as bars."""
    names = [skeleton.plain_name(name).replace("right ", "r ").replace("left ", "l ") for name in skeleton.JOINT_NAMES]
    colours = [SIDE_COLOURS[skeleton.joint_side(joint)] for joint in range(skeleton.JOINT_COUNT)]
    places = np.arange(skeleton.JOINT_COUNT)
    bars = axes.bar(places, pose.confidence, color=colours, width=0.72)
    for bar, value in zip(bars, pose.confidence, strict=True):
        if value < UNSURE:
            bar.set(facecolor="white", edgecolor=bar.get_facecolor(), linewidth=1.2)
    axes.axhline(UNSURE, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.6, skeleton.JOINT_COUNT - 0.4)
    axes.set_yticks([0, 0.5, 1])
    axes.set_xticks(places, names, rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=7.5, labelcolor=QUIET, pad=2)
    axes.set_title(f"confidence of each joint (hollow: under {UNSURE}, a guess)", size=10, color=INK, loc="left",
                   pad=5, family=FONT)  # fmt: skip
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LINE)


_COLUMNS: Final = (
    ("bone", 0.0, "left"), ("length\nmm", 0.395, "right"), ("ratio", 0.505, "right"), ("deviation\n%", 0.65, "right"),
    ("R − L\n%", 0.795, "right"), ("verdict", 1.0, "right"),
)  # fmt: skip


def _table(axes: Axes, pose: Pose) -> None:
    """Draw the bone table with the verdict's colour behind each verdict."""
    bare(axes)
    axes.set_xlim(0, 1)
    rows = skeleton.BONE_COUNT + 3.6
    axes.set_ylim(rows, 0)
    text: dict[str, Any] = {"va": "center", "family": FONT}
    for title, x, align in _COLUMNS:
        axes.text(x, 0.6, title, size=7.5, color=QUIET, ha=align, linespacing=1.15, **text)
    for row, bone in enumerate(pose.geometry.bones):
        y = row + 1.9
        axes.axhline(y - 0.5, color=LINE, linewidth=0.8)
        colour = VERDICT_COLOURS[bone.verdict]
        side = skeleton.BONES[row].side
        axes.plot(0.012, y, marker="o", markersize=6, color=SIDE_COLOURS[side], clip_on=False)
        axes.text(0.035, y, skeleton.plain_name(bone.name), size=9, color=INK, ha="left", **text)
        both = "–" if bone.left_right_percent is None else f"{bone.left_right_percent:+.0f}"
        values = (f"{bone.length_mm:.0f}", f"{bone.ratio:.2f}", f"{bone.deviation_percent:+.0f}", both)
        for (_title, x, align), value in zip(_COLUMNS[1:5], values, strict=True):
            axes.text(x, y, value, size=9, color=INK, ha=align, **text)
        pill = FancyBboxPatch(
            (0.815, y - 0.33), 0.185, 0.66, boxstyle="round,pad=0,rounding_size=0.02", mutation_aspect=18,
            facecolor=colour, edgecolor="none",
        )  # fmt: skip
        axes.add_patch(pill)
        axes.text(0.9075, y, bone.verdict, size=7.2, color="white", weight="bold", ha="center", **text)
    y = skeleton.BONE_COUNT + 1.9
    axes.axhline(y - 0.5, color=LINE, linewidth=0.8)
    report = pose.geometry
    groups = "   ".join(f"{name} {report.groups[name]:.4f}" for name in skeleton.GROUP_NAMES)
    axes.text(0.0, y + 0.15, f"geometry loss {report.loss:.4f}", size=9, weight="bold", color=INK, ha="left", **text)
    axes.text(0.0, y + 0.95, groups, size=8, color=QUIET, ha="left", **text)
