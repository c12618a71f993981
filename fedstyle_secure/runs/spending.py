"""What the artists of a finished run have spent, read from their ledgers: which releases, at what cost, what is left.

SPD-1  A ledger is read and never written, torn line or not.
SPD-2  A ledger must hold the head that the run's summary names, and the one in an earlier result if there is one: what
       was altered, cut off, exchanged or put back from a backup is refused, and its artist is named.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dp_accounting import DpEvent, GaussianDpEvent, PoissonSampledDpEvent, ZCDpEvent

from ..errors import InputError
from ..privacy.accounting import encode_event, epsilon
from ..privacy.ledger import Ledger, LedgerError
from ..privacy.mechanism import View
from ..privacy.promises import Promises
from ..privacy.releases import Release
from .files import LEDGER_FOLDER, SUMMARY_FILE, read_summary

FORMAT: Final = "fedstyle-spending-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What a run promised all its artists."""

    promises: Promises
    limit: float
    view: View

    def read(self, listed: "Listed", *, known_head: str | None = None) -> Ledger:
        """A ledger as its file is.

        Raises:
            LedgerError: It cannot be read, was altered, or does not reach `known_head`.
        """
        limit = self.limit if listed.limit is None else listed.limit
        return Ledger.read(listed.path, limit=limit, delta=self.promises.delta, view=self.view, known_head=known_head)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One artist's ledger, as the run's summary names it; the limit is the artist's own, None for the run's."""

    path: Path
    head: str
    limit: float | None


def read_spending(run: Path, *, artist: str | None = None, since: Path | None = None) -> dict[str, Any]:
    """Account for what was released of every artist, or of one.

    Args:
        run: Folder of a run.
        artist: Whom to account for, with epsilon after each release; None for everyone's totals.
        since: An earlier result as JSON, kept elsewhere: ledgers that lack a head in it were rolled back (SPD-2).

    Returns:
        The account in plain values, as ``fedstyle budget show --json`` prints it. Infinite epsilon is null, and so is
        the limit where there is none.

    Raises:
        InputError: Not a run, no such artist, or `since` is no earlier result of this run.
        LedgerError: A ledger was altered or rolled back.
    """
    summary = read_summary(run)
    terms, listing = _read_terms(summary, run), read_listing(summary, run)
    if artist is not None and artist not in listing:
        raise InputError(f"{run} has no artist {artist!r}; it has {', '.join(sorted(listing))}")
    asked = list(listing) if artist is None else [artist]
    witnesses = [(run / SUMMARY_FILE, {name: listed.head for name, listed in listing.items()})]
    if since is not None:
        witnesses.append((since, _read_heads(since, known=listing, asked=asked)))
    ledgers = {name: terms.read(listing[name]) for name in asked}
    for witness, heads in witnesses:
        behind = [name for name in asked if name in heads and _lacks(terms, listing[name], ledgers[name], heads[name])]
        if behind:
            raise LedgerError(
                f"the ledger of {' and of '.join(behind)} was rolled back: it lacks releases that {witness} knows of; "
                "restore the newest copy"
            )
    return {
        "format": FORMAT,
        "privacy": asdict(terms.promises) | {"limit": _finite(terms.limit), "limited_view": terms.view.value},
        "artist": artist,
        "artists": {
            name: {"ledger": listing[name].path.name} | _account(ledger, terms.promises, in_steps=artist is not None)
            for name, ledger in ledgers.items()
        },
    }


def describe(event: DpEvent) -> str:
    """An event's noise, in words."""
    match event:
        case GaussianDpEvent():
            return f"Gaussian, multiplier {event.noise_multiplier:.3g}"
        case PoissonSampledDpEvent(event=GaussianDpEvent() as inner):
            return f"Gaussian, multiplier {inner.noise_multiplier:.3g}, sampled at {event.sampling_probability:g}"
        case ZCDpEvent():
            return f"Skellam, zCDP rho {event.rho:.3g}, xi {event.xi:.3g}"
    return "none"


