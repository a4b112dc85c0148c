"""Training data in parts, for a machine that is reached only through small parcels (a rented GPU, say).

``pack`` writes decoded crops as JPEG into parts of a given size; ``unpack``, run once for each parcel over there,
decodes them into one array that training maps directly (``data.photos`` or ``data.rendered`` = that folder), whichever
order the parts come in. ``split`` and ``join`` do the same for a file on its way back.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import RunError, UserError
from train import tool
from train.datasets.crops import CROP_BYTES, LABELS, CropSet, write_header

QUALITY = 92
PART_MB = 55.0
RETURN_MB = 15.0


def pack(source: CropSet, name: str, out: Path, part_mb: float = PART_MB) -> list[Path]:
    """Write a set as ``NAME-00000.part.npz`` and so on; returns the parts."""
    out.mkdir(parents=True, exist_ok=True)
    parts: list[Path] = []
    for start, streams in _batches(source, part_mb * 1e6):
        end = start + len(streams)
        arrays: dict[str, Any] = {field: getattr(source, field)[start:end] for field in LABELS}
        path = out / f"{name}-{len(parts):05d}.part.npz"
        arrays["jpeg"] = np.concatenate(streams)
        arrays["offset"] = np.cumsum([0, *map(len, streams)], dtype=np.int64)
        arrays["span"] = np.array([start, end, len(source)])
        parts.append(_save(path, arrays))
    return parts


def unpack(parts: Path, to: Path) -> dict[str, tuple[int, int]]:
    """Decode every part of a folder into ``TO/NAME/``; returns name -> (samples there now, samples in all).

    Parts that are already there are skipped; the set can be opened when all of them are.

    Raises:
        UserError: the folder holds no parts, or one is damaged.
        RunError: the disk is full; what came whole stays.
    """
    files = sorted(parts.glob("*.part.npz"))
    if not files:
        raise UserError(f"{parts} holds no parts", "make them with `python -m train.staging pack`")
    state = {}
    for path in files:
        name = path.name.rsplit("-", 1)[0]
        state[name] = _unpack_one(path, to / name)
    return state


def split(path: Path, out: Path, part_mb: float = RETURN_MB) -> list[Path]:
    """Cut a file into ``NAME.000``, ``NAME.001``, ... of at most this size."""
    out.mkdir(parents=True, exist_ok=True)
    size = int(part_mb * 1e6)
    parts: list[Path] = []
    with path.open("rb") as file:
        while chunk := file.read(size):
            part = out / f"{path.name}.{len(parts):03d}"
            part.write_bytes(chunk)
            parts.append(part)
    return parts


def join(first: Path, to: Path) -> Path:
    """Put the parts that start with ``NAME.000`` together again.

    Raises:
        UserError: there is no first part.
    """
    name = first.name.removesuffix(".000")
    parts = sorted(first.parent.glob(f"{name}.[0-9][0-9][0-9]"))
    if not first.name.endswith(".000") or not parts or parts[0] != first:
        raise UserError(f"{first} is not the first part of a file", "give the part that ends in .000")
    target = to / name if to.is_dir() else to
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        for part in parts:
            file.write(part.read_bytes())
    os.replace(partial, target)
    return target


def _save(path: Path, arrays: dict[str, Any]) -> Path:
    """Write arrays whole or not at all; returns the path."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(partial, path)
    return path


def _batches(source: CropSet, most_bytes: float) -> Iterator[tuple[int, list[NDArray[np.uint8]]]]:
    streams: list[NDArray[np.uint8]] = []
    start = size = 0
    for index in range(len(source)):
        bgr = cv2.cvtColor(np.ascontiguousarray(source.images[index]), cv2.COLOR_RGB2BGR)
        stream = np.asarray(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1], np.uint8).ravel()
        if streams and size + len(stream) > most_bytes:
            yield start, streams
            start, size, streams = index, 0, []
        streams.append(stream)
        size += len(stream)
    if streams:
        yield start, streams


