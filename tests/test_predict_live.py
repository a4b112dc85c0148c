"""``predict`` on streams and followed videos: lines as they come, a clean end, exit codes."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from conftest import ROOT, gradient
from loopback import Person, camera

import main
from core.commands import lines

SCHEMA = json.loads((resources.files("resources") / "poses.schema.json").read_text(encoding="utf-8"))
LINE = jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": SCHEMA["$defs"]})
KINDS = ("head", "pose", "unseen", "status", "failed", "end")


def predict(*words: str | Path) -> int:
    return main.main(["predict", "--no-flip", "--device", "cpu", *map(str, words)])


def read_lines(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return the lines by kind, each valid by the schema."""
    found: dict[str, list[dict[str, Any]]] = {
        "head": [],
        "pose": [],
        "unseen": [],
        "status": [],
        "failed": [],
        "end": [],
    }
    for line in text.splitlines():
        content = json.loads(line)
        LINE.validate(content)
        kind = next(iter(content))
        found[kind].append(content if kind == "pose" else content[kind])
    assert len(found["head"]) == 1
    return found


def write_film(path: Path, frames: list[np.ndarray], rate: float = 10.0) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


@pytest.fixture(scope="module")
def person_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    person = Person("waving.jpg", (320, 240))
    frames = [person.frame(person.matrix(0.4 + 0.02 * number))[0] for number in range(8)]
    return write_film(tmp_path_factory.mktemp("film") / "waving.mp4", frames)


def test_a_followed_video_gives_every_frame_one_track_and_its_files(person_film: Path, tmp_path: Path) -> None:
    lines, out, table = tmp_path / "new" / "o.jsonl", tmp_path / "o.json", tmp_path / "o.csv"
    assert predict(person_film, "--follow", "--smooth", "--jsonl", lines, "--json", out, "--csv", table) == 0
    found = read_lines(lines.read_text(encoding="utf-8"))
    assert [line["pose"]["frame"] for line in found["pose"]] == list(range(8))
    assert {line["track"] for line in found["pose"]} == {1}
    assert all(line["latency_s"] is None for line in found["pose"])
    assert [line["pose"]["located_by"] for line in found["pose"]] == ["search"] + ["track"] * 7
    end = found["end"][0]
    assert (end["reason"], end["frames"], end["poses"], end["tracks"]) == ("ended", 8, 8, 1)
    content = json.loads(out.read_text(encoding="utf-8"))
    jsonschema.validate(content, SCHEMA)
    assert content["poses"] == [line["pose"] for line in found["pose"]]
    assert table.read_text().count("\n") == 1 + 8 * 16


def test_a_smoothed_film_has_every_frame_and_a_body_too(person_film: Path, tmp_path: Path, capsys: Any) -> None:
    words = ("--smooth", "--jsonl", "-", "--mp4", tmp_path, "--bvh", tmp_path, "--figure", tmp_path)
    assert predict(person_film, *words) == 0
    shown = capsys.readouterr()
    assert len(read_lines(shown.out)["pose"]) == 8
    assert "Video" in shown.err and "BVH" in shown.err
    film = cv2.VideoCapture(str(tmp_path / "waving-pose.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 8
    film.release()
    assert {path.suffix for path in tmp_path.iterdir()} >= {".bvh", ".mp4", ".png"}


def test_smoothing_changes_the_joints_and_not_where_is_looked(person_film: Path, capsys: Any) -> None:
    poses = []
    for words in ((), ("--smooth",)):
        assert predict(person_film, "--follow", *words, "--jsonl", "-") == 0
        poses.append([line["pose"] for line in read_lines(capsys.readouterr().out)["pose"]])
    for plain, smooth in zip(*poses, strict=True):
        assert plain["box_px"] == smooth["box_px"]
        assert (plain["smoothed"], smooth["smoothed"]) == (False, True)
    assert poses[0][0]["joints_px"] == poses[1][0]["joints_px"]
    assert poses[0][7]["joints_px"] != poses[1][7]["joints_px"]


def test_max_seconds_ends_a_video_there(weights: Path, tmp_path: Path, capsys: Any) -> None:
    film = write_film(tmp_path / "walk.mp4", [gradient(120, 160)] * 20)
    words = ("--checkpoint", weights, "--box", "0,0,120,160", "--max-seconds", "0.5", "--jsonl", "-")
    assert predict(film, *words) == 0
    found = read_lines(capsys.readouterr().out)
    assert len(found["pose"]) == 5 and found["end"][0]["reason"] == "max-seconds"


@pytest.mark.parametrize("word", ["%03d.png", ""])
def test_a_sequence_of_pictures_is_a_film(weights: Path, tmp_path: Path, word: str, capsys: Any) -> None:
    for number in (8, 9, 10):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), gradient(120, 160))
    words = ("--checkpoint", weights, "--box", "0,0,120,160", "--follow", "--jsonl", "-")
    assert predict(tmp_path / word, *words) == 0
    poses = [line["pose"] for line in read_lines(capsys.readouterr().out)["pose"]]
    assert [pose["frame"] for pose in poses] == [0, 1, 2]
    assert [pose["time_s"] for pose in poses] == pytest.approx([0.0, 0.04, 0.08])


