"""Artists who come and go after a run: one joins without any training, one leaves without a trace in the catalogue.

MEM-1  Whoever joins is charged in a ledger of their own before anything of their art is released, and is written into
       the summary, with that ledger, before the charge: what fails afterwards leaves a charge that is accounted for.
MEM-2  Whoever leaves is in no catalogue, search result or report drawn from one afterwards; their ledger stays as it
       is, and whoever comes back is charged on top of it.
"""

import math
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..aggregation.masking import Enrolment
from ..artist.artist import Artist
from ..artworks.reader import read_portfolio
from ..catalogue.index import StyleIndex
from ..catalogue.signature import Signature
from ..config import Settings
from ..encoder.encoder import title_of
from ..encoder.features import StyleFeatures, extract
from ..encoder.model import StyleModel
from ..errors import InputError
from ..names import check_name
from ..privacy.ledger import BudgetExceededError, Ledger
from ..privacy.mechanism import Mechanism, View
from ..privacy.sizing import Mode
from ..report import write_report
from .budget import Budget, plan_budget
from .dataset import bound
from .files import CATALOGUE_FOLDER, LEDGER_FOLDER, SUMMARY_FILE, read_summary, write_summary
from .progress import Progress, Silent
from .search import open_run, read_settings
from .spending import read_listing
from .train import DIMENSIONS, OUTPUTS, new_codebook


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Newcomer:
    """An artist who signs and has trained nothing.

    Attributes:
        name: To be found by.
        features: Raw features of the artworks, unaltered view only; private.
        ledger: Where the signature is charged.
        settings: Of the run that is joined.
    """

    name: str
    features: StyleFeatures
    ledger: Ledger
    settings: Settings

    def sign(self, model: StyleModel, index: StyleIndex, mechanism: Mechanism) -> Signature:
        """Publish a signature, as the run's own artists did.

        Args:
            model: Of the run.
            index: The run's catalogue, which names the space of signatures.
            mechanism: The release, of one artist alone.

        Raises:
            PrivacyError: It would exceed the ledger's limit.
        """
        # A signature needs neither key nor codeword; every artist has both, to take part in the next training.
        identity = Ed25519PrivateKey.generate()
        codebook = new_codebook()
        agent = Artist(
            features=self.features,
            codebook=codebook,
            codeword=codebook.draw(os.urandom),
            enrolment=Enrolment(
                identity=identity,
                server_key=identity.public_key().public_bytes_raw(),
                roster=frozenset({identity.public_key().public_bytes_raw()}),
                architectures=frozenset({model.architecture_digest}),
                min_cohort=self.settings.min_cohort,
            ),
            ledger=self.ledger,
            mode=self.settings.privacy,
            unit=self.settings.unit,
            random=os.urandom,
        )

        def embed(raw: NDArray[np.float32]) -> NDArray[np.float32]:
            return index.space.apply(model.embed(raw))

        return Signature(self.name, agent.publish_signature(embed, mechanism))


