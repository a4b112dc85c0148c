"""The locating network's model card, generated from its file and from what ``evaluate --dataset locate`` wrote.

``python -m train.locate.card resources/checkpoints/locate.safetensors FIGURES.json`` stores the figures in the file and
writes ``locate.md`` beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from core.checkpoint import sha256, write_file
from core.errors import UserError
from core.export import write_atomically
from core.locate import network
from core.network_size import count_parameters
from train import tool
from train.evaluation.printing import with_interval

_COMMAND = (
    "python main.py evaluate --dataset locate --data LSPET --rendered RENDERED/test --empty BACKGROUNDS "
    "--locator {name}"
)
_KINDS = {
    "photos": "photos as they are",
    "photos_at_any_size": "the same photos put into held-out places, joints over 12 to 90 % of the height",
    "rendered_at_any_size": "rendered people (test split) put there likewise",
}


def write(path: Path, figures_file: Path | None) -> Path:
    """Store figures in a locator's file and write its card; returns the card's path.

    Raises:
        UserError: one of the files is missing, damaged or of another locator.
    """
    tensors, metadata = network.read(path)
    if figures_file is not None:
        try:
            figures = json.loads(figures_file.read_text(encoding="utf-8"))
            measured = figures.pop("locator")
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{figures_file} holds no figures", "write it with `evaluate --dataset locate`") from error
        own = metadata["weights_sha256"], metadata["threshold"]
        if (measured["weights_sha256"], measured["threshold"]) != own:
            raise UserError(f"{figures_file} was measured on another locator", f"measure {path.name}")
        metadata = {**metadata, "figures": figures}
        write_file(path, tensors, metadata)
    return write_atomically(path.with_suffix(".md"), render(path, metadata).encode())


def render(path: Path, metadata: dict[str, Any]) -> str:
    """Return the card's Markdown."""
    training, config = metadata["training"], metadata["config"]
    size = path.stat().st_size / 1e6
    parameters = count_parameters(network.LocateNetwork(metadata.get("further", ())))
    lines = [
        f"# {path.stem}",
        "",
        "Finds people in a picture: the whole picture in, a box and a score for each person out (`core/locate`). "
        f"{parameters / 1e6:.2f} M parameters, {size:.1f} MB, sha256 `{sha256(path)}`. "
        f"Pictures are shrunk to about {metadata['area_px']} pixels.",
        "",
        "## Data and terms",
        "",
    ]
    for name, used in metadata["data"].items():
        lines.append(f"- **{name}**: {used['pictures']} pictures, {used['labels']}. {metadata['terms'].get(name, '')}")
    begun = metadata.get("begun_from")
    lines += [
        "",
        "The weights may be used and passed on under these terms; none of the photos is part of this program.",
        "",
        "## Training",
        "",
        f"{training['steps']} steps of {config['optimiser']['batch']} scenes of about {config['run']['area_px']} "
        f"pixels, {training['minutes']:.0f} minutes on {training['device']}, Muon, averaged weights."
        + (_begun(begun) if begun else "")
        + (_mixed(metadata["mixed_with"]) if "mixed_with" in metadata else ""),
    ]
    if config["run"]["notes"]:
        lines += ["", config["run"]["notes"]]
    choosing = metadata.get("choosing")
    if choosing:
        lines += [
            "",
            f"The threshold {metadata['threshold']:.2f} was chosen on pictures set aside from training: under it "
            f"nobody is found in {choosing['quiet_percent']:.1f} % of {choosing['empty_pictures']} places without "
            f"people, and somebody in {choosing['photos_with_somebody_percent']:.1f} % of {choosing['photos']} photos."
            + (" (The weights it began with had been trained on these too.)" if begun else ""),
        ]
    rule = metadata.get("confirming")
    if rule:
        lines += ["", *_confirming(rule)]
    if "figures" in metadata:
        lines += ["", "## Measured", "", f"`{_COMMAND.format(name=path.name)}`", *_measured(metadata["figures"])]
    lines += [
        "",
        "## What it is not for",
        "",
        "It misses people and finds some who are not there (figures above): no surveillance, no safety. It was trained "
        "on photos of gymnastics, parkour and athletics with one annotated person each and on drawn people; it has not "
        "learned crowds, faces close to the camera, nor people under an eighth of the picture's height.",
        "",
    ]
    return "\n".join(lines)


