"""Fitting ``core.lifting``, which corrects depths by where the joints are, to a network's own answers.

The terms are those of the network (method, "Losses"): L_reg on pictures with 3D truth, here with Huber's function, and,
where the network was trained with it, L_geo on photos. L_geo's x and y are the places that were read, on bones both of
whose ends lie on their labels: there they are the annotation, as the paper has it, and the places are those that the
depths are later joined with.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from core import pictorial
from core.geometry import geometry_loss
from core.lifting import Lifting, size_norm
from core.pictorial import Structure
from train.losses import DEEPEST_NORM
from train.readings import Readings

FEWEST: Final = 3000
"""Pictures with 3D truth; from fewer it learns them by heart."""
STEPS: Final = 6000
BATCH: Final = 256
RATE: Final = 2e-3
SHRINK: Final = 1e-2
GEOMETRY: Final = 2.0
"""Weight of L_geo beside L_reg, chosen between symmetry on photos and error on rendered people (docs/results.md)."""
TOLERANCE_NORM: Final = 0.1
"""Up to this far from the truth an error of depth counts squared, beyond in proportion."""
ON_LABEL: Final = 0.25
"""A joint within this share of the person's size (``size_norm``) lies on its label."""
TURN: Final = 0.35
NUDGE_NORM: Final = 0.01
"""Standard deviations of what varies the places: a turn about the optical axis, radians, and noise."""


def fit(readings: Readings, structure: Structure, geometry: bool, seed: int = 0, show: bool = True) -> Lifting:
    """Return the fitted network.

    Args:
        readings: of pictures that the pose network was trained on.
        structure: how their joints are read.
        geometry: whether L_geo counts, on the photos.
        seed: of all draws.
        show: whether a progress bar is drawn.

    Raises:
        ValueError: there are fewer than ``FEWEST`` pictures with 3D truth.
    """
    people = readings.has_depth.nonzero()[:, 0]
    photos = (~readings.has_depth).nonzero()[:, 0]
    if len(people) < FEWEST:
        raise ValueError(f"{len(people)} pictures with 3D truth are too few")
    chosen = torch.from_numpy(pictorial.choose(structure, readings.places_norm, readings.belief))[..., None]
    joints = readings.places_norm.gather(2, chosen[..., None].expand(-1, -1, 1, 2))[:, :, 0].float()
    belief = readings.belief.gather(2, chosen)[..., 0].float()
    depth, truth = readings.depth_norm.float(), readings.truth_depth_norm.float()
    near = (joints - readings.truth_norm).norm(dim=-1) < ON_LABEL * size_norm(joints)[:, None]
    on_label = near & readings.annotated
    known = readings.annotated & (truth.abs() <= DEEPEST_NORM)
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lifting = Lifting().train()
        optimiser = torch.optim.AdamW(lifting.parameters(), RATE, weight_decay=SHRINK)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS, pct_start=0.1)
        for _ in tqdm(range(STEPS), desc="correcting depths", unit="step", disable=not show):
            rows = _draw(people, BATCH, random)
            if geometry and len(photos):
                rows = torch.cat([rows, _draw(photos, BATCH // 2, random)])
            places = _varied(joints[rows], random)
            lifted = lifting(places, belief[rows], depth[rows])
            some = known[rows[:BATCH]]
            loss = functional.huber_loss(lifted[:BATCH][some], truth[rows[:BATCH]][some], delta=TOLERANCE_NORM)
            loss = loss / TOLERANCE_NORM
            if len(rows) > BATCH:
                flat = geometry_loss(places[BATCH:], lifted[BATCH:], on_label[rows[BATCH:]])
                loss = loss + GEOMETRY * flat.mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return lifting.eval()


def _draw(rows: Tensor, count: int, random: torch.Generator) -> Tensor:
    return rows[torch.randint(len(rows), (count,), generator=random)]


def _varied(joints_norm: Tensor, random: torch.Generator) -> Tensor:
    """Turn each person about the optical axis, which leaves depths as they are, and move the joints a little."""
    angle = TURN * torch.randn(len(joints_norm), generator=random)
    cosine, sine = angle.cos(), angle.sin()
    turn = torch.stack([cosine, -sine, sine, cosine], dim=-1).view(-1, 2, 2)
    noise = NUDGE_NORM * torch.randn(joints_norm.shape, generator=random)
    return joints_norm @ turn.mT + noise
