"""Several processes share one job: the same figures and files as one process writes, and no endless waiting."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT
from test_training import write_lspet

import main
from core import report, sharding
from core.commands import outputs
from core.errors import RunError, UserError

TIMEOUT_S = 100


def together(*words: str | Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the program in two processes that meet, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *map(str, words)], env={**os.environ, **meeting, "RANK": rank},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    done = []
    for process in running:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done


def test_every_item_goes_to_one_process() -> None:
    shares = [sharding.Share(rank, 3) for rank in range(3)]
    assert [list(share.take(range(7))) for share in shares] == [[0, 3, 6], [1, 4], [2, 5]]
    assert [share.leads for share in shares] == [True, False, False]
    assert sharding.ALONE.gather("mine") == ["mine"]
    with pytest.raises(UserError, match="too small"):
        sharding.ALONE.gather(UserError("it is too small", "use another"))


@pytest.mark.parametrize(("count", "rank"), [("two", "0"), ("2", "2"), ("0", "0")])
def test_variables_that_make_no_sense_are_refused(count: str, rank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", count)
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(UserError, match="start the program with torchrun"), sharding.shared():
        pass


def test_processes_that_cannot_meet_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(RunError, match="did not meet: start them all at once, with torchrun"), sharding.shared():
        pass


def test_two_processes_evaluate_to_the_figures_of_one(
    weights: Path, write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    write_lspet(tmp_path / "lspet", 8)
    # The second is not annotated, the last is not there: what is bad is counted once, whoever meets it.
    (tmp_path / "lspet" / "val.txt").write_text("\n".join(f"im{number:05d}.jpg" for number in range(1, 10)))
    (tmp_path / "lspet" / "images" / "im00008.jpg").write_bytes(b"no picture")
    write_picture("nobody/a.jpg")
    write_picture("nobody/b.jpg")
    words = [
        "evaluate", "--dataset", "lsp", "--data", tmp_path / "lspet", "--checkpoint", weights, "--no-flip",
        "--device", "cpu", "--empty", tmp_path / "nobody", "--empty-all", "--json",
    ]  # fmt: skip
    assert main.main([*map(str, words), str(tmp_path / "one.json")]) == 0
    leader, other = together(*words, tmp_path / "two.json")
    assert leader.returncode == other.returncode == 0, leader.stderr + other.stderr
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert one["persons"] == 6 and one["left_out"]["samples"] == 3
    # Convolutions of other batch sizes may differ in their last bits.
    assert two == approximately(one)
    assert "6 persons" in leader.stdout and other.stdout == ""


def approximately(value: object) -> object:
    if isinstance(value, dict):
        return {key: approximately(item) for key, item in value.items()}
    if isinstance(value, list):
        return [approximately(item) for item in value]
    return pytest.approx(value, rel=1e-4, abs=1e-6) if isinstance(value, float) else value


def test_two_processes_predict_what_one_does(weights: Path, write_picture: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("a/x.jpg", "a/y.jpg", "b/x.jpg"):
        write_picture(name, 64, 64)
    (tmp_path / "a" / "broken.jpg").write_bytes(b"no picture")
    words = ["predict", tmp_path / "a", tmp_path / "b", "--checkpoint", weights, "--no-flip", "--device", "cpu"]
    leader, other = together(*words, "--json", tmp_path / "two.json", "--figure", tmp_path / "figures")
    assert (leader.returncode, other.returncode) == (1, 0), leader.stderr + other.stderr
    found = json.loads((tmp_path / "two.json").read_text())
    inputs = [str(tmp_path / name) for name in ("a/x.jpg", "a/y.jpg", "b/x.jpg")]
    assert [item["input"] for item in found["poses"]] == inputs
    assert [item["input"] for item in found["failed"]] == [str(tmp_path / "a" / "broken.jpg")]
    # Both pictures called x have a figure, whichever process drew it.
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["x-2-pose.png", "x-pose.png", "y-pose.png"]
    assert "Figures: 3" in leader.stdout and "Figures" not in other.stdout


def test_a_report_of_several_processes_has_no_more_pages_than_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_PAGES", 3)
    files = [Path(f"{number}.jpg") for number in range(10)]
    blank = report.Drawing((0, 0, 1, 1), 1.0, (), ())
    parts: list[outputs.Parts] = []
    for rank in range(2):
        entries = [{"input": str(path)} for path in sharding.Share(rank, 2).take(files)]
        pages = [report.Page(entry, entry["input"], "", "", blank, ()) for entry in entries[:3]]
        parts.append((entries, [], pages, (2, 0, 0)))
    joined = outputs.Outputs(argparse.Namespace())
    joined.join(parts, files)
    assert [item["input"] for item in joined.entries] == [path.name for path in files]
    _, _, pages, (left_out, _, _) = joined.parts()
    assert [page.title for page in pages] == ["0.jpg", "1.jpg", "2.jpg"] and left_out == 7


def test_a_bad_sample_in_one_process_stops_all(weights: Path, tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet", 5)
    (tmp_path / "lspet" / "images" / "im00004.jpg").unlink()  # the second of the split: the other process's
    leader, other = together(
        "evaluate", "--dataset", "lsp", "--data", tmp_path / "lspet", "--checkpoint", weights, "--no-flip",
        "--device", "cpu", "--on-bad", "stop", "--json", tmp_path / "out.json",
    )  # fmt: skip
    assert (leader.returncode, other.returncode) == (2, 0), leader.stderr + other.stderr
    assert "im00004.jpg: the picture is missing" in leader.stderr
    assert not (tmp_path / "out.json").exists()
