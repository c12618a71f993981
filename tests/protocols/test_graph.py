"""The graph keeps GRA-1 and GRA-2, its bounds are exact, and on small rings no play of a lying server beats GRA-4."""

from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from itertools import combinations, pairwise
from math import comb, inf, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import LocalProtocolError, ParametersError
from protocols.graph import Adversary, Bound, Graph, GraphParameters, check, parameters, security_bounds

SESSION = bytes(range(32))
CORRUPT = (0.05, 0.1, 0.2, 0.33)
REFERENCE = {
    10: ("4/3", "4/3", "6/5", "8/7"),
    100: ("26/16", "32/22", "42/32", "54/44"),
    1000: ("90/58", "114/78", "162/118", "244/189"),
    10000: ("114/74", "144/98", "216/157", "358/276"),
    100000: ("124/80", "156/106", "236/171", "400/308"),
}
"""Degree and threshold for a semi-malicious server and a tenth of dropouts, by clients and fraction corrupt: figures of
the design, which the formulas of Bell et al., CCS 2020, give."""
OURS = {
    10: ("4/3", "4/3", "6/5", "8/7"),
    100: ("26/16", "32/22", "42/32", "54/44"),
    1000: ("112/76", "144/103", "214/163", "334/268"),
    10000: ("150/103", "198/142", "316/240", "568/455"),
    100000: ("166/114", "220/158", "350/266", "650/520"),
}
"""The same for a malicious server, at 80 bits."""


def entries(table: dict[int, tuple[str, ...]]) -> list[tuple[int, float, str]]:
    return [
        (clients, corrupt, cell) for clients, row in table.items() for corrupt, cell in zip(CORRUPT, row, strict=True)
    ]


def digests(clients: int, name: str = "") -> dict[int, bytes]:
    return {index: sha256(b"advertisement %d %s" % (index, name.encode())).digest() for index in range(clients)}


def make_graph(clients: int, degree: int, name: str = "") -> Graph:
    return Graph.over(SESSION, degree, digests(clients, name))


def check_found(found: GraphParameters, population: int, **changes: object) -> None:
    facts = {"degree": found.degree, "threshold": found.threshold, "corrupt": found.corrupt}
    check(population, **(facts | changes))


# The graph


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    indices = draw(st.sets(st.integers(0, 2**32 - 1), min_size=2, max_size=30))
    degree = draw(st.integers(1, 15).map(lambda half: 2 * half) | st.just(len(indices) - 1))
    return Graph.over(SESSION, degree, {index: draw(st.binary(min_size=32, max_size=32)) for index in indices})


@given(graph=graphs())
def test_neighbors_are_mutual_and_as_many_as_the_degree_says_and_never_oneself(graph):
    for index in graph.order:
        near = graph.neighbors(index)
        assert len(near) == graph.degree
        assert index not in near
        assert near <= set(graph.order)
        assert all(index in graph.neighbors(peer) for peer in near)


@given(graph=graphs())
def test_the_graph_is_connected(graph):
    reached, fresh = set(), {graph.order[0]}
    while fresh:
        reached |= fresh
        fresh = set().union(*(graph.neighbors(index) for index in fresh)) - reached
    assert reached == set(graph.order)


def test_neighbors_are_the_nearest_on_the_ring():
    graph = make_graph(20, 6)
    for place, index in enumerate(graph.order):
        assert graph.neighbors(index) == {graph.order[(place + step) % 20] for step in (-3, -2, -1, 1, 2, 3)}


def test_everyone_is_a_neighbor_when_few_advertised():
    for degree in (4, 5, 6, 40):
        graph = make_graph(5, degree)
        assert graph.degree == 4
        assert all(graph.neighbors(index) == set(range(5)) - {index} for index in range(5))


def test_the_order_of_the_table_of_digests_means_nothing():
    table = digests(12)
    assert Graph.over(SESSION, 4, dict(reversed(table.items()))) == Graph.over(SESSION, 4, table)


