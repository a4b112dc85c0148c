"""Figures printed for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core import skeleton

Figures = dict[str, Any]

_ROW = (
    ("mpjpe_training_scale_mm", "MPJPE {:.1f} mm (training scale)"),
    ("mpjpe_release_scale_4296.99_mm", "MPJPE {:.1f} mm (the release's scale, bones sum to 4296.99 mm)"),
    ("n_mpjpe_mm", "N-MPJPE {:.1f} mm"),
    ("pa_mpjpe_mm", "PA-MPJPE {:.1f} mm"),
    ("pck_150_mm", "PCK@150 mm {:.1f} %"),
    ("auc_0_150_mm", "AUC {:.1f} %"),
    ("pck_150_mm_true_skeleton_scale", "PCK@150 mm {:.1f} % (true skeleton's scale, as the release)"),
    ("auc_0_150_mm_true_skeleton_scale", "AUC {:.1f} % (true skeleton's scale)"),
)


def print_figures(figures: Figures) -> None:
    """Print the figures of one evaluation."""
    name, preset = figures["checkpoint"]["name"], figures["checkpoint"]["preset"]
    print(f"{name} ({preset}) on {figures['data']['title']}: {figures['persons']} persons; {figures['protocol']}")
    for part in (_accuracy, _bones, _three_d, _confidence):
        lines = list(part(figures))
        if lines:
            print("\n".join(["", *lines]))


def number(value: float | None, form: str = "{:.1f}") -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None or value != value else form.format(value)


def with_interval(row: Figures, name: str, form: str = "{:.1f}") -> str:
    """Return a figure and its 95 % interval, where it has one."""
    interval = row.get(f"{name}_95_percent")
    spread = f" (95 %: {form.format(interval[0])} to {form.format(interval[1])})" if interval else ""
    return number(row[name], form) + spread


def _accuracy(figures: Figures) -> Iterator[str]:
    columns = {"PCK at 0.2 torso": figures["pck_0.2_torso"]["per_joint"]}
    if "pckh_0.5" in figures:
        columns["PCKh at 0.5"] = figures["pckh_0.5"]["per_joint"]
    yield ", ".join(columns) + " (%)"
    for joint in skeleton.JOINT_NAMES:
        values = [column[joint] for column in columns.values()]
        told = "  not annotated" if values == [None] else "".join(f"{number(value):>8}" for value in values)
        yield f"  {skeleton.plain_name(joint):16}{told}"
    yield f"  12 limb joints, PCK: {with_interval(figures['pck_0.2_torso'], 'limb_joints_mean')}"
    if "pckh_0.5" in figures:
        yield f"  mean PCKh without pelvis and thorax: {with_interval(figures['pckh_0.5'], 'mean')}"
    collapse = ", ".join(f"{pair} {value:.1f}" for pair, value in figures["pair_collapse_percent"].items())
    yield f"  pair collapse (%): {collapse}; left-right swaps {figures['left_right_swap_percent']:.1f} %"


def _bones(figures: Figures) -> Iterator[str]:
    validity, asymmetry = figures["geometry_validity"], figures["left_right_asymmetry_percent"]
    yield "Left-right asymmetry in 3D     % of length        mm   px of the 256 px crop"
    for limb, value in asymmetry.items():
        millimetres, pixels = validity["mm"][limb], validity["px_of_256_crop"][limb]
        yield f"  {skeleton.plain_name(limb):27}{value:12.1f}{millimetres:10.1f}{pixels:24.2f}"


def _three_d(figures: Figures) -> Iterator[str]:
    for scene, row in figures.get("three_d", {}).items():
        yield f"3D, {scene} ({row['persons']} persons):"
        yield "  " + ", ".join(_with_spread(row, name, form) for name, form in _ROW if name in row)
    for action, row in figures.get("by_action", {}).items():
        told = ", ".join(_with_spread(row, name, form) for name, form in _ROW if name in row)
        yield f"  {action} ({row['persons']}): {told}"
    for scale, groups in figures.get("pck_150_mm_by_group", {}).items():
        told = ", ".join(f"{group} {value:.1f}" for group, value in groups.items())
        yield f"PCK@150 mm by group ({scale.replace('_', ' ')} scale, %): {told}"
    if "depth_order" in figures:
        order = figures["depth_order"]
        yield (
            f"Depth order right: {with_interval(order, 'right_percent')} % of {order['pairs']} pairs of joints whose "
            f"true depths differ by over {order['margin_mm']:g} mm"
        )
        yield "Where the error comes from (MPJPE at training scale / N-MPJPE, mm):"
        for name, row in figures["error_split"].items():
            told = name.replace("_2d_", " 2D, ").replace("_", " ")
            yield f"  {told:22}{row['mpjpe_training_scale_mm']:8.1f} /{row['n_mpjpe_mm']:7.1f}"


def _with_spread(row: Figures, name: str, form: str) -> str:
    interval = row.get(f"{name}_95_percent")
    spread = f" [{interval[0]:.1f} to {interval[1]:.1f}]" if interval else ""
    return form.format(row[name]) + spread


def _confidence(figures: Figures) -> Iterator[str]:
    calibration = figures["calibration"]
    yield (
        f"Confidence: mean {figures['mean_confidence']:.3f}; expected calibration error "
        f"{with_interval(calibration, 'expected_calibration_error', '{:.3f}')} ({calibration['right']})"
    )
    for row in calibration["reliability"]:
        if row["joints"]:
            yield (
                f"  {row['from']:.1f} to {row['to']:.1f}: {row['joints']:6} joints, mean confidence "
                f"{row['mean_confidence']:.2f}, right {100 * row['share_right']:.1f} %"
            )
    if "search" in figures:
        found = figures["search"]
        yield (
            f"Searched for: {with_interval(found, 'found_percent')} % of the persons found ({found['found_is']}); mean "
            f"overlap {with_interval(found, 'overlap_mean', '{:.2f}')}"
        )
    if "without_people" in figures:
        found = figures["without_people"]
        yield (
            f"People against {found['pictures']} pictures without: area under the ROC curve "
            f"{with_interval(found, 'roc_auc', '{:.3f}')}; mean confidence {found['mean_confidence_people']:.3f} and "
            f"{found['mean_confidence_empty']:.3f} ({found['protocol']})"
        )
    left_out = figures["left_out"]
    yield f"Left out: {left_out['samples']} samples" + (" (told above)" if left_out["samples"] else "")
