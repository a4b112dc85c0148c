"""Checkpoints: safetensors files with everything needed to use and judge them in their metadata.

Nothing is ever unpickled, so a file from a stranger is safe to open; every file is checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core import network, skeleton
from core.errors import RunError, UserError
from core.lifting import Lifting
from core.pictorial import Structure

SCHEMA = "bonesight.checkpoint/1"
SUFFIX = ".safetensors"
PUBLISHED_SUFFIX = ".pth"
"""Of the authors' published weights (``core.published``)."""
STRUCTURE_KEY = "pictorial_tree"
"""Where the metadata holds what ``core.pictorial`` reads the limbs by."""
TEACHING_KEY = "teaching"
"""Where the metadata of a checkpoint that is only for teaching says what it is for."""
Stored = Literal["float32", "float16", "int8"]
_SCALE = ":scale"
_LIFTING = "lifting."
_USE_ANOTHER = "use a checkpoint written by `bonesight train` or a bundled one (`bonesight checkpoints` lists them)"


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself.

    Attributes:
        name: file name without suffix; bundled checkpoints are chosen by it.
        path: the file.
        preset: network preset.
        geometry_loss: whether stage 3 used L_geo.
        sha256: of the whole file.
        size_bytes: of the file.
        metadata: preset, joint order, and ``training``, ``data``, ``terms``, ``figures`` as the trainer wrote them.
    """

    name: str
    path: Path
    preset: str
    geometry_loss: bool
    sha256: str
    size_bytes: int
    metadata: dict[str, Any] = field(repr=False)

    @property
    def teaching(self) -> str:
        """What it is for if it is only for teaching, to compare with others of its kind; empty for one to use."""
        told = self.metadata.get(TEACHING_KEY)
        return told if isinstance(told, str) else ""

    @property
    def kind(self) -> str:
        """What it is, in a line."""
        trained = "with" if self.geometry_loss else "without"
        first = "teaching model, " if self.teaching else ""
        return f"{first}preset {self.preset}, trained {trained} the geometry loss, {self.size_bytes / 1e6:.1f} MB"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checked checkpoint, ready to predict: its information and its network in eval mode on the CPU.

    ``lifting`` corrects the network's depths; None if none was fitted to it.
    """

    info: CheckpointInfo
    network: network.PoseNetwork
    lifting: Lifting | None = None

    @property
    def bone_sum_mm(self) -> float:
        """Sum of the 14 bones that predicted skeletons are scaled to: the training subjects' mean, mm."""
        return float(self.info.metadata.get("bone_sum_mm", skeleton.CANONICAL_MM.sum()))

    @property
    def structure(self) -> Structure | None:
        """How likely joints are together, fitted to these weights' maps; None if that was not done."""
        values = self.info.metadata.get(STRUCTURE_KEY)
        return None if values is None else Structure.from_dict(values)


def save(
    path: Path, model: network.PoseNetwork, *, geometry_loss: bool, record: dict[str, Any], stored: Stored = "float16"
) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file to write.
        model: its weights.
        geometry_loss: whether L_geo was used.
        record: JSON-ready ``training``, ``data``, ``terms``, ``figures``, ``bone_sum_mm``.
        stored: how convolution and linear weights are written; ``int8`` has a float32 scale for each output channel.
            Norms keep float32, whose range their statistics need.
    """
    tensors = as_stored(model.state_dict(), stored)
    metadata = {
        "schema": SCHEMA,
        "network": model.config.to_dict(),
        "joint_names": list(skeleton.JOINT_NAMES),
        "geometry_loss": geometry_loss,
        "weights_sha256": weights_sha256(tensors),
        **record,
    }
    write_file(path, tensors, metadata)


def as_stored(weights: Mapping[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    """Return weights as a file holds them; ``stored`` as for ``save``."""
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        tensor = weight.detach().cpu().contiguous()
        if tensor.is_floating_point() and tensor.ndim >= 2 and stored != "float32":
            if stored == "int8":
                tensor, tensors[name + _SCALE] = _quantised(tensor)
            else:
                tensor = tensor.half()
        tensors[name] = tensor
    return tensors


def _quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight as int8 and the scale (out,) it is to be multiplied with."""
    scale = weight.flatten(1).abs().amax(1).clamp_min(1e-12) / 127
    return (weight / scale.view(-1, *[1] * (weight.ndim - 1))).round().to(torch.int8), scale


