"""The authors' published weights: PyTorch files such as ``fusion_3d_var.pth``, opened without running code from them.

Such a file is ``{'epoch', 'state_dict', 'optimizer'}`` of the ``resnet50`` preset (method, "The authors' published
weights"). It is converted once to a checkpoint like any other, so that nothing else needs to know of it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from core import checkpoint, network
from core.errors import UserError

PRESET = "resnet50"
TRAINING_BONE_SUM_MM = 4072.0
"""Mean sum of the 14 bones of the subjects these weights were trained on (method, "Evaluation protocols")."""
_PARALLEL = "module."
"""What training on several GPUs puts before every key."""
_GET_IT_AGAIN = "download it again, or use a bundled checkpoint (`bonesight checkpoints` lists them)"
_OTHER_MODEL = "use the authors' published 3D weights (fusion_3d_var.pth) or a checkpoint written by `bonesight train`"


def converted(source: Path) -> Path:
    """Return the checkpoint made from a PyTorch file, making it if it is not there or made from other contents.

    It is written beside the file under the same name, or, where that cannot be, in the user's cache folder; a file
    there that is no conversion is never replaced.

    Raises:
        UserError: the file cannot be read, is not plain weights of the ``resnet50`` preset, or nowhere can be written.
    """
    try:
        empty, source_hash = source.stat().st_size == 0, checkpoint.sha256(source)
    except OSError as error:
        raise _unreadable(source, error) from error
    if empty:
        raise UserError(f"{source.name} is empty", _GET_IT_AGAIN)
    beside = source.with_suffix(checkpoint.SUFFIX)
    cached = cache_folder() / source_hash[:16] / beside.name
    for target in (beside, cached):
        if _conversion_of(target) == source_hash:
            return target
    model, epoch = read(source)
    record: dict[str, Any] = {
        "published": {"file": source.name, "sha256": source_hash},
        "training": {"by": "the authors of the method, published weights", "epoch": epoch},
        "bone_sum_mm": TRAINING_BONE_SUM_MM,
    }
    # Only the name tells the stage that ended with the geometry (there: variance) loss from the one before it.
    geometry_loss = "var" in re.split(r"[^a-z]+", source.stem.lower())
    reason = ""
    for target in (beside, cached):
        if target == beside and target.exists() and _conversion_of(target) is None:
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # A folder of its own: another process may be converting the same file.
            with TemporaryDirectory(prefix=".bonesight-", dir=target.parent, ignore_cleanup_errors=True) as folder:
                fresh = Path(folder) / target.name
                checkpoint.save(fresh, model, geometry_loss=geometry_loss, record=record, stored="float32")
                os.replace(fresh, target)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            continue
        return target
    raise UserError(
        f"{source.name} cannot be converted, because neither its folder nor {cached.parent.parent} can be written"
        f" ({reason})",
        "free some space, or copy the file to a folder of yours",
    )


def read(source: Path) -> tuple[network.PoseNetwork, int | None]:
    """Open a PyTorch file of the published weights: the network in eval mode, and the epoch the file names.

    Raises:
        UserError: the file is damaged, holds anything but plain values, other weights, or values that are not finite.
    """
    content = _unpack(source)
    epoch = content.get("epoch")
    tensors = content.get("state_dict", content)
    if not isinstance(tensors, Mapping):
        raise _other(source, "its state_dict is no table of weights")
    weights = {str(key).removeprefix(_PARALLEL): value for key, value in tensors.items()}
    with torch.device("meta"):
        expected = network.build(PRESET).state_dict()
    for name, own in expected.items():
        if name.endswith("num_batches_tracked"):
            # Nothing at prediction depends on it, and older files do not have it.
            weights[name] = torch.zeros((), dtype=own.dtype)
            continue
        if name not in weights:
            raise _other(source, f"{name} is missing")
        value = weights[name]
        if not isinstance(value, Tensor) or value.shape != own.shape or not _plain(value):
            raise _other(source, f"{name} is not {' x '.join(map(str, own.shape))} numbers")
        weights[name] = value.float()
        if not bool(torch.isfinite(weights[name]).all()):
            raise UserError(f"{source.name} holds weights that are not numbers (in {name})", _GET_IT_AGAIN)
    extra = sorted(weights.keys() - expected.keys())
    if extra:
        raise _other(source, f"{extra[0]} is too much")
    model = network.build(PRESET)
    model.load_state_dict(weights)
    return model.eval(), epoch if isinstance(epoch, int) else None


def cache_folder() -> Path:
    """Return the folder for conversions that cannot lie beside their source; it need not exist."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "bonesight" / "converted"


def _unpack(source: Path) -> dict[Any, Any]:
    """Read the plain values of a PyTorch file; nothing in it is ever called."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(source, map_location="cpu", weights_only=True)
    except MemoryError as error:
        raise UserError(f"there is not enough memory to open {source.name}", "close other programs") from error
    except OSError as error:
        raise _unreadable(source, error) from error
    except Exception as error:  # a damaged or hostile file may raise anything
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if asked is not None:
            what = f"{source.name} holds more than weights (it asks for the code of {asked[1]}, which was not run)"
            raise UserError(what, "do not trust it; use the authors' own file or a bundled checkpoint") from error
        raise UserError(f"{source.name} is damaged or not a PyTorch weights file", _GET_IT_AGAIN) from error
    if not isinstance(content, dict):
        raise _other(source, "it is no table of weights")
    return content


def _plain(value: Tensor) -> bool:
    return value.layout == torch.strided and value.is_floating_point() and value.device.type == "cpu"


def _conversion_of(path: Path) -> str | None:
    """Return the hash of the file a checkpoint was converted from.

    None if it is absent or not a conversion; empty if the conversion is one of another version of this program.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["bonesight"])
        # The record first: a checkpoint without it is somebody's own and must not pass for an outdated conversion.
        source_hash = str(metadata["published"]["sha256"])
        return source_hash if metadata["network"] == network.PRESETS[PRESET][0].to_dict() else ""
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _other(source: Path, difference: str) -> UserError:
    return UserError(f"{source.name} does not hold the weights of a {PRESET} network ({difference})", _OTHER_MODEL)


def _unreadable(source: Path, error: OSError) -> UserError:
    return UserError(f"{source.name} cannot be read ({error.strerror})", "check the file and its permissions")
