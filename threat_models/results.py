"""What was measured, as a file that can be committed: one entry for each threat, figures as they were.

RES-1  Whether an arm came out as it must is decided from its figures and the claim of today, never from the file: an
       old file cannot make a new claim hold.
RES-2  An entry is written when its threat has run; a run that is cut short loses nothing that it measured.
"""

import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claim import Arm, Claim, Effort, Verdict
from .runner import judge

FORMAT = "fedstyle-secure threat results v1"


class ResultsError(Exception):
    """A file holds no results; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One threat's last run.

    Attributes:
        effort: How hard the attack tried.
        verdict: All arms, judged by the claim of today.
    """

    effort: Effort
    verdict: Verdict


def encode(verdict: Verdict, effort: Effort) -> dict[str, Any]:
    """One entry, in plain values; a figure that is no number is spelled out, because JSON has none."""
    return {
        "title": verdict.claim.title,
        "effort": effort.value,
        "holds": verdict.holds,
        "verdict": verdict.in_words,
        "arms": [
            {
                "name": arm.name,
                "holds": arm.holds,
                "seconds": round(arm.seconds, 2),
                "figures": {name: _number(value) for name, value in sorted(arm.figures.items())},
            }
            for arm in verdict.arms
        ],
    }


def load(path: Path, claims: Iterable[Claim]) -> dict[int, Recorded]:
    """Reads the entries of these claims that a file has.

    Args:
        path: The file; an absent one has no entries.
        claims: What is claimed today.

    Raises:
        ResultsError: not a file of results, or one whose arms are not the claim's any more.
    """
    entries = _read(path)
    return {claim.number: _decode(path, claim, entries[claim.id]) for claim in claims if claim.id in entries}


def store(path: Path, entries: Mapping[str, dict[str, Any]], keep: Iterable[str]) -> None:
    """Puts entries into a file, beside those that it has already (RES-2).

    Args:
        path: The file; its folder must exist.
        entries: By id.
        keep: Ids whose older entries stay.

    Raises:
        ResultsError: the file that is there is none of results.
        OSError: it cannot be written.
    """
    wanted = set(keep)
    merged = {name: entry for name, entry in _read(path).items() if name in wanted} | dict(entries)
    ordered = dict(sorted(merged.items(), key=lambda item: int(item[0].removeprefix("TM-"))))
    text = json.dumps({"format": FORMAT, "threats": ordered}, indent=1, allow_nan=False) + "\n"
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".threats-", delete=False) as file:
        try:
            file.write(text)
            file.close()
            Path(file.name).chmod(0o644)
            os.replace(file.name, path)  # noqa: PTH105  (Path.replace does the same, this names both ends)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known, entries = content["format"] == FORMAT, dict(content["threats"])
    except (ValueError, KeyError, TypeError):
        known, entries = False, {}
    if not known:
        raise ResultsError(f"{path} holds no threat results of this version: name another file, or remove this one")
    return entries


def _decode(path: Path, claim: Claim, entry: Any) -> Recorded:
    try:
        arms = {
            arm["name"]: ({name: float(value) for name, value in arm["figures"].items()}, float(arm["seconds"]))
            for arm in entry["arms"]
        }
        effort = Effort(entry["effort"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{path}, {claim.id}: not an entry ({error}): run it again") from error
    rules = judge(claim)
    if arms.keys() != rules.keys():
        raise ResultsError(f"{path}, {claim.id}: its arms are not the claim's any more: run it again")
    try:
        judged = tuple(
            Arm(name=name, figures=arms[name][0], holds=rule.holds(arms[name][0]), seconds=arms[name][1])
            for name, rule in rules.items()
        )
    except KeyError as error:
        raise ResultsError(f"{path}, {claim.id}: figure {error} was not recorded: run it again") from error
    return Recorded(effort=effort, verdict=Verdict(claim=claim, arms=judged))


def _number(value: float) -> float | str:
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)
