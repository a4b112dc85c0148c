"""Pictures the program rendered, with exact 3D: the shards that ``render`` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from core.crop import box_around
from core.errors import UserError
from train.datasets.crops import CropSet, Sample, cached


def shards(folder: Path) -> list[Path]:
    """List the shards of a rendered set.

    Raises:
        UserError: there are none.
    """
    found = sorted(folder.glob("shard-*.npz"))
    if not found:
        raise UserError(
            f"{folder} holds no rendered pictures", f"make some with `bonesight render --out {folder} --count 2000`"
        )
    return found


def samples(folder: Path) -> Iterator[Sample]:
    """Read every rendered person; a box is drawn around the joints that are in the picture."""
    for path in shards(folder):
        with np.load(path) as shard:
            arrays = {name: shard[name] for name in shard.files}
        for index in range(len(arrays["joints_px"])):
            start, end = arrays["offset"][index], arrays["offset"][index + 1]
            image = cv2.imdecode(arrays["jpeg"][start:end], cv2.IMREAD_COLOR)
            if image is None:
                raise UserError(
                    f"{path.name} holds a damaged picture (number {index})", "delete the shard and render again"
                )
            joints_px = arrays["joints_px"][index].astype(np.float64)
            visible = arrays["visible"][index].astype(bool)
            if visible.sum() < 6:
                continue
            yield Sample(
                np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8),
                joints_px,
                visible,
                box_around(joints_px[visible]),
                arrays["joints_mm"][index].astype(np.float64),
                f"{path.stem}:{index}",
                str(arrays["scene"][index]),
            )


def training_crops(folder: Path, cache: Path) -> CropSet:
    """Return the crops of a rendered set."""
    files = shards(folder)
    count = 0
    for path in files:
        with np.load(path) as shard:
            count += len(shard["joints_px"])
    key: dict[str, object] = {
        "set": "rendered",
        "files": [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files],
    }
    return cached(key, count, samples(folder), cache, f"rendered-{folder.name}")
