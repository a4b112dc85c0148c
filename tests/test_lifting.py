"""Depths corrected by the joints' places: exact symmetries, learned from answers, kept in the checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import Tensor

from core import checkpoint, media, skeleton
from core.errors import UserError
from core.lifting import Lifting
from core.pictorial import KNOTS, Structure
from core.predictor import Predictor
from core.reading import Reading
from tests.training_kit import crop_set
from train import lifting as fitting
from train.fitting import fit_file
from train.metrics import limb_asymmetry_percent
from train.readings import Readings
from train.readings import read as readings_of
from train.sources import Sources

SAMPLES = checkpoint.bundled_folder().parent / "samples"
MIRROR = list(skeleton.MIRROR)


def structure() -> Structure:
    """Return one under which every joint takes its highest peak."""
    ones = torch.ones(8, dtype=torch.float64)
    tables = (torch.zeros(rows, KNOTS, dtype=torch.float64) for rows in (6, 5, 5, 2))
    return Structure(ones, 1e-3 * ones, *tables)


def drawn(seed: int) -> Lifting:
    """Return one that changes depths at random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lifting = Lifting().eval()
        for weight in lifting.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.3)
    return lifting


def seen(seed: int, count: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    places = 2.0 * torch.rand(count, 16, 2, generator=random) - 1.0
    return places, torch.rand(count, 16, generator=random), 0.5 * torch.randn(count, 16, generator=random)


@torch.no_grad()
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_a_mirrored_person_has_the_same_depths_with_the_sides_exchanged(seed: int) -> None:
    lifting, (places, confidence, depth) = drawn(seed), seen(seed)
    mirrored = places[:, MIRROR] * torch.tensor([-1.0, 1.0])
    again = lifting(mirrored, confidence[:, MIRROR], depth[:, MIRROR])
    assert torch.allclose(again, lifting(places, confidence, depth)[:, MIRROR], atol=1e-5)


@torch.no_grad()
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.3, 3.0), st.floats(-0.5, 0.5))
def test_size_and_place_in_the_crop_do_not_count(seed: int, scale: float, shift: float) -> None:
    lifting, (places, confidence, depth) = drawn(seed), seen(seed)
    again = lifting(places * scale + shift, confidence, depth * scale)
    assert torch.allclose(again, lifting(places, confidence, depth) * scale, atol=1e-3)


@torch.no_grad()
def test_until_it_is_fitted_it_passes_depths_on_and_joints_on_one_point_are_survived() -> None:
    places, confidence, depth = seen(0)
    assert torch.equal(Lifting().eval()(places, confidence, depth), depth)
    assert torch.isfinite(drawn(1)(torch.zeros_like(places), confidence, depth)).all()


def people(count: int, seed: int) -> np.ndarray:
    """Return (count, 16, 3) bodies in random poses, all bones of their canonical length, some 0.3 a metre."""
    random = np.random.default_rng(seed)
    joints = np.zeros((count, 16, 3))
    placed = {skeleton.ROOT}
    while len(placed) < skeleton.JOINT_COUNT:
        for bone in skeleton.BONES:
            for start, end in (bone.joints, bone.joints[::-1]):
                if start in placed and end not in placed:
                    way = random.normal(size=(count, 3))
                    length = skeleton.CANONICAL_MM[skeleton.BONES.index(bone)] * 0.3e-3
                    joints[:, end] = joints[:, start] + length * way / np.linalg.norm(way, axis=-1, keepdims=True)
                    placed.add(end)
        if skeleton.JOINT_INDEX["thorax"] not in placed:  # in no bone: halfway between neck and pelvis
            joints[:, skeleton.JOINT_INDEX["thorax"]] = joints[:, skeleton.JOINT_INDEX["upper_neck"]] / 2
            placed.add(skeleton.JOINT_INDEX["thorax"])
    return joints


def readings(photos: int, with_depth: int) -> tuple[Readings, Tensor]:
    """Return what a network answers that sees places exactly and depths badly, and the true depths."""
    truth = torch.from_numpy(people(photos + with_depth, 0))
    noise = 0.1 * torch.randn(truth.shape[:2], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    belief = torch.full((*truth.shape[:2], 1), 0.9, dtype=torch.float64)
    has_depth = torch.arange(len(truth)) >= photos
    told = torch.where(has_depth[:, None], truth[..., 2], 0.0)
    annotated = torch.ones(truth.shape[:2], dtype=torch.bool)
    places = truth[..., :2]
    return Readings(places[:, :, None], belief, truth[..., 2] + noise, places, annotated, told, has_depth), truth[
        ..., 2
    ]


def test_it_learns_from_true_depths_and_the_geometry_loss_makes_both_sides_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "FEWEST", 500)
    monkeypatch.setattr(fitting, "STEPS", 200)
    found, truth = readings(photos=700, with_depth=700)
    held_out = slice(0, 700)  # photos: their depths were never told
    places, depth = found.truth_norm[held_out].float(), found.depth_norm[held_out].float()
    asymmetry = {}
    for geometry in (False, True):
        fitted = fitting.fit(found, structure(), geometry, show=False)
        with torch.no_grad():
            lifted = fitted(places, torch.full((700, 16), 0.9), depth)
        error = (lifted - truth[held_out]).abs().mean()
        assert error < 0.9 * (depth - truth[held_out]).abs().mean()
        joints = torch.cat([places, lifted[..., None]], dim=-1).double().numpy()
        asymmetry[geometry] = np.mean(list(limb_asymmetry_percent(joints).values()))
    assert asymmetry[True] < 0.9 * asymmetry[False]


