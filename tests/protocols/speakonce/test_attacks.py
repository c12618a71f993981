"""What a lying server tries, judged by the leakage-rank oracle: nothing leaks while a defense stands, and without it
something does."""

from dataclasses import replace

import pytest

from protocols import AbortReason, FaultyServerError, ProtocolError, SessionAborted
from protocols.audit.windows import read_window
from protocols.speakonce import client as client_module
from protocols.speakonce.messages import ConsistencyCheckRequest, SpeakRequest
from protocols.speakonce.params import WindowParams
from threat_models.windows.lying_server import LyingServer
from threat_models.windows.parties import window


def fed(clients=4, evil=(), **changes):
    return LyingServer(window(clients, **changes), evil=evil).speak().open_boxes()


def honest(wire, survivors):
    signatures = wire.sign(survivors, wire.params.committee)
    wire.release(signatures, wire.params.committee)
    return wire


def test_an_honest_window_leaks_the_sum_and_nothing_else():
    for corrupt in ((), (3,)):
        findings = honest(fed(evil=corrupt, corrupt=len(corrupt)), range(4)).findings()
        assert findings.holds, findings.problems
        assert findings.leaks == (dict.fromkeys(set(range(4)) - set(corrupt), 1),)
    findings = honest(fed(), (0, 1, 2)).findings()
    assert findings.leaks == ({0: 1, 1: 1, 2: 1},)


def test_a_window_that_ends_early_leaks_nothing():
    wire = fed()
    assert wire.findings().leaks == ()
    wire.sign(range(4), wire.params.committee)
    assert wire.findings().leaks == ()


def test_wvi2_keys_of_members_who_never_spoke_are_their_own_if_they_signed_them():
    """Two of four speak; the others hold two boxes of each, as many as give a secret back, and are not the server."""
    wire = LyingServer(window(4, quorum=3)).speak((0, 1))
    assert wire.params.threshold == 2
    assert wire.findings().leaks == ()
    unsigned = [replace(keys, signature=bytes(64)) for keys in wire.params.prekeys[2:]]
    forged_window = replace(wire.params, prekeys=(*wire.params.prekeys[:2], *unsigned))
    views = read_window(forged_window, (), ())
    assert views.seal_keys == {keys.seal_key for keys in wire.params.prekeys[:2]}
    assert views.mask_keys == {keys.mask_key for keys in wire.params.prekeys[:2]}


def test_who_is_late_is_protected_although_its_mask_secrets_are_released():
    """Client 3 speaks after the window; its neighbors' dealings of their common secrets are opened."""
    wire = LyingServer(window(4)).speak((0, 1, 2)).open_boxes((0, 1, 2))
    wire.ask(3, wire.invitation)
    members = [member for member in wire.params.committee if member != 3]
    wire.release(wire.sign((0, 1, 2), members), members)
    findings = wire.findings()
    assert findings.leaks == ({0: 1, 1: 1, 2: 1},)
    assert findings.holds


def test_who_was_shown_another_window_of_the_same_roster_is_found_and_is_in_no_sum():
    wire = LyingServer(window(4))
    other = SpeakRequest(params=replace(wire.params, end=wire.params.end - 1)).encode()
    assert wire.ask(0, other) is not None
    findings = honest(wire.speak((1, 2, 3)).open_boxes(), (1, 2, 3)).findings()
    assert not findings.holds
    assert findings.leaks == ({1: 1, 2: 1, 3: 1},)


# Two survivor sets


def two_sets(wire):
    """Half of the members sign everyone, half everyone but client 0; each half is told of its own signatures."""
    first, second = wire.params.committee[:2], wire.params.committee[2:]
    answered = []
    for survivors, members in ((range(4), first), ((1, 2, 3), second)):
        answered += wire.release(wire.sign(survivors, members), members)
    return answered


def test_two_survivor_sets_get_no_share_and_without_the_cross_check_they_take_a_vector(monkeypatch):
    wire = fed(min_survivors=3)
    assert two_sets(wire) == []
    assert wire.findings().leaks == ()
    monkeypatch.setattr(client_module, "_check_signatures", lambda *_: None)
    wire = fed(quorum=3, min_survivors=3)
    assert len(two_sets(wire)) == 4
    findings = wire.findings()
    assert not findings.holds
    assert len(findings.leaks) > 1


def test_a_second_close_gets_nothing():
    """It is closed again with other survivors, for members that have signed and for those that have answered."""
    wire = fed()
    signatures = wire.sign(range(4), wire.params.committee[:3])
    assert wire.sign((0, 1, 2), wire.params.committee[:2]) == {}
    assert wire.release(signatures, wire.params.committee[2:3]) == [wire.params.committee[2]]
    assert wire.sign((0, 1, 2), wire.params.committee[2:3]) == {}
    assert wire.findings().leaks == ()


