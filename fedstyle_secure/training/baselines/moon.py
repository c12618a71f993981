"""MOON, model-contrastive federated learning (Li, He, Song 2021, arXiv 2103.16257)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .fedavg import FedAvg
from .network import Weights, represent

MU, CONTRAST_TEMPERATURE = 1.0, 0.5
"""Weight and temperature of the contrast; the paper's values are 0.1 to 10 and 0.5."""


class Moon(FedAvg):
    """Draws an artist's representations towards the shared head's and away from its own last ones; uploads are sums."""

    name = "moon"
    title = "MOON"
    reference = "Li, He, Song 2021, arXiv 2103.16257"

    def penalty(self, weights: Weights, shared: Weights, previous: Weights, inputs: Tensor) -> Tensor:
        """Mu times the cross entropy of picking the shared representation over the previous one."""
        here = represent(weights.head, inputs)
        others = [represent(there.head, inputs).detach() for there in (shared, previous)]
        logits = torch.stack([(here * there).sum(dim=-1) for there in others], dim=-1) / CONTRAST_TEMPERATURE
        return MU * F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))
