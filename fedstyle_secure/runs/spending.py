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
from ..names import fold
from ..privacy.accounting import encode_event, epsilon
from ..privacy.ledger import Ledger, LedgerError
from ..privacy.mechanism import View
from ..privacy.promises import Promises
from ..privacy.releases import Release
from .files import SUMMARY_FILE, read_summary
from .folder import opened
from .register import Register

FORMAT: Final = "fedstyle-spending-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One artist's ledger, as a run's summary names it.

    Attributes:
        file: Its name in the folder of ledgers.
        before: Its head before the run released anything of the artist.
        head: Its head when the run last released something.
    """

    file: str
    before: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What was released of one artist's works.

    Attributes:
        ledger: All of it, as it is.
        before: What was released before the run.
        heads: Tells whether a head that was seen earlier is one of these ledgers'.
    """

    ledger: Ledger
    before: Sequence[Release]
    heads: Sequence[Ledger]

    def reaches(self, head: str) -> bool:
        """Whether a head that was seen earlier is still there."""
        return any(ledger.reaches(head) for ledger in self.heads)


def read_spending(run: Path, *, artist: str | None = None, since: Path | None = None) -> dict[str, Any]:
    """Account for what was released of every artist, or of one.

    Args:
        run: Folder of a run.
        artist: Whom to account for, with epsilon after each release; None for everyone's totals.
        since: An earlier result as JSON, kept elsewhere: ledgers that lack a head in it were rolled back (SPD-2).

    Returns:
        The account in plain values, as ``fedstyle budget show --json`` prints it. Infinite epsilon is null, and so is
        a limit where there is none.

    Raises:
        InputError: Not a run, no such artist, or `since` is no earlier result of this run.
        LedgerError: A ledger was altered or rolled back.
    """
    with opened(run):
        summary = read_summary(run)
    promises, view = _read_terms(summary, run)
    listing = read_listing(summary, run)
    if artist is not None:
        found = {fold(name): name for name in listing}.get(fold(artist))
        if found is None:
            raise InputError(f"{run} has no artist {artist!r}; it has {', '.join(sorted(listing))}")
        artist = found
    accounts = read_accounts(summary, run)
    asked = list(listing) if artist is None else [artist]
    if since is not None:
        heads = _read_heads(since, known=listing, asked=asked)
        _refuse_behind({name: accounts[name] for name in asked}, heads, since)
    return {
        "format": FORMAT,
        "privacy": asdict(promises) | {"limit": summary["privacy"]["limit"], "limited_view": view.value},
        "rehearsal": summary.get("rehearsal", []),
        "artist": artist,
        "artists": {
            name: {"ledger": listing[name].file} | _account(accounts[name], promises, in_steps=artist is not None)
            for name in asked
        },
    }


def read_accounts(summary: Mapping[str, Any], run: Path) -> dict[str, Account]:
    """Every artist's spending, as its ledger is (SPD-1).

    Args:
        summary: The run's.
        run: Its folder.

    Raises:
        InputError: The summary is damaged.
        LedgerError: A ledger is missing, was altered or rolled back (SPD-2).
    """
    promises, view = _read_terms(summary, run)
    listing = read_listing(summary, run)
    register = Register(ledgers_folder(summary, run))
    accounts = {}
    for name, listed in listing.items():
        try:
            named, now = register.read(listed.file, delta=promises.delta, view=view)
        except LedgerError as error:
            raise LedgerError(f"the ledger of {name} does not hold: {error}") from error
        accounts[name] = Account(ledger=now, before=named.releases_until(listed.before), heads=(named, now))
    _refuse_behind(accounts, {name: listed.head for name, listed in listing.items()}, run / SUMMARY_FILE)
    return accounts


def ledgers_folder(summary: Mapping[str, Any], run: Path) -> Path:
    """Where a run's ledgers are: a name within the run, or a path of their own.

    Raises:
        InputError: The summary is damaged.
    """
    match summary:
        case {"ledgers": {"folder": str(folder)}}:
            return run / folder
    raise _no_ledgers(run)


def _refuse_behind(accounts: Mapping[str, Account], heads: Mapping[str, str], witness: Path) -> None:
    behind = [name for name, account in accounts.items() if name in heads and not account.reaches(heads[name])]
    if behind:
        raise LedgerError(
            f"the ledger of {' and of '.join(behind)} was rolled back: it lacks releases that {witness} knows of; "
            "restore the newest copy"
        )


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


def _account(account: Account, promises: Promises, *, in_steps: bool) -> dict[str, Any]:
    """One artist's spending; `in_steps` with epsilon after each release, which takes the accountant a while."""
    ledger, earlier = account.ledger, account.before
    spent = {view: ledger.epsilon(view) for view in View}
    entries: list[dict[str, Any]] = [
        {
            "name": release.name,
            "iteration": release.iteration,
            "noise": describe(release.events[ledger.view]),
            "events": {view.value: encode_event(release.events[view]) for view in View},
            "before_this_run": number < len(earlier),
        }
        for number, release in enumerate(ledger.releases)
    ]
    if in_steps:
        for number, entry in enumerate(entries, start=1):
            entry["epsilon"] = cumulative(ledger.releases[:number], ledger.delta)
    return {
        "head": ledger.head,
        "epsilon": {view.value: finite(value) for view, value in spent.items()},
        "before": cumulative(earlier, ledger.delta),
        "limit": finite(ledger.limit),
        "left": finite(max(0.0, ledger.limit - spent[ledger.view])) if math.isfinite(ledger.limit) else None,
        "promises": {view.value: promises.in_words(view, value) for view, value in spent.items()},
        "releases": entries,
    }


def cumulative(releases: Sequence[Release], delta: float) -> dict[str, float | None]:
    """Epsilon of releases together, by view; infinite is None."""
    slack = sum(release.delta_slack for release in releases)
    return {
        view.value: finite(epsilon([release.events[view] for release in releases], delta, delta_slack=slack))
        for view in View
    }


def _read_terms(summary: Mapping[str, Any], run: Path) -> tuple[Promises, View]:
    match summary:
        case {"artists": clients, "privacy": {"limited_view": str(view)}} if view in set(View):
            return Promises.read(summary["privacy"] | {"clients": clients}), View(view)
    raise InputError(f"{run / SUMMARY_FILE} does not tell what the run promised: restore a copy, or write the run anew")


def read_listing(summary: Mapping[str, Any], run: Path) -> dict[str, Listed]:
    """Every artist's ledger, as the run's summary names it.

    Raises:
        InputError: The summary is damaged.
    """
    match summary:
        case {"ledgers": {"artists": {**entries}}} if entries:
            return {str(name): _read_listed(entry, run) for name, entry in entries.items()}
    raise _no_ledgers(run)


def _read_listed(entry: object, run: Path) -> Listed:
    match entry:
        case {"file": str(file), "before": str(before), "head": str(head)}:
            return Listed(file=file, before=before, head=head)
    raise _no_ledgers(run)


def _no_ledgers(run: Path) -> InputError:
    return InputError(f"{run / SUMMARY_FILE} names no ledgers: restore a copy, or write the run anew")


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


def finite(value: float) -> float | None:
    """To four decimals for JSON, infinity as None."""
    return round(value, 4) if math.isfinite(value) else None
