"""Train the small encoder from scratch on public artists, by the same objective the artists use later."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..artworks.artwork import Portfolio
from ..encoder.features import random_crop, to_image
from ..encoder.small import SmallEncoder
from .codebook import Codebook
from .objective import anchor_loss

EPOCHS, BATCH, LEARNING_RATE, SIDE = 12, 48, 3e-3, 192  # crops of so many pixels


def train_small(
    public: Sequence[Portfolio], *, seed: int, on_progress: Callable[[int], None] = lambda _done: None
) -> SmallEncoder:
    """Fit a `SmallEncoder` to tell public artists apart; their artworks are public, so there is nothing to protect.

    Args:
        public: Public artists, at least two for the task to mean anything.
        seed: Makes the weights reproducible.
        on_progress: Called with the number of artworks seen since the last call, EPOCHS times each.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = SmallEncoder()
        head = nn.Linear(encoder.channels[-1], max(2, len(public)), bias=False)
    rng = np.random.Generator(np.random.PCG64(seed))
    codebook = Codebook.from_seed(b"small encoder", dimensions=head.out_features)
    anchors = torch.from_numpy(codebook.anchors)
    pairs = [(artwork, index) for index, portfolio in enumerate(public) for artwork in portfolio.artworks]
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=LEARNING_RATE)
    for _ in range(EPOCHS):
        order = rng.permutation(len(pairs)).tolist()
        for start in range(0, len(order), BATCH):
            batch = [pairs[i] for i in order[start : start + BATCH]]
            images = torch.from_numpy(np.stack([random_crop(to_image(artwork), rng, SIDE) for artwork, _ in batch]))
            codewords = torch.tensor([index for _, index in batch])
            loss = anchor_loss(_embed(encoder, head, images)[:, None], codewords, anchors).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            on_progress(len(batch))
    return encoder


def _embed(encoder: SmallEncoder, head: nn.Linear, images: Tensor) -> Tensor:
    return F.normalize(head(encoder((images - 0.5) / 0.5).mean((2, 3))), dim=-1)
