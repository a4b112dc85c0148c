"""The commands other programs rely on: words, files, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
import scipy.io
from conftest import ROOT, RunMain, gradient

import main
from core import engines, skeleton
from core.commands import bench, doctor
from core.errors import RunError, UserError


def predict(*words: str | Path) -> int:
    return main.main(["predict", "--no-flip", *map(str, words)])


def document(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads((resources.files("resources") / "poses.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(content, schema)
    return content


def test_predict_prints_joints_and_bones_and_writes_every_file(
    run_main: RunMain, weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    picture = write_picture()
    out, table, figures = tmp_path / "o.json", tmp_path / "o.csv", tmp_path / "figures"
    done = run_main(
        "predict", picture, "--checkpoint", weights, "--json", out, "--csv", table, "--figure", figures,
        "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for word in ("x px", "z mm", "length mm", "deviation %", "left wrist", "right upper arm", "geometry loss"):
        assert word in done.stdout
    content = document(out)
    assert content["poses"][0]["input"] == str(picture)
    assert content["poses"][0]["located_by"] == "search"
    assert content["checkpoint"]["name"] == "random"
    assert table.read_text().count("\n") == 17
    assert (figures / "person-pose.png").is_file()


def test_a_given_box_is_used_and_said(weights: Path, write_picture: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "o.json"
    assert predict(write_picture(), "--checkpoint", weights, "--box", "10,20,100,150", "--json", out) == 0
    item = document(out)["poses"][0]
    assert item["box_px"] == [10, 20, 100, 150] and item["located_by"] == "given"


def test_boxes_are_given_by_file_name_and_the_rest_is_searched(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write_picture("in/b.jpg").parent
    write_picture("in/a.jpg")
    boxes, out = tmp_path / "boxes.json", tmp_path / "o.json"
    boxes.write_text(json.dumps({"b.jpg": [10, 20, 100.5, 150]}))
    assert predict(folder, "--checkpoint", weights, "--boxes", boxes, "--json", out) == 0
    found = {Path(item["input"]).name: item["located_by"] for item in document(out)["poses"]}
    assert found == {"a.jpg": "search", "b.jpg": "given"}


def test_the_height_scales_the_skeleton(weights: Path, write_picture: Callable[..., Path], tmp_path: Path) -> None:
    lengths = []
    for height in ("1500", "1800"):
        out = tmp_path / f"{height}.json"
        words = ("--box", "0,0,160,200", "--height-mm", height, "--json", out)
        assert predict(write_picture(), "--checkpoint", weights, *words) == 0
        lengths.append(sum(bone["length_mm"] for bone in document(out)["poses"][0]["bones"]))
    assert lengths[1] / lengths[0] == pytest.approx(1.2, rel=1e-3)


def test_the_same_picture_gives_the_same_pose(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    outs = [tmp_path / "1.json", tmp_path / "2.json"]
    for out in outs:
        assert predict(write_picture(), "--checkpoint", weights, "--json", out) == 0
    assert document(outs[0])["poses"] == document(outs[1])["poses"]


def test_a_video_gives_a_pose_per_frame_with_its_time(weights: Path, tmp_path: Path) -> None:
    film, out, figures = tmp_path / "walk.mp4", tmp_path / "o.json", tmp_path / "figures"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 5, (120, 160))
    for _ in range(7):
        writer.write(np.ascontiguousarray(gradient(120, 160)[..., ::-1]))
    writer.release()
    assert predict(film, "--checkpoint", weights, "--box", "0,0,120,160", "--json", out, "--figure", figures) == 0
    items = document(out)["poses"]
    assert [item["frame"] for item in items] == list(range(7))
    assert items[5]["time_s"] == pytest.approx(1.0, abs=0.01)
    assert sorted(path.name for path in figures.iterdir()) == ["walk-000000-pose.png", "walk-000005-pose.png"]


def test_figures_of_the_same_name_do_not_overwrite_each_other(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    pictures = [write_picture("a/x.jpg"), write_picture("b/x.jpg")]
    assert predict(*pictures, "--checkpoint", weights, "--figure", tmp_path / "f") == 0
    assert sorted(path.name for path in (tmp_path / "f").iterdir()) == ["x-2-pose.png", "x-pose.png"]


def test_figures_beside_the_pictures_leave_every_picture_as_it_was(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    # The second is called what the first one's figure would be.
    pictures = [write_picture("person.png"), write_picture("person-pose.png")]
    before = [path.read_bytes() for path in pictures]
    assert predict(tmp_path, "--checkpoint", weights, "--figure", tmp_path) == 0
    assert [path.read_bytes() for path in pictures] == before
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["person-2-pose.png", "person-pose-pose.png", "person-pose.png", "person.png"]


def test_a_figure_is_not_written_onto_a_picture_given_by_a_link(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    real = write_picture("figures/person-pose.png")
    picture, link = write_picture("person.png"), tmp_path / "other.png"
    link.symlink_to(real)
    before = real.read_bytes()
    assert predict(picture, link, "--checkpoint", weights, "--figure", real.parent) == 0
    assert real.read_bytes() == before


def test_a_box_that_starts_left_of_the_picture_is_no_option(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    for number, box in enumerate(("-10,0,100,150", "-.5,-3,100,150")):
        out = tmp_path / f"{number}.json"
        assert predict("--box", box, "--checkpoint", weights, "--json", out, "--", write_picture()) == 0
        assert document(out)["poses"][0]["box_px"] == [float(part) for part in box.split(",")]


def test_words_after_two_dashes_are_inputs(capsys: pytest.CaptureFixture[str], weights: Path) -> None:
    assert predict("--checkpoint", weights, "--", "--box", "-1.jpg") == 1
    shown = capsys.readouterr().err
    assert "--box" in shown and "-1.jpg" in shown and "--box=" not in shown


def test_in_a_video_the_tracked_box_does_not_collapse_onto_joints_that_fell_together(
    monkeypatch: pytest.MonkeyPatch, pose: Any
) -> None:
    from core import media
    from core.commands import predict as command
    from core.commands import tables

    fallen = np.full_like(pose.joints_px, 100.0)
    given: list[Any] = []

    class Watched:
        def predict(self, image: Any, box: Any, height_mm: Any) -> Any:
            given.append(box)
            box_px = (0.0, 0.0, 300.0, 300.0) if box is None else box
            return replace(pose, joints_px=fallen, confidence=np.ones(16), box_px=box_px)

    image = gradient(*pose.picture_size_px)
    film = [media.Frame(image, Path("walk.mp4"), number, number / 25) for number in range(2)]
    monkeypatch.setattr(media, "frames", lambda path: iter(film))
    args: Any = SimpleNamespace(box=None, height_mm=None)
    watched: Any = Watched()
    job = command.Job(args, watched, pose, {}, tables=False, listing=tables.Listing())
    assert len(list(command.poses(job, Path("walk.mp4")))) == 2
    assert given[0] is None and given[1][2] >= 100.0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_with_one_line_and_keeps_what_is_done(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    picture, out = write_picture(), tmp_path / "o.json"
    words = [sys.executable, str(ROOT / "main.py"), "predict", *[str(picture)] * 2000, "--checkpoint", str(weights)]
    with subprocess.Popen(
        [*words, "--json", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job runner may have started us with Ctrl+C ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert error.startswith("Stopped") and len(error.splitlines()) == 1
    assert 1 <= len(document(out)["poses"]) < 2000


def test_without_a_display_the_job_is_done_without_the_window(
    run_main: RunMain,
    weights: Path,
    write_picture: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from core.commands import predict as command

    monkeypatch.setattr(command, "DEFAULT_CHECKPOINT", str(weights))
    monkeypatch.setattr(main, "has_display", lambda: False)
    monkeypatch.chdir(tmp_path)
    picture = write_picture()
    assert main.main([str(picture)]) == 0
    assert (tmp_path / "out" / "person-pose.png").is_file()
    assert document(tmp_path / "out" / "poses.json")["poses"][0]["input"] == str(picture)


def test_a_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for display in ("", "nonsense", ":7654", "127.0.0.1:59"):
        monkeypatch.setenv("DISPLAY", display)
        assert not main.has_display()


def test_doctor_asks_whether_the_display_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("displays of Linux")
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor, "_try", lambda code, environment: doctor._Tried(True, "there"))
    monkeypatch.setenv("DISPLAY", ":7654")
    found = {finding.name: finding for finding in doctor.check_window()}["display"]
    assert found.state == "note" and ":7654 does not answer" in found.text and "xvfb-run" in found.what_to_do
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    found = {finding.name: finding for finding in doctor.check_window()}["display"]
    assert (found.state, found.text) == ("ok", "offscreen")


def test_the_display_of_the_tests_answers() -> None:
    if not os.environ.get("DISPLAY"):
        pytest.skip("no display")
    assert main.has_display()


def test_wrong_use_ends_with_code_2(run_main: RunMain) -> None:
    for words in (("predcit",), ("a.jpg", "b.jpg"), ("--nonsense",)):
        done = run_main(*words)
        assert done.returncode == 2, words
        assert "Traceback" not in done.stderr and "predict" in done.stderr


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, main; code = main.main(['--help']); "
        "heavy = {'torch', 'matplotlib', 'PySide6', 'cv2'} & set(sys.modules); sys.exit(code or str(heavy or '') or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for word in main.COMMANDS:
        assert word in done.stdout


@pytest.mark.parametrize("word", main.COMMANDS)
def test_every_command_has_help(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([word, "--help"])
    assert ended.value.code == 0
    assert f"bonesight {word}" in capsys.readouterr().out


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("BONESIGHT_TRACEBACK", raising=False)
    monkeypatch.setattr(doctor, "run", lambda args: 1 // 0)
    assert main.main(["doctor"]) == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError" in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(("error", "code"), [(RunError, 1), (UserError, 2)])
def test_work_that_failed_on_the_way_is_told_from_wrong_use(
    error: type[UserError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(args: object) -> int:
        raise error("the disk is full", "make room")

    monkeypatch.setattr(doctor, "run", fails)
    assert main.main(["doctor"]) == code
    assert capsys.readouterr().err == "bonesight: the disk is full: make room.\n"


def test_the_code_of_a_command_that_was_stopped_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run", lambda args: 130)
    assert main.main(["doctor"]) == 130


def test_core_names_no_module_of_training() -> None:
    named = re.compile(r"""\btrain\.[a-z_]+|import +train\b|["']train["']""")
    for path in (ROOT / "core").rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace("network.train(", "")
        assert not named.search(text), path


def test_output_into_a_closed_pipe_is_no_error() -> None:
    line = f"'{sys.executable}' '{ROOT / 'main.py'}' --help | true; exit ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_doctor_finds_what_is_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lspet = tmp_path / "lspet"
    (lspet / "images").mkdir(parents=True)
    scipy.io.savemat(lspet / "joints.mat", {"joints": np.ones((14, 3, 1))})
    (lspet / "images" / "im00001.jpg").touch()
    np.savez(tmp_path / "mocap_poses.npz", clip=np.arange(3))
    main.main(["doctor", "--data", str(tmp_path)])
    told = capsys.readouterr().out
    for line in ("ok     Python", "ok     torch", "ok     OpenCV", "ok     Qt", "ok     lspet: joints.mat, 1 "):
        assert line in told
    assert "ok     mocap_poses.npz: holds clip" in told


def test_doctor_says_what_to_do_about_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_loads", lambda library: library != "libxcb-icccm.so.4")
    found = {finding.name: finding for finding in doctor.check_window()}
    if sys.platform.startswith("linux"):
        assert found["libraries of Qt and OpenGL"].what_to_do.endswith("apt-get install -y libxcb-icccm4")


def test_doctor_and_the_installer_read_one_list_of_libraries() -> None:
    script = ROOT / ".ci" / "system-libraries"
    reading = next(line for line in script.read_text().splitlines() if line.startswith("packages=$("))
    done = subprocess.run(
        ["sh", "-c", f'{reading}; echo "$packages"', str(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == list(doctor.qt_libraries().values()) and len(doctor.qt_libraries()) > 5


def test_doctor_outlives_a_check_that_falls_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def falls() -> None:
        raise OSError("fell over")

    for name in ("check_torch", "check_window", "check_render"):
        monkeypatch.setattr(doctor, name, falls)
    assert main.main(["doctor"]) == 1
    assert capsys.readouterr().out.count("fell over") == 3


def test_bench_compares_in_one_interleaved_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    assert main.main(["bench", "--quick", "--rounds", "2", "--device", "cpu", "--json", str(out)]) == 0
    figures = json.loads(out.read_text())
    medians = figures["inference"]["median_ms"]
    assert figures["inference"]["float32_eager_over_fast"] == pytest.approx(
        medians["float32_eager"] / medians["fast"], rel=0.02
    )
    others = engines.others("cpu")
    far, times = figures["inference"]["from_float32_of_peak"], figures["inference"]["times_torch"]
    assert list(far) == ["torch", *others] and all(0 < share < 0.05 for share in far.values())
    assert times == {name: pytest.approx(medians["fast"] / medians[name], rel=0.02) for name in others}
    told = capsys.readouterr().out
    assert "times as long" in told and all(f"the engine {name} is" in told for name in others)


def test_interleaved_parts_take_turns() -> None:
    turns: list[str] = []
    bench.interleaved({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, 3)
    assert "".join(turns) == "ab" * 5


def test_the_wheel_holds_the_program_its_resources_and_its_command(tmp_path: Path) -> None:
    if not (ROOT / "README.md").is_file():
        pytest.fail("README.md is part of the package's metadata")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        entry = wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert {"main.py", "app/window.py", "core/skeleton.py", "train/command.py"} <= names
    files = ("poses.schema.json", "comparison.schema.json", "system-libraries.txt")
    assert {f"resources/{name}" for name in files} <= names
    bundled = (ROOT / "resources" / "checkpoints").iterdir()
    assert {f"resources/checkpoints/{file.name}" for file in bundled} <= names
    assert not any(name.startswith(("tests/", "docs/")) for name in names)
    assert "bonesight = main:console" in entry


def test_starting_is_quick() -> None:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, str(ROOT / "main.py"), "--version"], check=True, capture_output=True, timeout=60
        )
        times.append(time.perf_counter() - started)
    assert min(times) < 3.0, "the start imports something heavy"


def test_every_joint_and_bone_is_in_the_printed_table(pose: Any) -> None:
    from core import export
    from core.commands import tables

    text = tables.pose_table(export.entry(pose, "a.jpg"), pose)
    for name in (*skeleton.JOINT_NAMES, *skeleton.BONE_NAMES):
        assert skeleton.plain_name(name) in text
