"""An evaluation as one page: the PCK curve, and the reliability diagram of the confidence with its counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core.figure import FONT, INK, LINE, PLAIN, QUIET, VERDICT_COLOURS, blank, foot, save
from train.evaluation.printing import with_interval
from train.evaluation.shared import PCK_SHARE, Figures

KINDS: Final = ("png", "svg")
_MEAN: Final = INK
_PAIRS: Final = {
    "shoulders": "#2f88ee", "elbows": "#7b6fe0", "wrists": "#c35bb5", "hips": "#f2683c", "knees": "#d99a16",
    "ankles": "#4fae55",
}  # fmt: skip
_BAR: Final = "#9ec4f3"


def write(figures: Figures, folder: Path) -> list[Path]:
    """Write ``CHECKPOINT-DATASET-accuracy.png`` and ``.svg`` into a folder; returns both.

    Args:
        figures: of one evaluation.
        folder: made if it is not there.

    Raises:
        UserError: they cannot be written.
    """
    told = figures["checkpoint"]
    searched = "-searched" if figures["box"] == "search" else ""
    name = f"{told['name']}-{figures['data']['set']}{searched}-accuracy"
    made_by = f"Bonesight, checkpoint {told['name']}, sha256 {told['sha256']}; {figures['protocol']}"
    page = draw(figures)
    return [save(folder / f"{name}.{kind}", page, made_by, name) for kind in KINDS]


def draw(figures: Figures) -> Figure:
    """Draw the page without touching pyplot's global state."""
    told, calibration = figures["checkpoint"], figures["calibration"]
    page = blank(f"{told['name']} on {figures['data']['title']}")
    facts = f"{figures['persons']} persons   ·   {figures['protocol'].replace('; ', '   ·   ')}"
    page.text(0.02, 0.918, facts, size=10, color=QUIET, va="center", **PLAIN)
    _curve(page.add_axes((0.06, 0.155, 0.40, 0.68)), figures)
    _reliability(page.add_axes((0.55, 0.345, 0.43, 0.49)), calibration)
    _counts(page.add_axes((0.55, 0.155, 0.43, 0.13)), calibration)
    pck = with_interval(figures["pck_0.2_torso"], "limb_joints_mean", "{:.1f} %")
    error = with_interval(calibration, "expected_calibration_error", "{:.3f}")
    sentence = f"PCK at {PCK_SHARE:g} torso {pck}, expected calibration error {error}."
    foot(page, sentence, f"{told['name']}   sha256 {told['sha256'][:12]}")
    return page


def _curve(axes: Axes, figures: Figures) -> None:
    curve = figures["pck_curve"]
    thresholds = curve["thresholds_torso"]
    _plain(
        axes, "PCK over the threshold", "distance allowed, in torsos (left shoulder to right hip)", "joints right, %"
    )
    axes.axvline(PCK_SHARE, color=QUIET, linewidth=0.9, linestyle=(0, (3, 3)))
    for pair, values in curve["by_pair"].items():
        axes.plot(thresholds, values, color=_PAIRS[pair], linewidth=1.5, label=pair)
    axes.plot(thresholds, curve["limb_joints_mean"], color=_MEAN, linewidth=2.8, label="12 limb joints")
    axes.set_xlim(0, thresholds[-1])
    axes.set_ylim(0, 100)
    axes.legend(frameon=False, prop={"family": FONT, "size": 9}, labelcolor=QUIET, loc="lower right")


def _reliability(axes: Axes, calibration: Figures) -> None:
    filled = [row for row in calibration["reliability"] if row["joints"]]
    _plain(axes, f"confidence and truth (right: {calibration['right']})", "", "joints right, share")
    centres = [(row["from"] + row["to"]) / 2 for row in filled]
    axes.bar(centres, [row["share_right"] for row in filled], width=0.092, color=_BAR, label="joints right")
    axes.plot((0, 1), (0, 1), color=QUIET, linewidth=1.0, linestyle=(0, (3, 3)), label="as sure as right")
    for row in filled:
        if row["share_right_95_percent"] is not None:
            axes.plot([row["mean_confidence"]] * 2, row["share_right_95_percent"], color=INK, linewidth=1.2)
    axes.plot(
        [row["mean_confidence"] for row in filled], [row["share_right"] for row in filled], linestyle="none",
        marker="o", markersize=6, color=VERDICT_COLOURS["implausible"], markeredgecolor="white",
        label="at the mean confidence; lines: 95 %",
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.tick_params(labelbottom=False)
    axes.legend(frameon=False, prop={"family": FONT, "size": 9}, labelcolor=QUIET, loc="upper left")


def _counts(axes: Axes, calibration: Figures) -> None:
    rows = calibration["reliability"]
    _plain(axes, "", "confidence", "joints")
    most = max((row["joints"] for row in rows), default=0)
    axes.bar([(row["from"] + row["to"]) / 2 for row in rows], [row["joints"] for row in rows], width=0.092, color=LINE)
    text: dict[str, Any] = {"size": 7.5, "color": QUIET, "ha": "center", "family": FONT}
    for row in rows:
        axes.text((row["from"] + row["to"]) / 2, row["joints"] + 0.04 * most, f"{row['joints']}", **text)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.25 * max(most, 1))


def _plain(axes: Axes, title: str, across: str, up: str) -> None:
    axes.grid(color="#e3e7ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=QUIET, pad=5)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LINE)
    axes.set_title(title, size=10.5, color=INK, loc="left", pad=8, family=FONT)
    axes.set_xlabel(across, size=9, color=QUIET, labelpad=4, family=FONT)
    axes.set_ylabel(up, size=9, color=QUIET, labelpad=4, family=FONT)
