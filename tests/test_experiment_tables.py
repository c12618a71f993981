"""The tables of docs/experiments.md: each has a place, comes from a finished experiment, and says what can be true."""

from pathlib import Path

import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.experiments.outcomes import write_results
from tests.experiment_tables import NAMES, PAGE, marked, replace_table


def cell(method: str, seed: int, accuracy: float) -> dict:
    scores = {"accuracy_at_1": accuracy, "recall_at_5": 1.0, "mrr": 0.5, "macro_f1": 0.5, "chance": 0.1}
    return {
        "method": method,
        "privacy": "none",
        "limit": None,
        "seed": seed,
        "artists": [f"artist {number}" for number in range(10)],
        "public_artists": 4,
        "queries": 2,
        "scores": {"residual": scores},
        "confusion": [[0] * 10 for _ in range(10)],
        "epsilon": dict.fromkeys(("local", "aggregate", "worst_case")),
        "bytes_up": 10_000,
        "bytes_down": 20_000,
        "seconds": 1.0,
        "recipe": None,
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_table_in_the_page_has_its_command_and_nothing_worse_than_worst(name: str) -> None:
    match = marked(name).search(PAGE.read_text(encoding="utf-8"))
    assert match is not None
    rows = [line for line in match.group(0).splitlines() if line.startswith("| ")]
    if not rows:
        assert "not run yet" in match.group(0)
        return
    assert "fedstyle experiment " in match.group(0)
    for row in rows[1:]:
        shares = [cell.split()[0] for cell in row.split("|")[2:9] if cell.strip() and cell.strip()[0] in "01"]
        assert shares
        assert all(0 <= float(share) <= 1 for share in shares)


def test_a_table_comes_from_a_finished_experiment_and_leaves_the_others(tmp_path: Path) -> None:
    cells = [cell(method, seed, 0.5 + 0.1 * seed) for method in ("fedavg", "fedstyle") for seed in (0, 1)]
    write_results(tmp_path, cells, command="fedstyle experiment baselines --seeds 2", delta=1e-5)
    page = "".join(f"<!-- table {name} -->\nnot run yet\n<!-- /table -->\n" for name in ("emoji", "paintings"))
    written = replace_table(page, "emoji", tmp_path)
    assert "```\nfedstyle experiment baselines --seeds 2\n```" in written
    assert "| FedAvg |  |  |  |  |  |  | 0.550 ± 0.071 |" in written
    assert "10 artists, 4 public ones, 2 queries a seed, 2 seed(s), chance 0.100" in written
    assert written.endswith("<!-- table paintings -->\nnot run yet\n<!-- /table -->\n")
    assert replace_table(written, "emoji", tmp_path) == written
    with pytest.raises(SystemExit, match="no place"):
        replace_table(page, "sculptures", tmp_path)


def test_an_unfinished_experiment_makes_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no finished experiment"):
        replace_table("", "emoji", tmp_path)
