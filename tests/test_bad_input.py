"""Every bad input of the command line: one sentence, the right exit code, the other inputs done, no traceback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bad_files import BAD, GOOD, KINDS, bad_checkpoint, write_inputs
from conftest import RunMain, gradient
from safetensors.torch import load_file, save_file

import main
from core import checkpoint, network


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write all of them into one folder."""
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def together(inputs: Path, weights: Path, run_main: RunMain) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run the program once on all of them, bad ones first."""
    words = [inputs / name for name in (*BAD, *GOOD)]
    out = inputs / "out.json"
    done = run_main("predict", *words, "--checkpoint", weights, "--no-flip", "--json", out)
    return done, json.loads(out.read_text(encoding="utf-8"))


def test_some_failed_inputs_end_with_code_1_and_no_traceback(together: Any) -> None:
    done, _ = together
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(("name", "why"), BAD.items())
def test_a_bad_input_is_named_with_what_is_wrong_and_what_to_do(together: Any, name: str, why: str) -> None:
    done, document = together
    told = [item for item in document["failed"] if Path(item["input"]).name == name]
    assert len(told) == 1 and why in told[0]["error"] and told[0]["what_to_do"]
    lines = [line for line in done.stderr.splitlines() if name in line]
    assert len(lines) == 1 and why in lines[0] and told[0]["what_to_do"] in lines[0] and lines[0].endswith(".")


def test_the_other_inputs_are_done(together: Any) -> None:
    _, document = together
    sizes = {Path(item["input"]).name: item["picture_size_px"] for item in document["poses"]}
    assert set(sizes) == set(GOOD)
    assert sizes["turned.jpg"] == [160, 120], "an EXIF-rotated picture is upright"
    assert sizes["panorama.jpg"] == [20_000, 300]


def test_only_what_failed_is_on_stderr(together: Any) -> None:
    done, _ = together
    assert len(done.stderr.splitlines()) == len(BAD) + 1, done.stderr


def test_a_box_outside_the_picture_fails_that_input_alone(
    write_picture: Callable[..., Path], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = write_picture("first.jpg"), write_picture("second.jpg")
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"first.jpg": [900, 900, 50, 50], "second.jpg": [20, 20, 100, 150]}))
    code = main.main(
        ["predict", str(first), str(second), "--checkpoint", str(weights), "--no-flip", "--boxes", str(boxes)]
    )
    shown = capsys.readouterr()
    assert code == 1
    assert "outside the picture" in shown.err and "first.jpg" in shown.err
    assert "second.jpg" in shown.out and "(given)" in shown.out


@pytest.mark.parametrize(
    "words",
    [
        ("--box", "1,2,3"),
        ("--box", "a,b,c,d"),
        ("--box", "1,2,0,5"),
        ("--box", "nan,2,3,5"),
        ("--height-mm", "tall"),
        ("--device", "abacus"),
        ("--box", "1,2,3,4", "--boxes", "x.json"),
        ("--nonsense",),
    ],
)
def test_wrong_words_end_with_code_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["predict", "a.jpg", *words])
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "", "[1, 2]", '{"a.jpg": [1, 2]}', '{"a.jpg": "x"}', '{"a.jpg": [0, 0, -5, 5]}', '{"a.jpg": "1234"}',
        '{"a.jpg": ["1", "2", "3", "4"]}', '{"a.jpg": [true, true, true, true]}', '{"a.jpg": {"1": 0, "2": 0}}',
        f'{{"a.jpg": [0, 0, 5, 1{"0" * 400}]}}', "[" * 100_000, None,
    ],
)  # fmt: skip
def test_a_bad_boxes_file_ends_with_code_2(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "boxes.json"
    if content is not None:
        path.write_text(content)
    assert main.main(["predict", "a.jpg", "--boxes", str(path)]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1 and "boxes.json" in error


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_checkpoint_is_refused_in_one_sentence(
    kind: str, weights: Path, tmp_path: Path, write_picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = bad_checkpoint(kind, weights, tmp_path / "strange.safetensors")
    assert main.main(["predict", str(write_picture()), "--checkpoint", str(path)]) == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1 and "strange" in shown.err and shown.err.strip().endswith(".")
    assert shown.out == ""


def test_a_bad_checkpoint_gives_no_traceback_in_a_real_process(
    run_main: RunMain, tmp_path: Path, write_picture: Callable[..., Path]
) -> None:
    path = tmp_path / "empty.safetensors"
    path.touch()
    done = run_main("predict", write_picture(), "--checkpoint", path)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "empty" in done.stderr


def test_an_output_that_cannot_be_written_is_named_and_the_others_are_written(
    weights: Path, tmp_path: Path, write_picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    table = tmp_path / "poses.csv"
    words = ["--checkpoint", str(weights), "--no-flip", "--json", str(blocked / "poses.json"), "--csv", str(table)]
    assert main.main(["predict", str(write_picture()), *words]) == 1
    assert "could not be written" in capsys.readouterr().err
    assert table.is_file()


def test_figures_that_cannot_be_written_are_told_once_and_cost_no_pose(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked, film, out = tmp_path / "file", tmp_path / "walk.mp4", tmp_path / "o.json"
    blocked.touch()
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 2, (120, 160))
    for _ in range(5):
        writer.write(np.ascontiguousarray(gradient(120, 160)[..., ::-1]))
    writer.release()
    words = ["--checkpoint", str(weights), "--no-flip", "--box", "0,0,120,160", "--json", str(out)]
    assert main.main(["predict", str(film), *words, "--figure", str(blocked)]) == 1
    document = json.loads(out.read_text())
    assert len(document["poses"]) == 5 and document["failed"] == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "could not be written" in lines[0] and lines[1] == "3 figures could not be written."


def test_a_figure_that_cannot_be_drawn_costs_no_pose(
    weights: Path,
    tmp_path: Path,
    write_picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from core import figure

    monkeypatch.setattr(figure, "draw", lambda *words: 1 // 0)
    out = tmp_path / "o.json"
    words = ["--checkpoint", str(weights), "--no-flip", "--json", str(out), "--figure", str(tmp_path / "f")]
    assert main.main(["predict", str(write_picture()), *words]) == 1
    document = json.loads(out.read_text())
    assert len(document["poses"]) == 1 and document["failed"] == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "could not be drawn" in lines[0]


@pytest.mark.parametrize("word", ["--json", "--csv"])
def test_an_output_that_is_an_input_is_refused_before_anything_is_done(
    word: str, weights: Path, write_picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    picture = write_picture()
    before = picture.read_bytes()
    assert main.main(["predict", str(picture), "--checkpoint", str(weights), word, str(picture)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "person.jpg is a file that is read" in shown.err
    assert picture.read_bytes() == before


def test_one_file_for_two_outputs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "poses")
    assert main.main(["predict", "a.jpg", "--json", out, "--csv", out]) == 2
    assert "--json and --csv are both" in capsys.readouterr().err
    # Beside a table stands what it has no column for.
    assert main.main(["predict", "a.jpg", "--json", f"{out}.csv.json", "--csv", f"{out}.csv"]) == 2
    assert "--json and --csv's note are both" in capsys.readouterr().err


def test_an_error_nobody_foresaw_in_one_input_does_not_cost_the_others(
    weights: Path,
    write_picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from core import media

    real = media.read_picture

    def fails_once(path: Path) -> np.ndarray:
        if path.name == "first.jpg":
            raise RuntimeError("the decoder fell over\nwith many lines")
        return real(path)

    monkeypatch.setattr(media, "read_picture", fails_once)
    first, second = write_picture("first.jpg"), write_picture("second.jpg")
    assert main.main(["predict", str(first), str(second), "--checkpoint", str(weights), "--no-flip"]) == 1
    shown = capsys.readouterr()
    assert "fell over" in shown.err and "second.jpg" in shown.out


def test_the_paper_network_is_not_mistaken_for_the_compact_one(weights: Path, tmp_path: Path) -> None:
    told = checkpoint.describe(weights).metadata
    told["network"] = network.PRESETS["paper"][0].to_dict()
    path = tmp_path / "paper.safetensors"
    save_file(load_file(weights), path, metadata={"bonesight": json.dumps(told)})
    assert main.main(["predict", "a.jpg", "--checkpoint", str(path)]) == 2
