"""docs/data-flow.md says what the code does: nothing passes a boundary that does not stand there with its threats."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import fedstyle_secure
from fedstyle_secure.aggregation.letters import Purpose
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.wire.enrolment import Join, Leave, Publish, Renew, Withdraw
from fedstyle_secure.wire.trainings import Offer, Outcome
from protocols.secagg import states
from protocols.secagg.messages import Request, Response
from tests import data_flow
from tests.data_flow import BOUNDARIES, ELEMENTS, MESSAGE_THREATS, Flow, data_flow_page, flows
from threat_models.claim import Claim, Limit, Linddun, Stride

CODE = Path(fedstyle_secure.__file__).parents[1]
MESSAGES = {message.__name__ for message in (*get_args(Request), *get_args(Response))}

OUT_OF_THE_HOUSE: dict[str, set[str]] = {
    "receive_announcement": {"acknowledgment"},
    "receive_request": {"receipt"},
    "release_prototype": set(),
    "publish_signature": {"Signature"},
    "expire": set(),
}
"""By the artist's methods, what they let out; `receive_request` lets out the protocol's responses as well."""
ASKED_BY_A_PLATFORM = {"Offer", "Outcome"}
TOLD_TO_A_PLATFORM = {"agreed or noted"} | {body.__name__ for body in (Join, Publish, Withdraw, Leave, Renew)}
"""What an agent hears and says outside of sessions."""


def between(source: str, target: str) -> set[str]:
    """Names of what passes from one boundary to another."""
    return {
        flow.name
        for flow in flows()
        if (ELEMENTS[flow.source].boundary, ELEMENTS[flow.target].boundary) == (source, target)
    }


def test_every_message_of_the_protocol_passes_the_wall_in_its_own_direction() -> None:
    requests = {request.__name__ for request in get_args(Request)}
    assert between("hall", "house") - {"Announcement"} - ASKED_BY_A_PLATFORM == requests
    assert between("house", "hall") - {"acknowledgment", "receipt"} - TOLD_TO_A_PLATFORM == MESSAGES - requests
    assert set(MESSAGE_THREATS) == MESSAGES


def test_a_new_message_without_threats_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class GossipRequest:
        pass

    class GossipResponse:
        pass

    monkeypatch.setattr(
        data_flow, "CLIENT_TRANSITIONS", {**states.CLIENT_TRANSITIONS, (states.Unmasked, GossipRequest): states.Aborted}
    )
    monkeypatch.setattr(
        data_flow,
        "SERVER_TRANSITIONS",
        {**states.SERVER_TRANSITIONS, (states.Completed, GossipResponse): states.Aborted},
    )
    with pytest.raises(KeyError, match="GossipRequest"):
        data_flow_page()
    monkeypatch.setattr(data_flow, "MESSAGE_THREATS", MESSAGE_THREATS | {"GossipRequest": (1,), "GossipResponse": (1,)})
    assert "5 GossipResponse" in data_flow_page()


def test_nothing_leaves_an_artists_house_by_another_door() -> None:
    doors = {name for name, value in vars(Artist).items() if inspect.isfunction(value) and not name.startswith("_")}
    assert doors == OUT_OF_THE_HOUSE.keys()
    assert get_type_hints(Artist.release_prototype)["return"] is type(None)
    responses = {response.__name__ for response in get_args(Response)}
    leaving = between("house", "hall") | between("house", "library") | between("house", "buyer")
    assert leaving == responses.union(TOLD_TO_A_PLATFORM, *OUT_OF_THE_HOUSE.values())


def test_every_purpose_of_an_envelope_stands_in_the_data_flow() -> None:
    """A new one is a new way between artist and platform."""
    passing = between("hall", "house") | between("house", "hall")
    named = {
        body.PURPOSE for body in (Offer, Outcome, Join, Publish, Withdraw, Leave, Renew) if body.__name__ in passing
    }
    assert set(Purpose) - named == {Purpose.ANNOUNCEMENT, Purpose.SESSION, Purpose.POLL}


def test_a_buyers_machine_lets_nothing_out() -> None:
    assert not [flow for flow in flows() if flow.crosses and ELEMENTS[flow.source].boundary == "buyer"]


def exchanges() -> Iterator[str]:
    """Modules of fedstyle_secure in which a server puts bytes into mailboxes."""
    for path in sorted((CODE / "fedstyle_secure").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "exchange":
                yield path.name


def test_bytes_pass_the_wall_in_one_place_in_signed_envelopes() -> None:
    assert list(exchanges()) == ["letters.py"]


def test_every_element_stands_somewhere_in_the_code_and_takes_part() -> None:
    touched = {end for flow in flows() for end in (flow.source, flow.target)} | {"engine"}
    assert touched == set(ELEMENTS)
    assert {element.boundary for element in ELEMENTS.values()} == set(BOUNDARIES)
    assert [
        element.where for element in ELEMENTS.values() if element.where and not (CODE / element.where).is_file()
    ] == []


def test_every_flow_has_a_threat_and_every_threat_a_flow() -> None:
    assert all(flow.threats for flow in flows())
    assert {number for flow in flows() for number in flow.threats} == set(range(1, 22)) - {19, 21} | {23, 27}


def test_flows_of_a_type_say_what_it_carries() -> None:
    assert all(flow.carries for flow in flows())
    (sent,) = [flow for flow in flows() if flow.name == "MaskedInputResponse"]
    assert sent == Flow(
        name=sent.name,
        source="client",
        target="server",
        carries=("unopened", "signature", "packed"),
        threats=(1, 9, 10),
    )


def test_threats_are_listed_under_the_categories_they_state() -> None:
    claim = Claim(
        number=7,
        title="differencing",
        adversary="a server",
        assets="an update",
        assumption="none",
        promise="none",
        defenses={"cohort": "policy.py"},
        power=(Limit(figure="rank", at_least=1),),
        protected=(Limit(figure="rank", at_most=0),),
        residual="none",
        tests=(),
        linddun=(Linddun.LINKING,),
        stride=(Stride.INFORMATION_DISCLOSURE,),
    )
    text = "\n".join(data_flow._categories([claim]))
    assert "| LINDDUN | linking | TM-7 |" in text
    assert "| STRIDE | information disclosure | TM-7 |" in text
    assert text.count("TM-7") == 2
    assert not list(data_flow._categories([]))
