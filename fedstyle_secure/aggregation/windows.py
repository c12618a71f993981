"""What both sides of a window compute alike: who gave keys for it, what was frozen, and when its beacon is drawn.

In a window artists speak once (`protocols.speakonce`). Before it two things are asked of them: keys for this session,
and to look at what was frozen. The beacon that draws ring and committee comes after both.

WND-1  Whoever froze a roster did not know its beacon: what is frozen names a pulse, and an artist takes note of it only
       while that pulse has not been drawn, by a source of the artist's own; of one roster for each session.
WND-2  A cohort stays together (AGG-5): a window is opened over all of it, or not at all.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Protocol, Self, TypeAlias

from protocols import ProtocolError, SessionParams
from protocols.codec import Reader, uint
from protocols.params import DIGEST_SIZE
from protocols.speakonce import Prekeys, WindowParams, parameters

from ..errors import InputError
from ..privacy.mechanism import Mechanism
from ..privacy.randomness import RandomBytes
from .session import Subject, facts_of

AnyParams: TypeAlias = SessionParams | WindowParams
"""Of a session of either kind."""
Recall: TypeAlias = Callable[[str, str], bytes]
"""Of the names of an exchange and a mailbox, the sealed answer."""
SEEN: Final = b"seen"
"""What an artist answers to a frozen roster that it took note of."""
ROUNDS_AHEAD: Final = 2
"""Rounds of a session before anybody speaks: keys, and what is frozen."""
_NOT_DRAWN: Final = bytes(DIGEST_SIZE)


class Beacon(Protocol):
    """Public randomness in numbered pulses, which nobody knows before they are drawn."""

    @property
    def newest(self) -> int:
        """Number of the newest pulse that was drawn, 0 for none."""
        ...

    def pulse(self, number: int) -> bytes:
        """A pulse, 32 bytes; waits until it is drawn."""
        ...


class OwnBeacon:
    """A beacon where all roles are in one process: a pulse is drawn when it is first asked for, and never before.

    Args:
        random: Source of random bytes.
    """

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._pulses: dict[int, bytes] = {}
        self._one_at_a_time = threading.Lock()

    @property
    def newest(self) -> int:
        """Number of the newest pulse that was drawn, 0 for none."""
        return max(self._pulses, default=0)

    def pulse(self, number: int) -> bytes:
        """A pulse, 32 bytes."""
        with self._one_at_a_time:
            if number not in self._pulses:
                self._pulses[number] = self._random(DIGEST_SIZE)
            return self._pulses[number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """When a window's beacon is drawn, and when it ends.

    Attributes:
        pulse: Number of the beacon's pulse, not drawn yet.
        end: Seconds since 1970: messages that come later do not count.
    """

    pulse: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaking:
    """How a platform runs sessions in which artists speak once.

    Attributes:
        beacon: Where it reads the beacon.
        opening: Of a session's number, when its window opens and ends; the same when it is asked again.
        recall: Gives back what a mailbox answered in an exchange; None where no messages are kept: what came with
            boxes that do not open cannot be taken back then, and ends its session.
    """

    beacon: Beacon
    opening: Callable[[int], Opening]
    recall: Recall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysWanted:
    """To every artist of a cohort: keys for this session, ahead.

    Attributes:
        session: Its number.
    """

    TAG: ClassVar[bytes] = b"\x20"

    session: int

    def encode(self) -> bytes:
        """Tag and number, 9 bytes."""
        return self.TAG + uint(self.session, 8)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The inverse of `encode`.

        Raises:
            ProtocolError: Other bytes.
        """
        reader = Reader(data.removeprefix(cls.TAG), cls.__name__)
        wanted = cls(session=reader.uint(8))
        reader.finish()
        return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """To every artist of a cohort: this roster is frozen, and that pulse will draw its ring and committee.

    Attributes:
        session: The session's number.
        pulse: The beacon's, not drawn yet.
        digest: `WindowParams.frozen_digest`, 32 bytes.
    """

    TAG: ClassVar[bytes] = b"\x2f"

    session: int
    pulse: int
    digest: bytes

    def encode(self) -> bytes:
        """Tag, both numbers and the digest, 49 bytes."""
        return self.TAG + uint(self.session, 8) + uint(self.pulse, 8) + self.digest

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The inverse of `encode`.

        Raises:
            ProtocolError: Other bytes.
        """
        reader = Reader(data.removeprefix(cls.TAG), cls.__name__)
        frozen = cls(session=reader.uint(8), pulse=reader.uint(8), digest=reader.take(DIGEST_SIZE))
        reader.finish()
        return frozen


def freeze(
    identities: Sequence[bytes],
    subject: Subject,
    mechanism: Mechanism,
    *,
    session: int,
    server_key: bytes,
    prekeys: Mapping[bytes, bytes],
    end: int,
) -> WindowParams:
    """A window's parameters before its beacon is drawn.

    Args:
        identities: The cohort.
        subject: What the session is about.
        mechanism: What uploads go through.
        session: Its number; higher than that of any session before with one of these artists.
        server_key: The platform's Ed25519 public key, 32 bytes.
        prekeys: By identity, as each artist gave them.
        end: Seconds since 1970.

    Returns:
        Parameters whose beacon stands for one that is to be drawn (`draw`); their `frozen_digest` is what is published.

    Raises:
        InputError: The cohort cannot bear the corrupt artists or dropouts that the mechanism assumes, or somebody gave
            what are no keys.
    """
    clients = len(identities)
    try:
        sizes = parameters(clients, corrupt=mechanism.corrupt / clients, dropout=1 - mechanism.min_survivors / clients)
        return WindowParams(
            **facts_of(identities, subject, mechanism, session=session, server_key=server_key),
            corrupt=sizes.corrupt,
            min_survivors=sizes.min_survivors,
            prekeys=tuple(Prekeys.decode(prekeys[identity]) for identity in identities),
            degree=sizes.degree,
            floor=sizes.floor,
            members=sizes.members,
            quorum=sizes.quorum,
            beacon=_NOT_DRAWN,
            end=end,
        )
    except ProtocolError as error:
        raise InputError(f"no secure window fits this cohort: {error}") from error


def draw(frozen: WindowParams, pulse: bytes) -> WindowParams:
    """The same window once its beacon is drawn: ring and committee are known now."""
    return replace(frozen, beacon=pulse)
