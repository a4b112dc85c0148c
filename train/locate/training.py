"""The locating network's training loop: one rate curve, averaged weights, atomic saves, resumable at any step."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import Tensor
from tqdm import tqdm

from core import checkpoint
from core.errors import RunError, UserError
from core.export import write_atomically
from core.locate import network
from core.locate.locator import NAME, bundled_path
from core.locate.network import LocateNetwork
from core.network import place
from train import states
from train.batches import Maker, prefetched
from train.config import Stage
from train.engine import learning_rate
from train.interrupting import interruptible
from train.locate.batches import SceneBatch, SceneMaker
from train.locate.config import LocateConfig
from train.locate.targets import losses
from train.log import Log, Meter
from train.muon import Muon
from train.states import Averaged

FIELDS: Final = ("step", "rate", "loss", "centre", "box", "images_per_s", "minutes")
UNMEASURED: Final = 0.3
"""The threshold of a file that was saved before it could be measured."""


class LocateTrainer:
    """One training run in one folder.

    Args:
        config: what to train.
        batches: makes the scenes of any step.
        out: run folder: ``config.json``, ``log.csv``, ``last.pt``, ``NAME.safetensors``.
        record: what the file shall say of its data (``data``, ``terms``).
        device: ``cpu`` or ``cuda``.

    Raises:
        UserError: ``run.further`` or ``run.weights`` cannot be used.
    """

    def __init__(
        self, config: LocateConfig, batches: SceneMaker, out: Path, record: dict[str, Any], device: str
    ) -> None:
        self.config = config
        self.out = out
        self.step = 0
        self._batches = batches
        self._record = record
        self._device = device
        self._minutes = 0.0
        torch.manual_seed(config.run.seed)
        try:
            self.model = LocateNetwork(config.run.further)
        except ValueError as error:
            raise UserError(f"run.{error}", "mend it or leave it out") from error
        self._mixed: dict[str, Tensor] | None = None
        if config.run.weights:
            self._begin_with(config.run.weights)
        if config.run.mixed_with:
            path = _path_of(config.run.mixed_with)
            if not network.is_locator(path):
                raise UserError(f"run.mixed_with: {path.name} is no locator", f'give the file of one, or "{NAME}"')
            other, self._record["mixed_with"] = self._locator(path)
            self._record["mixed_with"]["share"] = config.run.mixed_share
            self._mixed = other.state_dict()
        self.model = place(self.model, device)
        self.average = Averaged(self.model, config.optimiser.average_decay)
        weights = [p for p in self.model.parameters() if p.ndim >= 2]
        rest = [p for p in self.model.parameters() if p.ndim < 2]
        self.optimiser = Muon(weights, rest, weight_decay=config.optimiser.weight_decay)

    @property
    def last(self) -> Path:
        """The newest training state."""
        return self.out / "last.pt"

    def _begin_with(self, name: str) -> None:
        path = _path_of(name)
        if network.is_locator(path):
            model, self._record["begun_from"] = self._locator(path)
            self.model.load_state_dict(model.state_dict())
            return
        loaded = checkpoint.load(name)
        if loaded.info.preset != "compact":
            raise UserError(
                f"{name} is not of the compact preset", 'give run.weights of a compact network, or "" for none'
            )
        network.begin_with(self.model, loaded.network)
        told = loaded.info.metadata
        self._record["begun_from"] = {"name": loaded.info.name, "weights_sha256": told.get("weights_sha256")}

    def _locator(self, path: Path) -> tuple[LocateNetwork, dict[str, Any]]:
        """Load another locator of this shape, and what the record shall say of it."""
        model, told = network.load(path)
        if model.further != self.model.further:
            raise UserError(
                f"{path.name} has other further blocks than run.further", f"give run.further = {list(model.further)}"
            )
        name = path.stem
        return model, {"name": name, "weights_sha256": told["weights_sha256"], "training": told.get("training", {})}

    def restore(self) -> None:
        """Go on from the newest state.

        Raises:
            UserError: it is missing, damaged or of another network.
        """
        state = states.read(self.last)
        try:
            self.model.load_state_dict(state["model"])
            self.average.state = {name: tensor.to(self._device) for name, tensor in state["average"].items()}
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self._minutes = int(state["step"]), float(state["minutes"])
        except Exception as error:
            # Another network's state raises what torch pleases.
            raise states.damaged(self.last) from error

    def averaged_model(self) -> LocateNetwork:
        """Return a copy of the network with the weights to publish, in eval mode on the CPU: averaged, and mixed."""
        model = LocateNetwork(self.config.run.further)
        state = {name: tensor.cpu() for name, tensor in self.average.state.items()}
        if self._mixed is not None:
            share = self.config.run.mixed_share
            for name, other in self._mixed.items():
                if other.is_floating_point():
                    state[name] = torch.lerp(state[name], other, share)
        model.load_state_dict(state)
        return model.eval()

    def save(self, threshold: float = UNMEASURED, more: dict[str, Any] | None = None) -> Path:
        """Write the averaged weights as a locator anyone can open."""
        path = self.out / f"{self.config.run.name}{checkpoint.SUFFIX}"
        training = {
            "steps": self.step,
            "samples": self.step * self.config.optimiser.batch,
            "minutes": round(self._minutes, 1),
            "device": self._device,
        }
        record = {**self._record, "training": training, "config": self.config.to_publish(), **(more or {})}
        network.save(
            path, self.averaged_model(), {"threshold": threshold, "area_px": self.config.used_area_px, **record}
        )
        return path

    def run(self, stop_after_minutes: float = math.inf) -> bool:
        """Train to the last step, or until interrupted or out of time; returns whether the last step was reached."""
        section = self.config.optimiser
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomically(self.out / "config.json", json.dumps(asdict(self.config), indent=1).encode())
        began = saved = time.monotonic()
        self.model.train()
        meter = Meter()
        bar = tqdm(total=section.iterations, initial=self.step, unit="step", desc=self.config.run.name)
        batches = prefetched(cast(Maker, self._batches), self.step, section.iterations)
        with interruptible() as stop, bar, Log(self.out, self.step, FIELDS) as log:
            for batch in cast("Iterator[SceneBatch]", batches):
                started = time.monotonic()
                meter.add(self._one_step(batch), batch.count)
                self._minutes += (time.monotonic() - started) / 60
                bar.update()
                ended = self.step >= section.iterations
                if self.step % self.config.run.log_every == 0 or ended:
                    row = {"step": self.step, "rate": self._rate(), **meter.take(), "minutes": self._minutes}
                    log.write(row)
                    bar.set_postfix(loss=f"{row['loss']:.3g}", box=f"{row['box']:.3g}")
                stop.asked = stop.asked or time.monotonic() - began > 60 * stop_after_minutes
                if ended or stop.asked or time.monotonic() - saved > 60 * self.config.run.save_minutes:
                    self._save_state()
                    self.save()
                    saved = time.monotonic()
                if stop.asked:
                    break
        return self.step >= section.iterations

    def _save_state(self) -> None:
        states.write(
            self.last,
            {
                "step": self.step,
                "minutes": self._minutes,
                "model": self.model.state_dict(),
                "average": self.average.state,
                "optimiser": self.optimiser.state_dict(),
            },
        )

    def _rate(self) -> float:
        section = self.config.optimiser
        whole = Stage("whole", section.iterations, section.rate, section.rate_end, "cosine", warm_up=section.warm_up)
        return learning_rate(whole, self.step)

    def _one_step(self, batch: SceneBatch) -> dict[str, float]:
        section = self.config.optimiser
        images, targets = batch.to(self._device)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        with torch.autocast(self._device, torch.bfloat16, enabled=section.precision == "bfloat16"):
            maps = self.model(images)
        terms = losses(maps, targets)
        loss: Tensor = terms["centre"] + section.size_weight * terms["box"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), section.clip_norm or math.inf))
        if not math.isfinite(norm):
            raise RunError(
                f"the gradient became {norm} at step {self.step}",
                "lower optimiser.rate and go on with --resume from the last saved state",
            )
        self.optimiser.step()
        self.step += 1
        self.average.update(self.model, self.step)
        return {"loss": float(loss.detach()), **{name: float(term.detach()) for name, term in terms.items()}}


def _path_of(name: str) -> Path:
    return bundled_path() if name == NAME else Path(name)
