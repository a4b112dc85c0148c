"""Can the confidence tell that nobody is there? Pictures with people against pictures without.

Both are seen alike: whole, in the centred square whose side is the picture's longer one, which is also the first
window of the search (``core.locate``). A picture's score is the mean over 16 joints of their peak confidences.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.errors import UserError
from core.predictor import BATCH, SMALLEST_SIDE_PX, Predictor
from core.sharding import Share
from train import metrics
from train.datasets import empty
from train.datasets.reading import Problems, picture_or_problem
from train.evaluation import intervals
from train.evaluation.collecting import Collected, whole_picture
from train.evaluation.shared import Figures


def scores(predictor: Predictor, folder: Path, problems: Problems, share: Share, everything: bool) -> list[float]:
    """Return the mean confidences on this process's share of the pictures below a folder.

    Args:
        predictor: what is measured.
        folder: pictures without people.
        problems: counts those that cannot be predicted.
        share: which of them this process takes.
        everything: not only those that training holds out.

    Raises:
        UserError: there is no picture.
    """
    files = empty.pictures(folder, held_out=True) + (empty.pictures(folder, held_out=False) if everything else [])
    if not files:
        raise UserError(f"{folder} holds no pictures that training holds out", "add --empty-all if none was trained on")
    mine = share.take(files)
    out: list[float] = []
    with tqdm(desc="without people", total=len(mine), unit="picture", disable=not share.leads) as bar:
        for start in range(0, len(mine), BATCH):
            part = mine[start : start + BATCH]
            pictures = []
            for path in part:
                name = f"{folder.name}/{path.relative_to(folder)}"
                picture = picture_or_problem(path, name, problems)
                if picture is not None and min(picture.shape[:2]) < SMALLEST_SIDE_PX:
                    problems.add("the picture is too small", name)
                elif picture is not None:
                    pictures.append(picture)
            out += whole_picture(predictor, pictures)
            bar.update(len(part))
    return out


def figures(found: Collected, scored: list[float], folder: Path, everything: bool) -> Figures:
    """Return the area under the ROC curve of people against empty pictures.

    Raises:
        UserError: no picture without people could be read.
    """
    if not scored:
        raise UserError(f"none of the pictures in {folder} can be read", "give --empty another folder")
    nobody: NDArray[np.float64] = np.sort(np.array(scored))
    in_boxes = found.confidence.mean(1)
    return {
        "folder": folder.name,
        "pictures": len(nobody),
        "which": "all" if everything else "those that training holds out, one in five by name",
        "protocol": "mean peak confidence with the whole centred square as the box, people and empty pictures alike",
        "mean_confidence_people": float(found.whole_confidence.mean()),
        "mean_confidence_empty": float(nobody.mean()),
        "roc_auc": metrics.roc_auc(found.whole_confidence, nobody),
        "roc_auc_95_percent": intervals.of_roc_auc(found.whole_confidence, nobody),
        "mean_confidence_people_in_their_boxes": float(in_boxes.mean()),
        "roc_auc_people_in_their_boxes": metrics.roc_auc(in_boxes, nobody),
    }
