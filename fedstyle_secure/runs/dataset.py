"""Who is public, who is a client, and which artworks are held out as queries.

SET-1  Nobody is declared public by silence: public artists are named, come in a folder of their own, or are drawn by
       lot where whoever runs this says that all agreed. Who they are is told before anything is encoded.
SET-2  What is protected begins after this: an artist's data set is what is left to train on. Roles, sides and bounds
       are decided by keyed hashes, artist by artist and artwork by artwork, so that one artwork more in a folder is at
       most one more in its artist's data set, and changes no other artist's, unless several hold it (GATE-4); at the
       bound it may take the place of one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

from ..artist.showcase import are_private, read_showcase
from ..artworks.artwork import Gallery, LeftOut, Portfolio
from ..artworks.copies import Look
from ..artworks.reader import read_portfolios
from ..artworks.splits import split_by_artist, split_by_content
from ..config import Settings, Split
from ..errors import InputError
from ..names import fold, told_apart


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Portfolios by role; `held_out` lists the artists of `training` in the same order, or nobody.

    Attributes:
        public: Declared public: they fit the whitening and warm-start the head.
        training: What each client keeps and trains on.
        held_out: What buyers ask with.
        warnings: Sentences for the user.
        left_out: Pictures that are there and have no role.
        clients: All artworks of each client, in the same order: those that have one budget.
        showcase: What clients show already, of those who show anything.
    """

    public: Sequence[Portfolio]
    training: Sequence[Portfolio]
    held_out: Sequence[Portfolio]
    warnings: Sequence[str]
    left_out: Sequence[LeftOut] = ()
    clients: Sequence[Portfolio] = ()
    showcase: Sequence[Portfolio] = ()


def read_dataset(settings: Settings, on_progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read the folders, declare the public artists, and split the clients' artworks.

    Raises:
        InputError: The folders do not hold what a run needs.
    """
    gallery, shared = read_galleries(settings, on_progress)
    if settings.showcase is None:
        return divide(settings, gallery, shared)
    shown = _read_showcases(settings.showcase, nested=settings.nested)
    portfolios, left_out = [], list(gallery.left_out)
    for portfolio in gallery.portfolios:
        kept, taken = apart_from(portfolio, shown.get(fold(portfolio.artist)), min_artworks=settings.min_artworks)
        portfolios.append(kept)
        if taken:
            left_out.append(LeftOut(portfolio.artist, f"{taken} of its pictures are in its showcase, which has them"))
    dataset = divide(settings, replace(gallery, portfolios=tuple(portfolios), left_out=tuple(left_out)), shared)
    clients = {fold(portfolio.artist): portfolio.artist for portfolio in dataset.training}
    for name, portfolio in shown.items():
        if name not in clients:
            raise InputError(
                f"{settings.showcase} holds a showcase of {portfolio.artist!r}, who is none of the clients: name its "
                "folder as the artist's own, or remove it"
            )
    return replace(dataset, showcase=[Portfolio(clients[name], each.artworks) for name, each in shown.items()])


def _read_showcases(folder: Path, *, nested: bool) -> dict[str, Portfolio]:
    """By the artist's name, folded."""
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"cannot read the showcases in {folder}: {error.strerror}") from error
    if not folders:
        raise InputError(f"{folder} holds no showcase: give a folder with one folder for each artist who shows works")
    return {fold(path.name): read_showcase(path, nested=nested).portfolios[0] for path in folders}


def apart_from(portfolio: Portfolio, shown: Portfolio | None, *, min_artworks: int) -> tuple[Portfolio, int]:
    """A portfolio without what its artist shows, and how many pictures that was (SHC-2).

    Raises:
        InputError: Too few are left.
    """
    if shown is None:
        return portfolio, 0
    own, public = ([Look.of(artwork) for artwork in each.artworks] for each in (portfolio, shown))
    kept = tuple(compress(portfolio.artworks, are_private(own, public)))
    if len(kept) < min_artworks:
        raise InputError(
            f"of {portfolio.artist!r} {len(kept)} artworks are left that are not in its showcase, the minimum is "
            f"{min_artworks}: show fewer, add artworks, or lower --min-artworks"
        )
    return Portfolio(portfolio.artist, kept), len(portfolio.artworks) - len(kept)


def read_galleries(
    settings: Settings, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Gallery, Gallery | None]:
    """Read the folder of artworks, and the one of public art if there is one.

    Raises:
        InputError: They cannot be read.
    """
    nested = settings.nested
    gallery = read_portfolios(
        settings.artworks, min_artworks=settings.min_artworks, nested=nested, on_progress=on_progress
    )
    return gallery, None if settings.public_art is None else read_portfolios(settings.public_art, nested=nested)


