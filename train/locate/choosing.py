"""The threshold under which the locating network has found nobody, chosen on pictures set aside for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.locate import Locator
from core.locate.network import LocateNetwork
from train.locate.config import LocateConfig
from train.locate.pictures import Sets, source

LOWEST, HIGHEST = 0.1, 0.9


def choose_threshold(
    model: LocateNetwork, config: LocateConfig, aside: Sets, device: str
) -> tuple[float, dict[str, Any]]:
    """Return the lowest threshold that is quiet where nobody is, and what it was chosen by.

    Args:
        model: in eval mode.
        config: ``run.quiet`` is the share of the empty pictures in which nobody may be found.
        aside: pictures that were not trained on.
        device: where to look at them.
    """
    locator = Locator(model, 0.0, config.used_area_px, device)
    best: dict[str, list[float]] = {}
    for name in ("empty", "photos"):
        pictures = getattr(aside, name)
        found = (locator.find(source(pictures, index).image) for index in range(len(pictures)))
        best[name] = [people[0].score if people else 0.0 for people in found]
    threshold = float(np.clip(np.quantile(best["empty"], config.run.quiet), LOWEST, HIGHEST))
    threshold = round(threshold + 0.005, 2)
    return threshold, {
        "empty_pictures": len(best["empty"]),
        "quiet_percent": 100.0 * float(np.mean(np.array(best["empty"]) < threshold)),
        "photos": len(best["photos"]),
        "photos_with_somebody_percent": 100.0 * float(np.mean(np.array(best["photos"]) >= threshold)),
    }