def test_digest_and_order_depend_on_the_session_and_on_every_advertisement():
    table = digests(12)
    seen = [Graph.over(SESSION, 4, table), Graph.over(bytes(32), 4, table)]
    seen += [Graph.over(SESSION, 4, table | {index: bytes(32)}) for index in table]
    seen += [Graph.over(SESSION, 4, {peer: table[peer] for peer in table if peer != index}) for index in table]
    assert len({graph.digest for graph in seen}) == len({graph.order for graph in seen}) == len(seen) == 26
    assert all(len(graph.digest) == 32 for graph in seen)


def test_no_place_on_the_ring_is_preferred():
    """Client 0 sits in each of 5 places about as often: 5 standard deviations of a binomial count."""
    places = [make_graph(5, 2, name=str(number)).order.index(0) for number in range(2000)]
    assert all(abs(places.count(place) - 400) < 5 * (2000 * 0.2 * 0.8) ** 0.5 for place in range(5))


def test_who_did_not_advertise_has_no_neighbors():
    with pytest.raises(LocalProtocolError, match="client 12 advertised no keys"):
        make_graph(12, 4).neighbors(12)


@pytest.mark.parametrize(
    ("session_id", "degree", "table"),
    [
        (SESSION, 3, digests(12)),
        (SESSION, 0, digests(12)),
        (SESSION, 4, digests(1)),
        (SESSION, 4, {}),
        (SESSION[1:], 4, digests(12)),
        (SESSION, 4, digests(12) | {3: bytes(31)}),
    ],
)
def test_sizes_that_make_no_graph_are_refused(session_id, degree, table):
    with pytest.raises(LocalProtocolError, match="graph"):
        Graph.over(session_id, degree, table)


# The calculator


@pytest.mark.parametrize(("clients", "corrupt", "cell"), entries(REFERENCE))
def test_a_semi_malicious_server_gives_the_reference_table(clients, corrupt, cell):
    found = parameters(clients, corrupt=corrupt, dropout=0.1, adversary=Adversary.SEMI_MALICIOUS, security_bits=40)
    assert f"{found.degree}/{found.threshold}" == cell


@pytest.mark.parametrize(("clients", "corrupt", "cell"), entries(OURS))
def test_a_malicious_server_costs_a_few_more_neighbors(clients, corrupt, cell):
    found = parameters(clients, corrupt=corrupt, dropout=0.1)
    assert f"{found.degree}/{found.threshold}" == cell


@pytest.mark.parametrize("adversary", Adversary)
@pytest.mark.parametrize("clients", [3, 4, 7, 10, 11, 16, 25, 50, 120, 1000])
def test_check_accepts_what_was_found_and_nothing_with_a_lower_threshold(adversary, clients):
    for corrupt, dropout in ((0, 0), (0.1, 0), (0.05, 0.15), (0.2, 0.1), (0.3, 0.2), (0.1, 0.25)):
        try:
            found = parameters(clients, corrupt=corrupt, dropout=dropout, adversary=adversary)
        except ParametersError:
            continue
        facts = {"adversary": adversary, "dropouts": clients - found.min_survivors}
        check_found(found, clients, **facts)
        assert found.log2_bounds[Bound.CORRECTNESS] <= -30
        assert max(value for bound, value in found.log2_bounds.items() if bound is not Bound.CORRECTNESS) <= -81
        if found.threshold > 1:
            with pytest.raises(ParametersError):
                check_found(found, clients, **facts, threshold=found.threshold - 1)


@pytest.mark.parametrize("clients", [*range(4, 40, 3), 100, 1000])
def test_a_malicious_server_gains_nothing_by_keeping_fewer_off_the_ring(clients):
    """Whatever number from min_survivors up advertises, the client that checks that ring alone accepts it."""
    for corrupt, dropout in ((0.05, 0.1), (0.1, 0.3), (0.2, 0.1)):
        try:
            found = parameters(clients, corrupt=corrupt, dropout=dropout)
        except ParametersError:
            continue
        bounds = []
        for ring in range(found.min_survivors, clients + 1):
            check_found(found, ring, adversary=Adversary.MALICIOUS)
            facts = {"degree": found.degree, "threshold": found.threshold, "corrupt": found.corrupt}
            bounds.append(tuple(security_bounds(ring, **facts, adversary=Adversary.MALICIOUS).values()))
        for earlier, later in pairwise(bounds):
            assert all(b <= a or b == a == -inf for a, b in zip(earlier, later, strict=True))


