"""Two processes with half of every batch each do what one does with the whole; one of them speaks."""

from __future__ import annotations

import copy
import csv
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from core import network
from core.errors import RunError, UserError
from tests.training_kit import SHORT, command, start, write_sets
from train.distributed import Group, SharedNorm, group

TOGETHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def train(words: list[str]) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "BONESIGHT_TRACEBACK": "1"}
    run = start(words, environment)
    try:
        output, _ = run.communicate(timeout=100)
    finally:
        run.kill()
    assert run.returncode == 0, output
    return output


PLAIN = (
    *SHORT[:-3], "optimiser.clip_norm=1",
    *(f"stage.{n}.{key}" for n in range(3) for key in ("iterations=1", "rate=0.003", "rate_end=0.003", "warm_up=0")),
)  # fmt: skip


def test_two_processes_give_the_weights_of_one(tmp_path: Path) -> None:
    """All three stages, so all three losses; batch norm's statistics are among the weights compared."""
    data = write_sets(tmp_path / "data")
    outs = {name: tmp_path / name / "run" for name in ("one", "two")}
    train(["-m", "tests.train_with_sgd", *command(data, outs["one"], settings=PLAIN)[1:]])
    output = train([*TOGETHER, "-m", "tests.train_with_sgd", *command(data, outs["two"], settings=PLAIN)[1:]])
    assert output.count("Done:") == 1
    one, two = (torch.load(out / "last.pt", weights_only=True)["model"] for out in outs.values())
    torch.manual_seed(0)
    start = network.build("compact", input_px=192).state_dict()
    assert max(float((one[name] - start[name]).abs().max()) for name in start if "running" not in name) > 2e-4
    apart = {name: float((tensor.double() - two[name].double()).abs().max()) for name, tensor in one.items()}
    worst = max(apart, key=apart.__getitem__)
    assert apart[worst] < 1e-5, f"{worst}: {apart[worst]}"
    rows = [list(csv.DictReader((out / "log.csv").read_text().splitlines())) for out in outs.values()]
    assert [row["step"] for row in rows[0]] == [row["step"] for row in rows[1]] == ["1", "2", "3"]
    for first, second in zip(*rows, strict=True):
        for term in ("loss", "heatmap", "depth", "geometry"):
            assert first[term] == second[term] or float(second[term]) == pytest.approx(float(first[term]), rel=1e-4)


def test_a_shared_norm_computes_what_batch_norm_does(tmp_path: Path) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        norm, features = nn.BatchNorm2d(5).double(), torch.randn(4, 5, 3, 6, dtype=torch.float64) * 3 + 7
        nn.init.normal_(norm.weight)
        shared = SharedNorm.of(copy.deepcopy(norm))
        results = []
        for module in (norm, shared):
            given = features.clone().requires_grad_()
            out = module(given)
            out.square().mul(torch.arange(6.0)).sum().backward()
            results.append(
                [out, given.grad, *(p.grad for p in module.parameters()), *module.buffers(), module.eval()(given)]
            )
        for expected, found in zip(*results, strict=True):
            torch.testing.assert_close(found, expected)
    finally:
        torch.distributed.destroy_process_group()


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    assert [Group(rank, 3).rows(6) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(UserError, match="cannot be shared evenly by 4 processes"):
        Group(1, 4).rows(6)


@pytest.mark.parametrize(
    ("size", "kind", "told"), [("two", UserError, "make no sense"), ("2", RunError, "did not meet: start them all")]
)
def test_processes_that_cannot_meet_say_so(
    size: str, kind: type[UserError], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(kind, match=told), group("cpu"):
        pass
