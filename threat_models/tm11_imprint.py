"""TM-11: a server hands out a model whose first layer copies artworks into its gradient (Robbing the Fed).

Fowl et al., ICLR 2022. Every neuron of the layer measures an artwork along the same direction and compares it with a
cut of its own, so each artwork leaves its pixels in a bin of its own, however many artists are summed: masks alone
stop nothing. The server then estimates all bins at once, as well as any linear estimator can (`recover`), and tries
three layers: the paper's, one whose neurons saturate so that each artwork moves one alone, and one that asks for
nothing but the directions in which public art differs most, so that all that clipping leaves goes into those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fedstyle_secure.aggregation.masking import Enrolment
from fedstyle_secure.aggregation.session import NO_LOG
from fedstyle_secure.aggregation.summing import Aggregate
from fedstyle_secure.announcement import Announcement
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.artist.store import MemoryStore
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.objective import anchor_loss
from fedstyle_secure.training.per_example import per_example_gradients
from fedstyle_secure.training.tensors import head_segment
from fedstyle_secure.training.updates import Contributions, Layout, Segment, Support

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .masked_sum import CLIPPING, EPSILON, ITERATIONS, NOISE, masked_sum, noiseless, release
from .reconstruction import Prior, paint, paint_public, pixels, psnr
from .scripted import scripted
from .town import make_terms

ALLOW_LIST, IMPRINT = "allow-list", "imprint"
SEED: Final = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is attacked, and how often.

    Attributes:
        artists: The cohort.
        artworks: Of each artist.
        bins: Neurons; with 3,073 numbers each, 85 just fill 2^18 coordinates.
        iterations: How many iterations of a run the server spends on it.
        side: Of the pictures.
    """

    artists: int
    artworks: int
    bins: int
    iterations: int
    side: int = 32