def test_a_stream_gives_fresh_poses_until_its_time_is_over(tmp_path: Path, capsys: Any) -> None:
    person, lines = Person("waving.jpg", (320, 240)), tmp_path / "o.jsonl"
    frames = [person.frame(person.matrix(0.4 + 0.01 * number))[0] for number in range(20)]
    with camera(lambda number: frames[min(number % 40, 39 - number % 40)]) as served:
        url = served.url.replace("http://", "http://user:hidden@")
        assert predict(url, "--jsonl", lines, "--max-seconds", "4") == 0
    text, shown = lines.read_text(encoding="utf-8"), capsys.readouterr()
    found = read_lines(text)
    assert "hidden" not in text + shown.out + shown.err
    assert len(found["pose"]) >= 2 and {line["track"] for line in found["pose"]} == {1}
    assert found["status"][0]["state"] == "live"
    frame_numbers = [line["pose"]["frame"] for line in found["pose"]]
    assert frame_numbers == sorted(set(frame_numbers))
    end = found["end"][0]
    assert end["reason"] == "max-seconds" and end["dropped"] >= frame_numbers[-1] - len(frame_numbers)
    assert all(0 < line["latency_s"] < 4 for line in found["pose"])


def test_a_stream_that_cannot_be_opened_fails_with_its_sentence_and_the_rest_is_done(
    weights: Path, tmp_path: Path, capsys: Any
) -> None:
    film = write_film(tmp_path / "walk.mp4", [gradient(120, 160)] * 2)
    with camera() as served:
        gone, words = served.path("/nothing"), ("--checkpoint", weights, "--box", "0,0,120,160")
        assert predict(gone, "camera:x", film, *words, "--jsonl", "-", "--json", tmp_path / "o.json") == 1
    shown = capsys.readouterr()
    found = read_lines(shown.out)
    assert [item["input"] for item in found["failed"]] == [gone, "camera:x"]
    assert len(found["pose"]) == 2 and [end["reason"] for end in found["end"]] == ["failed", "ended"]
    assert "404" in shown.err and "Traceback" not in shown.err
    content = json.loads((tmp_path / "o.json").read_text())
    jsonschema.validate(content, SCHEMA)
    assert len(content["failed"]) == 2


