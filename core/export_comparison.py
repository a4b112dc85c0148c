"""Comparisons as plain dictionaries and JSON: the printed tables and the window read the same entries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core import export, skeleton
from core.compare import Comparison, Distribution, Summary, bin_edges, summarise
from core.pose import Bone, Pose

SCHEMA: Final = "bonesight.comparison/1"
UNITS: Final[dict[str, str]] = {
    **{key: export.UNITS[key] for key in ("joints_px", "box_px", "confidence", "joints_mm", "length_mm", "ratio")},
    **{key: export.UNITS[key] for key in ("deviation_percent", "left_right_percent", "loss", "time_s")},
    "distance_px": "pixels of the picture between A's joint and B's",
    "distance_mm": "millimetres between A's joint and B's, both from the pelvis",
    "angle_degrees": "degrees between the two directions of the bone that leads to the joint; null without one",
    "difference": "B minus A",
    "bin_edges_percent": "percent; what is beyond the last edge is in the last bin",
}


def entry(
    pose_a: Pose, pose_b: Pose, comparison: Comparison, source: str | Path, frame: int = 0, time_s: float | None = None
) -> dict[str, Any]:
    """Turn a comparison into one JSON-ready entry of ``comparisons``; joints and bones in the order of the skeleton.

    Args:
        pose_a, pose_b: what was compared.
        comparison: from ``compare``.
        source, frame, time_s: as for ``export.entry``.
    """
    a, b = (export.entry(pose, source, frame, time_s) for pose in (pose_a, pose_b))
    shared = ("input", "frame", "time_s", "picture_size_px", "box_px", "located_by", "refined")
    own = ("decoded_by", "joints_px", "confidence", "joints_mm", "geometry")
    return {
        **{key: a[key] for key in shared},
        "a": {key: a[key] for key in own},
        "b": {key: b[key] for key in own},
        **differences(comparison),
    }


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


def worst_first(joints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the ``joints`` of an entry, those that differ most in millimetres first."""
    return sorted(joints, key=lambda joint: -float(joint["distance_mm"]))


def summary(comparisons: Sequence[Comparison], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Turn many comparisons into the JSON-ready ``summary``.

    Args:
        comparisons: from ``compare``.
        entries: the entry of each.
    """
    found = summarise(comparisons)
    return {
        "count": found.count,
        "mean": {
            "distance_px": round(found.mean_px, 2),
            "distance_mm": round(found.mean_mm, 2),
            "angle_degrees": round(found.mean_degrees, 2),
        },
        "bin_edges_percent": bin_edges().tolist(),
        "deviation_percent": _both(found.deviation),
        "left_right_percent": _both(found.asymmetry),
        "loss": {"a": round(found.loss[0], 6), "b": round(found.loss[1], 6)},
        "joints_mm": {
            name: round(float(value), 2) for name, value in zip(skeleton.JOINT_NAMES, found.joint_mm, strict=True)
        },
        "most_different": _ranking(found, entries),
    }


def document(
    entries: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Comparison],
    checkpoints: tuple[Mapping[str, Any], Mapping[str, Any]],
    failed: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the JSON document: what ``resources/comparison.schema.json`` describes.

    Args:
        entries: from ``entry``.
        comparisons: what they were made from.
        checkpoints: of A and B, from ``checkpoint.summary``.
        failed: from ``export.failure``.
    """
    a, b = ({key: told[key] for key in ("name", "preset", "geometry_loss", "sha256")} for told in checkpoints)
    return {
        "schema": SCHEMA,
        "checkpoints": {"a": a, "b": b},
        "joint_names": list(skeleton.JOINT_NAMES),
        "units": UNITS,
        "axes": export.AXES,
        "comparisons": list(entries),
        "summary": summary(comparisons, entries),
        "failed": list(failed),
    }


def write_json(
    path: str | Path,
    entries: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Comparison],
    checkpoints: tuple[Mapping[str, Any], Mapping[str, Any]],
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


def _both(pair: tuple[Distribution, Distribution]) -> dict[str, Any]:
    return {
        name: {
            "mean": round(spread.mean, 2),
            "median": round(spread.quantile(0.5), 2),
            "p90": round(spread.quantile(0.9), 2),
            "counts": spread.counts().tolist(),
        }
        for name, spread in zip(("a", "b"), pair, strict=True)
    }


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
