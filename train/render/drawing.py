"""Drawing a dressed body on a stage with OpenGL, off screen and without a display (EGL)."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import UserError
from train.render import scene, shaders, skirt
from train.render.camera import View
from train.render.clothing import Cloth, Dress
from train.render.scene import Light, Stage
from train.render.skirt import Skirt

FloatArray = NDArray[np.float32]
NEAR_M, FAR_M = 0.05, 200.0
MOST_BOXES = 10


@dataclass(frozen=True)
class Quality:
    """How much work a picture is worth.

    Attributes:
        samples: per pixel, for the figure's edges.
        shadow_px: side of the shadow map.
        taps: the shadow's edge is the mean of taps x taps.
        softness: width of that edge, shadow map pixels between taps.
    """

    samples: int = 4
    shadow_px: int = 256
    taps: int = 2
    softness: float = 0.8


@dataclass(frozen=True, eq=False)
class Figure:
    """A posed, dressed body in world axes: (V, 3) vertices and normals, what it wears, and the skirt if it has one."""

    vertices_m: FloatArray = field(repr=False)
    normals: FloatArray = field(repr=False)
    dress: Dress = field(repr=False)
    skirt: Skirt | None = field(default=None, repr=False)

    @property
    def outside_m(self) -> FloatArray:
        """(N, 3) vertices of body and skirt."""
        return self.vertices_m if self.skirt is None else np.concatenate([self.vertices_m, self.skirt.vertices_m])

    def moved(self, shift_m: NDArray[np.float64]) -> Figure:
        """Shift everything by (3,) metres."""
        shift = shift_m.astype(np.float32)
        hung = None if self.skirt is None else replace(self.skirt, vertices_m=self.skirt.vertices_m + shift)
        return replace(self, vertices_m=self.vertices_m + shift, skirt=hung)


class Canvas:
    """One OpenGL context and its buffers; draws bodies of fixed topology at one size.

    Args:
        size_px: (width, height).
        faces: (F, 3) triangles.
        rest_m: (V, 3) coordinates that patterns are laid in.
        face: (V, 3) facial features.
        quality: see there.

    Raises:
        UserError: moderngl is not installed or there is no EGL.
    """

    def __init__(
        self, size_px: tuple[int, int], faces: NDArray[np.int32], rest_m: FloatArray, face: FloatArray,
        quality: Quality | None = None,
    ) -> None:  # fmt: skip
        try:
            moderngl: Any = importlib.import_module("moderngl")
        except ImportError as error:
            raise UserError("moderngl is not installed", "run `pip install 'bonesight[render]'`") from error
        try:
            context = moderngl.create_context(standalone=True, backend="egl")
        except Exception as error:
            # moderngl raises bare Exception when no EGL device answers.
            raise UserError("there is no OpenGL through EGL", "install libegl1 and libgl1-mesa-dri") from error
        self.size_px = size_px
        self.quality = quality or Quality()
        self._drawn: Figure | None = None
        self._context = context
        self._figure = context.program(vertex_shader=shaders.FIGURE_VERTEX, fragment_shader=shaders.FIGURE_FRAGMENT)
        self._stages: dict[int, tuple[Any, Any]] = {}
        shadow = context.program(vertex_shader=shaders.SHADOW_VERTEX, fragment_shader=shaders.SHADOW_FRAGMENT)
        self._shadow = shadow
        hung = skirt.faces()
        self._body_vertices, self._body_corners, self._skirt_corners = len(rest_m), faces.size, hung.size
        # A skirt's vertices come after the body's.
        count = len(rest_m) + skirt.ROWS * skirt.COLUMNS
        self._positions = context.buffer(reserve=count * 12, dynamic=True)
        self._normals = context.buffer(reserve=count * 12, dynamic=True)
        self._layers = context.buffer(reserve=count * 16, dynamic=True)
        self._rest = context.buffer(reserve=count * 12, dynamic=True)
        self._rest.write(np.ascontiguousarray(rest_m, dtype=np.float32).tobytes())
        no_face = np.tile(np.array([0.0, 0.0, -1.0]), (count - len(rest_m), 1))
        features = context.buffer(np.concatenate([face, no_face]).astype(np.float32).tobytes())
        index = context.buffer(np.concatenate([faces, hung + len(rest_m)]).astype(np.int32).tobytes())
        self._figure_array = context.vertex_array(self._figure, [
            (self._positions, "3f", "position"), (self._normals, "3f", "normal"), (self._layers, "4f", "layers"),
            (self._rest, "3f", "rest"), (features, "3f", "face"),
        ], index)  # fmt: skip
        self._shadow_array = context.vertex_array(shadow, [(self._positions, "3f", "position")], index)
        side = self.quality.shadow_px
        self._shadow_map = context.depth_texture((side, side))
        self._shadow_map.compare_func = ""
        self._shadow_target = context.framebuffer(depth_attachment=self._shadow_map)
        self._contact = context.texture((64, 64), 1, dtype="f4")
        self._print = context.texture((scene.PRINT_PX, scene.PRINT_PX), 3)
        # Value noise by the texture unit: ten times cheaper here than hashing in the program.
        values = np.random.default_rng(5).integers(0, 256, (32, 32, 32, 4), dtype=np.uint8)
        self._noise = context.texture3d((32, 32, 32), 4, values.tobytes())
        samples = min(self.quality.samples, context.max_samples)
        self._many = context.framebuffer(
            [context.renderbuffer(size_px, 4, samples=samples)], context.depth_renderbuffer(size_px, samples=samples)
        )
        self._one = context.framebuffer([context.renderbuffer(size_px, 4)])
        context.enable(moderngl.DEPTH_TEST)
        self._always, self._less = "1", "<"
        # Pictures are drawn from their first row down, which turns every triangle the other way round.
        context.front_face = "cw"
        self._cull = moderngl.CULL_FACE

    def draw(self, figure: Figure, view: View, light: Light, stage: Stage, other: Figure | None = None) -> FloatArray:
        """Draw the figure on its stage: (h, w, 4) premultiplied RGBA in 0..1.

        A bare stage leaves the picture transparent but for the figure, the shadow it casts and what it sits on.
        Another figure may be about; on the floor it only darkens the place it stands on.
        """
        self._drawn = figure
        to_sun = self._load(figure, light)
        crowd = [figure.outside_m] if other is None else [figure.outside_m, other.outside_m]
        contact, area = _contact(np.concatenate(crowd), stage)
        self._contact.write(contact.tobytes())
        self._shadow_map.use(0)
        self._contact.use(1)
        self._noise.use(2)
        self._print.use(3)
        common: dict[str, Any] = {
            "sun": light.sun, "sun_colour": light.sun_colour, "sky": light.sky, "ground": light.ground,
            "eye": view.eye_m, "to_sun": to_sun, "shadow_map": 0, "noise_map": 2, "print_map": 3,
            "taps": self.quality.taps, "softness": self.quality.softness,
        } | _boxes(stage)  # fmt: skip
        _set(self._figure, common | _worn(figure.dress) | {"clip": _clip(view, self.size_px)})
        depth_a = (FAR_M + NEAR_M) / (FAR_M - NEAR_M) / 2 + 0.5
        place, place_array = self._stage_of(stage.kind)
        _set(place, common | {
            "to_world": np.ascontiguousarray(view.rotation, dtype=np.float32).tobytes(), "centre_px": view.centre_px,
            "focal_px": view.focal_px, "depth_a": depth_a, "depth_b": -FAR_M * NEAR_M / (FAR_M - NEAR_M),
            "contact": 1, "contact_area": area, "floor_z": stage.floor_z_m, "room_turn": stage.turn,
            "room_low": stage.low_m, "room_high": stage.high_m, "seed": stage.seed,
            "floor_pattern": stage.floor_pattern, "floor_scale": stage.floor_scale,
            "wall_pattern": stage.wall_pattern, "wall_scale": stage.wall_scale,
            **{name: linear(getattr(stage, name)) for name in (
                "floor_a", "floor_b", "wall_a", "wall_b", "sky_low", "sky_high")},
        })  # fmt: skip
        self._many.use()
        self._many.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._context.depth_func = self._always
        place_array.render(vertices=3)
        self._context.depth_func = self._less
        self._render(figure)
        if other is not None:
            _set(self._figure, {"to_sun": self._load(other, light)} | _worn(other.dress))
            self._many.use()
            self._render(other)
        return self._read().astype(np.float32) / 255.0

    def _stage_of(self, kind: int) -> tuple[Any, Any]:
        """Return the program and the empty array of a kind of place, made when it is first needed."""
        if kind not in self._stages:
            program = self._context.program(
                vertex_shader=shaders.STAGE_VERTEX, fragment_shader=shaders.stage_fragment(kind)
            )
            self._stages[kind] = program, self._context.vertex_array(program, [])
        return self._stages[kind]

    def _load(self, figure: Figure, light: Light) -> bytes:
        """Put a figure into the buffers and its shadow into the map; returns the matrix towards the sun."""
        self._place(figure)
        self._write(self._normals, 3, figure.normals, None if figure.skirt is None else figure.skirt.normals)
        self._write(self._layers, 4, figure.dress.layers, None if figure.skirt is None else figure.skirt.layers)
        if figure.dress.printed is not None:
            self._print.write(figure.dress.printed.tobytes())
        if figure.skirt is not None:
            self._rest.write(figure.skirt.rest_m.tobytes(), offset=self._body_vertices * 12)
        to_sun = _to_sun(figure.outside_m, light.sun)
        self._shadow["to_sun"].write(to_sun)
        self._shadow_target.use()
        self._shadow_target.clear(depth=1.0)
        self._shadow_array.render(vertices=self._corners(figure))
        return to_sun

    def _place(self, figure: Figure) -> None:
        self._write(self._positions, 3, figure.vertices_m, None if figure.skirt is None else figure.skirt.vertices_m)

    def _write(self, buffer: Any, width: int, body: FloatArray, hung: FloatArray | None) -> None:
        buffer.write(np.ascontiguousarray(body, dtype=np.float32).tobytes())
        if hung is not None:
            buffer.write(np.ascontiguousarray(hung, dtype=np.float32).tobytes(), offset=self._body_vertices * width * 4)

    def _corners(self, figure: Figure) -> int:
        return self._body_corners + (0 if figure.skirt is None else self._skirt_corners)

    def _render(self, figure: Figure) -> None:
        """Draw the figure in the buffers: of the body only what faces the camera, of a skirt the inside as well."""
        _set(self._figure, {"two_sided": False})
        self._context.enable(self._cull)
        self._figure_array.render(vertices=self._body_corners)
        self._context.disable(self._cull)
        if figure.skirt is not None:
            _set(self._figure, {"two_sided": True})
            self._figure_array.render(vertices=self._skirt_corners, first=self._body_corners)

    def _read(self) -> NDArray[np.uint8]:
        self._context.copy_framebuffer(self._one, self._many)
        width, height = self.size_px
        return np.frombuffer(self._one.read(components=4), np.uint8).reshape(height, width, 4)

    def silhouette(self) -> NDArray[np.bool_]:
        """Return where the figure drawn last covers the picture, hidden by nothing: (h, w)."""
        assert self._drawn is not None, "nothing was drawn yet"
        self._place(self._drawn)
        self._many.use()
        self._many.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._figure_array.render(vertices=self._corners(self._drawn))
        return np.asarray(self._read()[..., 3] > 127)


def linear(srgb: Any) -> NDArray[np.float64]:
    """Turn display colours into linear light, with the square that the shaders' root undoes."""
    return np.asarray(np.asarray(srgb, dtype=np.float64) ** 2.0)


