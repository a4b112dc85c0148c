"""Files that people open by mistake, and strange ones that must work: pictures, videos, checkpoints."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import cv2
import numpy as np
import torch
from conftest import gradient
from safetensors.torch import load_file, save_file

from core import checkpoint

BAD = {
    "missing.jpg": "does not exist",
    "text.jpg": "is not a picture",
    "cut.jpg": "is cut off",
    "empty.png": "is empty",
    "dot.png": "only 1 x 1 px",
    "no-pictures": "has no pictures",
    "text.mp4": "is not a video",
    "bomb.png": "megapixels",
}
GOOD = ("plain.jpg", "deep.png", "grey.png", "clear.png", "turned.jpg", "panorama.jpg", "ユニコード é.jpg")


def encode(suffix: str, picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(suffix, picture)[1].tobytes())


def write_inputs(folder: Path) -> Path:
    """Write all of them into a folder, but for the one that is missing."""
    bgr = gradient(120, 160)[..., ::-1]
    jpeg = encode(".jpg", bgr)
    (folder / "text.jpg").write_text("I am a letter")
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) * 2 // 3])
    (folder / "empty.png").touch()
    (folder / "dot.png").write_bytes(encode(".png", bgr[:1, :1]))
    (folder / "no-pictures").mkdir()
    (folder / "no-pictures" / "notes.txt").write_text("none")
    (folder / "text.mp4").write_text("I am no film")
    bomb = bytearray(encode(".png", bgr))
    bomb[16:24] = struct.pack(">II", 50_000, 50_000)
    (folder / "bomb.png").write_bytes(bomb)
    (folder / "plain.jpg").write_bytes(jpeg)
    (folder / "deep.png").write_bytes(encode(".png", bgr.astype(np.uint16) * 257))
    (folder / "grey.png").write_bytes(encode(".png", bgr[..., 0].copy()))
    (folder / "clear.png").write_bytes(encode(".png", np.dstack([bgr, np.full(bgr.shape[:2], 90, np.uint8)])))
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHH", 8, 1, 0x112, 3, 1, 6, 0) + b"\0\0\0\0"
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (folder / "turned.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    (folder / "panorama.jpg").write_bytes(encode(".jpg", cv2.resize(bgr, (20_000, 300))))
    (folder / "ユニコード é.jpg").write_bytes(jpeg)
    return folder


def bad_checkpoint(kind: str, weights: Path, path: Path) -> Path:
    """Write a checkpoint with one fault."""
    data = weights.read_bytes()
    if kind == "empty":
        path.touch()
    elif kind == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "text":
        path.write_text("I am no checkpoint")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pickle":
        torch.save({"weights": torch.zeros(3)}, path)
    elif kind == "not finite":
        model = checkpoint.load(weights).network
        with torch.no_grad():
            next(model.parameters()).fill_(float("nan"))
        checkpoint.save(path, model, geometry_loss=True, record={})
    elif kind == "other architecture":
        tensors = load_file(weights)
        tensors.pop(next(iter(tensors)))
        told = json.dumps(checkpoint.describe(weights).metadata)
        save_file(tensors, path, metadata={"bonesight": told})
    return path


KINDS = ("empty", "truncated", "text", "folder", "pickle", "not finite", "other architecture", "missing")
