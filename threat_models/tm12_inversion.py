"""TM-12: a gradient turned back into the artwork that it came from.

Geiping et al., NeurIPS 2020. Two gradients are attacked, both after their way through the real pipeline. Of a *small
network* that is trained as a whole, which no artist does: L-BFGS in float64 searches for the image whose gradient fits
best, under a prior from public art. Of what is *shipped*, the head's gradient and the outer products of features from a
frozen encoder: features first, then a decoder that learned from public art what features look like.
The server knows everything but the artwork. All other artworks being known is the same as there being none.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fedstyle_secure.aggregation.summing import Aggregate
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.encoder.features import StyleFeatures, extract
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.moments import unpack_moments
from fedstyle_secure.training.objective import anchor_loss, per_artwork_gradients
from fedstyle_secure.training.per_example import per_example_gradients
from fedstyle_secure.training.tensors import HEAD, MOMENTS
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .decoder import VIEWS, Decoder, Studio, open_studio
from .deployment import Deployment
from .masked_sum import CLIPPING, EPSILON, NOISE, deployed, masked_sum, noiseless, release
from .reconstruction import Prior, paint, paint_public, pixels, psnr

ARTISTS, SIDE, SEED, CODEWORD = 5, 32, 12, 3
ENCODER: Final = "lite0"
INVERTED: Final = {Effort.FAST: 1, Effort.SLOW: 4}
"""Artworks whose gradient of the small network is inverted, each in `STEPS` steps at most."""
STEPS: Final = {Effort.FAST: 600, Effort.SLOW: 1200}
SHIPPED: Final = {Effort.FAST: 6, Effort.SLOW: 30}
"""Artworks whose contribution is attacked as it is shipped."""
_OUTPUTS: Final = 8
_OVERDRIVE: Final = 500.0  # length of a gradient in clip norms: the server decides how loud its network is


class SmallNetwork(nn.Module):
    """Three convolutions and a linear layer, smooth throughout: images [n, 3, 32, 32] to unit vectors [n, outputs]."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 12, 5, stride=2, padding=2),
            nn.Sigmoid(),
            nn.Conv2d(12, 12, 5, stride=2, padding=2),
            nn.Sigmoid(),
            nn.Conv2d(12, 12, 5, padding=2),
            nn.Sigmoid(),
        )
        self.linear = nn.Linear(12 * (SIDE // 4) ** 2, _OUTPUTS)

    def forward(self, images: Tensor) -> Tensor:
        """Embed."""
        return F.normalize(self.linear(self.convolutions(images).flatten(1)), dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What the network's training shares with the server.

    Attributes:
        network: As handed out, float64.
        anchors: Public.
        clip_norm: Of a gradient.
    """

    network: SmallNetwork
    anchors: Tensor
    clip_norm: float

    def loss(self, embeddings: Tensor) -> Tensor:
        """One for each image, towards a codeword that the server knows."""
        codewords = torch.full((len(embeddings),), CODEWORD)
        return anchor_loss(embeddings[:, None], codewords, self.anchors)

    def gradient(self, image: Tensor) -> Tensor:
        """Of one image [3, 32, 32], in clip norms, differentiable in the image."""
        parameters = tuple(self.network.parameters())
        loss = self.loss(self.network(image[None])).sum()
        found = torch.autograd.grad(loss, parameters, create_graph=True)
        return torch.cat([each.flatten() for each in found]) / self.clip_norm


def start_training() -> Training:
    """A network with weights in which sigmoids are alive, as attackers choose them (Zhu et al., NeurIPS 2019)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = SmallNetwork().double()
        for parameter in network.parameters():
            nn.init.uniform_(parameter, -0.5, 0.5)
    anchors = torch.from_numpy(Codebook.from_seed(b"inversion", dimensions=_OUTPUTS).anchors).double()
    training = Training(network=network, anchors=anchors, clip_norm=1.0)
    typical = float(training.gradient(torch.full((3, SIDE, SIDE), 0.5, dtype=torch.float64)).detach().norm())
    return Training(network=network, anchors=anchors, clip_norm=typical / _OVERDRIVE)


def to_image(numbers: Tensor) -> Tensor:
    """From [side * side * 3] to [3, side, side]."""
    return numbers.view(SIDE, SIDE, 3).permute(2, 0, 1)


def observe(
    training: Training, truth: NDArray[np.float64], without: frozenset[str], *, seed: int
) -> tuple[Tensor, float]:
    """The cohort's sum, in clip norms, and the standard deviation of what is unknown in a coordinate."""
    image = to_image(torch.from_numpy(truth))[None]
    rows = per_example_gradients(training.network, image, training.loss).values()
    row = torch.cat([each.flatten(1) for each in rows], dim=1).float().numpy()
    segment = Segment(
        name="network", length=row.shape[1], support=Support.COHORT, clip_norm=training.clip_norm, share=1.0
    )
    layout = Layout((segment,))
    mechanism = release(layout, clients=ARTISTS)
    cohort = [Contributions(row, layout), *[Contributions(row[:0], layout)] * (ARTISTS - 1)]
    summed = masked_sum(cohort, mechanism, without=without, seed=seed)
    return torch.from_numpy(summed.tensors["network"] / training.clip_norm), _unknown(summed, mechanism, without)


def _unknown(summed: Aggregate, mechanism: Mechanism, without: frozenset[str]) -> float:
    """Noise and rounding in a coordinate, in clip norms."""
    if NOISE in without:
        mechanism = noiseless(mechanism)
    noise = np.sqrt(summed.survivors) * mechanism.sigma_share / mechanism.scale
    return float(np.hypot(noise, np.sqrt(summed.survivors / 6) / mechanism.scale))


def search(
    predict: Callable[[Tensor], Tensor], observed: Tensor, unknown: float, prior: Prior, *, steps: int
) -> NDArray[np.float64]:
    """The most likely image by L-BFGS in float64, from the public mean image on.

    The image is written as the mean and the prior's square root times numbers that are standard normal beforehand: that
    is the prior, and it lets L-BFGS see large shapes before small ones.

    Args:
        predict: From an image [3, side, side] to what would be observed without noise.
        observed: What was.
        unknown: Standard deviation of the difference.
        prior: From public art.
        steps: Gradients at most.

    Returns:
        An image [pixels].
    """
    components, mean = torch.from_numpy(prior.components), torch.from_numpy(prior.mean)
    rest = float(np.sqrt(prior.rest))
    beyond = torch.from_numpy(np.sqrt(prior.variances)) - rest
    numbers = torch.zeros_like(mean, requires_grad=True)
    energy = float(observed.square().sum())

    def picture() -> Tensor:
        return mean + components @ (beyond * (components.T @ numbers)) + rest * numbers

    def misfit() -> Tensor:
        optimizer.zero_grad()
        difference = (predict(to_image(picture())) - observed).square().sum() + unknown**2 * numbers.square().sum()
        loss = difference / energy
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer = torch.optim.LBFGS(
        [numbers],
        max_iter=steps,
        max_eval=steps * 5 // 4,
        history_size=50,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    optimizer.step(misfit)  # type: ignore[no-untyped-call]
    found: NDArray[np.float64] = picture().detach().numpy()
    return found


def invert(
    training: Training, truth: NDArray[np.float64], without: frozenset[str], effort: Effort, *, seed: int = 0
) -> NDArray[np.float64]:
    """What the server makes of one artwork [pixels] from the gradient of the small network."""
    observed, unknown = observe(training, truth, without, seed=seed)

    def predict(image: Tensor) -> Tensor:
        gradient = training.gradient(image)
        return gradient if CLIPPING in without else gradient / gradient.norm().clamp(min=1)

    return search(predict, observed, unknown, Prior.fit(pixels(paint_public(SIDE))), steps=STEPS[effort])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shipped:
    """What an artist really uploads in its first iteration, and what the server compares it with.

    Attributes:
        studio: Frozen encoder, model and public art.
        mechanism: The first iteration of a default run: moments and head.
        rows: What each public artwork would contribute, clipped, in units of the joint clip norm [artworks, length].
        decoder: From whitened features, as `_weigh` returns them, to images.
    """

    studio: Studio
    mechanism: Mechanism
    rows: NDArray[np.float64]
    decoder: Decoder

    def contribution(self, features: StyleFeatures) -> Contributions:
        """Of one artist, by the client's own code."""
        return contribute(features, self.studio.model, self.mechanism, self.studio.codebook, CODEWORD)


@cache
def study() -> Shipped:
    """Everything that the server can prepare on public art."""
    studio = open_studio(ENCODER, SIDE)
    outputs, d = studio.model.head.shape
    shipped = Shipped(
        studio=studio,
        mechanism=deployed(ARTISTS).cohort.mechanism(1, dimensions=d, outputs=outputs),
        rows=np.empty((0, 0)),
        decoder=Decoder.fit(
            _weigh(studio, np.concatenate([studio.model.whiten(each.views[:, 0]) for each in studio.public])),
            studio.images,
            np.repeat(np.arange(len(studio.public)), [len(each) for each in studio.public]),
        ),
    )
    rows = np.concatenate([shipped.contribution(each).rows for each in studio.public])
    return replace(shipped, rows=np.stack([_in_clip_norms(row, shipped.mechanism.layout) for row in rows]))


def _weigh(studio: Studio, whitened: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Take half of the whitening back [..., d]: the directions in which art differs most tell most of pixels."""
    weighed: NDArray[np.float64] = whitened / np.sqrt(np.linalg.norm(studio.model.whitening.projection, axis=0))
    return weighed.astype(np.float64)


def _in_clip_norms(
    row: NDArray[np.float64] | NDArray[np.float32], layout: Layout, *, is_clipped: bool = True
) -> NDArray[np.float64]:
    """A row in the tensors' own units [length] to units of the joint clip norm, each part clipped."""
    parts, start = [], 0
    for segment in layout.segments:
        part = row[start : start + segment.length].astype(np.float64)
        start += segment.length
        longest = max(float(np.linalg.norm(part)), segment.clip_norm) if is_clipped else segment.clip_norm
        parts.append(part * (np.sqrt(segment.share) / longest))
    return np.concatenate(parts)


def invert_shipped(
    features: StyleFeatures, without: frozenset[str], *, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the server makes of one artwork's contribution to moments and head.

    Args:
        features: Raw features of one artwork.
        without: Defenses that are off.
        seed: Decides the randomness.

    Returns:
        Whitened features as found [d], and two images [2, pixels]: decoded from them, and the mean of public artworks
        weighted by how likely each would have been to give what was seen.
    """
    shipped = study()
    mine = shipped.contribution(features)
    nobody = Contributions(mine.rows[:0], mine.layout)
    summed = masked_sum([mine, *[nobody] * (ARTISTS - 1)], shipped.mechanism, without=without, seed=seed)
    unknown = _unknown(summed, shipped.mechanism, without)
    joined = np.concatenate([summed.tensors[segment.name] for segment in mine.layout.segments])
    observed = _in_clip_norms(joined, mine.layout, is_clipped=False)
    likely = (shipped.rows @ observed - np.sum(shipped.rows**2, axis=1) / 2) / unknown**2
    weights = np.exp(likely - likely.max())
    moments = unpack_moments(summed.tensors[MOMENTS], shipped.studio.model.whitening.dimensions)
    found = np.linalg.eigh(moments)[1][:, -1]
    signs = np.stack([found, -found])[:, None].astype(np.float32)
    model = shipped.studio.model
    expected = per_artwork_gradients(model.head, model.align(signs), CODEWORD, shipped.studio.codebook)
    found *= 1 if np.diff(expected.reshape(2, -1) @ summed.tensors[HEAD])[0] <= 0 else -1
    return found, np.stack(
        [shipped.decoder.decode(_weigh(shipped.studio, found)), weights @ shipped.studio.images / weights.sum()]
    )


def defended(deployment: Deployment) -> bool:
    """The noise is that of epsilon 8 or less, with a part of it for signatures, and of two iterations or more."""
    return deployment.has_noise_of(EPSILON) and deployment.settings.sign and deployment.settings.updates >= 2


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Invert single gradients of a small network, and single contributions as they are shipped."""
    portfolios = paint(SHIPPED[effort], 1, seed=SEED, size=SIDE)
    truth, training, shipped = pixels(portfolios), start_training(), study()
    floor = Prior.fit(shipped.studio.images).floor(truth)
    targets = truth[: INVERTED[effort]]
    small = psnr(targets, np.stack([invert(training, each, without, effort, seed=i) for i, each in enumerate(targets)]))
    cosines, decoded = [], []
    for number, portfolio in enumerate(portfolios):
        features = extract(portfolio.artworks, shipped.studio.encoder, views=VIEWS)
        found, images = invert_shipped(features, without, seed=number)
        cosines.append(float(found @ shipped.studio.model.whiten(features.views[0, 0])))
        decoded.append(psnr(truth[number], images) - floor[number])
    return {
        "floor": float(np.median(floor)),
        "small network: PSNR": float(np.median(small)),
        "small network: over the floor": float(np.mean(small - floor[: len(small)])),
        "as shipped: cosine of features": float(np.median(cosines)),
        "as shipped: over the floor": float(np.mean(decoded, axis=0).max()),
    }


CLAIM: Final = Claim(
    number=12,
    title="Gradient inversion: from a gradient back to the artwork",
    adversary="A server that knows the model, all artworks but one, that artist's secret codeword and plenty of "
    "public art.",
    assets="The pixels of a training artwork.",
    assumption="The noise of a default run's first and least noisy iteration (epsilon 8).",
    promise="A gradient without noise is its artwork, and features without noise are decoded in part. What is "
    "released keeps every image within one decibel of the public mean image, even where a whole network is trained.",
    defenses={
        NOISE: "`privacy.noise.add_noise_share`",
        CLIPPING: "`privacy.clipping.clip`: without it the server drowns the noise with a loud network",
    },
    power=(
        Limit(figure="small network: PSNR", at_least=30, unit="dB"),
        Limit(figure="as shipped: cosine of features", at_least=0.99),
        Limit(figure="as shipped: over the floor", at_least=2.0, unit="dB"),
    ),
    protected=(
        Limit(figure="small network: over the floor", at_most=1.0, unit="dB"),
        Limit(figure="as shipped: over the floor", at_most=1.0, unit="dB"),
        Limit(figure="as shipped: cosine of features", at_most=0.5),
    ),
    residual="A decoder with more public art, or of another kind, may make more of exact features than ours; of noisy "
    "ones nobody can make more than the noise leaves, which TM-13 audits.",
    tests=("tests/threat_models/test_tm12_inversion.py::test_a_gradient_without_noise_gives_its_artwork_away",),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.INFORMATION_DISCLOSURE,),
)