def _unquantised(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a file, those in int8 multiplied with their scales."""
    weights = {name: tensor for name, tensor in stored.items() if not name.endswith(_SCALE)}
    for name, scale in ((name.removesuffix(_SCALE), scale) for name, scale in stored.items() if name.endswith(_SCALE)):
        weight = weights[name]
        weights[name] = weight.float() * scale.view(weight.shape[0], *[1] * (weight.ndim - 1))
    return weights


def write_file(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write weights and what is said of them through a temporary file.

    Raises:
        RunError: it could not be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(tensors, partial, metadata={"bonesight": json.dumps(metadata)})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        # A full disk comes as an error of the library's own kind.
        partial.unlink(missing_ok=True)
        raise RunError(f"{path} could not be written ({error})", "free some space, or give another folder") from error


def weights_sha256(tensors: dict[str, Tensor]) -> str:
    """Hash the weights alone: it stays the same when figures are added to the file's metadata."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def edit_metadata(path: Path, changes: dict[str, Any]) -> None:
    """Add to a checkpoint's metadata (figures measured later, say), leaving the weights as they are."""
    info = load(path).info
    write_file(info.path, _tensors(info.path), {**info.metadata, **changes})


def attach(path: Path, structure: Structure, lifting: Lifting | None, fitted: Mapping[str, Any]) -> None:
    """Write what was fitted to a checkpoint's answers into it: how joints are read, and how depths are corrected.

    What was there before goes; the network's weights stay, and so does how they are stored. ``fitted`` is JSON-ready
    and says on what, for the model card.
    """
    info = load(path).info
    tensors = {name: tensor for name, tensor in _tensors(info.path).items() if not name.startswith(_LIFTING)}
    if lifting is not None:
        stored: Stored = "int8" if any(name.endswith(_SCALE) for name in tensors) else "float16"
        weights = {_LIFTING + name: weight for name, weight in lifting.state_dict().items()}
        tensors |= as_stored(weights, stored)
    changes = {STRUCTURE_KEY: structure.to_dict(), "fitted": dict(fitted), "weights_sha256": weights_sha256(tensors)}
    write_file(info.path, tensors, {**info.metadata, **changes})


def _tensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)


def bundled_folder() -> Path:
    """Return the folder of the bundled checkpoints."""
    return Path(str(resources.files("resources"))) / "checkpoints"


def bundled() -> list[CheckpointInfo]:
    """List the bundled checkpoints by name, those for use before those for teaching.

    One that cannot be read is left out.
    """
    found: list[CheckpointInfo] = []
    for path in sorted(bundled_folder().glob(f"*{SUFFIX}")):
        try:
            found.append(describe(path))
        except UserError:
            continue
    return sorted(found, key=lambda info: bool(info.teaching))


