"""What a training survives: a kill, a full disk, bad samples; and what it leaves in its folder."""

from __future__ import annotations

import csv
import dataclasses
import shlex
import signal
import sys
import time
from pathlib import Path

import cv2
import dataset_files
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core import checkpoint
from core.errors import UserError
from tests.test_training import tiny_config, trainer, write_lspet
from tests.training_kit import ROOT, SHORT, command, crop_set, start, write_sets
from train import config, sources
from train.datasets import lsp, rendered
from train.log import Log
from train.validation import Validation

NO_DEPTH = ("stage.1.weights.depth=0", "stage.2.weights.depth=0")
LONG = (*SHORT[:-3], "run.log_every=1", "run.validate_every=100000")


def rows(out: Path) -> list[dict[str, str]]:
    log = out / "log.csv"
    return list(csv.DictReader(log.read_text().splitlines())) if log.exists() else []


def test_a_kill_costs_no_more_than_the_interval(tmp_path: Path) -> None:
    out, interval = tmp_path / "runs" / "run", 0.01
    words = command(write_sets(tmp_path / "data"), out, settings=(*LONG, f"run.save_minutes={interval}"))
    run = start(words)
    deadline = time.monotonic() + 80
    while len(rows(out)) < 6 or not (out / "last.pt").exists():
        assert run.poll() is None and time.monotonic() < deadline, run.communicate()[0]
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    done = rows(out)
    state = torch.load(out / "last.pt", weights_only=True)
    slowest = max(
        float(b["minutes"]) - float(a["minutes"]) for a, b in zip([{"minutes": "0"}, *done], done, strict=False)
    )
    assert float(done[-1]["minutes"]) - state["minutes"] < interval + 2 * slowest
    stopped = start([*words, "--resume", "--stop-after", "0"])
    output, _ = stopped.communicate(timeout=60)
    assert stopped.returncode == 0, output
    steps = [int(row["step"]) for row in rows(out)]
    assert steps == list(range(1, state["step"] + 2))


