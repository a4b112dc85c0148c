"""Poses printed for people, from the same entries that the files are written from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import skeleton
from core.pose import Pose


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
