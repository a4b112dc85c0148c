"""What the colours of the bones mean just now."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QLabel

from app.colours import SIDE_COLOURS, VERDICT_COLOURS, ColourMode, Rgb
from app.state import AppState

_SIDES: Final = {"right": "right", "left": "left", "centre": "middle"}
_TIPS: Final = {
    ColourMode.SIDE: "The colours of bones and joints: the person's own right and left side (V: by verdict)",
    ColourMode.VERDICT: "The colours of the bones: whether they can be real (V: by side)",
}


class Legend(QLabel):
    """Names the sides of the body or the verdicts, each with its colour."""

    def __init__(self, state: AppState) -> None:
        super().__init__(objectName="muted")
        self._state = state
        state.display_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        mode = self._state.display.colours
        sides = {name: SIDE_COLOURS[side] for side, name in _SIDES.items()}
        named = VERDICT_COLOURS if mode is ColourMode.VERDICT else sides
        self.setText("&nbsp;&nbsp; ".join(_dot(colour) + name for name, colour in named.items()))
        self.setToolTip(_TIPS[mode])


def _dot(colour: Rgb) -> str:
    return f"<span style='color: rgb{colour}'>●</span>&nbsp;"
