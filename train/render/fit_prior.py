"""``python -m train.render.fit_prior MOCAP.npz OUT.npz``: fit the pose prior that comes with the program.

One mixture per split, each fitted to that split's clips alone. The file holds no pose of the motion capture, and says
where its poses come from.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.linalg import solve_triangular
from scipy.spatial.transform import Rotation
from scipy.special import logsumexp

from core.errors import UserError
from train.render import pose_sampling, shards
from train.render.pose_sampling import PoseSource, Split
from train.render.prior import PosePrior, features_of
from train.render.rig import FloatArray

CREDIT: Final = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
KEPT: Final = 0.985
"""Share of the variance that the principal subspace keeps."""
POSES_PER_COMPONENT: Final = 75
_SHRINK, _ROUNDS = 0.15, 15
_MARGIN_RAD: Final = np.deg2rad(6.0)


def fit(source: PoseSource, seed: int = 0) -> PosePrior:
    """Fit a mixture to the poses of one split: k-means, then expectation maximisation with shrunk covariances."""
    features = features_of(source.local_xyzw)
    centre = features.mean(axis=0)
    _, scale, axes = np.linalg.svd(features - centre, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(scale**2) / (scale**2).sum(), KEPT)) + 1
    axes = axes[:kept]
    points = (features - centre) @ axes.T
    count = max(len(points) // POSES_PER_COMPONENT, 4)
    means, labels = kmeans2(points, count, iter=30, minit="++", seed=seed)
    share: FloatArray = np.eye(len(means))[labels]
    weight, spread = np.empty(0), np.empty(0)
    for _ in range(_ROUNDS):
        share = share[:, share.sum(axis=0) > 5.0] + 1e-9  # poses of a component that is dropped go to all others
        share /= share.sum(axis=1, keepdims=True)
        weight, means, spread = _maximise(points, share)
        share = _expect(points, weight, means, spread)
    names, which = np.unique(source.action, return_inverse=True)
    votes = share.T @ np.eye(len(names))[which]
    turned = Rotation.from_quat(source.local_xyzw.reshape(-1, 4)).as_rotvec().reshape(*source.local_xyzw.shape[:2], 3)
    low, high = np.percentile(turned, [0.3, 99.7], axis=0)
    limits = np.stack([low - _MARGIN_RAD, high + _MARGIN_RAD], axis=1)
    return PosePrior(centre, axes, weight, means, spread, names[votes.argmax(axis=1)], limits)


def _maximise(points: FloatArray, share: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return weights, means and Cholesky factors; covariances lean to the mean one, for poses are few."""
    total = share.sum(axis=0)
    means = share.T @ points / total[:, None]
    covariances = np.stack([
        (points - mean).T @ ((points - mean) * part[:, None]) / part.sum()
        for mean, part in zip(means, share.T, strict=True)
    ])  # fmt: skip
    within = np.tensordot(total / total.sum(), covariances, 1)
    covariances = (1 - _SHRINK) * covariances + _SHRINK * within + 1e-6 * np.eye(points.shape[1])
    return total / total.sum(), means, np.asarray(np.linalg.cholesky(covariances), dtype=np.float64)


def _expect(points: FloatArray, weight: FloatArray, means: FloatArray, spread: FloatArray) -> FloatArray:
    log = np.empty((len(points), len(means)))
    for kind, (mean, factor) in enumerate(zip(means, spread, strict=True)):
        scaled = solve_triangular(factor, (points - mean).T, lower=True)
        log[:, kind] = np.log(weight[kind]) - 0.5 * (scaled**2).sum(axis=0) - np.log(np.diag(factor)).sum()
    return np.asarray(np.exp(log - logsumexp(log, axis=1, keepdims=True)))


def write(mocap: Path, out: Path) -> dict[str, Any]:
    """Fit all splits and write the file; returns its metadata."""
    arrays: dict[str, NDArray[Any]] = {}
    told: dict[str, Any] = {"schema": "bonesight.pose-prior/1", "credit": CREDIT, "splits": {}}
    for split in get_args(Split):
        source = pose_sampling.read(mocap, split)
        model = fit(source)
        told["splits"][split] = {
            "poses": len(source.clip), "clips": len(np.unique(source.clip)),
            "components": len(model.weight), "dimensions": len(model.axes),
        }  # fmt: skip
        for name in PosePrior.__dataclass_fields__:
            array = getattr(model, name)
            arrays[f"{split}_{name}"] = array if name == "action" else array.astype(np.float16)
    arrays["about"] = np.array(json.dumps(told))
    out.parent.mkdir(parents=True, exist_ok=True)
    shards.save(out, arrays, compress=True)
    return told


def main() -> int:
    """Fit the prior and say what it was fitted to."""
    parser = argparse.ArgumentParser(prog="fit_prior", description=__doc__)
    parser.add_argument("mocap", type=Path, metavar="MOCAP", help="mocap_poses.npz")
    parser.add_argument("out", type=Path, metavar="OUT", help="usually resources/poses/prior.npz")
    args = parser.parse_args()
    try:
        for split, told in write(args.mocap, args.out)["splits"].items():
            print(f"{split}: {', '.join(f'{number} {name}' for name, number in told.items())}")
    except UserError as error:
        print(f"fit_prior: {error}", file=sys.stderr)
        return 2
    print(f"{args.out} ({args.out.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
