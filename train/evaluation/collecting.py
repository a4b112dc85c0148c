"""Predictions beside truth: every sample of a set through ``Predictor``, the way anyone else would use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core import crop, locate, skeleton
from core.errors import UserError
from core.pose import Pose
from core.predictor import BATCH, Predictor
from train.datasets.crops import Sample
from train.datasets.reading import Problems

FloatArray = NDArray[np.float64]
Row = dict[str, Any]

CROP_PX: Final = 256
"""``_crop`` is the frame of a crop of this side, whatever the network's own is."""


class Collected:
    """Predictions beside truth over N samples, in the order of their names; see ``collect``.

    Attributes:
        names: (N,) samples.
        predicted_px, truth_px: (N, 16, 2).
        annotated: (N, 16) joints with a 2D label.
        confidence: (N, 16) in 0..1.
        predicted_mm: (N, 16, 3); truth_mm: (N, 16, 3), NaN without 3D truth.
        predicted_crop: (N, 16, 3) x, y and depth; truth_crop: (N, 16, 2).
        subjects, actions, scenes: (N,) words, empty where the set does not say.
        head_px: (N,) PCKh's head size, NaN where it is not known.
        whole_confidence: (N,) mean confidence with the whole picture as the box, NaN if that was not asked for.
        box_overlap: (N,) intersection over union of the box that was used and the one of the labels.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        rows = sorted(rows, key=lambda row: str(row["names"]))
        for name in rows[0]:
            setattr(self, name, np.array([row[name] for row in rows]))

    names: NDArray[np.str_]
    predicted_px: FloatArray
    truth_px: FloatArray
    annotated: NDArray[np.bool_]
    confidence: FloatArray
    predicted_mm: FloatArray
    truth_mm: FloatArray
    predicted_crop: FloatArray
    truth_crop: FloatArray
    subjects: NDArray[np.str_]
    actions: NDArray[np.str_]
    scenes: NDArray[np.str_]
    head_px: FloatArray
    whole_confidence: FloatArray
    box_overlap: FloatArray

    def __len__(self) -> int:
        return len(self.predicted_px)


def collect(
    predictor: Predictor, samples: Iterable[Sample], problems: Problems, *, search: bool = False, whole: bool = False,
    show: bool = True,
) -> list[Row]:  # fmt: skip
    """Predict every sample.

    Args:
        predictor: what is measured.
        samples: from ``catalogue.samples``.
        problems: counts the samples that cannot be predicted.
        search: find the person in the picture, as the program does without a box, instead of using the given boxes.
        whole: predict them with the whole picture as the box too, see ``whole_picture``.
        show: whether a progress bar is drawn.

    Returns:
        One row per sample: what ``Collected`` is made of.
    """
    rows: list[Row] = []
    iterator = iter(samples)
    with tqdm(desc="evaluating", unit="picture", disable=not show) as bar:
        while part := list(islice(iterator, 1 if search else BATCH)):
            pairs = list(_predicted(predictor, part, problems, search))
            found = [_row(sample, pose) for sample, pose in pairs]
            if whole:
                for row, score in zip(
                    found, whole_picture(predictor, [sample.image for sample, _ in pairs]), strict=True
                ):
                    row["whole_confidence"] = score
            rows += found
            bar.update(len(part))
    return rows


def whole_picture(predictor: Predictor, images: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Return the mean confidences with the whole picture as the box: the square that the search looks at first."""
    boxes = [locate.windows((image.shape[1], image.shape[0]))[0] for image in images]
    return [pose.mean_confidence for pose in predictor.predict_batch(images, boxes)]


def _predicted(
    predictor: Predictor, part: Sequence[Sample], problems: Problems, search: bool
) -> Iterator[tuple[Sample, Pose]]:
    try:
        images = [sample.image for sample in part]
        if search:
            poses = [predictor.predict(image) for image in images]
        else:
            poses = predictor.predict_batch(images, [sample.box_px for sample in part])
    except UserError as error:
        if len(part) > 1:
            # One of them cannot be predicted: find out which.
            for sample in part:
                yield from _predicted(predictor, [sample], problems, search)
            return
        # The message names the box; the kind of problem must be the same words for all.
        kind = "the box lies outside the picture" if "box" in error.what else "the picture is too small"
        problems.add(kind, part[0].name, error.what_to_do)
    else:
        yield from zip(part, poses, strict=True)


def _row(sample: Sample, pose: Pose) -> Row:
    to_crop, scale = crop.invert(pose.crop_to_picture), CROP_PX / pose.crop_size
    flat = crop.apply(to_crop, pose.joints_px) * scale
    truth_mm = sample.joints_mm
    return {
        "names": sample.name,
        "predicted_px": pose.joints_px,
        "truth_px": sample.joints_px,
        "annotated": sample.annotated,
        "confidence": pose.confidence,
        "predicted_mm": pose.joints_mm,
        "truth_mm": np.full((skeleton.JOINT_COUNT, 3), np.nan) if truth_mm is None else truth_mm,
        # Depth is in half crop widths.
        "predicted_crop": np.column_stack([flat, pose.depth_norm * (CROP_PX / 2)]),
        "truth_crop": crop.apply(to_crop, sample.joints_px) * scale,
        "subjects": sample.subject,
        "actions": sample.action,
        "scenes": sample.scene,
        "head_px": sample.head_px,
        "whole_confidence": np.nan,
        "box_overlap": locate.overlap(pose.box_px, sample.box_px),
    }
