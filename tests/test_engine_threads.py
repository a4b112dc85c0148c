"""The number of threads a network runs with is the one that is quicker just now."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import checkpoint
from core.engines import prepare, threads
from core.engines.threads import Threads


class Machine:
    """Work that takes as long as ``cost_s`` says for the number of threads it is run with."""

    def __init__(self, cost_s: Callable[[int], float]) -> None:
        self.cost_s = cost_s
        self.now_s = 0.0
        self.used: list[int] = []

    def clock(self) -> float:
        return self.now_s

    def work(self) -> int:
        self.used.append(torch.get_num_threads())
        self.now_s += self.cost_s(self.used[-1])
        return len(self.used)


@pytest.fixture(autouse=True)
def two() -> None:
    torch.set_num_threads(2)


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_the_quicker_number_is_taken_however_often_the_machine_changes(idle_in_turn: list[bool]) -> None:
    machine = Machine(lambda _: 0.02)
    choice = Threads((2, 1), machine.clock)
    choice(machine.work)
    for idle in idle_in_turn:
        machine.cost_s = (lambda number: 0.015 if number == 2 else 0.025) if idle else (lambda number: 0.024 * number)
        for _ in range(threads.TURN * threads.REMEMBERED):
            choice(machine.work)
        assert choice.chosen == (2 if idle else 1)
        others = sum(number != choice.chosen for number in machine.used[-threads.TURN * 2 :])
        assert others == 2, "the other number has its turn, and no more"
    assert torch.get_num_threads() == 2


def test_a_machine_that_slows_down_is_noticed_within_a_few_calls() -> None:
    machine = Machine(lambda number: 0.015 if number == 2 else 0.025)
    choice = Threads((2, 1), machine.clock)
    for _ in range(20):
        choice(machine.work)
    machine.cost_s = lambda number: 0.045 if number == 2 else 0.025
    for _ in range(threads.REMEMBERED):
        choice(machine.work)
    assert choice.chosen == 1


def test_the_first_call_of_all_says_nothing() -> None:
    machine = Machine(lambda number: 9.0 if not machine.now_s else 0.015 if number == 2 else 0.025)
    choice = Threads((2, 1), machine.clock)
    for _ in range(2 * threads.FIRST + 1):
        choice(machine.work)
    assert choice.chosen == 2


@pytest.mark.parametrize(("most", "choices"), [(1, (1,)), (2, (2, 1)), (6, (6, 3, 1)), (16, (16, 8, 4, 2, 1))])
def test_the_choices_are_the_threads_of_torch_halved_to_one(most: int, choices: tuple[int, ...]) -> None:
    torch.set_num_threads(most)
    assert threads.numbers() == choices


def test_where_torch_is_to_use_one_thread_there_is_no_choice() -> None:
    torch.set_num_threads(1)
    machine = Machine(lambda _: 1.0)
    choice = Threads(threads.numbers(), machine.clock)
    assert [choice(machine.work) for _ in range(3)] == [1, 2, 3] and machine.used == [1, 1, 1]


def test_work_that_fails_leaves_the_number_of_threads_and_is_not_counted() -> None:
    choice = Threads((1, 2))
    with pytest.raises(ZeroDivisionError):
        choice(lambda: 1 / 0)
    assert torch.get_num_threads() == 2 and choice.chosen == 1


def test_the_network_says_the_same_to_the_last_bit_whatever_number_has_its_turn() -> None:
    network = checkpoint.load("compact-geo").network
    engine = prepare(network, "torch", "cpu", torch.float32)
    crops = torch.rand(
        1, 3, network.config.input_px, network.config.input_px, generator=torch.Generator().manual_seed(1)
    )
    answers = [engine(crops) for _ in range(2 * threads.FIRST + 2)]
    for answer in answers[1:]:
        assert torch.equal(answer.maps[-1], answers[0].maps[-1]) and torch.equal(answer.depth, answers[0].depth)
