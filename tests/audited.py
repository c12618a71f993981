"""Write the table of claimed and audited figures in docs/privacy.md: `python -m tests.audited`, some minutes.

The figures are random, as the noise is, so nothing compares them with a new run; a test checks what they must satisfy.
"""

import re
from pathlib import Path

from fedstyle_secure.config import Settings
from fedstyle_secure.experiments.privacy_audit import ARTISTS, audit_privacy

PAGE = Path(__file__).resolve().parents[1] / "docs" / "privacy.md"
EPSILONS = (1.0, 2.0, 4.0, 8.0)
MARKED = re.compile(r"(<!-- audited -->\n).*?(<!-- /audited -->)", re.DOTALL)
_HEAD = (
    "| epsilon of the run | at least, in two worlds | epsilon of the first iteration | at least, in one run |\n"
    "|---|---|---|---|\n"
)


def row(epsilon: float) -> str:
    """Claims and lower bounds of a run with this budget."""
    found = audit_privacy(Settings(artworks=Path("artworks"), out=Path("run"), epsilon=epsilon), artists=ARTISTS)
    two, one = found["two_worlds"], found["one_run"]
    return f"| {two['claim']:.2f} | {two['lower_bound']:.2f} | {one['claim']:.2f} | {one['lower_bound']:.2f} |\n"


if __name__ == "__main__":
    table = _HEAD + "".join(map(row, EPSILONS))
    PAGE.write_text(MARKED.sub(rf"\g<1>{table}\g<2>", PAGE.read_text(encoding="utf-8")), encoding="utf-8")
