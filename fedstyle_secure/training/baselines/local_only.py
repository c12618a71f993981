"""Local only: each artist trains alone, its own artworks against the public artists', and sends nothing."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .network import Weights, descend, softmax_loss, start
from .task import Exchange, Recipe, Task


class LocalOnly:
    """No upload. Against its own artworks alone a softmax learns nothing, so public artists are the other classes."""

    name: str = "local-only"
    title: str = "local only"
    reference: str = "no exchange; public artists as negatives"
    uploads = None
    local_steps = (1, 5)

    def fit(self, task: Task, recipe: Recipe, exchange: Exchange) -> NDArray[np.float32]:  # noqa: ARG002
        """Train a head for each artist, float32 [artists, h, d], with as many steps as federated artists take."""
        # One view of each public artwork is enough to stand for the others, and K times as fast.
        public = [torch.from_numpy(rows[:, 0]) for rows in task.public]
        negatives = torch.cat(public) if public else torch.zeros(0, task.head.shape[1])
        labels = torch.repeat_interleave(
            torch.arange(1, len(public) + 1), torch.tensor([len(rows) for rows in public], dtype=torch.int64)
        )
        common = start(task, classes=1 + len(public))
        steps = task.rounds * recipe.local_steps

        def train(rows: Tensor) -> Weights:
            own = torch.zeros(len(rows), dtype=torch.int64)

            def loss(weights: Weights) -> Tensor:
                mine = softmax_loss(weights, rows, own).mean()
                return (mine + softmax_loss(weights, negatives, labels).mean()) / 2 if public else mine

            return descend(common, loss, rate=recipe.learning_rate, steps=steps)

        return np.stack([train(torch.from_numpy(rows).flatten(0, 1)).head.numpy() for rows in task.artists])
