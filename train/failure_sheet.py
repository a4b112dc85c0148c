"""Draws how a checkpoint fails: one small picture beside it, with a typical example of each kind (``train.failures``).

``python -m train.card NAME --failures`` makes it anew. No photograph is in it: the people are rendered, places are
drawn, and poses come from the bundled prior.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill
from typing import Final

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import NDArray
from tqdm import tqdm

from core import checkpoint, skeleton
from core.export import write_atomically
from core.figure import FONT, INK, LINE, PLAIN, QUIET, SIDE_COLOURS, UNSURE, bare, photo, region
from core.pose import Pose
from core.predictor import Predictor
from train import metrics
from train.datasets import rendered
from train.datasets.crops import Sample
from train.datasets.reading import Problems
from train.evaluation.collecting import Collected, collect
from train.failures import Failures, Kind, kinds_of, picture_path, true_sized
from train.render import shards
from train.render.renderer import RenderConfig

FloatArray = NDArray[np.float64]
Picture = NDArray[np.uint8]

PEOPLE: Final = 120
SEED: Final = 4
JPEG_QUALITY: Final = 70
_SIZE_IN: Final = (8.8, 8.5)
_DPI: Final = 110
_TRUTH: Final = "#aab1bd"
_ROWS: Final = ("the truth", "what it sees", "in 3D, from the side")


@dataclass(frozen=True, eq=False)
class Example:
    """One person, the truth, and what the checkpoint made of it.

    Attributes:
        image: (h, w, 3) RGB, square.
        pose: what the checkpoint sees.
        truth_px: (16, 2).
        truth_mm: (16, 3).
    """

    image: Picture
    pose: Pose
    truth_px: FloatArray
    truth_mm: FloatArray


def write(path: Path, people: Path | None = None) -> Path:
    """Render people, see how a checkpoint fails on them, and write the picture, and what it shows, beside it.

    Args:
        path: the checkpoint's file.
        people: folder where the rendered people stay, to be used again; None throws them away.

    Returns:
        The picture.

    Raises:
        UserError: the ``render`` extra is missing, or ``people`` holds others.
    """
    loaded = checkpoint.load(path)
    with TemporaryDirectory() if people is None else nullcontext(people) as folder:
        samples = {sample.name: sample for sample in render(Path(folder))}
    # What is published should come out the same on every machine: no bfloat16.
    predictor = Predictor(loaded, "cpu", precision="float32")
    found = Collected(collect(predictor, samples.values(), Problems("rendered", "stop")))
    kinds = kinds_of(found)
    examples = [_example(predictor, samples.get(kind.shown)) for kind in kinds]
    of = f"{len(found)} rendered people. Shown of each kind: the one in the middle by 3D error"
    failures = Failures(loaded.info.metadata["weights_sha256"], PEOPLE, SEED, len(found), kinds)
    picture = picture_path(path)
    write_atomically(picture, _jpeg(draw(loaded.info.name, of, kinds, examples)))
    # Last: a picture is shown only when this says that these weights failed so.
    write_atomically(picture.with_suffix(".json"), f"{json.dumps(asdict(failures), indent=1)}\n".encode())
    return picture


def render(folder: Path) -> list[Sample]:
    """Render people of the test split, where they are not there yet; return those who are wholly in the picture."""
    with tqdm(total=PEOPLE, unit="picture", desc="rendering", smoothing=0.05) as bar:
        shards.write(RenderConfig(split="test", seed=SEED), folder, PEOPLE, advance=bar.update)
    return [sample for sample in rendered.samples(folder, "stop") if sample.annotated.all()]


def _example(predictor: Predictor, sample: Sample | None) -> Example | None:
    if sample is None or sample.joints_mm is None:
        return None
    pose = predictor.predict(sample.image, sample.box_px)
    return Example(sample.image, pose, sample.joints_px, sample.joints_mm)


def draw(name: str, of: str, kinds: Sequence[Kind], examples: Sequence[Example | None]) -> Figure:
    """Draw a column for each kind: the truth, what the checkpoint sees, both in 3D.

    Args:
        name: of the checkpoint.
        of: who was looked at, in a line.
        kinds: at most four.
        examples: of each kind, None where nobody fails so.
    """
    figure = Figure(figsize=_SIZE_IN, facecolor="white", dpi=_DPI)
    FigureCanvasAgg(figure)
    _heading(figure, f"How {name} fails", of)
    left, width, gap = 0.035, 0.228, 0.0135
    height = width * _SIZE_IN[0] / _SIZE_IN[1]
    bottoms = [0.81 - (row + 1) * height - row * 0.012 for row in range(len(_ROWS))]
    for word, bottom in zip(_ROWS, bottoms, strict=True):
        middle = bottom + height / 2
        figure.text(0.017, middle, word, size=10, color=QUIET, rotation=90, va="center", ha="center", **PLAIN)
    for column, (kind, example) in enumerate(zip(kinds, examples, strict=True)):
        x = left + column * (width + gap)
        figure.text(x, 0.908, fill(kind.title, 20), size=11.5, weight="bold", color=INK, va="top", **PLAIN)
        figure.text(x, 0.857, fill(kind.rate, 32), size=8.7, color=QUIET, va="top", **PLAIN)
        figure.text(x, bottoms[-1] - 0.012, fill(kind.told, 28), size=9.5, color=INK, va="top", **PLAIN)
        _column([figure.add_axes((x, bottom, width, height)) for bottom in bottoms], example)
    return figure


def _heading(figure: Figure, title: str, of: str) -> None:
    figure.text(0.035, 0.968, title, size=15, weight="bold", color=INK, va="center", **PLAIN)
    figure.text(0.035, 0.937, of, size=9, color=QUIET, va="center", **PLAIN)
    legend = [(side, "●", colour) for side, colour in SIDE_COLOURS.items()]
    legend += [(f"confidence under {UNSURE}", "○", QUIET), ("truth in 3D", "▬", _TRUTH)]
    for x, (word, mark, colour) in zip((0.43, 0.507, 0.573, 0.66, 0.872), legend, strict=True):
        figure.text(x, 0.968, mark, size=11, color=colour, va="center", **PLAIN)
        figure.text(x + 0.02, 0.968, word, size=9.5, color=QUIET, va="center", **PLAIN)


def _column(rows: Sequence[Axes], example: Example | None) -> None:
    """Draw an example into the axes of the three rows; without one, say so."""
    if example is None:
        for axes in rows:
            bare(axes)
        rows[1].text(0.5, 0.5, "nobody to show", size=10, color=QUIET, ha="center", va="center", **PLAIN)
        return
    part = _square(example)
    truth = replace(example.pose, joints_px=example.truth_px, confidence=np.ones(skeleton.JOINT_COUNT))
    photo(rows[0], example.image, truth, part)
    photo(rows[1], example.image, example.pose, part)
    _space(rows[2], example)


def _square(example: Example) -> tuple[int, int, int, int]:
    """Return the smallest square part of a square picture, (left, top, right, bottom), that shows person and pose."""
    side = len(example.image)
    left, top, right, bottom = region(example.pose)
    size = max(right - left, bottom - top)
    x, y = (min(max((low + high - size) // 2, 0), side - size) for low, high in ((left, right), (top, bottom)))
    return x, y, x + size, y + size


def _space(axes: Axes, example: Example) -> None:
    """Draw truth and prediction from the person's right in the picture's frame: z to the right, y down."""
    truth = metrics.root_aligned(example.truth_mm[None])[0]
    lifted = true_sized(example.pose.joints_mm[None], example.truth_mm[None])[0]
    both = np.vstack([truth, lifted])[:, [2, 1]]
    low, high = both.min(axis=0), both.max(axis=0)
    middle, half = (low + high) / 2, 0.58 * float((high - low).max())
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] + 1.1 * half, middle[1] - 0.9 * half)  # room for the words below
    axes.set_facecolor("#f7f8fa")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(LINE)
    axes.text(0.97, 0.03, "away from the camera →", transform=axes.transAxes, size=7.5, color=QUIET, ha="right",
              family=FONT)  # fmt: skip
    for bone in skeleton.BONES:
        ends = truth[list(bone.joints)]
        axes.plot(ends[:, 2], ends[:, 1], color=_TRUTH, linewidth=5.5, solid_capstyle="round", zorder=1)
    for bone in skeleton.BONES:
        ends = lifted[list(bone.joints)]
        axes.plot(
            ends[:, 2], ends[:, 1], color=SIDE_COLOURS[bone.side], linewidth=2.6, solid_capstyle="round", zorder=2,
            path_effects=[Stroke(linewidth=4.0, foreground="white"), Normal()],
        )  # fmt: skip


def _jpeg(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    picture = cv2.imdecode(np.frombuffer(drawn.getvalue(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "matplotlib wrote it"
    done, stream = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG")
    return stream.tobytes()
