"""A rendered person with exact 3D truth, the same for the same seed and index."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.skeleton import ROOT
from train.render import camera, pose_sampling, scene
from train.render.body import BodyModel
from train.render.clothing import Wardrobe
from train.render.drawing import Canvas
from train.render.pose_sampling import Split

SIZE_PX = 256
_BODY_BASE = {"train": 0, "val": 1_000_000, "test": 2_000_000}
BODIES = 4000
"""Different bodies per split; the splits share none."""


@dataclass(frozen=True)
class RenderConfig:
    """What to render.

    Attributes:
        scene: ``studio``, ``house``, ``outdoor`` or ``mixed``.
        split: ``train``, ``val`` or ``test``; they share neither clips nor bodies.
        seed: of every draw.
        poses: motion-capture file, or None for procedural poses only.
        backgrounds: folder of photographs, or None for procedural ones.
        size_px: (width, height).
    """

    scene: str = "mixed"
    split: Split = "train"
    seed: int = 0
    poses: Path | None = None
    backgrounds: Path | None = None
    size_px: tuple[int, int] = (SIZE_PX, SIZE_PX)


@dataclass(frozen=True, eq=False)
class Rendered:
    """One picture and its truth.

    Attributes:
        image: (h, w, 3) RGB.
        quality: the JPEG quality drawn for it.
        alpha: (h, w) share of each pixel that the person covers, 0..1.
        joints_px: (16, 2) perspective projections; may lie outside the picture.
        joints_mm: (16, 3) camera axes, relative to the pelvis: x right, y down, z away.
        visible: (16,) inside the picture.
        body, clip: which body and motion clip (-1: procedural pose).
        scene: studio, house or outdoor.
        stature_mm: the body's standing height.
    """

    image: NDArray[np.uint8]
    quality: int
    alpha: NDArray[np.float32] = field(repr=False)
    joints_px: NDArray[np.float64]
    joints_mm: NDArray[np.float64]
    visible: NDArray[np.bool_]
    body: int
    clip: int
    scene: str
    stature_mm: float


class Renderer:
    """Draws people; holds the body model and an OpenGL context, so make one per process.

    Raises:
        UserError: the ``render`` extra or EGL is missing, or a file is unusable.
    """

    def __init__(self, config: RenderConfig) -> None:
        self.config = config
        self._body = BodyModel()
        self._wardrobe = Wardrobe(self._body)
        self._canvas = Canvas(config.size_px, self._body.faces)
        self._poses = pose_sampling.load(config.poses, config.split)
        self._backgrounds = scene.open_backgrounds(config.backgrounds)

    def render(self, index: int) -> Rendered:
        """Render picture number ``index`` of this seed."""
        config = self.config
        random = np.random.default_rng((config.seed, _BODY_BASE[config.split], index))
        place = scene.SCENES[int(random.integers(3))] if config.scene == "mixed" else config.scene
        body = _BODY_BASE[config.split] + int(random.integers(BODIES))
        rotations, clip = pose_sampling.draw(random, self._poses)
        posed = self._body.pose(shape_of(body), rotations, pose_sampling.OFFSETS_M)
        view = camera.draw(random, posed.joints_m, config.size_px)
        dress = self._wardrobe.draw(random)
        vertices = view.to_camera_m(posed.vertices_m + posed.normals * dress.stand_off_m[:, None])
        normals = self._body.normals(vertices.astype(np.float32))
        lit = scene.light(random, place, view.rotation)  # type: ignore[arg-type]
        drawn = self._canvas.draw(
            vertices, normals.astype(np.float64), dress.colours, view.focal_px, view.centre_px, lit
        )
        background = self._backgrounds.draw(random, place, config.size_px)  # type: ignore[arg-type]
        alpha = drawn[..., 3]
        image, quality = scene.finish(random, drawn[..., :3] + background * (1.0 - alpha[..., None]))
        joints_mm = view.to_camera_m(posed.joints_m) * 1000.0
        joints_px = view.project_px(posed.joints_m)
        inside = ((joints_px >= 0) & (joints_px < np.array(config.size_px))).all(axis=1)
        return Rendered(
            image,
            quality,
            alpha,
            joints_px,
            joints_mm - joints_mm[ROOT],
            inside,
            body,
            clip,
            place,
            posed.stature_m * 1000.0,
        )


def shape_of(body: int) -> dict[str, float]:
    """Draw the phenotype of a numbered body, for ever the same: mostly adults, all builds."""
    random = np.random.default_rng((77, body))
    # anny's age runs new-born 0, baby 1/8, child 1/4, young adult 1/2, old 1.
    age = float(random.uniform(0.26, 0.45)) if random.random() < 0.12 else float(random.uniform(0.5, 0.95))
    return {
        "age": age,
        "gender": float(random.uniform(0, 1)),
        "height": float(np.clip(random.normal(0.5, 0.18), 0.05, 0.95)),
        "muscle": float(np.clip(random.normal(0.55, 0.2), 0.05, 0.95)),
        "weight": float(np.clip(random.normal(0.48, 0.2), 0.05, 0.95)),
        "proportions": float(random.uniform(0.3, 0.9)),
    }
