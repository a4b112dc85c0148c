"""Comparisons as plain dictionaries and JSON: the printed tables and the window read the same entries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core import export, skeleton
from core.compare import LETTERS, Comparison
from core.compare_many import Distribution, Summary, bin_edges, summarise
from core.made import KEYS
from core.pose import Bone, Pose

SCHEMA: Final = "bonesight.comparison/1"
MOST_ROWS: Final = 10
"""Of a summary's ranking, so many are printed and shown in reports; the JSON has all."""
UNITS: Final[dict[str, str]] = {
    **{key: export.UNITS[key] for key in ("joints_px", "box_px", "confidence", "joints_mm", "length_mm", "ratio")},
    **{key: export.UNITS[key] for key in ("deviation_percent", "left_right_percent", "loss", "time_s", "height_mm")},
    "distance_px": "pixels of the picture between A's joint and B's, in others C's or D's",
    "distance_mm": "millimetres between A's joint and B's, in others C's or D's, both from the pelvis",
    "angle_degrees": "degrees between the two directions of the bone that leads to the joint; null without one",
    "difference": "B minus A, in others C or D minus A",
    "bin_edges_percent": "percent; what is beyond the last edge is in the last bin",
}


def entry(
    poses: Sequence[Pose],
    comparisons: Sequence[Comparison],
    source: str | Path,
    frame: int = 0,
    time_s: float | None = None,
) -> dict[str, Any]:
    """Turn comparisons with A into one JSON-ready entry of ``comparisons``; joints and bones as in the skeleton.

    With two models, B's differences stand in the entry itself; those of C and D, where there are any, under ``others``.

    Args:
        poses: what was compared, A's first.
        comparisons: from ``compare_all``.
        source, frame, time_s: as for ``export.entry``.
    """
    sides = [export.entry(pose, source, frame, time_s) for pose in poses]
    shared = ("input", "frame", "time_s", "picture_size_px", "box_px", "located_by", "refined")
    own = (*KEYS, "joints_px", "confidence", "joints_mm", "geometry")
    item = {key: sides[0][key] for key in shared}
    item |= {letter: {key: side[key] for key in own} for letter, side in zip(letters(len(poses)), sides, strict=True)}
    item |= differences(comparisons[0])
    if len(poses) > 2:
        others = zip(letters(len(poses))[2:], comparisons[1:], strict=True)
        item["others"] = {letter: _others_differences(letter, found) for letter, found in others}
    return item


def letters(count: int) -> tuple[str, ...]:
    """Return the keys of so many models: a, b and so on."""
    return tuple(LETTERS[:count].lower())


def pair(item: Mapping[str, Any], letter: str) -> Mapping[str, Any]:
    """Return an entry of several models as the entry of A and one other, which stands in B's place."""
    if letter == "b":
        return item
    told = item["others"][letter]
    bones = [
        {"name": bone["name"], "a": of_b["a"], "b": bone[letter], "difference": bone["difference"]}
        for bone, of_b in zip(told["bones"], item["bones"], strict=True)
    ]
    return {**item, "b": item[letter], "joints": told["joints"], "bones": bones, "mean": told["mean"]}


