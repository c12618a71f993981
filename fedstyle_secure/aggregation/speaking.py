"""The artist's side of a window: keys ahead, a look at what was frozen, one message, and a member's three answers.

It promises what `masking` does (AGG-1, AGG-3, AGG-7), and

SPK-1  An artist speaks under a frozen roster that it took note of before the beacon's pulse was drawn (WND-1), and
       takes note of one for each session.
SPK-2  Keys for a session live for this artist's patience and no longer, by its own clock, used or not: a window ends
       before that, or nobody speaks in it.
SPK-3  What an artist noted, and until when its keys live, is kept with the session's state, before the answer leaves.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

from protocols import FaultyServerError, PolicyRule, PolicyViolationError, Position, Vault
from protocols.codec import Reader, uint
from protocols.params import DIGEST_SIZE
from protocols.speakonce import CLIENT_RANDOM_BYTES, Client, WindowParams, WindowPolicy
from protocols.speakonce.messages import SpeakRequest

from ..privacy.randomness import RandomBytes
from ..privacy.releases import SessionMark
from .masking import Keeping, Part, Stage, mark_of, policy_of, vectors_of
from .session import check_support
from .windows import SEEN, Beacon, Frozen, KeysWanted

_NOTE_BYTES: Final = 1 + 8 + 8 + DIGEST_SIZE
_STAGES: Final = {3: Stage.BOXES_OPENED, 4: Stage.SURVIVORS_SIGNED, 6: Stage.ABORTED}
"""By a snapshot's sequence number, where it tells the stage; elsewhere what is being answered does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What an artist knows of a session beside its client's state.

    Attributes:
        stage: What it answered last.
        deadline: Until when the keys live, in whole seconds of the artist's clock.
        pulse: Which the noted roster's beacon is; 0 before there is one.
        digest: Of that roster, 32 bytes.
    """

    stage: Stage
    deadline: int
    pulse: int = 0
    digest: bytes = bytes(DIGEST_SIZE)

    def encode(self) -> bytes:
        return uint(self.stage, 1) + uint(self.deadline, 8) + uint(self.pulse, 8) + self.digest

    @classmethod
    def decode(cls, data: bytes) -> Self:
        reader = Reader(data, cls.__name__)
        return cls(
            stage=Stage(reader.uint(1)),
            deadline=reader.uint(8),
            pulse=reader.uint(8),
            digest=reader.take(DIGEST_SIZE),
        )


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What is kept of a session (SPK-3), for its client to write to: a session that is left goes, with what it read.

    Attributes:
        keeping: Where it goes.
        note: Beside the client's state.
        ahead: Stage of what is being answered.
        snapshot: The client's state.
    """

    keeping: Keeping
    note: _Note
    ahead: Stage = Stage.INVITED
    snapshot: bytes = b""

    @property
    def vault(self) -> Vault:
        return Vault(key=self.keeping.key, keep=self._keep_client)

    def keep(self, note: _Note, snapshot: bytes) -> None:
        self.keeping.keep(note.stage, snapshot + note.encode())
        self.note, self.snapshot = note, snapshot

    def _keep_client(self, snapshot: bytes) -> None:
        stage = _STAGES.get(Position.of(snapshot).sequence, self.ahead)
        self.keep(replace(self.note, stage=stage), snapshot)


