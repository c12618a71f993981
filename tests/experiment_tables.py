"""Write the tables of docs/experiments.md: `python -m tests.experiment_tables NAME=OUT ...`, OUT a finished experiment.

A table is replaced by name and others stay; figures of private methods are random, as the noise is, so nothing compares
them with a new run. A test checks what every table must satisfy.
"""

import re
import sys
from pathlib import Path

from fedstyle_secure.experiments.markdown import render_table
from fedstyle_secure.experiments.outcomes import read_results

PAGE = Path(__file__).resolve().parents[1] / "docs" / "experiments.md"
NAMES = ("paintings", "emoji")


def marked(name: str) -> re.Pattern[str]:
    """The place of a table in the page."""
    return re.compile(rf"(<!-- table {name} -->\n).*?(<!-- /table -->)", re.DOTALL)


def replace_table(page: str, name: str, out: Path) -> str:
    """The page with the table of that name from a finished experiment."""
    cells, command = read_results(out)
    replaced, count = marked(name).subn(
        lambda match: match.group(1) + render_table(cells, command=command) + match.group(2), page
    )
    if count != 1:
        raise SystemExit(f"{PAGE} has no place for a table {name!r}; known are {', '.join(NAMES)}")
    return replaced


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    for argument in sys.argv[1:]:
        name, _, folder = argument.partition("=")
        text = replace_table(text, name, Path(folder))
    PAGE.write_text(text, encoding="utf-8")