def _unpack_one(path: Path, folder: Path) -> tuple[int, int]:
    try:
        # Opened here, because np.load leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as part:
            arrays = {name: part[name] for name in part.files}
        start, end, total = (int(value) for value in arrays["span"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"{path.name} is damaged", "send that part again") from error
    done = folder / f"labels-{start:07d}.npz"
    if not done.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _decode(arrays, path.name, folder / "images.npy", range(start, end), total)
            _save(done, {name: arrays[name] for name in LABELS})
        except OSError as error:
            raise RunError(
                f"{folder} could not be written ({error.strerror or error})",
                f"make room for {total * CROP_BYTES / 1e9:.1f} GB there and unpack again",
            ) from error
    return _finish(folder, total), total


def _decode(arrays: dict[str, Any], name: str, images: Path, rows: range, total: int) -> None:
    """Write a part's pictures into their places among all, by plain writes: ``crops._write`` says why."""
    if not images.exists():
        partial = images.with_name(images.name + ".partial")
        with partial.open("wb") as begun:
            write_header(begun, total)
            begun.truncate(begun.tell() + total * CROP_BYTES)
        os.replace(partial, images)
    offset = arrays["offset"]
    first = int(np.load(images, mmap_mode="r").offset)
    with images.open("r+b") as file, ThreadPoolExecutor() as pool:

        def decode(row: int) -> None:
            bgr = cv2.imdecode(arrays["jpeg"][offset[row] : offset[row + 1]], cv2.IMREAD_COLOR)
            if bgr is None:
                raise UserError(f"{name} is damaged", "send that part again")
            pixels = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).tobytes()
            if os.pwrite(file.fileno(), pixels, first + (rows.start + row) * CROP_BYTES) < len(pixels):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        list(pool.map(decode, range(len(rows))))
        os.fsync(file.fileno())


def _finish(folder: Path, total: int) -> int:
    """Write ``labels.npz`` when every part has come; returns how many samples are there."""
    pieces = [dict(np.load(piece)) for piece in sorted(folder.glob("labels-*.npz"))]
    there = sum(len(piece["annotated"]) for piece in pieces)
    if there == total and not CropSet.is_there(folder):
        _save(folder / "labels.npz", {name: np.concatenate([piece[name] for piece in pieces]) for name in LABELS})
    return there


def main(words: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.staging", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    packing = steps.add_parser("pack", help="write a crop set (a folder of a run's cache) as parts")
    packing.add_argument("source", type=Path)
    packing.add_argument("--name", required=True, help="photos or rendered, say")
    packing.add_argument("--out", type=Path, required=True)
    packing.add_argument("--part-mb", type=float, default=PART_MB)
    unpacking = steps.add_parser("unpack", help="decode the parts of a folder")
    unpacking.add_argument("parts", type=Path)
    unpacking.add_argument("--to", type=Path, required=True)
    splitting = steps.add_parser("split", help="cut a file into parts")
    splitting.add_argument("file", type=Path)
    splitting.add_argument("--out", type=Path, required=True)
    splitting.add_argument("--part-mb", type=float, default=RETURN_MB)
    joining = steps.add_parser("join", help="put a file's parts together")
    joining.add_argument("first", type=Path, help="the part that ends in .000")
    joining.add_argument("--to", type=Path, required=True)
    args = parser.parse_args(words)
    return tool.finished(lambda: _do(args))


def _do(args: argparse.Namespace) -> None:
    if args.step == "pack":
        for part in pack(CropSet.open(args.source), args.name, args.out, args.part_mb):
            print(part)
    elif args.step == "unpack":
        for name, (there, total) in unpack(args.parts, args.to).items():
            print(f"{name}: {there} of {total} samples")
    elif args.step == "split":
        for part in split(args.file, args.out, args.part_mb):
            print(part)
    else:
        print(join(args.first, args.to))


if __name__ == "__main__":
    sys.exit(main())
