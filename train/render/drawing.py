"""Drawing a dressed body with OpenGL, off screen and without a display (EGL)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import UserError

_VERTEX = """
#version 330
uniform mat4 clip; in vec3 position; in vec3 normal; in vec3 colour; out vec3 n; out vec3 c; out vec3 p;
void main() { gl_Position = clip * vec4(position, 1.0); n = normal; c = colour; p = position; }
"""
_FRAGMENT = """
#version 330
uniform vec3 sun; uniform vec3 sun_colour; uniform vec3 sky; uniform vec3 ground; uniform vec3 up; uniform float gloss;
in vec3 n; in vec3 c; in vec3 p; out vec4 pixel;
void main() {
    vec3 normal = normalize(n); vec3 view = normalize(-p);
    if (dot(normal, view) < 0.0) normal = -normal;
    float direct = max(dot(normal, sun), 0.0);
    float wrap = max((dot(normal, sun) + 0.3) / 1.3, 0.0);
    vec3 light = mix(ground, sky, 0.5 + 0.5 * dot(normal, up)) + sun_colour * mix(direct, wrap, 0.4);
    float shine = pow(max(dot(normal, normalize(sun + view)), 0.0), 24.0) * gloss;
    pixel = vec4(c * light + sun_colour * shine, 1.0);
}
"""


@dataclass(frozen=True)
class Light:
    """Directional light, sky and ground, in camera axes; colours are multipliers."""

    sun: NDArray[np.float64]
    sun_colour: NDArray[np.float64]
    sky: NDArray[np.float64]
    ground: NDArray[np.float64]
    up: NDArray[np.float64]
    gloss: float


class Canvas:
    """One OpenGL context and its buffers; draws meshes of fixed topology at one size.

    Args:
        size_px: (width, height).
        faces: (F, 3) triangles.

    Raises:
        UserError: moderngl is not installed or there is no EGL.
    """

    def __init__(self, size_px: tuple[int, int], faces: NDArray[np.int32]) -> None:
        try:
            import moderngl
        except ImportError as error:
            raise UserError("moderngl is not installed", "run `pip install 'bonesight[render]'`") from error
        try:
            self._context = moderngl.create_standalone_context(backend="egl")
        except Exception as error:
            # moderngl raises bare Exception when no EGL device answers.
            raise UserError("there is no OpenGL through EGL", "install libegl1 and libgl1-mesa-dri") from error
        self.size_px = size_px
        context = self._context
        self._program = context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        count = int(faces.max()) + 1
        self._buffer = context.buffer(reserve=count * 9 * 4, dynamic=True)
        self._array = context.vertex_array(
            self._program, [(self._buffer, "3f 3f 3f", "position", "normal", "colour")],
            context.buffer(np.ascontiguousarray(faces, dtype=np.int32).tobytes()),
        )  # fmt: skip
        samples = min(4, context.max_samples)
        self._many = context.framebuffer(
            [context.renderbuffer(size_px, 4, samples=samples)], context.depth_renderbuffer(size_px, samples=samples)
        )
        self._one = context.framebuffer([context.renderbuffer(size_px, 4)])
        context.enable(moderngl.DEPTH_TEST)

    def draw(
        self, vertices_m: NDArray[np.float64], normals: NDArray[np.float64], colours: NDArray[np.float32],
        focal_px: float, centre_px: NDArray[np.float64], light: Light,
    ) -> NDArray[np.float32]:  # fmt: skip
        """Draw a mesh given in camera axes: (h, w, 4) premultiplied RGBA in 0..1."""
        data = np.concatenate([vertices_m, normals, colours], axis=1).astype(np.float32)
        self._buffer.write(data.tobytes())
        program = self._program
        program["clip"].write(_clip_matrix(self.size_px, focal_px, centre_px).T.astype(np.float32).tobytes())
        for name in ("sun", "sun_colour", "sky", "ground", "up"):
            program[name].value = tuple(float(value) for value in getattr(light, name))
        program["gloss"].value = light.gloss
        self._many.use()
        self._many.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._array.render()
        self._context.copy_framebuffer(self._one, self._many)
        width, height = self.size_px
        pixels = np.frombuffer(self._one.read(components=4), np.uint8).reshape(height, width, 4)
        return pixels[::-1].astype(np.float32) / 255.0


def _clip_matrix(size_px: tuple[int, int], focal_px: float, centre_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (4, 4) matrix from camera axes (x right, y down, z away) to OpenGL clip space."""
    width, height = size_px
    near, far = 0.05, 100.0
    return np.array([
        [2 * focal_px / width, 0, 2 * centre_px[0] / width - 1, 0],
        [0, -2 * focal_px / height, 1 - 2 * centre_px[1] / height, 0],
        [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
        [0, 0, 1, 0],
    ])  # fmt: skip
