"""The table of audited figures: every lower bound is below its claim; in two worlds it is above half of it, too."""

from tests.audited import EPSILONS, MARKED, PAGE


def test_audited_figures_lie_between_half_the_claim_and_the_claim() -> None:
    match = MARKED.search(PAGE.read_text(encoding="utf-8"))
    assert match is not None
    rows = [
        [float(cell) for cell in line.strip("|").split("|")]
        for line in match.group(0).splitlines()
        if line[2:3].isdigit()
    ]
    assert [round(row[0], 1) for row in rows] == list(EPSILONS)
    for claim, two_worlds, one_claim, one_run in rows:
        assert claim / 2 <= two_worlds <= claim
        assert 0 <= one_run <= one_claim
