"""From artworks to raw style features: the unaltered view and K augmented views of each artwork.

FEA-1  What this module returns are numbers of a frozen public network; the pixels go no further.
FEA-2  An artwork's features depend on that artwork alone: its crops are drawn from its own digest, and its images pass
       the network by themselves. With one artwork more or less, all others keep every bit of theirs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from ..artworks.artwork import Artwork
from ..artworks.seeding import named_rng
from .backbones import IMAGE_SIZE, Backbone

MIN_CROP_AREA, MAX_CROP_RATIO = 0.35, 4 / 3


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
    backbone: Backbone,
    *,
    views: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> StyleFeatures:
    """Summarize artworks, each as itself and as `views` crops, one artwork at a time (FEA-2).

    A network that is shown several artworks at once may round one artwork's numbers differently with other neighbors,
    and weights can be made that turn a rounding into anything.

    Args:
        artworks: At least one artwork.
        backbone: A frozen public network.
        views: K, the number of augmented views (0 for queries).
        on_progress: Called with 1 after each artwork.

    Returns:
        Features of all artworks, in order.
    """
    rows: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for artwork in artworks:
            rows.append(backbone(_views(artwork, views, backbone.image_size)).numpy())
            on_progress(1)
    return StyleFeatures(np.stack(rows))


def _views(artwork: Artwork, views: int, size: int) -> Tensor:
    """The whole artwork and the crops that are its own, whatever else is in its portfolio: [1 + K, 3, size, size]."""
    image, rng = to_image(artwork), named_rng(0, "crops", artwork.digest.hex())
    return torch.stack([to_square(image, size), *(random_crop(image, rng, size) for _ in range(views))])


def to_image(artwork: Artwork) -> Tensor:
    """Pixels as float32 [3, H, W] in [0, 1]."""
    return torch.from_numpy(artwork.pixels.copy()).permute(2, 0, 1).float().div_(255)


def to_square(image: Tensor, size: int = IMAGE_SIZE) -> Tensor:
    """Center-crop [3, H, W] to a square and resize it to [3, size, size], the backbone's input size."""
    square = transforms.center_crop(image, [min(image.shape[1:])] * 2)
    return _resize(square, size)


def random_crop(image: Tensor, rng: np.random.Generator, size: int = IMAGE_SIZE) -> Tensor:
    """A random part of [3, H, W], maybe mirrored, at the backbone's input size, [3, size, size].

    Colors are left alone: palette is style.
    """
    height, width = image.shape[1:]
    area, ratio, top, left, mirror = rng.random(5).tolist()
    side = np.sqrt((MIN_CROP_AREA + area * (1 - MIN_CROP_AREA)) * height * width)
    stretch = MAX_CROP_RATIO ** (ratio - 0.5)
    rows, columns = min(height, max(1, round(side / stretch))), min(width, max(1, round(side * stretch)))
    crop = transforms.crop(image, int(top * (height - rows + 1)), int(left * (width - columns + 1)), rows, columns)
    resized = _resize(crop, size)
    return resized.flip(2) if mirror < 0.5 else resized


def _resize(image: Tensor, size: int) -> Tensor:
    resized: Tensor = transforms.resize(image, [size, size], antialias=True)
    return resized
