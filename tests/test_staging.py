"""Training data sent in parts arrives whole, in any order, and trains; a file comes back as it was."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.training_kit import crop_set, start
from train import staging
from train.datasets.crops import LABELS, CropSet


def smooth_set(count: int, depth: bool) -> CropSet:
    source = crop_set(count, depth)
    for image in source.images:
        cv2.GaussianBlur(image, (0, 0), 5, dst=image)
    return source


def test_parts_arrive_in_any_order_and_make_the_set_again(tmp_path: Path) -> None:
    source = smooth_set(11, depth=True)
    parts = staging.pack(source, "rendered", tmp_path / "parts", part_mb=0.02)
    assert len(parts) >= 3 and all(part.stat().st_size < 0.02e6 + 30_000 for part in parts)
    for number, part in enumerate(reversed(parts)):
        parcel = tmp_path / f"parcel{number}"
        parcel.mkdir()
        part.rename(parcel / part.name)
        assert not CropSet.is_there(tmp_path / "there" / "rendered")
        there, total = staging.unpack(parcel, tmp_path / "there")["rendered"]
        assert total == 11 and staging.unpack(parcel, tmp_path / "there")["rendered"] == (there, total)
    found = CropSet.open(tmp_path / "there" / "rendered")
    assert len(found) == 11
    for name in LABELS:
        assert np.array_equal(getattr(found, name), getattr(source, name)), name
    assert np.abs(found.images.astype(int) - source.images.astype(int)).mean() < 3.0


def test_a_damaged_part_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (part,) = staging.pack(smooth_set(3, depth=False), "photos", tmp_path)
    part.write_bytes(part.read_bytes()[:2000])
    assert staging.main(["unpack", str(tmp_path), "--to", str(tmp_path / "there")]) == 1
    assert "is damaged: send that part again" in capsys.readouterr().err


FULL = """
import resource, sys
from train import staging
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
sys.exit(staging.main(sys.argv[1:]))
"""


def test_a_full_disk_is_told_and_the_parts_can_be_unpacked_again(tmp_path: Path) -> None:
    source, words = smooth_set(3, depth=False), ["unpack", str(tmp_path / "parts"), "--to", str(tmp_path / "there")]
    staging.pack(source, "photos", tmp_path / "parts")
    full = start(["-c", FULL, *words])
    output, _ = full.communicate(timeout=60)
    assert full.returncode == 1 and "photos could not be written" in output and "Traceback" not in output, output
    assert not CropSet.is_there(tmp_path / "there" / "photos")
    assert staging.main(words) == 0
    found = CropSet.open(tmp_path / "there" / "photos")
    assert np.abs(found.images.astype(int) - source.images.astype(int)).mean() < 3.0


def test_a_file_split_and_joined_is_the_same(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(250_000)
    (tmp_path / "weights.bin").write_bytes(content)
    parts = staging.split(tmp_path / "weights.bin", tmp_path / "parts", part_mb=0.1)
    assert [part.stat().st_size for part in parts] == [100_000, 100_000, 50_000]
    (tmp_path / "back").mkdir()
    assert staging.join(parts[0], tmp_path / "back").read_bytes() == content
