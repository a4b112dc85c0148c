"""Run ``main.py`` with plain gradient descent, whose steps are the gradients.

AdamW divides each gradient by its own size, so that where that size is rounding noise (a sum in another order) even
exactly equal computations take different steps.
"""

from __future__ import annotations

import torch

import main
from core import network
from train import engine
from train.config import Config


def _descent(_config: Config, model: network.PoseNetwork) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.0)


if __name__ == "__main__":
    engine._optimiser = _descent
    main.console()
