"""Following a person: one identity through every wobble, nobody when nobody is there, and bones remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from loopback import Person

from core import checkpoint, geometry, locate, skeleton
from core.crop import Box, box_around
from core.crowd import HOLD_S, SEARCH_EVERY_S
from core.follow import Follower
from core.person import BoneMemory, PoseSmoother, Seen, Sight
from core.pose import Pose
from core.predictor import Predictor
from core.reading import Reading
from core.track import LOST_CONFIDENCE

RATE = 20.0
IMAGE = np.zeros((480, 640, 3), np.uint8)


class Scene:
    """People at known places, as a network would see them: who is nearest to the middle of the box, or the surest."""

    def __init__(self, pose: Pose) -> None:
        low = pose.joints_px.min(axis=0)
        self._shape = (pose.joints_px - low) / np.ptp(pose.joints_px, axis=0).max()
        self._pose = replace(pose, picture_size_px=(640, 480))
        self.people: dict[str, tuple[float, float, float, float]] = {}
        self.looks: list[Box | None] = []

    def put(self, name: str, x: float, y: float, size: float = 200.0, sure: float = 0.8) -> None:
        self.people[name] = (x, y, size, sure)

    def look(self, image: np.ndarray, box: Box | None) -> Pose:
        self.looks.append(box)
        seen = [(self._joints(name), person) for name, person in self.people.items()]
        if box is None:
            joints, person = max(seen, key=lambda item: item[1][3])
        else:
            middle = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
            joints, person = min(seen, key=lambda item: float(np.linalg.norm(item[0].mean(axis=0) - middle)))
        used = box_around(joints) if box is None else box
        where: Any = "search" if box is None else "given"
        return replace(
            self._pose, joints_px=joints, confidence=np.full(16, person[3]), box_px=used, located_by=where,
            picture_size_px=(image.shape[1], image.shape[0]),
        )  # fmt: skip

    def _joints(self, name: str) -> np.ndarray:
        x, y, size, _ = self.people[name]
        return self._shape * size + (x, y)


@pytest.fixture
def scene(pose: Pose) -> Scene:
    return Scene(pose)


def test_a_walking_person_keeps_their_number_and_is_searched_for_once(scene: Scene) -> None:
    follower = Follower(scene.look)
    for number in range(40):
        scene.put("a", 50 + 8 * number, 100)
        sight = follower.step(IMAGE, number / RATE)
        assert sight.seen is Seen.FOLLOWED and sight.track == 1
    assert scene.looks.count(None) == 1 and len(scene.looks) == 40
    assert sight.pose is not None and sight.pose.located_by == "track"


def test_a_crop_that_slips_onto_a_neighbour_is_not_believed(scene: Scene) -> None:
    scene.put("a", 50, 100)
    follower = Follower(scene.look)
    first = follower.step(IMAGE, 0.0)
    scene.put("a", 50, 100, sure=0.0)
    scene.people.pop("a")
    scene.put("b", 350, 100)
    for number in range(1, 6):
        sight = follower.step(IMAGE, number / RATE)
        assert sight.seen is Seen.HELD and sight.track == 1 and sight.pose is first.pose
    scene.people.pop("b")
    scene.put("a", 55, 100)
    back = follower.step(IMAGE, 6 / RATE)
    assert back.seen is Seen.FOLLOWED and back.track == 1


def test_whoever_is_there_after_the_person_left_is_another_track(scene: Scene) -> None:
    scene.put("a", 20, 100, size=120)
    follower = Follower(scene.look)
    assert follower.step(IMAGE, 0.0).track == 1
    scene.people.pop("a")
    scene.put("b", 500, 100, size=120)
    sights = [follower.step(IMAGE, number / RATE) for number in range(1, 25)]
    assert sights[0].seen is Seen.HELD and sights[0].track == 1
    assert sights[-1].seen is Seen.FOLLOWED and sights[-1].track == 2
    assert sights[-1].departure_percent is not None and np.isfinite(sights[-1].departure_percent).all()
    fresh = next(sight for sight in sights if sight.track == 2)
    assert fresh.departure_percent is not None and np.isnan(fresh.departure_percent).all(), "another person's bones"


def test_a_blurred_moment_changes_nothing(scene: Scene) -> None:
    follower = Follower(scene.look)
    tracks, seen = set(), []
    for number in range(40):
        # Confidence that wavers around the limit of being lost.
        scene.put("a", 50 + number, 100, sure=LOST_CONFIDENCE + (0.1 if number % 3 else -0.1) if number else 0.8)
        sight = follower.step(IMAGE, number / RATE)
        tracks.add(sight.track)
        seen.append(sight.seen)
    assert tracks == {1} and Seen.NOBODY not in seen


def test_nobody_is_said_without_flicker_and_searched_for_now_and_then(scene: Scene) -> None:
    scene.put("a", 50, 100)
    follower = Follower(scene.look)
    follower.step(IMAGE, 0.0)
    scene.looks.clear()
    sights: list[Sight] = []
    for number in range(1, 61):
        # What an empty room gives: now and then more than enough to go on, never enough to begin.
        scene.put("a", 50, 100, sure=0.1 + 0.2 * (number > 20 and number % 2))
        sights.append(follower.step(IMAGE, number / RATE))
    changes = sum(a.seen is not b.seen for a, b in zip(sights, sights[1:], strict=False))
    assert changes == 1 and sights[-1].seen is Seen.NOBODY and sights[-1].pose is None and sights[-1].track == 0
    held = sum(sight.seen is Seen.HELD for sight in sights)
    assert held == pytest.approx(HOLD_S * RATE, abs=2)
    assert scene.looks.count(None) <= 3.0 / SEARCH_EVERY_S + 1
    scene.put("a", 50, 100)
    assert any(follower.step(IMAGE, (61 + number) / RATE).track == 2 for number in range(8))


def test_a_picture_of_another_size_starts_anew(scene: Scene) -> None:
    scene.put("a", 50, 100)
    follower = Follower(scene.look)
    follower.step(IMAGE, 0.0)
    sight = follower.step(np.zeros((240, 320, 3), np.uint8), 0.5)
    assert sight.seen is Seen.FOLLOWED and sight.track == 2 and scene.looks[-1] is None


def test_a_given_box_is_used_for_every_frame(scene: Scene) -> None:
    scene.put("a", 50, 100)
    follower = Follower(scene.look, given=(10.0, 20.0, 300.0, 300.0))
    for number in range(3):
        sight = follower.step(IMAGE, number / RATE)
        assert sight.track == 1 and sight.pose is not None and sight.pose.located_by == "given"
    assert scene.looks == [(10.0, 20.0, 300.0, 300.0)] * 3


def test_a_bone_that_jumps_departs_from_the_persons_own(pose: Pose) -> None:
    memory = BoneMemory()
    sure = replace(pose, confidence=np.ones(16))
    assert np.isnan(memory.departure_percent(sure)).all()
    rng = np.random.default_rng(0)
    for _ in range(30):
        memory.add(replace(sure, joints_mm=sure.joints_mm * (1 + rng.normal(0, 0.002))))
    long = sure.joints_mm.copy()
    bone = skeleton.BONE_INDEX["right_forearm"]
    wrist, elbow = skeleton.BONES[bone].joints
    long[wrist] = long[elbow] + 1.5 * (long[wrist] - long[elbow])
    departure = memory.departure_percent(replace(sure, joints_mm=long))
    assert departure[bone] == pytest.approx(50, abs=1)
    assert np.abs(np.delete(departure, bone)).max() < 1
    # One odd frame does not change what is usual.
    before = memory.median_mm
    memory.add(replace(sure, joints_mm=long))
    np.testing.assert_allclose(memory.median_mm, before, rtol=0.005)


def test_bones_whose_ends_are_unsure_are_not_remembered(pose: Pose) -> None:
    memory = BoneMemory()
    confidence = np.ones(16)
    confidence[skeleton.JOINT_INDEX["right_wrist"]] = locate.SURE / 2
    for _ in range(6):
        memory.add(replace(pose, confidence=confidence))
    unknown = np.flatnonzero(np.isnan(memory.median_mm))
    assert unknown.tolist() == [skeleton.BONE_INDEX["right_forearm"]]


def test_a_smoothed_skeleton_keeps_its_size(pose: Pose) -> None:
    smooth = PoseSmoother()
    smooth(pose, 0.0)
    turned = replace(pose, joints_mm=pose.joints_mm * (-1.0, 1.0, -1.0))
    shown = smooth(turned, 0.05)
    total = [geometry.bone_lengths(each.joints_mm).sum() for each in (pose, shown)]
    assert total[1] == pytest.approx(total[0]) and not np.allclose(shown.joints_mm, turned.joints_mm)
    np.testing.assert_allclose(
        [bone.length_mm for bone in shown.geometry.bones], geometry.bone_lengths(shown.joints_mm)
    )


@pytest.fixture(scope="module")
def clip() -> dict[str, Any]:
    """A sample person seen by a camera that rests, then pans and zooms, with a sensor's noise; followed for real."""
    predictor = Predictor(checkpoint.load("compact-geo"), "cpu", reading=Reading(mirror=False))
    person, noise = Person("waving.jpg"), np.random.default_rng(0)
    follower = Follower(predictor.predict, smooth=True)
    truth, found, smooth, sights = [], [], [], []
    for number in range(48):
        moving = max(0.0, number / RATE - 1.0)
        matrix = person.matrix(0.5 + 0.2 * np.sin(2.5 * moving), 0.5, 0.7 + 0.1 * np.sin(2 * moving))
        image, joints = person.frame(matrix, noise)
        sight = follower.step(image, number / RATE)
        assert sight.raw is not None and sight.pose is not None
        truth.append(joints)
        found.append(sight.raw.joints_px)
        smooth.append(sight.pose.joints_px)
        sights.append(sight)
    return {"truth": np.array(truth), "raw": np.array(found), "smooth": np.array(smooth), "sights": sights}


