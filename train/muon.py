"""Muon: momentum whose step is made orthogonal, for the weights of convolutions and linear layers.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. torch has it for matrices only;
here a kernel (out, in, k, k) counts as the matrix (out, in k k). With the step's size matched to Adam's (Liu et al.,
"Muon is Scalable for LLM Training", 2025, section 2.2) one learning rate serves both kinds of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that pushes all singular values towards 1 fastest (Jordan et al.)."""
ROUNDS = 5
ADAM_RMS = 0.2
"""Root mean square of a usual Adam step in units of the learning rate (Liu et al.)."""


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return matrices with the same singular vectors and singular values near 1 (0.7 to 1.2).

    Args:
        matrices: (..., rows, columns); computed in bfloat16, which the iteration tolerates.
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrices.shape[-2] <= matrices.shape[-1]
    short_first = sorted(matrices.shape[-2:])
    x = (matrices if wide else matrices.mT).reshape(-1, *short_first).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.mT).reshape(matrices.shape).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Muon for weights of two or more dimensions, AdamW for the rest (biases, norms), told apart by group.

    Args:
        weights: trained by Muon, decayed.
        rest: trained by Adam, not decayed.
        momentum: of Muon, Nesterov's form.
        betas: of Adam.
        weight_decay: decoupled, in units of the learning rate.
    """

    def __init__(
        self, weights: Iterable[Tensor], rest: Iterable[Tensor], momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.01,
    ) -> None:  # fmt: skip
        groups = [{"params": list(weights), "orthogonal": True}, {"params": list(rest), "orthogonal": False}]
        defaults = {"lr": 1e-4, "momentum": momentum, "betas": betas, "weight_decay": weight_decay}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients there are."""
        assert closure is None
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if group["orthogonal"]:
                self._orthogonal_step(moved, group)
            else:
                for parameter in moved:
                    assert parameter.grad is not None
                    self._adam_step(parameter, parameter.grad, self.state[parameter], group)

    def _orthogonal_step(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
        for parameter in parameters:
            gradient, state = parameter.grad, self.state[parameter]
            assert gradient is not None
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(gradient)
            momentum: Tensor = state["momentum"]
            momentum.lerp_(gradient, 1.0 - group["momentum"])
            direction = gradient.lerp(momentum, group["momentum"]).flatten(1)
            alike.setdefault(direction.shape, []).append((parameter, direction))
        # Matrices of one shape go together: for small ones the calls cost more than the sums.
        for shape, members in alike.items():
            size = ADAM_RMS * max(shape) ** 0.5
            directions = orthogonalised(torch.stack([direction for _, direction in members]))
            for (parameter, _), direction in zip(members, directions, strict=True):
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(direction.view_as(parameter), alpha=-group["lr"] * size)

    @staticmethod
    def _adam_step(parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if "step" not in state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        state["step"] += 1
        steps, (beta_mean, beta_square) = float(state["step"]), group["betas"]
        state["mean"].lerp_(gradient, 1.0 - beta_mean)
        state["square"].lerp_(gradient.square(), 1.0 - beta_square)
        mean = state["mean"] / (1.0 - beta_mean**steps)
        root = (state["square"] / (1.0 - beta_square**steps)).sqrt_()
        parameter.addcdiv_(mean, root.add_(1e-8), value=-group["lr"])
