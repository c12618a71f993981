"""What a lying server tries, judged by the leakage-rank oracle: nothing leaks while a defense stands, and without it
something does."""

import pytest

from protocols import AbortReason, FaultyServerError, ProtocolError, SessionAborted
from protocols.audit import Exchange, Transcript, audit
from protocols.speakonce import client as client_module
from protocols.speakonce.messages import (
    ConsistencyCheckRequest,
    ConsistencyCheckResponse,
    OpenBoxesRequest,
    UnmaskingRequest,
)
from protocols.speakonce.params import WindowParams


class Wire:
    """A server that may say anything to anybody, over real clients; it keeps the transcript."""

    def __init__(self, cohort):
        self.cohort, self.params = cohort, cohort.params
        self.exchanges, self.said = [], {}

    def ask(self, number, index, request):
        """One turn; None if the client refuses."""
        try:
            response = self.cohort.answer(number, index, request)
        except ProtocolError:
            response = None
        self.exchanges.append(Exchange(index, request, response))
        if response is not None:
            self.said[number, index] = response
        return response

    def speak(self, clients=None):
        for index in range(self.params.clients) if clients is None else clients:
            self.ask(0, index, self.cohort.requests[0][index])
            self.cohort.server.receive(index, self.said[0, index])
        self.boxes = dict(self.cohort.server.close_round())
        return self

    def open_boxes(self, members=None):
        for member in self.params.committee if members is None else members:
            self.ask(1, member, self.boxes[member])
        return self

    def counted(self, survivors):
        (any_member, *_) = self.boxes
        deliveries = OpenBoxesRequest.decode(self.boxes[any_member], self.params).deliveries
        return {index: deliveries[index].manifest.digest(self.params, index) for index in survivors}

    def sign(self, survivors, members):
        """Shows members a survivor set; returns who signed, and how."""
        request = ConsistencyCheckRequest(counted=self.counted(survivors)).encode(self.params)
        signed = {member: self.ask(2, member, request) for member in members}
        return {
            member: ConsistencyCheckResponse.decode(response, self.params).signature
            for member, response in signed.items()
            if response is not None
        }

    def release(self, signatures, members):
        request = UnmaskingRequest(signatures=signatures).encode(self.params)
        return [member for member in members if self.ask(3, member, request) is not None]

    def findings(self, corrupt=()):
        return audit([Transcript(self.params, tuple(self.exchanges))], corrupt=corrupt)


def fed(village, clients=4, **changes):
    return Wire(village.cohort(clients, **changes)).speak().open_boxes()


def honest(wire, survivors):
    signatures = wire.sign(survivors, wire.params.committee)
    wire.release(signatures, wire.params.committee)
    return wire


def test_an_honest_window_leaks_the_sum_and_nothing_else(village):
    for corrupt in ((), (3,)):
        findings = honest(fed(village, corrupt=len(corrupt)), range(4)).findings(corrupt)
        assert findings.holds, findings.problems
        assert findings.leaks == (dict.fromkeys(set(range(4)) - set(corrupt), 1),)
    findings = honest(fed(village), (0, 1, 2)).findings()
    assert findings.leaks == ({0: 1, 1: 1, 2: 1},)


def test_a_window_that_ends_early_leaks_nothing(village):
    wire = fed(village)
    assert wire.findings().leaks == ()
    wire.sign(range(4), wire.params.committee)
    assert wire.findings().leaks == ()


def test_who_is_late_is_protected_although_its_mask_secrets_are_released(village):
    """Client 3 speaks after the window; its neighbors' dealings of their common secrets are opened."""
    wire = Wire(village.cohort(4)).speak((0, 1, 2)).open_boxes((0, 1, 2))
    wire.ask(0, 3, wire.cohort.requests[0][3])
    members = [member for member in wire.params.committee if member != 3]
    wire.release(wire.sign((0, 1, 2), members), members)
    findings = wire.findings()
    assert findings.leaks == ({0: 1, 1: 1, 2: 1},)
    assert findings.holds


