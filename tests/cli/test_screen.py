"""SCR-2: what goes into a pipe is cut nowhere."""

import pytest

from fedstyle_secure.cli.screen import Screen, plain

NAMES = [
    "\u5c71\u7530\u3000" * 40 + "\u592a",
    "Ada Maria Lovelace " * 12 + "Byron",
    "\u0645\u06cc\u200c\u062e" * 40,
    "x" * 255,
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_scr2_names_are_cut_nowhere_in_a_pipe(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen()
    table = screen.table("rank", "artist")
    table.add_row("1", plain(name))
    screen.show(table)
    screen.show("Report:", plain(name))
    assert sum(name in line for line in capsys.readouterr().out.splitlines()) == 2
