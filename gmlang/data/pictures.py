"""Pictures from files: arrays of rows and columns, as many axes and of what type is declared."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Bool, Real
from gmlang.core.program import DataSymbol
from gmruntime.arrays import UInt8

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")

_PIXELS_MAX = 1 << 26
_DARK_MAX = 127
"""A boolean pixel is true above half of white."""


class NoPillowError(Exception):
    """Pillow, which reads pictures, is not installed."""


class PictureError(Exception):
    """A file that is no picture, or one too large."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as it was read: in colours, and in grey."""

    colours: UInt8[np.ndarray, "rows columns 3"]
    grey: UInt8[np.ndarray, "rows columns"]

    def as_declared(self, symbol: DataSymbol) -> np.ndarray:
        """Return grey for two axes, else red, green and blue along the third.

        Reals run from 0 to 1, whole numbers to 255; booleans are true above half of white.
        """
        pixels = self.grey if len(symbol.shape) == 2 else self.colours
        match symbol.type:
            case Bool():
                return pixels > _DARK_MAX
            case Real():
                return pixels / 255.0
            case _:
                return pixels.astype(np.int64)


def read_picture(path: str) -> Picture:
    """Read a picture with Pillow; of several in one file the first.

    Raises:
        NoPillowError: where it is not installed.
        PictureError: where the file is no picture that it knows, or too large.
        OSError: where it cannot be opened.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise NoPillowError from error
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > _PIXELS_MAX:
                raise PictureError(f"it has {width} x {height} pixels, {_PIXELS_MAX} are read")
            colours = np.array(picture.convert("RGB"))
            grey = np.array(picture.convert("L"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow raises any of these for a damaged file.
        raise PictureError(" ".join(str(error).split())) from error
    return Picture(colours, grey)
