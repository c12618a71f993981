"""Transcripts of windows: one text for each, no vector in it, and what is bent is named by its place."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from protocols.audit import Exchange, OmittedInput, Transcript, audit, omit_input, windows
from protocols.errors import MalformedMessageError
from protocols.primitives.field import PRIME
from protocols.speakonce.messages import OpenBoxesRequest, SpeakRequest, SpeakResponse


@pytest.fixture(scope="module")
def cohort(village):
    return village.cohort(4).run(silent_from={1: 1})


@pytest.fixture(scope="module")
def transcript(cohort):
    turns = zip(cohort.requests, cohort.responses, strict=False)
    return Transcript(
        cohort.params,
        tuple(Exchange(i, asked[i], answered.get(i)) for asked, answered in turns for i in asked),
    )


def test_a_window_comes_back_without_its_vectors_and_is_audited_alike(transcript, cohort):
    kept = Transcript.decode(transcript.encode())
    assert kept.encode() == transcript.encode()
    opening = SpeakResponse.opening_size(cohort.params)
    for before, after in zip(transcript.exchanges, kept.exchanges, strict=True):
        assert after == replace(before, response=omit_input(before.request, before.response))
        if before.response is not None and before.response[0] == SpeakResponse.TAG:
            vectors = before.response[opening:]
            digest = sha256(vectors).digest()
            assert after.response == OmittedInput(header=before.response[:opening], size=len(vectors), digest=digest)
            assert vectors.hex().encode() not in transcript.encode()
    assert audit([kept]) == audit([transcript])
    assert audit([kept]).leaks == (dict.fromkeys(range(4), 1),)


def test_without_the_window_nobody_knows_where_the_vectors_begin(cohort):
    response = cohort.responses[0][0]
    assert omit_input(b"\x21", response) is response
    assert omit_input(cohort.requests[0][0], response[:100]) == response[:100]


def bend_window(cohort, exchange):
    """The same client, asked into another window: its message is none there."""
    other = SpeakRequest(params=replace(cohort.params, iteration=8)).encode()
    return replace(exchange, request=other)


def bend_size(_cohort, exchange):
    return replace(exchange, response=exchange.response + b"0")


def bend_answer(cohort, exchange):
    return replace(exchange, response=cohort.responses[1][0])


@pytest.mark.parametrize(
    ("bend", "complaint"),
    [
        (bend_window, "SpeakResponse: a message of another session"),
        (bend_size, "not a SpeakResponse with 24 bytes of vectors"),
        (bend_answer, "not a SpeakResponse with 24 bytes of vectors"),
    ],
)
def test_an_exchange_that_is_none_of_the_protocol_is_named(transcript, cohort, bend, complaint):
    bent = Transcript(cohort.params, (bend(cohort, transcript.exchanges[0]), *transcript.exchanges[1:]))
    with pytest.raises(MalformedMessageError, match=f"session 1, exchange 0, client 0: .*{complaint}"):
        audit([bent])


@pytest.mark.parametrize("header", ["22", "05" + "00" * 33])
def test_a_header_of_another_size_is_refused(transcript, header):
    content = json.loads(transcript.encode())
    content["exchanges"][0]["response"]["header"] = header
    with pytest.raises(MalformedMessageError, match="header: only the vectors"):
        Transcript.decode(json.dumps(content, indent=1).encode() + b"\n")


def test_who_is_asked_as_a_member_has_spoken(transcript, cohort):
    late = next(each for each in transcript.exchanges if each.request == cohort.requests[1][0])
    with pytest.raises(MalformedMessageError, match="the client has not spoken"):
        audit([Transcript(cohort.params, (late,))])


def test_shares_out_of_a_box_that_a_member_was_not_given_are_named(transcript, cohort):
    given = OpenBoxesRequest.decode(cohort.requests[1][0], cohort.params)
    fewer = {sender: each for sender, each in given.deliveries.items() if sender != 2}
    less = OpenBoxesRequest(deliveries=fewer).encode(cohort.params)
    exchanges = [
        replace(each, request=less) if each.request == cohort.requests[1][0] else each for each in transcript.exchanges
    ]
    with pytest.raises(MalformedMessageError, match="shares out of a box which this member was not given"):
        audit([Transcript(cohort.params, tuple(exchanges))])


def test_shares_of_both_ends_that_make_no_secret_together_tell_nothing(village):
    params = village.params(4)
    lone, *others = range(1, params.threshold + 2)
    dealings = windows._Dealings()
    dealings.points[params, 0, 1] = {0: {lone: PRIME - 1}, 1: dict.fromkeys(others, PRIME - 1)}
    assert windows._joined(dealings) == set()
