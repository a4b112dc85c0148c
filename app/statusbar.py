"""The status bar: what is going on at the left; place, picture, device, model and latency at the right."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar

from app.state import AppState


class StatusBar(QStatusBar):
    """Watches the state and says it in a line."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self.setSizeGripEnabled(False)
        self.activity = QLabel()
        self.place = QLabel(toolTip="Which of the pictures opened together")
        self.picture_size = QLabel(toolTip="Size of the picture, width × height")
        self.model = QLabel(toolTip="The checkpoint in use")
        self.device = QLabel(toolTip="Where the network runs")
        self.latency = QLabel(toolTip="How long the last pose took, search for the person included")
        self.addWidget(self.activity, 1)
        for label in (self.place, self.picture_size, self.model, self.device, self.latency):
            self.addPermanentWidget(label)
        for signal in (
            state.picture_changed, state.pose_changed, state.model_changed, state.trail_changed,
            state.activity_changed,
        ):  # fmt: skip
            signal.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        state = self._state
        idle = "Ready" if state.picture is None else state.picture.path.name
        self.activity.setText(f"{state.activity[0].upper()}{state.activity[1:]}…" if state.activity else idle)
        trail = f"{state.trail_index + 1} of {len(state.trail)}" if state.trail else ""
        size = "" if state.picture is None else "{} × {} px".format(*state.picture.size_px)
        model = "no model" if state.model is None else ", ".join([state.model.name, *_differences(state)])
        latency = "" if state.latency_ms is None else f"pose in {state.latency_ms:.0f} ms"
        for label, text in (
            (self.place, trail), (self.picture_size, size), (self.model, model), (self.device, state.device.upper()),
            (self.latency, latency),
        ):  # fmt: skip
            label.setText(text)
            label.setVisible(bool(text))


def _differences(state: AppState) -> list[str]:
    """Say in what the pose that is shown was read in another way than usual."""
    pose = state.pose
    if pose is None:
        return []
    highest = state.reading.peaks and pose.decoded_by == "peaks"
    return [*(["highest peaks"] if highest else []), *(["refined"] if pose.refined else [])]
