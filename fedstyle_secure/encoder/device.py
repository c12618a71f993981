"""Where encoders compute."""

from enum import StrEnum
from typing import Final


class Device(StrEnum):
    """What `--device` can be."""

    AUTO = "auto"
    """The processor for encoders whose graph is known, as their images pass one by one; an accelerator for others."""
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


TOLERANCE: Final = 1e-3
"""By how much a raw feature x may differ between two devices, in units of 1 + |x|; caches keep devices apart."""
