"""Training configurations: TOML files checked against these classes, so that a wrong key never trains for hours."""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from core import network
from core.errors import UserError
from core.geometry import Weighting
from core.network import PRESETS, MapKind, NetworkConfig, PoseNetwork
from train.augment import AugmentConfig
from train.losses import LossWeights

Section = TypeVar("Section")


@dataclass(frozen=True)
class NetworkSection:
    """``[network]``: which preset, and in what it differs from it (see ``core.network.configured``)."""

    preset: str = "compact"
    maps: MapKind = "softmax"
    further: tuple[int, ...] = ()
    input_px: int | None = None

    def build(self) -> PoseNetwork:
        """Return the network with fresh weights."""
        return network.build(self.preset, self.maps, self.further, self.input_px)

    def shape(self) -> NetworkConfig:
        """Return the network's shape without building it.

        Raises:
            ValueError: a setting does not fit the preset.
        """
        return network.configured(self.preset, self.maps, self.further, self.input_px)


Kind = Literal["lspet", "lsp", "mpii", "human36m", "mpi_inf_3dhp", "rendered"]
"""The sets of train/datasets/catalogue.py, and what ``render`` makes."""
DEPTH_KINDS = ("human36m", "rendered")
"""Those with 3D truth that may be trained on."""


@dataclass(frozen=True)
class DataSection:
    """``[data]``: where samples come from, below ``--data`` unless absolute.

    Attributes:
        photos: folder of the set with 2D labels, or of decoded crops (``train.staging``); empty for none.
        photos_kind: which set that is.
        held_out: photos never trained on, for validation: a split file (lsp, lspet), a folder (rendered);
            empty for the set's own split.
        swapped_share: of so many photos left and right are taken to be labelled the wrong way round; a photo's labels
            are turned around where the network is surer of that (``losses.with_sides``). Softmax maps only.
        rendered: folder of the set with 3D truth, or of decoded crops; empty for none.
        rendered_kind: which set that is.
        empty: folder of pictures without people, which teach the network to be unsure; empty for none.
        empty_share: share of each batch's samples that are such pictures.
        cache: folder for decoded crops; empty for ``cache`` beside the run.
        on_bad: ``skip`` leaves bad samples out, names and counts them; ``stop`` ends before the first step.
    """

    photos: str = "lspet"
    photos_kind: Kind = "lspet"
    held_out: str = ""
    swapped_share: float = 0.0
    rendered: str = ""
    rendered_kind: Kind = "rendered"
    empty: str = ""
    empty_share: float = 0.03
    cache: str = ""
    on_bad: Literal["skip", "stop"] = "skip"


@dataclass(frozen=True)
class OptimiserSection:
    """``[optimiser]``: ``rmsprop`` is the reference's, ``adamw`` learns faster, ``muon`` faster still."""

    name: Literal["rmsprop", "adamw", "muon"] = "adamw"
    batch: int = 32
    weight_decay: float = 0.01
    clip_norm: float = 5.0
    average_decay: float = 0.998
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    compile: bool = False


@dataclass(frozen=True)
class Stage:
    """``[[stage]]``: a run of iterations with one loss and one learning-rate curve.

    Attributes:
        name: for logs and the file ``stage-NAME.pt`` written at its end.
        iterations: steps.
        rate: learning rate at its start; ``rate_end`` at its end (None: constant).
        curve: ``cosine`` falls smoothly, ``step`` divides by 10 at ``step_at`` of the stage.
        warm_up: first steps over which the rate rises from zero.
        depth_fraction: probability that a sample is drawn from the 3D set.
        weights: of the loss terms.
    """

    name: str = "main"
    iterations: int = 1000
    rate: float = 2.5e-4
    rate_end: float | None = None
    curve: Literal["constant", "cosine", "step"] = "constant"
    step_at: float = 0.8
    warm_up: int = 0
    depth_fraction: float = 0.5
    weights: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True)
class RunSection:
    """``[run]``: everything that does not change what is learned, but the seed.

    Attributes:
        name: of the checkpoint written at the end.
        start: training state (``.pt``) to go on from, such as another run's ``stage-2.pt``.
        weights: bundled name or checkpoint file whose weights are the first ones, instead of random ones.
        seed: of every random draw.
        threads: CPU threads, 0 for all cores.
        save_minutes: how often the training state is written: what a kill or a power cut can cost.
        keep_every: iterations between checkpoints that are kept for good, 0 for none.
        log_every, validate_every: iterations.
        validate_pictures: of a larger held-out set so many are measured, evenly spread; 0 for all.
        stored: how the checkpoint's weights are written: ``int8`` halves the file.
        read_limbs: at the end, fit how joints are read together and depths corrected by their places
            (train/fitting.py), else every map and depth is taken by itself.
        notes: what the configuration cannot say of how the run went; printed in the model card.
    """

    name: str = "model"
    start: str = ""
    weights: str = ""
    seed: int = 0
    threads: int = 0
    save_minutes: float = 3.0
    keep_every: int = 0
    log_every: int = 50
    validate_every: int = 1000
    validate_pictures: int = 300
    stored: Literal["float16", "int8"] = "float16"
    read_limbs: bool = True
    notes: str = ""


