"""A rendered person with exact 3D truth, the same for the same seed and index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.skeleton import JOINT_COUNT, ROOT
from train.render import camera, lab, obstacles, pose_sampling, scene, skirt
from train.render.body import BodyModel, Posed, Shape
from train.render.camera import View
from train.render.clothing import Dress, Wardrobe
from train.render.drawing import Canvas, Figure
from train.render.pose_sampling import Split
from train.render.scene import Scene
from train.render.skirt import Tailor

SIZE_PX = 256
_BODY_BASE = {"train": 0, "val": 1_000_000, "test": 2_000_000}
_PHOTO_SHARE = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0)}
NOBODY_PX = np.full((JOINT_COUNT, 2), np.nan)
"""Joints of nobody."""
BODIES = 600
"""Different bodies per split; the splits share none."""


@dataclass(frozen=True)
class RenderConfig:
    """What to render.

    Attributes:
        scene: ``studio``, ``house``, ``outdoor``, ``mixed`` or ``studio-lab`` (see ``lab``).
        split: ``train``, ``val`` or ``test``; they share neither clips, nor bodies, nor photographs.
        seed: of every draw.
        poses: motion-capture file, or None for the bundled pose prior.
        backgrounds: folder of photographs, or None for drawn places.
        size_px: (width, height).
        together: share of the people with somebody at their side who touches them; besides those with other company.
            Not in the laboratory.
    """

    scene: str = "mixed"
    split: Split = "train"
    seed: int = 0
    poses: Path | None = None
    backgrounds: Path | None = None
    size_px: tuple[int, int] = (SIZE_PX, SIZE_PX)
    together: float = 0.0


@dataclass(frozen=True, eq=False)
class Rendered:
    """One picture and its truth.

    Attributes:
        image: (h, w, 3) RGB.
        quality: the JPEG quality drawn for it.
        joints_px: (16, 2) perspective projections; may lie outside the picture.
        joints_mm: (16, 3) camera axes, relative to the pelvis: x right, y down, z away.
        visible: (16,) inside the picture.
        view: the camera.
        pelvis_mm: (3,) where the pelvis is from the camera.
        body, clip: which body and motion clip (-1: procedural pose).
        scene: studio, house, outdoor or studio-lab.
        subject: who: ``body 17``, in the laboratory ``L3``.
        action: what the clip shows, or the procedural family's name.
        stature_mm: the body's standing height.
        other_px: (16, 2) joints of who stands beside, NaN where nobody does; may lie outside the picture or be hidden.
    """

    image: NDArray[np.uint8] = field(repr=False)
    quality: int
    joints_px: NDArray[np.float64]
    joints_mm: NDArray[np.float64]
    visible: NDArray[np.bool_]
    view: View
    pelvis_mm: NDArray[np.float64]
    body: int
    clip: int
    scene: str
    subject: str
    action: str
    stature_mm: float
    other_px: NDArray[np.float64]


class Renderer:
    """Draws people; holds the body model and an OpenGL context, so make one per process.

    Raises:
        UserError: the ``render`` extra or EGL is missing, or a file is unusable.
    """

    def __init__(self, config: RenderConfig) -> None:
        self.config = config
        self._poses = pose_sampling.load(config.poses, config.split)
        self._backgrounds = scene.open_backgrounds(config.backgrounds, *_PHOTO_SHARE[config.split])
        self._body = BodyModel(fine=False)
        self._shape = lru_cache(maxsize=BODIES)(self._numbered_shape)
        self._lab_person = lru_cache(maxsize=8)(self._person_of_the_lab)
        self._wardrobe, self._tailor = Wardrobe(self._body), Tailor(self._body)
        self._canvas = Canvas(config.size_px, self._body.faces, self._wardrobe.rest_m, self._wardrobe.face)

    def render(self, index: int) -> Rendered:
        """Render picture number ``index`` of this seed."""
        config = self.config
        random = np.random.default_rng((config.seed, _BODY_BASE[config.split], index))
        return self._in_the_lab(random) if config.scene == lab.SCENE else self._anywhere(random)

    def _anywhere(self, random: np.random.Generator) -> Rendered:
        config = self.config
        place = scene.SCENES[int(random.integers(3))] if config.scene == "mixed" else _scene(config.scene)
        body = _BODY_BASE[config.split] + int(random.integers(BODIES))
        rotations, clip, action = pose_sampling.draw(random, self._poses)
        turn = camera.draw_turn(random)
        dress = self._clothes(random, rotations, turn)
        shape = self._shape(body)
        posed, figure = self._dressed(shape, rotations, turn, dress)
        aloft = float(random.uniform(0.05, 0.8)) if random.random() < 0.15 else 0.0
        floor_z_m = float(posed.vertices_m[:, 2].min()) - aloft
        view = camera.draw(random, posed.joints_m, config.size_px, floor_z_m)
        light = scene.draw_light(random, place)
        photo = self._backgrounds.draw(random, place, config.size_px)
        # No draw without it: the pictures of sets that were made before stay as they were.
        friend = config.together > 0 and random.random() < config.together
        other: Figure | None = None
        other_px = NOBODY_PX
        if friend:
            other, joints_m = self._friend(random, view, figure, floor_z_m, rotations, turn)
            other_px = view.project_px(joints_m)
        elif random.random() < obstacles.COMPANY:
            other, joints_m = self._company(random, view, figure, floor_z_m)
            other_px = view.project_px(joints_m)
        if photo is None:
            crowd = [figure.outside_m] + ([] if other is None else [other.outside_m])
            near_m = np.concatenate([vertices_m[::50, :2] for vertices_m in crowd]).astype(np.float64)
            stage = scene.draw_stage(random, place, floor_z_m, near_m)
        else:
            stage = scene.Stage(floor_z_m)
        seat = scene.seat(random, posed.vertices_m, posed.joints_m, floor_z_m)
        if seat is not None and random.random() < 0.85:
            stage = replace(stage, boxes=(seat, *stage.boxes))
        if random.random() < obstacles.FURNITURE:
            framed = camera.in_picture(view.project_px(posed.joints_m), config.size_px)
            front = obstacles.draw_furniture(random, view, figure.outside_m, posed.joints_m, floor_z_m, framed)
            stage = stage if front is None else replace(stage, boxes=(front, *stage.boxes))
        drawn = self._canvas.draw(figure, view, light, stage, other)
        picture = drawn[..., :3] if photo is None else drawn[..., :3] + photo * (1.0 - drawn[..., 3:])
        if random.random() < obstacles.PLANT:
            picture = obstacles.draw_plant(random, picture, view.project_px(posed.joints_m))
        image, quality = scene.finish(random, picture)
        return Rendered(
            image=image, quality=quality, **_truth(posed, view, config.size_px), body=body, clip=clip, scene=place,
            subject=f"body {body}", action=action, stature_mm=shape.stature_m * 1000.0, other_px=other_px,
        )  # fmt: skip

    def _clothes(self, random: np.random.Generator, rotations: NDArray[np.float64], turn: NDArray[np.float64]) -> Dress:
        printed = self._backgrounds.draw_print(random)
        return self._wardrobe.draw(random, longest_skirt=skirt.longest(rotations, turn), printed=printed)

    def _dressed(
        self, shape: Shape, rotations: NDArray[np.float64], turn: NDArray[np.float64], dress: Dress
    ) -> tuple[Posed, Figure]:
        """Pose a body and turn it; what hangs free of the legs falls on them afterwards."""
        posed = self._body.pose(shape, rotations, dress.stand_off_m, dress.softness).moved(turn, np.zeros(3))
        lowest = float(posed.vertices_m[:, 2].min())
        hung = None if dress.skirt is None else self._tailor.hang(dress.skirt, posed, lowest)
        return posed, Figure(posed.vertices_m, posed.normals, dress, hung)

    def _company(
        self, random: np.random.Generator, view: View, first: Figure, floor_z_m: float
    ) -> tuple[Figure, NDArray[np.float64]]:
        """Draw a second person, who stands on the floor, and their joints, (16, 3) metres."""
        shape = self._somebody(random)
        rotations, _, _ = pose_sampling.draw(random, self._poses)
        turn = camera.draw_turn(random, tilted=0.0)
        dressed = self._dressed(shape, rotations, turn, self._clothes(random, rotations, turn))
        return _put_beside(random, view, first, dressed, floor_z_m)

    def _friend(
        self, random: np.random.Generator, view: View, first: Figure, floor_z_m: float,
        rotations: NDArray[np.float64], turn: NDArray[np.float64],
    ) -> tuple[Figure, NDArray[np.float64]]:  # fmt: skip
        """Draw a second person at the first one's side who looks much the same way, half of them in the same pose."""
        if random.random() < 0.5:
            rotations, _, _ = pose_sampling.draw(random, self._poses)
        aside = Rotation.from_euler("z", random.normal(0.0, 15.0), degrees=True).as_matrix() @ turn
        dress = self._clothes(random, rotations, aside)
        dressed = self._dressed(self._somebody(random), rotations, aside, dress)
        return _put_beside(random, view, first, dressed, floor_z_m, touching=True)

    def _somebody(self, random: np.random.Generator) -> Shape:
        return self._shape(_BODY_BASE[self.config.split] + int(random.integers(BODIES)))

    def _in_the_lab(self, random: np.random.Generator) -> Rendered:
        config = self.config
        people = lab.PEOPLE[config.split]
        person = people[int(random.integers(len(people)))]
        take = lab.draw_take(random, self._poses, config.split)
        shape, dress = self._lab_person(person)
        posed = self._body.pose(shape, take.rotations, dress.stand_off_m, dress.softness)
        posed = posed.moved(*lab.draw_place(random, posed.vertices_m))
        view = lab.draw_view(random, posed.joints_m, config.size_px)
        stage = lab.stage(scene.seat(random, posed.vertices_m, posed.joints_m, 0.0))
        drawn = self._canvas.draw(Figure(posed.vertices_m, posed.normals, dress), view, lab.light(), stage)
        image, quality = scene.finish(random, drawn[..., :3], plain=True)
        return Rendered(
            image=image, quality=quality, **_truth(posed, view, config.size_px), body=-int(person[1:]), clip=take.clip,
            scene=lab.SCENE, subject=person, action=take.action, stature_mm=shape.stature_m * 1000.0,
            other_px=NOBODY_PX,
        )  # fmt: skip

    def _person_of_the_lab(self, person: str) -> tuple[Shape, Dress]:
        random = np.random.default_rng((78, int(person[1:])))
        return self._body.shape(lab.phenotype_of(person)), self._wardrobe.draw(random, tight=True)

    def _numbered_shape(self, body: int) -> Shape:
        return self._body.shape(phenotype_of(body))

    def silhouette(self) -> NDArray[np.bool_]:
        """Return where the person rendered last is, furniture left away: (h, w)."""
        return self._canvas.silhouette()


