"""``render``: write pictures of people with exact 3D truth, for training and for looking at."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from core import skeleton
from train.render import shards
from train.render.renderer import RenderConfig, Rendered, Renderer

_SIDE_RGB = {"right": (255, 122, 66), "left": (74, 158, 255), "centre": (130, 222, 130)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--count", type=int, required=True, help="how many pictures")
    parser.add_argument("--scene", default="mixed", choices=("studio", "house", "outdoor", "mixed"))
    parser.add_argument("--split", default="train", choices=("train", "val", "test"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--poses", type=Path, default=None, help="mocap_poses.npz (default: procedural poses only)")
    parser.add_argument("--backgrounds", type=Path, default=None, help="folder of photographs without people")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--sheet", type=Path, default=None, help="write a contact sheet with the joints drawn instead")


def run(args: argparse.Namespace) -> int:
    """Render; returns the exit code."""
    config = RenderConfig(args.scene, args.split, args.seed, args.poses, args.backgrounds)
    if args.sheet is not None:
        renderer = Renderer(config)
        write_sheet([renderer.render(index) for index in range(min(args.count, 60))], args.sheet)
        print(f"Contact sheet: {args.sheet}")
        return 0
    done = shards.write(config, args.out, args.count, args.workers)
    print(f"{args.out}: {args.count} pictures, {done} of them rendered now")
    return 0


def write_sheet(pictures: list[Rendered], path: Path, columns: int = 6) -> None:
    """Write every picture twice, plain and with its skeleton, side by side in a grid."""
    tiles = [np.hstack([picture.image, _with_skeleton(picture)]) for picture in pictures]
    blank = np.zeros_like(tiles[0])
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    rows[-1] += [blank] * (min(columns, len(tiles)) - len(rows[-1]))
    sheet = np.vstack([np.hstack(row) for row in rows])
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def _with_skeleton(picture: Rendered) -> np.ndarray:
    image = picture.image.copy()
    for bone in skeleton.BONES:
        start, end = (tuple(int(v) for v in picture.joints_px[joint]) for joint in bone.joints)
        cv2.line(image, start, end, _SIDE_RGB[bone.side], 2, cv2.LINE_AA)
    return image
