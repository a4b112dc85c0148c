"""``evaluate``: measure a checkpoint on held-out data, the way anyone else would use it (``Predictor``)."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core import checkpoint, skeleton
from core.errors import UserError
from core.export import write_atomically
from core.predictor import BATCH, Predictor
from train import metrics
from train.datasets import lsp, rendered
from train.datasets.crops import Sample

FloatArray = NDArray[np.float64]
BOOTSTRAP_ROUNDS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--dataset", required=True, choices=("lsp", "rendered"))
    parser.add_argument("--data", type=Path, required=True, help="the set's folder")
    parser.add_argument("--split", default=None, help="split file for lsp (default: val.txt)")
    parser.add_argument("--checkpoint", default="compact-geo", help="bundled name or file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--no-flip", action="store_true", help="without mirror averaging")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print; returns the exit code."""
    loaded = checkpoint.load(args.checkpoint)
    predictor = Predictor(loaded, args.device, flip=not args.no_flip)
    if args.dataset == "lsp":
        names = lsp.read_split(args.data, args.split or "val.txt")
        source: Iterable[Sample] = lsp.samples(args.data, names)
    else:
        source = rendered.samples(args.data)
    found = collect(predictor, source)
    figures = {
        "schema": "bonesight.figures/1",
        "dataset": args.dataset,
        "protocol": "boxes from the labels: extent of the joints x 1.25, square"
        + ("" if args.no_flip else "; mirror averaging"),
        "checkpoint": {
            **checkpoint.summary(loaded.info),
            "weights_sha256": loaded.info.metadata.get("weights_sha256"),
        },
        **(lsp_figures(found) if args.dataset == "lsp" else rendered_figures(found)),
    }
    print_figures(figures)
    if args.json is not None:
        text = json.dumps(_without_nan(figures), indent=1, allow_nan=False)
        write_atomically(args.json, (text + "\n").encode())
    return 0


class Collected:
    """Predictions beside truth over N samples; see ``collect``.

    Attributes:
        predicted_px, truth_px: (N, 16, 2); annotated: (N, 16); confidence: (N, 16).
        predicted_mm: (N, 16, 3); truth_mm: (N, 16, 3), NaN without 3D truth; scenes: N names.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.predicted_px = np.stack([row["predicted_px"] for row in rows])
        self.truth_px = np.stack([row["truth_px"] for row in rows])
        self.annotated = np.stack([row["annotated"] for row in rows])
        self.confidence = np.stack([row["confidence"] for row in rows])
        self.predicted_mm = np.stack([row["predicted_mm"] for row in rows])
        self.truth_mm = np.stack([row["truth_mm"] for row in rows])
        self.scenes = np.array([row["scene"] for row in rows])

    def __len__(self) -> int:
        return len(self.predicted_px)


def collect(predictor: Predictor, samples: Iterable[Sample]) -> Collected:
    """Predict every sample with its given box.

    Raises:
        UserError: there is no sample.
    """
    rows: list[dict[str, Any]] = []
    iterator = iter(samples)
    with tqdm(desc="evaluating", unit="picture") as bar:
        while part := list(islice(iterator, BATCH)):
            poses = predictor.predict_batch([sample.image for sample in part], [sample.box_px for sample in part])
            for sample, pose in zip(part, poses, strict=True):
                truth_mm = sample.joints_mm
                rows.append(
                    {
                        "predicted_px": pose.joints_px,
                        "truth_px": sample.joints_px,
                        "annotated": sample.annotated,
                        "confidence": pose.confidence,
                        "predicted_mm": pose.joints_mm,
                        "truth_mm": np.full((skeleton.JOINT_COUNT, 3), np.nan) if truth_mm is None else truth_mm,
                        "scene": sample.scene,
                    }
                )
            bar.update(len(part))
    if not rows:
        raise UserError("there is nothing to evaluate on", "check --data and --split: no annotated picture was found")
    return Collected(rows)


def lsp_figures(found: Collected) -> dict[str, Any]:
    """LSP protocol: PCK at 0.2 of the torso (left shoulder to right hip), person-centric."""
    torso = metrics.torso_px(found.truth_px, found.annotated)
    figures = _figures_2d(found, torso)
    figures["pck_0.2_torso"]["limb_joints_mean_95_percent"] = _interval(found, torso)
    return {**figures, "persons_without_torso": int(np.isnan(torso).sum())}


def rendered_figures(found: Collected) -> dict[str, Any]:
    """2D and 3D figures on rendered people, in all and by scene."""
    torso = metrics.torso_px(found.truth_px, found.annotated)
    scenes = {"all": np.ones(len(found), bool), **{str(s): found.scenes == s for s in np.unique(found.scenes)}}
    three_d = {}
    for scene, chosen in scenes.items():
        predicted, truth = found.predicted_mm[chosen], found.truth_mm[chosen]
        three_d[scene] = {
            "persons": int(chosen.sum()),
            "mpjpe_training_scale_mm": float(metrics.mpjpe(predicted, truth).mean()),
            "n_mpjpe_mm": float(metrics.n_mpjpe(predicted, truth).mean()),
            "pa_mpjpe_mm": float(metrics.pa_mpjpe(predicted, truth).mean()),
            "pck_150_mm": metrics.pck_3d(predicted, truth),
            "auc_0_150_mm": metrics.auc_3d(predicted, truth),
        }
    return {**_figures_2d(found, torso), "three_d": three_d}


def _figures_2d(found: Collected, torso: FloatArray) -> dict[str, Any]:
    """What is measured on every set: PCK, asymmetry of the lifted limbs, collapse, swaps, confidence."""
    per_joint = metrics.pck(found.predicted_px, found.truth_px, found.annotated, torso, 0.2)
    asymmetry = metrics.limb_asymmetry_percent(found.predicted_mm)
    pairs = (found.predicted_px, found.truth_px, found.annotated, torso)
    return {
        "persons": len(found),
        "pck_0.2_torso": {"limb_joints_mean": metrics.limb_mean(per_joint), "per_joint": _by_joint(per_joint)},
        "left_right_asymmetry_percent": {**asymmetry, "mean": float(np.mean(list(asymmetry.values())))},
        "pair_collapse_percent": metrics.pair_collapse_percent(*pairs),
        "left_right_swap_percent": metrics.swap_percent(*pairs),
        "mean_confidence": float(found.confidence.mean()),
    }


def _without_nan(value: Any) -> Any:
    """Replace numbers that do not exist (no person with a torso, say) by None: JSON knows no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _by_joint(values: FloatArray) -> dict[str, float | None]:
    return {
        name: None if np.isnan(value) else float(value)
        for name, value in zip(skeleton.JOINT_NAMES, values, strict=True)
    }


