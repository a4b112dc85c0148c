"""The one table of actions and shortcuts: menus, toolbar and the Help page are all made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app import icons
from app.theme import Theme


@dataclass(frozen=True)
class ActionSpec:
    """One thing the user can do.

    Attributes:
        key: its identifier; the window maps it to a function.
        menu: the menu it is in.
        text: its name in the menu.
        shortcuts: the keys, the first one shown.
        tip: what it does, in the tool tip and on the Help page.
        icon: file in resources/icons, empty for none.
        checkable: whether it is a switch.
        short: its name in the toolbar, where that is shorter.
        separated: whether a line stands before it in the menu.
    """

    key: str
    menu: str
    text: str
    shortcuts: tuple[str, ...] = ()
    tip: str = ""
    icon: str = ""
    checkable: bool = False
    short: str = ""
    separated: bool = False


MENUS: Final = ("File", "Edit", "View", "Video", "Live", "Model", "Compare", "Export", "Help")

ACTIONS: Final[tuple[ActionSpec, ...]] = (
    ActionSpec("open", "File", "Open pictures or videos…", ("Ctrl+O",), "Open one or more pictures or videos", "open",
               short="Open"),
    ActionSpec("open_folder", "File", "Open folder…", ("Ctrl+Shift+O",), "Open all pictures and videos of a folder"),
    ActionSpec("open_live", "File", "Camera or stream…", ("Ctrl+L",),
               "Follow a person live: a camera, a stream's address, or a video as if live", "camera", short="Camera"),
    ActionSpec("previous", "File", "Previous picture", ("Left", "PgUp"), "Go to the previous picture", "previous",
               separated=True),
    ActionSpec("next", "File", "Next picture", ("Right", "PgDown"), "Go to the next picture", "next"),
    ActionSpec("close", "File", "Close picture", ("Ctrl+W",), "Go back to the empty window", separated=True),
    ActionSpec("quit", "File", "Quit", ("Ctrl+Q",), "Close the program"),
    ActionSpec("undo", "Edit", "Undo", ("Ctrl+Z",), "Take back the last change of the box"),
    ActionSpec("redo", "Edit", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Do it again"),
    ActionSpec("paste", "Edit", "Paste", ("Ctrl+V",), "Open the picture or the files of the clipboard"),
    ActionSpec("draw_box", "Edit", "Draw box", ("B",),
               "Drag a box around the person; the pose follows at once. In a video they are followed from there on",
               "box", checkable=True, short="Box",
               separated=True),
    ActionSpec("let_go", "Edit", "Let go", ("Esc",), "Stop drawing a box, choose no bone, stop a live source"),
    ActionSpec("box_left", "Edit", "Move the box left", ("Ctrl+Left",), "The person's box, without the mouse"),
    ActionSpec("box_right", "Edit", "Move the box right", ("Ctrl+Right",), "The person's box, without the mouse"),
    ActionSpec("box_up", "Edit", "Move the box up", ("Ctrl+Up",), "The person's box, without the mouse"),
    ActionSpec("box_down", "Edit", "Move the box down", ("Ctrl+Down",), "The person's box, without the mouse"),
    ActionSpec("box_larger", "Edit", "Larger box", ("Ctrl+Shift+Up",), "About its middle"),
    ActionSpec("box_smaller", "Edit", "Smaller box", ("Ctrl+Shift+Down",), "About its middle"),
    ActionSpec("find_person", "Edit", "Find the person again", ("F",),
               "Forget the drawn box and search the picture. In a video whoever is found is followed from there on"),
    ActionSpec("person_next", "Edit", "Next person", ("E",),
               "Look at the next of the people found in the picture, from left to right"),
    ActionSpec("person_previous", "Edit", "Person before", ("Shift+E",), "From right to left"),
    ActionSpec("heat_off", "View", "No heatmap", ("0",), "Show the picture without heatmaps"),
    ActionSpec("heat_all", "View", "Heatmaps of all joints", ("A",), "Show every joint's heatmap at once"),
    ActionSpec("joint_next", "View", "Heatmap of the next joint", ("N",), "From head to foot"),
    ActionSpec("joint_previous", "View", "Heatmap of the joint before", ("Shift+N",), "From foot to head"),
    ActionSpec("verdict", "View", "Colour bones by verdict", ("V",),
               "Colour the bones by verdict (plausible, doubtful, implausible) instead of by side", "verdict",
               checkable=True, short="Verdict", separated=True),
    ActionSpec("ghost", "View", "Show the truth of a sample", ("T",),
               "Draw the true skeleton of a sample beside the predicted one, pale", "ghost", checkable=True,
               short="Truth"),
    ActionSpec("skeleton", "View", "Show the 2D skeleton", ("S",), "Draw the skeleton over the picture",
               checkable=True),
    ActionSpec("box", "View", "Show the person's box", ("Shift+B",), "Draw the box that the network looked at",
               checkable=True),
    ActionSpec("others", "View", "Show other people", ("Shift+O",),
               "Thin boxes around the other people found in the picture, with how sure it is that somebody is there; "
               "click one to look at that person", checkable=True),
    ActionSpec("labels", "View", "Show joint names in 3D", ("L",), "Write each joint's name beside it",
               checkable=True),
    ActionSpec("why", "View", "Show why a joint is there", ("W",),
               "First and second peak of the joint's heatmap, their ratio, the crop's edge, depth", checkable=True),
    ActionSpec("fit", "View", "Fit picture and body", ("Home",), "Show the whole picture and the whole body",
               separated=True),
    ActionSpec("fit_person", "View", "Zoom to the person", ("Z",), "Show the person's box as large as it goes"),
    ActionSpec("zoom_in", "View", "Zoom in", ("Ctrl++", "Ctrl+="), "Zoom into the picture"),
    ActionSpec("zoom_out", "View", "Zoom out", ("Ctrl+-",), "Zoom out of the picture"),
    ActionSpec("view_camera", "View", "3D from the camera", ("1",), "The way the picture's camera saw the person",
               separated=True),
    ActionSpec("view_front", "View", "3D from the front", ("2",), "From the front of the body"),
    ActionSpec("view_side", "View", "3D from the side", ("3",), "From the body's left side"),
    ActionSpec("view_top", "View", "3D from above", ("4",), "From above: depth errors show here first"),
    ActionSpec("turn_left", "View", "3D: turn left", ("Shift+Left",), "Go around the body to the left"),
    ActionSpec("turn_right", "View", "3D: turn right", ("Shift+Right",), "Go around the body to the right"),
    ActionSpec("turn_up", "View", "3D: turn up", ("Shift+Up",), "Look at the body from higher up"),
    ActionSpec("turn_down", "View", "3D: turn down", ("Shift+Down",), "Look at the body from further down"),
    ActionSpec("nearer", "View", "3D: nearer", ("+", "="), "Make the body larger in the 3D view"),
    ActionSpec("farther", "View", "3D: farther", ("-",), "Make the body smaller in the 3D view"),
    ActionSpec("turn", "View", "Turn the 3D view by itself", ("O",), "Until you drag it or press the key again",
               checkable=True),
    ActionSpec("theme_system", "View", "Theme: as the system", (), "Follow the system's light or dark", separated=True),
    ActionSpec("theme_dark", "View", "Theme: dark", (), "Always dark"),
    ActionSpec("theme_light", "View", "Theme: light", (), "Always light"),
    ActionSpec("play", "Video", "Play or pause", ("Space",), "At the end, play from the start"),
    ActionSpec("frame_next", "Video", "One frame on", (".",), "Pause and go to the next frame"),
    ActionSpec("frame_previous", "Video", "One frame back", (",",), "Pause and go to the frame before"),
    ActionSpec("frame_first", "Video", "First frame", ("Ctrl+Home",), "Go to the start of the video"),
    ActionSpec("frame_last", "Video", "Last frame", ("Ctrl+End",), "Go to the end of the video"),
    ActionSpec("slower", "Video", "Slower", ("[",), "Play slower, down to a quarter of the speed", separated=True),
    ActionSpec("faster", "Video", "Faster", ("]",), "Play faster, up to four times the speed"),
    ActionSpec("jump_next", "Video", "Next jump of a bone", ("J",),
               "Go to the next frame at which a bone's length jumps", separated=True),
    ActionSpec("jump_previous", "Video", "Jump of a bone before", ("Shift+J",), "Go to the one before"),
    ActionSpec("strips", "Video", "Show bone lengths over time", ("G",),
               "Draw each bone's length under the time, with its coefficient of variation", checkable=True),
    ActionSpec("live_stop", "Live", "Stop", (), "Let go of the camera or stream; its last frame stays (Esc)"),
    ActionSpec("live_filter", "Live", "Steady the joints", ("Shift+F",),
               "One-Euro filter: a low-pass that smooths much where a joint rests, because there jitter shows, and "
               "little where it moves fast, because there lag shows. Off: every frame as the network sees it",
               checkable=True, short="Steady", separated=True),
    ActionSpec("live_several", "Live", "Follow several people", ("P",),
               "Each with a track of their own; one of them is in 3D and in the table, a click chooses who",
               checkable=True, short="Several"),
    ActionSpec("live_network", "Live", "Find people by the locating network", (),
               "Names everybody at once and costs little where nobody is. Off: the pose network searches for one after "
               "the other; slower, and misses fewer", checkable=True),
    ActionSpec("record", "Live", "Record", ("Ctrl+R",),
               "Record the live source; once more to end. The films play even if the program is cut off",
               checkable=True, short="Record", separated=True),
    ActionSpec("record_stream", "Live", "Record the pictures", (), "As the source gives them, in a film",
               checkable=True, separated=True),
    ActionSpec("record_overlay", "Live", "Record the pictures with skeletons", (), "In a film", checkable=True),
    ActionSpec("record_space", "Live", "Record the 3D view", (), "In a film; ten pictures a second", checkable=True),
    ActionSpec("record_poses", "Live", "Record the poses", (),
               "As JSON lines, one a pose, the same as the command predict --jsonl writes", checkable=True),
    ActionSpec("record_folder", "Live", "Folder for recordings…", (), "Choose where recordings go"),
    ActionSpec("models", "Model", "Models…", ("Ctrl+Shift+M",),
               "Bundled and own checkpoints with their cards: size, figures, terms"),
    ActionSpec("open_checkpoint", "Model", "Open checkpoint…", ("Ctrl+M",), "Load a checkpoint from a file"),
    ActionSpec("model_next", "Model", "Next model", ("M",), "Look at the same picture with the next model"),
    ActionSpec("mirror", "Model", "Average with the mirrored picture", ("R",),
               "Mirror averaging: also look at the mirrored picture and average. Steadier, and slower", "mirror",
               checkable=True, short="Mirror", separated=True),
    ActionSpec("peaks", "Model", "Each joint at its highest peak", ("Shift+P",),
               "As in the paper: each joint where its own heatmap is highest. Off, all joints are chosen "
               "together among the best peaks, and depths brought into line with their places", checkable=True),
    ActionSpec("refine", "Model", "Refine in space", ("Shift+R",),
               "Beyond the paper: bend the 3D skeleton a little, so that its bones fit each other. "
               "The joints in the picture stay where the network saw them", checkable=True),
    ActionSpec("openvino", "Model", "Run networks by OpenVINO", (),
               "Where OpenVINO is installed and no graphics card is used: a look takes 0.6 of torch's time, 0.8 with "
               "mirror averaging. Heatmaps are the same up to rounding, in low precision 1.5 % of their peak",
               checkable=True),
    ActionSpec("training", "Model", "Training…", ("Ctrl+T",), "Start, watch and stop a training run", separated=True),
    ActionSpec("export_picture", "Export", "Picture view…", ("Ctrl+E",),
               "Save the picture with what is drawn over it, as PNG or SVG"),
    ActionSpec("export_3d", "Export", "3D view…", ("Ctrl+Shift+E",), "Save the 3D view as PNG or SVG"),
    ActionSpec("export_window", "Export", "Whole window…", (), "Save everything that is on screen as PNG"),
    ActionSpec("export_figure", "Export", "Figure…", ("Ctrl+G",),
               "Save a figure for print: picture, 3D from two sides and bone table, as PNG or SVG", separated=True),
    ActionSpec("export_report", "Export", "Report…", ("Ctrl+Shift+R",),
               "Save one page with pictures, tables and terms as HTML; or picture, 3D and table as PDF, PNG or SVG"),
    ActionSpec("export_comparison", "Export", "Comparison…", ("Ctrl+Alt+C",),
               "Save both models' poses side by side with their differences: one HTML page, or a figure"),
    ActionSpec("export_json", "Export", "Pose as JSON…", ("Ctrl+J",),
               "Save joints, bones and verdicts, the same as predict --json writes; of a video, all its frames",
               separated=True),
    ActionSpec("export_csv", "Export", "Joints as CSV…", (),
               "Save one row per joint, units in the header; of a video, all its frames"),
    ActionSpec("export_npz", "Export", "Arrays as NPZ…", (),
               "Save NumPy arrays with units, axes and checkpoint; of a video, all its frames"),
    ActionSpec("export_bvh", "Export", "Body as BVH…", (),
               "Save a skeleton for animation programs; of a video, its motion"),
    ActionSpec("export_film", "Export", "Video with skeletons…", ("Ctrl+Shift+V",),
               "Save the open video with the 2D skeleton drawn into every frame, as MP4"),
    ActionSpec("export_space_film", "Export", "3D view as video…", ("Ctrl+Alt+V",),
               "Save the body turning around once as MP4; of a video, its motion seen from where you look now"),
    ActionSpec("copy_figure", "Export", "Copy figure", ("Ctrl+Shift+G",), "Put the figure on the clipboard",
               separated=True),
    ActionSpec("copy_table", "Export", "Copy bone table", ("Ctrl+C",), "Put the bone table on the clipboard"),
    ActionSpec("batch", "Export", "Folder through the network…", ("Ctrl+B",),
               "Poses, figures and a report of all pictures of a folder", separated=True),
    ActionSpec("compare", "Compare", "Compare models", ("C",),
               "Look at the same picture and box with a second model, B, and up to two more", "compare",
               checkable=True, short="Compare"),
    ActionSpec("compare_add", "Compare", "Add a model…", ("Shift+A",),
               "Compare with one more model, up to four in all"),
    ActionSpec("compare_remove", "Compare", "Take B out", (), "Compare without the chosen model"),
    ActionSpec("compare_flip", "Compare", "Show B in A's place", ("X",),
               "Hold the key: A's picture and 3D view show the other model until you let go, also while a video plays",
               checkable=True, separated=True),
    ActionSpec("compare_next", "Compare", "Choose the next model beside A", ("Shift+X",),
               "With more than two models: which of them flips with A and stands beside it in the split picture"),
    ActionSpec("compare_layout", "Compare", "Next layout of the pictures", ("Shift+C",),
               "Side by side, one over the other with a split line, or one alone", separated=True),
    ActionSpec("compare_arrows", "Compare", "Show arrows from A's joints", ("Shift+W",),
               "Arrows over the pictures; they point from A's joints to the other model's", checkable=True),
    ActionSpec("compare_ghost", "Compare", "Show the others as ghosts in A's 3D view", ("Shift+G",),
               "They stand pale in A's 3D view instead of in views of their own", checkable=True),
    ActionSpec("compare_model_next", "Compare", "Next model B", ("Shift+M",), "Compare with the next model",
               separated=True),
    ActionSpec("compare_many", "Compare", "Compare on all pictures", ("Ctrl+Shift+C",),
               "Compare on every picture that was opened together, or on the whole video; once more to stop",
               separated=True),
    ActionSpec("shortcuts", "Help", "Keyboard and mouse", ("F1",), "List everything that can be done"),
    ActionSpec("about", "Help", "About Bonesight", (), "What this program is"),
)  # fmt: skip

_TEXTS: Final = {spec.key: spec.text for spec in ACTIONS}

VIDEO_KEYS: Final = (
    *(spec.key for spec in ACTIONS if spec.menu == "Video" and not spec.checkable), "export_film",
)  # fmt: skip
"""What needs a video."""

TOOLBAR: Final = (
    "open", "@live", "@samples", "previous", "next", "|", "@model", "@model_b", "compare", "mirror", "|",
    "draw_box", "verdict", "ghost", "@space", "@export",
)  # fmt: skip
"""The toolbar from left to right: actions, | for a line, @ for the window's own widgets."""

