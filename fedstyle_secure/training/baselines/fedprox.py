"""FedProx (Li et al. 2020, arXiv 1812.06127): federated averaging whose artists are held near the shared weights."""

from torch import Tensor

from .fedavg import FedAvg
from .network import Weights

MU = 0.1
"""Weight of the proximal term; the paper tries 0.001 to 1."""


class FedProx(FedAvg):
    """Adds (mu / 2) |w - w_shared|^2 to each artist's loss; uploads are FedAvg's sums."""

    name = "fedprox"
    title = "FedProx"
    reference = "Li et al. 2020, arXiv 1812.06127"

    def penalty(self, weights: Weights, shared: Weights, previous: Weights, inputs: Tensor) -> Tensor:  # noqa: ARG002
        """Half of mu times the squared distance to the shared weights."""
        first, *others = ((here - there).square().sum() for here, there in zip(weights, shared, strict=True))
        return MU / 2 * sum(others, first)
