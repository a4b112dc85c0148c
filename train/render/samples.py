"""The sample pictures that come with the program: ``python -m train.render.samples``.

Everything in them is made here: poses written by hand, places drawn, no photograph and no motion capture.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from core.skeleton import JOINT_NAMES, ROOT
from train.render import scene
from train.render.body import BodyModel
from train.render.camera import aim
from train.render.clothing import Cloth, Cut, Dress, Wardrobe
from train.render.drawing import Canvas, Figure, Quality
from train.render.posing import HandPose, rotations_of
from train.render.scene import Box, Light, Stage

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "samples"
SIZE_PX = (900, 700)
OVERSAMPLING = 2
JPEG_QUALITY = 92


def _rgb(code: str) -> NDArray[np.float64]:
    return np.array([int(code[at : at + 2], 16) for at in (0, 2, 4)]) / 255.0


@dataclass(frozen=True)
class Plan:
    """One sample: who, in which pose, wearing what, where, seen from where.

    Attributes:
        name, title: file name and what the window calls it.
        pose: written by hand.
        phenotype: see ``BodyModel.shape``.
        cut: shapes of the clothes.
        colours: skin, top, bottom, shoe, hair as hex.
        stage: the place; its floor is put under the person.
        top_pattern: pattern of the top, 0 plain.
        seated: put a stool under the person.
        aloft_m: how high the lowest point is above the floor.
        heading_deg, pitch_deg, distance_m, fill: the camera.
    """

    name: str
    title: str
    pose: HandPose
    phenotype: dict[str, float]
    cut: Cut
    colours: tuple[str, str, str, str, str]
    stage: Stage = field(repr=False)
    top_pattern: int = 0
    seated: bool = False
    aloft_m: float = 0.0
    heading_deg: float = 0.0
    pitch_deg: float = 7.0
    distance_m: float = 4.2
    fill: float = 0.8


def _room(wall: str, floor: str, floor_b: str, turn: float, pattern: int = 1, boxes: tuple[Box, ...] = ()) -> Stage:
    return Stage(
        0.0, scene.ROOM, boxes, turn, np.array([-2.6, -9.0, 0.0]), np.array([2.9, 1.7, 2.9]), _rgb(floor),
        _rgb(floor_b),
        _rgb(wall), _rgb(wall) * 0.92, floor_pattern=pattern, wall_pattern=0, seed=3.0,
    )  # fmt: skip


def _studio(paper: str) -> Stage:
    return Stage(0.0, scene.STUDIO, floor_a=_rgb(paper), wall_a=_rgb(paper), seed=1.0)


def _furniture(x: float, y: float, half: tuple[float, float, float], colour: str, turn: float, low: float = 0.0) -> Box:
    return Box(np.array([x, y, low + half[2]]), np.array(half), turn, _rgb(colour))


def plans() -> list[Plan]:
    """Return the samples in the order the window shows them."""
    shelf = (
        _furniture(-1.35, 1.35, (0.55, 0.2, 0.42), "8c6f52", 0.18),
        _furniture(-1.45, 1.33, (0.1, 0.1, 0.16), "c9843f", 0.4, 0.84),
        _furniture(1.75, 1.0, (0.3, 0.3, 0.25), "5f7d78", -0.2),
    )
    desk = (
        _furniture(-1.5, 0.9, (0.45, 0.3, 0.37), "a98661", 0.3),
        _furniture(1.6, 1.2, (0.35, 0.2, 0.8), "6d7f92", 0.2),
    )
    cupboard = (
        _furniture(-0.55, 1.0, (0.75, 0.2, 0.45), "d8cdbb", 0.1),
        _furniture(1.7, 1.2, (0.3, 0.2, 0.65), "7e6a55", 0.1),
    )
    return [
        Plan(
            "waving", "Standing, waving",
            HandPose(
                left_arm=((0.75, -0.62, 0.05), (0.42, 0.9, 0.25)), right_arm=((-0.42, -0.85, -0.18), (0.55, -0.55,
                0.38)),
                left_leg=((0.12, -1.0, 0.03), (0.05, -1.0, -0.04)), right_leg=((-0.07, -1.0, 0.03), (-0.02, -1.0,
                -0.06)),
                trunk=((0, 0, 2), (2, 4, -3), (2, 4, -2), (2, 0, 0), (2, 4, 4)),
            ),
            {"age": 0.68, "gender": 0.95, "height": 0.4, "weight": 0.42, "muscle": 0.5, "proportions": 0.8},
            Cut(sleeve=0.36, leg=0.96, hem=0.05, collar=0.0, neck_depth=0.05, hair=2, hair_line=0.1, hair_m=0.026),
            ("e0b090", "d9653b", "2f4460", "f2f2ee", "4a3020"), _room("b9c4c0", "a9825c", "7d5a3c", 0.28, boxes=shelf),
            heading_deg=-14,
        ),
        Plan(
            "sitting", "Sitting",
            HandPose(
                left_arm=((0.28, -0.92, 0.22), (-0.32, 0.05, 0.9)), right_arm=((-0.3, -0.9, 0.2), (0.28, 0.42, 0.85)),
                left_leg=((0.22, -0.1, 1.0), (0.05, -1.0, 0.12)), right_leg=((-0.24, -0.1, 1.0), (-0.04, -1.0, -0.2)),
                trunk=((0, 0, 0), (9, 0, 0), (9, 0, 0), (8, 0, 0), (14, -6, 0)),
            ),
            {"age": 0.72, "gender": 0.05, "height": 0.39, "weight": 0.5, "muscle": 0.55, "proportions": 0.7},
            Cut(sleeve=0.97, leg=0.96, hem=0.06, collar=0.02, hair=1, hair_m=0.02, loose_top=0.018),
            ("8d5536", "3f7d6e", "c8b48c", "33302e", "16120f"), _room("d9cfc0", "8a8f94", "767b80", -0.35, 2, desk),
            seated=True, heading_deg=38, pitch_deg=8, fill=0.78,
        ),
        Plan(
            "walking", "Walking",
            HandPose(
                left_arm=((0.2, -0.95, -0.4), (0.08, -0.92, 0.05)), right_arm=((-0.16, -0.92, 0.38), (-0.02, -0.62,
                0.78)),
                left_leg=((0.02, -0.97, 0.3), (0.02, -1.0, 0.06)), right_leg=((-0.04, -0.98, -0.16), (-0.02, -0.68,
                -0.74)),
                trunk=((3, 6, 0), (2, -5, 0), (2, -6, 0), (-2, 0, 0), (0, 4, 0)), toes=(-8.0, 34.0),
            ),
            {"age": 0.9, "gender": 0.1, "height": 0.37, "weight": 0.55, "muscle": 0.45, "proportions": 0.6},
            Cut(sleeve=0.97, leg=0.97, hem=0.05, collar=0.03, hair=3, loose_top=0.022, loose_bottom=0.016),
            ("d8a684", "56688a", "6b6156", "5a3d28", "8a3b32"),
            replace(
                Stage(
                    0.0, scene.OUTDOORS, (
                        _furniture(-9.0, 22.0, (3.2, 2.0, 2.4), "c2a487", 0.3), _furniture(7.5, 27.0, (2.6, 2.5,
                        3.4), "a8b0b6", -0.2),
                        _furniture(-2.2, 2.8, (0.5, 0.2, 0.24), "8a6a48", 0.5),
                    ), seed=7.0,
                ), floor_a=_rgb("9a9a92"), floor_b=_rgb("83857e"), floor_pattern=2, floor_scale=0.9,
                wall_a=_rgb("5d7a4c"), wall_b=_rgb("7d9268"),
            ),
            heading_deg=52, pitch_deg=5,
        ),
        Plan(
            "reaching", "Reaching up",
            HandPose(
                left_arm=((0.3, -0.9, 0.25), (0.12, -0.6, 0.7)), right_arm=((-0.22, 0.95, 0.12), (-0.05, 0.98, 0.24)),
                left_leg=((0.06, -1.0, 0.02), (0.03, -1.0, -0.06)), right_leg=((-0.06, -1.0, 0.04), (-0.04, -1.0,
                -0.04)),
                trunk=((0, 0, -2), (-5, -4, -4), (-6, -6, -5), (-8, 0, 4), (-14, -6, 4)), toes=(24.0, 24.0),
            ),
            {"age": 0.66, "gender": 0.9, "height": 0.33, "weight": 0.5, "muscle": 0.45, "proportions": 0.7},
            Cut(sleeve=0.62, leg=0.45, hem=0.06, collar=0.0, neck_depth=0.02, hair=2, hair_line=0.6, loose_bottom=0.02),
            ("70452c", "e6c14a", "3c3f58", "e8e4da", "191412"), _room("c6b6cf", "b08b66", "93704e", -0.15,
            boxes=cupboard),
            top_pattern=1, heading_deg=24, pitch_deg=5,
        ),
        Plan(
            "handstand", "Handstand",
            HandPose(
                left_arm=((0.1, 1.0, 0.02), (0.04, 1.0, 0.06)), right_arm=((-0.1, 1.0, 0.02), (-0.04, 1.0, 0.06)),
                left_leg=((0.1, -0.85, 0.55), (0.06, -0.93, 0.36)), right_leg=((-0.08, -0.95, -0.3), (-0.04, -0.7,
                -0.7)),
                trunk=((4, 0, 0), (-4, 0, 0), (-6, 0, 0), (-12, 0, 0), (-14, 0, 0)), toes=(50.0, 50.0), over=(180.0,
                0.0, 0.0),
            ),
            {"age": 0.66, "gender": 0.0, "height": 0.37, "weight": 0.42, "muscle": 0.72, "proportions": 0.8},
            Cut(sleeve=-0.03, leg=0.95, hem=0.1, collar=-0.01, neck_depth=0.04, shoe=None, hair=1, loose_top=0.004,
            loose_bottom=0.006),
            ("c98f66", "2e7fb8", "33363d", "333333", "2a1d14"), _studio("cfd6dc"),
            heading_deg=140, pitch_deg=6, fill=0.86,
        ),
        Plan(
            "jumping", "Jumping",
            HandPose(
                left_arm=((0.7, 0.68, 0.2), (0.35, 0.9, 0.25)), right_arm=((-0.85, 0.4, 0.1), (-0.6, 0.8, 0.2)),
                left_leg=((0.45, -0.75, 0.6), (0.28, -0.9, -0.42)), right_leg=((-0.4, -0.9, -0.05), (-0.2, -0.55,
                -0.8)),
                trunk=((2, 0, 4), (-3, 0, -4), (-6, 4, -4), (-4, 0, 0), (-4, 8, 0)), toes=(45.0, 30.0),
            ),
            {"age": 0.64, "gender": 0.85, "height": 0.35, "weight": 0.4, "muscle": 0.6, "proportions": 0.8},
            Cut(sleeve=0.2, leg=0.52, hem=0.12, collar=-0.01, neck_depth=0.05, shoe=0.05, hair=2, loose_top=0.006,
            loose_bottom=0.004),
            ("f0c8a8", "b8396b", "2b2f4a", "f4f4f4", "a8743e"), _studio("e9d8a6"),
            top_pattern=0, aloft_m=0.35, heading_deg=-24, pitch_deg=4, fill=0.84,
        ),
        Plan(
            "dancing", "Dancing",
            HandPose(
                left_arm=((0.95, 0.15, 0.2), (0.8, 0.45, 0.35)), right_arm=((-0.55, 0.8, 0.15), (0.1, 0.98, 0.2)),
                left_leg=((0.06, -1.0, 0.06), (0.03, -1.0, -0.06)), right_leg=((-0.75, -0.55, -0.35), (-0.3, -0.5,
                -0.8)),
                trunk=((4, 0, 6), (-2, 6, -5), (-4, 8, -6), (0, 6, 2), (0, 14, 4)), toes=(28.0, 45.0),
            ),
            {"age": 0.7, "gender": 0.15, "height": 0.38, "weight": 0.42, "muscle": 0.6, "proportions": 0.9},
            Cut(sleeve=0.97, leg=0.96, hem=0.05, collar=0.0, neck_depth=0.06, hair=1, loose_top=0.016,
            loose_bottom=0.01, hair_m=0.02),
            ("5e3a26", "e8e6e0", "8b2f3a", "1e1e22", "120e0c"), _studio("4a5a78"),
            heading_deg=18, pitch_deg=6, fill=0.84,
        ),
    ]  # fmt: skip


class SampleMaker:
    """Renders plans at full quality.

    Raises:
        UserError: the ``render`` extra or EGL is missing.
    """

    def __init__(self) -> None:
        self._body = BodyModel()
        self._wardrobe = Wardrobe(self._body)
        size = (SIZE_PX[0] * OVERSAMPLING, SIZE_PX[1] * OVERSAMPLING)
        quality = Quality(samples=4, shadow_px=2048, taps=7, softness=1.6)
        self._canvas = Canvas(size, self._body.faces, self._wardrobe.rest_m, self._wardrobe.face, quality)

    def make(self, plan: Plan) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Render one sample: (h, w, 3) RGB and its entry for ``samples.json``."""
        dress = self._dress(plan)
        shape = self._body.shape(plan.phenotype)
        posed = self._body.pose(shape, rotations_of(plan.pose), dress.stand_off_m, dress.softness)
        low = posed.vertices_m.min(axis=0)
        middle = posed.joints_m[:, :2].mean(axis=0)
        posed = posed.moved(np.eye(3), np.array([-middle[0], -middle[1], -float(low[2]) + plan.aloft_m]))
        stage = plan.stage
        if plan.seated:
            seat = scene.seat(np.random.default_rng(4), posed.vertices_m, posed.joints_m, 0.0)
            if seat is not None:
                stage = replace(stage, boxes=(replace(seat, colour=_rgb("9b7650")), *stage.boxes))
        points = posed.vertices_m[::7].astype(np.float64)
        if plan.aloft_m:
            points = np.concatenate([points, points * [1, 1, 0]])
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        size = self._canvas.size_px
        view = aim(centre, plan.distance_m, plan.pitch_deg, 0.0, plan.heading_deg, points, size, plan.fill)
        sun = view.rotation.T @ np.array([-0.55, 0.0, -0.62]) + np.array([0.0, 0.0, 0.85])
        warm = np.array([1.0, 0.95, 0.87])
        light = Light(sun / np.linalg.norm(sun), 0.82 * warm, np.array([0.4, 0.42, 0.46]), np.array([0.2, 0.19, 0.18]))
        drawn = self._canvas.draw(Figure(posed.vertices_m, posed.normals, dress), view, light, stage)
        image = cv2.resize(np.ascontiguousarray(drawn[..., :3]), SIZE_PX, interpolation=cv2.INTER_AREA)
        rows, columns = np.nonzero(self._canvas.silhouette())
        box = np.array([columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]) / OVERSAMPLING
        camera_mm = view.to_camera_m(posed.joints_m) * 1000.0
        entry = {
            "file": f"{plan.name}.jpg",
            "title": plan.title,
            "joints_px": np.round(view.project_px(posed.joints_m) / OVERSAMPLING, 2).tolist(),
            "joints_mm": np.round(camera_mm - camera_mm[ROOT], 1).tolist(),
            "box_px": np.round(box, 1).tolist(),
        }
        return np.clip(image * 255.0 + 0.5, 0, 255).astype(np.uint8), entry

    def _dress(self, plan: Plan) -> Dress:
        layers, stand_off, softness = self._wardrobe.fields(plan.cut)
        skin, top, bottom, shoe, hair = (_rgb(code) for code in plan.colours)
        return Dress(
            layers, stand_off, softness, Cloth(top, np.clip(top * 0.55 + 0.4, 0, 1), plan.top_pattern, (150.0, 0.4,
            0.35, 0.3)),
            Cloth(bottom, bottom), skin, np.clip(skin * [0.95, 0.66, 0.64], 0, 1), hair, np.array([0.12, 0.08, 0.06]),
            shoe, crumple=0.38, gloss=0.14,
        )  # fmt: skip


def write(folder: Path) -> list[Path]:
    """Render every sample into a folder, pictures and ``samples.json``, each put in place whole."""
    folder.mkdir(parents=True, exist_ok=True)
    maker = SampleMaker()
    entries, written = [], []
    for plan in plans():
        image, entry = maker.make(plan)
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, stream = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        _replace(folder / entry["file"], stream.tobytes())
        entries.append(entry)
        written.append(folder / entry["file"])
    record = {"schema": "bonesight.samples/1", "joint_names": list(JOINT_NAMES), "samples": entries}
    _replace(folder / "samples.json", (json.dumps(record, indent=1) + "\n").encode())
    return written


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def main() -> int:
    """Write the samples; ``--out`` for another folder."""
    parser = argparse.ArgumentParser(prog="samples", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER)
    try:
        for path in write(parser.parse_args().out):
            print(f"{path} ({path.stat().st_size / 1000:.0f} kB)")
    except UserError as error:
        print(f"samples: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
