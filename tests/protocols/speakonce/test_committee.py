"""Sizes of committees and rings: the tables of docs/protocol.md, exact tails, and what no order allows."""

from itertools import combinations, permutations
from math import comb, inf, log2

import pytest

from protocols.errors import ParametersError
from protocols.graph import log2_isolation
from protocols.primitives.tails import log2_tail
from protocols.speakonce.committee import Bound, check, least_survivors, parameters, security_bounds

COMMITTEES = {
    (0.05, 40): ["4/3 6/4", "16/11 26/16", "46/32 69/45", "52/36 78/51", "52/36 78/51"],
    (0.05, 80): ["4/3 6/4", "16/11 26/16", "61/45 89/61", "69/51 104/72", "72/53 107/74"],
    (0.1, 80): ["5/4 7/5", "21/16 31/21", "78/60 114/82", "91/70 136/98", "91/70 140/101"],
}
RINGS = {
    100: {0.05: "16/3", 0.1: "24/3", 0.3: "46/3"},
    1000: {0.05: "60/16", 0.1: "74/17", 0.3: "136/21"},
    10_000: {0.05: "74/20", 0.1: "92/22", 0.3: "178/29"},
    100_000: {0.05: "80/22", 0.1: "102/24", 0.3: "196/32"},
}


@pytest.mark.parametrize(("corrupt", "bits"), COMMITTEES)
def test_committees_are_those_of_the_table(corrupt, bits):
    for clients, row in zip((20, 100, 1000, 10_000, 100_000), COMMITTEES[corrupt, bits], strict=True):
        found = [parameters(clients, corrupt=corrupt, dropout=d, security_bits=bits) for d in (0.05, 0.1)]
        assert " ".join(f"{sizes.members}/{sizes.quorum}" for sizes in found) == row


@pytest.mark.parametrize("clients", RINGS)
def test_rings_are_those_of_the_table(clients):
    for dropout, row in RINGS[clients].items():
        found = parameters(clients, corrupt=0.05, dropout=dropout, member_dropout=0.05)
        assert f"{found.degree}/{found.floor}" == row


def test_members_that_do_not_come_back_are_expensive():
    found = parameters(1000, corrupt=0.05, dropout=0.3)
    assert (found.members, found.quorum) == (330, 190)


def test_half_of_the_clients_cannot_be_absent():
    """The majority that makes a sum the only one of its iteration forbids it, whatever ring there would be."""
    with pytest.raises(ParametersError, match="526"):
        parameters(1000, corrupt=0.05, dropout=0.5)
    assert parameters(1000, corrupt=0.05, dropout=0.47, member_dropout=0.05).min_survivors == 530


def test_what_small_cohorts_find_holds_in_every_order():
    for clients in (4, 8, 12, 20, 100):
        found = parameters(clients, corrupt=0.05, dropout=0.05)
        assert found.log2_bounds[Bound.COMMITTEE] == found.log2_bounds[Bound.ISOLATION] == -inf
        assert (found.floor == 0) == (found.degree == clients - 1)


def test_what_is_found_is_checked_and_one_less_is_refused():
    found = parameters(1000, corrupt=0.05, dropout=0.05)
    sizes = {name: getattr(found, name) for name in ("members", "quorum", "degree", "floor", "corrupt")}
    check(1000, **sizes, security_bits=80)
    for name, bound in (("quorum", Bound.COMMITTEE), ("floor", Bound.ISOLATION)):
        with pytest.raises(ParametersError, match=bound):
            check(1000, **{**sizes, name: sizes[name] - 1}, security_bits=80)
    assert all(value <= -30 for value in found.log2_bounds.values())
    assert found.min_survivors >= least_survivors(1000, 50)


def test_the_committees_bound_is_the_exact_tail():
    for clients, corrupt, members, quorum in ((12, 4, 6, 4), (9, 3, 5, 4), (10, 5, 4, 3)):
        fatal = 2 * quorum - members
        draws = list(combinations(range(clients), members))
        share = sum(sum(member < corrupt for member in draw) >= fatal for draw in draws) / len(draws)
        bounds = security_bounds(clients, members=members, quorum=quorum, degree=2, floor=1, corrupt=corrupt)
        assert 2 ** bounds[Bound.COMMITTEE] == pytest.approx(share)
    assert log2_tail(10, 4, 3, 4) == -inf
    assert log2_tail(10, 4, 3, 2) == pytest.approx(log2((comb(4, 2) * 6 + 4) / comb(10, 3)))


def test_no_isolation_happens_more_often_than_its_bound():
    """All orders of a small ring: two windows apart with so many corrupt clients each."""
    clients, degree, corrupt = 7, 4, 2
    for crowd in (1, 2):
        orders = list(permutations(range(clients)))
        found = sum(_two_windows(order, degree // 2, crowd, corrupt) for order in orders) / len(orders)
        assert found <= 2 ** log2_isolation(clients, degree, crowd, corrupt)
        assert bool(found) == (crowd == 1)


def _two_windows(order, window, crowd, corrupt):
    n = len(order)
    full = [start for start in range(n) if sum(order[(start + step) % n] < corrupt for step in range(window)) >= crowd]
    return any(window < (b - a) % n < n - window for a in full for b in full)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"clients": 2}, "3 clients"),
        ({"corrupt": 1.0}, "fractions"),
        ({"dropout": -0.1}, "fractions"),
        ({"member_dropout": 1.0}, "fractions"),
        ({"security_bits": 0}, "1 bit"),
        ({"corrupt": 0.5, "dropout": 0.3}, "a sum needs"),
        ({"clients": 40, "corrupt": 0.3, "dropout": 0.2, "member_dropout": 0.7}, "no committee"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(ParametersError, match=sentence):
        parameters(**{"clients": 100, "corrupt": 0.05, "dropout": 0.05} | arguments)


def test_where_no_ring_is_thick_enough_everybody_is_a_neighbor():
    found = parameters(6, corrupt=0.2, dropout=0.2, member_dropout=0.05)
    assert (found.degree, found.floor) == (5, 0)
    assert found.log2_bounds[Bound.WINDOW] == found.log2_bounds[Bound.ISOLATION] == -inf
