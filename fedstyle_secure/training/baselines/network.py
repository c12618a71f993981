"""The rivals' network: a linear head to unit vectors and a softmax classifier on top, by full-batch descent."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..objective import TEMPERATURE
from .task import Recipe, Task


class Weights(NamedTuple):
    """All that is trained: head [h, d] and classifier [classes, h]."""

    head: Tensor
    classifier: Tensor


def start(task: Task, classes: int) -> Weights:
    """The common head, and a classifier as PyTorch starts a linear layer, from the seed."""
    generator = torch.Generator().manual_seed(task.seed)
    outputs = len(task.head)
    reach = outputs**-0.5
    classifier = (2 * torch.rand(classes, outputs, generator=generator) - 1) * reach
    return Weights(torch.from_numpy(task.head.copy()), classifier)


def represent(head: Tensor, inputs: Tensor) -> Tensor:
    """Head inputs [rows, d] to unit vectors [rows, h]."""
    return F.normalize(inputs @ head.T, dim=-1)


def softmax_loss(weights: Weights, inputs: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the labels [rows], with the temperature of FedStyle's objective; one number for each row."""
    logits = represent(weights.head, inputs) @ weights.classifier.T / TEMPERATURE
    return F.cross_entropy(logits, labels, reduction="none")


def descend(weights: Weights, loss: Callable[[Weights], Tensor], *, rate: float, steps: int) -> Weights:
    """So many steps down a loss, from weights that stay as they are."""
    here = Weights(*(tensor.detach().clone().requires_grad_() for tensor in weights))
    for _ in range(steps):
        gradients = torch.autograd.grad(loss(here), here)
        with torch.no_grad():
            for tensor, gradient in zip(here, gradients, strict=True):
                tensor.sub_(rate * gradient)
    return Weights(*(tensor.detach() for tensor in here))


def descend_locally(weights: Weights, loss: Callable[[Weights], Tensor], recipe: Recipe) -> Weights:
    """What an artist does in one round."""
    return descend(weights, loss, rate=recipe.learning_rate, steps=recipe.local_steps)
