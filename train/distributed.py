"""One training by several processes, on many machines: each runs its rows of every batch.

``torchrun --nproc-per-node 2 main.py train CONFIG`` starts them (docs/training.md). All take the same
step, that of one process with the whole batch up to rounding, whatever the losses divide by:

* every process plans the whole batch (it follows from seed and step) and makes the pixels of its own rows only;
* batch norm takes mean and variance over all processes (``SharedNorm``; torch's own SyncBatchNorm needs GPUs);
* the outputs of all are gathered and every process computes the loss of the whole batch, through which only its own
  rows carry a gradient: the sum of the processes' gradients is the gradient of the whole batch.

The first process alone writes files and validates.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from core import sharding
from core.errors import UserError
from core.network import NetworkOutput, PoseNetwork

PATIENCE = timedelta(hours=6)
"""How long a process waits for the others: the first one decodes a set, which others only open."""


@dataclass(frozen=True)
class Group:
    """The processes of a training, as one of them sees them; on its own, every method is trivial.

    Attributes:
        rank: number of this process.
        size: how many there are.
        rank_here, size_here: the same on this machine.
    """

    rank: int = 0
    size: int = 1
    rank_here: int = 0
    size_here: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes, validates and speaks for all."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Return this process's rows of a batch.

        Raises:
            UserError: the batch cannot be shared evenly, or a share would be empty.
        """
        if batch % self.size:
            raise UserError(
                f"optimiser.batch = {batch} cannot be shared evenly by {self.size} processes",
                f"take a multiple of {self.size}, or start fewer processes",
            )
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def share_norms(self, model: PoseNetwork) -> PoseNetwork:
        """Replace every batch norm by one over all processes; the weights' names stay the same."""
        if self.size > 1:
            norms = [name for name, module in model.named_modules() if type(module) is nn.BatchNorm2d]
            for name in norms:
                model.set_submodule(name, SharedNorm.of(model.get_submodule(name)))
        return model

    def gather(self, output: NetworkOutput) -> NetworkOutput:
        """Return the outputs of the whole batch; gradients flow into this process's rows."""
        if self.size == 1:
            return output
        return NetworkOutput(tuple(self._gather(maps) for maps in output.maps), self._gather(output.depth))

    def _gather(self, own: Tensor) -> Tensor:
        own = own.to(torch.promote_types(own.dtype, torch.float32)).contiguous()
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own.detach())
        parts[self.rank] = own
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over the processes."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, total in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view(gradient.shape))

    def any(self, flag: bool, device: str) -> bool:
        """Tell whether the flag is set in any process: all must stop after the same step."""
        if self.size == 1:
            return flag
        told = torch.tensor(int(flag), device=device)
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return bool(told)

    def from_first(self, value: Any) -> Any:
        """Return what the first process holds: the run's folder need be on its machine only."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    @contextmanager
    def one_before_the_others(self) -> Iterator[None]:
        """Let one process of each machine go first, so that a set is decoded once and then only opened."""
        if self.size > 1 and self.rank_here > 0:
            dist.barrier()
        yield
        if self.size > 1:
            if self.rank_here == 0:
                dist.barrier()
            dist.barrier()


@contextmanager
def group(device: str) -> Iterator[Group]:
    """Join the processes that torchrun started; without torchrun, a group of one.

    Args:
        device: ``cuda`` (one GPU for each process, NCCL) or ``cpu`` (Gloo).

    Raises:
        UserError: torchrun's variables make no sense, or there are fewer GPUs than processes.
        RunError: the others did not come.
    """
    share = sharding.from_environment()
    if share.count == 1:
        yield Group()
        return
    here = int(os.environ.get("LOCAL_RANK", "0"))
    if device == "cuda":
        if here >= torch.cuda.device_count():
            raise UserError(
                f"process {here} of this machine has no GPU of its own",
                f"give --nproc-per-node {torch.cuda.device_count()}",
            )
        torch.cuda.set_device(here)
    try:
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise sharding.not_met(share) from error
    try:
        yield Group(share.rank, share.count, here, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    finally:
        dist.destroy_process_group()


class _Normalise(torch.autograd.Function):
    """Batch normalisation over all processes, each with the same number of samples (Ioffe & Szegedy, ICML 2015)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, h, w) -> the same shape; also the mean and biased variance of each channel over all processes."""
        wide = features.to(weight.dtype)
        variance, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
        own = torch.stack([mean, variance])
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own)
        means, variances = torch.stack(parts).unbind(1)
        mean = means.mean(0)
        # Not the mean of squares less the square of the mean, which cancels.
        variance = (variances + (means - mean).square()).mean(0)
        scale = torch.rsqrt(variance + eps)
        ctx.save_for_backward(features, weight, mean, scale)
        ctx.mark_non_differentiable(mean, variance)
        factor = weight * scale
        out = torch.addcmul(_wide(bias - mean * factor), wide, _wide(factor))
        return out.to(features.dtype), mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_statistics: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Weight and bias get this process's part: ``Group.sum_gradients`` adds the parts up."""
        features, weight, mean, scale = ctx.saved_tensors
        wide = grad.to(weight.dtype)
        standard = (features.to(weight.dtype) - _wide(mean)) * _wide(scale)
        of_bias, of_weight = wide.sum((0, 2, 3)), (wide * standard).sum((0, 2, 3))
        total = torch.stack([of_bias, of_weight])
        dist.all_reduce(total)
        total = total * (features.shape[1] / (features.numel() * dist.get_world_size()))
        back = (wide - _wide(total[0]) - standard * _wide(total[1])) * _wide(weight * scale)
        return back.to(features.dtype), of_weight, of_bias, None


def _wide(channels: Tensor) -> Tensor:
    return channels.view(1, -1, 1, 1)


class SharedNorm(nn.BatchNorm2d):
    """Batch norm whose statistics are those of the whole batch, on any device; alone in evaluation."""

    @classmethod
    def of(cls, norm: nn.Module) -> SharedNorm:
        """Take over a batch norm's weights and statistics."""
        assert isinstance(norm, nn.BatchNorm2d) and norm.momentum is not None
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared.weight, shared.bias = norm.weight, norm.bias
        shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
        shared.num_batches_tracked = norm.num_batches_tracked
        return shared

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        if not self.training:
            return super().forward(features)
        out, mean, variance = _Normalise.apply(features, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
        count = features.numel() / features.shape[1] * dist.get_world_size()
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
        result: Tensor = out
        return result