class SpokenSession:
    """One artist's side of one window: bytes in, bytes out, and a `ProtocolError` whenever the server is faulty.

    Args:
        part: What the artist brings into it.
        beacon: Where this artist reads the beacon.
        random: Source of secret random bytes.
        keeping: Where the session's state goes.
    """

    def __init__(self, part: Part, *, beacon: Beacon, random: RandomBytes, keeping: Keeping) -> None:
        check_support(part.mechanism, part.conditions.min_cohort)
        self._part = part
        self._beacon = beacon
        self._random = random
        self._client: Client | None = None
        self._kept = _Kept(keeping=keeping, note=_Note(stage=Stage.INVITED, deadline=0))
        self._number = part.last_session
        self._params: WindowParams | None = None

    @classmethod
    def resume(cls, snapshot: bytes, part: Part, *, beacon: Beacon, random: RandomBytes, keeping: Keeping) -> Self:
        """Go on from what `keeping` was given last.

        Raises:
            ProtocolError: It does not open, or is older than `part.last_session`.
        """
        session = cls(part, beacon=beacon, random=random, keeping=keeping)
        session._kept.snapshot, note = snapshot[:-_NOTE_BYTES], snapshot[-_NOTE_BYTES:]
        session._kept.note = _Note.decode(note)
        session._client = Client.restore(
            session._kept.snapshot,
            identity=part.enrolment.identity,
            vault=session._kept.vault,
            at_least=Position(session=part.last_session),
        )
        session._number = session._client.position.session
        session._params = session._client.params
        return session

    @property
    def mark(self) -> SessionMark | None:
        """Which session it is; None before this artist was asked to speak."""
        return None if self._params is None else mark_of(self._params)

    @property
    def stage(self) -> Stage:
        """What this artist answered last."""
        return self._kept.note.stage

    @property
    def keys_until(self) -> int:
        """Until when keys or shares live, in whole seconds of the artist's clock; 0 once there are none."""
        return 0 if self._client is None or self._client.finished else self._kept.note.deadline

    @property
    def roster(self) -> frozenset[bytes]:
        """Identities in the session, once the masked update is on its way; empty before."""
        return frozenset() if self._params is None else frozenset(self._params.identities)

    def has_answered(self, data: bytes) -> bool:
        """Whether this is a request whose answer is given again."""
        if data[:1] == KeysWanted.TAG:
            return self.stage is Stage.KEYS_ADVERTISED and KeysWanted.decode(data).session == self._number
        return self._client is not None and self._client.has_answered(data)

    def receive(self, data: bytes) -> bytes:
        """Answer one request.

        Raises:
            ProtocolError: The artist refuses.
            Exception: What making or keeping the update raised; nothing was answered.
        """
        match data[:1]:
            case KeysWanted.TAG:
                return self._give_keys(KeysWanted.decode(data).session)
            case Frozen.TAG:
                return self._take_note(Frozen.decode(data))
        if data[:1] == bytes((SpeakRequest.TAG,)):
            return self._speak(data)
        self._kept.ahead = Stage.UNMASKED
        return self._working.receive(data)

    def expire(self) -> None:
        """Forget all keys and shares if this artist's patience is over (SPK-2)."""
        if self._client is not None and not self._client.finished and self._part.clock() > self._kept.note.deadline:
            self._kept.ahead = Stage.ABORTED
            self._client.expire()

    @property
    def _working(self) -> Client:
        if self._client is None:
            raise FaultyServerError("a request of a window for which no keys were given")
        return self._client

    def _give_keys(self, number: int) -> bytes:
        part = self._part
        if self._client is None:
            if number <= part.last_session:
                raise PolicyViolationError(
                    PolicyRule.SESSION, f"session {number} is not after {part.last_session}, the last one taken part in"
                )
            self._number = number
            self._kept.note = _Note(stage=Stage.INVITED, deadline=int(part.clock()) + part.conditions.patience)
            self._client = Client(
                identity=part.enrolment.identity,
                server_key=part.conditions.platform_key,
                session=number,
                random=self._random(CLIENT_RANDOM_BYTES),
                vault=self._kept.vault,
            )
        elif number != self._number:
            raise FaultyServerError(f"keys for session {number} were asked of session {self._number}")
        self._kept.ahead = Stage.KEYS_ADVERTISED
        return self._client.publish()

    def _take_note(self, frozen: Frozen) -> bytes:
        if self._working.finished or self.stage is not Stage.KEYS_ADVERTISED or frozen.session != self._number:
            raise FaultyServerError("a frozen roster of a session for which no keys wait")
        noted = replace(self._kept.note, pulse=frozen.pulse, digest=frozen.digest)
        if noted == self._kept.note:
            return SEEN
        if self._kept.note.pulse:
            raise PolicyViolationError(PolicyRule.FROZEN, "a second roster of one session")
        if frozen.pulse <= self._beacon.newest:
            raise PolicyViolationError(
                PolicyRule.BEACON, f"pulse {frozen.pulse} was drawn before this artist saw what is frozen"
            )
        self._kept.keep(noted, self._kept.snapshot)
        return SEEN

    def _speak(self, data: bytes) -> bytes:
        client = self._working
        if not client.has_answered(data) and not self._kept.note.pulse:
            raise PolicyViolationError(PolicyRule.FROZEN, "a window was opened before its roster was frozen")
        params = SpeakRequest.decode(data).params
        if client.has_answered(data):
            self._params = params
            return client.receive(data)
        part = self._part
        policy = WindowPolicy(
            terms=policy_of(part, last_session=self._number - 1),
            frozen_digest=self._kept.note.digest,
            beacon=self._beacon.pulse(self._kept.note.pulse),
            latest_end=self._kept.note.deadline,
        )
        self._params, self._kept.ahead = params, Stage.INPUT_MASKED
        return client.speak(data, policy=policy, vectors=vectors_of(part))
