"""The trainer: losses, exact augmentation, batches that never share random numbers, runs that resume exactly."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scipy.io
import torch

from core import checkpoint, crop, geometry, network, skeleton
from core.errors import RunError, UserError
from tests.training_kit import crop_set
from train import augment, batches, config, losses, metrics
from train.datasets import lsp
from train.datasets.crops import STORED_PX, CropSet
from train.device_batches import DeviceBatchMaker
from train.engine import Trainer, learning_rate
from train.sources import Sources, record
from train.states import Averaged
from train.validation import Validation

ROOT = Path(__file__).parent.parent


def tiny_config(**run: object) -> config.Config:
    weights = losses.LossWeights(1.0, 10.0, 1.0)
    stages = (
        config.Stage("a", 3, 1e-3, depth_fraction=0.0, weights=losses.LossWeights(1.0, 0.0, 0.0)),
        config.Stage("b", 3, 1e-3, 1e-4, "cosine", depth_fraction=0.5, weights=weights),
    )
    base = config.Config(stage=stages)
    optimiser = dataclasses.replace(base.optimiser, batch=4, precision="float32")
    settings = dataclasses.replace(base.run, name="tiny", log_every=1, validate_every=100, **run)  # type: ignore[arg-type]
    return dataclasses.replace(base, optimiser=optimiser, run=settings)


def trainer(out: Path, settings: config.Config, validation: Validation | None = None) -> Trainer:
    photos, people = crop_set(9, depth=False), crop_set(7, depth=True, seed=1)
    maker = batches.BatchMaker(batches.Planner(settings, 160, photos, people))
    return Trainer(settings, maker, out, record(settings, Sources(photos, people)), validation)


def targets_of(count: int = 3, depth: tuple[bool, ...] = (True, False, True)) -> losses.Targets:
    torch.manual_seed(3)
    joints = torch.rand(count, 16, 2) * 1.6 - 0.8
    return losses.Targets(
        joints, torch.ones(count, 16, dtype=torch.bool), 0.3 * torch.randn(count, 16), torch.tensor(depth),
        torch.zeros(count, 16, dtype=torch.bool),
    )  # fmt: skip


def test_squared_error_of_perfect_maps_is_zero_and_sums_over_stacks() -> None:
    from core import heatmap

    targets = targets_of()
    perfect = heatmap.encode((targets.joints_norm + 1) * 20, targets.annotated, 40)
    assert float(losses.heatmap_loss((perfect, perfect), targets, "gaussian")) == 0.0
    empty = torch.zeros_like(perfect)
    one = float(losses.heatmap_loss((empty,), targets, "gaussian"))
    assert one == pytest.approx(float(perfect.square().mean()))
    assert float(losses.heatmap_loss((empty, empty), targets, "gaussian")) == pytest.approx(2 * one)


def test_cross_entropy_of_ignorance_is_the_logarithm_of_the_pixels() -> None:
    targets = targets_of()
    targets.annotated[0, 3] = False
    value = losses.heatmap_loss((torch.zeros(3, 16, 40, 40),), targets, "softmax")
    assert float(value) == pytest.approx(np.log(1600), rel=1e-5)


def test_depth_loss_counts_only_samples_with_depth() -> None:
    targets = targets_of()
    predicted = targets.depth_norm.clone()
    predicted[1] += 100.0
    assert float(losses.depth_loss(predicted, targets)) == 0.0
    predicted[0] += 0.5
    assert float(losses.depth_loss(predicted, targets)) == pytest.approx(0.25 * 16 / 32)


def test_depth_loss_leaves_out_what_is_not_seen_or_out_of_scale() -> None:
    targets = targets_of()
    targets.annotated[0, 2] = False
    targets.depth_norm[2, 5] = 3.0
    predicted = targets.depth_norm.clone()
    predicted[0, 2] += 9.0
    predicted[2, 5] += 9.0
    assert float(losses.depth_loss(predicted, targets)) == 0.0


def test_geometry_term_counts_only_samples_without_depth() -> None:
    targets = targets_of()
    depth = torch.randn(3, 16, requires_grad=True)
    value = losses.geometry_term(depth, targets, "poster")
    expected = geometry.geometry_loss(targets.joints_norm[1:2], depth[1:2], targets.annotated[1:2]).mean()
    assert float(value.detach()) == pytest.approx(float(expected.detach()))
    value.backward()  # type: ignore[no-untyped-call]
    assert depth.grad is not None
    assert depth.grad[0].abs().sum() == 0 and depth.grad[1].abs().sum() > 0


def test_total_is_the_weighted_sum_of_its_terms() -> None:
    targets = targets_of()
    output = network.NetworkOutput((torch.randn(3, 16, 40, 40),), torch.randn(3, 16))
    total, terms = losses.total_loss(output, targets, losses.LossWeights(1.0, 2.0, 3.0), "softmax", "poster")
    assert float(total) == pytest.approx(float(terms["heatmap"] + 2 * terms["depth"] + 3 * terms["geometry"]), rel=1e-5)


@pytest.mark.parametrize("seed", range(8))
def test_augmentation_keeps_the_3d_exact(seed: int) -> None:
    """Depth in the crop's unit, joined with x and y, is a rotated and scaled copy of the true skeleton."""
    people = crop_set(4, depth=True, seed=seed)
    batch = batches.Planner(tiny_config(seed=seed), 160, None, people).plan(4).targets
    truths = people.joints_mm.astype(np.float64)
    for row in range(4):
        found = np.column_stack([batch.joints_norm[row].numpy(), batch.depth_norm[row].numpy()]).astype(np.float64)
        lengths = geometry.bone_lengths(found)
        mirrored = geometry.bone_lengths(found[list(skeleton.MIRROR)])
        candidates = [geometry.bone_lengths(truth) for truth in truths]
        best = min(
            np.ptp(own / candidate) / np.mean(own / candidate)
            for candidate in candidates
            for own in (lengths, mirrored)
        )
        assert best < 1e-3