def _interval(found: Collected, torso: FloatArray) -> list[float]:
    """95 % bootstrap interval of the limb joints' mean PCK, over persons."""
    random = np.random.default_rng(0)
    rounds = []
    for _ in range(BOOTSTRAP_ROUNDS):
        rows = random.integers(len(found), size=len(found))
        per_joint = metrics.pck(found.predicted_px[rows], found.truth_px[rows], found.annotated[rows], torso[rows], 0.2)
        rounds.append(metrics.limb_mean(per_joint))
    low, high = np.percentile(rounds, [2.5, 97.5])
    return [float(low), float(high)]


def print_figures(figures: dict[str, Any]) -> None:
    """Print the figures for people."""
    name, preset = figures["checkpoint"]["name"], figures["checkpoint"]["preset"]
    print(f"{name} ({preset}) on {figures['dataset']}: {figures['persons']} persons; {figures['protocol']}")
    pck = figures["pck_0.2_torso"]
    print("\nPCK at 0.2 torso (%)")
    for joint, value in pck["per_joint"].items():
        print(f"  {skeleton.plain_name(joint):16}" + ("  not annotated" if value is None else f"{value:6.1f}"))
    interval = pck.get("limb_joints_mean_95_percent")
    extra = f"   (95 %: {interval[0]:.1f} to {interval[1]:.1f})" if interval else ""
    print(f"  {'12 limb joints':16}{pck['limb_joints_mean']:6.1f}{extra}")
    print("\nLeft-right asymmetry in 3D (% of the limb's length)")
    for limb, value in figures["left_right_asymmetry_percent"].items():
        print(f"  {skeleton.plain_name(limb):16}{value:6.1f}")
    for scene, row in figures.get("three_d", {}).items():
        print(
            f"\n3D, {scene} ({row['persons']} persons): MPJPE {row['mpjpe_training_scale_mm']:.1f} mm "
            f"(training scale), N-MPJPE {row['n_mpjpe_mm']:.1f} mm, PA-MPJPE {row['pa_mpjpe_mm']:.1f} mm, "
            f"PCK@150 mm {row['pck_150_mm']:.1f} %, AUC {row['auc_0_150_mm']:.1f} %"
        )
    collapse = ", ".join(f"{name} {value:.1f}" for name, value in figures["pair_collapse_percent"].items())
    print(f"\nPair collapse (%): {collapse}; left-right swaps {figures['left_right_swap_percent']:.1f} %")
