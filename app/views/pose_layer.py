"""One model's heatmap and skeleton over the picture; in a comparison, on one side of the split line only."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QTransform

from app.colours import bone_colours, heat_table, joint_colours
from app.state import Display, HeatmapMode
from app.views.heat import enlarge
from app.views.skeleton_item import SkeletonItem
from core.pose import Pose

Span = tuple[float, float]
"""From where to where on the picture's x axis something is shown, picture pixels."""

_FAINTEST_TOP = 0.35
"""A map whose peak is lower than this is drawn no brighter than that: faint means unsure."""


class PoseLayer:
    """What is drawn over a picture about one pose."""

    def __init__(self) -> None:
        self.heat = pg.ImageItem(axisOrder="row-major")
        self.heat.setLookupTable(heat_table())
        self.heat.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.skeleton = SkeletonItem()
        self.span: Span | None = None
        """Where it is shown; None for everywhere."""

    def show(self, pose: Pose | None, display: Display) -> None:
        """Show a pose the way the user wants to see it; None clears."""
        self._show_skeleton(pose, display)
        self._show_heat(pose, display)

    def _show_skeleton(self, pose: Pose | None, display: Display) -> None:
        self.skeleton.setVisible(display.skeleton)
        self.skeleton.span = self.span
        if pose is None:
            self.skeleton.clear()
        else:
            chosen = display.joint if display.heatmap is HeatmapMode.JOINT else None
            colours = bone_colours(display.colours, pose.geometry)
            joints = joint_colours(display.colours)
            self.skeleton.show_joints(pose.joints_px, pose.confidence, colours, joints, chosen)
        self.skeleton.choose_bone(display.bone)

    def _show_heat(self, pose: Pose | None, display: Display) -> None:
        if pose is None or display.heatmap is HeatmapMode.OFF:
            self.heat.hide()
            return
        maps = pose.heatmaps
        shown = maps.max(axis=0) if display.heatmap is HeatmapMode.ALL else maps[display.joint]
        top = max(float(shown.max()), _FAINTEST_TOP)
        shown = enlarge(shown)
        scale = pose.crop_size / shown.shape[1]
        matrix = pose.crop_to_picture
        if self.span is not None:
            # The crop is never turned: a column of the map is a column of the picture.
            middles_px = matrix[0, 0] * scale * (np.arange(shown.shape[1]) + 0.5) + matrix[0, 2]
            shown[:, (middles_px < self.span[0]) | (middles_px > self.span[1])] = 0.0
        self.heat.setImage(shown, autoLevels=False, levels=(0.0, top))
        self.heat.setTransform(
            QTransform(
                matrix[0, 0] * scale, matrix[1, 0] * scale, matrix[0, 1] * scale, matrix[1, 1] * scale,
                matrix[0, 2], matrix[1, 2],
            )
        )  # fmt: skip
        self.heat.setOpacity(display.opacity)
        self.heat.show()
