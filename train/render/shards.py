"""Rendered pictures and their truth on disk: shards that are whole or absent, rendered by one or several processes."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from train.render.renderer import RenderConfig, Rendered, Renderer

SHARD = 250
"""Pictures in a shard; the last one of a set may hold fewer."""
KEYS = ("jpeg", "offset", "joints_px", "joints_mm", "visible", "body", "clip", "scene", "stature_mm")
"""What every shard holds; newer ones also tell ``subject``, ``action`` and ``other_px``."""


@dataclass(frozen=True)
class ShardSpec:
    """One shard of a set.

    Attributes:
        path: where it is written.
        first: index of its first picture.
        count: how many pictures it holds.
    """

    path: Path
    first: int
    count: int


VERSION = 3
"""Counts up when the same settings give other pictures, so that no set is ever a mixture of two versions."""


def plan(folder: Path, count: int) -> list[ShardSpec]:
    """Cut ``count`` pictures into shards."""
    return [
        ShardSpec(folder / f"shard-{first // SHARD:05d}.npz", first, min(SHARD, count - first))
        for first in range(0, count, SHARD)
    ]


def record_of(config: RenderConfig) -> str:
    """Return the settings that decide what a picture looks like, as JSON."""
    return json.dumps(
        {
            "version": VERSION,
            "scene": config.scene,
            "split": config.split,
            "seed": config.seed,
            "size_px": list(config.size_px),
            "poses": config.poses.name if config.poses else None,
            "photographs": config.backgrounds is not None,
            # Sets that were made before there was a choice do not tell.
            **({"together": config.together} if config.together else {}),
        },
        sort_keys=True,
    )


def missing(specs: Iterable[ShardSpec], config: RenderConfig) -> list[ShardSpec]:
    """Return the shards that are absent, cut short or unreadable and have to be rendered.

    Raises:
        UserError: a complete shard was rendered with other settings.
    """
    out = []
    for spec in specs:
        found = _whole(spec.path)
        if found is None or found[0] != spec.count:
            out.append(spec)
        elif found[1] and found[1] != record_of(config):
            raise UserError(
                f"{spec.path} was rendered with other settings", "give another --out, or the settings it was begun with"
            )
    return out


def _whole(path: Path) -> tuple[int, str] | None:
    """Return (pictures, record) of a readable shard, None for anything else."""
    try:
        # opened here, because numpy leaves a file open that is no archive
        with path.open("rb") as file, np.load(file) as shard:
            arrays = {name: shard[name] for name in KEYS}
            record = str(shard["record"]) if "record" in shard.files else ""
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    count = len(arrays["joints_px"])
    if arrays["offset"].shape != (count + 1,) or arrays["offset"][-1] != len(arrays["jpeg"]):
        return None
    return count, record


def pack(pictures: Iterable[Rendered], record: str) -> dict[str, NDArray[Any]]:
    """Turn pictures into the arrays of a shard; ``offset[i]:offset[i + 1]`` is picture i in ``jpeg``."""
    items = list(pictures)
    streams = []
    for item in items:
        parameters = [cv2.IMWRITE_JPEG_QUALITY, item.quality]
        done, stream = cv2.imencode(".jpg", cv2.cvtColor(item.image, cv2.COLOR_RGB2BGR), parameters)
        if not done:
            raise RuntimeError("OpenCV could not encode a JPEG")
        streams.append(stream.ravel())
    return {
        "jpeg": np.concatenate(streams).astype(np.uint8),
        "offset": np.cumsum([0, *(len(stream) for stream in streams)]).astype(np.int64),
        "joints_px": np.array([item.joints_px for item in items], dtype=np.float32),
        "joints_mm": np.array([item.joints_mm for item in items], dtype=np.float32),
        "other_px": np.array([item.other_px for item in items], dtype=np.float32),
        "visible": np.array([item.visible for item in items], dtype=bool),
        "body": np.array([item.body for item in items], dtype=np.int64),
        "clip": np.array([item.clip for item in items], dtype=np.int64),
        "scene": np.array([item.scene for item in items]),
        "subject": np.array([item.subject for item in items]),
        "action": np.array([item.action for item in items]),
        "stature_mm": np.array([item.stature_mm for item in items], dtype=np.float32),
        "record": np.array(record),
    }


def save(path: Path, arrays: dict[str, NDArray[Any]], compress: bool = False) -> None:
    """Write arrays under a temporary name, then put the file in place, so that a shard is never half there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            (np.savez_compressed if compress else np.savez)(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes a name for allow_pickle
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def decode(path: Path, index: int) -> NDArray[np.uint8]:
    """Read picture ``index`` of a shard: (h, w, 3) RGB."""
    with np.load(path) as shard:
        start, end = shard["offset"][index : index + 2]
        decoded = cv2.imdecode(shard["jpeg"][start:end], cv2.IMREAD_COLOR)
    if decoded is None:
        raise UserError(f"picture {index} of {path} cannot be read", "delete the shard and render it again")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def write(
    config: RenderConfig, folder: Path, count: int, workers: int = 1, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Render every shard that is not there yet; a second call goes on where the first was stopped.

    Args:
        config: what to render.
        folder: where the shards go; made if need be.
        count: pictures in the whole set.
        workers: processes, each with an OpenGL context of its own.
        advance: called with the number of pictures done since the last call.

    Returns:
        How many pictures were rendered now.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made", "give a folder that can be written to") from error
    specs = plan(folder, count)
    todo = missing(specs, config)
    rendered = sum(spec.count for spec in todo)
    advance(sum(spec.count for spec in specs) - rendered)
    if not todo:
        return 0
    if workers <= 1 or len(todo) == 1:
        renderer = Renderer(config)
        for spec in todo:
            _fill(renderer, spec, config, advance)
    else:
        _render_in_processes(todo, config, min(workers, len(todo)), advance)
    return rendered


def _fill(renderer: Renderer, spec: ShardSpec, config: RenderConfig, advance: Callable[[int], object]) -> None:
    pictures = []
    for index in range(spec.first, spec.first + spec.count):
        pictures.append(renderer.render(index))
        advance(1)
    save(spec.path, pack(pictures, record_of(config)))


_renderer: Renderer | None = None
_counter: Synchronized[int] | None = None


def _start_worker(counter: Synchronized[int]) -> None:
    global _counter
    cv2.setNumThreads(1)
    _counter = counter


def _work(spec: ShardSpec, config: RenderConfig) -> tuple[str, str] | None:
    """Render one shard in a worker; a user's mistake comes back as its two halves, for exceptions travel badly."""
    global _renderer
    try:
        if _renderer is None:
            _renderer = Renderer(config)
        _fill(_renderer, spec, config, _count)
    except UserError as error:
        return error.what, error.what_to_do
    return None


def _count(pictures: int) -> None:
    assert _counter is not None
    with _counter.get_lock():
        _counter.value += pictures


def _render_in_processes(
    todo: list[ShardSpec], config: RenderConfig, workers: int, advance: Callable[[int], object]
) -> None:
    # One thread a process: the maths libraries would otherwise fight over the same cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    counter: Synchronized[int] = context.Value("i", 0)
    seen = 0
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(counter,))
    try:
        pending: set[Future[tuple[str, str] | None]] = {executor.submit(_work, spec, config) for spec in todo}
        while pending:
            done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            now = counter.value
            advance(now - seen)
            seen = now
            for future in done:
                mistake = future.result()
                if mistake is not None:
                    raise UserError(*mistake)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
