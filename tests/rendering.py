"""What tests of the renderer share: they are skipped where its packages are not installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from core.errors import UserError
from train.render.renderer import RenderConfig, Renderer

for _package in ("anny", "moderngl"):
    if importlib.util.find_spec(_package) is None:
        pytest.skip(f"{_package} is not installed (pip install 'bonesight[render]')", allow_module_level=True)

MOCAP = next(
    (
        path
        for folder in Path(__file__).resolve().parents
        for path in (folder / "shared" / "data" / "mocap_poses.npz", folder / "data" / "mocap_poses.npz")
        if path.is_file()
    ),
    None,
)
"""The motion-capture file, where it is there."""


def renderer_or_skip(config: RenderConfig) -> Renderer:
    """Return a renderer, or skip the test where nothing can be drawn without a screen."""
    try:
        return Renderer(config)
    except UserError as error:
        if "EGL" in error.what:
            pytest.skip(str(error))
        raise