def test_augmented_joints_follow_the_picture() -> None:
    """A white dot painted at a joint is where the view says, for any scale, turn and mirror."""
    random = np.random.default_rng(5)
    for _ in range(12):
        image = np.zeros((STORED_PX, STORED_PX, 3), np.uint8)
        joints = np.full((16, 2), 128.0)
        joints[0] = random.uniform(90, 166, 2)
        x, y = joints[0].astype(int)
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
        view = augment.draw_view(random, augment.AugmentConfig(shift=0.05), 170.0, STORED_PX, 160)
        out = crop.cut(image, view.to_stored, 160)
        joints_crop, _ = augment.view_joints(view, joints, np.ones(16, bool))
        index = skeleton.MIRROR[0] if view.mirrored else 0
        rows, columns = np.mgrid[:160, :160] + 0.5
        weight = out[..., 0].astype(float)
        centre = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        truth = crop.apply(crop.invert(view.to_stored), np.array([[x + 0.5, y + 0.5]]))[0]
        assert np.abs(centre - truth).max() < 0.3
        assert np.abs(joints_crop[index] - centre).max() < 2.0


def test_colour_changes_go_both_ways() -> None:
    random = np.random.default_rng(0)
    grey = np.full((32, 32, 3), 100, np.uint8)
    changes = [augment.draw_colour(random, augment.AugmentConfig()) for _ in range(200)]
    means = np.array([augment.apply_colour(change, grey).mean() for change in changes])
    assert (means > 105).mean() > 0.3 and (means < 95).mean() > 0.3


def test_batches_repeat_for_the_same_step_and_differ_otherwise() -> None:
    settings = tiny_config()
    maker, again = (
        batches.BatchMaker(batches.Planner(settings, 160, crop_set(9, depth=False), crop_set(7, depth=True)))
        for _ in range(2)
    )

    def pixels(batch: batches.Batch) -> torch.Tensor:
        return batch.to("cpu")[0]

    assert torch.equal(pixels(maker.make(4)), pixels(again.make(4)))
    assert not torch.equal(pixels(maker.make(4)), pixels(maker.make(5)))
    in_order = list(batches.prefetched(maker, 1, 5))
    assert all(torch.equal(pixels(batch), pixels(again.make(step))) for step, batch in enumerate(in_order, 1))


