"""Who is called a liar: nobody honest, as long as no more lie than were assumed to."""

from collections import Counter

import numpy as np
import pytest

from protocols import SessionAborted
from protocols.primitives.field import PRIME
from protocols.primitives.shamir import split
from tests.protocols.secagg.test_recovery import Reveal, deal, steered


@pytest.fixture(scope="module")
def two(house):
    """Sixteen clients, two of whom may lie; fifteen hold shares of a secret, nine are enough, three may be wrong."""
    return Reveal(house, 16, corrupt=2)


@pytest.fixture(scope="module")
def four(house):
    """Of twenty holders sixteen are needed, and four may lie: two more than are corrected."""
    return Reveal(house, 21, corrupt=4, threshold=16)


def bent(*pairs):
    """These owners' shares at these holders are wrong."""
    return {pair: 4711 + number for number, pair in enumerate(pairs)}


def test_a_holder_beside_more_owners_than_may_lie_is_a_liar(two):
    """REC-3: beside three, of whom two at most may have dealt it wrong shares."""
    assert two.play(bent((4, 1), (5, 1), (6, 1))).liars == {1}


def test_an_owner_beside_more_holders_than_may_lie_is_a_liar(two):
    assert two.play(bent((4, 1), (4, 2), (4, 3))).liars == {4}


def test_both_roles_count_together(two):
    """Client 1 released a wrong share, dealt two, and is beside three."""
    assert two.play(bent((4, 1), (1, 2), (1, 3))).liars == {1}


def test_two_lying_owners_do_not_make_an_honest_holder_a_liar(two):
    """Owners 4 and 5 dealt client 1 wrong shares, and client 1 released what it was dealt."""
    server = two.play(bent((4, 1), (5, 1)))
    assert server.wrong_shares == {4: {1}, 5: {1}}
    assert server.liars == frozenset()


def test_two_lying_holders_do_not_make_an_honest_owner_a_liar(two):
    server = two.play(bent((4, 1), (4, 2)))
    assert server.wrong_shares == {4: {1, 2}}
    assert server.liars == frozenset()


def test_where_nobody_is_assumed_to_lie_nobody_is_named(house):
    """One pair alone would do: the assumption is broken, and with it every conclusion."""
    server = Reveal(house, 9).play(bent((4, 1)))
    assert server.wrong_shares == {4: {1}}
    assert server.liars == frozenset()


def test_more_liars_than_assumed_are_no_proof(two):
    """Three would be named, where two may lie at all."""
    lies = bent(*((owner, holder) for owner in range(6, 10) for holder in (1, 2, 3)))
    assert two.play(lies).liars == frozenset()


def agreeing_at_zero(reveal, owner, liars, victims):
    """Shares of the liars on another polynomial with the same secret, which meets the right one but at the victims."""
    others = [holder for holder in reveal.holders(owner, reveal.honest) if holder not in (*liars, *victims)]
    assert len(others) <= reveal.params.threshold - 2
    difference = {}
    for liar in liars:
        value = liar + 1
        for holder in others:
            value = value * (liar - holder) % PRIME
        difference[liar] = value
    return {(owner, liar): (reveal.share(owner, liar) + difference[liar]) % PRIME for liar in liars}


def test_liars_who_keep_the_secret_and_bend_the_polynomial_turn_nobody_else_into_liars(four):
    """The correction finds their polynomial, and two honest holders beside it, owner after owner."""
    lies = {}
    for owner in range(6, 12):
        lies |= agreeing_at_zero(four, owner, (2, 3, 4, 5), (0, 1))
    server = four.play(lies)
    assert server.wrong_shares == {owner: {0, 1} for owner in range(6, 12)}
    assert server.liars == frozenset()


def end_of(reveal, lies):
    with pytest.raises(SessionAborted, match="secret of client 4 ") as caught:
        reveal.play(lies)
    return caught.value.liars


def other_secret(reveal, owner, secret=4711):
    holders = reveal.holders(owner, reveal.honest)
    shares = split(secret, list(range(1, reveal.params.threshold)), [holder + 1 for holder in holders])
    return {(owner, holder): share for holder, share in zip(holders, shares, strict=True)}


@pytest.mark.parametrize("secret", [4711, 2**256])
def test_an_owner_that_dealt_another_secret_than_it_signed_is_named(two, secret):
    assert end_of(two, other_secret(two, 4, secret)) == {4}


def test_an_owner_that_dealt_more_wrong_shares_than_others_can_be_behind_is_named(two):
    """Two holders that lie would have been corrected."""
    assert end_of(two, bent(*((4, holder) for holder in range(4)))) == {4}