def _truth(posed: Posed, view: View, size_px: tuple[int, int]) -> dict[str, Any]:
    """Return the fields of ``Rendered`` that body and camera decide."""
    camera_mm = view.to_camera_m(posed.joints_m) * 1000.0
    joints_px = view.project_px(posed.joints_m)
    return {
        "joints_px": joints_px, "joints_mm": camera_mm - camera_mm[ROOT], "pelvis_mm": camera_mm[ROOT], "view": view,
        "visible": camera.in_picture(joints_px, size_px),
    }  # fmt: skip


def _put_beside(
    random: np.random.Generator, view: View, first: Figure, dressed: tuple[Posed, Figure], floor_z_m: float,
    touching: bool = False,
) -> tuple[Figure, NDArray[np.float64]]:  # fmt: skip
    """Return the figure at the first one's side, and its joints, (16, 3) metres."""
    posed, figure = dressed
    shift = obstacles.place_beside(random, view, first.outside_m, figure.outside_m, touching)
    shift[2] = floor_z_m - float(figure.vertices_m[:, 2].min())
    return figure.moved(shift), posed.joints_m + shift


def _scene(name: str) -> Scene:
    for known in scene.SCENES:
        if known == name:
            return known
    raise ValueError(f"unknown scene {name}")


def phenotype_of(body: int) -> dict[str, float]:
    """Draw the phenotype of a numbered body, for ever the same: mostly adults, all builds."""
    random = np.random.default_rng((77, body))
    # anny's age runs baby 0, child 1/3, young adult 2/3, old 1; height 0.37 is the mean of people today. The youngest
    # drawn are about a metre tall: smaller ones take none of these poses.
    child = random.random() < 0.12
    age = random.uniform(0.22, 0.6) if child else random.uniform(0.6, 1.0)
    return {
        "age": float(age),
        "gender": float(np.clip(random.choice([0.1, 0.9]) + random.normal(0, 0.15), 0, 1)),
        "height": float(np.clip(random.normal(0.37, 0.075), 0.15, 0.6)),
        "muscle": float(np.clip(random.normal(0.5, 0.18), 0.05, 0.95)),
        "weight": float(np.clip(random.normal(0.47, 0.18), 0.1, 0.9)),
        "proportions": float(random.uniform(0.3, 0.9)),
    }