def test_the_device_makes_the_same_pictures_and_labels_as_the_cpu() -> None:
    settings = tiny_config()
    strong = dataclasses.replace(
        settings.augment, shift=0.1, contrast=0.3, blur_probability=0.5, cutout_probability=0.5, grey_probability=0.3
    )
    settings = dataclasses.replace(settings, augment=strong)
    settings = dataclasses.replace(settings, optimiser=dataclasses.replace(settings.optimiser, batch=16))
    smooth = [crop_set(5, depth=depth, seed=depth) for depth in (False, True)]
    for source in smooth:
        for image in source.images:
            cv2.GaussianBlur(image, (0, 0), 4, dst=image)
    planner = batches.Planner(settings, 160, *smooth)
    expected, labels = batches.BatchMaker(planner).make(4).to("cpu")
    found, same_labels = DeviceBatchMaker(planner, "cpu").make(4).to("cpu")
    assert found.shape == expected.shape and found.is_contiguous(memory_format=torch.channels_last)
    assert float((found - expected).abs().mean()) < 1.5 / 255
    assert float((found - expected).abs().quantile(0.99)) < 6 / 255
    assert torch.equal(labels.joints_norm, same_labels.joints_norm)


def test_an_error_while_making_a_batch_reaches_the_trainer() -> None:
    maker = batches.BatchMaker(batches.Planner(tiny_config(), 160, None, None))
    with pytest.raises(KeyError):
        next(batches.prefetched(maker, 0, 3))


def test_learning_rate_warms_up_and_falls() -> None:
    stage = config.Stage("s", 100, 1.0, 0.1, "cosine", warm_up=10)
    assert learning_rate(stage, 0) == pytest.approx(0.1)
    assert learning_rate(stage, 99) == pytest.approx(0.1, abs=1e-3)
    step = config.Stage("s", 50, 1.0, curve="step", step_at=0.8)
    assert [learning_rate(step, at) for at in (0, 39, 40, 49)] == pytest.approx([1.0, 1.0, 0.1, 0.1])


def test_averaged_weights_lag_and_norm_statistics_are_copied() -> None:
    model = network.build("compact")
    average = Averaged(model, 0.5)
    start = model.depth_linear.bias.detach().clone()  # type: ignore[union-attr]
    with torch.no_grad():
        model.depth_linear.bias.add_(1.0)  # type: ignore[union-attr]
        model.stem[0][1].running_mean.add_(2.0)  # type: ignore[index]
    average.update(model, 1000)
    assert torch.allclose(average.state["depth_linear.bias"], start + 0.5)
    assert torch.allclose(average.state["stem.0.1.running_mean"], torch.full((32,), 2.0))


def test_six_steps_equal_three_a_stop_and_three(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    settings = tiny_config()
    whole = trainer(tmp_path / "whole", settings)
    assert whole.run()
    first = trainer(tmp_path / "parts", settings)
    one_step = first._one_step

    def interrupt_the_third(*arguments: Any) -> dict[str, float]:
        if first.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return one_step(*arguments)

    first._one_step = interrupt_the_third  # type: ignore[method-assign]
    assert not first.run()
    assert first.step == 3
    second = trainer(tmp_path / "parts", settings)
    second.restore(second.last)
    assert second.run()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name]), name
    with (tmp_path / "parts" / "log.csv").open() as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [1, 2, 3, 4, 5, 6]
    loaded = checkpoint.load(tmp_path / "whole" / "tiny.safetensors")
    assert loaded.info.geometry_loss and loaded.info.metadata["training"]["steps"] == 6
    assert set(loaded.info.metadata["data"]) == {"lspet", "rendered"} == set(loaded.info.metadata["terms"])


