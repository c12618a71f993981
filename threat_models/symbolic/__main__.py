"""`python -m threat_models.symbolic`: search all cases; non-zero exit unless each comes out as it must."""

import argparse
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

if TYPE_CHECKING:
    from .cases import Result

CAVEAT = "Finite scenarios, perfect cryptography, searched to the end: evidence, not a proof."
INSTALL = "maude is not installed: run `pip install 'maude>=1.6'`, or `pip install -e '.[dev]'` for all that tests need"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 0 if all holds, 1 if not, 2 without Maude, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m threat_models.symbolic", description=CAVEAT)
    parser.add_argument("--json", action="store_true", help="print JSON on standard output, and nothing else")
    options = parser.parse_args(arguments)
    # A copy of standard error: what comes to the original during a search is taken to be Maude's warning.
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as stderr:
        console = Console(file=stderr)
        if importlib.util.find_spec("maude") is None:
            console.print(INSTALL, markup=False)
            return 2
        return _search_all(console, as_json=options.json)


def _search_all(console: Console, *, as_json: bool) -> int:
    from .cases import CASES, search  # noqa: PLC0415  (needs maude)
    from .search import Model, ModelError  # noqa: PLC0415  (the same)

    try:
        on_interrupt = signal.getsignal(signal.SIGINT)
        model = Model()
        signal.signal(signal.SIGINT, on_interrupt)  # Maude puts a handler of its own there, which ends in a crash
        results = [search(model, case) for case in track(CASES, "searching", console=console, transient=True)]
    except ModelError as error:
        console.print(f"the model is not as it must be: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped: nothing is left to clean up")
        return 130
    if as_json:
        content = {"caveat": CAVEAT, "cases": [_plain(result) for result in results]}
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
    else:
        _show(results, Console())
    return 0 if all(result.holds for result in results) else 1


def _plain(result: "Result") -> dict[str, object]:
    case = result.case
    return {
        "scenario": case.scenario.title,
        "without": list(case.without),
        "must_be": case.verdict,
        "why": case.why,
        "honest_run_completes": result.completes,
        "holds": result.holds,
        **asdict(result.found),
    }


def _show(results: Sequence["Result"], console: Console) -> None:
    for scenario, cases in groupby(results, key=lambda result: result.case.scenario):
        table = Table(
            "without", "server reaches", "states", "", title=scenario.title.capitalize(), title_justify="left"
        )
        for result in cases:
            mark = "green" if result.holds else "bold red"
            table.add_row(
                _checks(result), result.found.verdict, f"{result.found.states:,}", f"[{mark}]{result.in_words}"
            )
        console.print(table)
    for result in results:
        console.print(f"\n[bold]Without {_checks(result)}: {result.found.verdict}.[/] {escape(result.case.why)}.")
        for number, step in enumerate(result.found.trace, start=1):
            console.print(f"  {number:2}. {step}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"\n{CAVEAT}")


def _checks(result: "Result") -> str:
    return " + ".join(result.case.without) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
