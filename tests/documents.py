"""Generate what in docs/ follows from the code: `python -m tests.documents`, run by `make docs`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.ablation import ABLATIONS
from tests.data_flow import data_flow_page
from tests.threats_page import threats_page

ROOT = Path(__file__).resolve().parents[1]
_INVARIANT = re.compile(r"^([A-Z]{3,4}-\d+) +(.+(?:\n {4,}.+)*)", re.MULTILINE)


def invariants() -> Iterator[tuple[str, str, str]]:
    """Number, statement and module of every invariant stated in a module's docstring."""
    for package in ("protocols", "fedstyle_secure", "threat_models"):
        for path in sorted((ROOT / package).rglob("*.py")):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            for number, statement in _INVARIANT.findall(docstring):
                yield number, " ".join(statement.split()), str(path.relative_to(ROOT))


def invariants_page() -> str:
    """The text of docs/invariants.md."""
    rows = "".join(f"| {number} | {_cell(text)} | `{module}` |\n" for number, text, module in sorted(invariants()))
    return (
        "# Invariants\n\nWritten by `make docs` from the modules' docstrings.\n\n"
        f"| number | what always holds | stated in |\n|---|---|---|\n{rows}"
    )


def defenses_page() -> str:
    """The text of docs/defenses.md."""
    rows = "".join(f"| {item.name} | `{item.file}` | `{item.test}` |\n" for item in ABLATIONS)
    return (
        "# Defenses and the tests that miss them\n\nWritten by `make docs` from `tests/ablation.py`. `make threats` "
        "removes each defense in a scratch copy and\nfails unless the test beside it goes red. Those of optional "
        "engines are removed in the environments that have them: `make threats-engines` ([engines](engines.md)).\n\n"
        f"| defense | where | test |\n|---|---|---|\n{rows}"
    )


PAGES = {
    "docs/invariants.md": invariants_page,
    "docs/defenses.md": defenses_page,
    "docs/data-flow.md": data_flow_page,
    "docs/threats.md": threats_page,
}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for name, write in PAGES.items():
        (ROOT / name).write_text(write(), encoding="utf-8")
