"""Artists who come and go after a run: one joins without any training, one leaves without a trace in the catalogue.

MEM-1  Whoever joins is charged in the ledger of their works before anything of them is released, and is written into
       the summary, with that ledger, before the charge: what fails afterwards leaves a charge that is accounted for.
MEM-2  Whoever leaves is in no catalogue, search result or page afterwards; their ledger stays as it is, and whoever
       comes back, under whatever name, is charged on top of it.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..aggregation.masking import Enrolment
from ..aggregation.session import NO_LOG
from ..artist.artist import Artist
from ..artist.showcase import read_showcase
from ..artist.store import MemoryStore
from ..artworks.artwork import Portfolio
from ..artworks.reader import read_portfolio
from ..catalogue.index import StyleIndex
from ..catalogue.signature import Signature
from ..config import Settings
from ..encoder.encoder import title_of
from ..encoder.features import StyleFeatures, extract
from ..encoder.model import StyleModel
from ..errors import InputError
from ..names import check_name, fold
from ..privacy.ledger import BudgetExceededError, Ledger
from ..privacy.mechanism import Mechanism, View
from ..privacy.sizing import Mode
from ..report import make_page
from ..training.codebook import new_codebook
from .agreement import agree
from .budget import Budget, plan_budget
from .dataset import apart_from, bound
from .facts import derive
from .files import CATALOGUE_FOLDER, REPORT_FILE, SUMMARY_FILE, encode_summary, read_summary
from .folder import Change, changing, opened
from .progress import Progress, Silent
from .register import Register
from .search import OpenRun, open_run, read_settings
from .spending import finite, ledgers_folder, read_listing
from .train import DIMENSIONS, OUTPUTS


@dataclass(frozen=True, slots=True, eq=False)
class Newcomer:
    """An artist who signs and has trained nothing.

    Attributes:
        name: To be found by.
        features: Raw features of the artworks, unaltered view only; private.
        ledger: Where the signature is charged.
        settings: Of the run that is joined.
        budget: Of that run too.
        showcase: Raw features of works that the artist shows already; public.
    """

    name: str
    features: StyleFeatures
    ledger: Ledger
    settings: Settings
    budget: Budget
    showcase: StyleFeatures | None = None

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
        public = identity.public_key().public_bytes_raw()
        codebook = new_codebook()
        agent = Artist(
            features=self.features,
            codebook=codebook,
            codeword=codebook.draw(os.urandom),
            enrolment=Enrolment(identity=identity, roster=frozenset({public})),
            terms=agree(self.settings, self.budget, model, public),
            agreed=NO_LOG,
            ledger=self.ledger,
            store=MemoryStore(),
            random=os.urandom,
            showcase=self.showcase,
        )

        def embed(raw: NDArray[np.float32]) -> NDArray[np.float32]:
            return index.space.apply(model.embed(raw))

        return Signature(self.name, agent.publish_signature(embed, mechanism))


def join(
    run: Path,
    folder: Path,
    *,
    name: str | None = None,
    limit: float | None = None,
    showcase: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Encode an artist's folder, sign it, and add the signature to a run's catalogue. Nothing is trained.

    Args:
        run: Folder of a run whose artists signed.
        folder: The artist's pictures.
        name: To be found by; None for the folder's name.
        limit: On all that is ever released of these works, as epsilon; None for the one that was last set for them, or
            the run's.
        showcase: Pictures that the artist shows already; what lies in both folders is shown and not signed with.
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
    with changing(run, "fedstyle catalogue add", progress.tell) as change:
        with opened(run):
            settings, parts = read_settings(run), open_run(run)
            summary = read_summary(run)
            read_listing(summary, run)
        with progress.stage("Reading artworks", None):
            gallery = read_portfolio(folder, min_artworks=settings.min_artworks, nested=settings.nested)
            shown = None if showcase is None else read_showcase(showcase, nested=settings.nested).portfolios[0]
        whole, taken = apart_from(gallery.portfolios[0], shown, min_artworks=settings.min_artworks)
        check_name(whole.artist if name is None else name)
        portfolio = bound(whole if name is None else Portfolio(name, whole.artworks), settings)
        if (known := parts.index.find(portfolio.artist)) is not None:
            raise InputError(f"artist {known!r} is in the catalogue already: remove it first with catalogue remove")
        pictures = [*portfolio.artworks, *(() if shown is None else shown.artworks)]
        with progress.stage(title_of(parts.encoder), len(pictures)) as advance:
            seen = extract(pictures, parts.encoder, views=0, on_progress=advance)
        features = StyleFeatures(seen.views[: len(portfolio.artworks)])
        public = None if shown is None else StyleFeatures(seen.views[len(portfolio.artworks) :])
        register = Register(ledgers_folder(summary, run))
        with register.claimed(
            [Portfolio(portfolio.artist, whole.artworks)],
            limit=_limit(register, portfolio, settings, limit),
            delta=settings.delta,
            view=settings.limited_view,
        ) as ledgers:
            ledger, budget = ledgers[portfolio.artist], budget_of(summary, run, settings)
            _sign(change, summary, parts, Newcomer(portfolio.artist, features, ledger, settings, budget, public))
    return {
        "artist": portfolio.artist,
        "artworks": len(features),
        "shown": 0 if shown is None else len(shown.artworks),
        "in_both": taken,
        "left_out": [asdict(each) for each in gallery.left_out],
        "catalogue": len(parts.index) + 1,
        "ledger": ledger.path.name,
        "epsilon": {view.value: finite(ledger.epsilon(view)) for view in View},
        "limit": finite(ledger.limit),
    }


def _limit(register: Register, portfolio: Portfolio, settings: Settings, wanted: float | None) -> float:
    """The artist's own limit: what is asked for, else what was last set, else the run's."""
    if settings.privacy is Mode.NONE:
        return math.inf
    return wanted or register.limit(portfolio) or settings.epsilon


def _sign(change: Change, summary: dict[str, Any], parts: OpenRun, newcomer: Newcomer) -> None:
    """Charge, sign, and put catalogue, summary and page in their places at once (MEM-1)."""
    run, name, ledger = change.run, newcomer.name, newcomer.ledger
    listed = summary["ledgers"]["artists"]
    known = next((other for other in listed if fold(other) == fold(name)), name)
    entry = listed.pop(known, {"before": ledger.head, "joined": True})
    listed[name] = entry | {"file": ledger.path.name, "head": ledger.head}
    mechanism = newcomer.budget.signature_mechanism(parts.index.space.dimensions)
    before = (run / SUMMARY_FILE).read_bytes()
    change.commit({SUMMARY_FILE: encode_summary(summary)})
    try:
        index = parts.index.with_signature(newcomer.sign(parts.model, parts.index, mechanism))
    except BudgetExceededError as error:
        change.commit({SUMMARY_FILE: before})
        raise BudgetExceededError(f"{name} cannot sign within the limit, which --epsilon sets: {error}") from error
    listed[name]["head"] = ledger.head
    try:
        change.commit(_pages(summary, run, index))
    except InputError as error:
        raise InputError(
            f"{error}; {name} was charged, epsilon {ledger.epsilon(ledger.view):.2f} in all by {ledger.path}, and "
            "nothing was published"
        ) from error


def leave(run: Path, artist: str, *, tell: Callable[[str], None] = lambda _sentence: None) -> dict[str, Any]:
    """Take an artist's signature out of a run's catalogue. What the model learned stays, bounded by epsilon.

    Args:
        run: Folder of a run whose artists signed.
        artist: Who leaves.
        tell: Is told whom this waits for.

    Returns:
        Who left, how many stay, and the file name of the ledger, which is kept.

    Raises:
        InputError: Not such a run, or no such artist.
    """
    with changing(run, "fedstyle catalogue remove", tell) as change:
        with opened(run):
            summary = read_summary(run)
            listing = read_listing(summary, run)
            whole = StyleIndex.load(run / CATALOGUE_FOLDER)
        index = whole.without(artist)
        name = whole.find(artist) or artist
        change.commit(_pages(summary, run, index))
    kept = listing[name].file if name in listing else None
    return {"artist": name, "catalogue": len(index), "ledger": kept}


def _pages(summary: dict[str, Any], run: Path, index: StyleIndex) -> dict[str, bytes]:
    """All that changes with a catalogue."""
    catalogue = {f"{CATALOGUE_FOLDER}/{name}": content for name, content in index.encode().items()}
    page = make_page(derive(summary, run, index), index)
    return catalogue | {SUMMARY_FILE: encode_summary(summary), REPORT_FILE: page.encode()}


def budget_of(summary: Mapping[str, Any], run: Path, settings: Settings) -> Budget:
    """The budget a run was made with.

    Raises:
        InputError: Its summary is damaged.
    """
    clients = summary.get("artists")
    if not isinstance(clients, int):
        raise InputError(f"{run / SUMMARY_FILE} is damaged: it does not tell how many artists there were")
    return plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS)
