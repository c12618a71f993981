"""Whoever drops out, whenever: the exact integer sum of the survivors, or an abort that says why."""

from collections import Counter
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import AbortReason, FaultyServerError, SessionAborted, parameters
from protocols.graph import Graph
from protocols.secagg.messages import AdvertiseKeysResponse

NEVER = 5
REASONS = list(AbortReason)[:5]


# The rule, in one place


def willing(params, graph, present):
    """Of those that answered all rounds so far, who can answer the next one.

    In a sparse graph a client stops when fewer than a threshold of its neighbors shared secrets, or survived.
    """
    number = len(present)
    if number not in (2, 3):
        return present[-1]
    return {index for index in present[-1] if len(graph.neighbors(index) & present[-1]) >= params.threshold}


def expected_abort(params, graph, present):
    """Why the session ends when the round closes that `present[-1]` answered; None when it goes on.

    In the last round every secret needs a threshold of answering neighbors: each survivor's, and each dropout's that
    had shared it.
    """
    number = len(present) - 1
    if number < 4:
        least = params.confirmations if number == 3 else params.min_survivors
        return REASONS[number] if len(present[number]) < least else None
    owners = present[1]  # the survivors, and the dropouts whose masks are left over
    missing = [owner for owner in owners if len(graph.neighbors(owner) & present[4]) < params.threshold]
    return REASONS[4] if missing else None


def graph_over(params, advertisements, present):
    """Of those that advertised; nobody has neighbors among less than two."""
    digests = {
        index: AdvertiseKeysResponse.decode(advertisements[index], params).advertisement.digest for index in present
    }
    return Graph.over(params.session_id, params.degree, digests) if len(digests) > 1 else None


def outcome(params, advertisements, silent_from):
    """The reason for which this pattern aborts, or None, and the survivors."""
    present, graph = [], None
    for number in range(5):
        able = willing(params, graph, present) if present else range(params.clients)
        present.append({index for index in able if silent_from[index] > number})
        graph = graph or graph_over(params, advertisements, present[0])
        if reason := expected_abort(params, graph, present):
            return reason, None
    return None, present[2]


def check(cohort, silent_from):
    """Plays the pattern: the client with index i answers only rounds before `silent_from[i]`."""
    twin = type(cohort)(cohort.params)
    advertisements = twin.answers(twin.requests[0])
    reason, survivors = outcome(cohort.params, advertisements, silent_from)
    if reason:
        with pytest.raises(SessionAborted) as caught:
            cohort.run(silent_from=dict(enumerate(silent_from)))
        assert caught.value.reason is reason
    else:
        cohort.run(silent_from=dict(enumerate(silent_from))).check_aggregate(survivors)
        assert cohort.server.wrong_shares == {}
    return reason


# Every pattern


def answer(twin, client, request):
    """A client after its answer, and the answer; None when it refuses. The client itself stays as it is."""
    after = twin(client)
    try:
        return after, after.receive(request)
    except FaultyServerError:
        return after, None


def subsets(items):
    return chain.from_iterable(combinations(sorted(items), size) for size in range(len(items) + 1))


def walk(twin, cohort, server, clients, requests, present, graph, seen):
    """Closes the open round with every subset of those who can answer, and goes on from each that does not abort."""
    params, number = cohort.params, len(present)
    after = {index: answer(twin, clients[index], request) for index, request in requests.items()}
    answers = {index: response for index, (_, response) in after.items() if response is not None}
    assert answers.keys() == (willing(params, graph, present) if present else set(range(params.clients)))
    seen["refusals"] += len(requests) - len(answers)
    for chosen in subsets(answers):
        here = [*present, frozenset(chosen)]
        drawn = graph or graph_over(params, answers, chosen)
        branch = cohort.fork(server)
        for index in chosen:
            branch.receive(index, answers[index])
        reason = expected_abort(params, drawn, here)
        seen[reason] += reason is not None or number == 4
        if reason:
            with pytest.raises(SessionAborted) as caught:
                branch.close_round()
            assert caught.value.reason is reason
        elif number < 4:
            following = branch.close_round()
            assert following.keys() == here[number]
            twins = {index: after[index][0] for index in following}
            walk(twin, cohort, branch, twins, following, here, drawn, seen)
        else:
            assert branch.close_round() == {}
            cohort.server = branch
            cohort.check_aggregate(here[2])


