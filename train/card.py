"""Model cards: what a checkpoint was trained on, what was measured, what it is not for; generated, never typed.

``python -m train.card resources/checkpoints/compact-geo.safetensors FIGURES.json...`` stores the figures that
``evaluate --json`` wrote in the checkpoint's metadata and writes ``compact-geo.md`` beside it. With ``--failures`` it
also renders people, and the card shows how the checkpoint fails on them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import checkpoint, skeleton
from core.errors import UserError
from core.export import write_atomically
from train import failures, tool
from train.evaluation.printing import with_interval
from train.evaluation.protocols.human36m import RELEASE_SCALE
from train.evaluation.shared import PCK_SHARE
from train.sources import RENDERED_TERMS

_DATASET_TITLES = {
    "lsp": "LSP photos for testing",
    "lspet": "LSP-Extended photos held out from training",
    "mpii": "MPII photos held out from training",
    "human36m": "Human3.6M, subjects held out from training",
    "mpi_inf_3dhp": "MPI-INF-3DHP, test set",
    "rendered": "rendered people: bodies and motion clips held out from training",
}
_ABLATION_TITLES = {
    "lab-test": "the rendered laboratory: people and takes held out from training",
    "wild-test": "rendered people in a studio, in houses and outdoors: bodies and clips held out from training",
}
"""By folder, of the ablation's two rendered test sets: a row has figures of both."""
_FIRST = {"lsp": "lspet"}
"""Which set the first figures meant, which do not say it."""
_SEARCHED = "_searched"
"""After a set's name, of figures without given boxes: they stand beside those with boxes and never in their place."""
_COMMAND = "python main.py evaluate --dataset {dataset} --data {data} --checkpoint {name}"
_DATA = {"lsp": "LSPET --split val.txt", "lspet": "LSPET --split val.txt", "rendered": "RENDERED/test"}


def write(path: Path, figure_files: list[Path]) -> Path:
    """Store figures in a checkpoint and write its card; returns the card's path.

    Raises:
        UserError: a figures file is missing, damaged or of another checkpoint.
    """
    info = checkpoint.describe(path)
    stored: dict[str, Any] = dict(info.metadata.get("figures") or {})
    for file in figure_files:
        try:
            figures = json.loads(file.read_text(encoding="utf-8"))
            measured = figures["checkpoint"]
            if measured["weights_sha256"] != info.metadata["weights_sha256"]:
                raise UserError(f"{file} was measured on other weights ({measured['name']})", f"measure {info.name}")
            key = _key(figures)
            del figures["schema"], figures["checkpoint"], figures["dataset"]
            stored[key] = figures
        except (OSError, KeyError, json.JSONDecodeError) as error:
            raise UserError(f"{file} holds no figures", "write it with `bonesight evaluate --json`") from error
    render(replace(info, metadata={**info.metadata, "figures": stored}))  # what cannot be told is not stored either
    if figure_files:
        checkpoint.edit_metadata(info.path, {"figures": stored})
    return write_atomically(info.path.with_suffix(".md"), render(checkpoint.describe(info.path)).encode())


def _key(figures: dict[str, Any]) -> str:
    """Return the name that figures are kept under: one for each set and way of finding people."""
    folder = figures.get("data", {}).get("folder")
    key = str(figures["dataset"])
    if key == "rendered" and folder in _ABLATION_TITLES:
        key += f" {folder}"
    return key + (_SEARCHED if figures.get("box") == "search" else "")


