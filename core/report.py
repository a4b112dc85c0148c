"""Reports: one HTML file with everything in it, made of the same entries as JSON and CSV.

Pictures are embedded, skeletons are vector graphics, nothing is fetched: the file can be mailed and printed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray

from core import geometry, skeleton
from core.export import AXES, UNITS, printable, write_atomically
from core.figure import MOVE_COLOUR, SHORTEST, SIDE_COLOURS, UNSURE, VERDICT_COLOURS, region
from core.made import Made
from core.media import at_most
from core.pose import BARS_END, Pose

FloatArray = NDArray[np.float64]

MOST_PAGES: Final = 100
"""A report of more poses than anyone reads would only be too large to open; the numbers belong into CSV or NPZ."""

_LARGEST_PX: Final = 900
_JPEG_QUALITY: Final = 88


@dataclass(frozen=True)
class Line:
    """One bone of a drawing: its ends in the drawing's own unit, its side, and whether both ends are sure."""

    x1: float
    y1: float
    x2: float
    y2: float
    side: str
    sure: bool


@dataclass(frozen=True)
class Dot:
    """One joint of a drawing."""

    x: float
    y: float
    side: str
    sure: bool
    name: str


@dataclass(frozen=True)
class Drawing:
    """A skeleton as vector graphics.

    Attributes:
        view: (left, top, width, height) of what is shown.
        unit: a line's width in the drawing's own unit.
        lines: bones, far ones first.
        dots: joints.
        name: what is seen.
        ticks: positions of the grid's lines across and down.
        pale: bones of another skeleton to draw behind.
        moves: from another skeleton's joints to this one's.
    """

    view: tuple[float, float, float, float]
    unit: float
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    name: str = ""
    ticks: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    pale: tuple[Line, ...] = ()
    moves: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Beside:
    """What a pose is drawn beside, in a comparison: all at one scale.

    Attributes:
        part_px: (left, top, right, bottom) of the picture that all are shown in.
        joints_mm: (n, 16, 3) of all of them.
        first: the entry of the one that the others are compared with; None for that one itself.
    """

    part_px: tuple[int, int, int, int]
    joints_mm: FloatArray
    first: Mapping[str, Any] | None


@dataclass(frozen=True)
class Page:
    """One pose of a report: ``entry`` as exported, its picture as JPEG in base64, and its drawings."""

    entry: Mapping[str, Any]
    title: str
    sentence: str
    picture: str
    over: Drawing
    spaces: tuple[Drawing, ...]


