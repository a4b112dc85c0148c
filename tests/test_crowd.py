"""Several people: each keeps their number through crossings, and who is meant is looked at in every frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from poses import make_pose

from core import locate
from core.crop import Box
from core.crowd import HIDDEN_S, OTHERS_EVERY_S, SEARCH_EVERY_S, Crowd, Group, search_named
from core.locate import Candidate, Find
from core.person import Seen
from core.pose import Pose

WIDTH, HEIGHT, TALL = 640, 480, 300.0
Where = Callable[[float], float]


class Stage:
    """People who walk across a picture; who stands in front hides whoever is behind, and a crop shows the nearest."""

    def __init__(self) -> None:
        self.people: list[tuple[str, Where]] = []
        self.now_s = 0.0
        self.looks: list[Box | None] = []
        self.named = 0

    def put(self, name: str, where: Where) -> None:
        """Add somebody, behind those who are there already."""
        self.people.append((name, where))

    def pose(self, where: Where) -> Pose:
        box = (where(self.now_s) - TALL / 2, 90.0, TALL, TALL)
        return make_pose((WIDTH, HEIGHT), box)

    def image(self) -> np.ndarray:
        return np.full((HEIGHT, WIDTH, 3), 200, np.uint8)

    def look(self, image: np.ndarray, box: Box | None) -> Pose:
        self.looks.append(box)
        seen = [pose for pose in (self._seen(image, place) for place in range(len(self.people))) if pose is not None]
        if box is None:
            return seen[0] if seen else replace(make_pose((WIDTH, HEIGHT)), confidence=np.full(16, 0.05))
        middle = box[0] + box[2] / 2
        nearest = min(seen, key=lambda pose: abs(pose.box_px[0] + TALL / 2 - middle), default=None)
        if nearest is None or abs(nearest.box_px[0] + TALL / 2 - middle) > 0.6 * box[2]:
            return replace(make_pose((WIDTH, HEIGHT), box), confidence=np.full(16, 0.05))
        return nearest

    def _seen(self, image: np.ndarray, place: int) -> Pose | None:
        """Return somebody's pose, None if they are hidden, gone or covered."""
        _, where = self.people[place]
        x = where(self.now_s)
        hidden = any(abs(other(self.now_s) - x) < 0.3 * TALL for _, other in self.people[:place])
        if hidden or not 20 <= x < WIDTH - 20 or (image[240, int(x)] == 127).all():
            return None
        return self.pose(where)

    def run(self, crowd: Crowd, seconds: float, rate: float) -> list[tuple[float, Group]]:
        found = []
        for _ in range(round(seconds * rate)):
            self.now_s += 1 / rate
            found.append((self.now_s, crowd.step(self.image(), self.now_s)))
        return found


def places(group: Group) -> dict[int, float]:
    """Return where on the x axis each track that is seen is."""
    sights = (group.chosen, *group.others)
    return {
        sight.track: sight.raw.box_px[0] + TALL / 2
        for sight in sights
        if sight.raw is not None and sight.seen is Seen.FOLLOWED
    }


@pytest.mark.parametrize("rate", [8.0, 15.0, 30.0])
@pytest.mark.parametrize("speed_px", [90.0, 200.0])
def test_two_people_who_cross_keep_their_numbers(rate: float, speed_px: float) -> None:
    stage = Stage()
    stage.put("front", lambda t: min(80.0 + speed_px * max(0.0, t - 2.0), 560.0))
    stage.put("behind", lambda t: max(560.0 - speed_px * max(0.0, t - 2.0), 80.0))
    crowd = Crowd(stage.look, most=2)
    start = places(stage.run(crowd, 2.0, rate)[-1][1])
    assert len(start) == 2
    front = min(start, key=lambda number: abs(start[number] - stage.people[0][1](stage.now_s)))
    (behind,) = start.keys() - {front}
    groups = stage.run(crowd, 480.0 / speed_px + 0.5, rate)
    last_s, last = groups[-1]
    found = places(last)
    assert set(found) == {front, behind}, "nobody lost, nobody new"
    assert found[front] == pytest.approx(stage.people[0][1](last_s), abs=0.3 * TALL)
    assert found[behind] == pytest.approx(stage.people[1][1](last_s), abs=0.3 * TALL)
    for at_s, group in groups:
        assert places(group).get(front, np.nan) == pytest.approx(stage.people[0][1](at_s), abs=0.4 * TALL, nan_ok=True)


def test_two_who_meet_and_turn_back_keep_their_numbers() -> None:
    stage = Stage()
    there_and_back = lambda t: 120.0 * float(np.clip(min(t - 2.0, 6.3 - t), 0.0, 2.0))
    stage.put("front", lambda t: 80.0 + there_and_back(t))
    stage.put("behind", lambda t: 560.0 - there_and_back(t))
    crowd = Crowd(stage.look, most=2)
    start = places(stage.run(crowd, 2.0, 15.0)[-1][1])
    groups = stage.run(crowd, 4.5, 15.0)
    assert min(len(places(group)) for _, group in groups) == 1, "one hides the other for a while"
    end = places(groups[-1][1])
    assert set(end) == set(start) and all(end[number] == pytest.approx(start[number], abs=5) for number in start)


def test_one_body_is_one_person() -> None:
    stage = Stage()
    stage.put("front", lambda t: 200.0 + 60.0 * min(t, 3.0))
    stage.put("stays", lambda t: 380.0)
    crowd = Crowd(stage.look, most=2)
    groups = stage.run(crowd, 3.0 + HIDDEN_S + 0.5, 15.0)
    for _, group in groups:
        seen = list(places(group).values())
        assert len(seen) < 2 or abs(seen[0] - seen[1]) > 0.06 * TALL
    assert len(places(groups[20][1])) == 2
    assert len(places(groups[-1][1])) == 1, "who stays hidden is let go of"


def test_who_is_meant_is_looked_at_in_every_frame_and_the_others_as_time_allows() -> None:
    stage = Stage()
    for number in range(3):
        stage.put(f"{number}", lambda t, number=number: 110.0 + 200.0 * number)
    clock = [0.0]

    def look(image: np.ndarray, box: Box | None) -> Pose:
        clock[0] += 0.05
        return stage.look(image, box)

    crowd = Crowd(look, most=3, budget_s=0.06, clock=lambda: clock[0])
    stage.run(crowd, 4.0, 20.0)
    stage.looks.clear()
    chosen = crowd.chosen
    groups = stage.run(crowd, 1.0, 20.0)
    assert all(group.chosen.track == chosen and group.chosen.seen is Seen.FOLLOWED for _, group in groups)
    assert all(len(group.others) == 2 for _, group in groups)
    others = sum(box is not None for box in stage.looks) - 20
    assert 1.0 / OTHERS_EVERY_S <= others <= 2 * 1.0 / OTHERS_EVERY_S + 2, "in turn, now and then"


def test_a_search_for_more_finds_those_who_are_not_known_and_costs_little() -> None:
    stage = Stage()
    stage.put("a", lambda t: 110.0)
    stage.put("b", lambda t: 330.0)
    stage.put("c", lambda t: 530.0)
    crowd = Crowd(stage.look, most=4)
    groups = stage.run(crowd, 5.0, 10.0)
    assert sorted(places(groups[-1][1]).values()) == pytest.approx([110, 330, 530])
    assert sorted(places(groups[-1][1])) == [1, 2, 3]
    assert stage.looks.count(None) <= 6, "once a second"
    one = Crowd(stage.look, most=1)
    stage.looks.clear()
    stage.run(one, 5.0, 10.0)
    assert stage.looks.count(None) == 1, "who is alone is not searched for again"


def test_the_user_says_who_is_meant() -> None:
    stage = Stage()
    stage.put("a", lambda t: 110.0)
    stage.put("b", lambda t: 500.0)
    crowd = Crowd(stage.look, most=2)
    groups = stage.run(crowd, 3.0, 10.0)
    other = groups[-1][1].others[0].track
    crowd.choose(other)
    assert stage.run(crowd, 0.1, 10.0)[-1][1].chosen.track == other
    crowd.choose(99)
    assert stage.run(crowd, 0.1, 10.0)[-1][1].chosen.track == other
    crowd.most = 1
    alone = stage.run(crowd, 0.1, 10.0)[-1][1]
    assert alone.chosen.track == other and not alone.others
    one = Crowd(stage.look, most=1)
    first = stage.run(one, 0.3, 10.0)[-1][1].chosen
    one.point_at((350.0, 90.0, TALL, TALL))
    found = stage.run(one, 0.1, 10.0)[-1][1]
    assert found.chosen.track == first.track + 1 and places(found)[found.chosen.track] == pytest.approx(500)
    assert not found.others, "one person at a time"
    stage.people.pop()
    one.point_at((350.0, 90.0, TALL, TALL))
    assert stage.run(one, 0.1, 10.0)[-1][1].chosen.track == found.chosen.track, "nobody there: nothing changes"
    one.forget()
    assert list(places(stage.run(one, 0.1, 10.0)[-1][1]).values()) == pytest.approx([110])


