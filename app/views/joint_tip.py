"""What is said about one joint when the pointer rests on it."""

from __future__ import annotations

from core import skeleton
from core.pose import Pose


def joint_tip(pose: Pose, index: int) -> str:
    """Return a small table in rich text: name, pixel, confidence, second peak, depth."""
    joint = pose.joint(index)
    rows = [
        ("Picture", f"x {joint.xy_px[0]:.1f}, y {joint.xy_px[1]:.1f} px"),
        ("Confidence", f"{100 * joint.confidence:.0f} %"),
    ]
    if joint.second_xy_px is None:
        rows.append(("Second peak", "none"))
    else:
        x, y = joint.second_xy_px
        rows.append(("Second peak", f"{100 * joint.second_confidence:.0f} % at x {x:.1f}, y {y:.1f} px"))
    depth = joint.xyz_mm[2]
    if index == skeleton.ROOT:
        rows.append(("Depth", "0 mm: all depths are measured from here"))
    else:
        where = "behind" if depth > 0 else "in front of"
        rows.append(("Depth", f"{abs(depth):.0f} mm {where} the pelvis"))
    cells = "".join(f"<tr><td>{name}&nbsp;&nbsp;</td><td>{value}</td></tr>" for name, value in rows)
    title = skeleton.plain_name(joint.name).capitalize()
    return f"<b>{title}</b><table cellspacing='0' cellpadding='1'>{cells}</table>"
