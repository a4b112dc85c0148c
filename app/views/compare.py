"""The panel under a comparison: joints by difference, bones side by side, and what all pictures or a video say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QButtonGroup, QComboBox, QSplitter, QStackedWidget, QToolButton, QWidget

from app.colours import letter_style
from app.comparing import Comparing, Layout
from app.naming import BONE_PLACES, short_name
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.compare_many import ManyPage
from app.views.panel import ElidedLabel, EmptyState, Panel, keep_keys
from app.views.rows_model import Row, RowsModel, RowsTable
from core.compare import LETTERS
from core.export_comparison import differences

_PLAYING_MS: Final = 200
_QUANTITIES: Final = (
    ("length_mm", "Length, mm", 0),
    ("deviation_percent", "Deviation, %", 1),
    ("left_right_percent", "R − L, %", 1),
)
"""Key, name and digits of what the bones of several models are compared in, one at a time: all would be too wide."""
_MEANING: Final = {
    "length_mm": "length",
    "deviation_percent": "deviation from the mean ratio of the bone's group, %",
    "left_right_percent": "right minus left over their mean, %",
}
_LAYOUTS: Final = (
    (Layout.SIDE, "Side by side", "Each model's picture, A's first, with linked zoom"),
    (Layout.SPLIT, "Split", "One over the other: drag the line over the picture"),
    (Layout.SINGLE, "One", "A alone; hold X to see another in its place"),
)


def joint_columns(letters: str) -> tuple[tuple[str, str], ...]:
    """Return the joint table's columns for the models beside A."""
    first = ("Joint", "Click a joint to see its heatmap; the joints that differ most come first")
    units = (
        ("mm", "Millimetres between A's joint and {}'s, both skeletons laid on each other at the pelvis"),
        ("px", "Pixels of the picture between A's joint and {}'s"),
        ("degrees", "Angle between A's and {}'s direction of the bone that leads to the joint"),
    )
    if len(letters) == 1:
        return (first, *((unit, tip.format(letters)) for unit, tip in units))
    short = {"degrees": "°"}
    return (
        first,
        *((f"{letter} {short.get(unit, unit)}", tip.format(letter)) for unit, tip in units for letter in letters),
    )


