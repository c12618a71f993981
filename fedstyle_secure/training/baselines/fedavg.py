"""Federated averaging (McMahan et al. 2017, arXiv 1602.05629): artists train a classifier, the server averages it.

Every artist knows its own label alone, so each trains the softmax towards one class. Over an artist's own labels only,
the softmax has one class, its loss is zero and nothing is learned; so here the classes are all artists.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..updates import Support
from .network import Weights, descend_locally, softmax_loss, start
from .task import Exchange, Recipe, Task, Upload

HEAD, CLASSIFIER, COUNT = "head", "classifier", "count"


class FedAvg:
    """Averages head and classifier, weighted by numbers of artworks: sums over the cohort, which masks hide."""

    name: str = "fedavg"
    title: str = "FedAvg"
    reference: str = "McMahan et al. 2017, arXiv 1602.05629"
    uploads: Final = Support.COHORT
    local_steps = (1, 5)

    def fit(self, task: Task, recipe: Recipe, exchange: Exchange) -> NDArray[np.float32]:
        """Train one head that all artists share, float32 [1, h, d]."""
        inputs = [torch.from_numpy(rows).flatten(0, 1) for rows in task.artists]
        shared = start(task, classes=len(inputs))
        previous: Sequence[Weights] = [shared] * len(inputs)
        for _ in range(task.rounds):
            local = [
                self.train_locally(shared, last, rows, label, recipe)
                for label, (rows, last) in enumerate(zip(inputs, previous, strict=True))
            ]
            uploads = [_upload(shared, weights, len(rows)) for weights, rows in zip(local, task.artists, strict=True)]
            total = exchange.total(uploads, Support.COHORT)
            moved = [torch.from_numpy(total[name] / total[COUNT]).float() for name in (HEAD, CLASSIFIER)]
            shared, previous = Weights(shared.head + moved[0], shared.classifier + moved[1]), local
        return shared.head.numpy()[None]

    def train_locally(self, shared: Weights, previous: Weights, inputs: Tensor, label: int, recipe: Recipe) -> Weights:
        """One artist's round, from the shared weights.

        Args:
            shared: What the server announced.
            previous: Where this artist ended in the round before.
            inputs: Head inputs [rows, d].
            label: The artist's own class.
            recipe: Learning rate and steps.
        """
        labels = torch.full((len(inputs),), label)

        def loss(weights: Weights) -> Tensor:
            return softmax_loss(weights, inputs, labels).mean() + self.penalty(weights, shared, previous, inputs)

        return descend_locally(shared, loss, recipe)

    def penalty(self, weights: Weights, shared: Weights, previous: Weights, inputs: Tensor) -> Tensor:  # noqa: ARG002
        """What a variant adds to the loss; nothing here."""
        return torch.zeros(())


def _upload(shared: Weights, local: Weights, artworks: int) -> Upload:
    """The move of every weight times the number of artworks, and that number."""
    moves = {name: artworks * (new - old) for name, new, old in zip((HEAD, CLASSIFIER), local, shared, strict=True)}
    tensors = {name: move.numpy() for name, move in moves.items()}
    return tensors | {COUNT: np.array([artworks], dtype=np.float32)}
