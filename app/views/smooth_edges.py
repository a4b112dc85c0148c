"""Smooth edges for the 3D view where there is time for them: four samples a pixel, in a buffer of their own.

A widget's own samples are chosen before it is known what draws it. On a graphics card they cost nothing to speak of;
where OpenGL is software they are most of the work, and a body that moves is drawn without them.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat
from vispy import scene
from vispy.gloo import gl

_SAMPLES: Final = 4
_SOFTWARE: Final = ("llvmpipe", "softpipe", "swrast", "software")


def renderer(canvas: scene.SceneCanvas) -> str:
    """Return what draws a canvas: the name OpenGL has for it."""
    canvas.set_current()
    return str(gl.glGetParameter(gl.GL_RENDERER))


def is_software(name: str) -> bool:
    """Say whether a renderer is none of a graphics card."""
    return any(word in name.lower() for word in _SOFTWARE)


class SmoothEdges:
    """Draws a canvas through a buffer with several samples a pixel.

    Args:
        canvas: made without samples of its own.
    """

    def __init__(self, canvas: scene.SceneCanvas) -> None:
        self.moving = False
        """Whether another picture follows at once."""
        self._canvas = canvas
        self._native = canvas.native
        self._buffer: QOpenGLFramebufferObject | None = None
        self._slow: bool | None = None
        # vispy asks its widget this before it draws.
        self._native._vispy_get_fb_bind_location = self._drawn_into
        canvas.events.draw.connect(self._show, position="last")

    @property
    def on(self) -> bool:
        """Whether edges are smoothed now."""
        if self._slow is None:
            self._slow = is_software(str(gl.glGetParameter(gl.GL_RENDERER)))
        return QOpenGLFramebufferObject.hasOpenGLFramebufferBlit() and not (self._slow and self.moving)

    def _drawn_into(self) -> int:
        if not self.on:
            self._buffer = None
            return int(self._native.defaultFramebufferObject())
        size = QSize(*self._canvas.physical_size)
        if self._buffer is None or self._buffer.size() != size:
            wanted = QOpenGLFramebufferObjectFormat()
            wanted.setSamples(_SAMPLES)
            wanted.setAttachment(QOpenGLFramebufferObject.Attachment.CombinedDepthStencil)
            self._buffer = QOpenGLFramebufferObject(size, wanted)
        return int(self._buffer.handle())

    def _show(self, _event: object) -> None:
        """Put what was drawn into the widget."""
        if self._buffer is not None:
            self._canvas.context.flush_commands()
            QOpenGLFramebufferObject.blitFramebuffer(None, self._buffer)
            self._buffer.release()
