"""The training loop: stages, averaged weights, atomic saves, resumable at any step."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from core import checkpoint, network
from core.errors import RunError, UserError
from train import config as configuration
from train.batches import Maker, prefetched
from train.config import Config, Stage
from train.losses import total_loss
from train.muon import Muon
from train.validation import Validation

STATE_FORMAT = 1
LOG_FIELDS = (
    "step", "stage", "rate", "loss", "heatmap", "depth", "geometry", "images_per_s", "pck", "asymmetry_percent",
    "minutes",
)  # fmt: skip


class Averaged:
    """Exponential moving average of the weights; batch norm's running statistics are copied."""

    def __init__(self, model: network.PoseNetwork, decay: float) -> None:
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        self._trained = {name for name, _ in model.named_parameters()}

    def update(self, model: network.PoseNetwork, step: int) -> None:
        """Take in the weights after ``step`` steps; early on the memory is shorter, so that the start is forgotten."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                if name in self._trained:
                    self.state[name].lerp_(tensor, 1.0 - decay)
                else:
                    self.state[name].copy_(tensor)


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


class Trainer:
    """One training run in one folder.

    Args:
        config: what to train.
        batches: makes the batch of any step.
        out: run folder: ``config.json``, ``log.csv``, ``last.pt``, ``stage-NAME.pt``, ``NAME.safetensors``.
        record: what the checkpoint shall say of its data (``data``, ``terms``, ``bone_sum_mm``).
        validation: measured now and then on held-out photos, or None.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(
        self, config: Config, batches: Maker, out: Path, record: dict[str, Any],
        validation: Validation | None = None, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.config = config
        self.out = out
        self.device = device
        self.step = 0
        self._batches = batches
        self._record = record
        self._validation = validation
        torch.manual_seed(config.run.seed)
        self.model = network.place(network.build(config.network.preset, config.network.maps), device)
        self.average = Averaged(self.model, config.optimiser.average_decay)
        self.optimiser = _optimiser(config, self.model)
        self._minutes = 0.0
        self._interrupted = False

    @property
    def last(self) -> Path:
        """The newest training state."""
        return self.out / "last.pt"

    def restore(self, path: Path) -> None:
        """Go on from a training state.

        Raises:
            UserError: it is missing, damaged or of another network.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.state = {name: tensor.to(self.device) for name, tensor in state["average"].items()}
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = int(state["step"])
            self._minutes = float(state["minutes"])
            if state["format"] != STATE_FORMAT:
                raise UserError(f"{path.name} was written by another version of Bonesight", "start anew")
        except FileNotFoundError as error:
            raise UserError(
                f"there is no training state {path}", "start without --resume, or mend run.start"
            ) from error
        except UserError:
            raise
        except Exception as error:
            # torch.load raises half a dozen unrelated types on damaged files.
            raise UserError(f"{path.name} is damaged or of another network", "use stage-*.pt or start anew") from error
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
        ends = list(accumulate(stage.iterations for stage in self.config.stage))
        if self.step not in ends[:-1]:
            raise UserError(
                f"{path.name} was saved at step {self.step}, where no stage of this configuration ends",
                "use the stages of the run it came from",
            )

    def begin_with(self, name_or_path: str) -> None:
        """Take the weights of a checkpoint as the first ones; the optimiser starts anew.

        Raises:
            UserError: there is none, or it is of another network.
        """
        given = checkpoint.load(name_or_path).network
        if given.config != self.model.config:
            raise UserError(
                f"{name_or_path} holds another network than the one configured ({given.config.preset})",
                "give run.weights of the same network, or set network.preset and network.maps",
            )
        self.model.load_state_dict(given.state_dict())
        self.average = Averaged(self.model, self.config.optimiser.average_decay)

    def save_state(self, path: Path) -> None:
        """Write everything needed to go on exactly here, atomically."""
        state = {
            "format": STATE_FORMAT, "step": self.step, "minutes": self._minutes, "model": self.model.state_dict(),
            "average": self.average.state, "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        partial = path.with_name(path.name + ".partial")
        try:
            torch.save(state, partial)
            os.replace(partial, path)
        except (OSError, RuntimeError) as error:
            # torch reports a full disk as a RuntimeError of its zip writer.
            partial.unlink(missing_ok=True)
            raise RunError(
                f"{path} could not be written ({str(error).splitlines()[0]})",
                "free some space and go on with --resume from the last state saved",
            ) from error

    def averaged_model(self) -> network.PoseNetwork:
        """Return a copy of the network with the averaged weights, in eval mode on the CPU."""
        model = network.build(self.config.network.preset, self.config.network.maps)
        model.load_state_dict({name: tensor.cpu() for name, tensor in self.average.state.items()})
        return model.eval()

    def save_checkpoint(self) -> Path:
        """Write the averaged weights as a checkpoint anyone can open."""
        path = self.out / f"{self.config.run.name}{checkpoint.SUFFIX}"
        _, stage, _ = self.config.stage_at(max(self.step - 1, 0))
        training = {
            "stages": [part.name for part in self.config.stage],
            "steps": self.step,
            "samples": self.step * self.config.optimiser.batch,
            "minutes": round(self._minutes, 1),
            "device": self.device,
        }
        record = {**self._record, "training": training, "config": self.config.to_publish()}
        checkpoint.save(path, self.averaged_model(), geometry_loss=stage.weights.geometry > 0, record=record)
        return path

    def run(self, stop_after_minutes: float = math.inf) -> bool:
        """Train to the last step, or until interrupted or out of time; returns whether the last step was reached.

        Args:
            stop_after_minutes: a slice of a longer training: save and stop at the first step past this time.
        """
        began_run = time.monotonic()
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "config.json").write_text(json.dumps(self.config.to_dict(), indent=1), encoding="utf-8")
        self.model.train()
        saved = time.monotonic()
        with self._interruptible(), _Log(self.out / "log.csv", self.step) as log:
            bar = tqdm(total=self.config.iterations, initial=self.step, unit="step", desc=self.config.run.name)
            meter = _Meter()
            for batch in prefetched(self._batches, self.step, self.config.iterations):
                began = time.monotonic()
                _, stage, within = self.config.stage_at(self.step)
                rate = learning_rate(stage, within)
                terms = self._one_step(batch.to(self.device), stage, rate)
                self.step += 1
                self._minutes += (time.monotonic() - began) / 60
                meter.add(terms, batch.count)
                bar.update()
                last_of_stage = within + 1 == stage.iterations
                validate = self.step % self.config.run.validate_every == 0 or last_of_stage
                if self.step % self.config.run.log_every == 0 or validate or last_of_stage:
                    row = {
                        "step": self.step,
                        "stage": stage.name,
                        "rate": rate,
                        **meter.take(),
                        "minutes": self._minutes,
                    }
                    if validate and self._validation is not None:
                        row.update(self._validation.measure(self.averaged_model()))
                    log.write(row)
                    bar.set_postfix({key: f"{row[key]:.3g}" for key in ("loss", "pck") if key in row})
                if last_of_stage:
                    self.save_state(self.out / f"stage-{stage.name}.pt")
                self._interrupted |= time.monotonic() - began_run > 60 * stop_after_minutes
                if last_of_stage or self._interrupted or time.monotonic() - saved > 60 * self.config.run.save_minutes:
                    self.save_state(self.last)
                    self.save_checkpoint()
                    saved = time.monotonic()
                if self._interrupted:
                    break
            bar.close()
        return self.step >= self.config.iterations

    def _one_step(self, batch: tuple[Tensor, Any], stage: Stage, rate: float) -> dict[str, float]:
        images, targets = batch
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        mixed = self.config.optimiser.precision == "bfloat16"
        with torch.autocast(self.device, torch.bfloat16, enabled=mixed):
            output = self.model(images)
        loss, terms = total_loss(
            output, targets, stage.weights, self.config.network.maps, self.config.geometry_weighting
        )
        value = float(loss.detach())
        if not math.isfinite(value):
            torch.save({"images": images, "targets": vars(targets)}, self.out / f"not-finite-{self.step}.pt")
            raise self._diverged("loss", value)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        limit = self.config.optimiser.clip_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        if not math.isfinite(norm):
            # A finite loss can still have such a gradient, and one step with it spoils every weight.
            torch.save({"images": images, "targets": vars(targets)}, self.out / f"not-finite-{self.step}.pt")
            raise self._diverged("gradient", norm)
        self.optimiser.step()
        self.average.update(self.model, self.step)
        return {"loss": value, **{name: float(term) for name, term in terms.items()}}

    def _diverged(self, what: str, value: float) -> RunError:
        return RunError(
            f"the {what} became {value} at step {self.step}",
            "lower the rate and go on with --resume from the last saved state; the batch lies beside it",
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let Ctrl+C or a polite kill end after the current step; a second one ends at once."""

        def interrupt(number: int, _frame: Any) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Meter:
    """Means over the steps since the last take, and their speed."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = self._images = 0
        self._since = time.monotonic()

    def add(self, terms: dict[str, float], images: int) -> None:
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps += 1
        self._images += images

    def take(self) -> dict[str, float]:
        means = {name: value / self._steps for name, value in self._sums.items()}
        means["images_per_s"] = self._images / max(time.monotonic() - self._since, 1e-9)
        self._clear()
        return means


class _Log:
    """CSV log; rows after the resumed step, written by a run that was killed, are dropped."""

    def __init__(self, path: Path, step: int) -> None:
        kept: list[dict[str, str]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdecimal()]
            kept = [{name: row.get(name) or "" for name in LOG_FIELDS} for row in rows if int(row["step"]) <= step]
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, LOG_FIELDS)
        self._writer.writeheader()
        self._writer.writerows(kept)

    def write(self, row: dict[str, Any]) -> None:
        self._writer.writerow(
            {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}
        )
        self._file.flush()

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()


def stored_config(out: Path) -> Config:
    """Read the configuration a run folder was trained with.

    Raises:
        UserError: the folder holds no run.
    """
    try:
        plain = json.loads((out / "config.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{out} holds no training run", "give the folder of a run") from error
    return configuration.from_dict(plain)