def joint_rows(shown: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the rows of the joint table from ``export_comparison.differences`` of A and each of the others."""
    rows = []
    for index, joints in enumerate(zip(*(each["joints"] for each in shown), strict=True)):
        angles = [joint["angle_degrees"] for joint in joints]
        texts = [
            short_name(joints[0]["name"]),
            *(f"{joint['distance_mm']:.0f}" for joint in joints),
            *(f"{joint['distance_px']:.1f}" for joint in joints),
            *("–" if angle is None else f"{angle:.0f}" for angle in angles),
        ]
        values = [
            float(index),
            *(joint["distance_mm"] for joint in joints),
            *(joint["distance_px"] for joint in joints),
            *(-1.0 if angle is None else angle for angle in angles),
        ]
        rows.append(Row(tuple(texts), tuple(values), index))
    return rows


def bone_columns(letters: str, quantity: str) -> tuple[tuple[str, str], ...]:
    """Return the bone table's columns: with one model beside A all quantities, with more the one asked for."""
    columns = [("Bone", "Click a bone to see it in the pictures and in 3D")]
    quantities = [key for key, _name, _digits in _QUANTITIES] if len(letters) == 1 else [quantity]
    short = {"length_mm": ", mm", "deviation_percent": " dev. %", "left_right_percent": " R−L %"}
    for key in quantities:
        unit = short[key] if len(letters) == 1 or key == "length_mm" else ", %"
        columns += [(f"{letter}{unit}", f"{letter}'s {_MEANING[key]}") for letter in f"A{letters}"]
        columns += [(f"{letter} − A", f"{letter}'s {_MEANING[key]} minus A's") for letter in letters]
    return tuple(columns)


def bone_rows(shown: Sequence[Mapping[str, Any]], quantity: str) -> list[Row]:
    """Return the rows of the bone table from ``export_comparison.differences`` of A and each of the others."""
    rows = []
    for index, bones in enumerate(zip(*(each["bones"] for each in shown), strict=True)):
        texts, values = [short_name(bones[0]["name"])], [float(BONE_PLACES[index])]
        for key, _name, digits in _QUANTITIES:
            if len(shown) > 1 and key != quantity:
                continue
            for value in (bones[0]["a"][key], *(bone["b"][key] for bone in bones)):
                texts.append(_number(value, digits, signed=key != "length_mm"))
                values.append(0.0 if value is None else value)
            for value in (bone["difference"][key] for bone in bones):
                texts.append(_number(value, digits, signed=True))
                values.append(0.0 if value is None else abs(value))
        rows.append(Row(tuple(texts), tuple(values), index))
    return rows


def _number(value: float | None, digits: int, *, signed: bool) -> str:
    if value is None:
        return "–"
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return (text if float(text) else text.lstrip("+-")).replace("-", "−")


class ComparePanel(Panel):
    """Shows in numbers what the models differ in; hidden without a comparison."""

    def __init__(self, state: AppState, themes: ThemeWatcher, comparing: Comparing) -> None:
        super().__init__("Compare")
        self._state = state
        self._themes = themes
        self._comparing = comparing
        self.sentence = ElidedLabel(objectName="sentence")
        self.note.hide()
        self._header.insertWidget(1, self.sentence, 1)
        self._add_choices()
        self._add_layouts()
        self.joints = RowsTable(RowsModel(joint_columns("B")), "Joints by difference", sort_by=1, compact=True)
        self.joints.setMinimumWidth(250)
        self.bones = RowsTable(RowsModel(bone_columns("B", "length_mm")), "Bones of the models", sort_by=0)
        tables = QSplitter(Qt.Orientation.Horizontal, objectName="compare")
        tables.addWidget(self.joints)
        tables.addWidget(self.bones)
        tables.setChildrenCollapsible(False)
        tables.setSizes([330, 870])
        self.many = ManyPage(state, themes, comparing)
        self.empty = EmptyState("", "")
        self._pages = QStackedWidget()
        for page in (self.empty, tables, self.many):
            self._pages.addWidget(page)
        self.add_content(self._pages, 1)
        self._tables = tables
        self._models_shown = 2
        # While a video plays, numbers change faster than anybody can read, and drawing them slows the picture down.
        self._later = QTimer(self, interval=_PLAYING_MS, singleShot=True)
        self._later.timeout.connect(self._show_numbers)
        self.joints.selectionModel().selectionChanged.connect(self._joint_chosen)
        self.bones.selectionModel().selectionChanged.connect(self._bone_chosen)
        comparing.changed.connect(self._refresh)
        comparing.model_changed.connect(self._refresh)
        comparing.compared.connect(self._compared)
        comparing.many.changed.connect(self._many_changed)
        state.picture_changed.connect(self._refresh)
        state.clip_changed.connect(self._name_many)
        themes.changed.connect(self._colour_letters)
        self._colour_letters()
        state.display_changed.connect(self._follow_choice)
        self._name_many()
        self._refresh()

    def _add_choices(self) -> None:
        """Add what there is to choose with more than two models: which one stands beside A, and what of the bones."""
        self.letters: list[QToolButton] = []
        group = QButtonGroup(self)
        for place, letter in enumerate(LETTERS[1:]):
            button = QToolButton(text=letter, checkable=True)
            button.setToolTip(f"A and {letter}: what X flips, what the split line parts (Shift+X: the next one)")
            button.clicked.connect(lambda _on, place=place: self._comparing.choose_other(place))
            group.addButton(button)
            self.letters.append(button)
            self.add_control(button)
        self.quantity = QComboBox()
        self.quantity.setToolTip("What the bone table compares")
        self.quantity.setAccessibleName("What the bone table compares")
        for key, name, _digits in _QUANTITIES:
            self.quantity.addItem(name, key)
        self.quantity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        keep_keys(self.quantity)
        self.quantity.currentIndexChanged.connect(lambda _index: self._refresh())
        self.add_control(self.quantity)

    def _add_layouts(self) -> None:
        self.layouts: dict[Layout, QToolButton] = {}
        group = QButtonGroup(self)
        for layout, text, tip in _LAYOUTS:
            button = QToolButton(text=text, toolTip=f"{tip} (Shift+C: the next layout)", checkable=True)
            button.clicked.connect(lambda _on, layout=layout: self._comparing.set_display(layout=layout))
            group.addButton(button)
            self.layouts[layout] = button
            self.add_control(button)
        self.arrows = self._switch("Arrows", "Arrows from A's joints to the others' (Shift+W)", "arrows")
        ghost_tip = "The others stand pale in A's 3D view, without views of their own (Shift+G)"
        self.ghost = self._switch("Ghost", ghost_tip, "ghost")
        self.all_pictures = QToolButton(checkable=True)
        self.all_pictures.toggled.connect(self._refresh)
        self.add_control(self.all_pictures)

    def _switch(self, text: str, tip: str, field: str) -> QToolButton:
        button = QToolButton(text=text, toolTip=tip, checkable=True)
        button.clicked.connect(lambda on: self._comparing.set_display(**{field: on}))
        self.add_control(button)
        return button

    def _colour_letters(self) -> None:
        for place, button in enumerate(self.letters):
            button.setStyleSheet(letter_style(place + 1, self._themes.theme.dark))

    def _name_many(self) -> None:
        video = self._state.clip is not None
        self.all_pictures.setText("Whole video" if video else "All pictures")
        told = "What the whole video says" if video else "What all pictures that were opened together say"
        self.all_pictures.setToolTip(told)

    def _many_changed(self) -> None:
        """Show what comes of the pictures as soon as they were asked for; a video is gone through unasked."""
        result = self._comparing.many.result
        if result.running and result.times_s is None and not self.all_pictures.isChecked() and not result.done:
            self.all_pictures.setChecked(True)

    def _compared(self) -> None:
        if not self._comparing.is_playing:
            self._later.stop()
            self._show_numbers()
        elif not self._later.isActive():
            self._later.start()

    def _refresh(self) -> None:
        comparing, display = self._comparing, self._comparing.display
        self.setVisible(comparing.on)
        several = len(comparing.others) > 1
        for place, button in enumerate(self.letters):
            button.setVisible(several and place < len(comparing.others))
            button.setChecked(place == display.chosen)
        self.quantity.setVisible(several)
        for layout, button in self.layouts.items():
            button.setChecked(layout is display.layout)
        self.arrows.setChecked(display.arrows)
        self.ghost.setChecked(display.ghost)
        self._show_numbers()

    def _show_numbers(self) -> None:
        comparing = self._comparing
        found = comparing.comparisons
        chosen = comparing.comparison
        words = "" if chosen is None or not comparing.on else chosen.sentence(comparing.other.letter)
        self.sentence.setText(f"A and {comparing.other.letter}: {words}" if words and len(found) > 1 else words)
        if found:
            shown = [differences(each) for each in found]
            letters, quantity = comparing.letters[1:], self.quantity.currentData()
            self.joints.rows.set_columns(joint_columns(letters))
            self.bones.rows.set_columns(bone_columns(letters, quantity))
            self.joints.rows.set_rows(joint_rows(shown))
            self.bones.rows.set_rows(bone_rows(shown, quantity))
            self._make_room(len(found))
            self._follow_choice()
        self._pages.setCurrentWidget(self._page())

    def _make_room(self, others: int) -> None:
        """Give the joint table room for its columns when their number changes."""
        if others + 1 != self._models_shown:
            self._models_shown = others + 1
            width = sum(self._tables.sizes())
            share = (0.27, 0.42, 0.54)[others - 1]
            self._tables.setSizes([round(share * width), round((1.0 - share) * width)])

    def _page(self) -> QWidget:
        comparing, state = self._comparing, self._state
        if self.all_pictures.isChecked():
            return self.many
        waiting = next((other for other in comparing.others if other.comparison is None), None)
        if waiting is None:
            return self._tables
        if state.picture is None:
            self.empty.say("No picture yet", "Open a picture of a person: all models look at it.")
        elif waiting.model is None and not waiting.activity:
            self.empty.say(f"No model {waiting.letter} yet", "Choose one in the toolbar, or open a checkpoint there.")
        else:
            self.empty.say("Comparing", waiting.activity[:1].upper() + waiting.activity[1:] or "Waiting for A's pose…")
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
