"""Wrong shares, spoiled boxes, lying dealers: never a wrong sum, and nobody is named without proof."""

from dataclasses import replace
from random import Random

import pytest

from protocols import AbortReason, FaultyClientError, LocalProtocolError, SessionAborted
from protocols.codec import Domain, encode_indices
from protocols.primitives.field import PRIME
from protocols.speakonce import client as client_module
from protocols.speakonce.messages import (
    OpenBoxesResponse,
    SpeakResponse,
    UnmaskingResponse,
    encode_releases,
)
from protocols.speakonce.server import Server
from protocols.speakonce.statements import attest


def lying(village, params, response, member, owners, choose=None):
    """A member's answer with other shares of these owners' secrets, signed."""
    honest = UnmaskingResponse.decode(response, params)
    releases = dict(honest.releases)
    for owner in owners:
        shares = list(releases[owner].shares)
        place = choose.randrange(len(shares)) if choose else -1
        shares[place] = (shares[place] + 1 + (choose.randrange(PRIME - 1) if choose else 0)) % PRIME
        releases[owner] = replace(releases[owner], shares=tuple(shares))
    signature = attest(params, village.identity(member), Domain.RELEASE, member, encode_releases(releases))
    return UnmaskingResponse(releases=releases, signature=signature).encode(params)


def test_a_wrong_share_blames_its_member_and_the_sum_is_right(village):
    cohort = village.cohort(5).run(3)
    first = min(cohort.params.committee)
    bend = lambda _n, i, data: lying(village, cohort.params, data, i, [2, 3]) if i == first else data  # noqa: E731
    cohort.run(bend=bend).check_aggregate(range(5))
    assert cohort.server.liars == {first}


def test_more_liars_than_the_rest_can_make_up_for_end_the_session_named(village):
    cohort = village.cohort(5).run(3)
    liars = {0, 1, 2, 3}

    def bend(_number, index, data):
        return lying(village, cohort.params, data, index, [4]) if index in liars else data

    assert cohort.params.threshold == 1
    cohort = village.cohort(5, quorum=4).run(3)
    with pytest.raises(SessionAborted) as caught:
        cohort.run(bend=bend)
    assert caught.value.reason is AbortReason.TOO_FEW_UNMASKINGS
    assert caught.value.liars == liars


def test_shares_of_no_secret_are_wrong_shares(village):
    """A number beyond 32 bytes is on the line of all that say it."""
    cohort = village.cohort(5).run(3)

    def bend(_number, index, data):
        honest = UnmaskingResponse.decode(data, cohort.params)
        shares = (*honest.releases[2].shares[:-1], PRIME - 1)
        releases = {**honest.releases, 2: replace(honest.releases[2], shares=shares)}
        signature = attest(cohort.params, village.identity(index), Domain.RELEASE, index, encode_releases(releases))
        return UnmaskingResponse(releases=releases, signature=signature).encode(cohort.params)

    with pytest.raises(SessionAborted) as caught:
        cohort.run(bend=bend)
    assert caught.value.reason is AbortReason.TOO_FEW_UNMASKINGS
    assert caught.value.liars == set(range(5))


def test_many_corrupted_shares_never_give_a_wrong_sum(village):
    check_corrupted(village, sessions=20)


@pytest.mark.slow
def test_ten_thousand_corrupted_shares_never_give_a_wrong_sum(village):
    assert check_corrupted(village, sessions=2000) > 10_000


