"""The ledgers that a run charges: those of its artists' works, or fresh ones; and those of an experiment."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..artworks.artwork import Portfolio
from ..config import Settings
from ..errors import InputError
from ..privacy.ledger import Ledger
from ..privacy.sizing import Mode
from .progress import Progress
from .register import Register, ledgers_of
from .stages import Prepared


@contextmanager
def claimed_ledgers(
    settings: Settings, clients: Sequence[Portfolio], folder: Path, progress: Progress
) -> Iterator[Mapping[str, Ledger]]:
    """The clients' ledgers (RUN-3): what they hold is told before anything is encoded, what a failure leaves, after.

    Raises:
        InputError: Two artists share works or a name, or the ledgers cannot be charged without a bound.
        LedgerError: A ledger is missing, was altered or rolled back.
    """
    if settings.privacy is Mode.NONE and not settings.fresh_ledgers:
        raise InputError(
            "--privacy none releases artworks without any bound, after which no ledger could bear another run: keep "
            "such a run apart with --fresh-ledgers"
        )
    register = Register(ledgers_of(settings, folder))
    with register.claimed(
        clients,
        limit=math.inf if settings.privacy is Mode.NONE else settings.epsilon,
        delta=settings.delta,
        view=settings.limited_view,
    ) as ledgers:
        before = {name: ledger.head for name, ledger in ledgers.items()}
        progress.tell(_what_was_spent(settings, ledgers))
        try:
            yield ledgers
        except BaseException:
            charged = [ledger for name, ledger in ledgers.items() if ledger.head != before[name]]
            if charged and not settings.fresh_ledgers:
                most = max(ledger.spent(settings.limited_view) for ledger in charged)
                progress.tell(
                    f"what was charged stays charged, though no run came of it: up to epsilon {most:.2f} on the works "
                    f"of {len(charged)} artists, in {register.folder}"
                )
            raise


def _what_was_spent(settings: Settings, ledgers: Mapping[str, Ledger]) -> str:
    """One sentence on what was released of the clients' works before."""
    if settings.fresh_ledgers:
        return "FRESH LEDGERS: whatever was released of these artworks before, or elsewhere, is not counted"
    known = {name: ledger.spent(settings.limited_view) for name, ledger in ledgers.items() if ledger.releases}
    if not known:
        return "nothing is known to have been spent on these artworks before"
    most = max(known, key=lambda name: known[name])
    return (
        f"before this run epsilon {known[most]:.2f} was spent on works of {most}, the most among {len(known)} of "
        f"{len(ledgers)} clients; --epsilon {settings.epsilon:g} limits that and this run together"
    )


def scratch_ledgers(prepared: Prepared, folder: Path) -> dict[str, Ledger]:
    """Ledgers that only an experiment charges, which publishes nothing."""
    settings = prepared.settings
    limit = math.inf if settings.privacy is Mode.NONE else settings.epsilon
    return {
        name: Ledger.open(folder / f"{number:04d}.jsonl", limit=limit, delta=settings.delta, view=settings.limited_view)
        for number, name in enumerate(prepared.training)
    }
