"""The per-artwork contrastive objective, and its gradient for each artwork by itself.

TRN-1  An artwork's loss depends on that artwork's views and on public anchors alone, never on another artwork: clipping
       its gradient therefore bounds its influence. In-batch losses (SupCon, SimCLR) break this.
TRN-2  The gradients of an artwork's K views are averaged inside the artwork before anything is clipped.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from .codebook import Codebook
from .per_example import per_example_gradients

TEMPERATURE = 0.1


class StyleHead(nn.Module):
    """The trainable style head: one linear map without bias, [.., d] to unit vectors [.., h]."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.linear.weight = nn.Parameter(weight)

    def forward(self, aligned: Tensor) -> Tensor:
        """Project and normalize."""
        return F.normalize(self.linear(aligned), dim=-1)


def anchor_loss(embeddings: Tensor, codewords: Tensor, anchors: Tensor) -> Tensor:
    """Contrast each artwork with its artist's codeword against all other anchors.

    Args:
        embeddings: Unit vectors [artworks, K, h], K views of each artwork.
        codewords: Index of the positive anchor of each artwork, int64 [artworks].
        anchors: Unit rows [codewords, h].

    Returns:
        One loss per artwork, [artworks], the mean over its views.
    """
    logits = embeddings @ anchors.T / TEMPERATURE
    targets = codewords[:, None].expand(logits.shape[:2])
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape).mean(1)


def per_artwork_gradients(
    head: NDArray[np.float32], aligned: NDArray[np.float32], codeword: int, codebook: Codebook
) -> NDArray[np.float32]:
    """Gradient of the objective with respect to the head, for each artwork by itself.

    Args:
        head: float32 [h, d].
        aligned: Head inputs, float32 [artworks, K, d].
        codeword: The artist's secret codeword.
        codebook: Public anchors.

    Returns:
        float32 [artworks, h, d].
    """
    codewords, anchors = torch.full((len(aligned),), codeword), torch.from_numpy(codebook.anchors)
    with _one_thread():
        (rows,) = per_example_gradients(
            StyleHead(torch.from_numpy(head.copy())),
            torch.from_numpy(aligned),
            lambda embeddings: anchor_loss(embeddings, codewords, anchors),
        ).values()
    gradients: NDArray[np.float32] = rows.numpy()
    return gradients


@contextmanager
def _one_thread() -> Iterator[None]:
    """An artwork at a time is too little to share: threads would wait for one another longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


WARM_STEPS, WARM_STEP, WARM_MOMENTUM = 40, 0.1, 0.8


def warm_start(
    head: NDArray[np.float32], inputs: Sequence[NDArray[np.float32]], codewords: Sequence[int], codebook: Codebook
) -> NDArray[np.float32]:
    """Train a head on public artists, by the same objective and with steps of fixed relative length.

    Args:
        head: Where to start, float32 [h, d].
        inputs: For each public artist, head inputs float32 [artworks, K, d].
        codewords: For each public artist, a codeword.
        codebook: Public anchors.

    Returns:
        float32 [h, d].
    """
    aligned = torch.from_numpy(np.concatenate(inputs))
    targets = torch.tensor(np.repeat(codewords, [len(rows) for rows in inputs]))
    anchors, module = torch.from_numpy(codebook.anchors), StyleHead(torch.from_numpy(head.copy()))
    weight, direction = module.linear.weight, torch.zeros_like(module.linear.weight)
    for _ in range(WARM_STEPS):
        (gradient,) = torch.autograd.grad(anchor_loss(module(aligned), targets, anchors).sum(), weight)
        direction = WARM_MOMENTUM * direction + gradient
        with torch.no_grad():
            weight -= WARM_STEP * weight.norm() / direction.norm() * direction
    warmed: NDArray[np.float32] = weight.detach().numpy()
    return warmed
