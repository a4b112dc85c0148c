"""Two people cross before the real network, and each keeps their number."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from loopback import Person

from core import checkpoint
from core.crowd import Crowd, Group
from core.person import Seen
from core.predictor import Predictor
from core.reading import Reading
from train.locate.scenes import limbs_mask

WIDTH, HEIGHT, RATE = 640, 480, 10
REST_S, CROSS_S = 1.6, 3.0


class Walker(Person):
    """A bundled sample's person cut out along their limbs."""

    def __init__(self, name: str) -> None:
        super().__init__(name, (WIDTH, HEIGHT))
        alpha = limbs_mask(SimpleNamespace(image=self._picture, joints_px=self._joints_px))  # type: ignore[arg-type]
        self._layers = np.dstack([self._picture, alpha])

    def over(self, under: np.ndarray, x: float) -> np.ndarray:
        """Return (h, w, 3) float with the person drawn over it at x, in parts of the width."""
        layers = cv2.warpAffine(self._layers, self.matrix(x, 0.55, 0.7), self.size_px, flags=cv2.INTER_AREA)
        share = layers[..., 3:].astype(np.float32) / 255.0
        return np.asarray(under + share * (layers[..., :3] - under))

    def middle_px(self, x: float) -> float:
        """Return where on the x axis the middle of their joints is."""
        matrix = self.matrix(x, 0.55, 0.7)
        return float(np.median(self._joints_px @ matrix[:, :2].T + matrix[:, 2], axis=0)[0])


def seen_at(group: Group) -> dict[int, float]:
    """Return where on the x axis each track that is seen is."""
    sights = [sight for sight in (group.chosen, *group.others) if sight.seen is Seen.FOLLOWED]
    return {sight.track: float(np.median(sight.raw.joints_px[:, 0])) for sight in sights if sight.raw is not None}


@pytest.mark.timeout(300)
def test_two_real_people_who_cross_keep_their_numbers() -> None:
    predictor = Predictor(checkpoint.load("compact-geo"), "cpu", reading=Reading(mirror=False))
    front, behind, noise = Walker("walking.jpg"), Walker("waving.jpg"), np.random.default_rng(0)
    # What a look costs here is nothing: how often more people are searched for does not depend on the machine.
    crowd = Crowd(predictor.predict, most=2, clock=lambda: 0.0)
    room = np.linspace(150.0, 110.0, HEIGHT)[:, None, None] * np.ones((1, WIDTH, 3))
    found, truth = [], []
    for number in range(round(RATE * (REST_S + CROSS_S + 0.6))):
        share = float(np.clip((number / RATE - REST_S) / CROSS_S, 0.0, 1.0))
        places = (0.2 + 0.6 * share, 0.8 - 0.6 * share)
        image = front.over(behind.over(room, places[1]), places[0]) + noise.normal(0, 4, (HEIGHT, WIDTH, 3))
        found.append(seen_at(crowd.step(np.clip(image, 0, 255).astype(np.uint8), number / RATE)))
        truth.append((front.middle_px(places[0]), behind.middle_px(places[1])))
    start, end = found[round(RATE * REST_S) - 1], found[-1]
    assert len(start) == 2 and start.keys() == end.keys()
    assert {number for seen in found for number in seen} == start.keys(), "nobody new on the way"
    first = min(start, key=lambda number: abs(start[number] - truth[0][0]))
    (second,) = start.keys() - {first}
    assert end[first] == pytest.approx(truth[-1][0], abs=40) and end[second] == pytest.approx(truth[-1][1], abs=40)
    assert min(len(seen) for seen in found[round(RATE * REST_S) :]) >= 1
