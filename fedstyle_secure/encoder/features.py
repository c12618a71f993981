"""From artworks to raw style features: the unaltered view and K augmented views of each artwork.

FEA-1  What this module returns are numbers of a frozen public network; the pixels go no further.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from ..artworks.artwork import Artwork
from .backbones import IMAGE_SIZE, Backbone

BATCH = 80
"""Images a forward pass; smaller batches do not fill the processor, larger ones only cost memory."""

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
    seed: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> StyleFeatures:
    """Summarize artworks, each as itself and as `views` random crops.

    Args:
        artworks: At least one artwork.
        backbone: A frozen public network.
        views: K, the number of augmented views (0 for queries).
        seed: Makes the crops reproducible.
        on_progress: Called with the number of artworks finished since the last call.

    Returns:
        Features of all artworks, in order.
    """
    generator = torch.Generator().manual_seed(seed)
    rows: list[Tensor] = []
    step = max(1, BATCH // (1 + views))
    with torch.inference_mode():
        for start in range(0, len(artworks), step):
            chunk = artworks[start : start + step]
            images = [image for artwork in chunk for image in _views(artwork, views, generator, backbone.image_size)]
            rows.append(backbone(torch.stack(images)).view(len(chunk), 1 + views, -1))
            on_progress(len(chunk))
    return StyleFeatures(torch.cat(rows).numpy())


def _views(artwork: Artwork, views: int, generator: torch.Generator, size: int) -> list[Tensor]:
    image = to_image(artwork)
    return [to_square(image, size), *(random_crop(image, generator, size) for _ in range(views))]


def to_image(artwork: Artwork) -> Tensor:
    """Pixels as float32 [3, H, W] in [0, 1]."""
    return torch.from_numpy(artwork.pixels.copy()).permute(2, 0, 1).float().div_(255)


def to_square(image: Tensor, size: int = IMAGE_SIZE) -> Tensor:
    """Center-crop [3, H, W] to a square and resize it to [3, size, size], the backbone's input size."""
    square = transforms.center_crop(image, [min(image.shape[1:])] * 2)
    return _resize(square, size)


def random_crop(image: Tensor, generator: torch.Generator, size: int = IMAGE_SIZE) -> Tensor:
    """A random part of [3, H, W], maybe mirrored, at the backbone's input size, [3, size, size].

    Colors are left alone: palette is style.
    """
    height, width = image.shape[1:]
    area, ratio, top, left, mirror = torch.rand(5, generator=generator).tolist()
    side = np.sqrt((MIN_CROP_AREA + area * (1 - MIN_CROP_AREA)) * height * width)
    stretch = MAX_CROP_RATIO ** (ratio - 0.5)
    rows, columns = min(height, max(1, round(side / stretch))), min(width, max(1, round(side * stretch)))
    crop = transforms.crop(image, int(top * (height - rows + 1)), int(left * (width - columns + 1)), rows, columns)
    resized = _resize(crop, size)
    return resized.flip(2) if mirror < 0.5 else resized


def _resize(image: Tensor, size: int) -> Tensor:
    resized: Tensor = transforms.resize(image, [size, size], antialias=True)
    return resized