def test_when_who_was_meant_leaves_the_next_one_is() -> None:
    stage = Stage()
    stage.put("leaves", lambda t: 110.0 - 90.0 * max(0.0, t - 3.0))
    stage.put("stays", lambda t: 500.0)
    crowd = Crowd(stage.look, most=2)
    groups = stage.run(crowd, 6.0, 10.0)
    first, last = groups[0][1].chosen, groups[-1][1]
    assert last.chosen.seen is Seen.FOLLOWED and last.chosen.track != first.track
    assert not last.others


def test_the_filter_is_switched_for_everybody() -> None:
    stage = Stage()
    rng = np.random.default_rng(0)
    stage.put("a", lambda t: 200.0 + float(rng.normal(0, 3)))
    crowd = Crowd(stage.look, smooth=True)
    sight = stage.run(crowd, 1.0, 20.0)[-1][1].chosen
    assert sight.pose is not None and sight.raw is not None
    assert not np.allclose(sight.pose.joints_px, sight.raw.joints_px)
    crowd.smooth = False
    sight = stage.run(crowd, 0.1, 20.0)[-1][1].chosen
    assert sight.pose is sight.raw


def named(stage: Stage, *names: str) -> Find:
    """Return a locating network that names some of the people, as long as they are in the picture."""

    def find(image: np.ndarray) -> list[Candidate]:
        stage.named += 1
        where = [where for name, where in stage.people if name in names and 20 <= where(stage.now_s) < WIDTH - 20]
        return [Candidate(locate.box_of_joints(stage.pose(each).joints_px), 0.8) for each in where]

    return find


def test_the_locating_network_finds_everybody_it_names_at_once_and_nobody_else() -> None:
    stage = Stage()
    for name, x in (("a", 110.0), ("b", 330.0), ("c", 530.0)):
        stage.put(name, lambda t, x=x: x)
    crowd = Crowd(stage.look, most=4, search=search_named(named(stage, "a", "c"), stage.look))
    groups = stage.run(crowd, 4.0, 10.0)
    assert sorted(places(groups[0][1]).values()) == pytest.approx([110, 530]), "in the first frame"
    assert sorted(places(groups[-1][1])) == [1, 2]
    assert None not in stage.looks, "the pose network searches no windows"
    assert stage.named <= 5, "once a second"
    sight = groups[0][1].chosen
    assert sight.raw is not None and sight.raw.located_by == "search"


def test_where_the_locating_network_names_nobody_the_pose_network_is_not_asked() -> None:
    stage = Stage()
    stage.put("unseen", lambda t: 300.0)
    crowd = Crowd(stage.look, search=search_named(named(stage), stage.look))
    groups = stage.run(crowd, 2.0, 10.0)
    assert all(group.chosen.seen is Seen.NOBODY for _, group in groups)
    assert not stage.looks and stage.named == pytest.approx(2.0 / SEARCH_EVERY_S, abs=1)


def test_another_way_to_search_may_be_taken_while_people_are_followed() -> None:
    stage = Stage()
    stage.put("a", lambda t: 110.0)
    stage.put("b", lambda t: 500.0)
    crowd = Crowd(stage.look, most=2, search=search_named(named(stage, "a"), stage.look))
    assert len(places(stage.run(crowd, 2.0, 10.0)[-1][1])) == 1
    crowd.search = search_named(named(stage, "a", "b"), stage.look)
    found = places(stage.run(crowd, 2.0, 10.0)[-1][1])
    assert found == {1: pytest.approx(110), 2: pytest.approx(500)}
