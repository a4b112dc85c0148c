"""The learned pose prior that comes with the program: poses like those of the motion capture, without its file.

A mixture of Gaussians over the 6D form of the 19 local rotations (the first two columns of each matrix; Zhou et al.,
CVPR 2019), heading removed, in a principal subspace. Each split has a model of its own, fitted to its own clips only,
so that rendered splits share no motion; ``train.render.fit_prior`` makes the file.
"""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from train.render import anatomy
from train.render.rig import ROTATING, FloatArray

RESOURCE: Final = "poses/prior.npz"
TEMPERATURE: Final = 0.85
"""Standard deviations are multiplied by this: the rare tails of a Gaussian are no poses."""
_TRIES: Final = 12


@dataclass(frozen=True, eq=False)
class PosePrior:
    """One split's mixture: K components over D principal coordinates of the 114 features.

    Attributes:
        centre: (114,) mean feature vector.
        axes: (D, 114) principal directions.
        weight: (K,) shares, summing to 1.
        mean: (K, D).
        spread: (K, D, D) lower Cholesky factors of the covariances.
        action: (K,) what most poses of a component show.
        limits_rad: (19, 2, 3) lowest and highest rotation vector of each joint seen in the clips (the pelvis' is free).
    """

    centre: FloatArray
    axes: FloatArray
    weight: FloatArray
    mean: FloatArray
    spread: FloatArray
    action: NDArray[np.str_]
    limits_rad: FloatArray

    def pick(self, random: np.random.Generator) -> tuple[FloatArray, int, str]:
        """Draw (19, 4) local rotations that a body can take; no clip (-1); and the action they are most like."""
        for _ in range(_TRIES):
            kind = int(random.choice(len(self.weight), p=self.weight))
            noise = TEMPERATURE * random.standard_normal(self.mean.shape[1])
            local = rotations_of(self.centre + (self.mean[kind] + self.spread[kind] @ noise) @ self.axes)
            if self.within_limits(local) and anatomy.is_possible(local):
                return local, -1, str(self.action[kind])
        return rotations_of(self.centre + self.mean[kind] @ self.axes), -1, str(self.action[kind])

    def within_limits(self, local_xyzw: FloatArray) -> bool:
        """Tell whether every joint but the pelvis turns no further than was seen."""
        turned = Rotation.from_quat(local_xyzw).as_rotvec()
        low, high = self.limits_rad[:, 0], self.limits_rad[:, 1]
        return bool(((turned >= low) & (turned <= high))[1:].all())


def features_of(local_xyzw: FloatArray) -> FloatArray:
    """Return (N, 114) features of (N, 19, 4) local rotations, turned to face forwards."""
    local = local_xyzw.copy()
    heading = np.zeros_like(local[:, 0])
    heading[:, [1, 3]] = local[:, 0][:, [1, 3]]
    alone = np.linalg.norm(heading, axis=1) < 1e-6  # exactly upside down: there is no heading
    heading[alone, 3] = 1.0
    local[:, 0] = (Rotation.from_quat(heading).inv() * Rotation.from_quat(local[:, 0])).as_quat()
    matrices = Rotation.from_quat(local.reshape(-1, 4)).as_matrix()
    return np.asarray(matrices[:, :, :2].reshape(len(local), -1))


def rotations_of(features: FloatArray) -> FloatArray:
    """Return (19, 4) local rotations of (114,) features, made orthonormal."""
    columns = features.reshape(len(ROTATING), 3, 2)
    first = columns[:, :, 0] / np.linalg.norm(columns[:, :, 0], axis=1, keepdims=True)
    second = columns[:, :, 1] - (first * columns[:, :, 1]).sum(axis=1, keepdims=True) * first
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    matrices = np.stack([first, second, np.cross(first, second)], axis=2)
    return np.asarray(Rotation.from_matrix(matrices).as_quat())


def load(split: str) -> PosePrior:
    """Read the bundled prior of a split."""
    with importlib.resources.files("resources").joinpath(RESOURCE).open("rb") as file, np.load(file) as stored:
        found = {name: stored[f"{split}_{name}"] for name in PosePrior.__dataclass_fields__}
    exact = {name: array if name == "action" else array.astype(np.float64) for name, array in found.items()}
    exact["weight"] /= exact["weight"].sum()
    return PosePrior(**exact)