def test_fewer_on_the_ring_than_promised_is_refused():
    found = parameters(1000, corrupt=0.1, dropout=0.1)
    assert found.min_survivors == 900
    with pytest.raises(ParametersError, match="isolation"):
        check_found(found, 1000, adversary=Adversary.MALICIOUS, dropouts=120)


@pytest.mark.parametrize("adversary", Adversary)
@pytest.mark.parametrize("clients", [30, 500, 20000])
def test_more_corrupt_clients_never_need_fewer_neighbors(adversary, clients):
    found = [
        parameters(clients, corrupt=corrupt / 100, dropout=0.1, adversary=adversary) for corrupt in range(0, 40, 2)
    ]
    assert [each.degree for each in found] == sorted(each.degree for each in found)
    assert found[0].degree < found[-1].degree
    assert [each.corrupt for each in found] == [max(1, -(-corrupt * clients // 100)) for corrupt in range(0, 40, 2)]


@pytest.mark.parametrize("adversary", Adversary)
def test_the_search_skips_no_smaller_degree(adversary):
    """Every smaller even degree fails, whatever its threshold."""
    for clients, corrupt, dropout in ((12, 0.1, 0.1), (40, 0.2, 0.1), (90, 0.1, 0.2), (300, 0.1, 0.05)):
        found = parameters(clients, corrupt=corrupt, dropout=dropout, adversary=adversary)
        dropouts = clients - found.min_survivors
        for degree in range(2, found.degree, 2):
            for threshold in range(1, degree + 1):
                aborts = log2(clients) + tail(clients, dropouts, degree, degree + 1 - threshold)
                bounds = security_bounds(
                    clients,
                    degree=degree,
                    threshold=threshold,
                    corrupt=found.corrupt,
                    adversary=adversary,
                    dropouts=dropouts,
                )
                assert aborts > -30 or max(bounds.values()) > -81


def test_corrupt_clients_are_rounded_up_and_dropouts_down():
    found = parameters(100, corrupt=0.07, dropout=0.07)  # 7.000000000000001 in floating point
    assert (found.corrupt, found.min_survivors) == (7, 93)
    found = parameters(99, corrupt=0.07, dropout=0.07)
    assert (found.corrupt, found.min_survivors) == (7, 93)
    assert parameters(99, corrupt=0, dropout=0).corrupt == 1


def test_a_stronger_adversary_never_needs_fewer_neighbors():
    for clients in (10, 64, 700, 5000):
        degrees = [parameters(clients, corrupt=0.15, dropout=0.1, adversary=each).degree for each in Adversary]
        assert degrees == sorted(degrees)


def test_more_security_costs_more_neighbors():
    assert parameters(1000, corrupt=0.1, dropout=0.1, security_bits=40).degree == 120
    assert parameters(1000, corrupt=0.1, dropout=0.1, correctness_bits=60).degree > 120


@pytest.mark.parametrize("clients", [3, 5, 8, 64, 1000])
def test_without_chance_the_complete_graph_takes_over(clients):
    """As many corrupt clients as any graph withstands: 2 t > k + c, and t neighbors are left."""
    dropouts = clients // 4
    corrupt = clients - 2 - 2 * dropouts
    found = parameters(clients, corrupt=corrupt / clients, dropout=dropouts / clients)
    assert (found.degree, found.threshold, found.corrupt) == (clients - 1, clients - 1 - dropouts, corrupt)
    assert set(found.log2_bounds.values()) == {-inf}
    with pytest.raises(
        ParametersError, match=f"neighborhood.* more than {corrupt} corrupt clients, and {corrupt + 1} "
    ):
        parameters(clients, corrupt=(corrupt + 1) / clients, dropout=dropouts / clients)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"clients": 2, "corrupt": 0, "dropout": 0}, "neighborhood.* more than 0 corrupt"),
        ({"clients": 100, "corrupt": 0.4, "dropout": 0.35}, "neighborhood.* more than 28 corrupt clients, and 40 "),
        (
            {"clients": 100, "corrupt": 0.7, "dropout": 0.3, "adversary": Adversary.SEMI_HONEST},
            "neighborhood.* more than 68 corrupt clients, and 70 ",
        ),
        ({"clients": 100, "corrupt": 0.9, "dropout": 0.8}, "neighborhood.* more than 0 corrupt"),
        ({"clients": 100, "corrupt": 0.5, "dropout": 0.6}, "neighborhood"),
        ({"clients": 1, "corrupt": 0, "dropout": 0}, "at least 2 clients"),
        ({"clients": 50, "corrupt": 1.0, "dropout": 0}, "fractions"),
        ({"clients": 50, "corrupt": 0, "dropout": -0.1}, "fractions"),
        ({"clients": 50, "corrupt": float("nan"), "dropout": 0}, "fractions"),
        ({"clients": 50, "corrupt": 0, "dropout": 0, "security_bits": 0}, "1 bit"),
    ],
)
def test_what_cannot_be_secure_is_refused_with_the_bound_and_what_would_do(facts, message):
    with pytest.raises(ParametersError, match=message):
        parameters(**facts)


