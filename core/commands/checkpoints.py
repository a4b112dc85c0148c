"""``checkpoints``: what is bundled, with the figures that were measured; the rest on request."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import UserError

if TYPE_CHECKING:
    from core.checkpoint import CheckpointInfo

SCHEMA: Final = "bonesight.checkpoints/1"
HASH_SHOWN: Final = 12
_KEYS: Final = ("training", "data", "terms", "figures")
_INDENT: Final = 12

_HEADLINES: Final = (
    # where in a data set's figures, which one, what it is, how it is written
    (("pck_0.2_torso",), "limb_joints_mean", "PCK at 0.2 torso, 12 limb joints", "{:.1f}", " %"),
    (("geometry_validity", "mm"), "mean", "left against right, limbs in 3D", "{:.0f}", " mm"),
    (("three_d", "all"), "mpjpe_training_scale_mm", "MPJPE at training scale", "{:.0f}", " mm"),
    (("calibration",), "expected_calibration_error", "calibration error of the confidence", "{:.3f}", ""),
    (("without_people",), "roc_auc", "people against empty places, ROC area", "{:.3f}", ""),
)
"""The five figures that say most about a checkpoint; each of the first data set that has it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME|FILE", help="bundled name or file (default: all bundled)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--all", action="store_true", help="print everything that the file tells of itself")
    how.add_argument("--json", action="store_true", help="print everything as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print one block per checkpoint; returns the exit code.

    Raises:
        UserError: there is no such checkpoint, or none at all.
    """
    from core import checkpoint

    infos = [checkpoint.describe(name) for name in args.names] or checkpoint.bundled()
    if not infos:
        raise UserError("no checkpoint is bundled with this installation", "install the program again, or train one")
    if args.json:
        content = {"schema": SCHEMA, "checkpoints": [_whole(info) for info in infos]}
        print(json.dumps(content, indent=1, ensure_ascii=False))
        return 0
    print("\n\n".join("\n".join(_everything(info) if args.all else _headlines(info)) for info in infos))
    if not args.all:
        print("\nbonesight checkpoints NAME --all prints everything, --json the same for programs.")
    return 0


def _whole(info: CheckpointInfo) -> dict[str, Any]:
    card = _card(info)
    return {
        "name": info.name, "preset": info.preset, "geometry_loss": info.geometry_loss, "sha256": info.sha256,
        "size_bytes": info.size_bytes, "path": str(info.path), "card": None if card is None else str(card),
        "metadata": info.metadata,
    }  # fmt: skip


def _first_line(info: CheckpointInfo) -> str:
    return f"{info.name}: {info.kind}"


def _everything(info: CheckpointInfo) -> Iterator[str]:
    yield _first_line(info)
    yield f"  sha256    {info.sha256}"
    for key in _KEYS:
        value = info.metadata.get(key)
        if value:
            yield f"  {key}"
            for name, text in flatten(value):
                yield f"    {name + ':' if name else '-'} {text}"


def _headlines(info: CheckpointInfo) -> Iterator[str]:
    yield _first_line(info)
    told: list[tuple[str, str]] = [("network", _network(info)), ("sha256", f"{info.sha256[:HASH_SHOWN]}…")]
    told += [("only for", info.teaching)] if info.teaching else []
    told += [("trained on", _trained_on(info.metadata))]
    told += [("measured", text) for text in figures(info.metadata)] or [("measured", "nothing yet")]
    told += [("terms", f"{name}: {text}") for name, text in flatten(info.metadata.get("terms") or {})]
    card = _card(info)
    told += [("card", "none" if card is None else str(card))]
    before = ""
    for name, text in told:
        yield f"  {'' if name == before else name:{_INDENT}}{text}"
        before = name


def _network(info: CheckpointInfo) -> str:
    shape = info.metadata["network"]
    parts = [(shape.get("input_px"), "{} px in"), (shape.get("heatmap_px"), "maps of {} px")]
    parts += [(shape.get("stacks"), "{} stacks")]
    return ", ".join(form.format(value) for value, form in parts if value) or "of its own"


def _trained_on(metadata: Mapping[str, Any]) -> str:
    sets, training = _mapping(metadata.get("data")), _mapping(metadata.get("training"))
    parts = [
        f"{_mapping(used).get('pictures', '?')} pictures of {name} ({_mapping(used).get('labels', 'no labels told')})"
        for name, used in sets.items()
    ]
    text = ", ".join(parts) or "data it does not tell"
    if "samples" in training and "steps" in training:
        text += f"; {training['steps']} steps, {training['samples']} samples"
    earlier = _mapping(training.get("begun_from")).get("name")
    return f"{text}, from the weights of an earlier {earlier}" if earlier else text


def figures(metadata: Mapping[str, Any]) -> list[str]:
    """Return the headline figures of a checkpoint, each with its 95 % interval where it has one.

    Args:
        metadata: as its file tells it, which may be a stranger's.
    """
    sets = {name: _mapping(measured) for name, measured in _mapping(metadata.get("figures")).items()}
    titles = _titles(sets)
    lines = []
    for place, key, what, form, unit in _HEADLINES:
        for name, found in sets.items():
            for step in place:
                found = _mapping(found.get(step))
            if isinstance(found.get(key), int | float):
                lines.append(f"{what}: {form.format(found[key])}{unit}{_interval(found, key, form)}, {titles[name]}")
                break
    return lines


def _titles(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return what to call each set: by its title, with its folder where two have the same."""
    told = {name: _mapping(found.get("data")) for name, found in sets.items()}
    titles = {name: str(data.get("title", name)) for name, data in told.items()}
    shared = [title for title in titles.values() if list(titles.values()).count(title) > 1]
    return {
        name: f"{title} ({told[name].get('folder', name)})" if title in shared else title
        for name, title in titles.items()
    }


def _interval(found: Mapping[str, Any], key: str, form: str) -> str:
    match found.get(f"{key}_95_percent"):
        case [int() | float() as low, int() | float() as high]:
            return f" (95 %: {form.format(low)} to {form.format(high)})"
    return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _card(info: CheckpointInfo) -> Path | None:
    path = info.path.with_suffix(".md")
    return path if path.is_file() else None


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested metadata into (dotted name, text) lines."""
    if isinstance(value, Mapping):
        return [
            line for key, inner in value.items() for line in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list | tuple) and any(isinstance(inner, Mapping) for inner in value):
        return [line for index, inner in enumerate(value) for line in flatten(inner, f"{prefix}[{index}]")]
    if isinstance(value, list | tuple):
        return [(prefix, ", ".join(_plain(inner) for inner in value))]
    return [(prefix, _plain(value))]


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
