"""Sessions of either kind, behind one door: whether an artist masks in five rounds or speaks once is chosen here.

JOI-1  The kind is the artist's own choice: with a beacon to read it speaks once, without one it takes part in five
       rounds, and no request changes that.
"""

from typing import TypeAlias

from protocols.secagg.messages import AdvertiseKeysRequest

from ..privacy.randomness import RandomBytes
from .masking import Keeping, MaskedSession, Part, mask, resume
from .speaking import SpokenSession
from .windows import Beacon, KeysWanted

Session: TypeAlias = MaskedSession | SpokenSession


def join(part: Part, *, beacon: Beacon | None, random: RandomBytes, keeping: Keeping) -> Session:
    """Be ready for a session.

    Args:
        part: What the artist brings into it.
        beacon: Where this artist reads the beacon if it speaks once; None for five rounds.
        random: Source of secret random bytes.
        keeping: Where the session's state goes.

    Raises:
        SupportError: A tensor's support is below the minimum cohort (AGG-2).
    """
    if beacon is None:
        return mask(part, random=random, keeping=keeping)
    return SpokenSession(part, beacon=beacon, random=random, keeping=keeping)


def rejoin(snapshot: bytes, part: Part, *, beacon: Beacon | None, random: RandomBytes, keeping: Keeping) -> Session:
    """Go on in a session from what was kept last; the other arguments are as they were.

    Raises:
        ProtocolError: The snapshot does not open, or is older than `part.last_session`.
    """
    if beacon is None:
        return resume(snapshot, part, keeping=keeping)
    return SpokenSession.resume(snapshot, part, beacon=beacon, random=random, keeping=keeping)


def is_invitation(data: bytes) -> bool:
    """Whether a request invites to a session, of whichever kind, and so begins one."""
    return data[:1] in {bytes((AdvertiseKeysRequest.TAG,)), KeysWanted.TAG}