def divide(settings: Settings, gallery: Gallery, shared: Gallery | None) -> Dataset:
    """Declare the public artists, and split the clients' artworks.

    Raises:
        InputError: The galleries do not hold what a run needs.
    """
    warnings, left_out = list(gallery.warnings), list(gallery.left_out)
    if shared is not None:
        both = {p.artist for p in shared.portfolios} & {p.artist for p in gallery.portfolios}
        if both:
            raise InputError(f"artist {min(both)!r} is both public and a client; an artist can be only one of the two")
        public, clients = list(shared.portfolios), list(gallery.portfolios)
        warnings += shared.warnings
        left_out += shared.left_out
    else:
        public, clients = _declare_public(gallery, settings)
    if len(clients) < settings.min_cohort:
        raise InputError(
            f"{len(clients)} artists are left as clients, fewer than the minimum cohort of {settings.min_cohort}: "
            "add artists, declare fewer public ones, or lower --min-cohort"
        )
    training, held_out = _split(clients, settings) if settings.hold_out else (clients, ())
    if settings.public_art is not None:
        warnings += _overlap_warnings(public, clients)
    bounded = [bound(portfolio, settings) for portfolio in training]
    surplus = sum(len(a.artworks) - len(b.artworks) for a, b in zip(training, bounded, strict=True))
    if surplus:
        warnings.append(
            f"{surplus} training artworks are left out, to keep every artist at --max-artworks {settings.max_artworks}"
        )
    count = max(len(portfolio.artworks) for portfolio in bounded)
    if settings.delta >= 1 / count:
        warnings.append(
            f"delta {settings.delta:g} is not below 1/{count}, one over the artworks of an artist: "
            "it would allow publishing one of them; choose a smaller --delta"
        )
    return Dataset(
        public=public,
        training=bounded,
        held_out=held_out,
        warnings=warnings,
        left_out=left_out,
        clients=clients,
    )


def _declare_public(gallery: Gallery, settings: Settings) -> tuple[list[Portfolio], list[Portfolio]]:
    artists = gallery.portfolios
    if isinstance(settings.public, tuple):
        chosen = _find(settings.public, [portfolio.artist for portfolio in artists])
    else:
        chosen = _draw([portfolio.artist for portfolio in artists], settings)
    if len(chosen) >= len(artists):
        raise InputError(
            f"{len(chosen)} public artists leave no client among {len(artists)} artists: declare fewer with --public"
        )
    public = [portfolio for index, portfolio in enumerate(artists) if index in chosen]
    return public, [portfolio for index, portfolio in enumerate(artists) if index not in chosen]


def _find(wanted: Sequence[str], names: Sequence[str]) -> set[int]:
    """Which artists are named; a text that is nobody's name may be several names with commas between."""
    places = {fold(name): index for index, name in enumerate(names)}
    texts = [part for text in wanted for part in ([text] if fold(text) in places else text.split(","))]
    unknown = [text for text in texts if fold(text) not in places]
    if unknown:
        raise InputError(f"--public names {unknown[0]!r}, who is not among the artists: {', '.join(told_apart(names))}")
    return {places[fold(text)] for text in texts}


def _draw(names: Sequence[str], settings: Settings) -> set[int]:
    """Artists drawn by lot, all of whom agreed to that (SET-1), each by a hash of its name (SET-2)."""
    count = settings.public if isinstance(settings.public, int) else max(1, len(names) // 3)
    if not settings.all_agreed:
        raise InputError(
            "nobody is public by silence, and what public artists give is protected by nothing: name those who agreed "
            "with --public NAME,NAME, give a folder of public art with --public-art DIR, or draw them by lot with "
            f"--public {min(count, len(names) - 1)} --all-agreed, if every artist agreed to that"
        )
    return set(sorted(range(len(names)), key=lambda index: derive_seed(settings.seed, "public", names[index]))[:count])


def _overlap_warnings(public: Sequence[Portfolio], clients: Sequence[Portfolio]) -> list[str]:
    """What is in the public folder is public, whoever else has it."""
    shown = {artwork.digest for portfolio in public for artwork in portfolio.artworks}
    count = sum(artwork.digest in shown for portfolio in clients for artwork in portfolio.artworks)
    return [f"{count} artworks of clients are in the --public-art folder too, and so are public"] if count else []


def _split(clients: Sequence[Portfolio], settings: Settings) -> tuple[Sequence[Portfolio], Sequence[Portfolio]]:
    if settings.split is Split.CONTENT:
        return split_by_content(clients, held_out=settings.hold_out, seed=settings.seed)
    pairs = [split_by_artist(portfolio, held_out=settings.hold_out, seed=settings.seed) for portfolio in clients]
    return [training for training, _ in pairs], [held_out for _, held_out in pairs]


def bound(portfolio: Portfolio, settings: Settings) -> Portfolio:
    """At most `max_artworks`, those of the smallest hashes: the bound is public, so it must not follow the data."""
    artworks = portfolio.artworks
    if len(artworks) <= settings.max_artworks:
        return portfolio
    places = [derive_seed(settings.seed, "bound", portfolio.artist, artwork.digest.hex()) for artwork in artworks]
    chosen = sorted(range(len(artworks)), key=places.__getitem__)[: settings.max_artworks]
    return Portfolio(portfolio.artist, tuple(artworks[index] for index in sorted(chosen)))


def derive_seed(seed: int, *names: str) -> int:
    """A 63-bit seed for one purpose: different names give unrelated numbers. For learning only, never for secrets."""
    text = "\0".join([str(seed), *names]).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1
