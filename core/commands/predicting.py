"""How every command that predicts is told to: device, how a person is found, and how the pose is read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from core.engines import ENGINES
from core.locate import LOCATE_BY
from core.reading import SWITCHES, Reading

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.predictor import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``predictor`` reads."""
    parser.add_argument(
        "--locate",
        choices=LOCATE_BY,
        default=LOCATE_BY[0],
        help="find a person with the locating network, by a search with the pose network where that finds nobody; "
        "with both always; or by the search alone (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    add_engine(parser)
    for switch in SWITCHES:
        turned = "store_false" if switch.default else "store_true"
        parser.add_argument(switch.metadata["flag"], dest=switch.name, action=turned, help=switch.metadata["help"])


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare who runs the network."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="who runs the network: torch, or OpenVINO on a CPU (pip install '.[openvino]'; default: %(default)s)",
    )


def predictor(loaded: Checkpoint, args: argparse.Namespace) -> Predictor:
    """Build what was asked for.

    Raises:
        UserError: the device is absent, or the engine is.
        RunError: the engine could not take the network over.
    """
    # Imported late: torch takes a second.
    from core.predictor import Predictor

    made = Predictor(loaded, args.device, locate_by=args.locate, engine=args.engine)
    made.reading = _reading(args)
    return made


def _reading(args: argparse.Namespace) -> Reading:
    return Reading(**{switch.name: getattr(args, switch.name) for switch in SWITCHES})