def _begun(begun: dict[str, Any]) -> str:
    which = f"`{begun['name']}` (weights sha256 `{begun['weights_sha256']}`)"
    if "training" not in begun:
        return f" Stem and body began with the weights of {which}."
    return f" It went on from the locating network {which}, which had learned for {begun['training']['steps']} steps."


def _mixed(other: dict[str, Any]) -> str:
    which = f"`{other['name']}` (weights sha256 `{other['weights_sha256']}`)"
    return f" Its weights are the mean of this run's and, counting {100.0 * other['share']:.0f} %, those of {which}."


def _confirming(rule: dict[str, Any]) -> list[str]:
    by = rule["chosen_by"]
    lines = [
        "In the program the pose network confirms whom this one proposes (`core/locate/confirming.py`): somebody with "
        f"a score of at least {rule['proposed']:g} is there if the score's logit and {rule['weight']:g} times the pose "
        f"network's mean confidence come to {rule['limit']:.2f}. That limit keeps at least {100 * by['quiet']:g} % of "
        f"{by['places']} held-out places quiet with `{by['checkpoint']}` (`python -m train.locate.confirming`). Chosen "
        "on one half of these places and measured on the other:",
        "",
        f"| limit | nobody found in places, % | {' | '.join(f'{title}: found, %' for title in _KINDS.values())} |",
        "|---|---|" + "---|" * len(_KINDS),
    ]
    for half in by["halves"]:
        found = " | ".join(f"{half[f'{name}_found_percent']:.1f}" for name in _KINDS)
        lines.append(f"| {half['limit']:.2f} | {half['nobody_found_percent']:.1f} | {found} |")
    return lines


def _measured(figures: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "A person is found when a candidate's box and that of the labelled joints overlap by half (intersection over "
        "union); held-out pictures.",
    ]
    if "confirmed" in figures:
        by = figures["confirmed"]["checkpoint"]
        lines += ["", f"Confirmed by `{by}`, as the program does it:", *_figures(figures["confirmed"])]
        lines += ["", "This network alone, at its threshold:"]
    return [*lines, *_figures(figures)]


def _figures(figures: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "| pictures | found, % | best candidate right, % | found as squares, % |",
        "|---|---|---|---|",
    ]
    for name, title in _KINDS.items():
        row = figures[name]
        told = (with_interval(row, f"{key}_percent") for key in ("found", "best_is_right", "found_square"))
        lines.append(f"| {title} ({row['pictures']}) | {' | '.join(told)} |")
    lines.append("")
    for name, title in _KINDS.items():
        sizes = figures[name]["found_percent_by_size"].items()
        told_sizes = ", ".join(
            f"{size} of the height: {part['found_percent']:.0f} % of {part['pictures']}"
            for size, part in sizes
            if part["found_percent"] is not None
        )
        lines.append(f"- {title}: {told_sizes}")
    pairs = figures.get("touching")  # not in figures of earlier versions, nor where no pairs were looked at
    if pairs is not None:
        both = with_interval(pairs, "both_found_percent")
        lines.append(f"- rendered pairs whose boxes meet ({pairs['pictures']}): both found in **{both} %**")
    quiet = figures["empty"]
    lines.append(
        f"- places without people ({quiet['pictures']}): nobody found in "
        f"**{with_interval(quiet, 'nobody_found_percent')} %**"
    )
    return lines


def main() -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Store figures in a locator's file and write its model card.")
    parser.add_argument("locator", type=Path)
    parser.add_argument("figures", type=Path, nargs="?", help="written by evaluate --dataset locate --json")
    args = parser.parse_args()
    return tool.finished(lambda: print(write(args.locator, args.figures)))


if __name__ == "__main__":
    sys.exit(main())