@pytest.mark.parametrize(("liars", "broken"), [(1, False), (2, True)])
def test_a_committee_with_2q_minus_c_corrupt_members_breaks_it_and_one_fewer_does_not(liars, broken):
    """Corrupt members sign both sets. Of four members with q = 3 two are t = 2q - C."""
    wire = fed(6, members=4, quorum=3, min_survivors=4)
    wire.evil = frozenset(wire.params.committee[:liars])
    corrupt, loyal = wire.params.committee[:liars], wire.params.committee[liars:]
    halves = loyal[: -(-len(loyal) // 2)], loyal[-(-len(loyal) // 2) :]
    rest = [index for index in range(6) if index not in corrupt]
    for survivors, members in ((range(6), halves[0]), ([i for i in range(6) if i != rest[0]], halves[1])):
        signatures = wire.sign(survivors, members) | wire.forged(survivors, corrupt)
        wire.release(signatures, members)
    findings = wire.findings()
    assert (len(findings.leaks) > 1) == broken


# One consistent set


def test_no_set_isolates_a_client_and_without_the_floor_one_does(monkeypatch):
    clients, changes = 16, {"degree": 4, "members": 5, "floor": 1}
    for defended in (True, False):
        wire = fed(clients, **changes)
        if not defended:
            monkeypatch.setattr(WindowParams, "thinnest_window", lambda *_: 9)
        victim = wire.params.ring.order[3]
        survivors = [index for index in range(clients) if index not in wire.params.ring.neighbors(victim)]
        signatures = wire.sign(survivors, wire.params.committee)
        assert bool(signatures) != defended
        if signatures:
            wire.release(signatures, wire.params.committee)
        leaks = wire.findings().leaks
        assert ({victim: 1} in leaks) != defended


# Whose shares, and on which polynomial


def test_out_of_whose_box_shares_come_matters(monkeypatch):
    """Were everybody's shares of everything released, one set would open every input."""
    monkeypatch.setattr(WindowParams, "released", lambda params, _owner, _survivors: list(range(params.degree + 1)))
    findings = honest(fed(), range(4)).findings()
    assert len(findings.leaks) == 4


def one_polynomial(monkeypatch):
    """Both ends of a pair deal their secret with the same coefficients."""
    from hashlib import sha256

    original = client_module.deal

    def deal(params, secrets, _sharing_seed):
        contents = [original(params, [secret], sha256(secret).digest()) for secret in secrets]
        return [b"".join(parts) for parts in zip(*contents, strict=True)]

    monkeypatch.setattr(client_module, "deal", deal)


@pytest.mark.parametrize("fresh", [True, False])
def test_split_views_do_not_add_up_shares_of_both_ends_unless_they_lie_on_one_polynomial(monkeypatch, fresh):
    """Four members are shown four sets, each without another client: with t = 2 nobody's pair opens by one dealing.

    The cross-check is off: fresh coefficients are what is left.
    """
    monkeypatch.setattr(client_module, "_check_signatures", lambda *_: None)
    if not fresh:
        one_polynomial(monkeypatch)
    wire = fed(quorum=3)
    assert wire.params.threshold == 2
    for absent, member in enumerate(wire.params.committee):
        survivors = [index for index in range(4) if index != absent]
        wire.release(wire.sign(survivors, [member]), [member])
    findings = wire.findings()
    assert not findings.holds
    assert len(findings.leaks) == (1 if fresh else 4)


# Before anybody speaks


def test_withheld_prekeys_shrink_no_roster_below_the_least(village):
    cohort = village.cohort(4)
    with pytest.raises(ProtocolError, match="min_cohort"):
        cohort.answer(0, 0, cohort.requests[0][0], min_cohort=5)


def test_a_member_that_signs_another_set_than_it_is_asked_for_is_of_no_use(village):
    cohort = village.cohort().run(2)
    member, other = cohort.params.committee[:2]
    cohort.run(3)
    fresh = village.cohort().run(2)
    with pytest.raises(ProtocolError, match="signature"):
        fresh.server.receive(member, cohort.responses[2][other])


def test_nobody_is_counted_twice_and_strangers_are_not_counted(village):
    cohort = village.cohort(4, members=3).run(2)
    request = ConsistencyCheckRequest.decode(cohort.requests[2][cohort.params.committee[0]], cohort.params)
    data = ConsistencyCheckRequest(counted={**request.counted, 9: bytes(32)}).encode(cohort.params)
    with pytest.raises(FaultyServerError, match="indices must increase"):
        cohort.clients[cohort.params.committee[0]].receive(data)


def test_too_few_honest_members_left_to_answer_end_in_an_abort(village):
    with pytest.raises(SessionAborted) as caught:
        village.cohort(4, quorum=4).run(silent_from={0: 3, 1: 3, 2: 3, 3: 3})
    assert caught.value.reason is AbortReason.TOO_FEW_UNMASKINGS
