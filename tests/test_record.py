"""Recordings: films that play even if the program is killed while it writes, and a full disk that is said."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT
from loopback import number_of, plain
from poses import make_pose
from test_predict_live import LINE
from video_clips import comment_of

from core import export
from core.capture.state import LiveFrame
from core.errors import RunError
from core.person import Seen, Sight
from core.pose import Pose
from core.record import LONGEST_GAP_S, RATE, GrowingFilm, Recording

CHECKPOINT = {"name": "fake", "preset": "compact", "geometry_loss": True, "sha256": "0" * 64}


def pictures_of(path: Path) -> list[np.ndarray]:
    film, found = cv2.VideoCapture(str(path)), []
    while True:
        read, image = film.read()
        if not read:
            film.release()
            return found
        found.append(np.ascontiguousarray(image[..., ::-1]))


def test_a_film_keeps_the_time_of_its_pictures_whatever_their_rhythm(tmp_path: Path) -> None:
    draw, film = plain(), GrowingFilm(tmp_path / "film.avi")
    times = [10.0, 10.04, 10.2, 10.21, 11.0]
    for number, time_s in enumerate(times):
        film.add(draw(number), time_s)
    film.close()
    shown = [number_of(image) for image in pictures_of(tmp_path / "film.avi")]
    assert len(shown) == film.count == round(1.0 * RATE) + 1
    first_shown = {number: shown.index(number) / RATE for number in set(shown)}
    # The fourth came within one picture's time of the third, and took its place.
    assert set(shown) == {0, 1, 3, 4}
    for number, seconds in first_shown.items():
        assert seconds == pytest.approx(times[number] - 10.0, abs=1 / RATE)


def test_a_long_pause_of_the_source_is_cut_short(tmp_path: Path) -> None:
    draw, film = plain(), GrowingFilm(tmp_path / "film.avi")
    film.add(draw(0), 0.0)
    film.add(draw(1), 600.0)
    film.add(draw(2), 600.2)
    film.close()
    assert film.count == round(LONGEST_GAP_S * RATE) + 5 + 1


def test_a_picture_of_another_size_is_fitted_into_the_film(tmp_path: Path) -> None:
    film = GrowingFilm(tmp_path / "film.avi")
    film.add(np.full((121, 161, 3), 200, np.uint8), 0.0)
    film.add(np.full((240, 120, 3), 200, np.uint8), 1.0)
    film.close()
    shown = pictures_of(tmp_path / "film.avi")
    assert {image.shape for image in shown} == {(120, 160, 3)}
    assert shown[0].mean() > 190
    assert shown[-1][60, 80].mean() > 190 and shown[-1][60, 5].mean() < 20, "black beside a narrow picture"


def sight(pose: Pose) -> Sight:
    return Sight(Seen.FOLLOWED, 3, pose, pose, np.full(14, 1.5), np.full(14, 300.0))


def frame(number: int) -> LiveFrame:
    return LiveFrame(plain(320, 400)(number), number, number / RATE, 5.0 + number / RATE)


def test_a_recording_holds_pictures_skeletons_body_and_poses(tmp_path: Path, pose: Pose) -> None:
    recording = Recording(tmp_path / "new" / "r", ("stream", "overlay", "space", "poses"), "camera:0", CHECKPOINT)
    for number in range(20):
        sights = (sight(pose),) if number % 2 else (Sight(Seen.NOBODY),)
        recording.add(frame(number), sights, looked=number != 7)
        recording.add_space(np.full((100, 120, 3), 30, np.uint8), 5.0 + number / RATE)
    paths = recording.close()
    assert [path.name for path in paths] == ["r-stream.avi", "r-overlay.avi", "r-space.avi", "r-poses.jsonl"]
    stream, overlay, space = (pictures_of(path) for path in paths[:3])
    assert [number_of(image) for image in stream] == list(range(20))
    assert len(overlay) == 20 and len(space) == 20
    assert np.abs(overlay[9].astype(int) - stream[9]).max() > 60, "the skeleton"
    lines = [json.loads(line) for line in paths[3].read_text(encoding="utf-8").splitlines()]
    for line in lines:
        LINE.validate(line)
    assert lines[0]["head"]["checkpoint"]["name"] == "fake"
    seen = [line for line in lines if "pose" in line]
    assert [line["pose"]["frame"] for line in seen] == [n for n in range(20) if n % 2 and n != 7]
    assert {line["track"] for line in seen} == {3} and seen[0]["departure_percent"] == [1.5] * 14
    assert sum("unseen" in line for line in lines) == 10


def test_films_with_poses_say_how_they_were_made_and_where_that_changed(tmp_path: Path, pose: Pose) -> None:
    recording = Recording(tmp_path / "r", ("stream", "overlay", "space"), "camera:0", CHECKPOINT)
    refined = replace(pose, made=replace(pose.made, refined=True))
    for number in range(40):
        recording.add(frame(number), (sight(refined if 25 <= number < 35 else pose),))
        recording.add_space(np.full((100, 120, 3), 30, np.uint8), 5.0 + number / RATE)
    stream, *shown = recording.close()
    assert comment_of(stream) == "", "what the camera saw was made by nobody"
    for path in shown:
        assert comment_of(path) == f"{export.signature([pose])}. First at 1.0 s: {export.maker(refined)}"
        assert len(pictures_of(path)) == 40


def test_each_kind_can_be_recorded_alone_and_nothing_empty_is_left(tmp_path: Path, pose: Pose) -> None:
    recording = Recording(tmp_path / "r", ("poses", "space"), "camera:0", CHECKPOINT)
    recording.add(frame(0), (sight(pose),))
    assert [path.name for path in recording.close()] == ["r-poses.jsonl"]
    assert [path.name for path in tmp_path.iterdir()] == ["r-poses.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_was_recorded_plays_after_the_program_was_killed(tmp_path: Path) -> None:
    child = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        sys.path[:0] = ["tests"]
        from loopback import plain
        from poses import make_pose
        from core import record
        from core.capture.state import LiveFrame
        from core.person import Seen, Sight
        record.CHECK_EVERY_S = 0.0
        recording = record.Recording(Path(sys.argv[1]), ("stream", "overlay", "poses"), "camera:0", {
            "name": "fake", "preset": "compact", "geometry_loss": True, "sha256": "0" * 64})
        draw = plain(640, 480)
        rough = __import__("numpy").random.default_rng(0).integers(0, 60, (480, 640, 3), "uint8")
        pose = make_pose((640, 480), (200, 100, 300, 300))
        for number in range(100):
            image = draw(number)
            image[40:] += rough[40:]
            recording.add(LiveFrame(image, number, number / 25, number / 25), (Sight(Seen.FOLLOWED, 1, pose, pose),))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", child, str(tmp_path / "r")], cwd=ROOT, check=False, timeout=100)
    assert done.returncode == -signal.SIGKILL
    for kind in ("stream", "overlay"):
        shown = [number_of(image) for image in pictures_of(tmp_path / f"r-{kind}.avi")]
        assert shown == list(range(len(shown))) and len(shown) >= 85, f"{kind}: only {len(shown)} of 100 pictures"
    told = export.signature([make_pose((640, 480), (200, 100, 300, 300))])
    assert comment_of(tmp_path / "r-overlay.avi") == told, "and it still says how its poses were made"
    lines = (tmp_path / "r-poses.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 101 and all(json.loads(line) for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix")
def test_a_film_that_cannot_grow_any_more_is_said_and_what_there_is_plays(tmp_path: Path) -> None:
    child = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from core.errors import UserError
        from core import record
        from core.capture.state import LiveFrame
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        record.CHECK_EVERY_S = 0.0
        recording = record.Recording(Path(sys.argv[1]), ("stream",), "camera:0", {})
        rough = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
        try:
            for number in range(300):
                recording.add(LiveFrame(rough, number, number / 25, number / 25), ())
        except UserError as error:
            print(number, error)
        recording.close()
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", child, str(tmp_path / "r")], cwd=ROOT, check=False, timeout=100, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    number, _, told = done.stdout.partition(" ")
    assert int(number) < 200 and "could not be written any further: make room on the disk" in told
    assert len(pictures_of(tmp_path / "r-stream.avi")) >= 3


def test_a_calm_picture_whose_film_grows_by_little_is_no_full_disk(tmp_path: Path) -> None:
    film = GrowingFilm(tmp_path / "film.avi")
    for number in range(250):
        film.add(plain()(0), number / RATE)
        film.check()
    film.close()
    assert len(pictures_of(tmp_path / "film.avi")) == 250


def test_a_nearly_full_disk_is_refused_and_ends_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    recording = Recording(tmp_path / "r", ("stream",), "camera:0", CHECKPOINT)
    recording.add(frame(0), ())
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9, 1000))
    monkeypatch.setattr("core.record.CHECK_EVERY_S", 0.0)
    with pytest.raises(RunError, match="nearly full"):
        recording.add(frame(1), ())
    assert [path.name for path in recording.close()] == ["r-stream.avi"]
    with pytest.raises(RunError, match="nearly full"):
        Recording(tmp_path / "s", ("stream",), "camera:0", CHECKPOINT)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        Recording(blocked / "r", ("stream",), "camera:0", CHECKPOINT)
