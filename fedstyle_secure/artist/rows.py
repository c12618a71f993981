"""What an artist's artworks become for one iteration: one row for each, of the tensors that the layout names."""

import numpy as np
from numpy.typing import NDArray

from ..encoder.features import StyleFeatures
from ..encoder.model import StyleModel
from ..privacy.mechanism import Mechanism
from ..training.codebook import Codebook
from ..training.moments import Prototype, outer_product_rows
from ..training.tensors import HEAD, MOMENTS
from ..training.updates import Contributions, one_by_one


def contribute(
    features: StyleFeatures,
    model: StyleModel,
    mechanism: Mechanism,
    codebook: Codebook,
    codeword: int,
    *,
    prototype: Prototype | None = None,
    whitened: NDArray[np.float32] | None = None,
) -> Contributions:
    """One row per artwork: the tensors that the layout names, side by side.

    Args:
        features: Raw features, all views.
        model: The announced model.
        mechanism: Names the tensors.
        codebook: Public anchors.
        codeword: The artist's secret anchor.
        prototype: The artist's own style, taken out of its artworks before moments are made; None for nothing.
        whitened: All views in the model's public style space, if they were brought there before.
    """
    if whitened is None:
        whitened = one_by_one(model.whiten, features.views)
    layout = mechanism.layout

    def row(views: NDArray[np.float32]) -> NDArray[np.float32]:
        tensors: dict[str, NDArray[np.float32]] = {}
        asked = {segment.name for segment in layout.segments}
        if HEAD in asked:
            from ..training.objective import per_artwork_gradients  # torch, which agreeing and signing do without

            tensors[HEAD] = per_artwork_gradients(model.head, model.align(views[:, 1:]), codeword, codebook)
        if MOMENTS in asked:
            plain = views[:, 0]
            tensors[MOMENTS] = outer_product_rows(plain if prototype is None else prototype.remove_from(plain))
        return Contributions.join(tensors, layout.segments).rows

    with np.errstate(all="ignore"):  # what a hostile model makes of an artwork counts as nothing (CLP-3)
        return Contributions(one_by_one(row, whitened), layout)
