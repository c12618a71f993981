"""Every state of the server meets every message: it counts, is the same again, or is refused by name; nothing else."""

from itertools import product
from typing import get_args

import pytest

from protocols import FaultyClientError, LocalProtocolError, SessionAborted
from protocols.speakonce import states
from protocols.speakonce.messages import Response
from protocols.speakonce.server import Server

RESPONSES = get_args(Response)
ROUND_OF = {
    states.CollectingInputs: 0,
    states.CollectingReports: 1,
    states.CollectingSignatures: 2,
    states.CollectingShares: 3,
    states.Completed: 4,
}


@pytest.fixture(scope="module")
def honest(village):
    return village.cohort().run()


def server_in(state, honest):
    """A server that has come as far as this state, and has taken nothing in it."""
    server = Server(honest.params)
    if state is not states.Ready:
        server.start()
    if state is states.Aborted:
        with pytest.raises(SessionAborted):
            server.close_round()
    for responses in honest.responses[: ROUND_OF.get(state, 0)]:
        for index, response in responses.items():
            server.receive(index, response)
        server.close_round()
    assert type(server._held.look()) is state
    return server


def test_the_tables_name_every_message_and_state():
    assert {message for _, message in states.SERVER_TRANSITIONS} == set(RESPONSES)
    assert set(get_args(states.ServerState)) == {*ROUND_OF, states.Ready, states.Aborted}


@pytest.mark.parametrize("state", get_args(states.ServerState), ids=lambda state: state.__name__)
def test_every_state_meets_every_response(state, honest):
    """Of a client whose turn it would be; then the same again, another one signed alike, and one out of order."""
    for number, kind in enumerate(RESPONSES):
        server, data = server_in(state, honest), honest.responses[number][0]
        if (state, kind) in states.SERVER_TRANSITIONS:
            server.receive(0, data)
            before = server._held.look()
            server.receive(0, data)
            assert server._held.look() is before
            assert list(before.received) == [0]
            for other in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"\0"):
                with pytest.raises(FaultyClientError):
                    server.receive(0, other)
        elif number < ROUND_OF.get(state, 0):
            server.receive(0, data)  # it was taken then, and again means nothing
        else:
            refusal = LocalProtocolError if state in {states.Ready, states.Aborted} else FaultyClientError
            with pytest.raises(refusal, match=f"in state {state.__name__}"):
                server.receive(0, data)
        assert type(server._held.look()) is state


@pytest.mark.parametrize("state", ROUND_OF, ids=lambda state: state.__name__)
def test_who_was_not_asked_or_says_nothing_of_the_protocol_is_refused_and_nothing_changes(state, honest):
    server = server_in(state, honest)
    for data in (b"", b"\xff" * 40, honest.requests[0][0], bytes((RESPONSES[0].TAG, 2)), b"\x99" + bytes(40)):
        with pytest.raises(FaultyClientError):
            server.receive(0, data)
    for index in (-1, honest.params.clients):
        with pytest.raises(LocalProtocolError):
            server.receive(index, honest.responses[0][0])
    assert type(server._held.look()) is state


def test_a_response_in_another_clients_name_is_refused(honest):
    """Whatever it is, a signature, or what was asked for, is another's."""
    for number, (state, mine, others) in enumerate(product(list(ROUND_OF)[:4], (0,), (1,))):
        with pytest.raises(FaultyClientError):
            server_in(state, honest).receive(mine, honest.responses[number][others])
