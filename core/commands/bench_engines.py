"""The engines side by side, for ``bench``: which are there, and how far what they say is from float32."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.engines import EngineName
from core.reading import Reading

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.predictor import Predictor


def departures(loaded: Checkpoint, predictors: dict[EngineName, Predictor]) -> dict[EngineName, float]:
    """Return how far each engine's maps of the bundled samples are from those of torch in float32.

    Of each map the largest difference in parts of the map's peak; the median over all joints of all samples.
    """
    from core.predictor import Predictor

    device = next(iter(predictors.values())).device
    crops = samples(loaded.network.config.input_px)
    exact = Predictor(loaded, device, reading=Reading(mirror=False), precision="float32").raw(crops)[0]
    peaks = exact.amax((2, 3))
    told = {name: predictor.raw(crops, flip=False)[0] for name, predictor in predictors.items()}
    return {name: round(float(((maps - exact).abs().amax((2, 3)) / peaks).median()), 4) for name, maps in told.items()}


def samples(side: int) -> NDArray[np.uint8]:
    """Return the people of the bundled samples as (N, side, side, 3) crops."""
    from core import crop, media

    folder = Path(str(resources.files("resources"))) / "samples"
    crops = []
    for entry in json.loads((folder / "samples.json").read_text(encoding="utf-8"))["samples"]:
        box = crop.square(crop.box_around(np.array(entry["joints_px"])))
        crops.append(crop.cut(media.read_picture(folder / entry["file"]), crop.crop_to_picture(box, side), side))
    return np.stack(crops)
