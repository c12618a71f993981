"""A lost machine: a new key, the same artist, and a ledger that was carried over, or counts as spent.

RCV-1  The recovery file holds the ledger and its key as they were when it was written; it is written anew after every
       charge, and is as secret as the ledger.
RCV-2  A ledger is carried over into a home that has released nothing, and into no other.
RCV-3  What was released after the file was written is unknown: unless the artist says that nothing was, all that the
       limit left counts as spent. Without any file all of it does.
"""

import json
from pathlib import Path
from typing import Final

from dp_accounting import GaussianDpEvent, NonPrivateDpEvent

from ..durable import replace
from ..errors import InputError
from ..privacy.accounting import is_within
from ..privacy.ledger import Ledger, key_path
from ..privacy.mechanism import View
from ..privacy.releases import Release
from .termsfile import StandingTerms

FORMAT: Final = "fedstyle-recovery-1"
RECOVERY_FILE: Final = "recovery.json"
UNKNOWN: Final = "unknown"
"""Name of the release that stands for what nobody knows."""
_STEPS: Final = 60


def open_ledger(path: Path, terms: StandingTerms) -> Ledger:
    """A home's ledger, under its terms of today.

    Raises:
        LedgerError: It was altered, or has lost its key.
    """
    return Ledger.open(path, limit=terms.epsilon, delta=terms.delta, view=terms.view)


def write_recovery(path: Path) -> Path:
    """Write the recovery file beside a ledger (RCV-1).

    Returns:
        Where it is: copy it to another machine, or a stick.

    Raises:
        OSError: It cannot be written.
    """
    target = path.parent / RECOVERY_FILE
    content = {"format": FORMAT, "key": key_path(path).read_text(), "ledger": path.read_text()}
    replace(target, json.dumps(content, indent=1).encode() + b"\n")
    return target


def recover(path: Path, content: bytes | None, terms: StandingTerms, *, is_complete: bool) -> Ledger:
    """Go on with a ledger that was lost.

    Args:
        path: The ledger of a home that has released nothing.
        content: Of the recovery file; None where that was lost, too.
        terms: The limit.
        is_complete: The artist says that nothing was released since the file was written.

    Returns:
        The ledger that counts from now on.

    Raises:
        InputError: The home has released something, or the content is no recovery file.
        LedgerError: The ledger in it was altered.
    """
    if open_ledger(path, terms).releases:
        raise InputError(f"{path} counts releases already: recover before the first training, in a home that is new")
    if content is not None:
        key, lines = _read(content)
        path.unlink()
        replace(key_path(path), key)
        replace(path, lines)
    ledger = open_ledger(path, terms)
    if content is None or not is_complete:
        ledger.charge(_all_that_is_left(ledger))
    write_recovery(path)
    return ledger


def _read(content: bytes) -> tuple[bytes, bytes]:
    """Key file and ledger."""
    try:
        match json.loads(content):
            case {"format": format_, "key": str(key), "ledger": str(lines)} if format_ == FORMAT:
                return key.encode(), lines.encode()
    except (ValueError, RecursionError):
        pass
    raise InputError(f"this is no {FORMAT} file: give the {RECOVERY_FILE} that was copied from the old machine")


def _all_that_is_left(ledger: Ledger) -> Release:
    """A release that leaves nothing of the limit, to one part in a million of its noise."""
    low, high = 1e-3, 1e6
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        events = [*(release.events[ledger.view] for release in ledger.releases), GaussianDpEvent(middle)]
        slack = sum(release.delta_slack for release in ledger.releases)
        if is_within(events, ledger.limit, ledger.delta, delta_slack=slack):
            high = middle
        else:
            low = middle
    events_of = {view: GaussianDpEvent(high) if view is ledger.view else NonPrivateDpEvent() for view in View}
    return Release(name=UNKNOWN, iteration=0, events=events_of, delta_slack=0.0)
