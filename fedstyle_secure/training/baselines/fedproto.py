"""FedProto (Tan et al. 2022, arXiv 2105.00243): artists keep their weights and send prototypes of their classes.

Here a class is an artist, so the server's table has one row from each artist and no row is a sum: its support is 1.
Masks cannot hide such a row, the support rule refuses to mask it, and so FedProto's prototypes go up in the clear.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..updates import Support
from .network import Weights, descend_locally, represent, softmax_loss, start
from .task import Exchange, Recipe, Task

PROTOTYPES = "prototypes"

PULL = 1.0
"""Weight of the distance to the global prototype; the paper's value."""


class FedProto:
    """Every artist has its own head; only mean representations are exchanged, one row of a table from each artist."""

    name: str = "fedproto"
    title: str = "FedProto"
    reference: str = "Tan et al. 2022, arXiv 2105.00243"
    uploads: Final = Support.ARTIST
    local_steps = (1, 5)

    def fit(self, task: Task, recipe: Recipe, exchange: Exchange) -> NDArray[np.float32]:
        """Train a head for each artist, float32 [artists, h, d]."""
        inputs = [torch.from_numpy(rows).flatten(0, 1) for rows in task.artists]
        local = [start(task, classes=len(inputs))] * len(inputs)
        table: NDArray[np.float64] | None = None
        for _ in range(task.rounds):
            local = [
                _train_locally(weights, rows, label, None if table is None else table[label], recipe)
                for label, (weights, rows) in enumerate(zip(local, inputs, strict=True))
            ]
            uploads = []
            for label, (weights, rows) in enumerate(zip(local, inputs, strict=True)):
                own = np.zeros((len(inputs), len(task.head)), dtype=np.float32)
                own[label] = represent(weights.head, rows).mean(dim=0).numpy()
                uploads.append({PROTOTYPES: own})
            table = exchange.total(uploads, Support.ARTIST)[PROTOTYPES]
        return np.stack([weights.head.numpy() for weights in local])


def _train_locally(
    weights: Weights, inputs: Tensor, label: int, prototype: NDArray[np.float64] | None, recipe: Recipe
) -> Weights:
    """Cross entropy of the own class, and the squared distance to the class's global prototype once there is one."""
    labels = torch.full((len(inputs),), label)
    goal = None if prototype is None else torch.from_numpy(prototype).float()

    def loss(here: Weights) -> Tensor:
        own = softmax_loss(here, inputs, labels).mean()
        return own if goal is None else own + PULL * (represent(here.head, inputs) - goal).square().mean()

    return descend_locally(weights, loss, recipe)
