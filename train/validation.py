"""A quick look at held-out photos during training: PCK and asymmetry of the averaged weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core import geometry, heatmap, network
from train import metrics
from train.batches import stored_view
from train.datasets.crops import BOX_STORED, STORED_PX, CropSet


@dataclass(frozen=True)
class Validation:
    """Held-out crops and how to measure a model on them, without mirror averaging."""

    crops: CropSet
    batch: int = 20

    def measure(self, model: network.PoseNetwork) -> dict[str, float]:
        """Return ``pck`` (0.2 of the torso, mean of the 12 limb joints) and ``asymmetry_percent`` (mean of limbs)."""
        side = model.config.input_px
        model = network.place(network.fold_batch_norm(model.eval()), "cpu")
        joints_crop, depths = [], []
        for start in range(0, len(self.crops), self.batch):
            views = [stored_view(self.crops, i, side) for i in range(start, min(start + self.batch, len(self.crops)))]
            images = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)
            images = images.contiguous(memory_format=torch.channels_last).float() / 255.0
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                output = model(images)
            decoded = heatmap.decode(heatmap.belief(output.maps[-1], model.config.maps), model.config.maps)
            joints_crop.append(decoded.joints_hm * (side / model.config.heatmap_px))
            depths.append(output.depth.double().numpy())
        predicted = np.concatenate(joints_crop)
        corner = STORED_PX / 2 - BOX_STORED / 2
        truth = (self.crops.joints_stored.astype(np.float64) - corner) * (side / BOX_STORED)
        annotated = self.crops.annotated
        torso = metrics.torso_px(truth, annotated)
        norm = 2.0 * predicted / side - 1.0
        skeletons = np.concatenate([norm, np.concatenate(depths)[..., None]], axis=-1)
        asymmetry = np.mean([values.mean() for values in geometry.asymmetry_percent(skeletons).values()])
        per_joint = metrics.pck(predicted, truth, annotated, torso, 0.2)
        return {"pck": metrics.limb_mean(per_joint), "asymmetry_percent": float(asymmetry)}
