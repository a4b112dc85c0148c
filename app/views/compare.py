"""The panel under a comparison: joints by difference, bones side by side, and what a whole folder says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QSplitter, QStackedWidget, QToolButton, QWidget

from app.comparing import Comparing, Layout
from app.naming import short_name
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.compare_folder import FolderPage
from app.views.panel import ElidedLabel, EmptyState, Panel
from app.views.rows_model import Row, RowsModel, RowsTable
from core.export_comparison import differences

JOINT_COLUMNS: Final = (
    ("Joint", "Click a joint to see its heatmap; the joints that differ most come first"),
    ("mm", "Millimetres between A's joint and B's, both skeletons laid on each other at the pelvis"),
    ("px", "Pixels of the picture between A's joint and B's"),
    ("degrees", "Angle between A's and B's direction of the bone that leads to the joint"),
)
BONE_COLUMNS: Final = (
    ("Bone", "Click a bone to see it in the pictures and in 3D"),
    ("A, mm", "A's length"),
    ("B, mm", "B's length"),
    ("B − A", "B's length minus A's, mm"),
    ("A dev. %", "How far A's bone is from the mean ratio of its group"),
    ("B dev. %", "How far B's bone is from the mean ratio of its group"),
    ("B − A", "B's deviation minus A's, percent points"),
    ("A R−L %", "A's right minus left over their mean"),
    ("B R−L %", "B's right minus left over their mean"),
    ("B − A", "B's right minus left less A's, percent points"),
)
_LAYOUTS: Final = (
    (Layout.SIDE, "Side by side", "A's picture left, B's right, with linked zoom"),
    (Layout.SPLIT, "Split", "One over the other: drag the line over the picture"),
    (Layout.SINGLE, "One", "A alone; hold X to see B in its place"),
)


def joint_rows(shown: Mapping[str, Any]) -> list[Row]:
    """Return the rows of the joint table from ``export_comparison.differences``."""
    rows = []
    for index, joint in enumerate(shown["joints"]):
        angle = joint["angle_degrees"]
        texts = (
            short_name(joint["name"]), f"{joint['distance_mm']:.0f}", f"{joint['distance_px']:.1f}",
            "–" if angle is None else f"{angle:.0f}",
        )  # fmt: skip
        values = (float(index), joint["distance_mm"], joint["distance_px"], -1.0 if angle is None else angle)
        rows.append(Row(texts, values, index))
    return rows


def bone_rows(shown: Mapping[str, Any]) -> list[Row]:
    """Return the rows of the bone table from ``export_comparison.differences``."""
    rows = []
    for index, bone in enumerate(shown["bones"]):
        texts, values = [short_name(bone["name"])], [float(index)]
        for key, digits in (("length_mm", 0), ("deviation_percent", 1), ("left_right_percent", 1)):
            for side in ("a", "b", "difference"):
                value = bone[side][key]
                texts.append(_number(value, digits, signed=side == "difference" or key != "length_mm"))
                values.append(0.0 if value is None else abs(value) if side == "difference" else value)
        rows.append(Row(tuple(texts), tuple(values), index))
    return rows


def _number(value: float | None, digits: int, *, signed: bool) -> str:
    if value is None:
        return "–"
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return (text if float(text) else text.lstrip("+-")).replace("-", "−")


class ComparePanel(Panel):
    """Shows in numbers what two models differ in; hidden without a comparison."""

    def __init__(self, state: AppState, themes: ThemeWatcher, comparing: Comparing) -> None:
        super().__init__("Compare")
        self._state = state
        self._comparing = comparing
        self.sentence = ElidedLabel(objectName="sentence")
        self.note.hide()
        self._header.insertWidget(1, self.sentence, 1)
        self._add_layouts()
        self.joints = RowsTable(RowsModel(JOINT_COLUMNS), "Joints by difference", sort_by=1, compact=True)
        self.joints.setMinimumWidth(250)
        self.bones = RowsTable(RowsModel(BONE_COLUMNS), "Bones of both models", sort_by=0)
        tables = QSplitter(Qt.Orientation.Horizontal, objectName="compare")
        tables.addWidget(self.joints)
        tables.addWidget(self.bones)
        tables.setChildrenCollapsible(False)
        tables.setSizes([330, 870])
        self.folder = FolderPage(state, themes, comparing)
        self.empty = EmptyState("", "")
        self._pages = QStackedWidget()
        for page in (self.empty, tables, self.folder):
            self._pages.addWidget(page)
        self.add_content(self._pages, 1)
        self._tables = tables
        self.joints.selectionModel().selectionChanged.connect(self._joint_chosen)
        self.bones.selectionModel().selectionChanged.connect(self._bone_chosen)
        for signal in (comparing.changed, comparing.compared, comparing.model_changed):
            signal.connect(self._refresh)
        comparing.folder_changed.connect(self._folder_began)
        state.picture_changed.connect(self._refresh)
        state.display_changed.connect(self._follow_choice)
        self._refresh()

    def _add_layouts(self) -> None:
        self.layouts: dict[Layout, QToolButton] = {}
        group = QButtonGroup(self)
        for layout, text, tip in _LAYOUTS:
            button = QToolButton(text=text, toolTip=f"{tip} (Shift+C: the next layout)", checkable=True)
            button.clicked.connect(lambda _on, layout=layout: self._comparing.set_display(layout=layout))
            group.addButton(button)
            self.layouts[layout] = button
            self.add_control(button)
        self.arrows = self._switch("Arrows", "Arrows from A's joints to B's (Shift+W)", "arrows")
        self.ghost = self._switch("Ghost", "B stands pale in A's 3D view, without a view of its own (Shift+G)", "ghost")
        self.all_pictures = QToolButton(text="All pictures", checkable=True)
        self.all_pictures.setToolTip("What all pictures that were opened together say")
        self.all_pictures.toggled.connect(self._refresh)
        self.add_control(self.all_pictures)

    def _switch(self, text: str, tip: str, field: str) -> QToolButton:
        button = QToolButton(text=text, toolTip=tip, checkable=True)
        button.clicked.connect(lambda on: self._comparing.set_display(**{field: on}))
        self.add_control(button)
        return button

    def _folder_began(self) -> None:
        if self._comparing.folder.running and not self.all_pictures.isChecked() and not self._comparing.folder.done:
            self.all_pictures.setChecked(True)

    def _refresh(self) -> None:
        comparing, display = self._comparing, self._comparing.display
        self.setVisible(comparing.on)
        for layout, button in self.layouts.items():
            button.setChecked(layout is display.layout)
        self.arrows.setChecked(display.arrows)
        self.ghost.setChecked(display.ghost)
        found = comparing.comparison
        self.sentence.setText("" if found is None else found.sentence())
        if found is not None:
            shown = differences(found)
            self.joints.rows.set_rows(joint_rows(shown))
            self.bones.rows.set_rows(bone_rows(shown))
            self._follow_choice()
        self._pages.setCurrentWidget(self._page())

    def _page(self) -> QWidget:
        comparing, state = self._comparing, self._state
        if self.all_pictures.isChecked():
            return self.folder
        if comparing.comparison is not None:
            return self._tables
        if state.picture is None:
            self.empty.say("No picture yet", "Open a picture of a person: both models look at it.")
        elif comparing.model is None and not comparing.activity:
            self.empty.say("No model B yet", "Choose one in the toolbar (Model B), or open a checkpoint there.")
        else:
            self.empty.say("Comparing", comparing.activity.capitalize() or "Waiting for A's pose…")
        return self.empty

    def _joint_chosen(self) -> None:
        joint = self.joints.chosen()
        if joint is not None:
            self._state.choose_joint(joint)

    def _bone_chosen(self) -> None:
        bone = self.bones.chosen()
        if bone is not None:
            self._state.set_display(bone=bone)

    def _follow_choice(self) -> None:
        """Let the tables follow a joint or bone that was chosen elsewhere."""
        if not self._comparing.on:
            return
        self.bones.choose(self._state.display.bone)
        if self.joints.chosen() not in (None, self._state.display.joint):
            self.joints.choose(self._state.display.joint)