def test_slices_of_a_training_add_up_to_the_whole(tmp_path: Path) -> None:
    settings, slices = tiny_config(), 0
    while True:
        run = trainer(tmp_path, settings)
        if slices:
            run.restore(run.last)
        slices += 1
        if run.run(stop_after_minutes=0.0):
            break
        assert run.step == slices
    assert slices == 6 and run.step == 6


def test_stage_three_twins_start_from_the_same_stage_two(tmp_path: Path) -> None:
    settings = tiny_config()
    trainer(tmp_path / "run", settings).run()
    plain = dataclasses.replace(settings.stage[1], weights=losses.LossWeights(1.0, 10.0, 0.0))
    twin = trainer(tmp_path / "twin", dataclasses.replace(settings, stage=(settings.stage[0], plain)))
    twin.start_from(tmp_path / "run" / "stage-a.pt")
    assert twin.step == 3 and twin.run()
    assert not checkpoint.load(tmp_path / "twin" / "tiny.safetensors").info.geometry_loss


def test_non_finite_loss_stops_with_the_batch_kept(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config())
    with torch.no_grad():
        run.model.to_maps[0].bias.fill_(torch.nan)  # type: ignore[index, union-attr]
    with pytest.raises(RunError, match="the loss became nan"):
        run.run()
    assert list(tmp_path.glob("not-finite-*.pt"))


def test_non_finite_gradient_never_reaches_the_weights(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config())
    bias = run.model.to_maps[0].bias  # type: ignore[index, union-attr]
    bias.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(RunError, match="the gradient became nan"):
        run.run()
    assert all(bool(torch.isfinite(tensor).all()) for tensor in run.model.state_dict().values())


def test_a_full_disk_keeps_the_last_good_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer(tmp_path, tiny_config())
    run.save_state(run.last)
    before = run.last.read_bytes()

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match="could not be written"):
        run.save_state(run.last)
    assert run.last.read_bytes() == before and not list(tmp_path.glob("*.partial"))


def test_a_twin_starts_only_where_a_stage_ends(tmp_path: Path) -> None:
    settings = tiny_config()
    trainer(tmp_path / "run", settings).run()
    longer = dataclasses.replace(settings.stage[0], iterations=4)
    twin = trainer(tmp_path / "twin", dataclasses.replace(settings, stage=(longer, settings.stage[1])))
    with pytest.raises(UserError, match="no stage of this configuration ends"):
        twin.start_from(tmp_path / "run" / "stage-a.pt")
    shorter = dataclasses.replace(settings, stage=settings.stage[:1])
    with pytest.raises(UserError, match="already at step 6 of 3"):
        trainer(tmp_path / "again", shorter).restore(tmp_path / "run" / "last.pt")