@pytest.mark.parametrize(
    ("adversary", "facts", "bound"),
    [
        (Adversary.SEMI_HONEST, {"degree": 40, "threshold": 18}, Bound.NEIGHBORHOOD),
        (Adversary.SEMI_HONEST, {"degree": 20, "threshold": 20, "dropouts": 300}, Bound.CONNECTIVITY),
        (Adversary.SEMI_MALICIOUS, {"degree": 114, "threshold": 77}, Bound.NEIGHBORHOOD),
        (Adversary.MALICIOUS, {"degree": 114, "threshold": 78}, Bound.ISOLATION),
        (Adversary.MALICIOUS, {"degree": 999, "threshold": 549}, Bound.NEIGHBORHOOD),
        (Adversary.MALICIOUS, {"degree": 114, "threshold": 57}, Bound.NEIGHBORHOOD),
    ],
)
def test_check_names_the_bound_that_fails_its_value_and_the_way_out(adversary, facts, bound):
    with pytest.raises(
        ParametersError, match=rf"{bound}: .* 2\^-?\d+\.\d, and 2\^-41 is allowed .*: raise the threshold"
    ):
        check(1000, corrupt=100, adversary=adversary, security_bits=40, **facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"threshold": 0},
        {"threshold": 21},
        {"corrupt": -1},
        {"corrupt": 91, "dropouts": 10},
        {"dropouts": -1},
        {"dropouts": 100, "corrupt": 0},
        {"degree": 21},
    ],
)
def test_numbers_out_of_range_are_refused(facts):
    honest = {"degree": 20, "threshold": 15, "corrupt": 1, "adversary": Adversary.MALICIOUS, "dropouts": 1}
    security_bounds(100, **honest)
    with pytest.raises(ParametersError, match="graph"):
        security_bounds(100, **(honest | facts))


# The bounds, against integers


def log2_of(probability: Fraction) -> float:
    """Of a fraction whose terms may be far too large for floating point."""
    return log2(probability.numerator) - log2(probability.denominator) if probability else -inf


def tail(population: int, marked: int, drawn: int, least: int) -> float:
    ways = sum(comb(marked, x) * comb(population - marked, drawn - x) for x in range(max(0, least), drawn + 1))
    return log2_of(Fraction(ways, comb(population, drawn)))


def bounds_of(adversary: Adversary, population: int, degree: int, threshold: int, corrupt: int, dropouts: int = 0):
    return security_bounds(
        population, degree=degree, threshold=threshold, corrupt=corrupt, adversary=adversary, dropouts=dropouts
    )


