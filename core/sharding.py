"""One job over several processes: each takes its share, and the first one gathers.

``torchrun --nproc-per-node 4 main.py predict FOLDER --json poses.json`` starts 4 processes that find each other by the
usual variables (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_RANK). Without them a process does all the work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from core.errors import RunError, UserError

T = TypeVar("T")

MEETING: Final = timedelta(minutes=2)
"""How long a process waits for the others to start."""
WORKING: Final = timedelta(hours=12)
"""How long one waits for the others to finish; a process that dies is noticed at once."""


@dataclass(frozen=True)
class Share:
    """Which part of a job this process does: every ``count``-th item, from the ``rank``-th on."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process gathers, prints and writes."""
        return self.rank == 0

    def take(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's items; neighbours go to different processes, so that all have as much to do."""
        return items[self.rank :: self.count]

    def gather(self, part: T | UserError) -> list[T]:
        """Bring the parts of all processes to the leader: the parts in order of rank there, an empty list elsewhere.

        A process that failed gives its error, so that the others do not wait for it in vain.

        Raises:
            UserError: a process gave it; raised by the leader.
            RunError: a process was lost.
        """
        parts: list[T | UserError | None] = [part]
        if self.count > 1:
            import torch.distributed

            parts = [None] * self.count
            try:
                torch.distributed.gather_object(part, parts if self.leads else None)
            except RuntimeError as error:
                raise RunError("another process of this run was lost", "see what it said, and start again") from error
        if not self.leads:
            return []
        for each in parts:
            if isinstance(each, UserError):
                raise each
        return parts  # type: ignore[return-value]


ALONE: Final = Share()


@contextmanager
def shared() -> Iterator[Share]:
    """Meet the other processes of this run, if there are any, and part from them at the end.

    Raises:
        UserError: the variables make no sense.
        RunError: the others did not come.
    """
    share = from_environment()
    if share.count == 1:
        yield share
        return
    import torch
    import torch.distributed
    from torch.distributed.rendezvous import rendezvous

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", share.rank)) % torch.cuda.device_count())
    try:
        store, rank, count = next(rendezvous("env://", timeout=MEETING))
        torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=WORKING)
    except (RuntimeError, ValueError) as error:
        raise not_met(share) from error
    try:
        yield share
    finally:
        torch.distributed.destroy_process_group()


def not_met(share: Share) -> RunError:
    """Return what to say when the processes of a run do not find each other."""
    return RunError(f"the {share.count} processes of this run did not meet", "start them all at once, with torchrun")


def from_environment() -> Share:
    """Return what torchrun says of this process.

    Raises:
        UserError: the variables make no sense.
    """
    told = os.environ.get("WORLD_SIZE", "1"), os.environ.get("RANK", "0")
    try:
        count, rank = map(int, told)
    except ValueError:
        count, rank = 0, 0
    if not 0 <= rank < count:
        raise UserError(f"WORLD_SIZE={told[0]} and RANK={told[1]} make no sense", "start the program with torchrun")
    return Share(rank, count)
