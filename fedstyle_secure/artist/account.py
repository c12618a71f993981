"""What an artist can know of its own standing: what was spent and what the next signature costs, from its own disk."""

import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import FedStyleError
from ..privacy.ledger import Ledger
from ..privacy.mechanism import View
from ..privacy.releases import Release
from ..transparency.watch import Watch
from ..wire.trainings import Facts, Outcome
from .home import OUTCOME, SIGNATURE, TRAINING, UNSIGNED, Home, ledger_path, log_note, read_pins, read_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What publishing a signature of the last training would come to.

    Attributes:
        training: Its number.
        spent: Epsilon spent so far, in the view that the terms limit.
        after: The same once it is published; as before if that signature was charged already.
        view: That view.
        limit: Most that may be spent in it.
    """

    training: int
    spent: float
    after: float
    view: View
    limit: float


def read_ledger(folder: Path) -> Ledger:
    """The ledger of a home as it is on disk, whoever is adding to it.

    Raises:
        InputError: ``terms.toml`` is wrong.
        LedgerError: It cannot be read.
    """
    terms = read_terms(folder)
    return Ledger.read(ledger_path(folder), limit=terms.epsilon, delta=terms.delta, view=terms.view)


def spending(ledger: Ledger) -> dict[str, float | None]:
    """Epsilon by view, with limit and delta; None for no bound."""
    spent = {view.value: ledger.spent(view) for view in View}
    finite = {name: value if math.isfinite(value) else None for name, value in spent.items()}
    return {**finite, "limit": ledger.limit, "delta": ledger.delta}


def last_training(home: Home) -> Facts | None:
    """The training that was agreed to last."""
    data = home.store.read(TRAINING)
    return None if data is None else Facts.decode(data)


def last_outcome(home: Home) -> Outcome | None:
    """What that training came to; None before it is over."""
    data = home.store.read(OUTCOME)
    return None if data is None else Outcome.decode(data)


def is_unsigned(home: Home) -> bool:
    """Whether a training is over whose signature was not published."""
    return home.store.read(UNSIGNED) is not None


def seen_log(home: Home) -> Watch:
    """The platform's log as this artist saw it last."""
    pins = read_pins(home.folder).public
    return pins.watch(home.store.read(log_note(pins.log_origin)) or b"")


def price_signing(home: Home) -> Signing:
    """What publishing would come to now.

    Raises:
        FedStyleError: There is nothing to publish.
        LedgerError: The ledger cannot be read.
    """
    facts, outcome = last_training(home), last_outcome(home)
    if facts is None or outcome is None:
        raise FedStyleError("no training is over yet: there is nothing to sign")
    ledger = read_ledger(home.folder)
    spent = ledger.spent(ledger.view)
    release = Release.of(outcome.signature, name="signature", iteration=0)
    is_charged = home.store.read(SIGNATURE + outcome.training.hex()) is not None
    after = spent if is_charged else ledger.spent_with(release, ledger.view)
    return Signing(training=facts.number, spent=spent, after=after, view=ledger.view, limit=ledger.limit)
