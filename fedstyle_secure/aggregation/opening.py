"""The server's side of what comes before a window: keys of the whole cohort, a frozen roster, a beacon."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocols import ProtocolError
from protocols.speakonce import Prekeys, WindowParams, verify_prekeys

from ..engines.courier import Engine, Window
from ..privacy.mechanism import Mechanism
from .letters import Purpose, exchange
from .session import Subject
from .summing import AggregationAborted
from .windows import ROUNDS_AHEAD, Frozen, KeysWanted, Speaking, draw, freeze

_KEYS_ROUND, _FROZEN_ROUND = range(ROUNDS_AHEAD)


def open_window(
    subject: Subject,
    mechanism: Mechanism,
    engine: Engine,
    artists: Mapping[str, bytes],
    *,
    session: int,
    identity: Ed25519PrivateKey,
    speaking: Speaking,
    take: Callable[[str, bytes], bytes],
    window: Window,
) -> WindowParams:
    """Ask a cohort for keys, show it what was frozen, and draw the beacon (WND-1, WND-2).

    Args:
        subject: What the session is about.
        mechanism: What uploads go through.
        engine: Moves the bytes.
        artists: Ed25519 public keys by mailbox: the cohort.
        session: Its number.
        identity: The platform's signing key.
        speaking: Beacon and times.
        take: Of a mailbox and its reply, takes off what else its artist put into it, and returns the session's own.
        window: How long artists have for each of both.

    Returns:
        The parameters of a window over the whole cohort.

    Raises:
        AggregationAborted: Somebody gave no keys.
        InputError: The cohort cannot bear the corrupt artists or dropouts that the mechanism assumes.
    """
    server_key = identity.public_key().public_bytes_raw()

    def ask(request: bytes, round_: int, name: str, enough: int) -> dict[str, bytes]:
        replies = exchange(
            engine,
            dict.fromkeys(artists, request),
            artists,
            Purpose.SESSION,
            name=f"session {session} {name}",
            wait=window.until(enough),
            identity=identity,
            session=session,
            round_=round_,
        )
        return {mailbox: take(mailbox, reply) for mailbox, reply in replies}

    prekeys: dict[bytes, bytes] = {}
    for mailbox, reply in ask(KeysWanted(session=session).encode(), _KEYS_ROUND, "keys", len(artists)).items():
        with suppress(ProtocolError):
            own = artists[mailbox]
            verify_prekeys(own, server_key=server_key, session=session, prekeys=Prekeys.decode(reply))
            prekeys[own] = reply
    missing = [mailbox for mailbox, own in artists.items() if own not in prekeys]
    if missing:
        raise AggregationAborted(
            f"iteration {subject.iteration}: {len(missing)} of {len(artists)} artists gave no keys ahead, and a cohort "
            "stays together"
        )
    opening = speaking.opening(session)
    frozen = freeze(
        tuple(artists.values()),
        subject,
        mechanism,
        session=session,
        server_key=server_key,
        prekeys=prekeys,
        end=opening.end,
    )
    shown = Frozen(session=session, pulse=opening.pulse, digest=frozen.frozen_digest)
    ask(shown.encode(), _FROZEN_ROUND, "frozen", frozen.min_survivors)
    return draw(frozen, speaking.beacon.pulse(opening.pulse))
