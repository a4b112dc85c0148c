"""How many threads a network is run with: whichever number is quicker just now.

With the processor to itself a small network gains by each core. Beside other work it loses by them: all threads wait,
after every convolution, for the one that was put aside. Which of both holds changes while a program runs, so it is
measured: the other numbers have a turn now and then. What the network says is the same with any number.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from statistics import median
from typing import Final, TypeVar

import torch

TURN: Final = 24
"""Every so many calls another number has its turn; where that takes twice as long it costs a twenty-fourth."""
FIRST: Final = 2
"""So many times of each number are taken at first."""
REMEMBERED: Final = 5
"""So many of the last times of each number count."""
BETTER: Final = 0.9
"""Another number is taken where it needs less than this share of the time; what differs less is noise."""

Answer = TypeVar("Answer")


@contextmanager
def running(number: int) -> Iterator[None]:
    """Have torch use so many threads within the block.

    One is for many small operations: they gain nothing by more, and beside other work lose by them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def numbers() -> tuple[int, ...]:
    """Return the numbers of threads to choose from: as many as torch is to use, half of them and so on, and one."""
    most = torch.get_num_threads()
    return tuple(max(1, most >> halved) for halved in range(most.bit_length()))


class Threads:
    """Runs calls that are alike with the number of threads that was quickest lately.

    Args:
        choices: the numbers, the one to begin with first; if there is but one, torch is left as it is.
        clock: seconds.

    Attributes:
        chosen: the number that is used, turns of the others apart.
    """

    def __init__(self, choices: tuple[int, ...], clock: Callable[[], float] = time.perf_counter) -> None:
        self.chosen = choices[0]
        self._clock = clock
        self._times_s: dict[int, deque[float]] = {number: deque(maxlen=REMEMBERED) for number in choices}
        self._turns: Iterator[int] = cycle(choices)
        self._calls = 0

    def __call__(self, work: Callable[[], Answer]) -> Answer:
        """Return what the work gives; torch's number of threads is afterwards what it was."""
        if len(self._times_s) == 1:
            return work()
        number = self._next()
        with running(number):
            started_s = self._clock()
            answer = work()
            took_s = self._clock() - started_s
        self._learn(number, took_s)
        return answer

    def _next(self) -> int:
        for number, times_s in self._times_s.items():
            if len(times_s) < FIRST:
                return number
        if self._calls % TURN:
            return self.chosen
        return next(number for number in self._turns if number != self.chosen)

    def _learn(self, number: int, took_s: float) -> None:
        self._calls += 1
        if self._calls == 1:
            return  # memory is taken and code is made ready in it
        self._times_s[number].append(took_s)
        usual_s = {each: median(times_s) for each, times_s in self._times_s.items() if len(times_s) >= FIRST}
        best = min(usual_s, key=usual_s.__getitem__, default=self.chosen)
        if self.chosen in usual_s and usual_s[best] < BETTER * usual_s[self.chosen]:
            self.chosen = best