@dataclass(frozen=True)
class Config:
    """A whole training configuration."""

    network: NetworkSection = field(default_factory=NetworkSection)
    data: DataSection = field(default_factory=DataSection)
    optimiser: OptimiserSection = field(default_factory=OptimiserSection)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    run: RunSection = field(default_factory=RunSection)
    geometry_weighting: Weighting = "poster"
    stage: tuple[Stage, ...] = ()

    @property
    def iterations(self) -> int:
        """Steps of all stages together."""
        return sum(stage.iterations for stage in self.stage)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        plain: dict[str, Any] = asdict(self)
        plain["stage"] = list(plain["stage"])
        return plain

    def to_publish(self) -> dict[str, Any]:
        """Return ``to_dict`` for a checkpoint that goes to strangers: of paths only the last part is told."""
        plain = self.to_dict()
        for key in ("photos", "held_out", "rendered", "empty", "cache"):
            plain["data"][key] = Path(plain["data"][key]).name
        for key in ("start", "weights"):
            plain["run"][key] = Path(plain["run"][key]).name
        return plain

    def stage_at(self, step: int) -> tuple[int, Stage, int]:
        """Return the index, the stage and the step within it of a global step."""
        for index, stage in enumerate(self.stage):
            if step < stage.iterations:
                return index, stage, step
            step -= stage.iterations
        raise IndexError("the step is past the last stage")


def load(path: Path, overrides: list[str] | None = None) -> Config:
    """Read and check a TOML configuration.

    Args:
        path: the file.
        overrides: ``key.path=value`` strings; list elements by index (``stage.2.rate=1e-4``); values in TOML syntax,
            a bare word counts as text.

    Raises:
        UserError: the file is missing, not TOML, or holds a wrong key or value.
    """
    config = build(Config, read(path, overrides))
    _check(config)
    return config


