"""Whoever stays away, whenever: the exact integer sum of those counted, or an abort that says why."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from protocols import AbortReason, LocalProtocolError, SessionAborted
from protocols.speakonce import server, states
from protocols.speakonce.committee import parameters
from protocols.speakonce.messages import response_type

NEVER = 4
REASONS = {
    0: AbortReason.TOO_FEW_SURVIVORS,
    1: AbortReason.TOO_FEW_REPORTS,
    2: AbortReason.TOO_FEW_SIGNATURES,
    3: AbortReason.TOO_FEW_UNMASKINGS,
}


def expected(params, silent_from):
    """The rule, in one place: why a pattern aborts, or None."""
    present = [{index for index in range(params.clients) if silent_from[index] > number} for number in range(4)]
    if len(present[0]) < params.min_survivors:
        return REASONS[0]
    if params.thinnest_window(frozenset(present[0])) < params.floor:
        return AbortReason.THIN_WINDOW
    for number, least in ((1, params.quorum), (2, params.quorum), (3, params.threshold)):
        if len(present[number] & set(params.committee)) < least:
            return REASONS[number]
    return None


def check(cohort, silent_from):
    reason = expected(cohort.params, silent_from)
    if reason:
        with pytest.raises(SessionAborted) as caught:
            cohort.run(silent_from=dict(enumerate(silent_from)))
        assert caught.value.reason is reason
    else:
        cohort.run(silent_from=dict(enumerate(silent_from)))
        cohort.check_aggregate([index for index, last in enumerate(silent_from) if last > 0])
        assert cohort.server.liars == frozenset()
    return reason


@pytest.mark.parametrize(
    ("members", "changes"),
    [(3, {}), (4, {}), pytest.param(4, {"quorum": 4, "corrupt": 1}, marks=pytest.mark.slow)],
    ids=["3 members", "4 members", "all of 4 members"],
)
def test_every_pattern_of_four_clients(village, members, changes):
    """Each stays away from any moment on, or never: 5^4 patterns."""
    seen, cohort = Counter(), village.cohort(4, length=2, members=members, **changes).run(1)
    for silent_from in product(range(NEVER + 1), repeat=4):
        seen[check(cohort.twin(), silent_from)] += 1
    reasons = {None, *REASONS.values()}
    assert seen.keys() == reasons if "quorum" not in changes else seen.keys() >= {None, REASONS[0], REASONS[2]}


def crowd(village, clients, corrupt, dropout):
    found = parameters(clients, corrupt=corrupt, dropout=dropout)
    names = ("members", "quorum", "degree", "floor", "corrupt", "min_survivors")
    return village.cohort(clients, length=2, **{name: getattr(found, name) for name in names})


def scattered(clients, dropouts, seed):
    generator = np.random.default_rng(seed)
    silent_from = np.full(clients, NEVER)
    silent_from[generator.choice(clients, dropouts, replace=False)] = generator.integers(0, NEVER, dropouts)
    return silent_from.tolist()


def test_a_sparse_crowd_sums_exactly_under_dropouts(village):
    cohort = crowd(village, 60, 0.02, 0.1)
    assert cohort.params.degree < 59
    assert check(cohort, scattered(60, 6, seed=60)) is None
    assert len(cohort.server.survivors) < 60


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_crowds_of_up_to_300_end_as_the_rule_says(village, seed):
    """From few dropouts to far too many."""
    clients = (100, 300)[seed % 2]
    check(crowd(village, clients, 0.05, 0.1), scattered(clients, clients * (1 + 2 * seed) // 20, seed))


@pytest.mark.parametrize("bits", [8, 11, 24, 32, 64])
def test_masked_and_unmasked_sums_are_identical_to_the_integer(village, bits):
    """Vectors as large as the modulus allows, both signs, more than one block of keystream."""
    cohort = village.cohort(modulus_bits=bits, max_abs_input=(2 ** (bits - 1) - 1) // 4, length=9000)
    cohort.run(silent_from={1: 0}).check_aggregate([0, 2, 3])
    (spec,) = cohort.params.vectors
    assert abs(cohort.sum_of([0, 2, 3])["update"]).max() == 3 * spec.max_abs_input


def test_a_window_of_the_ring_that_is_too_thin_ends_the_session(village):
    params = village.params(12, degree=4, floor=1)
    order = params.ring.order
    for absent, reason in ((order[3:4], None), (order[3:5], AbortReason.THIN_WINDOW)):
        silent_from = [0 if index in absent else NEVER for index in range(12)]
        assert check(village.cohort(12, degree=4, floor=1), silent_from) is reason


def test_a_row_without_a_step_does_not_pass_silently(village, monkeypatch):
    cohort = village.cohort().run()
    response = cohort.responses[3][min(cohort.params.committee)]
    more = {**states.SERVER_TRANSITIONS, (states.Completed, response_type(response)): states.Completed}
    monkeypatch.setattr(server, "SERVER_TRANSITIONS", more)
    with pytest.raises(LocalProtocolError, match="takes no response"):
        cohort.server.receive(0, response + b"\0")
