"""How large a committee and a ring must be.

A committee of C members signs one survivor set: q signatures make it the only one, and t = 2q - C members' shares give
back a secret. On a ring of degree k, each window of k/2 positions must hold w survivors.

COM-1  2q > C + c_C with c_C corrupt members: two sets cannot both be signed by q. Then c_C < t too, so the corrupt ones
       recover nothing; and t <= q, so whoever signed is enough to recover everything.
COM-2  A survivor set of which each window holds w members splits the honest ones only if two windows apart from one
       another hold w corrupt clients each (GRA-4, with nobody silent: who is outside the set is named).
COM-3  A bound is never below the probability it stands for, over a uniform order, but for the last digits of floating
       point; -inf is what no order allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, floor, inf, log2
from types import MappingProxyType

from ..errors import ParametersError
from ..graph import SECURITY_BITS, log2_isolation
from ..primitives.tails import log2_tail


class Bound(StrEnum):
    """Events that must not happen."""

    COMMITTEE = "committee"
    """So many members are corrupt that two survivor sets can be signed."""
    ISOLATION = "isolation"
    """Corrupt clients crowd two windows of the ring, so that a survivor set cuts the honest ones in two."""
    QUORUM = "quorum"
    """So many members are absent that no survivor set is signed."""
    WINDOW = "window"
    """So many clients of one window are absent that no survivor set may be signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeParameters:
    """What `parameters` found.

    Attributes:
        members: Size C of the committee.
        quorum: Signatures q that make a survivor set the only one.
        degree: Neighbors k of each client on the ring.
        floor: Survivors w that each window of k/2 positions must hold; 0 in the complete graph.
        corrupt: Corrupt clients c that this withstands.
        min_survivors: Fewest vectors in a sum.
        log2_bounds: Base-2 logarithm of an upper bound on the probability of each event.
    """

    members: int
    quorum: int
    degree: int
    floor: int
    corrupt: int
    min_survivors: int
    log2_bounds: Mapping[Bound, float] = field(compare=False)


def parameters(
    clients: int,
    *,
    corrupt: float,
    dropout: float,
    member_dropout: float | None = None,
    security_bits: int = SECURITY_BITS,
    correctness_bits: int = 30,
) -> CommitteeParameters:
    """Finds the smallest committee and the sparsest ring that are secure and correct.

    Args:
        clients: Clients n on the frozen roster.
        corrupt: Fraction that colludes with the server; rounded up to whole clients, one at least.
        dropout: Fraction that may send nothing; rounded down to whole clients.
        member_dropout: Fraction that would not answer as a member, by default the same. Members are drawn, not picked.
        security_bits: Two events break security, each with probability 2^-(security_bits + 1) at most.
        correctness_bits: Two events end an honest session, each with probability 2^-correctness_bits at most.

    Raises:
        ParametersError: a number is out of range, or nothing will do; says what would.
    """
    shares = (corrupt, dropout, dropout if member_dropout is None else member_dropout)
    if clients < 3 or not all(0 <= share < 1 for share in shares) or min(security_bits, correctness_bits) < 1:
        raise ParametersError("committee: at least 3 clients, fractions from 0 to below 1 and 1 bit or more are needed")
    bad = max(1, ceil(round(corrupt * clients, 9)))  # in floating point 0.07 * 100 is above 7
    absent, silent = (floor(round(share * clients, 9)) for share in shares[1:])
    if clients - absent < (least := least_survivors(clients, bad)):
        raise ParametersError(
            f"committee: {clients - absent} of {clients} clients come, and a sum needs {least} of them when {bad} are "
            f"corrupt: assume fewer dropouts or fewer corrupt clients"
        )
    members, quorum = _committee(clients, bad, silent, security_bits + 1, correctness_bits)
    degree, least_in_window = _ring(clients, bad, absent, security_bits + 1, correctness_bits)
    sizes = {"members": members, "quorum": quorum, "degree": degree, "floor": least_in_window}
    return CommitteeParameters(
        **sizes,
        corrupt=bad,
        min_survivors=clients - absent,
        log2_bounds=MappingProxyType(
            {
                **security_bounds(clients, **sizes, corrupt=bad),
                Bound.QUORUM: log2_tail(clients, silent, members, members - quorum + 1),
                Bound.WINDOW: _log2_thin_window(clients, absent, degree, least_in_window),
            }
        ),
    )