MOUSE: Final = (
    ("Picture: drag", "Move the picture"),
    ("Picture: wheel", "Zoom about the pointer"),
    ("Picture: double click", "Show the whole picture"),
    ("Picture: rest on a joint", "Name, pixel, confidence, second peak, depth; the card below says why it is there"),
    ("Picture: click a joint", "Show its heatmap"),
    ("Picture: click a thin dashed box", "Look at that person; Undo goes back"),
    ("Picture: drag the split line", "A is left of it, the other model right of it"),
    ("Picture of a live source: click a person", "Follow this person"),
    ("Timeline: click or drag", "Go to that time"),
    ("Timeline: click a mark", "Go to the frame at which that bone's length jumps"),
    ("3D: drag", "Turn"),
    ("3D: wheel", "Zoom"),
    ("3D: Shift + drag", "Move"),
)


def name_of(key: str) -> str:
    """Return what a menu calls an action."""
    return _TEXTS[key].rstrip("…")


def make_actions(owner: QWidget, handlers: Mapping[str, Callable[[bool], object]]) -> dict[str, QAction]:
    """Make every action of the table and connect it to its handler."""
    made: dict[str, QAction] = {}
    for spec in ACTIONS:
        action = QAction(spec.text, owner)
        action.setCheckable(spec.checkable)
        action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
        keys = f" ({spec.shortcuts[0]})" if spec.shortcuts else ""
        action.setToolTip(f"{spec.tip or spec.text}{keys}")
        action.setStatusTip(spec.tip)
        if spec.short:
            action.setIconText(spec.short)
        action.triggered.connect(lambda checked=False, key=spec.key: handlers[key](checked))
        owner.addAction(action)
        made[spec.key] = action
    return made


