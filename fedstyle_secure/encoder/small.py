"""A small convolutional encoder for when no pretrained weight may be used: trained from scratch on public artists.

Normalization is per artwork (GroupNorm), never per batch, so no artwork ever enters another artwork's features.
"""

from torch import Tensor, nn

from .spec import SMALL_GROUPS


class SmallEncoder(nn.Module):
    """Five strided convolutions with GroupNorm: images [B, 3, S, S] to a map [B, 96, S/32, S/32].

    The architecture is fixed, so that a saved state dict always fits.
    """

    channels = (16, 24, 40, 64, 96)

    def __init__(self) -> None:
        super().__init__()
        before = (3, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(SMALL_GROUPS, outputs),
                nn.GELU(),
                nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs, bias=False),
                nn.GroupNorm(SMALL_GROUPS, outputs),
                nn.GELU(),
            )
            for inputs, outputs in zip(before, self.channels, strict=False)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Run all stages."""
        for stage in self.stages:
            images = stage(images)
        return images