def check_corrupted(village, sessions):
    corrupted, ends = 0, {True: 0, False: 0}
    for seed in range(sessions):
        choose = Random(seed)  # noqa: S311  (which shares are spoiled is no secret)
        clients = choose.randint(4, 6)
        cohort = village.cohort(clients, length=2, quorum=choose.randint(clients // 2 + 1, clients - 1))
        silent = {choose.randrange(clients): 0} if choose.random() < 0.5 else {}
        cohort.run(3, silent_from=silent)
        survivors, params = cohort.server.survivors, cohort.params
        wrong = {m: choose.sample(survivors, choose.randint(1, 3)) for m in cohort.requests[3] if choose.random() < 0.6}
        corrupted += sum(map(len, wrong.values()))
        for member, request in cohort.requests[3].items():
            answer = cohort.answer(3, member, request)
            cohort.server.receive(member, lying(village, params, answer, member, wrong.get(member, []), choose))
        liars, summed = close(cohort, survivors)
        assert liars <= wrong.keys()
        ends[summed] += 1
    assert all(ends.values())
    return corrupted


def close(cohort, survivors):
    """Who was named, and whether there is a sum; it is the right one."""
    try:
        cohort.server.close_round()
    except SessionAborted as aborted:
        return aborted.liars, False
    cohort.check_aggregate(survivors)
    return cohort.server.liars, True


def test_a_dealer_that_commits_one_thing_and_shares_another_is_named(village, monkeypatch):
    cohort, dealer = village.cohort(5, quorum=4), 2
    original = client_module.deal

    def deal(params, secrets, sharing_seed):
        if len(cohort.responses[0]) == dealer:  # clients speak in order
            secrets = [*secrets[:-1], bytes(32)]
        return original(params, secrets, sharing_seed)

    monkeypatch.setattr(client_module, "deal", deal)
    with pytest.raises(SessionAborted) as caught:
        cohort.run()
    assert caught.value.reason is AbortReason.INCONSISTENT_SHARES
    assert caught.value.liars == {dealer}


def test_an_owner_whose_boxes_do_not_open_is_left_out_and_its_input_taken_back(village, monkeypatch):
    cohort, owner = village.cohort(5), 3
    original = client_module.seal

    def seal(params, keys, sender, contents):
        boxes = original(params, keys, sender, contents)
        return [bytes(len(box)) for box in boxes] if sender == owner else boxes

    monkeypatch.setattr(client_module, "seal", seal)
    cohort.run().check_aggregate([0, 1, 2, 4])
    for response in cohort.responses[1].values():
        assert OpenBoxesResponse.decode(response, cohort.params).unopened == {owner}


@pytest.mark.parametrize("recall", [None, "another message"])
def test_without_the_message_an_input_cannot_be_taken_back(village, monkeypatch, recall):
    cohort, owner = village.cohort(5), 3
    original = client_module.seal
    monkeypatch.setattr(
        client_module,
        "seal",
        lambda params, keys, sender, contents: (
            [b"\1" * len(box) for box in original(params, keys, sender, contents)]
            if sender == owner
            else original(params, keys, sender, contents)
        ),
    )
    cohort.server = Server(cohort.params, recall=recall and (lambda _: cohort.responses[0][1]))
    cohort.server.start()
    with pytest.raises(SessionAborted) as caught:
        cohort.run()
    assert caught.value.reason is AbortReason.SPOILED_BOXES


def test_a_box_with_other_shares_than_its_message_fixes_is_reported(village, monkeypatch):
    """The dealer seals other shares than it hashed; so does one that seals no shares at all."""
    for content in (bytes(33 * 5), b"\xff" * 33 * 5):
        cohort, owner = village.cohort(5), 1
        original = client_module.seal
        with monkeypatch.context() as patch:
            patch.setattr(
                client_module,
                "seal",
                lambda params, keys, sender, contents, original=original, content=content, owner=owner: original(
                    params, keys, sender, [content] * len(contents) if sender == owner else contents
                ),
            )
            cohort.run().check_aggregate([0, 2, 3, 4])


# What the server refuses


def test_one_message_of_each_client_counts_and_the_same_again_is_no_second_one(village):
    cohort = village.cohort()
    message = cohort.answer(0, 0, cohort.requests[0][0])
    cohort.server.receive(0, message)
    cohort.server.receive(0, message)
    other = SpeakResponse.decode(message, cohort.params)
    for changes, sentence in (
        ({"packed": [bytes(24)]}, "already"),
        ({"manifest": replace(other.manifest, signature=bytes(64))}, "signature"),
    ):
        with pytest.raises(FaultyClientError, match=sentence):
            cohort.server.receive(0, replace(other, **changes).encode(cohort.params))


def test_a_message_must_be_what_its_manifest_says(village):
    cohort = village.cohort()
    honest = SpeakResponse.decode(cohort.answer(0, 0, cohort.requests[0][0]), cohort.params)
    for changes in (
        {"packed": [bytes(24)]},
        {"commitments": [bytes(32)] * 4},
        {"roots": [bytes(32)] * 4},
        {"boxes": [bytes(len(honest.boxes[0]))] * 4},
    ):
        with pytest.raises(FaultyClientError, match="manifest"):
            cohort.server.receive(0, replace(honest, **changes).encode(cohort.params))


def test_reports_and_shares_must_be_about_what_was_delivered(village):
    cohort = village.cohort(4).run(1, silent_from={3: 0})
    unopened = frozenset({3})
    signature = attest(cohort.params, village.identity(0), Domain.REPORT, 0, encode_indices(unopened))
    report = OpenBoxesResponse(unopened=unopened, signature=signature).encode(cohort.params)
    with pytest.raises(FaultyClientError, match="not given"):
        cohort.server.receive(0, report)
    cohort.run(3)
    answer = UnmaskingResponse.decode(cohort.answer(3, 0, cohort.requests[3][0]), cohort.params)
    releases = {owner: release for owner, release in answer.releases.items() if owner}
    signature = attest(cohort.params, village.identity(0), Domain.RELEASE, 0, encode_releases(releases))
    with pytest.raises(FaultyClientError, match="of each survivor"):
        cohort.server.receive(0, UnmaskingResponse(releases=releases, signature=signature).encode(cohort.params))
    with pytest.raises(FaultyClientError, match="signature"):
        cohort.server.receive(0, replace(answer, releases=releases).encode(cohort.params))


def test_a_message_that_is_late_enters_no_sum(village):
    cohort = village.cohort(4).run(1, silent_from={3: 0})
    late = cohort.answer(0, 3, cohort.requests[0][3])
    with pytest.raises(FaultyClientError, match="SpeakResponse in state"):
        cohort.server.receive(3, late)
    cohort.run().check_aggregate([0, 1, 2])


def test_the_server_says_what_is_out_of_order(village):
    cohort = village.cohort()
    for server in (Server(cohort.params), cohort.server):
        with pytest.raises(LocalProtocolError):
            _ = server.survivors
        with pytest.raises(LocalProtocolError):
            server.aggregate()
    with pytest.raises(LocalProtocolError):
        cohort.server.start()
    fresh = Server(cohort.params)
    with pytest.raises(LocalProtocolError):
        fresh.close_round()
    with pytest.raises(LocalProtocolError):
        fresh.receive(0, b"")
    with pytest.raises(FaultyClientError):
        cohort.server.receive(0, b"")
    with pytest.raises(LocalProtocolError):
        cohort.server.receive(9, b"")
    cohort.run(2)
    assert cohort.server.survivors == (0, 1, 2, 3)
