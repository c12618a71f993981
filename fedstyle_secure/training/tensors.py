"""The two tensors that an artist can be asked for, as parts of an upload."""

from .moments import packed_length
from .updates import Segment, Support

HEAD, MOMENTS = "head", "moments"
"""Names of the two tensors an artist can be asked for."""

HEAD_CLIP_NORM = 0.5
"""About the norm of one artwork's gradient when training starts."""


def head_segment(dimensions: int, outputs: int, share: float) -> Segment:
    """The gradient of a head [outputs, dimensions] as part of an upload: every artist adds to every coordinate."""
    return Segment(
        name=HEAD, length=dimensions * outputs, support=Support.COHORT, clip_norm=HEAD_CLIP_NORM, share=share
    )


def moments_segment(dimensions: int, share: float) -> Segment:
    """The prototype moments as part of an upload; one artwork's outer product has Frobenius norm 1."""
    return Segment(name=MOMENTS, length=packed_length(dimensions), support=Support.COHORT, clip_norm=1.0, share=share)
