"""Image file -> pixels: the only place that opens a stranger's file.

DEC-1  A file's claimed size is checked in its header, before a single pixel is decoded.
DEC-2  Only JPEG, PNG and WebP decoders ever run, whatever the file's name or first bytes say.
DEC-3  Nothing but pixels comes out: EXIF, XMP, text and ICC profiles stay behind. The orientation is applied first;
       color profiles are ignored, pixels are taken to be sRGB.
DEC-4  Every file ends as pixels or as one `InputError` that names it; no decoder's own error or warning gets out.
"""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import InputError

MAX_PIXELS: Final = 100_000_000
"""Largest picture decoded: an A3 page scanned at 600 dpi has 70 million pixels, for which a plain JPEG takes 10 MB (it
is decoded at an eighth of its size), a progressive one .2 GB, PNG .3 to .8 GB and WebP 1.1 GB."""

LONGEST_SIDE: Final = 512
"""Pictures are shrunk to this many pixels: twice the largest input of the encoders, so crops keep the brushwork."""

_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with this EXIF orientation upright (EXIF 2.32, section 4.6.4 A)."""


def decode_pixels(path: Path) -> NDArray[np.uint8]:
    """Decode one JPEG, PNG or WebP file to uint8 [height, width, 3], upright, longest side <= `LONGEST_SIDE`.

    Transparent pictures are laid on white; gray, palette, CMYK and 16-bit pictures become 8-bit RGB.

    Raises:
        InputError: The file cannot be opened, is no picture, is damaged, animated, empty or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # DEC-4: what Pillow only warns of is checked below
            return _decode(path)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(
            f"{path} is not a JPEG, PNG or WebP picture; convert it to one of these or remove it"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path, "far more pixels than that") from None
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path} cannot be opened ({error.strerror}); check that it exists and is readable") from None
    except Exception as error:
        # Decoders meet damaged files with nearly any exception: OSError, SyntaxError, ValueError, struct.error ...
        raise InputError(f"{path} is damaged or truncated ({error}); export the picture again or remove it") from error


def _decode(path: Path) -> NDArray[np.uint8]:
    with path.open("rb") as file:
        if not file.read(1):
            raise InputError(f"{path} is empty (0 bytes); copy the picture again or remove the file")
        file.seek(0)
        with Image.open(file, formats=_FORMATS) as image:
            _check_header(image, path)
            return _to_pixels(image)


def _check_header(image: Image.Image, path: Path) -> None:
    """Refuse by header alone (DEC-1)."""
    width, height = image.size
    if width < 1 or height < 1:
        raise InputError(f"{path} has no pixels ({width} x {height}); export the picture again or remove it")
    if width * height > MAX_PIXELS:
        raise _too_large(path, f"{width} x {height} = {width * height / 1e6:,.0f} million pixels")
    # An MPO is a camera's JPEG with previews or a depth map behind the photograph: a still, its first picture counts.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise InputError(f"{path} is animated; export one frame as a still picture or remove it")


def _too_large(path: Path, size: str) -> InputError:
    return InputError(f"{path} is too large ({size}, the limit is {MAX_PIXELS / 1e6:.0f} million); save a smaller copy")


def _to_pixels(image: Image.Image) -> NDArray[np.uint8]:
    # JPEG only: decode at 1/2, 1/4 or 1/8 where that still leaves enough; spares most of the time and memory.
    image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    image.load()
    orientation = _read_orientation(image)
    upright = _to_eight_bit(_shrink(image))
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if upright.mode == "RGBA":
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    return np.array(upright, dtype=np.uint8)


def _shrink(image: Image.Image) -> Image.Image:
    """A large picture at a fraction of its size, so that what follows needs no second copy of all its pixels.

    Means of whole blocks, as the reducing gap of `Image.thumbnail` takes them; only of modes whose values are shades.
    """
    factor = max(image.size) // (2 * LONGEST_SIDE)
    return image.reduce(factor) if factor > 1 and image.mode in {"L", "RGB", "CMYK"} else image


def _read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, or 1 (upright) where there is none or the EXIF block is unreadable."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels, which are judged on their own
        return 1


def _to_eight_bit(image: Image.Image) -> Image.Image:
    """RGB or, where pixels may be transparent, RGBA; Pillow itself reads 16-bit color and alpha as 8 bit."""
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips instead of scaling.
        gray = np.asarray(image)
        shades = np.empty(gray.shape, np.uint8)
        for row, scaled in zip(gray, shades, strict=True):  # a whole page in 32 bits would not fit
            scaled[:] = (row.astype(np.uint32) * 255 + 32767) // 65535
        return _shrink(Image.fromarray(shades)).convert("RGB")
    if image.mode in {"LA", "RGBA", "PA"} or "transparency" in image.info:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")