def test_nobody_in_the_picture_is_told_as_such(tmp_path: Path, capsys: Any) -> None:
    film = write_film(tmp_path / "grey.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 4)
    assert predict(film, "--follow", "--jsonl", "-", "--mp4", tmp_path / "out") == 0
    drawn = cv2.VideoCapture(str(tmp_path / "out" / "grey-pose.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 4, "the film must not skip the frames without anybody"
    drawn.release()
    found = read_lines(capsys.readouterr().out)
    assert [line["seen"] for line in found["unseen"]] == ["nobody"] * 4 and not found["pose"]


def test_outputs_that_would_be_missing_or_harm_what_is_read_are_refused(
    weights: Path, tmp_path: Path, capsys: Any
) -> None:
    film = write_film(tmp_path / "walk.mp4", [gradient(120, 160)] * 2)
    same, boxes = tmp_path / "o.json", ("--boxes", tmp_path / "boxes.json")
    for words in (boxes, ("--jsonl", film), ("--json", same, "--jsonl", same), ("--live", "--mp4", tmp_path)):
        before = film.read_bytes()
        assert predict(film, "--follow", "--checkpoint", weights, *words) == 2
        assert film.read_bytes() == before
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(SystemExit):
        predict(film, "--max-seconds", "-1")


def test_a_file_that_cannot_be_written_is_one_sentence(weights: Path, tmp_path: Path, capsys: Any) -> None:
    film = write_film(tmp_path / "walk.mp4", [gradient(120, 160)] * 2)
    assert predict(film, "--checkpoint", weights, "--jsonl", tmp_path) == 1
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_on_a_stream_ends_cleanly_with_what_there_is(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.json"
    with camera() as served:
        words = [sys.executable, str(ROOT / "main.py"), "predict", served.url, "--checkpoint", str(weights)]
        with subprocess.Popen(
            [*words, "--no-flip", "--box", "0,0,160,120", "--jsonl", "-", "--json", str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            assert process.stdout is not None
            early = ""
            while '"pose":' not in early:
                early += process.stdout.readline()  # the first pose is there before the end
            process.send_signal(signal.SIGINT)
            try:
                rest, error = process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == 0, error
    assert "Traceback" not in error
    found = read_lines(early + rest)
    assert found["end"][0]["reason"] == "interrupted"
    assert len(json.loads(out.read_text())["poses"]) == len(found["pose"]) >= 1


def test_without_a_display_a_stream_is_followed_into_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(main, "has_display", lambda: False)
    monkeypatch.chdir(tmp_path)
    assert main.main(["camera:97"]) == 1
    found = read_lines((tmp_path / "out" / "poses.jsonl").read_text())
    assert found["failed"][0]["input"] == "camera:97" and "camera:97" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence_and_said_once(weights: Path, tmp_path: Path, capsys: Any) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("a full disk of Linux")
    film = write_film(tmp_path / "walk.mp4", [gradient(120, 160)] * 2)
    assert predict(film, "--checkpoint", weights, "--jsonl", "/dev/full") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_disk_that_fills_up_on_the_way_costs_only_the_lines(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    film, out = write_film(tmp_path / "walk.mp4", [gradient(120, 160)] * 3), tmp_path / "o.json"
    whole = lines.seen

    def seen(item: Any, sight: Any, latency_s: Any) -> dict[str, Any]:
        # From the second frame on, the disk is full.
        return whole(item, sight, latency_s) | ({} if item["frame"] == 0 else {"padding": "x" * 5000})

    monkeypatch.setattr(lines, "seen", seen)
    opened = Path.open

    def small(path: Path, *words: Any, **more: Any) -> Any:
        return SmallDisk() if path.suffix == ".jsonl" else opened(path, *words, **more)

    monkeypatch.setattr(Path, "open", small)
    words = ("--checkpoint", weights, "--box", "0,0,120,160", "--json", out, "--jsonl", tmp_path / "o.jsonl")
    assert predict(film, *words) == 1
    monkeypatch.undo()
    assert capsys.readouterr().err.count("No space left") == 1
    content = json.loads(out.read_text())
    assert len(content["poses"]) == 2 and "could not be written" in content["failed"][0]["error"]


class SmallDisk(io.StringIO):
    """Takes short lines."""

    def write(self, text: str) -> int:
        if "padding" in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)
