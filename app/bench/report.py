"""Prints what ``bench --window`` measured, for people."""

from __future__ import annotations

from typing import Any


def show(figures: dict[str, Any]) -> None:
    """Print the figures."""
    start, step, blocks, left = (figures[name] for name in ("start", "next", "blocks", "left_behind"))
    print(f"\nwindow, drawn by {figures['drawn_by']}" + (", in software" if figures["drawn_in_software"] else ""))
    lines = [
        ("window up, from the process's start", f"{start['window_up_s']:.2f} s",
         f"{start['window_up_over_bare_window']:.2f} times as long as a window with nothing in it"),
        ("first pose, after the window", f"{start['first_pose_after_window_s']:.2f} s",
         f"{start['first_pose_over_import_of_torch']:.2f} times as long as the import of torch"),
        ("Next: picture on screen", f"{step['picture_shown_ms']:.0f} ms",
         f"{step['picture_shown_over_decoding']:.2f} times as long as decoding it"),
        ("Next: pose on screen", f"{step['pose_shown_ms']:.0f} ms",
         f"{step['pose_shown_over_network']:.2f} times as long as the network"),
    ]  # fmt: skip
    update = figures["space_update"]
    if update is not None:
        lines.append(
            ("3D: data of another pose", f"{update['median_ms']:.2f} ms", f"{update['cpu_ms']:.2f} ms of processor")
        )
    for key, title in (("photos", "photos in a row"), ("model_switches", "switches of the model")):
        lines.append((f"{figures[key]['count']} {title}", *_memory(figures[key])))
    for title, value, note in lines:
        print(f"  {title:40}{value:>12}   {note}")
    print("\n  longest time without an answer to events, painting left out")
    for block in (start["block"], *blocks):
        besides = f"{block['painting_ms']:.0f} painting, {block['crowded_ms']:.0f} without a processor"
        print(f"  {block['phase']:36}{block['ms']:9.0f} ms   besides {besides}; {block['cpu_ms']:.0f} at work")
        print(f"  {'':50}{block['where']}")
    print(f"\n  closed in {left['closed_in_s']:.2f} s; left behind: {_left(left)}")


def _memory(figures: dict[str, Any]) -> tuple[str, str]:
    if figures["grown_mb"] is None:
        return "unknown", "this system does not tell a process's memory"
    return f"{round(figures['grown_mb']):+d} MB", f"after the first {figures['after_first']}"


def _left(left: dict[str, Any]) -> str:
    found = [f"thread {name}" for name in left["threads"]] + [f"file {name}" for name in left["files"] or ()]
    if left["processes"]:
        found.append(f"{left['processes']} processes")
    return ", ".join(found) or "no thread, no open file, no process"
