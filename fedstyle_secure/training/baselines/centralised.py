"""The ceiling: all artworks in one place, one softmax over all artists, and nobody's privacy."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .network import Weights, descend, softmax_loss, start
from .task import Exchange, Recipe, Task


class Centralised:
    """No upload of updates: the artworks themselves are handed over."""

    name: str = "centralised"
    title: str = "centralised"
    reference: str = "all artworks pooled, the same head and softmax"
    uploads = None
    local_steps = (5, 20)

    def fit(self, task: Task, recipe: Recipe, exchange: Exchange) -> NDArray[np.float32]:  # noqa: ARG002
        """Train one head, float32 [1, h, d], every artist counting the same."""
        inputs = torch.cat([torch.from_numpy(rows).flatten(0, 1) for rows in task.artists])
        counts = torch.tensor([rows.shape[0] * rows.shape[1] for rows in task.artists])
        labels = torch.repeat_interleave(torch.arange(len(counts)), counts)
        balance = (1 / (len(counts) * counts))[labels]

        def loss(weights: Weights) -> Tensor:
            return (balance * softmax_loss(weights, inputs, labels)).sum()

        steps = task.rounds * recipe.local_steps
        trained = descend(start(task, classes=len(counts)), loss, rate=recipe.learning_rate, steps=steps)
        return trained.head.numpy()[None]
