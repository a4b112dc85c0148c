"""Poses printed for people, from the same entries that the files are written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import made, skeleton
from core.compare import LETTERS
from core.export_comparison import MOST_ROWS, letters, pairs, worst_first
from core.pose import Pose


class Listing:
    """Prints one line about each pose or comparison, and how they were made before the first and wherever that changes.

    On every line of a video it would hide what differs.
    """

    def __init__(self) -> None:
        self._made = ""

    def put(self, line: str, item: Mapping[str, Any]) -> None:
        """Print the line about an entry."""
        how = _how(item)
        if how != self._made:
            print(f"How the poses were made: {how}")
            self._made = how
        print(line, flush=True)


def _how(item: Mapping[str, Any]) -> str:
    """Return in words how the pose, or those of all models, of an entry were made."""
    sides = {letter.upper(): made.Made.of(item[letter]) for letter in letters(len(LETTERS)) if letter in item}
    return made.told(sides) if sides else made.Made.of(item).words()


def heading(item: Mapping[str, Any]) -> str:
    """Return one line about one entry of ``poses``: input, frame, box, confidence, geometry loss."""
    width, height = item["picture_size_px"]
    box = ", ".join(f"{value:.0f}" for value in item["box_px"])
    frame = "" if item["time_s"] is None else f" frame {item['frame']} ({item['time_s']:.2f} s)"
    mean = sum(item["confidence"]) / len(item["confidence"])
    how = {"given": "given", "search": "searched for", "track": "tracked"}[item["located_by"]]
    return (
        f"{item['input']}{frame}: {width} x {height} px, box {box} px ({how}), "
        f"mean confidence {mean:.2f}, geometry loss {item['geometry']['loss']:.4f}"
    )


def pose_table(item: Mapping[str, Any], pose: Pose) -> str:
    """Return joints and bones of one entry as text, units in the header."""
    lines = [
        heading(item),
        f"  How the pose was made: {_how(item)}",
        "",
        f"  {'joint':16}{'x px':>9}{'y px':>9}{'confidence':>12}{'x mm':>9}{'y mm':>9}{'z mm':>9}",
    ]
    columns = zip(skeleton.JOINT_NAMES, item["joints_px"], item["confidence"], item["joints_mm"], strict=True)
    for name, (x_px, y_px), confidence, (x_mm, y_mm, z_mm) in columns:
        lines.append(
            f"  {skeleton.plain_name(name):16}{x_px:9.1f}{y_px:9.1f}{confidence:12.2f}{x_mm:9.0f}{y_mm:9.0f}{z_mm:9.0f}"
        )
    lines += ["", f"  {'bone':16}{'length mm':>11}{'ratio':>8}{'deviation %':>13}{'right-left %':>14}  verdict"]
    for bone in item["bones"]:
        both = "" if bone["left_right_percent"] is None else f"{bone['left_right_percent']:+.1f}"
        lines.append(
            f"  {skeleton.plain_name(bone['name']):16}{bone['length_mm']:11.0f}{bone['ratio']:8.2f}"
            f"{bone['deviation_percent']:+13.1f}{both:>14}  {bone['verdict']}"
        )
    groups = ", ".join(f"{name} {value:.4f}" for name, value in item["geometry"]["groups"].items())
    lines += ["", f"  geometry loss {item['geometry']['loss']:.4f} ({groups})", f"  {pose.geometry.sentence()}"]
    return "\n".join(lines)


def comparison_heading(item: Mapping[str, Any]) -> str:
    """Return one line about one entry of ``comparisons``."""
    frame = "" if item["time_s"] is None else f" frame {item['frame']} ({item['time_s']:.2f} s)"
    box = ", ".join(f"{value:.0f}" for value in item["box_px"])
    how = {"given": "given", "search": "found by A", "track": "tracked by A"}[item["located_by"]]
    several = pairs(item)
    apart = "; ".join(
        f"{'joints' if len(several) == 1 else letter.upper()} {_apart(told['mean'])}"
        for letter, told in several.items()
    )
    losses = {"a": item["a"], **{letter: told["b"] for letter, told in several.items()}}
    loss = ", ".join(f"{letter.upper()} {side['geometry']['loss']:.4f}" for letter, side in losses.items())
    return f"{item['input']}{frame}: box {box} px ({how}), {apart} apart, geometry loss {loss}"


def _apart(mean: Mapping[str, float]) -> str:
    return f"{mean['distance_mm']:.0f} mm, {mean['distance_px']:.1f} px, {mean['angle_degrees']:.0f} degrees"


def comparison_table(item: Mapping[str, Any], sentences: Sequence[str]) -> str:
    """Return one entry of ``comparisons`` as text: for each model the joints that differ most from A's, and the bones.

    Args:
        item: from ``export_comparison.entry``.
        sentences: of each comparison.
    """
    parts = [comparison_heading(item), f"  How the poses were made: {_how(item)}"]
    for (letter, told), sentence in zip(pairs(item).items(), sentences, strict=True):
        if "others" in item:
            parts += ["", f"  A and {letter.upper()}"]
        parts += ["", _pair_table(told, letter.upper(), sentence)]
    return "\n".join(parts)


def _pair_table(item: Mapping[str, Any], letter: str, sentence: str) -> str:
    """Return joints, those that differ most first, and bones of A and one other side by side."""
    lines = [f"  {'joint':16}{'mm':>8}{'px':>8}{'degrees':>9}"]
    for joint in worst_first(item["joints"]):
        angle = "" if joint["angle_degrees"] is None else f"{joint['angle_degrees']:.0f}"
        name = skeleton.plain_name(joint["name"])
        lines.append(f"  {name:16}{joint['distance_mm']:8.0f}{joint['distance_px']:8.1f}{angle:>9}")
    lines += ["", f"  {'':16}{'length mm':^24}{'deviation %':^24}{'right-left %':^24}"]
    lines.append(f"  {'bone':16}" + f"{'A':>8}{letter:>8}{f'{letter}-A':>8}" * 3)
    for bone in item["bones"]:
        cells = ""
        for key, shape in (("length_mm", ".0f"), ("deviation_percent", "+.1f"), ("left_right_percent", "+.1f")):
            values = (bone["a"][key], bone["b"][key])
            cells += "".join(f"{_number(value, shape):>8}" for value in values)
            cells += f"{_number(bone['difference'][key], '+' + shape.lstrip('+')):>8}"
        lines.append(f"  {skeleton.plain_name(bone['name']):16}{cells}")
    lines += ["", f"  {'geometry loss':16}{'A':>10}{letter:>10}"]
    a, b = item["a"]["geometry"], item["b"]["geometry"]
    lines += [f"  {name:16}{a['groups'][name]:10.4f}{b['groups'][name]:10.4f}" for name in a["groups"]]
    lines += [f"  {'in all':16}{a['loss']:10.4f}{b['loss']:10.4f}", f"  {sentence}"]
    return "\n".join(line.rstrip() for line in lines)


def summary_table(summary: Mapping[str, Any]) -> str:
    """Return a comparison's ``summary`` as text: how the bones' faults are spread, and where the models differ most."""
    sides = list(summary["loss"])
    several = len(sides) > 2
    others = {"b": summary, **summary.get("others", {})}
    apart = "; ".join(
        f"{letter.upper() if several else 'joints'} {_apart(told['mean'])}" for letter, told in others.items()
    )
    width = 8 * len(sides)
    lines = [
        f"{summary['count']} comparisons: {apart} apart{' from A' if several else ''} on average",
        "",
        f"  {'':38}{'mean':>{width}}{'median':>{width}}{'90 % below':>{width}}",
        f"  {'':38}" + "".join(f"{side.upper():>8}" for side in sides) * 3,
    ]
    for key, name in (
        ("deviation_percent", "deviation of the bones, %"),
        ("left_right_percent", "left-right asymmetry of the limbs, %"),
    ):
        spread = summary[key]
        cells = "".join(f"{spread[side][part]:8.1f}" for part in ("mean", "median", "p90") for side in sides)
        lines.append(f"  {name:38}{cells}")
    lines.append(f"  {'geometry loss':38}" + "".join(f"{summary['loss'][side]:8.4f}" for side in sides))
    for letter, told in others.items():
        heading = f"where A and {letter.upper()} differ most" if several else "where they differ most"
        lines += ["", *_ranking(heading, told["most_different"])]
    return "\n".join(lines)


def _ranking(heading: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"  {heading:40}{'mm':>8}{'px':>8}{'degrees':>9}  most of all"]
    for row in rows[:MOST_ROWS]:
        name = row["input"] if row["time_s"] is None else f"{row['input']} at {row['time_s']:.2f} s"
        name = name if len(name) <= 39 else "…" + name[-38:]
        most = f"{skeleton.plain_name(row['worst_joint'])}, {row['worst_joint_mm']:.0f} mm"
        lines.append(
            f"  {name:40}{row['distance_mm']:8.0f}{row['distance_px']:8.1f}{row['angle_degrees']:9.0f}  {most}"
        )
    left = len(rows) - MOST_ROWS
    return lines if left <= 0 else [*lines, f"  and {left} more"]


def _number(value: float | None, shape: str) -> str:
    """Format a number, with no sign on what rounds to zero."""
    if value is None:
        return ""
    text = f"{value:{shape}}"
    return text if float(text) else text.lstrip("+-")