def resolve(name_or_path: str | Path) -> Path:
    """Find a checkpoint by bundled name or by file.

    Raises:
        UserError: there is none.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = bundled_folder() / f"{name_or_path}{SUFFIX}"
    if shipped.is_file():
        return shipped
    names = ", ".join(info.name for info in bundled()) or "none"
    raise UserError(f"there is no checkpoint {name_or_path}", f"give a file or one of the bundled names ({names})")


def describe(name_or_path: str | Path) -> CheckpointInfo:
    """Read and check a checkpoint's metadata without building its network.

    A file of the authors' published weights is described, and loaded, by its conversion.

    Raises:
        UserError: it is missing, empty, damaged or not one of ours.
    """
    path = resolve(name_or_path)
    if path.suffix.lower() == PUBLISHED_SUFFIX:
        # Imported late: that module builds on this one.
        from core import published

        path = published.converted(path)
    try:
        stat = path.stat()
        if stat.st_size == 0:
            raise UserError(f"{path.name} is empty", _USE_ANOTHER)
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except SafetensorError as error:
        raise UserError(f"{path.name} is damaged or not a safetensors file", _USE_ANOTHER) from error
    except OSError as error:
        raise UserError(
            f"{path.name} cannot be read ({error.strerror})", "check the file and its permissions"
        ) from error
    try:
        metadata = json.loads(header["bonesight"])
        if metadata["schema"] != SCHEMA:
            raise UserError(f"{path.name} was written by another version of Bonesight", "update the program")
        preset = str(metadata["network"]["preset"])
        geometry_loss = bool(metadata["geometry_loss"])
        joint_names = metadata["joint_names"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"{path.name} is not a Bonesight checkpoint", _USE_ANOTHER) from error
    if joint_names != list(skeleton.JOINT_NAMES):
        raise UserError(f"{path.name} has other joints or another joint order", _USE_ANOTHER)
    return CheckpointInfo(path.stem, path, preset, geometry_loss, sha256(path), stat.st_size, metadata)


def load(name_or_path: str | Path) -> Checkpoint:
    """Load a checkpoint: all of it is checked before anything is returned.

    Raises:
        UserError: it is missing, damaged, of another architecture, or holds values that are not finite.
    """
    info = describe(name_or_path)
    wanted = info.metadata["network"]
    if info.preset not in network.PRESETS:
        known = ", ".join(network.PRESETS)
        raise UserError(f"{info.path.name} is of the unknown preset {info.preset}", f"use one of: {known}")
    structure = info.metadata.get(STRUCTURE_KEY)
    try:
        if structure is not None:
            Structure.from_dict(structure)
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{info.path.name} holds a damaged pictorial structure ({error})", _USE_ANOTHER) from error
    try:
        with network.Undrawn():
            model = network.build(info.preset, wanted.get("maps"), wanted.get("further", ()), wanted.get("input_px"))
        same = model.config.to_dict() == wanted
    except (ValueError, TypeError):
        same = False
    if not same:
        raise UserError(f"{info.path.name} has another network shape than preset {info.preset}", _USE_ANOTHER)
    try:
        tensors = _unquantised(_tensors(info.path))
    except (SafetensorError, OSError, KeyError, RuntimeError, IndexError) as error:
        # The last three: scales that do not belong to a weight.
        raise UserError(f"{info.path.name} is damaged", _USE_ANOTHER) from error
    lifting = Lifting() if any(name.startswith(_LIFTING) for name in tensors) else None
    expected = model.state_dict()
    if lifting is not None:
        expected |= {_LIFTING + name: weight for name, weight in lifting.state_dict().items()}
    if expected.keys() != tensors.keys() or any(tensors[name].shape != expected[name].shape for name in expected):
        raise UserError(f"{info.path.name} does not hold the weights of a {info.preset} network", _USE_ANOTHER)
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise UserError(f"{info.path.name} holds weights that are not numbers (in {broken[0]})", _USE_ANOTHER)
    weights = {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}
    model.load_state_dict({name: weight for name, weight in weights.items() if not name.startswith(_LIFTING)})
    if lifting is not None:
        lifting.load_state_dict(
            {name.removeprefix(_LIFTING): weight for name, weight in weights.items() if name.startswith(_LIFTING)}
        )
        lifting.eval()
    return Checkpoint(info, model.eval(), lifting)


def summary(info: CheckpointInfo) -> dict[str, Any]:
    """Return what exports say about the checkpoint they came from."""
    fields = asdict(info)
    return {key: fields[key] for key in ("name", "preset", "geometry_loss", "sha256")}


def terms(info: CheckpointInfo) -> dict[str, str]:
    """Return the terms of the data a checkpoint was trained on, by data set; empty where it tells none."""
    told = info.metadata.get("terms")
    return {str(name): str(text) for name, text in told.items()} if isinstance(told, dict) else {}


def sha256(path: Path) -> str:
    """Return the hash of a whole file in hexadecimal; one that has not changed is read once."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
