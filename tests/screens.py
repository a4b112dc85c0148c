"""Pictures of the window against pictures kept in ``tests/screens``, coarse enough for another font or driver.

``BONESIGHT_KEEP_SCREENS=1 python -m pytest tests/test_window_screens.py`` keeps what is seen now; look at it first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QPixmap

FOLDER: Final = Path(__file__).with_name("screens")
REDUCED: Final = 8
"""Pictures are kept and compared at one eighth of their size: letters become grey, panels and bodies stay."""
TILE: Final = 10
"""Side of the squares, in pixels of the reduced picture, whose mean difference is looked at."""
MOST: Final = 16.0
"""Grey levels (of 255) by which a tile may differ: a shift by 2 pixels comes to 12, a missing 3D body to 32. Thin lines
over the picture come to 5 and cannot be told from another font: other tests look at them."""


def pixels(picture: QPixmap | QImage) -> NDArray[np.uint8]:
    """Return (height, width, 3) RGB."""
    image = picture.toImage() if isinstance(picture, QPixmap) else picture
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def reduced(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture at an eighth of its size."""
    size = (rgb.shape[1] // REDUCED, rgb.shape[0] // REDUCED)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def difference(seen: NDArray[np.uint8], kept: NDArray[np.uint8]) -> float:
    """Return the mean difference of the tile that differs most, 255 for pictures of another size."""
    if seen.shape != kept.shape:
        return 255.0
    apart = np.abs(seen.astype(np.float64) - kept.astype(np.float64)).mean(axis=2)
    rows, columns = (side // TILE * TILE for side in apart.shape)
    tiles = apart[:rows, :columns].reshape(rows // TILE, TILE, columns // TILE, TILE)
    return float(tiles.mean(axis=(1, 3)).max())


def fault(name: str, picture: QPixmap | QImage, failed: Path) -> str:
    """Return what is wrong with a picture of the window, empty if nothing is.

    Args:
        name: which of the kept pictures it should look like.
        picture: what is seen.
        failed: folder where a picture that differs is put, to look at.
    """
    seen = reduced(pixels(picture))
    path = FOLDER / f"{name}.png"
    if os.environ.get("BONESIGHT_KEEP_SCREENS"):
        FOLDER.mkdir(exist_ok=True)
        cv2.imwrite(str(path), seen[..., ::-1])
    kept = cv2.imread(str(path))
    if kept is None:
        return f"{name} is not kept"
    apart = difference(seen, kept[..., ::-1])
    if apart <= MOST:
        return ""
    picture.save(str(failed / f"{name}.png"))
    return f"{name} differs by {apart:.0f} levels: see {failed / name}.png"
