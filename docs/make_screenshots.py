"""Makes the pictures of the documentation from the bundled samples and checkpoints: ``make screenshots``.

Every picture is a window of its own (``python -m app.screenshot``), so it shows what a new user sees.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "resources" / "samples"
GUIDE = ROOT / "docs" / "guide"
EXACT_COLOURS = 64
CLIP_FRAMES = 40
CLIP_SIZE_PX = (640, 560)


def main() -> int:
    """Make all pictures; return the exit code."""
    GUIDE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(SAMPLES / "walking.jpg", Path(folder) / "walking.mp4")
        pictures = {
            ROOT / "docs" / "window.png": ("--size", "1440x900"),
            GUIDE / "verdict.png": (SAMPLES / "dancing.jpg", "--verdict", "--view", "side"),
            GUIDE / "folder.png": (SAMPLES, "--theme", "light"),
            GUIDE / "video.png": (clip, "--frame", CLIP_FRAMES // 2),
            GUIDE / "compare.png": (SAMPLES / "handstand.jpg", "--compare", "side"),
            GUIDE / "compare-folder.png": (SAMPLES, "--compare", "folder", "--theme", "light"),
            GUIDE / "models.png": ("--page", "models"),
        }
        for out, words in pictures.items():
            size = () if "--size" in words else ("--size", "1280x800")
            print(out.relative_to(ROOT), flush=True)
            command = [sys.executable, "-m", "app.screenshot", out, *words, *size, "--timeout", "300"]
            code = subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode
            if code:
                return code
            shrink(out)
    return 0


def write_clip(picture: Path, path: Path) -> Path:
    """Write a clip that pans over one picture: the person never moves, so no bone's length should change."""
    image = cv2.imread(str(picture))
    width, height = CLIP_SIZE_PX
    room_x, room_y = image.shape[1] - width, image.shape[0] - height
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 15.0, CLIP_SIZE_PX)
    for frame in range(CLIP_FRAMES):
        share = frame / (CLIP_FRAMES - 1)
        x, y = round(room_x * share), round(room_y * share)
        writer.write(image[y : y + height, x : x + width])
    writer.release()
    return path


def shrink(path: Path) -> None:
    """Reduce a picture to 256 colours, a third of the size.

    Colours mean something here, also rare ones (a verdict's dot): the palette has the most frequent colours as they
    are, and reaches everywhere else (``MAXCOVERAGE``), where a median cut merges what is rare.
    """
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    counted = sorted(whole.getcolors(whole.width * whole.height), reverse=True)
    exact = [colour for _count, colour in counted[:EXACT_COLOURS]]
    others = whole.quantize(256 - len(exact), method=Image.Quantize.MAXCOVERAGE)
    palette = Image.new("P", (1, 1))
    palette.putpalette([value for colour in exact for value in colour] + others.getpalette())
    whole.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