SIZES: Final = {
    Effort.FAST: Size(artists=6, artworks=4, bins=85, iterations=1),
    Effort.SLOW: Size(artists=8, artworks=6, bins=170, iterations=ITERATIONS),
}
_OUTPUTS: Final = 8
_STEEPNESS: Final = 1e-5  # so small that the loss is linear in what the neurons say
_OVERDRIVE: Final = 100.0  # typical length of a row in clip norms: the server decides how loud its layer is
_SIDE: Final = 32
_TINY: Final = 1e-30  # noise of a sum without any, so that precisions stay finite
_SPREAD, _QUIETEST, _LOUDEST = 0.3, 0.5, 2.0  # of the amplitude of clipped rows, relative to what is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What kind of layer the server hands out.

    Attributes:
        is_sparse: Whether a neuron saturates at the next cut, so that each artwork moves one neuron alone.
        directions: How many of public art's principal directions the neurons see; None for all pixels.
    """

    is_sparse: bool
    directions: int | None = None


DESIGNS: Final[Mapping[str, Design]] = {
    "dense": Design(is_sparse=False),
    "sparse": Design(is_sparse=True),
    "narrow": Design(is_sparse=True, directions=1),
}


class Imprint(nn.Module):
    """Neurons that see the same direction with different cuts, and a rest that turns their sum into an embedding.

    Args:
        center: Subtracted from every image [pixels].
        lens: What the neurons see of the difference: orthonormal rows [inputs, pixels]; None for all of it.
        direction: What each neuron measures of that [inputs].
        cuts: Where each neuron begins to fire, rising, [bins].
        is_sparse: Whether a neuron saturates at the next cut.
    """

    def __init__(
        self,
        *,
        center: NDArray[np.float64],
        lens: NDArray[np.float64] | None,
        direction: NDArray[np.float64],
        cuts: NDArray[np.float64],
        is_sparse: bool,
    ) -> None:
        super().__init__()
        self.center, self.lens = center, lens
        self.linear = nn.Linear(len(direction), len(cuts))
        self.linear.weight = nn.Parameter(torch.from_numpy(np.tile(direction, (len(cuts), 1))).float())
        self.linear.bias = nn.Parameter(torch.from_numpy(-cuts).float())
        self.is_sparse = is_sparse
        widths = np.append(np.diff(cuts), np.inf) if is_sparse else np.full(len(cuts), np.inf)
        self.widths = torch.from_numpy(widths).float()

    def forward(self, images: Tensor) -> Tensor:
        """Embed images, float64 [artworks, pixels], as unit vectors [artworks, outputs]."""
        seen = self.look(images.numpy())
        fired = torch.minimum(F.relu(self.linear(torch.from_numpy(seen).float())), self.widths).sum(1, keepdim=True)
        toward, base = torch.eye(_OUTPUTS)[:2]
        return F.normalize(base + _STEEPNESS * fired * toward, dim=-1)

    def look(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """What neurons see of images: [artworks, pixels] to [artworks, inputs]."""
        deviations = images - self.center
        return deviations if self.lens is None else deviations @ self.lens.T

    def show(self, seen: NDArray[np.float64]) -> NDArray[np.float64]:
        """The images behind what neurons see, as far as they see them: `look` backwards."""
        return self.center + (seen if self.lens is None else seen @ self.lens)

    def mixing(self, occupied: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Which neurons fire for artworks of which bins, [bins, occupied], and how many for each, [occupied]."""
        rows = np.arange(len(self.widths))[:, None]
        fires = rows == occupied if self.is_sparse else rows <= occupied
        return fires, fires.sum(axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What is attacked, and what the server prepared.

    Attributes:
        truth: All artworks of the cohort, float64 [artworks, pixels].
        floor: Decibels of the public mean image for each.
        prior: From public art, of what the layer sees of a deviation from the mean.
        layer: What artists are made to train.
        bins: The bin of each artwork, which the server is told.
        loudness: Gradient of a firing neuron's bias, the same for all artworks.
    """

    truth: NDArray[np.float64]
    floor: NDArray[np.float64]
    prior: Prior
    layer: Imprint
    bins: NDArray[np.intp]
    loudness: float

    @property
    def length(self) -> float:
        """Root mean square length of what the layer sees, and a bias beside it."""
        return float(np.sqrt(self.prior.total + 1))


@cache
def make_scene(design: Design, size: Size) -> Scene:
    """Paint a cohort, and let the server study public art.

    The direction is a random one of whitened public art: to know an artwork's bin is to know next to nothing of it.
    """
    bins = size.bins
    public = pixels(paint_public(size.side))
    truth = pixels(paint(size.artists, size.artworks, seed=SEED, size=size.side))
    prior = Prior.fit(public)
    mean, floor, lens = prior.mean, prior.floor(truth), None
    if design.directions is not None:
        lens = prior.components[:, : design.directions].T
        prior = prior.narrow(design.directions)
    rng = np.random.default_rng(SEED)
    direction = prior.components @ (rng.normal(size=len(prior.variances)) / np.sqrt(prior.variances))
    whole = public - mean if lens is None else (public - mean) @ lens.T
    heights = whole @ direction
    cuts = np.quantile(heights, np.arange(bins) / bins)
    cuts[0] -= 10 * heights.std()
    layer = Imprint(center=mean, lens=lens, direction=direction, cuts=cuts, is_sparse=design.is_sparse)
    reached = np.searchsorted(cuts, layer.look(truth) @ direction) - 1
    biases = gradients(layer, mean[None])[0].reshape(bins, -1)[:, -1]
    loudness = float(biases[np.abs(biases).argmax()])
    return Scene(truth=truth, floor=floor, prior=prior, layer=layer, bins=reached, loudness=loudness)


def gradients(layer: Imprint, images: NDArray[np.float64]) -> NDArray[np.float32]:
    """What training the layer hands to privacy: a row per artwork, bins of [pixels + 1] side by side.

    All artists have the same codeword, which is easiest for the server.
    """
    anchors = torch.from_numpy(Codebook.from_seed(b"imprint", dimensions=_OUTPUTS).anchors)
    codewords = torch.zeros(len(images), dtype=torch.int64)
    found = per_example_gradients(
        layer,
        torch.from_numpy(images),
        lambda embeddings: anchor_loss(embeddings[:, None], codewords, anchors),
    )
    rows = torch.cat([found["linear.weight"], found["linear.bias"][:, :, None]], dim=2)
    joined: NDArray[np.float32] = rows.flatten(1).numpy()
    return joined


def observe(scene: Scene, size: Size, without: frozenset[str]) -> tuple[Aggregate, Mechanism]:
    """What the server is left with after its iterations: their sums, averaged by precision, and the first mechanism.

    The release is a default run's, but the tensor is the layer, and so loud that every row is clipped.
    """
    rows = gradients(scene.layer, scene.truth).reshape(size.artists, size.artworks, -1)
    firing = scene.layer.mixing(scene.bins)[1].mean()
    clip_norm = abs(scene.loudness) * scene.length * float(np.sqrt(firing)) / _OVERDRIVE
    segment = Segment(name=IMPRINT, length=rows.shape[2], support=Support.COHORT, clip_norm=clip_norm, share=1.0)
    layout = Layout((segment,))
    planned = [release(layout, clients=size.artists, iteration=1 + i) for i in range(size.iterations)]
    if NOISE in without:
        planned = [noiseless(planned[0])]
    cohort = [Contributions(each, layout) for each in rows]
    sums = [masked_sum(cohort, each, without=without, seed=i) for i, each in enumerate(planned)]
    precisions = np.array([max(each.noise[IMPRINT], _TINY) ** -2 for each in sums])
    pooled = sum(
        weight * each.tensors[IMPRINT] for weight, each in zip(precisions / precisions.sum(), sums, strict=True)
    )
    noise = float(precisions.sum() ** -0.5)
    return Aggregate(
        tensors={IMPRINT: pooled}, noise={IMPRINT: noise}, survivors=sums[0].survivors, digest=b""
    ), planned[0]


def recover(scene: Scene, aggregate: Aggregate, mechanism: Mechanism, *, is_clipped: bool) -> NDArray[np.float64]:
    """Estimate every artwork from the aggregate: the linear estimator with the least error under the prior.

    Each row of the layer is a sum over the bins that make its neuron fire; each bin holds an artwork's deviation from
    the public mean, times an amplitude that its bias tells. All rows are used at once: along the singular vectors of
    the mixing of bins, every direction of the prior is a Wiener filter of its own.

    Args:
        scene: What the server knows.
        aggregate: What the server saw.
        mechanism: The release.
        is_clipped: Whether artists clip.

    Returns:
        An image for each artwork, float64 [artworks, pixels].
    """
    clip_norm, layer = mechanism.layout.segments[0].clip_norm, scene.layer
    observed = (aggregate.tensors[IMPRINT] / clip_norm).reshape(len(layer.linear.weight), -1)
    rounding = np.sqrt(aggregate.survivors / 6) / mechanism.scale
    variance = (aggregate.noise[IMPRINT] / clip_norm) ** 2 + rounding**2
    occupied, where, counts = np.unique(scene.bins, return_inverse=True, return_counts=True)
    mixing, firing = layer.mixing(occupied)
    amplitudes = np.sign(scene.loudness) / (np.sqrt(firing) * scene.length)
    if not is_clipped:
        amplitudes = np.full(len(occupied), scene.loudness / clip_norm)
    roots = np.sqrt(counts)
    left, values, right = np.linalg.svd(mixing * (amplitudes * roots), full_matrices=False)
    seen = (left.T @ observed) / values[:, None]

    def fractions(variances: NDArray[np.float64]) -> NDArray[np.float64]:
        kept: NDArray[np.float64] = variances / (variances + variance / values[:, None] ** 2)
        return kept

    deviations = right.T @ scene.prior.shrink(seen[:, :-1], fractions)
    surprise = fractions(np.array([_SPREAD**2]))[:, 0] * (seen[:, -1] - right @ roots)
    relative = np.clip(1 + (right.T @ surprise) / roots, _QUIETEST, _LOUDEST)
    images: NDArray[np.float64] = layer.show((deviations / (roots * relative)[:, None])[where])
    return images


def reconstruct(design: Design, size: Size, without: frozenset[str]) -> tuple[Scene, NDArray[np.float64]]:
    """The scene, and what the server makes of every artwork in it."""
    scene = make_scene(design, size)
    aggregate, mechanism = observe(scene, size, without)
    return scene, recover(scene, aggregate, mechanism, is_clipped=CLIPPING not in without)


def is_trained(without: frozenset[str]) -> bool:
    """Whether a real artist is ready to train a model that hands pixels to the trained head, not what it agreed to."""
    raw, outputs = _SIDE * _SIDE, 8
    agreed, hostile = _pixel_model(raw, 16, outputs), _pixel_model(raw, raw, outputs)
    grays = pixels(paint(1, 4, seed=SEED, size=_SIDE)).reshape(-1, raw, 3).mean(axis=2).astype(np.float32)
    trusted = [agreed, hostile] if ALLOW_LIST in without else [agreed]
    key = Ed25519PrivateKey.from_private_bytes(scripted("artist")(32))
    mechanism = release(Layout((head_segment(raw, outputs, 1.0),)), clients=SIZES[Effort.FAST].artists)
    with TemporaryDirectory() as folder:
        artist = Artist(
            features=StyleFeatures(np.stack([grays, grays], axis=1)),
            codebook=Codebook.from_seed(b"imprint", dimensions=outputs),
            codeword=0,
            enrolment=Enrolment(identity=key, roster=frozenset({key.public_key().public_bytes_raw()})),
            terms=make_terms(
                architectures=frozenset(model.architecture_digest for model in trusted),
                corrupt=0,
                max_artworks=mechanism.max_artworks,
            ),
            agreed=NO_LOG,
            ledger=Ledger.open(Path(folder) / "artist.jsonl", limit=8.0, delta=1e-5, view=View.AGGREGATE),
            store=MemoryStore(),
            random=scripted("random"),
        )
        announcement = Announcement(iteration=1, mechanism=mechanism, model=hostile)
        try:
            artist.receive_announcement(announcement.encode())
        except PrivacyError:
            return False
    return True


def _pixel_model(raw: int, dimensions: int, outputs: int) -> StyleModel:
    """A model whose head sees as many numbers of an image as it has dimensions."""
    return StyleModel(
        whitening=Whitening(center=np.zeros(raw, np.float32), projection=np.eye(raw, dimensions, dtype=np.float32)),
        alignment=np.eye(dimensions, dtype=np.float32),
        head=np.eye(outputs, dimensions, dtype=np.float32),
        residual=0.25,
        encoder="pixels@0",
    )


def defended(deployment: Deployment) -> bool:
    """The noise is that of epsilon 8 or less, with a part of it for signatures."""
    return deployment.has_noise_of(EPSILON) and deployment.settings.sign


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Hand out every design of the layer, and an architecture that no artist agreed to."""
    figures = {"foreign models trained": float(is_trained(without))}
    for name, design in DESIGNS.items():
        scene, images = reconstruct(design, SIZES[effort], without)
        decibels = psnr(scene.truth, images)
        figures[f"{name}: PSNR"] = float(np.median(decibels))
        figures[f"{name}: over the floor"] = float(np.mean(decibels - scene.floor))
        figures["floor"] = float(np.median(scene.floor))
    return figures


CLAIM: Final = Claim(
    number=11,
    title="Imprint: a model that copies artworks into its gradient",
    adversary="A server that hands out a model of its own making, knows all code, each artwork's bin and plenty of "
    "public art, and sees every sum that secure aggregation gives it.",
    assets="The pixels of training artworks.",
    assumption="The noise of a default run (epsilon 8); the server may spend all of its iterations on the attack.",
    promise="Masks alone stop nothing. An artist trains no model whose architecture is not on its list; and if it did, "
    "noise and clipping would keep the images within half a decibel of the public mean image.",
    defenses={
        NOISE: "`privacy.noise.add_noise_share`",
        CLIPPING: "`privacy.clipping.clip`",
        ALLOW_LIST: "`artist.Artist` refuses architectures that it did not agree to train",
    },
    power=(
        Limit(figure="dense: PSNR", at_least=60, unit="dB"),
        Limit(figure="sparse: PSNR", at_least=60, unit="dB"),
        Limit(figure="foreign models trained", at_least=1),
    ),
    protected=(
        Limit(figure="dense: over the floor", at_most=0.5, unit="dB"),
        Limit(figure="sparse: over the floor", at_most=0.5, unit="dB"),
        Limit(figure="narrow: over the floor", at_most=1.0, unit="dB"),
        Limit(figure="foreign models trained", at_most=0),
    ),
    residual="Noise hides pixels because there are many of them. A layer that asks for one number of each artwork, the "
    "one in which public art differs most (`narrow`), learns something of it, up to one decibel: whether an artwork is "
    "bright or dark. At epsilon 8 nothing forbids that but the allow-list.",
    tests=(
        "tests/threat_models/test_tm11_imprint.py::test_a_real_artist_refuses_to_train_a_model_that_sees_pixels",
        "tests/artist/test_artist.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.TAMPERING, Stride.INFORMATION_DISCLOSURE),
)
