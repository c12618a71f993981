"""Sessions stand on the training that an artist agreed to and on the log that it was shown; neighbors expose a fork."""

from contextlib import suppress
from dataclasses import replace

import pytest

from fedstyle_secure.aggregation.session import Agreed, session_params
from fedstyle_secure.announcement import RECEIPT_BYTES
from protocols import FaultyClientError, FaultyServerError, PolicyRule, PolicyViolationError, Server, SessionAborted
from protocols.secagg.messages import AdvertiseKeysRequest, AdvertiseKeysResponse, ShareKeysRequest
from tests.artist.hall import Hall

AGREED = Agreed(training_digest=b"t" * 32, checkpoint_digest=b"c" * 32)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"training_digest": b"u" * 32}, PolicyRule.TRAINING),
        ({"checkpoint_digest": b"d" * 32}, PolicyRule.CHECKPOINT),
        ({"checkpoint_digest": bytes(32)}, PolicyRule.CHECKPOINT),
    ],
)
def test_agt11_a_session_of_another_training_or_log_is_refused_and_costs_nothing(town, changes, rule):
    artist = town.artist(agreed=AGREED)
    hall = Hall(town, artist)
    announcement = town.announcement()
    artist.receive_announcement(announcement.encode())
    _, requests = hall.invite(announcement.mechanism, agreed=replace(AGREED, **changes))
    with pytest.raises(PolicyViolationError) as refused:
        artist.receive_request(requests[0])
    assert refused.value.rule is rule
    assert artist.ledger.releases == ()
    _, requests = hall.invite(announcement.mechanism, agreed=AGREED)
    artist.receive_request(requests[0])


def test_agg8_artists_who_were_shown_two_logs_share_no_session(town):
    """The platform tells each half what it was shown, and hands all advertisements on: signatures give it away."""
    federation = town.federation()
    artists = list(federation.artists.values())
    announcement = town.announcement(
        federation.cohort.mechanism(1, dimensions=town.model().head.shape[1], outputs=len(town.model().head))
    )
    shown = [AGREED, replace(AGREED, checkpoint_digest=b"d" * 32)]
    invitations = []
    for number, artist in enumerate(artists):
        artist.agreed = shown[number % 2]
        artist.receive_announcement(announcement.encode())
        invitations.append(
            session_params(
                federation.identities,
                town.subject(agreed=artist.agreed),
                announcement.mechanism,
                session=1,
                server_key=town.SERVER_KEY,
            )
        )
    advertisements = {}
    for number, artist in enumerate(artists):
        answer = artist.receive_request(AdvertiseKeysRequest(params=invitations[number]).encode())[RECEIPT_BYTES:]
        advertisements[number] = AdvertiseKeysResponse.decode(answer, invitations[number]).advertisement
    for number, artist in enumerate(artists):
        request = ShareKeysRequest(advertisements=advertisements, digests={}).encode(invitations[number])
        with pytest.raises(FaultyServerError, match="signature"):
            artist.receive_request(request)
        assert artist.ledger.releases == ()
    for invitation in invitations[:2]:
        server = Server(invitation)
        server.start()
        for number, advertisement in advertisements.items():
            with suppress(FaultyClientError):
                server.receive(number, AdvertiseKeysResponse(advertisement=advertisement).encode(invitation))
        with pytest.raises(SessionAborted, match="too few clients advertised"):
            server.close_round()
