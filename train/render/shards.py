"""Rendered sets on disk: shards of 250 pictures that resume after a kill, written by several processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from train.render.renderer import RenderConfig, Rendered, Renderer

SHARD = 250


def write(config: RenderConfig, out: Path, count: int, workers: int) -> int:
    """Render pictures 0..count-1 into shards, those already there left alone; returns how many were rendered."""
    out.mkdir(parents=True, exist_ok=True)
    spans = [(start, min(start + SHARD, count)) for start in range(0, count, SHARD)]
    missing = [span for span in spans if not is_complete(_path(out, span), span[1] - span[0])]
    jobs = [(config, out, span) for span in missing]
    todo = sum(end - start for start, end in missing)
    with tqdm(total=todo, desc="rendering", unit="picture") as bar:
        for done in _run(jobs, workers):
            bar.update(done)
    return todo


def is_complete(path: Path, count: int) -> bool:
    """Tell whether a shard is there, readable and whole."""
    try:
        with np.load(path) as shard:
            return len(shard["offset"]) == count + 1 and int(shard["offset"][-1]) == len(shard["jpeg"])
    except (OSError, KeyError, ValueError, EOFError):
        return False
    except Exception:  # zipfile raises its own BadZipFile and zlib.error on a truncated file
        return False


def pack(pictures: list[Rendered]) -> dict[str, NDArray[np.generic]]:
    """Turn pictures into the arrays of a shard."""
    streams = [_jpeg(picture) for picture in pictures]
    return {
        "jpeg": np.concatenate(streams),
        "offset": np.cumsum([0, *(len(stream) for stream in streams)], dtype=np.int64),
        "joints_px": np.stack([picture.joints_px for picture in pictures]).astype(np.float32),
        "joints_mm": np.stack([picture.joints_mm for picture in pictures]).astype(np.float32),
        "visible": np.stack([picture.visible for picture in pictures]),
        "body": np.array([picture.body for picture in pictures], dtype=np.int64),
        "clip": np.array([picture.clip for picture in pictures], dtype=np.int64),
        "scene": np.array([picture.scene for picture in pictures]),
        "stature_mm": np.array([picture.stature_mm for picture in pictures], dtype=np.float32),
    }


def _run(jobs: list[tuple[RenderConfig, Path, tuple[int, int]]], workers: int) -> Iterator[int]:
    if workers <= 1:
        yield from map(_write_shard, jobs)
        return
    # spawn: an OpenGL context must never be forked
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_write_shard, jobs)


def _write_shard(job: tuple[RenderConfig, Path, tuple[int, int]]) -> int:
    config, out, (start, end) = job
    renderer = _renderer(config)
    path = _path(out, (start, end))
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, **pack([renderer.render(index) for index in range(start, end)]))  # type: ignore[arg-type]
    os.replace(partial, path)
    return end - start


@lru_cache(maxsize=1)
def _renderer(config: RenderConfig) -> Renderer:
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return Renderer(config)


def _path(out: Path, span: tuple[int, int]) -> Path:
    return out / f"shard-{span[0] // SHARD:05d}.npz"


def _jpeg(picture: Rendered) -> NDArray[np.uint8]:
    bgr = cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR)
    _, stream = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, picture.quality])
    return np.asarray(stream, dtype=np.uint8).ravel()
