"""Tiny files of the real sets: the very fields, types, shapes, orders and indices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from core.skeleton import ROOT
from train.datasets import lsp, mpi_inf_3dhp, mpii

FloatArray = NDArray[np.float64]


def write_picture(path: Path, width: int = 64, height: int = 48) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))


def joints_2d(count: int, joints: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(5, 45, (count, joints, 2)).round(2)


def struct(*rows: dict[str, Any]) -> NDArray[np.void]:
    """Make a 1 x N MATLAB struct array: every element has all fields, [] where it has none."""
    fields = list(dict.fromkeys(field for row in rows for field in row))
    array = np.zeros((1, len(rows)), dtype=[(field, object) for field in fields])
    for index, row in enumerate(rows):
        for field in fields:
            array[0, index][field] = row.get(field, np.zeros((0, 0)))
    return array


def point(joint: int, x: float, y: float, visible: object = None) -> dict[str, Any]:
    row: dict[str, Any] = {"x": x, "y": y, "id": np.uint8(joint)}
    return row if visible is None else {**row, "is_visible": visible}


POINTS = [point(0, 30, 40, np.uint8(1)), point(6, 20.5, 25, "0"), point(9, 21, 5.25), point(1, 30, 33, "1")]


RECTANGLE: dict[str, Any] = {
    "x1": 10, "y1": 2, "x2": 13, "y2": 6, "annopoints": struct({"point": struct(*POINTS)}), "scale": 0.2,
    "objpos": struct({"x": 21, "y": 24}),
}  # fmt: skip


def write_official(folder: Path, *rectangles: dict[str, Any]) -> None:
    """Write the official struct: a training picture per rectangle, then one of each irregular kind."""
    pictures: list[dict[str, Any]] = [
        {"image": struct({"name": f"{number:09d}.jpg"}), "annorect": struct(rectangle), "vididx": 1}
        for number, rectangle in enumerate(rectangles, start=1)
    ]
    unlabelled = {"x1": 1, "y1": 1, "x2": 4, "y2": 4, "scale": 1.5, "objpos": struct({"x": 5, "y": 6})}
    pictures += [
        {"image": struct({"name": "two_people.jpg"}), "annorect": struct(unlabelled, RECTANGLE)},
        {"image": struct({"name": "nobody.jpg"}), "annorect": np.zeros((0, 0))},
        {"image": struct({"name": "no_fields.jpg"}), "annorect": struct({"scale": np.zeros((0, 0))})},
        {"image": struct({"name": "test.jpg"}), "annorect": struct(unlabelled)},
    ]
    count = len(pictures)
    single = np.empty((count, 1), dtype=object)
    single[:] = [[np.uint8(1)]] * count
    release = {
        "annolist": struct(*pictures),
        "img_train": np.array([[1] * (count - 1) + [0]], dtype=np.uint8),
        "single_person": single,
        "act": struct(*[{"act_name": "curling", "cat_name": "winter", "act_id": 1}] * count).T,
        "version": "12",
    }
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / mpii.OFFICIAL, {"RELEASE": struct(release)})
    for picture in pictures:
        write_picture(folder / "images" / picture["image"][0, 0]["name"])


def write_tompson(path: Path, **changes: Any) -> dict[str, Any]:
    """Write the split's HDF5: by default as annotated, so with `multi` and `istrain`."""
    count = len(changes.get("index", [5, 5]))
    part = joints_2d(count, 16) + 2
    part[0, 3] = 0.0
    fields: dict[str, Any] = {
        "index": [5] * count, "person": list(range(count)), "part": part, "center": np.tile([25.0, 30.0], (count, 1)),
        "imgname": [f"{number:09d}.jpg".encode() for number in range(1, count + 1)], "scale": [0.2] * count,
        "normalize": np.arange(count) + 3.0, "torsoangle": np.zeros(count), "visible": np.ones((count, 16)),
        "multi": np.zeros(count), "istrain": np.ones(count),
    }  # fmt: skip
    fields = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in fields.items():
            file[name] = value
    for number in range(1, count + 1):
        write_picture(path.parent.parent / "images" / f"{number:09d}.jpg")
    return fields


def json_person(picture: str, joints: FloatArray) -> dict[str, Any]:
    visible = [1] * len(joints)
    values = joints.tolist()
    values[2], visible[2] = [-1.0, -1.0], 0
    return {"joints_vis": visible, "joints": values, "image": picture, "scale": 0.2, "center": [25.0, 30.0]}


