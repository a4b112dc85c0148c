"""A quick look at held-out photos during training: PCK and asymmetry of the averaged weights, and a few pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from core import geometry, heatmap, network
from core.export import write_atomically
from core.skeleton import BONES
from train import metrics
from train.batches import stored_view
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet

SHOWN = 8
"""Held-out pictures on the sheet, four in a row."""
SHOWN_PX = 256
SIDE_COLOURS = {"right": (242, 104, 60), "left": (47, 136, 238), "centre": (79, 174, 85)}
"""As in ``core.figure``, which needs matplotlib: a machine that only trains may not have it."""

FloatArray = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Measured:
    """What one look gave.

    Attributes:
        figures: ``pck`` (0.2 of the torso, mean of the 12 limb joints) and ``asymmetry_percent`` (mean of limbs).
        sheet: (h, w, 3) RGB, the same few pictures each time: prediction in colours, truth as white rings.
    """

    figures: dict[str, float]
    sheet: Picture

    def write_sheet(self, path: Path) -> None:
        """Write the sheet as a PNG."""
        write_atomically(path, cv2.imencode(".png", cv2.cvtColor(self.sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


@dataclass(frozen=True)
class Validation:
    """Held-out crops and how to measure a model on them, without mirror averaging.

    Attributes:
        crops: the set.
        batch: pictures at once.
        at_most: of a larger set so many are measured, evenly spread; 0 for all.
        device: ``cpu`` or ``cuda``.
    """

    crops: CropSet
    batch: int = 20
    at_most: int = 0
    device: str = "cpu"

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Which crops are measured."""
        count = min(self.at_most or len(self.crops), len(self.crops))
        return np.linspace(0, len(self.crops) - 1, count).round().astype(np.int64)

    def measure(self, model: network.PoseNetwork) -> Measured:
        """Measure a model, which is changed: its batch norms are folded."""
        side = model.config.input_px
        model = network.place(network.fold_batch_norm(model.eval()), self.device)
        joints_crop, depths = [], []
        for start in range(0, len(self.rows), self.batch):
            views = [stored_view(self.crops, row, side) for row in self.rows[start : start + self.batch]]
            images = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).to(self.device)
            images = images.contiguous(memory_format=torch.channels_last).float() / 255.0
            with torch.inference_mode(), torch.autocast(self.device, torch.bfloat16):
                output = model(images)
            decoded = heatmap.decode(heatmap.belief(output.maps[-1], model.config.maps), model.config.maps)
            joints_crop.append(decoded.joints_hm * (side / model.config.heatmap_px))
            depths.append(output.depth.double().cpu().numpy())
        predicted = np.concatenate(joints_crop)
        corner = STORED_PX / 2 - BOX_STORED / 2
        truth = (self.crops.joints_stored[self.rows].astype(np.float64) - corner) * (side / BOX_STORED)
        annotated = self.crops.annotated[self.rows]
        torso = metrics.torso_px(truth, annotated)
        norm = 2.0 * predicted / side - 1.0
        skeletons = np.concatenate([norm, np.concatenate(depths)[..., None]], axis=-1)
        asymmetry = np.mean([values.mean() for values in geometry.asymmetry_percent(skeletons).values()])
        per_joint = metrics.pck(predicted, truth, annotated, torso, 0.2)
        figures = {"pck": metrics.limb_mean(per_joint), "asymmetry_percent": float(asymmetry)}
        return Measured(figures, self._sheet(predicted / side, truth / side, annotated))

    def _sheet(self, predicted: FloatArray, truth: FloatArray, annotated: NDArray[np.bool_]) -> Picture:
        """Draw the first pictures; joints as (N, 16, 2) shares of the crop's side."""
        chosen = np.linspace(0, len(self.rows) - 1, min(SHOWN, len(self.rows))).round().astype(int)
        tiles = [
            _drawn(stored_view(self.crops, self.rows[at], SHOWN_PX), predicted[at], truth[at], annotated[at])
            for at in chosen
        ]
        blank = np.zeros((SHOWN_PX, SHOWN_PX, 3), np.uint8)
        tiles += [blank] * (-len(tiles) % 4)
        return np.vstack([np.hstack(tiles[start : start + 4]) for start in range(0, len(tiles), 4)])


def _drawn(picture: Picture, predicted: FloatArray, truth: FloatArray, annotated: NDArray[np.bool_]) -> Picture:
    canvas = np.ascontiguousarray(picture)

    def point(share: FloatArray) -> tuple[int, int]:
        # Far outside cv2's range nothing would be seen anyway.
        x, y = np.clip(share * SHOWN_PX, -SHOWN_PX, 2 * SHOWN_PX).round().astype(int)
        return int(x), int(y)

    for bone in BONES:
        first, second = (point(predicted[joint]) for joint in bone.joints)
        cv2.line(canvas, first, second, (20, 20, 20), 4, cv2.LINE_AA)
        cv2.line(canvas, first, second, SIDE_COLOURS[bone.side], 2, cv2.LINE_AA)
    for joint in np.flatnonzero(annotated):
        cv2.circle(canvas, point(truth[joint]), 4, (20, 20, 20), 2, cv2.LINE_AA)
        cv2.circle(canvas, point(truth[joint]), 4, (255, 255, 255), 1, cv2.LINE_AA)
    return canvas
