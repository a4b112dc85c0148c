"""What training costs: memory that does not grow with the set, and a bench that measures real steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from tests.training_kit import ROOT
from train import bench
from train.datasets.crops import LABELS, STORED_PX

OWN_MEMORY = """
import sys
from pathlib import Path
from tests.test_training import tiny_config
from train.batches import BatchMaker, Planner
from train.datasets.crops import CropSet
people = CropSet.open(Path(sys.argv[1]))
maker = BatchMaker(Planner(tiny_config(), 160, None, people))
for step in (*range(6), *range(6)):
    maker.make(step)
lines = Path("/proc/self/status").read_text().splitlines()
print(len(people), next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")))
"""


def sparse_set(folder: Path, count: int) -> Path:
    """Write a set of black crops, a file with holes that takes no room on the disk."""
    folder.mkdir()
    shape = (count, STORED_PX, STORED_PX, 3)
    np.lib.format.open_memmap(folder / "images.npy", mode="w+", dtype=np.uint8, shape=shape).flush()
    arrays = (np.full((count, 16, 2), 128, np.float32), np.ones((count, 16), bool), np.ones((count, 16, 3), np.float32))
    np.savez(folder / "labels.npz", **dict(zip(LABELS, arrays, strict=True)))
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the process's own memory")
def test_a_hundred_thousand_samples_need_no_more_memory_than_a_thousand(tmp_path: Path) -> None:
    """But for their labels, 336 bytes each; pages of the pictures' file belong to the system, which takes them back."""
    used = {}
    for count in (1_000, 100_000):
        folder = sparse_set(tmp_path / str(count), count)
        done = subprocess.run(
            [sys.executable, "-c", OWN_MEMORY, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=60,
            check=True,
        )  # fmt: skip
        read, kibibytes = map(int, done.stdout.split())
        assert read == count
        used[count] = kibibytes / 1024
    assert used[100_000] - used[1_000] < 99_000 * 336 / 2**20 + 16


def test_the_bench_measures_real_steps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "SAMPLES", 4)
    figures = bench.measure("cpu", rounds=1, batch=2)
    assert set(figures["images_per_s"]) == {"float32_eager", "bfloat16_channels_last", "loader"}
    assert all(rate > 0 for rate in figures["images_per_s"].values()) and figures["peak_memory_mib"] > 100
    bench.show(json.loads(json.dumps(figures)))
    assert "images/s" in capsys.readouterr().out


def test_the_bench_measures_a_compiled_step_where_there_is_a_compiler(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "SAMPLES", 4)
    # Compiling the whole network takes minutes; tests/test_compiling.py compiles a small one.
    monkeypatch.setattr(bench, "compiled", lambda model, *_: lambda images: model(images))
    figures = bench.measure("cpu", rounds=1, batch=2, compile_too=True)
    assert figures["images_per_s"]["bfloat16_compiled"] > 0 and figures["compile_s"] >= 0
    bench.show(figures)
    assert "compiled, a step takes" in capsys.readouterr().out
    monkeypatch.setattr(bench, "compiled", lambda model, *_: model.__call__)
    assert "compile_s" not in bench.measure("cpu", rounds=1, batch=2, compile_too=True)


def test_the_bench_measures_processes_that_share_the_batch(capsys: pytest.CaptureFixture[str]) -> None:
    figures = bench.measure_processes(2, rounds=1, batch=4, turns=1)
    assert set(figures["images_per_s"]) == {"1", "2"} and all(rate > 0 for rate in figures["images_per_s"].values())
    bench.show_processes(json.loads(json.dumps(figures)))
    assert "2 processes that share the cores" in capsys.readouterr().out
    with pytest.raises(UserError, match="cannot be shared evenly by 3 processes"):
        bench.measure_processes(3, batch=4)