def test_crops_are_made_anew_when_the_labels_change(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    before = lsp.training_crops(tmp_path, tmp_path / "cache")
    path = tmp_path / "lspet" / "joints.mat"
    joints = scipy.io.loadmat(path)["joints"]
    joints[:, 0] += 5.0
    scipy.io.savemat(path, {"joints": joints})
    after = lsp.training_crops(tmp_path, tmp_path / "cache")
    assert not np.array_equal(before.images, after.images)
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_damaged_training_state_is_refused_in_words(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config())
    for content in (b"", b"text", b"PK\x03\x04 half a zip"):
        (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(UserError, match="damaged, or of another network"):
            run.restore(run.last)


def test_validation_of_a_perfect_reader_is_perfect() -> None:
    """The validation's frames agree: a network that answers with the true joints scores 100."""
    crops = crop_set(6, depth=False)
    crops.joints_stored[:, metrics.LEFT_SHOULDER] = [150, 90]
    crops.joints_stored[:, metrics.RIGHT_HIP] = [100, 150]
    truth = (crops.joints_stored.astype(np.float64) - (STORED_PX - STORED_PX / 1.5) / 2) * (160 / (STORED_PX / 1.5))
    inside = CropSet(
        crops.images, crops.joints_stored, crops.annotated & ((truth > 8) & (truth < 152)).all(-1), crops.joints_mm
    )

    class Oracle(network.PoseNetwork):
        def __init__(self) -> None:
            super().__init__(network.PRESETS["compact"][0])
            self.at = 0

        def forward(self, images: torch.Tensor) -> network.NetworkOutput:
            from core import heatmap

            joints = torch.from_numpy(truth[self.at : self.at + len(images)]).float() / 4
            self.at += len(images)
            maps = heatmap.encode(joints, torch.ones(len(images), 16, dtype=torch.bool), 40)
            return network.NetworkOutput((20 * maps,), torch.zeros(len(images), 16))

    assert Validation(inside, batch=4).measure(Oracle()).figures["pck"] == pytest.approx(100.0)


# -- the real formats, and the command as a person runs it


def write_lspet(folder: Path, count: int = 12) -> None:
    """Write a tiny set in LSP-Extended's very format: 14 x 3 x N, 1-based, third row 1 for visible."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    joints = np.zeros((14, 3, count))
    for number in range(count):
        points = random.uniform(20, 140, (14, 2))
        joints[:, :2, number], joints[:, 2, number] = points, 1.0
        picture = random.integers(0, 256, (150, 160, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"im{number + 1:05d}.jpg"), picture)
    joints[3, 2, 0] = 0.0
    joints[:, :, 1] = 0.0
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    (folder / "val.txt").write_text("im00003.jpg\nim00004.jpg\n")


def test_lsp_extended_is_read_in_its_own_format(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    raw = scipy.io.loadmat(tmp_path / "lspet" / "joints.mat")["joints"]
    found = lsp.labels(tmp_path)
    assert "im00002.jpg" not in found and len(found) == 11
    joints_px, annotated = found["im00001.jpg"]
    assert not annotated[3] and not annotated[6] and not annotated[7] and annotated.sum() == 13
    assert joints_px[10] == pytest.approx(raw[6, :2, 0] - 0.5)
    assert joints_px[9] == pytest.approx(raw[13, :2, 0] - 0.5)
    crops = lsp.training_crops(tmp_path, tmp_path / "cache")
    assert len(crops) == 9
    assert len(lsp.training_crops(tmp_path, tmp_path / "cache")) == 9


def test_missing_data_is_named_before_the_first_step(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no LSP-Extended set"):
        lsp.find(tmp_path)


def _train(tmp_path: Path, *extra: str) -> subprocess.Popen[str]:
    command = [
        sys.executable, "main.py", "train", "resources/configs/compact.toml", "--data", str(tmp_path),
        "--out", str(tmp_path / "run"), "--set", "data.rendered=''", "--set", "data.empty=''",
        "--set", "optimiser.batch=4", "--set", "stage.1.weights.depth=0", "--set", "stage.2.weights.depth=0",
        "--set", "run.threads=1", *extra,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    write_lspet(tmp_path / "lspet")
    run = _train(tmp_path, "--set", "run.log_every=1")
    log = tmp_path / "run" / "log.csv"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and log.read_text().count("\n") > 2):
        assert run.poll() is None, run.communicate()[0]
        os.sched_yield()
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 130, output
    assert "--resume" in output and "Traceback" not in output
    steps = len((tmp_path / "run" / "log.csv").read_text().splitlines()) - 1
    assert (tmp_path / "run" / "last.pt").exists() and (tmp_path / "run" / "compact-geo.safetensors").exists()
    short = (
        "--set",
        f"stage.0.iterations={steps + 1}",
        "--set",
        "stage.1.iterations=1",
        "--set",
        "stage.2.iterations=1",
    )
    refused = _train(tmp_path, *short)
    assert "already holds a run" in refused.communicate(timeout=60)[0] and refused.returncode != 0
    resumed = _train(tmp_path, "--resume", *short)
    output, _ = resumed.communicate(timeout=90)
    assert resumed.returncode == 0 and "Done:" in output, output
