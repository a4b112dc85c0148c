"""The training loop: stages, averaged weights, atomic saves, resumable at any step."""

from __future__ import annotations

import json
import math
import time
from contextlib import nullcontext
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from core import checkpoint, network
from core.errors import RunError, UserError
from core.export import write_atomically
from train import states
from train.batches import Batch, Maker, prefetched
from train.compiling import compiled
from train.config import Config, Stage
from train.distributed import Group
from train.interrupting import interruptible
from train.log import Log, Meter
from train.losses import total_loss
from train.muon import Muon
from train.resizing import weights_for
from train.states import Averaged
from train.validation import Validation


def learning_rate(stage: Stage, step: int) -> float:
    """Return the rate at a step within a stage."""
    end = stage.rate if stage.rate_end is None else stage.rate_end
    progress = step / max(stage.iterations, 1)
    if stage.curve == "cosine":
        rate = end + (stage.rate - end) * 0.5 * (1.0 + math.cos(math.pi * progress))
    elif stage.curve == "step":
        rate = stage.rate / (10.0 if progress >= stage.step_at else 1.0)
    else:
        rate = stage.rate
    return rate * min(1.0, (step + 1) / stage.warm_up) if stage.warm_up else rate


def _optimiser(config: Config, model: network.PoseNetwork) -> torch.optim.Optimizer:
    section = config.optimiser
    if section.name == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), lr=1e-4, alpha=0.99)
    weights = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    if section.name == "muon":
        return Muon(weights, rest, weight_decay=section.weight_decay)
    groups = [{"params": weights, "weight_decay": section.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-4)


_MARKS = {"alpha", "amsgrad", "orthogonal"}
"""Keys of a parameter group that only RMSprop, AdamW or Muon has."""


def _take_over(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimiser's state; another kind's may have as many groups, and torch would take it."""
    own, given = (
        [_MARKS & set(group) for group in groups] for groups in (optimiser.param_groups, state["param_groups"])
    )
    if own != given:
        raise ValueError("the state is of another optimiser")
    optimiser.load_state_dict(state)


class Trainer:
    """One training run in one folder.

    Args:
        config: what to train.
        batches: makes the batch of any step.
        out: run folder: ``config.json``, ``log.csv``, ``last.pt``, ``stage-NAME.pt``, ``NAME.safetensors``,
            ``NAME-best.safetensors``, ``NAME-step-N.safetensors``, ``samples/``, ``tensorboard/``.
        record: what the checkpoint shall say of its data (``data``, ``terms``, ``bone_sum_mm``).
        validation: measured now and then on held-out photos, or None.
        device: ``cpu`` or ``cuda``.
        group: the processes that train together.
    """

    def __init__(
        self, config: Config, batches: Maker, out: Path, record: dict[str, Any],
        validation: Validation | None = None, device: str = "cpu", group: Group | None = None,
    ) -> None:  # fmt: skip
        self.config = config
        self.out = out
        self.device = device
        self.group = group or Group()
        self.step = 0
        self._batches = batches
        self._record = record
        self._validation = validation
        torch.manual_seed(config.run.seed)
        model = network.place(config.network.build(), device)
        self.model = self.group.share_norms(model)
        self.average = Averaged(self.model, config.optimiser.average_decay)
        self.optimiser = _optimiser(config, self.model)
        self._forward = self.model.__call__
        self._best_pck = -math.inf
        self._begun_from: dict[str, Any] | None = None
        self._minutes = 0.0

    @property
    def last(self) -> Path:
        """The newest training state."""
        return self.out / "last.pt"

    def restore(self, path: Path) -> None:
        """Go on from a training state.

        Raises:
            UserError: it is missing, damaged or of another network or optimiser.
        """
        state = self.group.from_first(states.read(path) if self.group.leads else None)
        try:
            self.model.load_state_dict(state["model"])
            self.average.state = {name: tensor.to(self.device) for name, tensor in state["average"].items()}
            _take_over(self.optimiser, state["optimiser"])
            self.step = int(state["step"])
            self._minutes = float(state["minutes"])
            self._best_pck = float(state.get("best_pck", -math.inf))
            self._begun_from = state.get("begun_from")
        except Exception as error:
            # Another network's state raises what torch pleases.
            raise states.damaged(path) from error
        if self.step > self.config.iterations:
            raise UserError(
                f"{path.name} is already at step {self.step} of {self.config.iterations}", "add iterations to a stage"
            )

    def start_from(self, path: Path) -> None:
        """Begin with another run's weights and optimiser at the end of one of this configuration's stages.

        Raises:
            UserError: as ``restore``, or the state was not saved at the end of such a stage.
        """
        self.restore(path)
        self._best_pck = -math.inf
        ends = list(accumulate(stage.iterations for stage in self.config.stage))
        if self.step not in ends[:-1]:
            raise UserError(
                f"{path.name} was saved at step {self.step}, where no stage of this configuration ends",
                "use the stages of the run it came from",
            )

    def begin_with(self, name_or_path: str) -> None:
        """Take the weights of a checkpoint as the first ones; the optimiser starts anew.

        Blocks that the checkpoint lacks (``network.further``) begin by passing on what they are given; its input may
        have another size (``network.input_px``).

        Raises:
            UserError: there is none, or it is of another network.
        """
        loaded = checkpoint.load(name_or_path)
        given, told = loaded.network, loaded.info.metadata
        own_shape = self.model.config
        alike = replace(own_shape, further=given.config.further)
        if replace(alike, input_px=given.config.input_px, heatmap_px=given.config.heatmap_px) != given.config:
            raise UserError(
                f"{name_or_path} holds another network than the one configured ({given.config.preset})",
                "give run.weights of the same network, or set network.preset and network.maps",
            )
        weights = weights_for(given, own_shape)
        own = self.model.state_dict()
        if not weights.keys() <= own.keys():
            raise UserError(
                f"{name_or_path} is deeper than the network configured", "give network.further as it has it"
            )
        self.model.load_state_dict({**own, **weights})
        self.average = Averaged(self.model, self.config.optimiser.average_decay)
        # What a model has seen does not begin with its last run.
        self._begun_from = {"name": loaded.info.name, "weights_sha256": told.get("weights_sha256")}
        self._begun_from |= {"training": told.get("training") or {}, "data": told.get("data") or {}}

    def save_state(self, path: Path) -> None:
        """Write everything needed to go on exactly here, atomically."""
        if self.group.leads:
            states.write(
                path,
                {
                    "step": self.step,
                    "minutes": self._minutes,
                    "best_pck": self._best_pck,
                    "begun_from": self._begun_from,
                    "model": self.model.state_dict(),
                    "average": self.average.state,
                    "optimiser": self.optimiser.state_dict(),
                },
            )

    def averaged_model(self) -> network.PoseNetwork:
        """Return a copy of the network with the averaged weights, in eval mode on the CPU."""
        model = self.config.network.build()
        model.load_state_dict({name: tensor.cpu() for name, tensor in self.average.state.items()})
        return model.eval()

    def save_checkpoint(self, suffix: str = "") -> Path:
        """Write the averaged weights as a checkpoint anyone can open: ``NAME`` and a suffix."""
        path = self.out / f"{self.config.run.name}{suffix}{checkpoint.SUFFIX}"
        if not self.group.leads:
            return path
        _, stage, _ = self.config.stage_at(max(self.step - 1, 0))
        training: dict[str, Any] = {
            "stages": [part.name for part in self.config.stage],
            "steps": self.step,
            "samples": self.step * self.config.optimiser.batch,
            "minutes": round(self._minutes, 1),
            "device": self.device,
        }
        if self._begun_from is not None:
            training["begun_from"] = self._begun_from
        record = {**self._record, "training": training, "config": self.config.to_publish()}
        geometry_loss, stored = stage.weights.geometry > 0, self.config.run.stored
        checkpoint.save(path, self.averaged_model(), geometry_loss=geometry_loss, record=record, stored=stored)
        return path

    def run(self, stop_after_minutes: float = math.inf) -> bool:
        """Train to the last step, or until interrupted or out of time; returns whether the last step was reached.

        Args:
            stop_after_minutes: a slice of a longer training: save and stop at the first step past this time.
        """
        began = saved = time.monotonic()
        if self.group.leads:
            write_atomically(self.out / "config.json", json.dumps(self.config.to_dict(), indent=1).encode())
        self.model.train()
        if self.config.optimiser.compile:
            self._forward = compiled(self.model, self.config, self.device, self.group)
        total, name = self.config.iterations, self.config.run.name
        bar = tqdm(total=total, initial=self.step, unit="step", desc=name, disable=not self.group.leads)
        meter = Meter()
        with interruptible() as stop, bar, Log(self.out, self.step) if self.group.leads else nullcontext() as log:
            for batch in prefetched(self._batches, self.step, total):
                _, stage, within = self.config.stage_at(self.step)
                meter.add(self._timed_step(batch, stage, within), batch.count)
                bar.update()
                ends_stage = within + 1 == stage.iterations
                if log is not None:
                    self._tell(log, bar, meter, stage, within)
                late = time.monotonic() - began > 60 * stop_after_minutes
                stop.asked = self.group.any(stop.asked or late, self.device)
                if ends_stage:
                    self.save_state(self.out / f"stage-{stage.name}.pt")
                if self._is_due(self.config.run.keep_every):
                    self.save_checkpoint(f"-step-{self.step}")
                if ends_stage or stop.asked or time.monotonic() - saved > 60 * self.config.run.save_minutes:
                    self.save_state(self.last)
                    self.save_checkpoint()
                    saved = time.monotonic()
                if stop.asked:
                    break
        return self.step >= total

    def _is_due(self, every: int) -> bool:
        return every > 0 and self.step % every == 0

    def _timed_step(self, batch: Batch, stage: Stage, within: int) -> dict[str, float]:
        began = time.monotonic()
        terms = self._one_step(batch.to(self.device), stage, learning_rate(stage, within))
        self.step += 1
        self._minutes += (time.monotonic() - began) / 60
        return terms

    def _tell(self, log: Log, bar: tqdm[Any], meter: Meter, stage: Stage, within: int) -> None:
        """Validate and write a row when it is time; ``within`` is the step just done within its stage."""
        ends_stage = within + 1 == stage.iterations
        validate = ends_stage or self._is_due(self.config.run.validate_every)
        if not validate and not self._is_due(self.config.run.log_every):
            return
        row: dict[str, Any] = {"step": self.step, "stage": stage.name, "rate": learning_rate(stage, within)}
        row |= {**meter.take(), "minutes": self._minutes}
        if validate and self._validation is not None:
            measured = self._validation.measure(self.averaged_model())
            row |= measured.figures
            measured.write_sheet(self.out / "samples" / f"step-{self.step:07d}.png")
            log.show("held-out", measured.sheet, self.step)
            if row["pck"] > self._best_pck:
                self._best_pck = row["pck"]
                self.save_checkpoint("-best")
        log.write(row)
        bar.set_postfix({key: f"{row[key]:.3g}" for key in ("loss", "pck") if key in row})

    def _one_step(self, batch: tuple[Tensor, Any], stage: Stage, rate: float) -> dict[str, float]:
        images, targets = batch
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        mixed = self.config.optimiser.precision == "bfloat16"
        with torch.autocast(self.device, torch.bfloat16, enabled=mixed):
            output = self._forward(images)
        loss, terms = total_loss(
            self.group.gather(output), targets, stage.weights, self.config.network.maps, self.config.geometry_weighting,
            self.config.data.swapped_share,
        )  # fmt: skip
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._diverged("loss", value, batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.group.sum_gradients(self.model.parameters())
        limit = self.config.optimiser.clip_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        if not math.isfinite(norm):
            # A finite loss can still have such a gradient, and one step with it spoils every weight.
            raise self._diverged("gradient", norm, batch)
        self.optimiser.step()
        self.average.update(self.model, self.step)
        return {"loss": value, **{name: float(term) for name, term in terms.items()}}

    def _diverged(self, what: str, value: float, batch: tuple[Tensor, Any]) -> RunError:
        if self.group.leads:
            images, targets = batch
            torch.save({"images": images, "targets": vars(targets)}, self.out / f"not-finite-{self.step}.pt")
        return RunError(
            f"the {what} became {value} at step {self.step}",
            "lower the rate and go on with --resume from the last saved state; the batch lies beside it",
        )