@pytest.mark.parametrize("population", [7, 12, 30])
def test_neighborhood_and_connectivity_are_their_formulas_to_the_last_digits(population):
    for degree in range(2, population - 1, 2):
        pairs = log2(population * (population - degree - 1) / 2)
        for threshold in range(1, degree + 1):
            for corrupt in range(population - 2):
                honest = bounds_of(Adversary.SEMI_HONEST, population, degree, threshold, corrupt, 2)
                lying = bounds_of(Adversary.SEMI_MALICIOUS, population, degree, threshold, corrupt, 2)
                for bounds, fatal in ((honest, threshold), (lying, 2 * threshold - degree)):
                    near = log2(population) + tail(population, corrupt, degree, fatal)
                    cut = pairs + tail(population, corrupt + 2, degree, degree)
                    assert bounds[Bound.NEIGHBORHOOD] == pytest.approx(min(0, near), abs=1e-9)
                    assert bounds[Bound.CONNECTIVITY] == pytest.approx(min(0, cut), abs=1e-9)


@pytest.mark.parametrize("clients", [14, 50, 1000])
def test_an_honest_session_aborts_as_seldom_as_stated(clients):
    found = parameters(clients, corrupt=0.1, dropout=0.15)
    lost = found.degree + 1 - found.threshold
    exact = log2(clients) + tail(clients, clients - found.min_survivors, found.degree, lost)
    assert found.log2_bounds[Bound.CORRECTNESS] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(
    ("population", "degree", "threshold", "corrupt"),
    [(100_000, 400, 308, 33_000), (100_000, 400, 400, 33_000), (10_000, 114, 110, 500), (1000, 900, 700, 330)],
)
def test_far_tails_are_exact_too(population, degree, threshold, corrupt):
    exact = log2(population) + tail(population, corrupt, degree, 2 * threshold - degree)
    found = bounds_of(Adversary.SEMI_MALICIOUS, population, degree, threshold, corrupt)[Bound.NEIGHBORHOOD]
    assert found == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize(
    ("ring", "degree", "threshold", "corrupt"),
    [(900, 120, 83, 100), (900, 282, 222, 330), (60, 20, 14, 12), (14, 6, 5, 9), (20, 8, 5, 3), (16, 6, 5, 14)],
)
def test_isolation_is_hardly_above_the_expected_number_of_pairs_of_windows(ring, degree, threshold, corrupt):
    window, crowd = degree // 2, threshold - degree // 2
    ways = sum(
        comb(window, a) * comb(window, b) * comb(ring - degree, corrupt - a - b)
        for a in range(crowd, window + 1)
        for b in range(crowd, window + 1)
        if a + b <= corrupt
    )
    exact = log2(ring * (ring - degree - 1) / 2) + log2_of(Fraction(ways, comb(ring, corrupt)))
    found = bounds_of(Adversary.MALICIOUS, ring, degree, threshold, corrupt)[Bound.ISOLATION]
    assert min(0, exact) - 1e-8 <= found <= min(0, exact + 0.3)


# The events, on rings small enough to try everything


def circle(clients: int, degree: int) -> list[frozenset[int]]:
    """Neighbors by place on the ring."""
    graph = make_graph(clients, degree)
    return [frozenset(graph.order.index(peer) for peer in graph.neighbors(index)) for index in graph.order]


def overrun(near: list[frozenset[int]], threshold: int, corrupt: frozenset[int]) -> bool:
    """An honest client has 2t - k or more corrupt neighbors."""
    fatal = 2 * threshold - len(near[0])
    return any(len(near[place] & corrupt) >= fatal for place in range(len(near)) if place not in corrupt)


def crowded(near: list[frozenset[int]], threshold: int, corrupt: frozenset[int]) -> bool:
    """Two windows of k/2 places, apart from one another, hold t - k/2 or more corrupt clients each."""
    clients, window = len(near), len(near[0]) // 2
    crowds = [
        start
        for start in range(clients)
        if len({(start + step) % clients for step in range(window)} & corrupt) >= threshold - window
    ]
    return any(window < later - first < clients - window for first in crowds for later in crowds)