@pytest.mark.parametrize(
    ("clients", "changes"),
    [(3, {}), (4, {}), (4, {"min_survivors": 4}), (5, {"corrupt": 1, "threshold": 3}), (6, {"degree": 4})],
    ids=["complete 3", "complete 4", "all of complete 4", "complete 5", "sparse 6"],
)
def test_every_pattern_of_a_small_cohort(house, clients, changes):
    """Each client drops out before any round, or never: 6^n patterns, those with a common beginning played once."""
    cohort = house.cohort(clients, length=2, **changes)
    seen = Counter()
    walk(house.twin, cohort, cohort.server, dict(enumerate(cohort.clients)), cohort.requests[0], [], None, seen)
    assert all(seen[reason] for reason in (None, *REASONS))
    assert (seen["refusals"] > 0) == ("degree" in changes)


# Some patterns of more clients


@st.composite
def patterns(draw, clients):
    """When each client falls silent; most never do."""
    last = st.sampled_from([0, 1, 2, 3, 4, *[NEVER] * draw(st.integers(3, 20))])
    return draw(st.lists(last, min_size=clients, max_size=clients))


@settings(max_examples=40)
@given(st.data())
def test_some_patterns_of_more_clients(house, data):
    clients, corrupt = data.draw(st.integers(5, 10)), data.draw(st.integers(0, 2))
    check(house.cohort(clients, corrupt=corrupt, length=2), data.draw(patterns(clients)))


@settings(max_examples=40)
@given(st.data())
def test_some_patterns_of_sparse_cohorts(house, data):
    clients, degree, threshold, corrupt = data.draw(
        st.sampled_from([(7, 4, 3, 0), (9, 4, 3, 1), (12, 4, 3, 0), (12, 6, 4, 1), (12, 6, 5, 3), (15, 8, 5, 1)])
    )
    cohort = house.cohort(clients, degree=degree, threshold=threshold, corrupt=corrupt, length=2)
    check(cohort, data.draw(patterns(clients)))


def scattered(clients, dropouts, seed):
    """A pattern in which this many clients drop out in one of the five rounds each."""
    generator = np.random.default_rng(seed)
    silent_from = np.full(clients, NEVER)
    silent_from[generator.choice(clients, dropouts, replace=False)] = generator.integers(0, NEVER, dropouts)
    return silent_from.tolist()


def crowd(house, clients, corrupt, dropout):
    """The session that a deployment of this size would use, with a tiny vector."""
    found = parameters(clients, corrupt=corrupt, dropout=dropout)
    assert found.degree < clients - 1
    fields = {name: getattr(found, name) for name in ("degree", "threshold", "corrupt", "min_survivors")}
    return house.cohort(clients, length=2, **fields)


@pytest.mark.parametrize("clients", [60, 100])
def test_a_sparse_crowd_sums_exactly_under_dropouts(house, clients):
    cohort = crowd(house, clients, 0.02, 0.05)
    assert check(cohort, scattered(clients, round(0.05 * clients), seed=clients)) is None
    assert len(cohort.server.survivors) < clients


def test_a_crowd_of_300_sums_exactly_under_dropouts(house):
    cohort = crowd(house, 300, 0.01, 0.03)
    silent_from = scattered(300, 9, seed=300)
    assert check(cohort, silent_from) is None
    assert {number for number in silent_from if number < 3} != set()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_crowds_of_300_end_as_the_rule_says(house, seed):
    """From few dropouts to far too many."""
    check(crowd(house, 300, 0.05, 0.1), scattered(300, 10 + 12 * seed, seed))


