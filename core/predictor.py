"""One way from a picture to a pose, for screen, files and command line alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import crop, geometry, heatmap, locate, refine, skeleton
from core.checkpoint import Checkpoint
from core.crop import Box
from core.engines import EngineName, prepare, threads
from core.errors import UserError
from core.heatmap import Decoded
from core.locate import LOCATE_BY, Candidate, LocateBy, Locator
from core.made import Made, Precision
from core.pose import LocatedBy, Pose
from core.reading import Reading

FloatArray = NDArray[np.float64]
Picture = NDArray[np.uint8]

# Stature over the sum of the 14 bones: measured on rendered adult bodies (tests/test_render.py keeps it honest).
STATURE_PER_BONE_SUM = 0.42
SMALLEST_SIDE_PX = 8
_PRECISIONS: dict[torch.dtype, Precision] = {
    torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16",
}  # fmt: skip
BATCH = 8


def choose_device(device: str) -> str:
    """Turn ``auto`` into the best device there is, and refuse one that is not there.

    Raises:
        UserError: the device is unknown or absent.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return "cuda" if available["cuda"] else "mps" if available["mps"] else "cpu"
    if device not in available:
        raise UserError(f"there is no device {device}", "choose auto, cpu, cuda or mps")
    if not available[device]:
        raise UserError(f"this machine has no usable {device} device", "choose --device cpu or auto")
    return device


