"""Every state of both machines meets every message: what the table allows succeeds, everything else is refused."""

from typing import get_args

import pytest

from protocols import Client, FaultyClientError, FaultyServerError, LocalProtocolError, Server
from protocols.secagg import client as client_module
from protocols.secagg import server as server_module
from protocols.secagg import states
from protocols.secagg.messages import Request, Response, request_type, response_type
from protocols.secagg.states import CLIENT_TRANSITIONS, SERVER_TRANSITIONS, Aborted

REQUESTS, RESPONSES = get_args(Request), get_args(Response)
CLIENT_STATES, SERVER_STATES = get_args(states.ClientState), get_args(states.ServerState)


@pytest.fixture(scope="module")
def honest(house):
    return house.cohort().run(silent_from={3: 2})


def client_in(state, honest, house) -> Client:
    """Client 0, deterministic as it is, led to `state` by the requests of the honest session."""
    client = house.client(honest.params, 0)
    if state is Aborted:
        with pytest.raises(FaultyServerError):
            client.receive(b"")
    for requests in honest.requests[:5]:
        if type(client._held.look()[0]) is state:
            break
        client.receive(requests[0])
    assert type(client._held.look()[0]) is state
    return client


def server_in(state, honest) -> Server:
    server = Server(honest.params)
    if state is Aborted:
        server.start()
        with pytest.raises(Exception, match="too few"):
            server.close_round()
    elif state is not states.Ready:
        server.start()
        for responses in honest.responses:
            if type(server._held.look()) is state:
                break
            for index, response in responses.items():
                server.receive(index, response)
            server.close_round()
    assert type(server._held.look()) is state
    return server


@pytest.mark.parametrize("state", CLIENT_STATES)
@pytest.mark.parametrize("number", range(5))
def test_client_states_times_requests(state, number, honest, house):
    request = honest.requests[number][0]
    client = client_in(state, honest, house)
    after = CLIENT_TRANSITIONS.get((state, request_type(request)))
    if CLIENT_STATES.index(state) == number + 1:  # what it answered last
        assert client.receive(request) == honest.responses[number][0]
        assert type(client._held.look()[0]) is state
    elif after:
        assert client.receive(request) == honest.responses[number][0]
        assert type(client._held.look()[0]) is after
    else:
        with pytest.raises(LocalProtocolError if state is Aborted else FaultyServerError):
            client.receive(request)
        assert client._held.look()[0] == Aborted()


@pytest.mark.parametrize("state", CLIENT_STATES)
@pytest.mark.parametrize("number", range(5))
def test_client_states_times_responses(state, number, honest, house):
    client = client_in(state, honest, house)
    with pytest.raises(LocalProtocolError if state is Aborted else FaultyServerError):
        client.receive(honest.responses[number][0])
    assert client._held.look()[0] == Aborted()


@pytest.mark.parametrize("state", SERVER_STATES)
@pytest.mark.parametrize("number", range(5))
def test_server_states_times_responses(state, number, honest):
    response = honest.responses[number][0]
    server = server_in(state, honest)
    before = server._held.look()
    if (state, response_type(response)) in SERVER_TRANSITIONS:
        server.receive(0, response)
        assert 0 in before.received
    elif number + 1 < SERVER_STATES.index(state) < len(SERVER_STATES) - 1:  # what it took in an earlier round
        server.receive(0, response)
    else:
        with pytest.raises(LocalProtocolError if state in (states.Ready, Aborted) else FaultyClientError):
            server.receive(0, response)
    assert server._held.look() is before


@pytest.mark.parametrize("state", SERVER_STATES)
@pytest.mark.parametrize("number", range(5))
def test_server_states_times_requests(state, number, honest):
    server = server_in(state, honest)
    before = server._held.look()
    with pytest.raises(LocalProtocolError if state in (states.Ready, Aborted) else FaultyClientError):
        server.receive(0, honest.requests[number][0])
    assert server._held.look() is before


@pytest.mark.parametrize("state", SERVER_STATES)
def test_server_states_times_closing(state, honest):
    server = server_in(state, honest)
    following = {before: after for (before, _), after in SERVER_TRANSITIONS.items()}
    if state not in following:
        with pytest.raises(LocalProtocolError):
            server.close_round()
        assert type(server._held.look()) is state
        return
    number = list(following).index(state)
    for index, response in honest.responses[number].items():
        server.receive(index, response)
    server.close_round()
    assert type(server._held.look()) is following[state]


def test_a_session_starts_once(honest):
    for state in SERVER_STATES:
        server = server_in(state, honest)
        if state is states.Ready:
            assert server.start() == honest.requests[0]
        with pytest.raises(LocalProtocolError):
            server.start()


def test_the_tables_are_one_line_from_the_first_state_to_the_last():
    for table, first, last, messages in (
        (CLIENT_TRANSITIONS, states.Invited, states.Unmasked, REQUESTS),
        (SERVER_TRANSITIONS, states.CollectingAdvertisements, states.Completed, RESPONSES),
    ):
        state, path = first, []
        while state is not last:
            (message,) = [message for before, message in table if before is state]
            path.append(message)
            state = table[state, message]
        assert tuple(path) == messages


def test_a_row_without_a_step_does_not_pass_silently(honest, house, monkeypatch):
    request, response = honest.requests[4][0], honest.responses[4][0]
    more = {**CLIENT_TRANSITIONS, (states.Unmasked, request_type(request)): states.Unmasked}
    monkeypatch.setattr(client_module, "CLIENT_TRANSITIONS", more)
    with pytest.raises(LocalProtocolError, match="no step"):
        client_in(states.Unmasked, honest, house).receive(request + b"\0")
    more = {**SERVER_TRANSITIONS, (states.Completed, response_type(response)): states.Completed}
    monkeypatch.setattr(server_module, "SERVER_TRANSITIONS", more)
    with pytest.raises(LocalProtocolError, match="takes no response"):
        server_in(states.Completed, honest).receive(0, response + b"\0")


def test_states_are_frozen_and_hide_their_secrets(honest, house):
    for state in CLIENT_STATES:
        current = client_in(state, honest, house)._held.look()[0]
        assert not hasattr(current, "__dict__")
        with pytest.raises((AttributeError, TypeError)):
            current.params = None
        shown = repr(current)
        assert "array" not in shown
        assert "SharePair" not in shown
        assert "KeyPair" not in shown
        for secret in ("random", "self_mask_seed", "sharing_seed", "mask_key"):
            assert not hasattr(current, secret) or repr(getattr(current, secret)) not in shown


def test_the_last_states_hold_nothing():
    assert states.Unmasked.__slots__ == ()
    assert states.Aborted.__slots__ == ()