def pairs(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return ``pair`` for every model but A, by its key."""
    return {letter: pair(item, letter) for letter in ("b", *item.get("others", {}))}


def differences(comparison: Comparison) -> dict[str, Any]:
    """Turn what two poses differ in into JSON-ready ``joints``, ``bones`` and ``mean``, rounded as they are shown."""
    return {
        "joints": [
            {
                "name": joint.name,
                "distance_px": round(joint.distance_px, 2),
                "distance_mm": round(joint.distance_mm, 2),
                "angle_degrees": None if joint.angle_degrees is None else round(joint.angle_degrees, 2),
            }
            for joint in comparison.joints
        ],
        "bones": [
            {
                "name": bone.name,
                "a": _bone(bone.a),
                "b": _bone(bone.b),
                "difference": {
                    "length_mm": _signed(bone.length_mm),
                    "deviation_percent": _signed(bone.deviation_percent),
                    "left_right_percent": _signed(bone.left_right_percent),
                },
            }
            for bone in comparison.bones
        ],
        "mean": {
            "distance_px": round(comparison.mean_px, 2),
            "distance_mm": round(comparison.mean_mm, 2),
            "angle_degrees": round(comparison.mean_degrees, 2),
        },
    }


def _others_differences(letter: str, comparison: Comparison) -> dict[str, Any]:
    """Return ``differences`` with each bone of that model alone: A's stand in the entry already."""
    found = differences(comparison)
    bones = [{"name": bone["name"], letter: bone["b"], "difference": bone["difference"]} for bone in found["bones"]]
    return {**found, "bones": bones}


def worst_first(joints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the ``joints`` of an entry, those that differ most in millimetres first."""
    return sorted(joints, key=lambda joint: -float(joint["distance_mm"]))


def summary(
    comparisons: Sequence[Sequence[Comparison]], entries: Sequence[Mapping[str, Any]], models: int = 2
) -> dict[str, Any]:
    """Turn many comparisons into the JSON-ready ``summary``.

    Args:
        comparisons: from ``compare_all``, of each entry.
        entries: the entry of each.
        models: how many were compared.
    """
    found = [summarise([each[place] for each in comparisons]) for place in range(models - 1)]
    told: dict[str, Any] = {
        "count": found[0].count,
        **_distances(found[0]),
        "bin_edges_percent": bin_edges().tolist(),
        "deviation_percent": _spreads([found[0].deviation[0], *(each.deviation[1] for each in found)]),
        "left_right_percent": _spreads([found[0].asymmetry[0], *(each.asymmetry[1] for each in found)]),
        "loss": _lettered([round(loss, 6) for loss in (found[0].loss[0], *(each.loss[1] for each in found))]),
        "most_different": _ranking(found[0], entries),
    }
    if models > 2:
        told["others"] = {
            letter: {**_distances(each), "most_different": _ranking(each, [pair(item, letter) for item in entries])}
            for letter, each in zip(letters(models)[2:], found[1:], strict=True)
        }
    return told


def document(
    entries: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Sequence[Comparison]],
    checkpoints: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the JSON document: what ``resources/comparison.schema.json`` describes.

    Args:
        entries: from ``entry``.
        comparisons: what they were made from.
        checkpoints: of A, B and any others, from ``checkpoint.summary``.
        failed: from ``export.failure``.
    """
    kept = ("name", "preset", "geometry_loss", "sha256")
    return {
        "schema": SCHEMA,
        "checkpoints": _lettered([{key: told[key] for key in kept} for told in checkpoints]),
        "joint_names": list(skeleton.JOINT_NAMES),
        "units": UNITS,
        "axes": export.AXES,
        "comparisons": list(entries),
        "summary": summary(comparisons, entries, len(checkpoints)),
        "failed": list(failed),
    }


def write_json(
    path: str | Path,
    entries: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Sequence[Comparison]],
    checkpoints: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, str]] = (),
) -> Path:
    """Write ``document`` as UTF-8 JSON.

    Raises:
        UserError: it cannot be written.
    """
    content = document(entries, comparisons, checkpoints, failed)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return export.write_atomically(path, (text + "\n").encode("utf-8"))


def _bone(bone: Bone) -> dict[str, Any]:
    return {
        "length_mm": round(bone.length_mm, 2),
        "ratio": round(bone.ratio, 4),
        "deviation_percent": round(bone.deviation_percent, 2),
        "left_right_percent": None if bone.left_right_percent is None else round(bone.left_right_percent, 2),
        "verdict": bone.verdict,
    }


def _signed(value: float | None) -> float | None:
    # Adding zero turns -0.0 into 0.0.
    return None if value is None else round(value, 2) + 0.0


def _distances(found: Summary) -> dict[str, Any]:
    return {
        "mean": {
            "distance_px": round(found.mean_px, 2),
            "distance_mm": round(found.mean_mm, 2),
            "angle_degrees": round(found.mean_degrees, 2),
        },
        "joints_mm": {
            name: round(float(value), 2) for name, value in zip(skeleton.JOINT_NAMES, found.joint_mm, strict=True)
        },
    }


def _lettered(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(letters(len(values)), values, strict=True))


def _spreads(spreads: Sequence[Distribution]) -> dict[str, Any]:
    return _lettered(
        [
            {
                "mean": round(spread.mean, 2),
                "median": round(spread.quantile(0.5), 2),
                "p90": round(spread.quantile(0.9), 2),
                "counts": spread.counts().tolist(),
            }
            for spread in spreads
        ]
    )


def _ranking(found: Summary, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return where the two differ most: input, frame, means, and the joint that differs most there."""
    rows = []
    for place in found.order:
        item = entries[place]
        worst = worst_first(item["joints"])[0]
        rows.append(
            {
                "input": item["input"],
                "frame": item["frame"],
                "time_s": item["time_s"],
                **item["mean"],
                "worst_joint": worst["name"],
                "worst_joint_mm": worst["distance_mm"],
            }
        )
    return rows
