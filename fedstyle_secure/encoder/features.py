"""From artworks to raw style features: the unaltered view and K augmented views of each artwork.

FEA-1  What this module returns are numbers of a frozen public network; the pixels go no further.
FEA-2  An artwork's features depend on that artwork alone: its crops are drawn from its own digest, and each of its
       images passes the network by itself (ENC-1). With one artwork more or less, all others keep every bit of theirs.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..artworks.artwork import Artwork
from ..artworks.seeding import named_rng
from .encoder import Encoder
from .feature_cache import FeatureCache
from .spec import IMAGE_SIZE

MIN_CROP_AREA, MAX_CROP_RATIO = 0.35, 4 / 3

Bands = tuple[Image.Image, ...]
"""An image as one picture of floating-point numbers in [0, 1] for each color channel."""


@dataclass(frozen=True, slots=True, eq=False)
class StyleFeatures:
    """Raw features of one artist's artworks.

    Attributes:
        views: float32 [artworks, 1 + K, features]; view 0 is the unaltered artwork.
    """

    views: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of artworks."""
        return len(self.views)


def extract(
    artworks: Sequence[Artwork],
    encoder: Encoder,
    *,
    views: int,
    cache: FeatureCache | None = None,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> StyleFeatures:
    """Summarize artworks, each as itself and as `views` crops (FEA-2).

    A network that is shown several artworks at once may round one artwork's numbers differently with other neighbors,
    and weights can be made that turn a rounding into anything.

    Args:
        artworks: At least one artwork.
        encoder: A frozen public network.
        views: K, the number of augmented views (0 for queries).
        cache: Where features are looked up and kept; None for nowhere.
        on_progress: Called with 1 after each artwork.

    Returns:
        Features of all artworks, in order.
    """
    pool, rows = ThreadPoolExecutor(encoder.workers), []
    try:
        for found in pool.map(lambda artwork: _summarize(artwork, encoder, 1 + views, cache), artworks):
            rows.append(found)
            on_progress(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return StyleFeatures(np.stack(rows))


def _summarize(artwork: Artwork, encoder: Encoder, count: int, cache: FeatureCache | None) -> NDArray[np.float32]:
    """Features of an artwork's first views [count, features], of which a cache may have some."""
    known = cache.load(artwork, encoder) if cache is not None else None
    if known is not None and len(known) >= count:
        return known[:count]
    images = make_views(artwork, count - 1, encoder.image_size)[0 if known is None else len(known) :]
    fresh = np.stack([encoder.encode(image) for image in images])
    rows = fresh if known is None else np.concatenate([known, fresh])
    if cache is not None:
        cache.store(artwork, encoder, rows)
    return rows


def make_views(artwork: Artwork, views: int, size: int) -> list[NDArray[np.float32]]:
    """The whole artwork and the crops that are its own, whatever else is in its portfolio: 1 + K of [3, size, size]."""
    image, rng = to_image(artwork), named_rng(0, "crops", artwork.digest.hex())
    return [to_square(image, size), *(random_crop(image, rng, size) for _ in range(views))]


def to_image(artwork: Artwork) -> Bands:
    """Pixels in [0, 1]; resized as numbers, they are not rounded to 8 bits again."""
    pixels = artwork.pixels.astype(np.float32) / 255
    return tuple(Image.fromarray(pixels[:, :, channel]) for channel in range(3))


def to_square(image: Bands, size: int = IMAGE_SIZE) -> NDArray[np.float32]:
    """The center square, at the encoder's input size, [3, size, size]."""
    width, height = image[0].size
    side = min(width, height)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return _cut(image, (left, top, left + side, top + side), size)


def random_crop(image: Bands, rng: np.random.Generator, size: int = IMAGE_SIZE) -> NDArray[np.float32]:
    """A random part of an image, maybe mirrored, at the encoder's input size, [3, size, size].

    Colors are left alone: palette is style.
    """
    width, height = image[0].size
    area, ratio, top, left, mirror = rng.random(5).tolist()
    side = np.sqrt((MIN_CROP_AREA + area * (1 - MIN_CROP_AREA)) * height * width)
    stretch = MAX_CROP_RATIO ** (ratio - 0.5)
    rows, columns = min(height, max(1, round(side / stretch))), min(width, max(1, round(side * stretch)))
    x, y = int(left * (width - columns + 1)), int(top * (height - rows + 1))
    cut = _cut(image, (x, y, x + columns, y + rows), size)
    return np.ascontiguousarray(cut[:, :, ::-1]) if mirror < 0.5 else cut


def _cut(image: Bands, box: tuple[int, int, int, int], size: int) -> NDArray[np.float32]:
    bands = (band.crop(box).resize((size, size), Image.Resampling.BILINEAR) for band in image)
    return np.stack([np.asarray(band) for band in bands])
