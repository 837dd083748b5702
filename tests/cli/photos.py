"""Image folders for tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_images(folder: Path, per_class: int = 12, side: int = 8) -> Path:
    """Draw dark and light images, one folder per class."""
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 128)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            pixels = rng.integers(low, low + 128, (side, side, 3), "uint8")
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder
