"""What the settings of a run leave open is chosen before anything private is touched, by a rehearsal on public artists.

CHO-1  What a setting pins is what the run does; only what nobody pinned is compared.
CHO-2  A plan hears public artists' works and counts the others: of a client's picture it computes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..artworks.artwork import Portfolio
from ..config import Settings
from ..encoder.encoder import Encoder, title_of
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import StyleFeatures, extract
from ..encoder.opening import open_encoder
from ..encoder.spec import MADE, BackboneSpec
from ..encoder.whitening import Space
from ..errors import InputError
from ..names import told_apart
from ..privacy.clipping import Unit
from ..privacy.releases import Release
from ..training.codebook import OUTPUTS
from .budget import Budget, plan_budget
from .dataset import derive_seed, read_dataset
from .progress import Progress
from .rehearsal import LEAST_PUBLIC, LENGTHS, SHARES, Played, Stage, rehearse
from .stages import expected_artworks

DIMENSIONS = 468
"""Of the style space: its moments, and a gradient of the head with OUTPUTS, together just fill 2^17 coordinates."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """How a run goes on.

    Attributes:
        settings: With the number of iterations, and with a signature's share and length where they are not the rule's.
        budget: What that promises.
        space: How public artists' features are whitened.
        played: What was compared, the chosen first.
    """

    settings: Settings
    budget: Budget
    space: Space
    played: Sequence[Played]


def can_rehearse(settings: Settings, public: int) -> bool:
    """Whether so many public artists speak for the clients, and signatures for what is compared."""
    return settings.public_art is None and settings.sign and public >= LEAST_PUBLIC


def choose(
    settings: Settings,
    public: Mapping[str, StyleFeatures],
    *,
    pooled_size: int,
    clients: int,
    progress: Progress,
    spent: Collection[Sequence[Release]] = (),
) -> Chosen:
    """Play what is open on public artists who can be rehearsed with, and keep the best.

    Args:
        settings: Of the run; what they give is not compared (CHO-1).
        public: Raw features of public artists, by an encoder that was not made on them; crops do not count.
        pooled_size: How many of the last raw features are the pooled embedding.
        clients: Artists of the cohort.
        progress: Where to show how far it is.
        spent: What was released of each client's works before.

    Raises:
        InputError: The cohort cannot bear the settings.
        PrivacyError: No noise that fits a ring meets epsilon.
    """

    def plan(changed: Settings) -> Budget:
        return plan_budget(changed, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS, spent=spent)

    options = {(count, share): _pinned(settings, count, share) for count, share in _splits(settings)}
    budgets = {split: plan(option) for split, option in options.items()}
    stage = Stage(
        public=public,
        pooled_size=pooled_size,
        dimensions=DIMENSIONS,
        outputs=OUTPUTS,
        clients=clients,
        artworks=settings.max_artworks,
        seed=derive_seed(settings.seed, "rehearsal"),
        spaces=tuple(Space) if settings.space is None else (settings.space,),
        lengths=LENGTHS if settings.signature_length is None else LENGTHS[:1],
    )
    with progress.stage("Rehearsing on public artists", None):
        played = rehearse(stage, budgets)
    best = played[0]
    split = best.iterations, best.share
    chosen, budget = options[split], budgets[split]
    if best.length != LENGTHS[0]:
        length = budget.signature_length(expected_artworks(settings, public), best.length)
        chosen, budget = replace(chosen, signature_length=length), replace(budget, length=length)
    progress.tell(f"rehearsed on public artists, the {best.space} space: {_in_words(best)}")
    return Chosen(settings=chosen, budget=budget, space=best.space, played=played)


def rehearse_folder(settings: Settings, progress: Progress) -> tuple[Chosen, int, int]:
    """Choose as a run on these artworks would, and touch no client's (CHO-2).

    Returns:
        What is chosen, how many clients there are, and how many artworks each may sign with.

    Raises:
        InputError: The folder makes no run, or one that rehearses nothing.
        PrivacyError: The budget cannot be kept.
    """
    with progress.stage("Reading artworks", None):
        dataset = read_dataset(settings)
    if not can_rehearse(settings, len(dataset.public)):
        raise InputError(
            f"nothing is rehearsed with public art from elsewhere, fewer than {LEAST_PUBLIC} public artists (here "
            f"{len(dataset.public)}) or without signatures: plan with --artists {len(dataset.training)} and --artworks "
            "in place of --rehearse"
        )
    progress.tell(declaration(dataset.public))
    clients = len(dataset.training)
    plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS)  # refused before the long work
    public, pooled_size = hear(settings, dataset.public, progress)
    chosen = choose(settings, public, pooled_size=pooled_size, clients=clients, progress=progress)
    return chosen, clients, round(expected_artworks(replace(settings, unit=Unit.ARTWORK), public))


def declaration(public: Sequence[Portfolio]) -> str:
    """Who is public, in a sentence that stands before anything is encoded (SET-1)."""
    names = told_apart([portfolio.artist for portfolio in public])
    return f"declared public, protected by nothing: {', '.join(names)}; everyone else is a client"


def _splits(settings: Settings) -> list[tuple[int, float]]:
    """Numbers of iterations with a signature's share of mu squared, the rule first; all of it where nothing trains."""
    counts = (0, settings.updates) if settings.iterations is None else (settings.iterations,)
    shares = SHARES if settings.signature_share is None else (settings.signature_share,)
    return [(count, share) for count in counts for share in (shares if count else (1.0,))]


def _pinned(settings: Settings, iterations: int, share: float) -> Settings:
    is_rule = not iterations or share == SHARES[0]
    return replace(settings, iterations=iterations, signature_share=settings.signature_share if is_rule else share)


def _in_words(best: Played) -> str:
    if not best.iterations:
        return "no training, the whole budget for signatures"
    return f"{best.iterations} iterations, {best.share:g} of the budget for signatures"


def hear(
    settings: Settings, portfolios: Sequence[Portfolio], progress: Progress
) -> tuple[dict[str, StyleFeatures], int]:
    """Public artists' features, by an encoder that was not made on them, and how many are its pooled ones (REH-2)."""
    backbone = BackboneSpec() if settings.encoder in MADE else settings.backbone
    encoder, cache = open_encoder(backbone, settings.device), FeatureCache(settings.features_cache)
    with progress.stage(title_of(encoder), sum(len(portfolio.artworks) for portfolio in portfolios)) as advance:
        features = extract_each(portfolios, encoder, views=0, cache=cache, advance=advance)
    return features, encoder.pooled_size


def extract_each(
    portfolios: Sequence[Portfolio],
    encoder: Encoder,
    *,
    views: int,
    cache: FeatureCache,
    advance: Callable[[int], None],
) -> dict[str, StyleFeatures]:
    """Raw features of every artwork, by artist."""
    return {
        portfolio.artist: extract(portfolio.artworks, encoder, views=views, cache=cache, on_progress=advance)
        for portfolio in portfolios
    }
