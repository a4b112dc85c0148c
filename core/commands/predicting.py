"""How every command that predicts is told to: device, mirror averaging, reading of the limbs, refining."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from core.locate import LOCATE_BY

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.predictor import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``predictor`` reads."""
    parser.add_argument(
        "--locate",
        choices=LOCATE_BY,
        default=LOCATE_BY[0],
        help="find a person by searching with the pose network, or by the locating network (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--no-flip", action="store_true", help="do not average with the mirrored picture: faster")
    parser.add_argument(
        "--peaks",
        action="store_true",
        help="take each heatmap's highest peak by itself, as the paper does, instead of reading both sides together",
    )
    parser.add_argument(
        "--refine", action="store_true", help="bend the skeleton in space towards bones that can be real"
    )


def predictor(loaded: Checkpoint, args: argparse.Namespace) -> Predictor:
    """Build what was asked for.

    Raises:
        UserError: the device is absent.
    """
    # Imported late: torch takes a second.
    from core.predictor import Predictor

    return Predictor(
        loaded, args.device, flip=not args.no_flip, refine=args.refine, peaks=args.peaks, locate_by=args.locate
    )


def told(loaded: Checkpoint, args: argparse.Namespace) -> str:
    """Return in words what differs from the paper's plain way, for figures that are stored."""
    parts = [
        "" if args.no_flip else "mirror averaging",
        "" if args.peaks or loaded.structure is None else "limbs of both sides read together",
        "refined in space" if args.refine else "",
    ]
    return "".join(f"; {part}" for part in parts if part)