# Two survivor sets


def two_sets(wire):
    """Half of the members sign everyone, half everyone but client 0; each half is told of its own signatures."""
    first, second = wire.params.committee[:2], wire.params.committee[2:]
    answered = []
    for survivors, members in ((range(4), first), ((1, 2, 3), second)):
        answered += wire.release(wire.sign(survivors, members), members)
    return answered


def test_two_survivor_sets_get_no_share_and_without_the_cross_check_they_take_a_vector(village, monkeypatch):
    wire = fed(village, min_survivors=3)
    assert two_sets(wire) == []
    assert wire.findings().leaks == ()
    monkeypatch.setattr(client_module, "_check_signatures", lambda *_: None)
    wire = fed(village, quorum=3, min_survivors=3)
    assert len(two_sets(wire)) == 4
    findings = wire.findings()
    assert not findings.holds
    assert len(findings.leaks) > 1


def test_a_second_close_gets_nothing(village):
    """It is closed again with other survivors, for members that have signed and for those that have answered."""
    wire = fed(village)
    signatures = wire.sign(range(4), wire.params.committee[:3])
    assert wire.sign((0, 1, 2), wire.params.committee[:2]) == {}
    assert wire.release(signatures, wire.params.committee[2:3]) == [wire.params.committee[2]]
    assert wire.sign((0, 1, 2), wire.params.committee[2:3]) == {}
    assert wire.findings().leaks == ()


@pytest.mark.parametrize(("liars", "broken"), [(1, False), (2, True)])
def test_a_committee_with_2q_minus_c_corrupt_members_breaks_it_and_one_fewer_does_not(village, liars, broken):
    """Corrupt members sign both sets. Of four members with q = 3 two are t = 2q - C."""
    wire = fed(village, 6, members=4, quorum=3, min_survivors=4)
    corrupt, loyal = wire.params.committee[:liars], wire.params.committee[liars:]
    halves = loyal[: -(-len(loyal) // 2)], loyal[-(-len(loyal) // 2) :]
    rest = [index for index in range(6) if index not in corrupt]
    for survivors, members in ((range(6), halves[0]), ([i for i in range(6) if i != rest[0]], halves[1])):
        signatures = wire.sign(survivors, members) | forged(wire, survivors, corrupt)
        wire.release(signatures, members)
    findings = wire.findings(corrupt)
    assert (len(findings.leaks) > 1) == broken


def forged(wire, survivors, corrupt):
    """Signatures that corrupt members give on any set."""
    from protocols.codec import Domain, encode_table
    from protocols.speakonce.statements import attest

    content = encode_table(wire.counted(survivors))
    return {
        member: attest(wire.params, wire.cohort.clients[member]._identity, Domain.COUNTED, member, content)
        for member in corrupt
    }


# One consistent set


def test_no_set_isolates_a_client_and_without_the_floor_one_does(village, monkeypatch):
    clients, changes = 16, {"degree": 4, "members": 5, "floor": 1}
    for defended in (True, False):
        wire = fed(village, clients, **changes)
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


def test_out_of_whose_box_shares_come_matters(village, monkeypatch):
    """Were everybody's shares of everything released, one set would open every input."""
    monkeypatch.setattr(WindowParams, "released", lambda params, _owner, _survivors: list(range(params.degree + 1)))
    findings = honest(fed(village), range(4)).findings()
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
def test_split_views_do_not_add_up_shares_of_both_ends_unless_they_lie_on_one_polynomial(village, monkeypatch, fresh):
    """Four members are shown four sets, each without another client: with t = 2 nobody's pair opens by one dealing.

    The cross-check is off: fresh coefficients are what is left.
    """
    monkeypatch.setattr(client_module, "_check_signatures", lambda *_: None)
    if not fresh:
        one_polynomial(monkeypatch)
    wire = fed(village, quorum=3)
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
