"""Training and held-out artworks: at random within each artist, or by content so that style is tested, not subject.

For experiments alone: who trains and signs to be found does so with all works.

SPL-1  Each artwork's side, or each content's, is decided by a keyed hash of itself: with one more or less, all others
       stay where they are. (Where all would fall on one side, the one of the smallest hash is held out, or the one of
       the largest trains.)
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeVar

from ..errors import InputError
from .artwork import Portfolio
from .seeding import named_rng

T = TypeVar("T", bound=Hashable)


def split_by_artist(portfolio: Portfolio, *, held_out: float = 0.3, seed: int) -> tuple[Portfolio, Portfolio]:
    """Split one artist's artworks, each by a hash of itself (SPL-1).

    Args:
        portfolio: At least two artworks.
        held_out: Probability with which each is held out, in (0, 1); at least one artwork lands on each side.
        seed: Public; never used for secrets.

    Returns:
        (training, held-out) portfolios, artworks in their original order.

    Raises:
        InputError: Fewer than two different artworks, or `held_out` outside (0, 1).
    """
    if len({artwork.digest for artwork in portfolio.artworks}) < 2:
        raise InputError(f"artist {portfolio.artist!r} has one artwork; a split needs at least 2, add more")
    chosen = _choose(
        {artwork.digest for artwork in portfolio.artworks},
        lambda digest: place(digest, seed, "split by artist", portfolio.artist),
        held_out,
    )
    return _divide(portfolio, [artwork.digest in chosen for artwork in portfolio.artworks])


def split_by_content(
    portfolios: Sequence[Portfolio], *, held_out: float = 0.3, seed: int
) -> tuple[tuple[Portfolio, ...], tuple[Portfolio, ...]]:
    """Hold out the same contents for every artist, so that nobody trains on a held-out subject.

    Args:
        portfolios: Every artwork names its content.
        held_out: Probability with which each content is held out, in (0, 1); at least one lands on each side.
        seed: Public; never used for secrets.

    Returns:
        (training, held-out) portfolios, artists and artworks in their original order.

    Raises:
        InputError: Contents are missing or fewer than 2, an artist has artworks on one side only, or `held_out` is
            outside (0, 1).
    """
    for portfolio in portfolios:
        unnamed = sum(artwork.content is None for artwork in portfolio.artworks)
        if unnamed:
            raise InputError(
                f"a split by content needs a content for every artwork, but {unnamed} of artist {portfolio.artist!r} "
                f"have none; name them in the column 'content' of index.csv, or split by artist"
            )
    contents = {str(artwork.content) for portfolio in portfolios for artwork in portfolio.artworks}
    if len(contents) < 2:
        raise InputError(f"a split by content needs at least 2 contents, found {len(contents)}; split by artist")
    chosen = _choose(contents, lambda content: named_rng(seed, "split by content", content).random(), held_out)
    sides = [_divide(portfolio, [work.content in chosen for work in portfolio.artworks]) for portfolio in portfolios]
    return tuple(training for training, _ in sides), tuple(held for _, held in sides)


def place(digest: bytes, seed: int, *names: str) -> float:
    """Where an artwork falls between 0 and 1, whatever else there is."""
    return float(named_rng(seed, *names, digest.hex()).random())


def _choose(candidates: Collection[T], hashed: Callable[[T], float], held_out: float) -> set[T]:
    if not 0 < held_out < 1:
        raise InputError(f"the held-out share lies between 0 and 1, both excluded, got {held_out}")
    places = {candidate: hashed(candidate) for candidate in candidates}
    first, last = min(candidates, key=places.__getitem__), max(candidates, key=places.__getitem__)
    return {candidate for candidate, at in places.items() if at < held_out and candidate != last} | {first}


def _divide(portfolio: Portfolio, is_held_out: Sequence[bool]) -> tuple[Portfolio, Portfolio]:
    if all(is_held_out) or not any(is_held_out):
        raise InputError(
            f"all contents of artist {portfolio.artist!r} fall on one side of the split by content; "
            f"give this artist more contents, use another seed or share, or split by artist"
        )
    pairs = list(zip(portfolio.artworks, is_held_out, strict=True))
    training = tuple(artwork for artwork, held in pairs if not held)
    held_out = tuple(artwork for artwork, held in pairs if held)
    return Portfolio(portfolio.artist, training), Portfolio(portfolio.artist, held_out)
