"""``checkpoints``: what is bundled, with the figures that were measured."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from core.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: none."""


def run(args: argparse.Namespace) -> int:
    """Print one block per checkpoint; returns the exit code."""
    from core import checkpoint

    infos = checkpoint.bundled()
    if not infos:
        raise UserError("no checkpoint is bundled with this installation", "install the program again, or train one")
    for info in infos:
        trained = "with" if info.geometry_loss else "without"
        print(f"{info.name}: preset {info.preset}, {trained} the geometry loss, {info.size_bytes / 1e6:.1f} MB")
        print(f"  sha256    {info.sha256}")
        for key in ("training", "data", "terms", "figures"):
            value = info.metadata.get(key)
            if value:
                print(f"  {key}")
                for name, text in flatten(value):
                    print(f"    {name + ':' if name else '-'} {text}")
    return 0


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
