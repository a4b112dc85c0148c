"""Who else is there: named beside those who are followed, without flicker and at little cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from poses import make_pose

from core import locate
from core.bystanders import EVERY_S, SHARE, Bystanders
from core.locate import Candidate
from core.pose import Pose

IMAGE = np.zeros((480, 640, 3), np.uint8)
ONE = Candidate((20.0, 80.0, 150.0, 300.0), 0.7)
OTHER = Candidate((460.0, 90.0, 140.0, 280.0), 0.5)


class Room:
    """Names whom the test put there, and counts the looks."""

    def __init__(self) -> None:
        self.there: list[Candidate] = []
        self.looks = 0
        self.clock_s = 0.0
        self.costs_s = 0.0

    def find(self, _image: object) -> list[Candidate]:
        self.looks += 1
        self.clock_s += self.costs_s
        return list(self.there)

    def bystanders(self) -> Bystanders:
        return Bystanders(self.find, clock=lambda: self.clock_s)


def run(
    bystanders: Bystanders, looks: int, followed: tuple[Pose, ...] = (), start: int = 0
) -> list[tuple[Candidate, ...]]:
    """Step by whole intervals."""
    return [bystanders.step(IMAGE, EVERY_S * (start + number), followed) for number in range(looks)]


def test_somebody_counts_from_the_second_look_on_and_may_be_missed_once() -> None:
    room = Room()
    bystanders = room.bystanders()
    room.there = [ONE]
    assert run(bystanders, 3) == [(), (ONE,), (ONE,)]
    room.there = []
    assert run(bystanders, 3, start=3) == [(ONE,), (), ()]


def test_a_box_that_flashes_up_once_is_never_shown() -> None:
    room = Room()
    bystanders = room.bystanders()
    shown = []
    for number in range(8):
        room.there = [ONE, OTHER] if number == 4 else [ONE]
        shown.append(bystanders.step(IMAGE, EVERY_S * number, ()))
    assert not any(OTHER in each for each in shown) and shown[-1] == (ONE,)


def test_who_is_followed_is_no_bystander_from_that_very_frame_on() -> None:
    room = Room()
    bystanders = room.bystanders()
    room.there = [ONE, OTHER]
    assert run(bystanders, 2)[-1] == (ONE, OTHER)
    followed = make_pose((640, 480), ONE.box_px)
    looks = room.looks
    assert bystanders.step(IMAGE, EVERY_S + 0.1, (followed,)) == (OTHER,)
    assert room.looks == looks, "without another look"


def test_looks_are_rare_and_rarer_where_they_cost_much() -> None:
    room = Room()
    room.costs_s = 0.1
    bystanders = room.bystanders()
    for number in range(200):
        bystanders.step(IMAGE, number / 20, ())
    assert room.looks == pytest.approx(10 * SHARE / room.costs_s, abs=1)
    quick = Room()
    bystanders = quick.bystanders()
    for number in range(200):
        bystanders.step(IMAGE, number / 20, ())
    assert quick.looks == 10 / EVERY_S


def test_a_frame_of_another_size_starts_anew() -> None:
    room = Room()
    bystanders = room.bystanders()
    room.there = [ONE]
    run(bystanders, 2)
    assert bystanders.step(np.zeros((240, 320, 3), np.uint8), EVERY_S + 0.1, ()) == ()
    assert room.looks == 3


boxes = st.tuples(
    st.floats(0, 500), st.floats(0, 300), st.floats(20, 300), st.floats(20, 300)
)  # fmt: skip


@given(boxes, st.floats(0.02, 0.98), st.floats(0.02, 0.98))
def test_a_point_means_a_box_it_is_in_and_of_two_the_one_whose_middle_is_nearer(
    box: tuple[float, float, float, float], across: float, down: float
) -> None:
    x, y, width, height = box
    point = (x + across * width, y + down * height)
    assert locate.at([box], *point) == 0
    assert locate.at([box], x - 1.0, y) is None
    inner = (point[0] - 5.0, point[1] - 5.0, 10.0, 10.0)
    assume(max(abs(across - 0.5), abs(down - 0.5)) > 0.01)
    assert locate.at([box, inner], *point) == locate.at([inner, box], *point) + 1 == 1


def test_the_candidate_a_body_overlaps_most_is_that_body() -> None:
    body = make_pose((640, 480), (100.0, 100.0, 200.0, 200.0)).joints_px
    x, y, width, height = locate.box_of_joints(body)
    own = Candidate((x + 0.2 * width, y, 1.1 * width, 0.8 * height), 0.9)
    neighbour = Candidate((x + 0.7 * width, y, width, height), 0.6)
    assert locate.besides([own, neighbour], [body]) == (neighbour,)
    assert locate.besides([own, neighbour], []) == (own, neighbour)
    assert locate.besides([OTHER], [body]) == (OTHER,), "a body whose own box was not found takes nobody else's"
