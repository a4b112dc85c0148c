"""OpenVINO as the engine: it compiles the whole network for this processor, and runs it one crop at a time.

In a batch a crop takes it hardly less time, so that one compiled size serves for all (``docs/live.md``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core import checkpoint, export, published
from core.errors import RunError, UserError
from core.network import NetworkOutput, PoseNetwork

_FORMAT = 1
"""Counts how ``_UpToMaps`` cuts the network: what was compiled before another cut is not used."""
_TAKING_OVER = threading.Lock()
"""One network at a time: tracing a network is something torch does once in a process, and two at once both fail."""
_USE_TORCH = "leave out --engine openvino, and report this"


def library() -> Any:
    """Import OpenVINO.

    Raises:
        UserError: it is not installed.
    """
    # It tells its makers of its use over the network when it is imported, unless this package of theirs is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise UserError("OpenVINO is not installed", "run pip install '.[openvino]', or use --engine torch") from error
    return openvino


class OpenVinoEngine:
    """A network compiled by OpenVINO, in float32 or bfloat16, for as many threads as torch has.

    Args:
        network: in eval mode, on the CPU, its batch norms folded; it is changed.
        dtype: what it computes in; the maps themselves are told in float32, as ``core.engines.packed`` does.

    Raises:
        UserError: OpenVINO is not installed.
        RunError: it could not take the network over.
    """

    def __init__(self, network: PoseNetwork, dtype: torch.dtype) -> None:
        openvino = library()
        side = network.config.input_px
        features = _UpToMaps(network)
        self._to_maps = features.layer
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            # A core of one's own is right where nothing else runs; here pictures are read and drawn meanwhile.
            "ENABLE_CPU_PINNING": False,
        }
        told = (_FORMAT, openvino.__version__, settings, network.config.to_dict())
        key = hashlib.sha256(json.dumps(told).encode())
        key.update(checkpoint.weights_sha256(network.state_dict()).encode())
        kept = cache_folder() / f"{key.hexdigest()[:32]}.compiled"
        core = openvino.Core()
        try:
            with _TAKING_OVER:
                compiled = _imported(core, kept, settings) or _compiled(openvino, core, features, side, settings, kept)
            self._request = compiled.create_infer_request()
        except Exception as error:  # its parts raise errors of their own, which have no base in common
            reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise RunError(f"OpenVINO could not take the network over ({reason})", _USE_TORCH) from error

    def __call__(self, images: Tensor) -> NetworkOutput:
        """See ``core.engines.Engine``."""
        features, depths = [], []
        for image in images.contiguous().numpy():
            self._request.infer([image[None]], share_inputs=True)
            feature, depth = (torch.from_numpy(output.data.copy()) for output in self._request.output_tensors)
            features.append(feature)
            depths.append(depth)
        with torch.inference_mode():
            maps = functional.conv2d(torch.cat(features), self._to_maps.weight, self._to_maps.bias)
        return NetworkOutput((maps,), torch.cat(depths))


def cache_folder() -> Path:
    """Return the folder of what was compiled: taking a network over takes seconds, reading it again a tenth of one."""
    return published.cache_folder().parent / "openvino"


def _imported(core: Any, kept: Path, settings: dict[str, Any]) -> Any:
    """Return what was compiled before; None if that was never done, or not by this version on such a processor."""
    try:
        return core.import_model(kept.read_bytes(), "CPU", settings)
    except (OSError, RuntimeError):
        return None


def _compiled(openvino: Any, core: Any, network: nn.Module, side: int, settings: dict[str, Any], keep: Path) -> Any:
    with warnings.catch_warnings():
        # It traces the network in a way that torch means to give up.
        warnings.simplefilter("ignore")
        example = torch.zeros(1, 3, side, side)
        model = openvino.convert_model(network, example_input=example, input=[tuple(example.shape)])
    compiled = core.compile_model(model, "CPU", settings)
    with contextlib.suppress(UserError):  # what cannot be kept is compiled again next time
        export.write_atomically(keep, compiled.export_model().getvalue())
    return compiled


class _UpToMaps(nn.Module):
    """A network without the layer that tells the last stack's maps: gives that layer's input, and the depths.

    OpenVINO would round that layer's output too, and rounded logits tie at the peak.
    """

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self._network = network
        self.layer = _map_layer(network)
        self._given: list[Tensor] = []
        self.layer.register_forward_pre_hook(lambda _layer, inputs: self._given.append(inputs[0]))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        depth = self._network(images).depth
        return self._given.pop(), depth


def _map_layer(network: PoseNetwork) -> nn.Conv2d:
    told: list[tuple[nn.Conv2d, Tensor]] = []
    hooks = [
        module.register_forward_hook(lambda layer, _inputs, output: told.append((layer, output)))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    side = network.config.input_px
    with torch.inference_mode():
        maps = network(torch.zeros(1, 3, side, side)).maps[-1]
    for hook in hooks:
        hook.remove()
    return next(layer for layer, output in told if output is maps)