def render(info: checkpoint.CheckpointInfo) -> str:
    """Return the card's Markdown."""
    metadata = info.metadata
    training, config = metadata["training"], metadata["config"]
    geometry = "with" if info.geometry_loss else "without"
    lines = [
        f"# {info.name}",
        "",
        f"Preset `{info.preset}`, trained {geometry} the geometry loss in the last stage. "
        f"{info.size_bytes / 1e6:.1f} MB, sha256 `{info.sha256}`.",
        "",
        *([f"**A teaching model.** {info.teaching}.", ""] if info.teaching else []),
        "## Data and terms",
        "",
    ]
    for name, used in metadata["data"].items():
        labels = f"{used['labels']} labels" if used["labels"] in ("2D", "3D") else used["labels"]
        # Runs begun by earlier versions name no terms of pictures without people.
        lines.append(f"- **{name}**: {used['pictures']} pictures, {labels}. {metadata['terms'].get(name, '')}".rstrip())
    lines += [
        "",
        "The weights may be used and passed on under these terms; none of the pictures is part of this program.",
        "",
        "## Training",
        "",
        f"{training['steps']} steps of {config['optimiser']['batch']} samples ({training['samples']} samples), "
        f"{training['minutes']:.0f} minutes on {training['device']} in all, {config['optimiser']['name']}, "
        f"maps trained by {'cross-entropy' if config['network']['maps'] == 'softmax' else 'squared error'}, "
        f"averaged weights.",
        "",
        "| stage | steps | rate | 3D samples | L_2D | L_reg | L_geo |",
        "|---|---|---|---|---|---|---|",
    ]
    for stage in config["stage"]:
        weights, end = stage["weights"], stage["rate_end"]
        rate = f"{stage['rate']:g}" + (f" to {end:g}" if end is not None else "")
        lines.append(
            f"| {stage['name']} | {stage['iterations']} | {rate} | {100 * stage['depth_fraction']:.0f} % "
            f"| {weights['heatmap']:g} | {weights['depth']:g} | {weights['geometry']:g} |"
        )
    lines += _lineage(training.get("begun_from"))
    lines += _averaged(training.get("averaged_with", []))
    lines += _fitted(metadata.get("fitted"))
    if config["run"].get("notes"):
        lines += ["", config["run"]["notes"]]
    lines += ["", "## Measured", ""]
    for dataset, figures in metadata.get("figures", {}).items():
        lines += _figures(info.name, dataset, figures)
    return "\n".join([*lines, *_limits(info)])


def _limits(info: checkpoint.CheckpointInfo) -> list[str]:
    """Return what it is not for, and where it fails."""
    data = info.metadata["data"]
    known = [
        "both ankles or both wrists on the same limb, and left and right swapped, above all in back views and crossed "
        "limbs (rates above)",
        "people who touch or hide each other",
        "loose robes",
        "small children",
        "pictures with no person, which still get a pose" + (", of low confidence" if "empty" in data else ""),
    ]
    if all(name.startswith("rendered") for name in data):
        known.insert(0, "photos, of which it has never seen one (figures above)")
    told = "; ".join(known)
    teaching = "It is there to be compared with its like, and for nothing else. " if info.teaching else ""
    return [
        "## What it is not for",
        "",
        f"{teaching}It shows how such a network sees; it is no measuring instrument. Do not use it to judge a person's "
        "health, safety, identity or behaviour. Lengths in millimetres assume a body of average size unless a height "
        "is given.",
        "",
        "## Known failures",
        "",
        f"{told[0].upper()}{told[1:]}.",
        "",
        *_pictured(info),
    ]


def _pictured(info: checkpoint.CheckpointInfo) -> Iterator[str]:
    """Yield the picture of its failures, and what it shows; nothing without one."""
    found = failures.read(info)
    if found is None:
        return
    kinds = "; ".join(f"{kind.title[0].lower()}{kind.title[1:]}" for kind in found.kinds)
    picture = failures.picture_path(info.path).name
    yield from [f"![Rendered people, the truth and what {info.name} sees: {kinds}]({picture})", ""]
    yield (
        f"{found.rendered} people were rendered for it (test split, seed {found.seed}, places drawn, poses of the "
        f"bundled prior; none was trained on); the {found.whole} who are wholly in the picture count. The example of a "
        "kind is, of all who fail so, the one in the middle by 3D error (MPJPE at the true skeleton's scale). Apart, "
        "on one limb and swapped mean what they do in the rates above (docs/evaluation.md); right in 2D is who has all "
        f"joints within {PCK_SHARE:g} torso."
    )
    yield ""
    for kind in found.kinds:
        yield f"- {kind.title}: {kind.rate}" + (f"; shown: {kind.told}" if kind.shown else "")
    yield from ["", f"`python -m train.card {info.name} --failures` makes the picture anew. {RENDERED_TERMS}", ""]