@pytest.mark.slow
def test_the_rule_meets_every_outcome_of_sparse_patterns(house):
    """Half of the patterns lose their dropouts in one round: spread over five, they are seldom too many for one."""
    seen = Counter()
    for seed in range(200):
        generator = np.random.default_rng(seed)
        clients, degree = [(8, 4), (12, 6), (16, 4), (20, 10)][seed % 4]
        silent_from = scattered(clients, int(generator.integers(0, clients // 2 + 2)), seed)
        if generator.integers(2):
            number = generator.integers(NEVER)
            silent_from = [last if last == NEVER else number for last in silent_from]
        seen[check(house.cohort(clients, degree=degree, length=1), silent_from)] += 1
    assert all(seen[reason] >= 3 for reason in (None, *REASONS)), seen


def test_a_survivor_with_too_few_answering_neighbors_ends_the_session(house):
    """Ten of twelve survivors answer, but of client 0's four neighbors only two, and three have to."""
    for silent, reason in ((1, None), (2, AbortReason.TOO_FEW_UNMASKINGS)):
        cohort = house.cohort(12, degree=4).run(4)
        neighbors = sorted(cohort.graph.neighbors(0))
        if reason is None:
            cohort.run(silent_from=dict.fromkeys(neighbors[:silent], 4)).check_aggregate(range(12))
            continue
        with pytest.raises(SessionAborted, match="client 0, at least 3") as caught:
            cohort.run(silent_from=dict.fromkeys(neighbors[:silent], 4))
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("last", "silent", "reason"),
    [(2, 6, AbortReason.TOO_FEW_UNMASKINGS), (2, 5, None), (1, 6, None)],
    ids=["six of twelve answer", "seven of twelve answer", "nobody needs them"],
)
def test_a_dropout_needs_answering_neighbors_if_it_shared_its_secrets(house, last, silent, reason):
    """Somebody's masks are left over in its neighbors' inputs when it shared and delivered nothing, and not before.

    Places around the ring, chosen so that everybody else keeps a threshold of seven answering neighbors.
    """
    cohort = house.cohort(30, degree=12).run(1)
    order = cohort.graph.order
    cohort.run(4, silent_from={order[0]: last})
    silent_from = {order[place]: 4 for place in (1, 5, 6, 24, 25, 29)[:silent]}
    if reason:
        with pytest.raises(SessionAborted, match=f"client {order[0]}, at least 7") as caught:
            cohort.run(silent_from=silent_from)
        assert caught.value.reason is reason
    else:
        cohort.run(silent_from=silent_from).check_aggregate(order[1:])


# Vectors


@pytest.mark.parametrize("bits", [8, 11, 16, 24, 32, 40, 64])
@pytest.mark.parametrize("silent_from", [{}, {1: 2}, {3: 3}, {0: 4}])
def test_masked_and_unmasked_sums_are_identical_to_the_integer(house, bits, silent_from):
    """Vectors as large as the modulus allows, both signs, more than one block of keystream."""
    cohort = house.cohort(modulus_bits=bits, max_abs_input=(2 ** (bits - 1) - 1) // 4, length=9000)
    survivors = [index for index in range(4) if silent_from.get(index, NEVER) > 2]
    cohort.run(silent_from=silent_from).check_aggregate(survivors)
    (spec,) = cohort.params.vectors
    assert abs(cohort.sum_of(survivors)["update"]).max() == len(survivors) * spec.max_abs_input


@pytest.mark.parametrize(
    ("changes", "silent_from"),
    [
        ({"clients": 4}, {}),
        ({"clients": 8}, {1: 2, 3: 3, 5: 0}),
        ({"clients": 7, "corrupt": 1}, {6: 1, 0: 2}),
        ({"clients": 12, "degree": 8}, {2: 2, 3: 1, 7: 4, 9: 0}),
    ],
)
def test_vectors_of_every_width_and_length_are_summed_in_one_session(house, changes, silent_from):
    """Fifteen named vectors, each as large as its own modulus allows; 64 bits follow 8, and 9000 coordinates one."""
    clients = changes["clients"]
    vectors = tuple(
        house.spec(
            name=f"v{bits}.{length}", length=length, modulus_bits=bits, max_abs_input=(2 ** (bits - 1) - 1) // clients
        )
        for length in (1, 9000, 3)
        for bits in (64, 8, 32, 11, 24)
    )
    cohort = house.cohort(**changes, vectors=vectors).run(silent_from=silent_from)
    survivors = [index for index in range(clients) if silent_from.get(index, NEVER) > 2]
    cohort.check_aggregate(survivors)
    assert [*cohort.server.aggregate()] == [spec.name for spec in vectors]
    sums = cohort.sum_of(survivors)
    assert all(abs(sums[spec.name]).max() == len(survivors) * spec.max_abs_input for spec in vectors)