def test_an_owner_is_not_named_where_holders_could_have_spoiled_its_secret(four):
    """Three wrong shares of twenty are too many to correct, and four holders may lie."""
    assert end_of(four, bent((4, 0), (4, 1), (4, 2))) == frozenset()
    assert end_of(four, steered(four, 4, (0, 1, 2, 3))) == frozenset()


def test_holders_who_agree_on_another_secret_do_not_make_its_owner_a_liar(house):
    """Their four shares and eleven that they steered at are on one polynomial, within what can be corrected."""
    reveal = Reveal(house, 17, corrupt=4, threshold=12)
    assert end_of(reveal, steered(reveal, 4, (0, 1, 2, 3))) == frozenset()


def test_who_was_caught_before_the_session_ended_is_named_too(two):
    lies = bent((0, 2), (1, 2), (3, 2)) | other_secret(two, 4)
    assert end_of(two, lies) == {2, 4}


@pytest.mark.parametrize("silent_from", [{}, {4: 2}], ids=["the dealer survives", "the dealer drops out"])
def test_a_real_dealer_is_named(house, silent_from):
    """Whose boxes hold other shares for three holders of eleven."""
    changes = {holder: lambda pair: type(pair)(self_mask=1, mask_key=2) for holder in (0, 1)}
    cohort = deal(house, changes, 4, silent_from, clients=12, corrupt=1)
    assert cohort.server.wrong_shares == {4: {0, 1}}
    assert cohort.server.liars == {4}


# Any placement at all

SHAPES = [
    (9, {}, {"corrupt": 1}),
    (9, {8: 2}, {"corrupt": 1}),
    (9, {}, {"corrupt": 2}),
    (12, {0: 2}, {"corrupt": 2}),
    (12, {}, {"corrupt": 3, "threshold": 9}),
    (16, {}, {"corrupt": 2}),
    (16, {}, {"corrupt": 1, "degree": 12, "threshold": 7}),
    (21, {}, {"corrupt": 4, "threshold": 16}),
]


@pytest.fixture(scope="module")
def reveals(house):
    return [Reveal(house, clients, silent_from, **changes) for clients, silent_from, changes in SHAPES]


def lies_of(reveal, evil, generator):
    """What `evil` clients release and deal: single wrong shares, others' shares, other secrets, steered ones."""
    owners = sorted(reveal.survivors | reveal.dropouts)
    victims = generator.permutation([index for index in owners if index not in evil]).tolist()
    lies = {}
    for liar in evil:
        near = [other for other in victims if other in reveal.graph.neighbors(liar)]
        some = near[: generator.integers(0, 1 + len(near))]
        match generator.integers(4):
            case 0:
                lies |= {(owner, liar): 5 for owner in some if liar in reveal.honest}
            case 1:
                lies |= {(liar, holder): 6 for holder in some if holder in reveal.honest and liar in owners}
            case 2:
                lies |= {(liar, holder): 7 for holder in near[:2] if holder in reveal.honest}
            case 3:
                lies |= other_secret(reveal, liar)
    for owner in victims[: generator.integers(0, 1 + len(victims))] if generator.random() < 0.3 else ():
        near = [liar for liar in evil if liar in reveal.graph.neighbors(owner) and liar in reveal.honest]
        if not near:
            continue
        others = [h for h in reveal.holders(owner, reveal.honest) if h not in near]
        spared = others[: max(0, len(others) - (reveal.params.threshold - 2))]
        if generator.random() < 0.5:
            lies |= agreeing_at_zero(reveal, owner, near, spared)
        else:
            lies |= steered(reveal, owner, near)
    return {pair: share for pair, share in lies.items() if share != reveal.share(*pair)}


def trial(reveal, generator):
    """Plays one session; whoever is named is evil. Says how it ended."""
    count = generator.integers(1, 1 + reveal.params.corrupt)
    evil = frozenset(generator.permutation(reveal.params.clients)[:count].tolist())
    lies = lies_of(reveal, sorted(evil), generator)
    try:
        liars, end = reveal.play(lies).liars, "sum"
    except SessionAborted as abort:
        liars, end = abort.liars, "end"
    assert liars <= evil, (evil, sorted(lies))
    return end, bool(liars)


def run_trials(reveals, trials, seed):
    generator = np.random.default_rng(seed)
    seen = Counter(trial(reveals[number % len(reveals)], generator) for number in range(trials))
    for end in ("sum", "end"):
        for named in (True, False):
            assert seen[end, named] >= trials / 50, seen


def test_wherever_liars_are_placed_nobody_honest_is_named(reveals):
    run_trials(reveals, 300, seed=1)


@pytest.mark.slow
def test_ten_thousand_times_nobody_honest_is_named(reveals):
    run_trials(reveals, 10_000, seed=2)