def _averaged(others: Sequence[dict[str, Any]]) -> list[str]:
    """Return what to say of the networks whose weights were averaged with this run's (``train.averaging``)."""
    if not others:
        return []
    named = " and ".join(f"`{other['name']}` (weights sha256 `{other['weights_sha256']}`)" for other in others)
    return ["", f"The weights are the mean of this run's and of those of an earlier {named}."]


def _fitted(fitted: dict[str, Any] | None) -> list[str]:
    """Return what to say of what was fitted after the training."""
    if fitted is None:
        return []
    text = (
        f"After it, on its own answers to {fitted['photos']} photos and {fitted['people']} people with 3D truth "
        f"that it had learned from, was fitted how joints are read together (core/pictorial.py)"
    )
    if fitted["depths"]:
        text += ", and how depths follow from where the joints are (core/lifting.py), with L_reg on these people"
        weight = fitted["geometry_weight"]
        text += f" and {weight:g} times L_geo on the photos" if weight else ""
    return ["", f"{text}. `--peaks` reads without either."]


def _lineage(begun_from: dict[str, Any] | None) -> list[str]:
    """Return what to say of the runs before this one, the latest first."""
    lines = []
    while begun_from is not None:
        before, seen = begun_from["training"], begun_from["data"]
        data = ", ".join(f"{name} ({used['pictures']} pictures)" for name, used in seen.items())
        lines += [
            "",
            f"It began with the weights of an earlier `{begun_from['name']}` (weights sha256 "
            f"`{begun_from['weights_sha256']}`): {before['samples']} samples and {before['minutes']:.0f} minutes on "
            f"{before['device']} more, on {data}.",
        ]
        begun_from = before.get("begun_from")
    return lines


def _figures(name: str, dataset: str, figures: dict[str, Any]) -> list[str]:
    pck = figures["pck_0.2_torso"]
    interval = pck.get("limb_joints_mean_95_percent")
    spread = f" (95 %: {interval[0]:.1f} to {interval[1]:.1f})" if interval else ""
    searched = dataset.endswith(_SEARCHED)
    dataset, _, folder = dataset.removesuffix(_SEARCHED).partition(" ")
    data = f"DATA/rendered/{folder}" if folder else _DATA.get(dataset, dataset.upper())
    command = _COMMAND.format(dataset=dataset, data=data, name=name)
    command += " --box search" if searched else ""
    command += " --empty PLACES" if "without_people" in figures else ""
    asymmetry = figures["left_right_asymmetry_percent"]
    collapse = figures["pair_collapse_percent"]
    meant = figures.get("data", {}).get("set", _FIRST.get(dataset, dataset))
    title = _ABLATION_TITLES[folder] if folder else _DATASET_TITLES[meant]
    lines = [
        f"### {title} ({figures['persons']} persons{', searched for' if searched else ''})",
        "",
        f"`{command}`; {figures['protocol']}",
        "",
        f"- PCK at 0.2 torso, mean of the 12 limb joints: **{pck['limb_joints_mean']:.1f} %**{spread}",
        "- by joint: "
        + ", ".join(
            f"{skeleton.plain_name(joint)} {value:.1f}"
            for joint, value in pck["per_joint"].items()
            if value is not None
        ),
        "- left-right asymmetry of the limbs in 3D: **"
        + f"{asymmetry['mean']:.1f} %** ("
        + ", ".join(f"{skeleton.plain_name(limb)} {v:.1f}" for limb, v in asymmetry.items() if limb != "mean")
        + ")",
        f"- pair collapse: ankles {collapse['ankles']:.1f} %, wrists {collapse['wrists']:.1f} %; "
        f"left-right swaps {figures['left_right_swap_percent']:.1f} %",
    ]
    return [*lines, *_three_d(figures), *_more(figures), ""]


