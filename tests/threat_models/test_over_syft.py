"""TM-1, TM-3 and TM-9 through the door of the engine over syft: an engine that lies is one more server that lies."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("syft", reason="needs the optional extra: pip install '.[syft]'")
pytest.importorskip("syft_rds", reason="needs the optional extra: pip install '.[syft]'")

from fedstyle_secure.aggregation.letters import ENVELOPE_SIZE, Envelope, Purpose
from fedstyle_secure.announcement import RECEIPT_BYTES
from fedstyle_secure.engines.courier import Wait
from fedstyle_secure.engines.syft import open_local
from protocols.secagg.messages import MaskedInputResponse
from threat_models.platform_key import SERVER_KEY
from threat_models.town import Federation, public_key

pytestmark = pytest.mark.slow


@dataclass
class Door:
    """What an engine may do to what it carries: keep it, and change it on either way."""

    engine: Any
    to_artist: Callable[[str, bytes], bytes] = lambda _mailbox, request: request
    from_artist: Callable[[str, bytes], bytes] = lambda _mailbox, reply: reply
    seen: list[bytes] = field(default_factory=list)

    def exchange(self, requests: Mapping[str, bytes], *, name: str, wait: Wait) -> Iterator[tuple[str, bytes]]:
        bent = {mailbox: self.to_artist(mailbox, request) for mailbox, request in requests.items()}
        self.seen += bent.values()
        for mailbox, reply in self.engine.exchange(bent, name=name, wait=wait):
            self.seen.append(reply)
            if changed := self.from_artist(mailbox, reply):
                yield mailbox, changed


def federation(tmp_path, name):
    return Federation(folder=tmp_path / name, multipliers=(0.0,))


def over_syft(town, **lies):
    """One iteration over syft, behind a door that lies; what it came to, and what passed."""
    with open_local(town.engine) as engine:
        door = Door(engine, **lies)
        (outcome,) = town.loop(engine=door)
    return outcome, door


def is_input(reply):
    return reply[ENVELOPE_SIZE + RECEIPT_BYTES :][:1] == bytes((MaskedInputResponse.TAG,))


def test_tm1_all_that_passes_is_signed_envelopes_and_the_sum_is_the_same(tmp_path):
    """The engine sees envelopes and nothing else; what it carried comes to the integers that it came to before."""
    (expected,) = federation(tmp_path, "memory").run()
    outcome, door = over_syft(federation(tmp_path, "syft"))
    assert outcome.aggregate.digest == expected.aggregate.digest
    parties = {SERVER_KEY, *map(public_key, range(8))}
    for data in door.seen:
        claims = Envelope.claims(data)
        Envelope.open(data, sender=claims.sender, recipient=claims.recipient, purpose=claims.purpose)
        assert {claims.sender, claims.recipient} <= parties
        assert claims.purpose in {Purpose.ANNOUNCEMENT, Purpose.SESSION}
    uploads = [reply[ENVELOPE_SIZE + RECEIPT_BYTES :] for reply in door.seen if is_input(reply)]
    assert len({upload[-1000:] for upload in uploads}) == 8  # masked: no two alike


def test_tm3_what_an_engine_changes_on_its_way_no_artist_answers(tmp_path):
    """Another round, another artist's request, a bit: each is refused, and the session ends or goes on without."""
    town, kept = federation(tmp_path, "syft"), {}

    def lie(mailbox, request):
        kept.setdefault(mailbox, request)
        if mailbox == "artist 3/session":
            return kept.get("artist 2/session", request)
        if mailbox == "artist 4/session":
            return request[:-1] + bytes((request[-1] ^ 1,))
        return request

    outcome, _ = over_syft(town, to_artist=lie)
    assert set(town.engine.refusals) == {"artist 3/session", "artist 4/session"}
    assert outcome.aggregate.survivors == 6


@pytest.mark.parametrize("lie", ["a coordinate", "another's", "an old one"])
def test_tm9_a_reply_that_was_changed_is_a_dropout_and_the_sum_is_exact(tmp_path, lie):
    town, kept = federation(tmp_path, "syft"), {}

    def forge(mailbox, reply):
        earlier = kept.get(mailbox, reply)
        kept[mailbox] = reply
        if mailbox != "artist 3/session" or not is_input(reply):
            return reply
        forged = {
            "a coordinate": reply[:-1] + bytes((reply[-1] ^ 7,)),
            "another's": kept.get("artist 2/session", b""),
            "an old one": earlier,
        }
        return forged[lie]

    outcome, _ = over_syft(town, from_artist=forge)

    def lose(mailbox, reply):
        return b"" if mailbox == "artist 3/session" and is_input(reply) else reply

    honest = federation(tmp_path, "memory")
    (expected,) = honest.loop(engine=Door(honest.engine, from_artist=lose))
    assert outcome.aggregate.survivors == expected.aggregate.survivors == 7
    assert outcome.aggregate.digest == expected.aggregate.digest