def _account(ledger: Ledger, promises: Promises, *, in_steps: bool) -> dict[str, Any]:
    """One artist's spending; `in_steps` with epsilon after each release, which takes the accountant a while."""
    spent = {view: ledger.epsilon(view) for view in View}
    entries: list[dict[str, Any]] = [
        {
            "name": release.name,
            "iteration": release.iteration,
            "noise": describe(release.events[ledger.view]),
            "events": {view.value: encode_event(release.events[view]) for view in View},
        }
        for release in ledger.releases
    ]
    if in_steps:
        for number, entry in enumerate(entries, start=1):
            entry["epsilon"] = _cumulative(ledger.releases[:number], ledger.delta)
    return {
        "head": ledger.head,
        "epsilon": {view.value: _finite(value) for view, value in spent.items()},
        "left": _finite(max(0.0, ledger.limit - spent[ledger.view])) if math.isfinite(ledger.limit) else None,
        "promises": {view.value: promises.in_words(view, value) for view, value in spent.items()},
        "releases": entries,
    }


def _cumulative(releases: Sequence[Release], delta: float) -> dict[str, float | None]:
    slack = sum(release.delta_slack for release in releases)
    return {
        view.value: _finite(epsilon([release.events[view] for release in releases], delta, delta_slack=slack))
        for view in View
    }


def _lacks(terms: _Terms, listed: Listed, ledger: Ledger, head: str) -> bool:
    """Whether an intact ledger never had that head."""
    if ledger.head == head:
        return False
    try:
        terms.read(listed, known_head=head)
    except LedgerError:
        return True
    return False


def _read_terms(summary: Mapping[str, Any], run: Path) -> _Terms:
    match summary:
        case {
            "artists": clients,
            "privacy": {"limit": None | int() | float() as limit, "limited_view": str(view)},
        } if view in set(View):
            promises = Promises.read(summary["privacy"] | {"clients": clients})
            return _Terms(promises=promises, limit=math.inf if limit is None else limit, view=View(view))
    raise InputError(f"{run / SUMMARY_FILE} does not tell what the run promised: restore a copy, or write the run anew")


def read_listing(summary: Mapping[str, Any], run: Path) -> dict[str, Listed]:
    """Every artist's ledger, as the run's summary names it.

    Raises:
        InputError: The summary is damaged.
    """
    match summary:
        case {"ledgers": {**entries}} if entries:
            return {str(name): _read_listed(str(name), entry, run) for name, entry in entries.items()}
    raise InputError(f"{run / SUMMARY_FILE} names no ledgers: restore a copy, or write the run anew")


def _read_listed(name: str, entry: object, run: Path) -> Listed:
    match entry:
        case {"file": str(file), "head": str(head), "limit": int() | float() as limit} if limit > 0:
            return Listed(path=run / LEDGER_FOLDER / Path(file).name, head=head, limit=float(limit))
        case {"file": str(file), "head": str(head), **others} if "limit" not in others:
            return Listed(path=run / LEDGER_FOLDER / Path(file).name, head=head, limit=None)
    raise InputError(f"{run / SUMMARY_FILE} names no ledger of {name!r}: restore a copy, or write the run anew")


def _read_heads(since: Path, *, known: Mapping[str, object], asked: Sequence[str]) -> dict[str, str]:
    """The heads of an earlier result."""
    try:
        earlier = json.loads(since.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the earlier result {since}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{since} is not JSON: {error}") from error
    is_ours = isinstance(earlier, dict) and earlier.get("format") == FORMAT
    entries = earlier.get("artists") if is_ours else None
    if not isinstance(entries, dict) or not all(map(_has_head, entries.values())):
        raise InputError(f"{since} was not written by fedstyle budget show --json: give its earlier output")
    heads = {str(name): str(entry["head"]) for name, entry in entries.items()}
    strangers = sorted(heads.keys() - known.keys())
    if strangers:
        raise InputError(f"{since} is of another run: this one has no artist {strangers[0]!r}")
    if not heads.keys() & set(asked):
        raise InputError(f"{since} says nothing of {', '.join(asked)}: give an earlier output that does")
    return heads


def _has_head(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("head"), str)


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