def _three_d(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the errors in 3D, in all and by scene where there are several, and by action."""
    rows = list(figures.get("three_d", {}).items())
    for scene, row in rows if len(rows) != 2 else rows[:1]:
        line = (
            f"- 3D, {scene} ({row['persons']}): MPJPE {_mm(row, 'mpjpe_training_scale_mm')} (training scale), "
            f"N-MPJPE {_mm(row, 'n_mpjpe_mm')}, PA-MPJPE {_mm(row, 'pa_mpjpe_mm')}, "
            f"PCK@150 mm {_percent(row, 'pck_150_mm')}, AUC {_percent(row, 'auc_0_150_mm')}"
        )
        if RELEASE_SCALE in row:
            line += f"; at the release's scale (4296.99 mm of bones) MPJPE {row[RELEASE_SCALE]:.0f} mm"
        if "pck_150_mm_true_skeleton_scale" in row:
            line += f"; at the true skeleton's scale PCK {_percent(row, 'pck_150_mm_true_skeleton_scale')}"
        if "auc_0_150_mm_true_skeleton_scale" in row:
            line += f", AUC {_percent(row, 'auc_0_150_mm_true_skeleton_scale')}"
        yield line
    actions = [f"{action} {row['mpjpe_training_scale_mm']:.0f}" for action, row in figures.get("by_action", {}).items()]
    if actions:
        yield f"- MPJPE by action (training scale), mm: {', '.join(actions)}"


def _mm(row: dict[str, Any], name: str) -> str:
    return with_interval(row, name, "{:.0f}") + " mm"


def _percent(row: dict[str, Any], name: str) -> str:
    return with_interval(row, name) + " %"


def _more(figures: dict[str, Any]) -> Iterator[str]:
    """Yield what not all figures hold: those stored in the first checkpoints lack it."""
    if "pckh_0.5" in figures:
        yield f"- PCKh at 0.5, without pelvis and thorax: {with_interval(figures['pckh_0.5'], 'mean')} %"
    for unit, words in (("mm", "mm"), ("px_of_256_crop", "px of the 256 px crop")):
        if "geometry_validity" in figures:
            limbs = figures["geometry_validity"][unit]
            told = ", ".join(f"{skeleton.plain_name(limb)} {limbs[limb]:.1f}" for limb in skeleton.LIMBS)
            yield f"- mean left-right difference of the lifted limbs, {words}: {told}"
    if "depth_order" in figures:
        order = figures["depth_order"]
        yield (
            f"- depth order right: {with_interval(order, 'right_percent')} % of the pairs of joints over "
            f"{order['margin_mm']:g} mm apart"
        )
    if "calibration" in figures:
        told = with_interval(figures["calibration"], "expected_calibration_error", "{:.3f}")
        yield f"- expected calibration error of the confidence: {told}"
    if "search" in figures:
        found = figures["search"]
        yield f"- persons found: {with_interval(found, 'found_percent')} %, {found['found_is']}"
    if "without_people" in figures:
        found = figures["without_people"]
        yield (
            f"- people against {found['pictures']} pictures without, by mean confidence on the whole picture: "
            f"area under the ROC curve {with_interval(found, 'roc_auc', '{:.3f}')}"
        )


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Store figures in a checkpoint and write its model card.")
    parser.add_argument("checkpoint", type=Path, help="a file, or the name of a bundled one")
    parser.add_argument("figures", type=Path, nargs="*", help="files written by evaluate --json")
    parser.add_argument("--failures", action="store_true", help="render people and show how it fails on them")
    parser.add_argument("--people", type=Path, metavar="DIR", help="where these people stay, for the next checkpoint")
    args = parser.parse_args()

    def work() -> None:
        if args.failures:
            # Imported late: a machine that only trains may have no matplotlib.
            from train import failure_sheet

            print(failure_sheet.write(checkpoint.resolve(args.checkpoint), args.people))
        print(write(args.checkpoint, args.figures))

    return tool.finished(work)


if __name__ == "__main__":
    sys.exit(main())
