"""Configurations of the locating network: TOML files with ``kind = "locate"``, checked key by key."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.errors import UserError
from train.augment import AugmentConfig


@dataclass(frozen=True)
class LocateData:
    """``[data]``: folders below ``--data`` unless absolute.

    Attributes:
        photos: LSP or LSP-Extended.
        rendered: people that ``render`` made.
        rendered_most: of the rendered pictures, so many are used; 0 for all.
        empty: pictures without people.
        cache: folder for decoded pictures; empty for ``cache`` beside the run.
    """

    photos: str = "lspet"
    rendered: str = "rendered/train"
    rendered_most: int = 0
    empty: str = "backgrounds"
    cache: str = ""


@dataclass(frozen=True)
class Scenes:
    """``[scenes]``: what the network is shown.

    Attributes:
        whole, zoomed, rendered: shares of photos that fill the input, of photos shrunk or enlarged into another place,
            and of rendered people put there; the rest shows nobody.
        smallest, largest: the extent of a person's joints, in parts of the input's height.
        cutout: share of the rendered people that are cut out along their limbs; the others come with what is
            around them.
        several: share of the scenes with more than one person, where they are put together.
        touching: share of the people put together so with somebody cut out at their side, so near that the boxes
            meet.
        strange: share of the scenes with a piece of another place in it, which shows that an edge is nobody.
        rotate_sd_degrees, stretch: rotation, and by how much width and height may be scaled apart (log2).
    """

    whole: float = 0.2
    zoomed: float = 0.3
    rendered: float = 0.35
    smallest: float = 0.1
    largest: float = 1.2
    cutout: float = 0.5
    several: float = 0.5
    touching: float = 0.0
    strange: float = 0.3
    rotate_sd_degrees: float = 12.0
    stretch: float = 0.2


@dataclass(frozen=True)
class LocateOptimiser:
    """``[optimiser]``: Muon, cosine decay."""

    iterations: int = 3000
    batch: int = 32
    rate: float = 1.5e-3
    rate_end: float = 2e-5
    warm_up: int = 100
    weight_decay: float = 0.01
    clip_norm: float = 10.0
    average_decay: float = 0.997
    size_weight: float = 1.0
    precision: Literal["float32", "bfloat16"] = "bfloat16"


@dataclass(frozen=True)
class LocateRun:
    """``[run]``.

    Attributes:
        name: of the file written at the end.
        weights: a compact pose checkpoint to begin with, bundled name or file; or a locator to go on from (``locate``
            is the bundled one); empty for random weights.
        mixed_with, mixed_share: a locator whose weights are mixed into what is published, and what part they make;
            one that this run went on from (Wortsman et al., "Model soups", ICML 2022). Empty for none.
        further: residual blocks more at strides 16 and 32; as many as the compact network has it begins with, or none.
        area_px: pixels of the network's input while it learns.
        use_area_px: pixels of its input when it is used; 0 for as many.
        as_used_from: from this share of the steps on it learns at the size it is used at; 1 for never.
        quiet: share of the pictures of nobody, set aside for this, in which the threshold finds nobody.
    """

    name: str = "locate"
    weights: str = "compact-geo"
    mixed_with: str = ""
    mixed_share: float = 0.5
    further: tuple[int, ...] = (2, 3)
    seed: int = 0
    threads: int = 0
    save_minutes: float = 3.0
    log_every: int = 50
    area_px: int = 16384
    use_area_px: int = 0
    as_used_from: float = 1.0
    quiet: float = 0.95
    notes: str = ""


@dataclass(frozen=True)
class LocateConfig:
    """A whole configuration."""

    kind: Literal["locate"] = "locate"
    data: LocateData = field(default_factory=LocateData)
    scenes: Scenes = field(default_factory=Scenes)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimiser: LocateOptimiser = field(default_factory=LocateOptimiser)
    run: LocateRun = field(default_factory=LocateRun)

    @property
    def used_area_px(self) -> int:
        """Pixels of the network's input when it is used."""
        return self.run.use_area_px or self.run.area_px

    def area_px_at(self, step: int) -> int:
        """Pixels of the network's input while it learns that step."""
        early = step < self.run.as_used_from * self.optimiser.iterations
        return self.run.area_px if early else self.used_area_px

    def to_publish(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary that tells of paths only the last part."""
        plain: dict[str, Any] = asdict(self)
        for key in ("photos", "rendered", "empty", "cache"):
            plain["data"][key] = Path(plain["data"][key]).name
        for key in ("weights", "mixed_with"):
            plain["run"][key] = Path(plain["run"][key]).name
        return plain


def check(config: LocateConfig) -> None:
    """Refuse what cannot be trained.

    Raises:
        UserError: a value is out of range.
    """
    scenes = config.scenes
    names = ("whole", "zoomed", "rendered", "cutout", "several", "touching", "strange")
    shares = {name: getattr(scenes, name) for name in names}
    shares["their sum"] = scenes.whole + scenes.zoomed + scenes.rendered
    shares_of = {f"scenes.{name}": value for name, value in shares.items()}
    shares_of |= {f"run.{name}": getattr(config.run, name) for name in ("as_used_from", "mixed_share")}
    for key, value in shares_of.items():
        if not 0.0 <= value <= 1.0:
            raise UserError(f"{key} = {value:g} is no share", "give a number from 0 to 1")
    if not 0.0 < scenes.smallest < scenes.largest:
        raise UserError("scenes.smallest is not between 0 and scenes.largest", "mend one of them")
    if config.optimiser.iterations < 1 or config.optimiser.batch < 2 or config.run.log_every < 1:
        raise UserError(
            "optimiser.iterations or run.log_every is below 1, or optimiser.batch below 2", "give larger numbers"
        )
    name = config.run.name
    if not name or Path(name).name != name:
        raise UserError(f"{name!r} cannot be part of a file's name", "mend run.name")
