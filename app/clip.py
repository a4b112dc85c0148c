"""An open video and the poses found in it: plain data, bounded in memory. No Qt."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from app.sources import Box
from core import skeleton
from core.engines import EngineName
from core.pose import LocatedBy, Pose
from core.reading import Reading

if TYPE_CHECKING:
    from core.video import VideoIndex

MAPS_BYTES: Final = 256 * 1024**2
"""Heatmaps are kept up to this size, newest first; a frame whose maps are gone is looked at again when it is shown."""
MOST_TRACKS: Final = 4
"""Settings (model, engine, reading, boxes) whose poses are kept: switching back to one computes nothing anew."""

_WAYS: Final[tuple[LocatedBy, ...]] = ("given", "search", "track")
NO_MAPS: Final = np.zeros((skeleton.JOINT_COUNT, 2, 2), np.float32)
"""Stands for heatmaps that were let go."""
_JOINTS = skeleton.JOINT_COUNT
_FIELDS: Final[dict[str, tuple[int, ...]]] = {
    "box_px": (4,), "joints_px": (_JOINTS, 2), "confidence": (_JOINTS,), "joints_mm": (_JOINTS, 3),
    "depth_norm": (_JOINTS,), "second_px": (_JOINTS, 2), "second_confidence": (_JOINTS,), "crop_to_picture": (2, 3),
}  # fmt: skip
"""What is kept of every pose, exactly: 1.4 kB a frame, 76 MB for half an hour."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A video that is open.

    Attributes:
        path: the file.
        index: its frames and their times.
    """

    path: Path
    index: VideoIndex

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.index.count


Seeds = tuple[tuple[int, Box | None], ...]
"""Where tracking starts anew, by frame: in a box that the user drew there, or None where they had the person searched
for. Without any, the person is searched for in the first frame."""


def with_seed(seeds: Seeds, frame: int, box: Box | None) -> Seeds:
    """Return seeds with another one at a frame, in place of what was there."""
    found = {**dict(seeds), frame: box}
    # Searching the first frame is what happens without being asked for.
    kept = [seed for seed in found.items() if seed != (0, None)]
    return tuple(sorted(kept, key=lambda seed: seed[0]))


def first_difference(some: Seeds, others: Seeds) -> int | None:
    """Return the first frame at which two settings of seeds differ, None if they are alike."""
    a, b = dict(some), dict(others)
    return min((frame for frame in {*a, *b} if (frame in a, a.get(frame)) != (frame in b, b.get(frame))), default=None)


TrackKey = tuple[str, str, EngineName, Reading, Seeds]
"""What a pose depends on besides its frame: checkpoint's source and hash, who runs it, how it is read, the seeds."""


class PoseTrack:
    """The poses of one clip under one setting, by frame."""

    def __init__(self, count: int) -> None:
        self.known = np.zeros(count, np.bool_)
        """(count,) whether a frame's pose is there."""
        self.lengths_mm = np.full((count, skeleton.BONE_COUNT), np.nan, np.float32)
        """(count, 14) bone lengths; NaN where the pose is not there."""
        self._values = {name: np.zeros((count, *shape)) for name, shape in _FIELDS.items()}
        self._way = np.zeros(count, np.uint8)
        self._example: Pose | None = None
        self._maps: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._maps_bytes = 0

    def put(self, frame: int, pose: Pose) -> None:
        """Keep a frame's pose."""
        for name, values in self._values.items():
            values[frame] = getattr(pose, name)
        self._way[frame] = _WAYS.index(pose.located_by)
        self.lengths_mm[frame] = [bone.length_mm for bone in pose.geometry.bones]
        self.known[frame] = True
        self._example = self._example or pose
        self.put_maps(frame, pose.heatmaps)

    def put_maps(self, frame: int, maps: NDArray[np.float32]) -> None:
        """Keep a frame's heatmaps, at the cost of those kept longest."""
        before = self._maps.pop(frame, None)
        self._maps[frame] = maps
        self._maps_bytes += maps.nbytes - (0 if before is None else before.nbytes)
        while self._maps_bytes > MAPS_BYTES and len(self._maps) > 1:
            _, dropped = self._maps.popitem(last=False)
            self._maps_bytes -= dropped.nbytes

    def take_over(self, other: PoseTrack, count: int) -> None:
        """Keep what another track knows of the first so many frames, which are the same in both."""
        self.known[:count], self._way[:count] = other.known[:count], other._way[:count]
        self.lengths_mm[:count] = other.lengths_mm[:count]
        for name, values in self._values.items():
            values[:count] = other._values[name][:count]
        if self.known.any():
            self._example = other._example
        for frame, maps in other._maps.items():
            if frame < count:
                self.put_maps(frame, maps)

    def has_maps(self, frame: int) -> bool:
        """Tell whether a frame's heatmaps are still there."""
        return frame in self._maps

    def get(self, frame: int) -> Pose | None:
        """Return a frame's pose, with empty heatmaps where they were let go; None where it is not known."""
        example = self._example
        if example is None or not self.known[frame]:
            return None
        from core import geometry  # imports torch, which the worker has done by now

        values = {name: self._values[name][frame].copy() for name in _FIELDS if name != "box_px"}
        x, y, width, height = (float(value) for value in self._values["box_px"][frame])
        return Pose(
            picture_size_px=example.picture_size_px,
            box_px=(x, y, width, height),
            located_by=_WAYS[self._way[frame]],
            geometry=geometry.report(values["joints_mm"]),
            heatmaps=self._maps.get(frame, NO_MAPS),
            crop_size=example.crop_size,
            checkpoint_name=example.checkpoint_name,
            checkpoint_sha256=example.checkpoint_sha256,
            made=example.made,
            **values,
        )

    def boxes_px(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the (n, 4) boxes, x, y, width and height, of some frames that are known."""
        return self._values["box_px"][start:stop].copy()

    @property
    def example(self) -> Pose:
        """One of the poses: what made it made the others too."""
        assert self._example is not None
        return self._example

    def copy(self) -> PoseTrack:
        """Return the same poses without heatmaps, for another thread to read while this track is added to."""
        other = PoseTrack(len(self.known))
        other.known, other.lengths_mm, other._way = self.known.copy(), self.lengths_mm.copy(), self._way.copy()
        other._values = {name: values.copy() for name, values in self._values.items()}
        other._example = self._example
        return other

    def run_length(self) -> int:
        """Return how many frames from the start are known without a gap."""
        return len(self.known) if self.known.all() else int(np.argmin(self.known))


class Tracks:
    """The poses of one clip under the settings used last."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._tracks: OrderedDict[TrackKey, PoseTrack] = OrderedDict()

    def of(self, key: TrackKey) -> PoseTrack:
        """Return the track of a setting, a new one if there is none."""
        track = self._tracks.pop(key, None) or PoseTrack(self._count)
        self._tracks[key] = track
        while len(self._tracks) > MOST_TRACKS:
            self._tracks.popitem(last=False)
        return track
