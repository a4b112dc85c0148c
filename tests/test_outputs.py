"""One pose, many files: the same numbers in each, and each written whole or not at all."""

from __future__ import annotations

import base64
import csv
import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import RunMain, gradient
from test_bvh import forward_kinematics

import main
from core import export, figure, film, media, report, skeleton
from core.errors import UserError
from core.pose import Pose

TOLD = {"name": "compact-geo", "preset": "compact", "geometry_loss": True, "sha256": "ab" * 32}


def write_film(path: Path, count: int = 6, size: tuple[int, int] = (120, 160)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 5, size)
    for _ in range(count):
        writer.write(np.ascontiguousarray(gradient(*size)[..., ::-1]))
    writer.release()
    return path


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    found = []
    while (read := capture.read())[0]:
        found.append(np.asarray(read[1])[..., ::-1])
    capture.release()
    return found


class Rows(HTMLParser):
    """The table rows of a page as lists of texts, and every address outside the page that it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = [value or "" for name, value in attrs if name in ("src", "href")]
        self.addresses += [address for address in found if not address.startswith("#")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def read_report(path: Path) -> Rows:
    parser = Rows()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def test_every_format_holds_the_same_numbers(
    run_main: RunMain, weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("--json", out / "o.json", "--csv", out / "o.csv", "--npz", out / "o.npz", "--report", out / "o.html",
             "--bvh", out, "--figure", out, "--figure-format", "svg")  # fmt: skip
    done = run_main("predict", write_picture(), "--checkpoint", weights, "--device", "cpu", *words)
    assert done.returncode == 0, done.stderr
    content = json.loads((out / "o.json").read_text())
    item, sha256 = content["poses"][0], content["checkpoint"]["sha256"]
    with (out / "o.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [[float(row[f"{axis}_mm"]) for axis in "xyz"] for row in rows] == item["joints_mm"]
    with np.load(out / "o.npz", allow_pickle=False) as arrays:
        assert arrays["joints_mm"][0].tolist() == item["joints_mm"]
        assert arrays["joints_px"][0].tolist() == item["joints_px"]
        assert arrays["deviation_percent"][0].tolist() == [bone["deviation_percent"] for bone in item["bones"]]
        assert np.isnan(arrays["left_right_percent"][0][skeleton.BONE_INDEX["torso"]])
        assert str(arrays["checkpoint_sha256"]) == sha256
        assert json.loads(str(arrays["units"]))["joints_mm"] == content["units"]["joints_mm"]
    places, _ = forward_kinematics((out / "person-pose.bvh").read_text())
    for index, name in enumerate(skeleton.JOINT_NAMES):
        np.testing.assert_allclose(places[name][0], item["joints_mm"][index], atol=0.02)
    assert json.loads((out / "person-pose.bvh.json").read_text())["checkpoint"]["sha256"] == sha256
    shown = [row for row in read_report(out / "o.html").rows if row]
    wrist = next(row for row in shown if row[0] == "left wrist")
    told = [f"{value:.1f}" for value in item["joints_px"][15]] + [f"{item['confidence'][15]:.2f}"]
    assert wrist[1:] == told + [f"{value:.0f}".replace("-", "−") for value in item["joints_mm"][15]]
    bone = next(row for row in shown if row[0] == "right forearm")
    assert bone[1] == f"{item['bones'][9]['length_mm']:.0f}" and bone[-1] == item["bones"][9]["verdict"]
    assert sha256 in (out / "o.html").read_text() and sha256 in (out / "person-pose.svg").read_text()


def test_a_report_is_one_file_that_fetches_nothing_and_shows_the_picture(pose: Pose, tmp_path: Path) -> None:
    title = "<script>alert(1)</script> 人.jpg"
    pages = [report.page(gradient(320, 400), pose, export.entry(pose, title), title)]
    failed = [export.failure("gone<b>.jpg", UserError("gone<b>.jpg does not exist", "check the name"))]
    path = report.write(tmp_path / "r.html", pages, TOLD, {"lspet": "research use"}, failed, left_out=3)
    parsed, text = read_report(path), path.read_text(encoding="utf-8")
    assert parsed.addresses and all(address.startswith("data:") for address in parsed.addresses)
    assert not re.search(r"@import|url\(|<script|<b>\.jpg", text)
    picture = base64.b64decode(parsed.addresses[0].split(",")[1])
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) is not None
    for told in ("research use", "ab" * 32, "3 more poses", "check the name", pose.geometry.sentence()):
        assert told in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_a_reports_bars_end_at_the_edge_and_say_so_where_a_bone_goes_on(pose: Pose) -> None:
    entry = export.entry(pose, "a.jpg")
    for bone, percent in zip(entry["bones"], (312.0, -85.0, 60.0), strict=False):
        bone["deviation_percent"] = percent
    text = report.html([report.page(gradient(320, 400), pose, entry, "a.jpg")], TOLD, {})
    ends = re.findall(r'class="\w+( past \w+)?" style="width:([\d.]+)%;(left|right)', text)[:3]
    assert ends == [(" past more", "50.0", "left"), (" past less", "50.0", "right"), ("", "50.0", "left")]


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure_has_the_format_of_its_name_and_names_the_checkpoint(
    pose: Pose, tmp_path: Path, kind: str, start: bytes
) -> None:
    path = figure.write_figure(tmp_path / f"a.{kind}", gradient(320, 400), pose, "a $5$ & b.jpg")
    data = path.read_bytes()
    assert data.startswith(start)
    assert pose.checkpoint_sha256.encode() in data


def test_a_figure_of_another_kind_is_refused(pose: Pose, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="end its name"):
        figure.write_figure(tmp_path / "a.gif", gradient(320, 400), pose, "a")
    assert not list(tmp_path.iterdir())


def test_an_annotated_video_keeps_frames_rate_and_size_and_shows_the_skeleton(weights: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "walk.mp4")
    words = ["predict", "--no-flip", str(source), "--checkpoint", str(weights), "--box", "0,0,120,160"]
    assert main.main([*words, "--mp4", str(tmp_path / "out"), "--bvh", str(tmp_path / "out")]) == 0
    drawn, plain = frames_of(tmp_path / "out" / "walk-pose.mp4"), frames_of(source)
    assert len(drawn) == len(plain) and drawn[0].shape == plain[0].shape
    assert film.frame_rate(tmp_path / "out" / "walk-pose.mp4") == pytest.approx(5.0)
    assert all(np.abs(one.astype(int) - other).max() > 60 for one, other in zip(drawn, plain, strict=True))
    assert "Frames: 6\nFrame Time: 0.2" in (tmp_path / "out" / "walk-pose.bvh").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "walk-pose.bvh", "walk-pose.bvh.json", "walk-pose.mp4",
    ]  # fmt: skip


def test_the_skeleton_is_drawn_at_its_joints_in_the_colours_of_its_sides(pose: Pose) -> None:
    sure = dataclasses.replace(pose, confidence=np.full(16, 0.9), joints_px=np.tile([[60.0, 300.0]], (16, 1)))
    sure.joints_px[[0, 1]] = (40.0, 40.0), (140.0, 40.0)
    drawn = film.annotated(gradient(320, 400), sure)
    np.testing.assert_array_equal(drawn[40, 90], [int(figure.SIDE_COLOURS["right"][n : n + 2], 16) for n in (1, 3, 5)])
    assert np.array_equal(film.annotated(gradient(320, 400), sure), drawn)


def test_a_video_of_odd_size_can_be_written(pose: Pose, tmp_path: Path) -> None:
    with film.writing(tmp_path / "odd.mp4", 10.0) as made:
        for number in range(3):
            made.add(gradient(321, 401), pose, number / 10)
    assert [frame.shape for frame in frames_of(tmp_path / "odd.mp4")] == [(402, 322, 3)] * 3


def test_a_video_that_fails_in_the_middle_leaves_the_old_one(pose: Pose, tmp_path: Path) -> None:
    path = tmp_path / "old.mp4"
    path.write_bytes(b"old")
    with pytest.raises(UserError, match="mains"), film.writing(path, 10.0) as made:  # noqa: PT012
        made.add(gradient(320, 400), pose, 0.0)
        raise UserError("the mains failed", "wait")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_an_interrupted_video_keeps_what_was_drawn_and_says_so(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from core import media

    source = write_film(tmp_path / "walk.mp4")
    real = media.frames

    def interrupted(path: Path) -> Iterator[media.Frame]:
        for frame in real(path):
            if frame.index == 3:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(media, "frames", interrupted)
    words = ["predict", "--no-flip", str(source), "--checkpoint", str(weights), "--box", "0,0,120,160"]
    assert main.main([*words, "--mp4", str(tmp_path / "out")]) == 130
    assert len(frames_of(tmp_path / "out" / "walk-pose.mp4")) == 3
    assert "Stopped" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_costs_no_other(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    words = ["predict", "--no-flip", str(write_picture()), "--checkpoint", str(weights), "--box", "0,0,160,200"]
    assert main.main([*words, "--bvh", str(blocked / "x"), "--npz", str(tmp_path / "o.npz")]) == 1
    assert (tmp_path / "o.npz").is_file()
    assert "could not be written" in capsys.readouterr().err


def test_a_picture_thin_as_a_thread_has_its_figure_and_its_page(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thread = tmp_path / "thread.png"
    cv2.imwrite(str(thread), np.full((24_000, 8, 3), 90, np.uint8))
    words = ["predict", "--no-flip", str(thread), "--checkpoint", str(weights), "--box", "0,0,8,24000"]
    out = tmp_path / "out"
    assert main.main([*words, "--report", str(out / "r.html"), "--figure", str(out)]) == 0, capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["r.html", "thread-pose.png"]


def test_what_opencv_cannot_do_with_one_input_costs_no_other(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> np.ndarray:
        if path.name == "odd.jpg":
            raise cv2.error("Assertion failed")
        return gradient(160, 200)

    monkeypatch.setattr(media, "read_picture", read)
    odd, good = write_picture("odd.jpg"), write_picture("good.jpg")
    words = ["predict", "--no-flip", str(odd), str(good), "--checkpoint", str(weights), "--box", "0,0,160,200"]
    assert main.main([*words, "--json", str(tmp_path / "o.json")]) == 1
    found = json.loads((tmp_path / "o.json").read_text())
    assert [item["input"] for item in found["failed"]] == [str(odd)]
    assert [item["input"] for item in found["poses"]] == [str(good)]


def test_two_outputs_of_one_name_are_refused(weights: Path, write_picture: Callable[..., Path], tmp_path: Path) -> None:
    words = ["predict", str(write_picture()), "--checkpoint", str(weights)]
    assert main.main([*words, "--npz", str(tmp_path / "o"), "--report", str(tmp_path / "o")]) == 2
    assert not (tmp_path / "o").exists()


def test_progress_is_one_json_line_per_input(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write_picture(), tmp_path / "gone.jpg"
    words = ["predict", "--no-flip", str(good), str(bad), "--checkpoint", str(weights), "--box", "0,0,160,200"]
    assert main.main([*words, "--progress"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["start", "done", "failed"]
    assert lines[0]["inputs"] == 2 and lines[1]["input"] == str(good) and "check the name" in lines[2]["what_to_do"]