def fast_precision(device: str) -> torch.dtype:
    """Return bfloat16 where the device multiplies it natively, else float32."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device == "cpu" and "avx512_bf16" in torch.backends.cpu.get_cpu_capability().lower():
        return torch.bfloat16
    if device == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


class Predictor:
    """Turns pictures into poses with one checkpoint on one device.

    Args:
        checkpoint: from ``core.checkpoint.load``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        reading: how poses are read.
        precision: ``auto`` (bfloat16 where it is native, and the fastest way there) or ``float32`` as torch runs it.
        locate_by: how a person without a given box is found: by the ``search`` of windows, by ``both`` it and the
            locating network (``locate.Locator``, where its file is there), or by the ``network``, with a search only
            where that finds nobody.
        engine: who runs the network (``core.engines``).

    Raises:
        UserError: the device is absent, or the engine is.
        RunError: the engine could not take the network over.
    """

    def __init__(
        self, checkpoint: Checkpoint, device: str = "auto", reading: Reading | None = None, precision: str = "auto",
        locate_by: LocateBy = LOCATE_BY[0], engine: EngineName = "torch",
    ) -> None:  # fmt: skip
        self.checkpoint = checkpoint
        self.device = choose_device("cpu" if engine == "openvino" and device == "auto" else device)
        self.reading = reading or Reading()
        """How poses are read; may be replaced from one picture to the next."""
        self.locate_by = locate_by
        self.dtype = fast_precision(self.device) if precision == "auto" else torch.float32
        self._engine = engine
        self._run = prepare(checkpoint.network, engine, self.device, self.dtype, plain=precision != "auto")
        self._config = checkpoint.network.config
        self._structure = checkpoint.structure
        self._lifting = checkpoint.lifting

    def made(self, height_mm: float | None = None) -> Made:
        """Return how a pose is made as things stand.

        Args:
            height_mm: as for ``predict``.
        """
        reading, together = self.reading, self._structure is not None and not self.reading.peaks
        return Made(
            refined=reading.refine, decoded_by="limbs" if together else "peaks", mirror_averaged=reading.mirror,
            engine=self._engine, precision=_PRECISIONS[self.dtype], height_mm=height_mm,
        )  # fmt: skip

    def predict(self, image: Picture, box: Box | None = None, height_mm: float | None = None) -> Pose:
        """Find the pose of one person.

        Args:
            image: (h, w, 3) RGB.
            box: (x, y, width, height) of the person in pixels with a little room; None to search the picture.
            height_mm: the person's stature; None scales to the training subjects' mean size.

        Raises:
            UserError: the picture is too small or the box does not touch it.
        """
        self._check(image, box)
        if box is not None:
            return self._poses([image], [box], "given", height_mm)[0]
        return self._search(image, height_mm)

    def predict_batch(
        self, images: Sequence[Picture], boxes: Sequence[Box], height_mm: float | None = None
    ) -> list[Pose]:
        """Find the poses of given boxes, one per picture, a batch at a time."""
        for image, box in zip(images, boxes, strict=True):
            self._check(image, box)
        poses: list[Pose] = []
        for start in range(0, len(images), BATCH):
            part = slice(start, start + BATCH)
            poses += self._poses(images[part], boxes[part], "given", height_mm)
        return poses

    def predict_everybody(self, image: Picture, height_mm: float | None = None) -> list[Pose]:
        """Find the poses of all people in a picture (``people``), the surest first.

        Where nobody is found, or the locating network's file is not there, the one that ``predict`` finds.

        Raises:
            UserError: the picture is too small, or the network's file is damaged.
        """
        self._check(image, None)
        if self.locator is None:
            return [self._search(image, height_mm)]
        likeliest = self._likeliest(image, self.locator)
        found = [candidate for candidate in likeliest if candidate.score >= self.locator.somebody]
        poses = [self._cut_again(image, locate.crop_of(candidate), height_mm) for candidate in found]
        return poses or [self._search(image, height_mm, likeliest)]

    def people(self, image: Picture, locator: Locator, doubtful: bool = False) -> list[Candidate]:
        """Return everybody whom the locating network proposes and this network confirms, the surest first.

        Args:
            image: (h, w, 3) RGB.
            locator: the locating network; one without a rule of confirming is believed as it is.
            doubtful: with those who are probably not there.
        """
        rule = locator.confirming
        if rule is None:
            return locator.find(image, 0.0 if doubtful else None)
        proposals = locator.find(image, rule.proposed)
        boxes = [crop.square(proposal.box_px) for proposal in proposals]
        looks = [(pose.joints_px, pose.mean_confidence) for pose in self._glances(image, boxes)]
        return locate.confirmed(proposals, looks, rule, 0.0 if doubtful else locate.SOMEBODY)

    def best_window(self, image: Picture, windows: Sequence[Box], located: Sequence[Box] = ()) -> Box:
        """Return the box, of those given, in which the network is surest of the joints it sees.

        Args:
            image: (h, w, 3) RGB.
            windows: of a search.
            located: crops of those whom the locating network named; a window must be surer by ``locate.LEAD``.
        """
        leads = [0.0] * len(windows) + [locate.LEAD] * len(located)
        looks = zip(self._glances(image, [*windows, *located]), leads, strict=True)
        return max(looks, key=lambda look: look[0].mean_confidence + look[1])[0].box_px

    def _glances(self, image: Picture, boxes: Sequence[Box]) -> list[Pose]:
        found: list[Pose] = []
        for start in range(0, len(boxes), BATCH):
            part = boxes[start : start + BATCH]
            # Whether a box holds a person is plain without mirror averaging, at half the cost.
            found += self._poses([image] * len(part), part, "search", None, flip=False)
        return found

    def raw(self, crops: NDArray[np.uint8], flip: bool | None = None) -> tuple[Tensor, Tensor]:
        """Run the network on (N, s, s, 3) crops: (N, 16, h, w) belief maps and (N, 16) depths on the CPU.

        ``flip`` overrides the predictor's own setting.
        """
        flip = self.reading.mirror if flip is None else flip
        images = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device)
        images = images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).float().div_(255.0)
        count = len(images)
        if flip:
            images = torch.cat([images, images.flip(-1)])
        output = self._run(images)
        maps = heatmap.belief(output.maps[-1], self._config.maps)
        depth = output.depth.float()
        if flip:
            # Mirroring swaps the sides but leaves every distance from the camera as it was.
            order = list(skeleton.MIRROR)
            maps = (maps[:count] + maps[count:].flip(-1)[:, order]) / 2
            depth = (depth[:count] + depth[count:][:, order]) / 2
        return maps.cpu(), depth.cpu()

    def _check(self, image: Picture, box: Box | None) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"expected an (h, w, 3) uint8 picture, got {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            raise UserError(
                f"the picture is only {width} x {height} px", f"use one of at least {SMALLEST_SIDE_PX} px on each side"
            )
        if box is None:
            return
        x, y, box_width, box_height = box
        if not all(np.isfinite(box)) or box_width <= 0 or box_height <= 0:
            raise UserError(f"the box {_plain(box)} has no area", "give x, y, width, height in pixels")
        if x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
            raise UserError(
                f"the box {_plain(box)} lies outside the picture of {width} x {height} px",
                "give x, y, width, height in pixels of this picture",
            )

    @cached_property
    def locator(self) -> Locator | None:
        """The locating network, None where its file is not there.

        Raises:
            UserError: the file is damaged.
        """
        return Locator.load(device=self.device) if Locator.bundled() else None

    def _likeliest(self, image: Picture, locator: Locator) -> list[Candidate]:
        """Return everybody who may be there, the likeliest first, however doubtful."""
        return self.people(image, locator, doubtful=True) or locator.find(image, 0.0)

    def _search(self, image: Picture, height_mm: float | None, likeliest: Sequence[Candidate] | None = None) -> Pose:
        """Find the person the picture is about; ``likeliest`` is what ``_likeliest`` said, where it was asked."""
        windows, located = locate.windows((image.shape[1], image.shape[0])), list[Box]()
        if self.locate_by != "search" and self.locator is not None:
            likeliest = self._likeliest(image, self.locator) if likeliest is None else likeliest
            located = [locate.crop_of(candidate) for candidate in likeliest[: locate.CHOICES]]
            if self.locate_by == "network" and likeliest and likeliest[0].score >= self.locator.somebody:
                windows = windows[:1]
        return self._cut_again(image, self.best_window(image, windows, located), height_mm)

    def _cut_again(self, image: Picture, box: Box, height_mm: float | None) -> Pose:
        """Return the pose in a box that was found, or in the crops around its joints where these are no less sure."""
        size = (image.shape[1], image.shape[0])
        window = pose = self._poses([image], [box], "search", height_mm)[0]
        cut_again: list[Pose] = []
        for _ in range(locate.PASSES):
            box = locate.next_box(pose.joints_px, pose.confidence, size, pose.box_px)
            if locate.overlap(box, pose.box_px) >= locate.SETTLED:
                break
            pose = self._poses([image], [box], "search", height_mm)[0]
            cut_again.append(pose)
        best = max(cut_again, key=lambda pose: pose.mean_confidence, default=window)
        return best if best.mean_confidence >= window.mean_confidence - locate.TRUST else window

    def _poses(
        self,
        images: Sequence[Picture],
        boxes: Sequence[Box],
        located_by: LocatedBy,
        height_mm: float | None,
        flip: bool | None = None,
    ) -> list[Pose]:
        side = self._config.input_px
        matrices = [crop.crop_to_picture(box, side) for box in boxes]
        crops = np.stack([crop.cut(image, matrix, side) for image, matrix in zip(images, matrices, strict=True)])
        maps, depths = self.raw(crops, flip)
        made = self.made(height_mm) if flip is None else replace(self.made(height_mm), mirror_averaged=flip)
        structure = self._structure if made.decoded_by == "limbs" else None
        with threads.running(1):
            decoded = heatmap.decode(maps, self._config.maps, structure)
            if structure is not None and self._lifting is not None:
                depths = self._lifted(decoded, depths)
            shown = heatmap.display(maps, np.maximum(decoded.confidence, decoded.second_confidence))
            # Only refining needs it.
            spread_hm = heatmap.spread_hm(maps, decoded, self._config.maps) if made.refined else None
        bone_sum = self.checkpoint.bone_sum_mm if height_mm is None else height_mm / STATURE_PER_BONE_SUM
        to_crop = side / self._config.heatmap_px
        poses = []
        for index, image in enumerate(images):
            joints_crop = decoded.joints_hm[index] * to_crop
            depth_norm = depths[index].double().numpy()
            skeleton_norm = (2.0 * joints_crop / side - 1.0, depth_norm)
            if spread_hm is not None:
                skeleton_norm = refine.refine(*skeleton_norm, spread_hm[index] * (2.0 / self._config.heatmap_px))
            joints_mm = geometry.lift_mm(*skeleton_norm, bone_sum)
            poses.append(
                Pose(
                    picture_size_px=(image.shape[1], image.shape[0]),
                    box_px=tuple(float(value) for value in boxes[index]),  # type: ignore[arg-type]
                    located_by=located_by,
                    joints_px=crop.apply(matrices[index], joints_crop),
                    confidence=decoded.confidence[index],
                    joints_mm=joints_mm,
                    depth_norm=depth_norm,
                    second_px=crop.apply(matrices[index], decoded.second_hm[index] * to_crop),
                    second_confidence=decoded.second_confidence[index],
                    geometry=geometry.report(joints_mm),
                    heatmaps=shown[index],
                    crop_to_picture=matrices[index],
                    crop_size=side,
                    checkpoint_name=self.checkpoint.info.name,
                    checkpoint_sha256=self.checkpoint.info.sha256,
                    made=made,
                )
            )
        return poses

    def _lifted(self, decoded: Decoded, depths: Tensor) -> Tensor:
        assert self._lifting is not None
        joints_norm = torch.from_numpy(2.0 * decoded.joints_hm / self._config.heatmap_px - 1.0).float()
        with torch.inference_mode():
            lifted: Tensor = self._lifting(joints_norm, torch.from_numpy(decoded.confidence).float(), depths)
        return lifted


def _plain(box: Box) -> str:
    return ",".join(f"{value:g}" for value in box)