def join(
    run: Path, folder: Path, *, name: str | None = None, limit: float | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Encode an artist's folder, sign it, and add the signature to a run's catalogue. Nothing is trained.

    Args:
        run: Folder of a run whose artists signed.
        folder: The artist's pictures.
        name: To be found by; None for the folder's name.
        limit: On all that the artist ever releases, as epsilon; None for the run's.
        progress: Where to show how far it is.

    Returns:
        Who joined and what was spent, in plain values; infinite epsilon is null.

    Raises:
        InputError: Not such a run, a picture cannot be used, or the artist is in the catalogue already.
        PrivacyError: The signature would exceed the limit, or the artist's ledger was altered.
    """
    progress = progress or Silent()
    if limit is not None and not (math.isfinite(limit) and limit > 0):
        raise InputError(f"--epsilon must be above 0, got {limit}")
    settings, opened = read_settings(run), open_run(run)
    with progress.stage("Reading artworks", None):
        gallery = read_portfolio(folder, min_artworks=settings.min_artworks, nested=settings.nested)
        portfolio = bound(gallery.portfolios[0], settings)
    name = portfolio.artist if name is None else name
    if name in opened.index.artists:
        raise InputError(f"artist {name!r} is in the catalogue already: remove it first, or join under another --name")
    check_name(name)
    with progress.stage(title_of(opened.encoder), len(portfolio.artworks)) as advance:
        features = extract(portfolio.artworks, opened.encoder, views=0, on_progress=advance)
    budget = budget_of(run, settings)
    ledger = _enter(run, name, settings, budget, limit)
    newcomer = Newcomer(name=name, features=features, ledger=ledger, settings=settings)
    mechanism = budget.signature_mechanism(opened.index.space.dimensions)
    try:
        index = opened.index.with_signature(newcomer.sign(opened.model, opened.index, mechanism))
    except BudgetExceededError as error:
        raise BudgetExceededError(f"{name} cannot sign within the limit, which --epsilon sets: {error}") from error
    _note_head(run, name, ledger)
    index.replace(run / CATALOGUE_FOLDER)
    write_report(run)
    return {
        "artist": name,
        "artworks": len(features),
        "left_out": [asdict(each) for each in gallery.left_out],
        "catalogue": len(index),
        "ledger": ledger.path.name,
        "epsilon": {view.value: _finite(ledger.epsilon(view)) for view in View},
        "limit": _finite(ledger.limit),
    }


def leave(run: Path, artist: str) -> dict[str, Any]:
    """Take an artist's signature out of a run's catalogue. What the model learned stays, bounded by epsilon.

    Args:
        run: Folder of a run whose artists signed.
        artist: Who leaves.

    Returns:
        Who left, how many stay, and the file name of the ledger, which is kept.

    Raises:
        InputError: Not such a run, or no such artist.
    """
    listing = read_listing(read_summary(run), run)
    index = StyleIndex.load(run / CATALOGUE_FOLDER).without(artist)
    index.replace(run / CATALOGUE_FOLDER)
    write_report(run)
    kept = listing[artist].path.name if artist in listing else None
    return {"artist": artist, "catalogue": len(index), "ledger": kept}


def budget_of(run: Path, settings: Settings) -> Budget:
    """The budget a run was made with.

    Raises:
        InputError: Its summary is damaged.
    """
    clients = read_summary(run).get("artists")
    if not isinstance(clients, int):
        raise InputError(f"{run / SUMMARY_FILE} is damaged: it does not tell how many artists there were")
    return plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS)


def _enter(run: Path, name: str, settings: Settings, budget: Budget, limit: float | None) -> Ledger:
    """The artist's ledger, an old one or a new one, and its place in the summary (MEM-1)."""
    summary = read_summary(run)
    listing = read_listing(summary, run)
    known = listing.get(name)
    path = known.path if known else _new_path(run, {listed.path for listed in listing.values()})
    own = limit if limit is not None else known.limit if known else None
    ledger = Ledger.open(
        path,
        limit=math.inf if settings.privacy is Mode.NONE else settings.epsilon if own is None else own,
        delta=settings.delta,
        view=budget.view,
        known_head=known.head if known else None,
    )
    summary["ledgers"][name] = {"file": path.name, "head": ledger.head} | ({} if own is None else {"limit": own})
    write_summary(run, summary)
    return ledger


def _new_path(run: Path, taken: Collection[Path]) -> Path:
    """A ledger file that nobody has: numbered like the run's own."""
    numbered = (run / LEDGER_FOLDER / f"{number:04d}.jsonl" for number in count(len(taken)))
    return next(path for path in numbered if path not in taken and not path.exists())


def _note_head(run: Path, name: str, ledger: Ledger) -> None:
    """The newest line of the ledger into the summary, so that a ledger rolled back is noticed."""
    summary = read_summary(run)
    summary["ledgers"][name]["head"] = ledger.head
    write_summary(run, summary)


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
