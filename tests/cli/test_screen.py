"""SCR-2: what goes into a pipe is cut nowhere."""

import os
import subprocess
import sys

NAMES = [
    "\u5c71\u7530\u3000" * 40 + "\u592a",
    "Ada Maria Lovelace " * 12 + "Byron",
    "\u0645\u06cc\u200c\u062e" * 40,
    "x" * 255,
]

PROGRAM = """
import sys
from fedstyle_secure.cli.screen import plain, screen
for name in sys.argv[1:]:
    table = screen.table("rank", "artist")
    table.add_row("1", plain(name))
    screen.show(table)
    screen.show("Report:", plain(name))
"""


def test_scr2_names_are_cut_nowhere_in_a_pipe() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    for terminal in ("dumb", "xterm-256color"):
        shown = subprocess.run(
            [sys.executable, "-c", PROGRAM, *NAMES],
            stdout=subprocess.PIPE,
            env=environment | {"TERM": terminal, "PYTHONIOENCODING": "utf-8"},
            check=True,
        ).stdout.decode()
        assert [sum(name in line for line in shown.splitlines()) for name in NAMES] == [2] * len(NAMES)
