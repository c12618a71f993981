"""Who is with whom where artists are too many for one session: shards of one roster, cut by a beacon.

CUT-1  Who shares a session with whom follows from the whole roster, the number of shards and a pulse that is drawn when
       both are fixed: a server picks nobody's company. Each artist cuts for itself, and enters no shard but its own.
CUT-2  A shard is taken to hold as many corrupt artists as any of all its siblings does but for one cut in 2^81, which
       is far more than their share: of 1,000 out of 100,000 with one corrupt in twenty, 138 and not 50.
"""

from collections.abc import Collection
from hashlib import sha256
from math import log2
from typing import Final

from protocols.graph import SECURITY_BITS
from protocols.primitives.tails import log2_tails

_ROSTER: Final = b"fedstyle-shards-1 roster\0"
_PLACE: Final = b"fedstyle-shards-1 place\0"


def cut(roster: Collection[bytes], shards: int, pulse: bytes) -> list[tuple[bytes, ...]]:
    """Cut a roster into shards whose sizes differ by one at most (CUT-1).

    Args:
        roster: Identities of all artists, 32 bytes each, in whatever order.
        shards: How many, from 1 to as many as there are artists.
        pulse: The beacon's, 32 bytes.

    Returns:
        The identities of each shard.
    """
    fixed = sha256(_ROSTER + shards.to_bytes(4, "little") + b"".join(sorted(roster))).digest()
    seed = _PLACE + fixed + pulse
    drawn = sorted(roster, key=lambda identity: sha256(seed + identity).digest())
    return [tuple(drawn[number::shards]) for number in range(shards)]


def most_corrupt(artists: int, corrupt: int, shards: int) -> int:
    """How many corrupt artists each shard is taken to hold (CUT-2).

    Args:
        artists: All of them.
        corrupt: Corrupt ones among them all.
        shards: Into how many they are cut.

    Returns:
        The smallest number of which P[some shard of a random cut holds more] <= 2^-81, by the exact tail of the
        largest shard and a union over all of them.
    """
    largest = -(-artists // shards)
    more = log2_tails(artists, corrupt, largest)[1:] + log2(shards)
    return int((more <= -(SECURITY_BITS + 1)).argmax())