def least_survivors(clients: int, corrupt: int) -> int:
    """Fewest survivors of any session: more than half of the honest with all of the corrupt, and two honest ones."""
    return max((clients + corrupt) // 2 + 1, corrupt + 2)


def security_bounds(
    clients: int, *, members: int, quorum: int, degree: int, floor: int, corrupt: int
) -> Mapping[Bound, float]:
    """Bounds the probability, over a uniform order, of both events that break security.

    Args:
        clients: Clients on the frozen roster.
        members: Size of the committee.
        quorum: Signatures that make a survivor set the only one.
        degree: Neighbors of each client; even, or everybody else.
        floor: Survivors that each window must hold.
        corrupt: Corrupt clients on the roster.

    Returns:
        Base-2 logarithms of upper bounds; -inf for what no order allows.
    """
    return MappingProxyType(
        {
            Bound.COMMITTEE: min(0.0, log2_tail(clients, corrupt, members, 2 * quorum - members)),
            Bound.ISOLATION: min(0.0, log2_isolation(clients, degree, floor, corrupt)),
        }
    )


def check(
    clients: int, *, members: int, quorum: int, degree: int, floor: int, corrupt: int, security_bits: int
) -> None:
    """Checks that each of the `security_bounds` of the same arguments is 2^-(security_bits + 1) at most.

    Raises:
        ParametersError: names the bound that fails, its value, and what is needed.
    """
    bounds = security_bounds(clients, members=members, quorum=quorum, degree=degree, floor=floor, corrupt=corrupt)
    for bound, value in bounds.items():
        if value > -(security_bits + 1):
            raise ParametersError(
                f"{bound}: {members} members, quorum {quorum}, degree {degree} and floor {floor} can fail with "
                f"probability 2^{value:.1f}, and 2^-{security_bits + 1} is allowed ({clients} clients, {corrupt} "
                f"corrupt): raise what is too low, or assume fewer corrupt clients"
            )


def _committee(clients: int, corrupt: int, silent: int, security: int, correctness: int) -> tuple[int, int]:
    """The fewest members, and the lowest quorum that is secure with them."""
    for members in range(1, clients + 1):
        secure = (
            quorum
            for quorum in range(members // 2 + 1, members + 1)
            if log2_tail(clients, corrupt, members, 2 * quorum - members) <= -security
        )
        quorum = next(secure, None)
        if quorum and log2_tail(clients, silent, members, members - quorum + 1) <= -correctness:
            return members, quorum
    raise ParametersError(
        f"{Bound.COMMITTEE}: of {clients} clients, {silent} silent and {corrupt} corrupt ones among them, no committee "
        f"will do: invite more clients, or assume fewer silent or fewer corrupt ones"
    )


def _ring(clients: int, corrupt: int, absent: int, security: int, correctness: int) -> tuple[int, int]:
    """The fewest neighbors, and the lowest floor that is secure with them; the complete graph needs none."""
    for degree in range(2, clients - 1, 2):
        correct = [
            floor
            for floor in range(1, degree // 2 + 1)
            if _log2_thin_window(clients, absent, degree, floor) <= -correctness
        ]
        secure = (floor for floor in correct if log2_isolation(clients, degree, floor, corrupt) <= -security)
        if floor := next(secure, None):
            return degree, floor
    return clients - 1, 0


def _log2_thin_window(clients: int, absent: int, degree: int, floor: int) -> float:
    """Bounds the probability that some window of degree / 2 positions holds fewer than `floor` who come."""
    if not floor:
        return -inf
    return min(0.0, log2(clients) + log2_tail(clients, absent, degree // 2, degree // 2 - floor + 1))