def page(
    image: NDArray[np.uint8], pose: Pose, entry: Mapping[str, Any], title: str, beside: Beside | None = None
) -> Page:
    """Make one pose's part of a report.

    Args:
        image: (h, w, 3) RGB, the picture the pose was found in.
        pose: the pose.
        entry: from ``export.entry``.
        title: what is shown, such as the picture's name.
        beside: what it is compared with.
    """
    left, top, right, bottom = region(pose) if beside is None else beside.part_px
    cut = at_most(image[top:bottom, left:right], _LARGEST_PX)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(cut[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    view = (float(left), float(top), float(right - left), float(bottom - top))
    over = _drawing(np.array(entry["joints_px"]), entry["confidence"], range(skeleton.BONE_COUNT), view, max(view[2:]))
    spaces = _spaces(np.array(entry["joints_mm"]), entry["confidence"], None if beside is None else beside.joints_mm)
    if beside is not None and beside.first is not None:
        first = beside.first
        over = replace(over, moves=_moves(np.array(first["joints_px"]), np.array(entry["joints_px"]), max(view[2:])))
        behind = _spaces(np.array(first["joints_mm"]), first["confidence"], beside.joints_mm)
        spaces = tuple(replace(own, pale=other.lines) for own, other in zip(spaces, behind, strict=True))
    picture = base64.b64encode(data.tobytes()).decode("ascii")
    return Page(entry, printable(title), pose.geometry.sentence(), picture, over, spaces)


def _moves(start: FloatArray, end: FloatArray, size: float) -> tuple[Line, ...]:
    """Return lines from joints (16, 2) to others (16, 2), but for those that one could not see."""
    far = np.linalg.norm(end - start, axis=1) >= SHORTEST * size
    lines = []
    for joint in np.flatnonzero(far).tolist():
        (x1, y1), (x2, y2) = start[joint].tolist(), end[joint].tolist()
        lines.append(Line(x1, y1, x2, y2, skeleton.joint_side(joint), True))
    return tuple(lines)


def _drawing(
    points: FloatArray, confidence: Sequence[float], order: Sequence[int], view: tuple[float, float, float, float],
    size: float, name: str = "", ticks: tuple[tuple[float, ...], tuple[float, ...]] = ((), ()),
) -> Drawing:  # fmt: skip
    """Return the skeleton (16, 2) as lines and dots; lines are as thin as the drawing's ``size`` allows."""
    sure = [value >= UNSURE for value in confidence]
    lines = []
    for index in order:
        bone = skeleton.BONES[index]
        (x1, y1), (x2, y2) = points[list(bone.joints)].round(2).tolist()
        lines.append(Line(x1, y1, x2, y2, bone.side, all(sure[joint] for joint in bone.joints)))
    dots = tuple(
        Dot(x, y, skeleton.joint_side(joint), sure[joint], skeleton.plain_name(skeleton.JOINT_NAMES[joint]))
        for joint, (x, y) in enumerate(points.round(2).tolist())
    )
    return Drawing(view, round(size / 130.0, 3), tuple(lines), dots, name, ticks)


def _spaces(joints_mm: FloatArray, confidence: Sequence[float], around_mm: FloatArray | None) -> tuple[Drawing, ...]:
    """Return the 3D skeleton without perspective from the front and from the right, both at one scale.

    Args:
        joints_mm: (16, 3).
        confidence: of the joints.
        around_mm: (n, 16, 3) skeletons that are drawn at this scale too; None for this one alone.
    """
    all_mm = (joints_mm if around_mm is None else around_mm).reshape(-1, 3)
    low, high = all_mm.min(axis=0), all_mm.max(axis=0)
    span = np.maximum((high - low) * 1.1 + 120.0, (700.0, 1200.0, 700.0))
    start = (low + high) / 2 - span / 2
    made = []
    for across, name in ((0, "front"), (2, "right side")):
        # From the front the camera looks along +z; from the right along -x, with z to the right.
        depth = joints_mm[:, 2] if across == 0 else -joints_mm[:, 0]
        order = sorted(range(skeleton.BONE_COUNT), key=lambda bone: -float(depth[skeleton.BONE_ENDS[bone]].mean()))
        plane = [across, 1]
        ticks_x, ticks_y = (
            tuple(
                float(tick) for tick in np.arange(np.ceil(start[axis] / 500.0) * 500.0, start[axis] + span[axis], 500.0)
            )
            for axis in plane
        )
        left, top, width, height = (round(float(value), 1) for value in (*start[plane], *span[plane]))
        made.append(
            _drawing(
                joints_mm[:, plane], confidence, order, (left, top, width, height), 3400.0, name, (ticks_x, ticks_y)
            )
        )
    return tuple(made)


def html(
    pages: Sequence[Page], checkpoint: Mapping[str, Any], terms: Mapping[str, str],
    failed: Sequence[Mapping[str, str]] = (), left_out: int = 0,
) -> str:  # fmt: skip
    """Return the report as one HTML text.

    Args:
        pages: from ``page``.
        checkpoint: from ``checkpoint.summary``.
        terms: of the checkpoint's data by data set, from its metadata; may be empty.
        failed: from ``export.failure``.
        left_out: how many poses there were beside the pages.
    """
    facts = {"pages": pages, "checkpoint": checkpoint, "terms": terms, "failed": failed, "left_out": left_out}
    return render("poses.html", **facts)


def render(name: str, **facts: Any) -> str:
    """Return a template of ``resources/report`` filled in, with what every report's template may use."""
    return _environment().get_template(name).render(**facts, **_shared())


def write(
    path: str | Path, pages: Sequence[Page], checkpoint: Mapping[str, Any], terms: Mapping[str, str],
    failed: Sequence[Mapping[str, str]] = (), left_out: int = 0,
) -> Path:  # fmt: skip
    """Write ``html`` to a file.

    Raises:
        UserError: it cannot be written.
    """
    return write_atomically(path, html(pages, checkpoint, terms, failed, left_out).encode("utf-8"))


def _environment() -> jinja2.Environment:
    loader = jinja2.FunctionLoader(lambda name: _template(name))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["plain"] = skeleton.plain_name
    environment.filters["signed"] = _signed
    environment.filters["made"] = lambda entry: Made.of(entry).words()
    return environment


def _template(name: str) -> str:
    return (resources.files("resources") / "report" / name).read_text(encoding="utf-8")


def _shared() -> dict[str, Any]:
    """Return what every report's template may use."""
    return {
        "units": UNITS,
        "axes": AXES,
        "sides": SIDE_COLOURS,
        "move_colour": MOVE_COLOUR,
        "verdicts": VERDICT_COLOURS,
        "unsure": UNSURE,
        "doubtful": geometry.DOUBTFUL_PERCENT,
        "implausible": geometry.IMPLAUSIBLE_PERCENT,
        "bars_end": BARS_END * geometry.IMPLAUSIBLE_PERCENT,
        "joint_names": skeleton.JOINT_NAMES,
        "joint_sides": [skeleton.joint_side(joint) for joint in range(skeleton.JOINT_COUNT)],
        "bone_sides": [bone.side for bone in skeleton.BONES],
        "located": {"given": "box given", "search": "person searched for", "track": "person tracked"},
    }


def _signed(value: float | None) -> str:
    """One decimal with its sign, a dash for none, and no sign on what rounds to zero."""
    if value is None:
        return "–"
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")