def write_lsp(folder: Path, kind: lsp.Kind, count: int = 4) -> FloatArray:
    """Write one of the two sets; the raw array is returned as (14, 3, N) with flags alternating from 0."""
    raw = np.zeros((14, 3, count))
    raw[:, :2] = joints_2d(count, 14).transpose(1, 2, 0)
    raw[1::2, 2] = 1.0
    folder.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(folder / "joints.mat", {"joints": raw.transpose(1, 0, 2) if kind == "lsp" else raw})
    for number in range(1, count + 1):
        write_picture(folder / "images" / (f"im{number:04d}.jpg" if kind == "lsp" else f"im{number:05d}.jpg"))
    return raw


def write_human36m(path: Path, rows: Sequence[tuple[int, int, int, int, int]], joints: int = 17, **changes: Any) -> Any:
    """Write the HDF5 with a row per (subject, action, subaction, camera, id), and the 224 px crops."""
    random = np.random.default_rng(1)
    joints_mm = random.normal(0, 300, (len(rows), joints, 3)) + (100.0, -50.0, 5200.0)
    key = np.array(rows)
    fields: dict[str, Any] = {
        "id": key[:, 4], "subject": key[:, 0], "action": key[:, 1], "subaction": key[:, 2], "camera": key[:, 3],
        "joint_3d_mono": joints_mm, "joint_2d": 112 + 1145.0 / 5 * joints_mm[..., :2] / joints_mm[..., 2:],
        "bbox": np.tile([301.0, 201.0, 700.0, 600.0], (len(rows), 1)), "istrain": np.isin(key[:, 0], (1, 5, 6, 7, 8)),
    }  # fmt: skip
    fields |= changes
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in fields.items():
            if value is not None:
                file[name] = np.asarray(value)
    for subject, action, subaction, camera, number in rows:
        name = f"s_{subject:02d}_act_{action:02d}_subact_{subaction:02d}_ca_{camera:02d}"
        write_picture(path.parent / "images" / name / f"{name}_{number:06d}.jpg", 224, 224)
    return fields


def write_matlab73(path: Path, variables: dict[str, NDArray[Any]]) -> None:
    """Write MATLAB v7.3: HDF5 after a text header of 512 bytes, dimensions in reverse order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            dataset = file.create_dataset(name, data=np.ascontiguousarray(value.T), compression="gzip")
            dataset.attrs["MATLAB_class"] = np.bytes_("double")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jun 19 12:00:00 2017 HDF5 schema 1.00 ."
    with path.open("r+b") as file:
        file.write(header.ljust(116) + b"\0" * 8 + b"\x00\x02IM")


def write_3dhp(folder: Path, names: Sequence[str] = tuple(mpi_inf_3dhp.SCENES), **changes: Any) -> dict[str, Any]:
    """Write sequences of 5 frames, of which the second, third and fifth are valid."""
    random = np.random.default_rng(2)
    variables: dict[str, Any] = {
        "univ_annot3": random.normal(0, 400, (3, 17, 1, 5)) + np.array([10.0, 20.0, 4000.0]).reshape(3, 1, 1, 1),
        "annot3": np.zeros((3, 17, 1, 5)),
        "annot2": random.uniform(5, 45, (2, 17, 1, 5)),
        "valid_frame": np.array([[0.0, 1.0, 1.0, 0.0, 1.0]]),
        "activity_annotation": np.array([[1.0, 2.0, 7.0, 1.0, 6.0]]),
    }
    variables |= changes
    for name in names:
        write_matlab73(folder / name / "annot_data.mat", variables)
        for number in range(1, 6):
            write_picture(folder / name / "imageSequence" / f"img_{number:06d}.jpg")
    return variables


def write_rendered(path: Path, count: int, side: int, scenes: Sequence[str], **more: Any) -> None:
    """Write a shard as ``render`` does, of noise around random skeletons, without drawing anyone."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    streams = [cv2.imencode(".jpg", picture)[1].ravel() for picture in pictures]
    joints_mm = random.normal(0, 300, (count, 16, 3)).astype(np.float32)
    joints_mm -= joints_mm[:, ROOT : ROOT + 1]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path, jpeg=np.concatenate(streams), offset=np.cumsum([0, *map(len, streams)]),
        joints_px=joints_mm[..., :2] * (0.1 * side / 256) + side / 2, joints_mm=joints_mm,
        visible=np.ones((count, 16), bool), body=np.arange(count), clip=np.arange(count),
        scene=np.resize(scenes, count), stature_mm=np.full(count, 1700.0), **more,
    )  # fmt: skip