def test_a_real_person_is_followed_through_a_clip_as_one(clip: dict[str, Any]) -> None:
    assert {sight.track for sight in clip["sights"]} == {1}
    assert all(sight.seen is Seen.FOLLOWED for sight in clip["sights"])
    size = np.ptp(clip["truth"], axis=1).max(axis=1)[:, None]
    error = np.linalg.norm(clip["raw"] - clip["truth"], axis=2) / size
    assert np.median(error) < 0.05
    assert np.isfinite(clip["sights"][-1].departure_percent).sum() >= 10


def test_the_filter_steadies_a_resting_person_and_lags_a_moving_one_by_less_than_a_frame(clip: dict[str, Any]) -> None:
    rest, motion = slice(8, 20), slice(22, 48)
    jitter = {key: np.abs(np.diff(clip[key][rest], axis=0)).mean() for key in ("raw", "smooth")}
    assert jitter["smooth"] < 0.5 * jitter["raw"]
    lags = {}
    for key in ("raw", "smooth"):
        centre, truth = clip[key].mean(axis=1)[motion, 0], clip["truth"].mean(axis=1)[:, 0]
        frames = np.arange(48)
        shifts = np.arange(-1.0, 4.01, 0.1)
        off = [np.ptp(centre - np.interp(frames[motion] - shift, frames, truth)) for shift in shifts]
        lags[key] = float(shifts[int(np.argmin(off))])
    assert lags["smooth"] - lags["raw"] < 1.0, lags
