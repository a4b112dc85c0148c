"""A compiled network computes what the plain one does; without a compiler the training goes on plainly."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
import torch

from core import network
from tests.test_training import tiny_config
from train import compiling
from train.distributed import Group

# torch's own code generator still uses what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class OneLayer(network.PoseNetwork):
    """A network of few operations, for generating code takes seconds for each."""

    def __init__(self) -> None:
        super().__init__(network.NetworkConfig("one layer", 8, 4, 1, (4,), "softmax"))
        self.body = network.ConvNorm(3, 16, 3, stride=2)
        self.depth = torch.nn.Linear(16, 16)

    def forward(self, images: torch.Tensor) -> network.NetworkOutput:
        maps = self.body(images)
        return network.NetworkOutput((maps,), self.depth(maps.mean((2, 3))))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> network.PoseNetwork:
    torch._dynamo.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch.manual_seed(0)
    return network.place(OneLayer(), "cpu")


def few(batch: int = 2) -> object:
    base = tiny_config()
    return dataclasses.replace(base, optimiser=dataclasses.replace(base.optimiser, batch=batch))


def outputs_and_gradients(forward: object, model: network.PoseNetwork) -> list[torch.Tensor]:
    torch.manual_seed(1)
    images = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    output = forward(images)  # type: ignore[operator]
    (output.maps[0].square().sum() + output.depth.square().sum()).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return [output.maps[0].detach(), output.depth.detach(), *gradients, *(b.clone() for b in model.buffers())]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "backend",
    [
        "aot_eager",
        pytest.param(
            "inductor",
            marks=pytest.mark.skipif(
                shutil.which("g++") is None or "BONESIGHT_TEST_COMPILER" not in os.environ,
                reason="generating code takes minutes on a busy machine: set BONESIGHT_TEST_COMPILER=1",
            ),
        ),
    ],
)
def test_a_compiled_network_gives_the_outputs_and_gradients_of_the_plain_one(
    model: network.PoseNetwork, capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    expected = outputs_and_gradients(model, model)
    model.load_state_dict(before)
    forward = compiling.compiled(model, few(), "cpu", Group(), backend)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    found = outputs_and_gradients(forward, model)
    assert len(found) == len(expected)
    for mine, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-3, atol=1e-4)


def test_without_a_compiler_the_network_stays_plain_and_untouched(
    model: network.PoseNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    from torch._inductor import config as inductor

    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with inductor.patch({"cpp.cxx": ("no-such-compiler",), "fx_graph_cache": False}):
        forward = compiling.compiled(model, few(), "cpu", Group())  # type: ignore[arg-type]
    assert capsys.readouterr().err.count("optimiser.compile is left out") == 1
    assert forward == model.__call__ and all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_several_processes_are_not_compiled(model: network.PoseNetwork, capsys: pytest.CaptureFixture[str]) -> None:
    assert compiling.compiled(model, few(), "cpu", Group(0, 2)) == model.__call__  # type: ignore[arg-type]
    assert "several processes" in capsys.readouterr().err
