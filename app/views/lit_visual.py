"""A vispy visual for the merged meshes: headlight, sky and ground light, highlight and rim in one small shader."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo
from vispy.scene.visuals import create_visual_node
from vispy.visuals import Visual

from app.views.mesh3d import Mesh

_VERTEX = """
attribute vec3 a_position;
attribute vec3 a_normal;
attribute vec4 a_colour;
varying vec3 v_position;
varying vec3 v_normal;
varying vec4 v_colour;
void main() {
    v_position = a_position;
    v_normal = a_normal;
    v_colour = a_colour;
    gl_Position = $transform(vec4(a_position, 1.0));
}
"""

_FRAGMENT = """
uniform vec3 u_eye;
uniform float u_flat;
uniform float u_rim;
varying vec3 v_position;
varying vec3 v_normal;
varying vec4 v_colour;
void main() {
    if (u_flat > 0.5) {
        gl_FragColor = v_colour;
        return;
    }
    vec3 normal = normalize(v_normal);
    vec3 eye = normalize(u_eye - v_position);
    vec3 key = normalize(eye + vec3(0.0, 0.0, 0.75));
    float head = max(dot(normal, eye), 0.0);
    float sky = 0.5 + 0.5 * normal.z;
    float diffuse = 0.16 + 0.28 * sky + 0.36 * head + 0.34 * max(dot(normal, key), 0.0);
    float shine = pow(max(dot(normal, normalize(key + eye)), 0.0), 48.0);
    float rim = pow(1.0 - head, 3.0);
    vec3 lit = v_colour.rgb * diffuse + vec3(0.26) * shine + u_rim * v_colour.rgb * rim;
    gl_FragColor = vec4(lit, v_colour.a);
}
"""


class LitMeshVisual(Visual):
    """One mesh, lit from the eye. ``flat`` draws its colours as they are, for shadows."""

    def __init__(self, flat: bool = False) -> None:
        Visual.__init__(self, vcode=_VERTEX, fcode=_FRAGMENT)
        self._positions = gloo.VertexBuffer(np.zeros((3, 3), np.float32))
        self._normals = gloo.VertexBuffer(np.zeros((3, 3), np.float32))
        self._colours = gloo.VertexBuffer(np.zeros((3, 4), np.float32))
        self._index_buffer = gloo.IndexBuffer(np.zeros(3, np.uint32))
        self._faces: NDArray[np.uint32] | None = None
        self.shared_program["a_position"] = self._positions
        self.shared_program["a_normal"] = self._normals
        self.shared_program["a_colour"] = self._colours
        self.shared_program["u_eye"] = (0.0, -4000.0, 0.0)
        self.shared_program["u_flat"] = 1.0 if flat else 0.0
        self.shared_program["u_rim"] = 0.35
        self._draw_mode = "triangles"
        self.set_gl_state("translucent", depth_test=not flat, cull_face=False)
        self.freeze()

    def set_mesh(self, mesh: Mesh) -> None:
        """Show another mesh."""
        self._positions.set_data(np.ascontiguousarray(mesh.positions))
        self._normals.set_data(np.ascontiguousarray(mesh.normals))
        self._colours.set_data(np.ascontiguousarray(mesh.colours))
        if mesh.faces is not self._faces:
            self._faces = mesh.faces
            self._index_buffer.set_data(np.ascontiguousarray(mesh.faces.ravel()))
        self.update()

    def set_eye(self, eye: tuple[float, float, float]) -> None:
        """Tell where the viewer is, in world coordinates."""
        self.shared_program["u_eye"] = eye

    def _prepare_transforms(self, view: Any) -> None:
        view.view_program.vert["transform"] = view.get_transform()

    def _prepare_draw(self, view: Any) -> bool:
        return True

    def _compute_bounds(self, axis: int, view: Any) -> tuple[float, float] | None:
        return None


LitMesh = create_visual_node(LitMeshVisual)


def draw_over(first: int, *visuals: Any) -> None:
    """Draw visuals one after the other over what is there, however near that is; pale parts are seen through.

    Args:
        first: order of the first one.
        visuals: of vispy.
    """
    for order, visual in enumerate(visuals, start=first):
        visual.order = order
        visual.set_gl_state(
            depth_test=False, blend=True, color_mask=(True, True, True, True),
            blend_func=("src_alpha", "one_minus_src_alpha"),
        )  # fmt: skip
