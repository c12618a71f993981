"""What encoders there are and how they see a picture; knows no library that runs one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

IMAGE_SIZE: Final = 256
"""Side in pixels at which backbones that take any size see an artwork; on paintings 256 find half a point more than 192
do, and these two points more than 128."""

FEATURES_FORMAT: Final = "fedstyle-features-5"
"""How an artwork becomes an encoder's input and its output features: another number where any of it changes."""

STAGES: Final = 6
"""Feature maps whose statistics are taken, at most; deeper maps of a classifier speak of objects, not of style."""

CORRELATED: Final = 40
"""Channels that a map may have for their correlations to be statistics too: those of early maps speak of strokes."""

VARIANCE_FLOOR: Final = 1e-6
"""Added to the variance of a feature map, so that a constant one has a deviation with a gradient."""

LITE0: Final = "lite0"
"""EfficientNet-Lite0, whose weights come as a package."""

LITE0_WEIGHTS: Final = "b1a41a9241a4405da1e481435f23df78a0b943643193ab7a0023ba560ec40315"
"""Digest of the packaged weights of EfficientNet-Lite0, as `graphs.digest_of` takes it."""

SMALL: Final = "small"
"""The small encoder that is trained from scratch on public artists."""

TUNED: Final = "tuned"
"""EfficientNet-Lite0, tuned on public artists."""

MADE: Final = (SMALL, TUNED)
"""Encoders that a run makes, and whose weights it holds."""

SMALL_STAGES: Final = 5
"""Feature maps of the small encoder."""

SMALL_GROUPS: Final = 8
"""Groups of channels that the small encoder normalizes together."""

_LITE_SCALE: Final = ((127 / 255,) * 3, (128 / 255,) * 3)
SCALES: Final = {LITE0: _LITE_SCALE, TUNED: _LITE_SCALE, SMALL: ((0.5,) * 3, (0.5,) * 3)}
"""Mean and deviation of the colors by which each known network wants an image in [0, 1] scaled; the Lite models were
trained on (x - 127) / 128 with x in 0..255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """Which public network to use, and where its weights come from.

    Attributes:
        name: ``lite0`` (default; weights come as a package), ``tuned`` (the same, tuned on the public artists),
            ``small`` (a small network trained from scratch on them), ``timm:NAME`` or ``torchvision:NAME``.
        weights: A local state-dict file (``.pth``, ``.pt`` or ``.safetensors``) for timm and torchvision names; for a
            vision transformer of timm also one of OpenAI's CLIP or of CSD; for ``small`` and ``tuned`` what a run left.
        download: Fetch pretrained weights from the model's hub; nothing is ever downloaded unless this is set.
    """

    name: str = LITE0
    weights: Path | None = None
    download: bool = False
