"""What is known of a run: from its summary, its ledgers and its catalogue as they are, in this one place.

FCT-1  Every epsilon and limit is read from the ledgers when it is asked for, of the artist who has spent most; what was
       released before the run and since is counted.
FCT-2  Whoever is in the catalogue no more is not named.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..catalogue.index import StyleIndex
from ..privacy.mechanism import View
from ..report.facts import Facts, read_facts
from .files import CATALOGUE_FOLDER, SUMMARY_FILE, read_summary
from .spending import finite, read_accounts


def gather(run: Path) -> tuple[Facts, StyleIndex | None]:
    """Facts and catalogue of a run that is open.

    Raises:
        InputError: The summary or the catalogue is no such thing.
        LedgerError: A ledger is missing, was altered or rolled back.
    """
    catalogue = run / CATALOGUE_FOLDER
    index = StyleIndex.load(catalogue) if catalogue.exists() else None
    return derive(read_summary(run), run, index), index


def derive(summary: Mapping[str, Any], run: Path, index: StyleIndex | None) -> Facts:
    """Facts of a run from its summary, which may not be written yet, and from its ledgers.

    Raises:
        InputError: The summary is damaged.
        LedgerError: A ledger is missing, was altered or rolled back.
    """
    ledgers = {name: account.ledger for name, account in read_accounts(summary, run).items()}
    joined = {name for name, entry in summary["ledgers"]["artists"].items() if entry.get("joined")}
    names = frozenset(index.artists) if index is not None else frozenset(ledgers)
    gone = ledgers.keys() - names
    privacy = summary["privacy"]
    values = dict(summary) | {
        "left": len(gone),
        "joined": len(joined & names),
        "privacy": privacy
        | {
            "at_end": privacy["epsilon"],
            "epsilon": {view.value: finite(max(one.epsilon(view) for one in ledgers.values())) for view in View},
            "limits": sorted({limit for one in ledgers.values() if (limit := finite(one.limit)) is not None}),
        },
        "examples": [
            example
            for example in summary.get("examples", ())
            if gone.isdisjoint({example["artist"], *example["ranking"]})
        ],
        "warnings": _without(summary["warnings"], gone),
        "left_out": [each for each in summary["left_out"] if not _names(gone, f"{each['file']} {each['reason']}")],
    }
    return read_facts(values, str(run / SUMMARY_FILE))


def _names(gone: Collection[str], text: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in gone)


def _without(warnings: Collection[str], gone: Collection[str]) -> list[str]:
    """Warnings that name nobody who is gone, and how many did."""
    kept = [warning for warning in warnings if not _names(gone, warning)]
    left_out = len(warnings) - len(kept)
    return kept + ([f"{left_out} warnings that name artists who left are not shown"] if left_out else [])
