"""Training and held-out artworks: at random within each artist, or by content so that style is tested, not subject."""

from collections.abc import Sequence

from ..errors import InputError
from .artwork import Portfolio
from .seeding import named_rng


def split_by_artist(portfolio: Portfolio, *, held_out: float = 0.3, seed: int) -> tuple[Portfolio, Portfolio]:
    """Split one artist's artworks at random; depends on nothing but the seed, the artist's name and their number.

    Args:
        portfolio: At least two artworks.
        held_out: Share held out, in (0, 1); at least one artwork lands on each side.
        seed: Public; never used for secrets.

    Returns:
        (training, held-out) portfolios, artworks in their original order.

    Raises:
        InputError: Fewer than two artworks, or `held_out` outside (0, 1).
    """
    if len(portfolio.artworks) < 2:
        raise InputError(f"artist {portfolio.artist!r} has one artwork; a split needs at least 2, add more")
    chosen = _choose(len(portfolio.artworks), held_out, seed, "split by artist", portfolio.artist)
    return _divide(portfolio, [index in chosen for index in range(len(portfolio.artworks))])


def split_by_content(
    portfolios: Sequence[Portfolio], *, held_out: float = 0.3, seed: int
) -> tuple[tuple[Portfolio, ...], tuple[Portfolio, ...]]:
    """Hold out the same contents for every artist, so that nobody trains on a held-out subject.

    Args:
        portfolios: Every artwork names its content.
        held_out: Share of the contents held out, in (0, 1); at least one lands on each side.
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
    contents = sorted({str(artwork.content) for portfolio in portfolios for artwork in portfolio.artworks})
    if len(contents) < 2:
        raise InputError(f"a split by content needs at least 2 contents, found {len(contents)}; split by artist")
    chosen = {contents[index] for index in _choose(len(contents), held_out, seed, "split by content")}
    sides = [_divide(portfolio, [work.content in chosen for work in portfolio.artworks]) for portfolio in portfolios]
    return tuple(training for training, _ in sides), tuple(held for _, held in sides)


def _choose(count: int, held_out: float, seed: int, *names: str) -> set[int]:
    if not 0 < held_out < 1:
        raise InputError(f"the held-out share lies between 0 and 1, both excluded, got {held_out}")
    size = min(max(round(count * held_out), 1), count - 1)
    return {int(index) for index in named_rng(seed, *names).permutation(count)[:size]}


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