def read(path: Path, overrides: list[str] | None = None) -> dict[str, Any]:
    """Read a TOML file with its overrides, not yet checked against any class; see ``load``."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not a text file", "give a TOML file") from error
    except OSError as error:
        raise UserError(
            f"there is no configuration {path}", "give a TOML file such as resources/configs/compact.toml"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path.name} is not valid TOML ({error})", "mend that line") from error
    for override in overrides or []:
        _override(raw, override)
    return raw


def build(kind: type[Section], raw: dict[str, Any]) -> Section:
    """Turn what ``read`` gave into a dataclass.

    Raises:
        UserError: a key or value is wrong.
    """
    config = _build(kind, raw, "")
    assert isinstance(config, kind)
    return config


def from_dict(plain: dict[str, Any]) -> Config:
    """Rebuild a configuration from ``Config.to_dict`` (None values left out)."""
    return build(Config, _without_none(plain))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value


def _check(config: Config) -> None:
    if config.network.preset not in PRESETS:
        raise _wrong("network.preset", config.network.preset, list(PRESETS))
    try:
        config.network.shape()
    except ValueError as error:
        raise UserError(str(error), "mend it or leave it out") from error
    if not config.stage:
        raise UserError("the configuration has no stage", "add at least one [[stage]]")
    if config.optimiser.batch < 2:
        raise UserError("optimiser.batch is below 2", "batch norm needs at least two samples")
    if any(stage.iterations < 1 for stage in config.stage):
        raise UserError("a stage has no iterations", "give each [[stage]] at least one")
    names = [stage.name for stage in config.stage]
    if len(set(names)) < len(names):
        raise UserError(f"two stages are called {max(names, key=names.count)}", "give each stage.N.name of its own")
    for name in (*names, config.run.name):
        if not name or Path(name).name != name:
            raise UserError(f"{name!r} cannot be part of a file's name", "mend run.name or stage.N.name")
    shares = {f"stage.{index}.depth_fraction": stage.depth_fraction for index, stage in enumerate(config.stage)}
    shares["data.empty_share"] = config.data.empty_share
    shares["data.swapped_share"] = config.data.swapped_share
    shares |= {f"augment.{name}": value for name, value in asdict(config.augment).items() if "probability" in name}
    for name, value in shares.items():
        if not 0.0 <= value <= 1.0:
            raise UserError(f"{name} = {value:g} is no share", "give a number from 0 to 1")
    if config.data.swapped_share == 1.0:
        raise UserError("data.swapped_share = 1 believes no label", "give a smaller share, such as 0.08")
    if config.data.swapped_share and config.network.maps != "softmax":
        raise UserError("data.swapped_share weighs maps that are distributions", 'set network.maps = "softmax"')
    _check_numbers(config)
    for name in ("log_every", "validate_every"):
        if getattr(config.run, name) < 1:
            raise UserError(f"run.{name} is below 1", "give a number of iterations")
    for name in ("keep_every", "validate_pictures", "threads"):
        if getattr(config.run, name) < 0:
            raise UserError(f"run.{name} is negative", "give 0 or more")
    if "mpi_inf_3dhp" in (config.data.photos_kind, config.data.rendered_kind):
        raise UserError("MPI-INF-3DHP is here as its test set, which is never trained on", "choose another set")
    if config.data.rendered and config.data.rendered_kind not in DEPTH_KINDS:
        raise UserError(
            f"{config.data.rendered_kind} has no 3D truth", f"set data.rendered_kind to {' or '.join(DEPTH_KINDS)}"
        )


def _check_numbers(config: Config) -> None:
    """Refuse numbers that would train nothing, or nonsense, without an error."""
    section = config.optimiser
    numbers = {f"optimiser.{name}": getattr(section, name) for name in ("weight_decay", "clip_norm", "average_decay")}
    numbers |= {f"augment.{name}": value for name, value in asdict(config.augment).items()}
    for index, stage in enumerate(config.stage):
        numbers |= {f"stage.{index}.{name}": getattr(stage, name) for name in ("rate", "step_at", "warm_up")}
        numbers[f"stage.{index}.rate_end"] = stage.rate_end or 0.0
        numbers |= {f"stage.{index}.weights.{name}": value for name, value in asdict(stage.weights).items()}
        if not stage.rate:
            raise UserError(f"stage.{index}.rate is 0", "give a learning rate above 0")
    for name, value in numbers.items():
        if not 0.0 <= value < math.inf:
            raise UserError(f"{name} = {value:g} is negative or no number", "give 0 or more")
    if section.average_decay >= 1.0:
        raise UserError(f"optimiser.average_decay = {section.average_decay:g} would never move", "give less than 1")
    if not config.run.save_minutes >= 0.0:
        raise UserError(f"run.save_minutes = {config.run.save_minutes:g} is no time", "give 0 or more")


def _override(raw: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator:
        raise UserError(f"--set {override} has no value", "write --set key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    target: Any = raw
    try:
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
        target[int(last) if isinstance(target, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise UserError(
            f"--set {key} names nothing in the configuration", "see resources/configs for the keys"
        ) from error


def _build(kind: Any, raw: Any, where: str) -> Any:
    if is_dataclass(kind):
        if not isinstance(raw, dict):
            raise UserError(f"{where} is not a table", f"write [{where}] and its keys below")
        hints = get_type_hints(kind)
        names = [item.name for item in fields(kind)]
        for key in raw:
            if key not in names:
                raise _wrong(f"{where}.{key}".lstrip("."), None, names, key)
        return kind(**{key: _build(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in raw.items()})  # type: ignore[operator]
    origin, choices = get_origin(kind), get_args(kind)
    if origin is tuple:
        if not isinstance(raw, list):
            raise UserError(f"{where} is not a list", f"write [[{where}]] for each table of it, or {where} = [..]")
        return tuple(_build(choices[0], item, where) for item in raw)
    if origin is Literal:
        if raw not in choices:
            raise _wrong(where, raw, [str(choice) for choice in choices])
        return raw
    if type(None) in choices:
        return _build(choices[0], raw, where)
    if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if not isinstance(raw, kind) or (kind is int and isinstance(raw, bool)):
        raise UserError(f"{where} = {raw!r} is not {_NAMES.get(kind, kind.__name__)}", "mend the value")
    return raw


_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _wrong(where: str, value: object, known: list[str], key: str | None = None) -> UserError:
    asked = key if key is not None else str(value)
    near = difflib.get_close_matches(asked, known, n=1, cutoff=0.4)
    advice = f"did you mean {near[0]}" if near else f"choose from {', '.join(known)}"
    what = f"the configuration has no key {where}" if key is not None else f"{where} cannot be {value}"
    return UserError(what, advice)
