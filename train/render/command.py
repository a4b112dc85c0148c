"""``render --out DIR --count N``: make pictures of people with exact 3D truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core.errors import UserError
from core.skeleton import BONES, JOINT_COUNT, joint_side
from train.render import lab, scene, shards
from train.render.pose_sampling import Split
from train.render.renderer import RenderConfig

SIDE_COLOURS = {"right": (255, 120, 60), "left": (70, 150, 255), "centre": (120, 230, 120)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards; a stopped run goes on there")
    parser.add_argument("--count", type=int, required=True, help="pictures in all")
    parser.add_argument(
        "--scene", default="mixed", choices=(*scene.SCENES, "mixed", lab.SCENE),
        help="studio-lab is narrow on purpose: few people and actions, four cameras, one light",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--split", default="train", choices=get_args(Split), help="splits share neither bodies nor motion clips"
    )
    parser.add_argument("--backgrounds", type=Path, help="folder of photographs without people (default: drawn rooms)")
    parser.add_argument("--poses", type=Path, help="mocap_poses.npz (default: the bundled pose prior)")
    parser.add_argument(
        "--together", type=float, default=0.0, metavar="SHARE",
        help="so many of the people, 0 to 1, have somebody at their side who touches them (default: 0)",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also write a contact sheet with the joints drawn")


def run(args: argparse.Namespace) -> int:
    """Render; returns the exit code."""
    if args.count < 1 or args.workers < 1 or args.seed < 0:
        raise UserError("--count and --workers must be at least 1 and --seed at least 0", "give larger numbers")
    if args.poses is not None and not args.poses.is_file():
        raise UserError(f"{args.poses} is not there", "give mocap_poses.npz, or leave --poses out")
    if not 0.0 <= args.together <= 1.0:
        raise UserError(f"--together {args.together:g} is no share", "give a number from 0 to 1")
    config = RenderConfig(
        scene=args.scene, split=args.split, seed=args.seed, poses=args.poses, backgrounds=args.backgrounds,
        together=args.together,
    )  # fmt: skip
    with tqdm(total=args.count, unit="picture", desc=f"rendering {args.split}", smoothing=0.05) as bar:
        done = shards.write(config, args.out, args.count, args.workers, bar.update)
    print(f"{done} pictures rendered, {args.count - done} were there already: {args.out}")
    if args.sheet is not None:
        write_sheet(args.sheet, shards.plan(args.out, args.count)[0].path)
        print(f"Contact sheet: {args.sheet}")
    return 0


def draw_joints(image: NDArray[np.uint8], joints_px: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Draw bones and joints on a copy: orange the subject's right, blue the left, green the centre."""
    out = image.copy()
    points = [(round(float(x) * 8 - 4), round(float(y) * 8 - 4)) for x, y in joints_px]
    for bone in BONES:
        start, end = bone.joints
        cv2.line(out, points[start], points[end], SIDE_COLOURS[bone.side], 1, cv2.LINE_AA, shift=3)
    for joint in range(JOINT_COUNT):
        cv2.circle(out, points[joint], 16, SIDE_COLOURS[joint_side(joint)], -1, cv2.LINE_AA, shift=3)
    return out


def write_sheet(path: Path, shard: Path, columns: int = 8, rows: int = 3) -> None:
    """Write the first pictures of a shard, each above itself with its joints drawn."""
    with np.load(shard) as arrays:
        joints_px = arrays["joints_px"][: columns * rows]
    tiles = []
    for index, joints in enumerate(joints_px):
        image = shards.decode(shard, index)
        tiles.append(np.vstack([image, draw_joints(image, joints)]))
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    sheet = np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise UserError(f"{path} cannot be written", "give a .png or .jpg file in a folder that can be written to")


def main() -> int:
    """Run the command by itself: ``python -m train.render.command``."""
    parser = argparse.ArgumentParser(prog="render", description=__doc__)
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except UserError as error:
        print(f"render: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