def sums_apart(
    near: list[frozenset[int]], threshold: int, corrupt: frozenset[int], part: frozenset[int], rest: frozenset[int]
) -> bool:
    """Whether a lying server gets the sum of `part`, when `part`, `rest` and the corrupt clients are the survivors.

    It plays as well as it can. It withholds from `part` the boxes of `rest`, whose masks would stay on, and of dropouts
    whose mask keys do not come off; it hands out all the others. A client uploads if it got a threshold of boxes,
    answers if it got those of all surviving neighbors, a threshold, and then releases one share for each box it got.
    """
    survivors = part | rest | corrupt
    answering = corrupt | {
        place
        for place in part | rest
        if len(near[place] & survivors) >= threshold and (place in rest or not near[place] & rest)
    }
    recovered = {place for place in range(len(near)) if len(near[place] & answering) >= threshold}
    return all(
        place in recovered and len(near[place] & (corrupt | part | (recovered - rest))) >= threshold for place in part
    )


def plays(clients: int, corrupt: frozenset[int]) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """Every way to make each honest client one of `part`, of `rest`, or a dropout; neither of the two is empty."""
    honest = sorted(set(range(clients)) - corrupt)
    for code in range(3 ** len(honest)):
        roles = [code // 3**place % 3 for place in range(len(honest))]
        part, rest = (
            frozenset(place for place, role in zip(honest, roles, strict=True) if role == which) for which in (1, 2)
        )
        if part and rest:
            yield part, rest


def corrupt_sets(clients: int) -> Iterator[frozenset[int]]:
    """One set for each class that turning the ring makes."""
    for size in range(clients + 1):
        seen: set[frozenset[int]] = set()
        for places in combinations(range(clients), size):
            if frozenset(places) not in seen:
                seen |= {frozenset((place + turn) % clients for place in places) for turn in range(clients)}
                yield frozenset(places)


@pytest.mark.parametrize(
    ("clients", "degree", "threshold"),
    [(6, 2, 2), (8, 2, 2), (8, 4, 3), (9, 4, 3), (9, 4, 4), (8, 6, 4), (8, 6, 5), (9, 6, 5)],
)
def test_no_play_of_a_lying_server_sums_a_part_unless_corrupt_clients_crowd(clients, degree, threshold):
    near = circle(clients, degree)
    broken = 0
    for corrupt in corrupt_sets(clients):
        safe = not overrun(near, threshold, corrupt) and not crowded(near, threshold, corrupt)
        apart = any(sums_apart(near, threshold, corrupt, part, rest) for part, rest in plays(clients, corrupt))
        broken += apart
        assert not (safe and apart), corrupt
        assert not (apart and 2 * threshold > degree + len(corrupt))
    assert broken


def test_both_events_are_real():
    """In either, without the other, some play does sum a part: neither bound can be left out."""
    withholding, corrupt = circle(9, 6), frozenset({1, 2, 3, 8})
    assert overrun(withholding, 5, corrupt)
    assert not crowded(withholding, 5, corrupt)
    assert any(sums_apart(withholding, 5, corrupt, part, rest) for part, rest in plays(9, corrupt))
    crowding, corrupt = circle(8, 4), frozenset({0, 1, 4, 5})
    assert crowded(crowding, 4, corrupt)
    assert not overrun(crowding, 4, corrupt)
    assert any(sums_apart(crowding, 4, corrupt, part, rest) for part, rest in plays(8, corrupt))


@pytest.mark.parametrize(("clients", "degree"), [(9, 2), (9, 4), (11, 4), (10, 6)])
def test_bounds_are_never_below_the_share_of_corrupt_sets_that_break_the_ring(clients, degree):
    near = circle(clients, degree)
    for threshold in range(degree // 2 + 1, degree + 1):
        for count in range(clients):
            sets = [frozenset(places) for places in combinations(range(clients), count)]
            bounds = bounds_of(Adversary.MALICIOUS, clients, degree, threshold, count)
            for bound, event in ((Bound.NEIGHBORHOOD, overrun), (Bound.ISOLATION, crowded)):
                share = sum(event(near, threshold, corrupt) for corrupt in sets) / len(sets)
                assert share <= 2 ** bounds[bound] * (1 + 1e-9)
