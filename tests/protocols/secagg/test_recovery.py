"""Lies in the last round and in the boxes: corrected and named, or the end of the session; never a wrong sum."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from protocols import AbortReason, SessionAborted
from protocols.codec import Domain
from protocols.primitives import aead
from protocols.primitives.field import PRIME
from protocols.primitives.shamir import combine, lagrange_coefficients, split
from protocols.secagg.messages import ShareKeysResponse, SharePair, UnmaskingResponse

KINDS = ("self_mask_shares", "mask_key_shares")


class Reveal:
    """An honest session up to the last round, whose responses can be bent and played again and again."""

    def __init__(self, house, clients, silent_from=None, **changes):
        self.cohort = house.cohort(clients, length=2, **changes).run(4, silent_from=silent_from or {})
        self.params, self.graph = self.cohort.params, self.cohort.graph
        self.survivors = self.cohort.server._held.look().survivors
        self.dropouts = self.cohort.server._held.look().sharers - self.survivors
        self.honest = {
            index: UnmaskingResponse.decode(data, self.params)
            for index, data in self.cohort.answers(self.cohort.requests[4]).items()
        }

    def kind(self, owner):
        return KINDS[owner not in self.survivors]

    def holders(self, owner, answering):
        return sorted(self.graph.neighbors(owner) & set(answering))

    def radius(self, owner, answering):
        return (len(self.holders(owner, answering)) - self.params.threshold) // 2

    def share(self, owner, holder):
        return getattr(self.honest[holder], self.kind(owner))[owner]

    def play(self, lies, answering=None):
        """Closes the last round with these shares instead, by owner and holder; returns the server.

        Raises:
            SessionAborted: no sum came out.
        """
        server = self.cohort.fork(self.cohort.server)
        for holder in self.honest if answering is None else answering:
            tables = {kind: dict(getattr(self.honest[holder], kind)) for kind in KINDS}
            for (owner, liar), share in lies.items():
                if liar == holder:
                    tables[self.kind(owner)][owner] = share
            server.receive(holder, UnmaskingResponse(**tables).encode(self.params))
        server.close_round()
        return server

    def check(self, server, wrong):
        """The sum is exact, and these are named."""
        self.cohort.server, before = server, self.cohort.server
        self.cohort.check_aggregate(self.survivors)
        self.cohort.server = before
        assert server.wrong_shares == wrong

    def aborts(self, lies, owner, match=None):
        with pytest.raises(SessionAborted, match=match) as caught:
            self.play(lies)
        assert caught.value.reason is AbortReason.INCONSISTENT_SHARES
        assert f"secret of client {owner} " in str(caught.value)


@pytest.fixture(scope="module")
def complete(house):
    """Nine clients, client 8 dropped out: seven or eight hold shares of a secret, five are enough, one may be wrong."""
    return Reveal(house, 9, {8: 2})


@pytest.fixture(scope="module")
def sparse(house):
    """Twenty clients with twelve neighbors each, seven shares are enough: two may be wrong."""
    return Reveal(house, 20, degree=12)


CHANGES = {
    "one more": lambda share: (share + 1) % PRIME,
    "zero": lambda _: 0,
    "the opposite": lambda share: PRIME - share,
    "the largest": lambda _: PRIME - 1,
}


@pytest.mark.parametrize("owner", [0, 1, 7, 8])
@pytest.mark.parametrize("change", CHANGES)
def test_a_wrong_share_is_corrected_and_its_sender_named(complete, owner, change):
    liar = complete.holders(owner, complete.honest)[2]
    lie = {(owner, liar): CHANGES[change](complete.share(owner, liar))}
    complete.check(complete.play(lie), {owner: {liar}})


def test_a_client_that_lies_about_everything_stands_beside_every_owner(complete):
    lies = {(owner, 2): 5 for owner in range(9) if owner != 2}
    complete.check(complete.play(lies), {owner: {2} for owner, _ in lies})


def test_different_owners_may_have_different_liars(complete):
    liars = {owner: (owner + 1) % 5 for owner in range(5)} | {8: 3}
    lies = dict.fromkeys(liars.items(), 77)
    complete.check(complete.play(lies), {owner: {liar} for owner, liar in liars.items()})


def test_a_wrong_share_that_is_not_needed_is_not_looked_at(complete):
    lies = {(0, 7): 5, (8, 6): 5}
    complete.check(complete.play(lies), {})


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("owner", [0, 13])
@pytest.mark.parametrize("change", CHANGES)
def test_as_many_wrong_shares_as_half_the_spare_ones_are_corrected(sparse, owner, change, count):
    holders = sparse.holders(owner, sparse.honest)
    assert len(holders) == 12
    assert sparse.radius(owner, sparse.honest) == 2
    for liars in (holders[:count], holders[5 : 5 + count]):
        lies = {(owner, liar): CHANGES[change](sparse.share(owner, liar)) for liar in liars}
        sparse.check(sparse.play(lies), {owner: set(liars)} if liars else {})


@pytest.mark.parametrize("change", ["one more", "the opposite"])
def test_one_wrong_share_more_ends_the_session(sparse, complete, change):
    """And says how many could have been corrected."""
    for reveal, owner, radius in ((sparse, 13, 2), (complete, 0, 1), (complete, 8, 1)):
        assert reveal.radius(owner, reveal.honest) == radius
        for count in (radius + 1, radius + 2, 6):
            liars = reveal.holders(owner, reveal.honest)[:count]
            lies = {(owner, liar): CHANGES[change](reveal.share(owner, liar)) for liar in liars}
            reveal.aborts(lies, owner, match=f"more than {radius} of them are wrong")


def test_the_radius_counts_the_shares_that_came(sparse):
    """With three holders silent nine shares are left, two more than needed: one wrong one is corrected, two are not."""
    owner = 13
    first, second, *_, a, b, c = sparse.holders(owner, sparse.honest)
    answering = sparse.honest.keys() - {a, b, c}
    for other in range(20):
        assert len(sparse.holders(other, answering)) >= 7
    lies = {(owner, first): 5}
    sparse.check(sparse.play(lies, answering), {owner: {first}})
    with pytest.raises(SessionAborted) as caught:
        sparse.play({(owner, first): 5, (owner, second): 6}, answering)
    assert caught.value.reason is AbortReason.INCONSISTENT_SHARES


def steered(reveal, owner, liars):
    """Shares of the liars on another sharing polynomial, which meets the right one in as many honest places as it can.

    Its value at 0 is whatever it is: no secret that anybody committed to.
    """
    threshold = reveal.params.threshold
    honest = [holder for holder in reveal.holders(owner, reveal.honest) if holder not in liars][: threshold - 1]
    # The difference of the two polynomials vanishes at `honest`, and is 1 at the first liar.
    difference = {}
    for liar in liars:
        value = 1
        for holder in honest:
            value = value * (liar - holder) * pow(liars[0] - holder, -1, PRIME) % PRIME
        difference[liar] = value
    return {(owner, liar): (reveal.share(owner, liar) + difference[liar]) % PRIME for liar in liars}


@pytest.mark.parametrize("count", [4, 5, 6])
@pytest.mark.parametrize("owner", [0, 13])
def test_liars_who_agree_on_another_polynomial_steer_the_correction_and_are_found_out(sparse, owner, count):
    """Six of twelve make all shares those of another secret; four come so near that correction would turn to it."""
    liars = sparse.holders(owner, sparse.honest)[:count]
    sparse.aborts(steered(sparse, owner, liars), owner)


def test_three_who_agree_are_too_few_to_steer_and_too_many_to_correct(sparse):
    liars = sparse.holders(13, sparse.honest)[:3]
    sparse.aborts(steered(sparse, 13, liars), 13)
    liars = liars[:2]
    sparse.check(sparse.play(steered(sparse, 13, liars)), {13: set(liars)})


@pytest.mark.parametrize("owner", [0, 8])
def test_shares_that_combine_to_no_32_bytes_are_wrong_like_any_others(complete, owner):
    """The first ones combine to 2^256, a field element that is no secret: corrected when one is wrong."""
    holders = complete.holders(owner, complete.honest)[: complete.params.threshold]
    weights = lagrange_coefficients([holder + 1 for holder in holders])
    shares = [complete.share(owner, holder) for holder in holders]
    missing = (2**256 - combine(shares, weights)) * pow(weights[1], -1, PRIME)
    lie = {(owner, holders[1]): (shares[1] + missing) % PRIME}
    assert combine([lie.get((owner, h), complete.share(owner, h)) for h in holders], weights) == 2**256
    complete.check(complete.play(lie), {owner: {holders[1]}})


@pytest.mark.parametrize("owner", [0, 8])
def test_all_shares_of_a_secret_that_is_no_32_bytes_end_the_session(complete, owner):
    holders = complete.holders(owner, complete.honest)
    shares = split(2**256, [1, 2, 3, 4], [holder + 1 for holder in holders])
    complete.aborts({(owner, holder): share for holder, share in zip(holders, shares, strict=True)}, owner)


# Dealers


def deal(house, changes, dealer, silent_from, *, clients=9, **params):
    """`dealer` seals these changed pairs of shares in its boxes, by holder; the cohort plays to the end."""
    cohort = house.cohort(clients, **params).run(1)
    cohort.responses.append(cohort.answers(cohort.requests[1]))
    state = cohort.clients[dealer]._held.look()[0]
    boxes = dict(ShareKeysResponse.decode(cohort.responses[1][dealer], cohort.params).boxes)
    for holder, change in changes.items():
        context = Domain.BOX.bind(state.graph.digest, dealer, holder)
        key = state.seal_keys.agree(state.neighbors[holder].seal_key, context)
        pair = SharePair.decode(aead.unseal(key, boxes[holder], context))
        boxes[holder] = aead.seal(key, change(pair).encode(), context)
    cohort.responses[1][dealer] = ShareKeysResponse(boxes=boxes).encode(cohort.params)
    for index, response in cohort.responses[1].items():
        cohort.server.receive(index, response)
    cohort.requests.append(dict(cohort.server.close_round()))
    return cohort.run(silent_from=silent_from)


@pytest.mark.parametrize("silent_from", [{}, {4: 2}], ids=["the dealer survives", "the dealer drops out"])
def test_a_dealer_that_dealt_one_holder_wrong_shares_is_corrected_and_the_pair_named(house, silent_from):
    cohort = deal(house, {2: lambda _: SharePair(self_mask=1, mask_key=2)}, 4, silent_from)
    cohort.check_aggregate([index for index in range(9) if index not in silent_from])
    assert cohort.server.wrong_shares == {4: {2}}


def test_a_dealer_that_dealt_many_holders_wrong_shares_ends_the_session(house):
    changes = {holder: lambda pair: replace(pair, self_mask=pair.self_mask ^ 1) for holder in (1, 2)}
    with pytest.raises(SessionAborted, match=r"secret of client 4 .* the owner dealt") as caught:
        deal(house, changes, 4, {})
    assert caught.value.reason is AbortReason.INCONSISTENT_SHARES


def test_only_the_secret_that_is_needed_has_to_be_dealt_right(house):
    """Of a survivor nobody looks at the shares of its mask key."""
    changes = {holder: lambda pair: replace(pair, mask_key=pair.mask_key ^ 1) for holder in range(4)}
    cohort = deal(house, changes, 4, {})
    cohort.check_aggregate(range(9))
    assert cohort.server.wrong_shares == {}


@pytest.mark.parametrize(("name", "silent_from"), [("self_mask_seed", {}), ("mask_key", {4: 2})])
@pytest.mark.parametrize("changes", [{"clients": 9}, {"clients": 9, "degree": 6}])
def test_a_client_that_shared_another_secret_than_it_signed_ends_the_session(house, name, silent_from, changes):
    """The owner lies, consistently, to everyone: the commitment tells, and so does the public key."""
    cohort = house.cohort(**changes).run(1)
    liar = cohort.clients[4]
    state, answer = liar._held.take()
    liar._held.put((replace(state, **{name: bytes(32)}), answer))
    with pytest.raises(SessionAborted, match="secret of client 4 ") as caught:
        cohort.run(silent_from=silent_from)
    assert caught.value.reason is AbortReason.INCONSISTENT_SHARES


# Any lies at all

SHAPES = [
    (5, {}, {}),
    (6, {5: 2}, {}),
    (7, {}, {}),
    (7, {3: 2}, {"degree": 4}),
    (8, {0: 2}, {"corrupt": 1}),
    (8, {}, {"degree": 6}),
    (9, {1: 2, 8: 2}, {}),
    (9, {}, {"corrupt": 2}),
    (9, {}, {"degree": 6}),
    (9, {4: 2}, {"degree": 6, "threshold": 4}),
]


@pytest.fixture(scope="module")
def reveals(house):
    return [Reveal(house, clients, silent_from, **changes) for clients, silent_from, changes in SHAPES]


def random_lies(reveal, answering, generator):
    """Some liars change the shares of some owners; each in its own way, or all together towards another secret."""
    owners = sorted(reveal.survivors | reveal.dropouts)
    liars = generator.permutation(sorted(answering))[: generator.integers(0, 1 + len(answering) // 2)].tolist()
    lies = {}
    for owner in generator.permutation(owners)[: generator.integers(1, 1 + len(owners))].tolist():
        near = [liar for liar in liars if liar in reveal.graph.neighbors(owner)]
        if near and generator.random() < 0.2:
            lies |= steered(reveal, owner, near)
            continue
        for liar in near:
            honest, other = reveal.share(owner, liar), reveal.share(owner, generator.choice(near))
            lie = [(honest + 1) % PRIME, int.from_bytes(generator.bytes(32), "big"), 0, PRIME - 1, other, 2**256]
            lies[owner, liar] = lie[generator.integers(len(lie))]
    return {(owner, liar): share for (owner, liar), share in lies.items() if share != reveal.share(owner, liar)}


def misled(reveal, owner, answering, lies):
    """Whether the first shares give another secret. Two that change places may not: weights can be equal."""
    holders = reveal.holders(owner, answering)[: reveal.params.threshold]
    weights = lagrange_coefficients([holder + 1 for holder in holders])
    honest = [reveal.share(owner, holder) for holder in holders]
    given = [lies.get((owner, holder), share) for holder, share in zip(holders, honest, strict=True)]
    return combine(given, weights) != combine(honest, weights)


def trial(reveal, generator):
    """Plays one session with random lies; the sum is exact and the liars are named, or it aborts. Says which."""
    silent = generator.integers(0, 3) if generator.random() < 0.3 else 0
    answering = sorted(generator.permutation(sorted(reveal.honest))[silent:].tolist())
    lies = random_lies(reveal, answering, generator)
    owners = sorted(reveal.survivors | reveal.dropouts)
    wrong = {owner: {liar for named, liar in lies if named == owner} for owner in owners}
    enough = all(len(reveal.holders(owner, answering)) >= reveal.params.threshold for owner in owners)
    correctable = enough and all(len(wrong[owner]) <= reveal.radius(owner, answering) for owner in owners)
    server, reason = None, None
    try:
        server = reveal.play(lies, answering)
    except SessionAborted as error:
        reason = error.reason
    if server is None:
        assert not correctable
        assert reason is AbortReason.INCONSISTENT_SHARES or (reason is AbortReason.TOO_FEW_UNMASKINGS and not enough)
        return reason
    assert enough
    reveal.check(server, {owner: wrong[owner] for owner in owners if misled(reveal, owner, answering, lies)})
    return "corrected" if server.wrong_shares else "not needed" if lies else "honest"


def run_trials(reveals, trials, seed):
    generator = np.random.default_rng(seed)
    seen = Counter(trial(reveals[number % len(reveals)], generator) for number in range(trials))
    for outcome in (AbortReason.INCONSISTENT_SHARES, AbortReason.TOO_FEW_UNMASKINGS, "corrected", "not needed"):
        assert seen[outcome] >= trials / 50, seen
    return seen


def test_whatever_liars_send_the_sum_is_exact_or_there_is_none(reveals):
    run_trials(reveals, 400, seed=1)


@pytest.mark.slow
def test_ten_thousand_times_the_sum_is_exact_or_there_is_none(reveals):
    run_trials(reveals, 10_000, seed=2)