def colour_icons(actions: Mapping[str, QAction], theme: Theme) -> None:
    """Draw the icons in the theme's colours."""
    for spec in ACTIONS:
        if spec.icon:
            actions[spec.key].setIcon(icons.icon(spec.icon, theme.text, theme.border))
            # Menus stay plain text: half of their entries would have no icon.
            actions[spec.key].setIconVisibleInMenu(False)


def help_text() -> str:
    """Return the Help page as rich text."""
    rows: list[str] = []
    for menu in MENUS:
        specs = [spec for spec in ACTIONS if spec.menu == menu]
        rows.append(f"<tr><td colspan='3'><br><b>{menu}</b></td></tr>")
        for spec in specs:
            keys = " or ".join(spec.shortcuts)
            shown = f"<code>{keys}</code>" if keys else "<i>in the menu</i>"
            rows.append(f"<tr><td width='23%'>{shown}</td><td width='30%'>{spec.text.rstrip('…')}</td>"
                        f"<td>{spec.tip}</td></tr>")  # fmt: skip
    rows.append("<tr><td colspan='3'><br><b>Mouse</b></td></tr>")
    rows += [f"<tr><td>{what}&nbsp;&nbsp;</td><td colspan='2'>{does}</td></tr>" for what, does in MOUSE]
    return f"<table width='100%' cellspacing='0' cellpadding='2'>{''.join(rows)}</table>"