@pytest.mark.parametrize("geometry", [False, True])
def test_what_is_fitted_after_training_goes_into_the_checkpoint(
    geometry: bool, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "STEPS", 5)
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, checkpoint.load(weights).network, geometry_loss=geometry, record={})
    sets = Sources(crop_set(9, depth=False), crop_set(7, depth=True, seed=1))
    fit_file(path, sets, samples=100, show=False)
    few = checkpoint.load(path)
    assert few.structure is not None and few.lifting is None  # seven people are learned by heart
    monkeypatch.setattr(fitting, "FEWEST", 7)
    fit_file(path, sets, samples=100, show=False)
    weight = fitting.GEOMETRY if geometry else 0.0
    assert few.info.metadata["fitted"] == {"photos": 9, "people": 7, "depths": False, "geometry_weight": weight}
    lifting = checkpoint.load(path).lifting
    assert lifting is not None and float(lifting.last[2].weight.detach().abs().max()) > 0


def test_the_truth_beside_the_answers_is_that_of_the_crop_the_network_saw(weights: Path) -> None:
    people = crop_set(4, depth=True, seed=1)
    found = readings_of(Predictor(checkpoint.load(weights), "cpu"), Sources(None, people), samples=100, show=False)
    # Depth is in the unit of x and y: joined with them, it is the true skeleton but for its size.
    for row in range(4):
        flat = found.truth_norm[row].numpy()
        joints = np.column_stack([flat, found.truth_depth_norm[row].numpy()])
        truth = people.joints_mm[row].astype(np.float64)
        scale = np.linalg.norm(joints - joints[skeleton.ROOT]) / np.linalg.norm(truth - truth[skeleton.ROOT])
        assert np.allclose(joints - joints[skeleton.ROOT], scale * (truth - truth[skeleton.ROOT]), atol=0.02)


def test_too_few_true_depths_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        fitting.fit(readings(photos=3, with_depth=5)[0], structure(), True, show=False)


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_it_survives_the_file_and_leaves_the_network_as_it_was(
    tmp_path: Path, weights: Path, stored: checkpoint.Stored
) -> None:
    path, lifting = tmp_path / "a.safetensors", drawn(3)
    checkpoint.save(path, checkpoint.load(weights).network, geometry_loss=True, record={}, stored=stored)
    before = checkpoint.load(path)
    assert before.lifting is None
    checkpoint.attach(path, structure(), lifting, {})
    after = checkpoint.load(path)
    assert after.lifting is not None and after.structure is not None
    assert after.info.metadata["weights_sha256"] != before.info.metadata["weights_sha256"]
    for name, weight in before.network.state_dict().items():
        assert torch.equal(weight, after.network.state_dict()[name])
    for name, weight in lifting.state_dict().items():
        assert torch.allclose(weight, after.lifting.state_dict()[name], atol=0.01)
    checkpoint.attach(path, structure(), None, {})
    assert checkpoint.load(path).lifting is None


def test_a_damaged_one_is_refused(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(weights.read_bytes())
    checkpoint.attach(path, structure(), drawn(0), {})
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    metadata = checkpoint.describe(path).metadata
    name = "lifting.first.weight"
    for broken in ({name: tensors[name][:, :5].contiguous()}, {name: torch.full_like(tensors[name], torch.nan)}):
        checkpoint.write_file(path, {**tensors, **broken}, metadata)
        with pytest.raises(UserError, match=r"a\.safetensors"):
            checkpoint.load(path)
    missing = {key: tensor for key, tensor in tensors.items() if key != name}
    checkpoint.write_file(path, missing, metadata)
    with pytest.raises(UserError, match="does not hold the weights"):
        checkpoint.load(path)


def test_a_pose_has_corrected_depths_unless_it_is_read_as_the_paper_reads(tmp_path: Path, weights: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(weights.read_bytes())
    image, box = media.read_picture(SAMPLES / "dancing.jpg"), (200.0, 60.0, 500.0, 600.0)
    own = Predictor(checkpoint.load(path), "cpu").predict(image, box)
    checkpoint.attach(path, structure(), drawn(0), {})
    loaded = checkpoint.load(path)
    lifted = Predictor(loaded, "cpu").predict(image, box)
    assert lifted.decoded_by == "limbs" and not np.allclose(lifted.depth_norm, own.depth_norm, atol=1e-3)
    as_the_paper = Predictor(loaded, "cpu", reading=Reading(peaks=True)).predict(image, box)
    assert np.allclose(as_the_paper.depth_norm, own.depth_norm, atol=1e-6)


def test_bundled_depths_are_corrected_with_and_without_the_geometry_loss() -> None:
    assert all(checkpoint.load(name).lifting is not None for name in ("compact-geo", "compact-no-geo"))