def test_a_full_disk_keeps_the_last_good_state(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: what is written beyond it fails in the same way."""
    out = tmp_path / "runs" / "run"
    words = command(write_sets(tmp_path / "data"), out)
    first = start([*words, "--stop-after", "0"])
    output, _ = first.communicate(timeout=80)
    assert first.returncode == 0, output
    before = (out / "last.pt").read_bytes()
    second = start(["-c", LIMITED, "2000000", *words[1:], "--resume"])
    output, _ = second.communicate(timeout=80)
    assert second.returncode == 1 and "could not be written" in output, output
    assert "Traceback" not in output and (out / "last.pt").read_bytes() == before
    assert not list(out.glob("*.partial"))


LIMITED = """
import resource, sys, main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main.main(sys.argv[2:]))
"""
"""The program on a disk that takes no file larger than its first word says, in bytes."""


def test_a_disk_that_fills_up_while_decoding_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    cache, out = tmp_path / "runs" / "cache", tmp_path / "runs" / "run"
    words = command(tmp_path, out, settings=(*SHORT, "data.photos=lspet", "data.rendered=", *NO_DEPTH))
    full = start(["-c", LIMITED, "1000000", *words[1:]])
    output, _ = full.communicate(timeout=80)
    assert full.returncode == 1 and "the decoded crops could not be written" in output, output
    assert "Traceback" not in output and not list(cache.iterdir()) and not out.exists()
    crops = lsp.training_crops(tmp_path, cache)
    (photos,) = cache.iterdir()
    assert len(crops) == 9 == len(np.load(photos / "images.npy", mmap_mode="r"))
    assert all(image.std() > 20 for image in crops.images)


def test_a_kill_while_the_log_is_rewritten_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Log(tmp_path, 0) as log:
        for step in (10, 20, 30):
            log.write({"step": step, "stage": "a", "loss": step / 7})
    path = tmp_path / "log.csv"
    with path.open("a") as file:
        file.write("4")  # a kill while 40 was written
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("core.export.os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Log(tmp_path, 20)
    assert path.read_bytes() == before
    with Log(tmp_path, 20) as log:
        log.write({"step": 30, "stage": "b"})
    assert [(row["step"], row["stage"]) for row in rows(tmp_path)] == [("10", "a"), ("20", "a"), ("30", "b")]
    assert rows(tmp_path)[1]["loss"] == "2.85714" and not list(tmp_path.glob(".*partial"))


def test_the_words_after_a_stop_go_on_with_the_run(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "run"
    first = start(command(write_sets(tmp_path / "data"), out, "--stop-after", "0"))
    output, _ = first.communicate(timeout=80)
    words = shlex.split(output.split("go on with: ")[1].splitlines()[0])
    assert words[:2] == ["bonesight", "train"]
    assert words[words.index("--device") + 1] == "cpu"
    again = start(["main.py", *words[1:]])
    output, _ = again.communicate(timeout=80)
    assert again.returncode == 0 and "Done:" in output, output
    assert [row["step"] for row in rows(out)] == ["2", "4", "6"]


# -- bad samples


def write_shards(folder: Path, count: int = 4) -> None:
    for number in range(2):
        dataset_files.write_rendered(folder / f"shard-{number:05d}.npz", count, 64, ["studio"])


def settings(**data: str) -> config.Config:
    base = tiny_config()
    return dataclasses.replace(base, data=dataclasses.replace(base.data, rendered="rendered", **data))  # type: ignore[arg-type]


def test_bad_pictures_are_named_left_out_and_told_by_every_later_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lspet(tmp_path / "lspet")
    write_shards(tmp_path / "rendered")
    (tmp_path / "lspet" / "images" / "im00006.jpg").write_bytes(b"no picture")
    shard = tmp_path / "rendered" / "shard-00001.npz"
    shard.write_bytes(shard.read_bytes()[:3000])
    for _ in range(2):
        opened = sources.open_sets(settings(), tmp_path, tmp_path / "cache")
        assert opened.photos is not None and len(opened.photos) == 8
        assert opened.people is not None and len(opened.people) == 4
        told = "\n".join(opened.left_out)
        assert "im00006.jpg" in told and "the picture is damaged" in told
        assert "shard-00001.npz" in told and "the shard is damaged" in told
    assert "im00006.jpg" in capsys.readouterr().err
    with pytest.raises(UserError, match="im00006"):
        sources.open_sets(settings(on_bad="stop"), tmp_path, tmp_path / "cache")
    with pytest.raises(UserError, match="im00006"):
        sources.open_sets(settings(on_bad="stop"), tmp_path, tmp_path / "fresh")


def test_what_is_left_out_by_rule_stops_nothing(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    write_shards(tmp_path / "rendered")
    opened = sources.open_sets(settings(on_bad="stop"), tmp_path, tmp_path / "cache")
    assert any("fewer than 6 joints" in line for line in opened.left_out)


def test_a_set_without_a_usable_sample_is_refused(tmp_path: Path) -> None:
    write_shards(tmp_path / "rendered")
    for shard in (tmp_path / "rendered").iterdir():
        shard.write_bytes(b"")
    with pytest.raises(UserError, match="no usable sample"):
        rendered.training_crops(tmp_path / "rendered", tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_missing_sets_are_named_with_how_to_get_them_before_anything_is_decoded(tmp_path: Path) -> None:
    paper = config.load(Path(__file__).parent.parent / "resources" / "configs" / "paper.toml")
    with pytest.raises(UserError, match="holds no MPII set: get images/"):
        sources.open_sets(paper, tmp_path, tmp_path / "cache")
    write_lspet(tmp_path / "lspet")
    with pytest.raises(UserError, match=r"holds no rendered pictures.*bonesight render"):
        sources.open_sets(settings(), tmp_path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_every_set_with_2d_labels_can_be_the_photos(tmp_path: Path) -> None:
    write_lspet(tmp_path / "sports")
    write_shards(tmp_path / "rendered")
    opened = sources.open_sets(settings(photos="sports", photos_kind="lspet"), tmp_path, tmp_path / "cache")
    assert opened.photos is not None and opened.held_out is not None and len(opened.held_out) == 2
    only = settings(photos="rendered", photos_kind="rendered")
    opened = sources.open_sets(only, tmp_path, tmp_path / "cache")
    assert opened.photos is not None and len(opened.photos) == 8 and opened.held_out is None
    assert set(sources.record(only, opened)["terms"]) == {"rendered, 2D", "rendered"}


def test_a_set_that_serves_as_photos_too_is_told_twice() -> None:
    """As in quick.toml: the checkpoint names it with its 2D labels and with its 3D truth, and the terms of both."""
    quick = config.load(ROOT / "resources" / "configs" / "quick.toml")
    told = sources.record(quick, sources.Sources(crop_set(5, depth=False), crop_set(4, depth=True)))
    assert told["data"] == {
        "rendered, 2D": {"pictures": 5, "labels": "2D"}, "rendered": {"pictures": 4, "labels": "3D", "folder": "train"},
    }  # fmt: skip
    assert told["terms"] == dict.fromkeys(told["data"], sources.RENDERED_TERMS)


# -- what lies in the folder


def test_a_run_leaves_pictures_events_and_its_best_and_kept_checkpoints(tmp_path: Path) -> None:
    base = tiny_config(keep_every=2)
    held_out = Validation(crop_set(5, depth=False, seed=2))
    run = trainer(tmp_path, dataclasses.replace(base, run=dataclasses.replace(base.run, validate_every=2)), held_out)
    scores = iter([10.0, 30.0, 20.0, 5.0])
    measure = Validation.measure

    def scored(self: Validation, model: object) -> object:
        measured = measure(self, model)  # type: ignore[arg-type]
        return dataclasses.replace(measured, figures={**measured.figures, "pck": next(scores)})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Validation, "measure", scored)
        assert run.run()
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [
        f"step-{step:07d}.png" for step in (2, 3, 4, 6)
    ]
    sheet = cv2.imread(str(tmp_path / "samples" / "step-0000006.png"))
    assert sheet.shape == (512, 1024, 3) and sheet[:256].std() > 20
    steps = {
        path.name: checkpoint.describe(path).metadata["training"]["steps"] for path in tmp_path.glob("*.safetensors")
    }
    assert steps == {
        "tiny.safetensors": 6, "tiny-best.safetensors": 3,
        "tiny-step-2.safetensors": 2, "tiny-step-4.safetensors": 4, "tiny-step-6.safetensors": 6,
    }  # fmt: skip
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.value for event in events.Scalars("pck")] == [10.0, 30.0, 20.0, 5.0]
    assert len(events.Images("held-out")) == 4
    again = trainer(tmp_path, base)
    again.restore(again.last)
    assert again._best_pck == 30.0


def test_without_tensorboard_the_run_says_so_once_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert trainer(tmp_path, tiny_config()).run()
    assert capsys.readouterr().err.count("No TensorBoard events") == 1
    assert not (tmp_path / "tensorboard").exists() and len(rows(tmp_path)) == 6