def _set(program: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name not in program:
            continue  # the compiler drops what a program does not use
        if isinstance(value, bytes):
            program[name].write(value)
        elif isinstance(value, np.ndarray):
            program[name].value = tuple(float(item) for item in value)
        else:
            program[name].value = value


def _worn(dress: Dress) -> dict[str, Any]:
    cloths: tuple[Cloth, Cloth] = (dress.top, dress.bottom)
    return {
        **{name: linear(getattr(dress, name)) for name in ("skin", "lips", "hair", "iris", "shoe")},
        "cloth": np.stack([linear(cloth.first) for cloth in cloths]).astype(np.float32).tobytes(),
        "cloth_second": np.stack([linear(cloth.second) for cloth in cloths]).astype(np.float32).tobytes(),
        "pattern": np.array([cloth.pattern for cloth in cloths], np.int32).tobytes(),
        "pattern_form": np.array([cloth.form for cloth in cloths], np.float32).tobytes(),
        "crumple": dress.crumple,
        "gloss": dress.gloss,
    }


def _boxes(stage: Stage) -> dict[str, Any]:
    used = stage.boxes[:MOST_BOXES]
    centre, half, tint = (np.zeros((MOST_BOXES, 3), np.float32) for _ in range(3))
    turn = np.zeros(MOST_BOXES, np.float32)
    for index, box in enumerate(used):
        centre[index], half[index], tint[index], turn[index] = box.centre_m, box.half_m, linear(box.colour), box.turn
    return {
        "boxes": len(used), "box_centre": centre.tobytes(), "box_half": half.tobytes(),
        "box_colour": tint.tobytes(), "box_turn": turn.tobytes(),
    }  # fmt: skip


def _clip(view: View, size_px: tuple[int, int]) -> bytes:
    """Return the matrix from world axes to clip space; picture row 0 is the buffer's first row."""
    width, height = size_px
    cx, cy = view.centre_px
    to_clip = np.array([
        [2 * view.focal_px / width, 0, 2 * cx / width - 1, 0],
        [0, 2 * view.focal_px / height, 2 * cy / height - 1, 0],
        [0, 0, (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)],
        [0, 0, 1, 0],
    ])  # fmt: skip
    to_camera = np.eye(4)
    to_camera[:3, :3], to_camera[:3, 3] = view.rotation, view.translation_m
    return np.ascontiguousarray((to_clip @ to_camera).T, dtype=np.float32).tobytes()


def _to_sun(vertices_m: FloatArray, sun: NDArray[np.float64]) -> bytes:
    """Return the parallel projection along the sun that just holds the figure, deep enough to reach the floor."""
    aside = np.cross(sun, [0.0, 0.0, 1.0] if abs(sun[2]) < 0.9 else [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    axes = np.stack([aside, np.cross(sun, aside), -sun])
    seen = vertices_m @ axes.T.astype(np.float32)
    low, high = seen.min(axis=0).astype(np.float64), seen.max(axis=0).astype(np.float64)
    middle, half = (low + high) / 2, (high - low) / 2 * 1.03
    depth = 20.0
    out = np.eye(4)
    out[:2, :3] = axes[:2] / half[:2, None]
    out[:2, 3] = -middle[:2] / half[:2]
    out[2, :3] = 2 * axes[2] / depth
    out[2, 3] = -2 * (low[2] - 0.1) / depth - 1
    return np.ascontiguousarray(out.T, dtype=np.float32).tobytes()


def _contact(vertices_m: FloatArray, stage: Stage) -> tuple[FloatArray, NDArray[np.float64]]:
    """Return a 64 x 64 map of how much the body hides the sky from the floor, and the floor area it covers."""
    low = vertices_m[:, :2].min(axis=0) - 0.4
    high = vertices_m[:, :2].max(axis=0) + 0.4
    height = vertices_m[:, 2] - stage.floor_z_m
    weight = np.clip(1.0 - height / 0.6, 0.0, 1.0) ** 2
    cells = ((vertices_m[:, :2] - low) / (high - low) * 63.999).astype(np.int64)
    counts = np.bincount(cells[:, 1] * 64 + cells[:, 0], weights=weight, minlength=4096).reshape(64, 64)
    spread = cv2.GaussianBlur(np.minimum(counts / 2.0, 1.0), (0, 0), 64 * 0.05 / float((high - low).max()) + 1.0)
    wide = cv2.GaussianBlur(spread, (0, 0), 3.5)
    hidden = np.clip(0.55 * spread + 0.75 * wide, 0.0, 0.85)
    return np.asarray(hidden, dtype=np.float32), np.concatenate([low, 1.0 / (high - low)]).astype(np.float64)
