"""Rosters: who is in the next cohort, so that no sum over it tells apart a few who joined or left.

GEN-1  A cohort stays as it is until enough artists join or leave together: who left before stays listed, and drops out
       of every session; who joins waits. Enough is the minimum cohort: each side of a difference is nobody or enough.
GEN-2  A roster is entered into the log, under a salt of its own, in the transaction that keeps it.
"""

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass

from ...errors import InputError
from ...transparency.leaves import SALT_BYTES, Generation, commit_roster
from ..store.log import enter
from ..store.trainings import Connection, Roster, active_identities, add_generation, rosters


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The roster of the next training.

    Attributes:
        number: Of its generation.
        members: Identities in order.
        is_new: Whether it differs from the newest generation.
        gone: How many of them left: certain dropouts.
        waiting: How many artists joined since, too few to be let in.
    """

    number: int
    members: tuple[bytes, ...]
    is_new: bool
    gone: int
    waiting: int

    def lag(self, min_cohort: int) -> str:
        """How the roster differs from who is there, in a sentence without its stop; "" if it does not."""
        if not (self.gone or self.waiting):
            return ""
        return (
            f"{self.gone} on the roster have left and drop out of every session, {self.waiting} wait to join: either "
            f"changes when {min_cohort} do at once"
        )


def propose_roster(connection: Connection, min_cohort: int) -> Proposal:
    """Who would be in a cohort now (GEN-1).

    Args:
        connection: Of a reader.
        min_cohort: Fewest artists that an artist hides among.

    Raises:
        InputError: There are not enough artists.
    """
    active, earlier = active_identities(connection), rosters(connection)
    before = frozenset(earlier[-1].members) if earlier else frozenset()
    members = next_members(before, active, min_cohort)
    if len(members & active) < min_cohort:
        raise InputError(
            f"{len(members & active)} artists can take part, {min_cohort} is the minimum cohort: invite more artists"
        )
    is_new = members != before
    return Proposal(
        number=len(earlier) + is_new,
        members=tuple(sorted(members)) if is_new else earlier[-1].members,
        is_new=is_new,
        gone=len(members - active),
        waiting=len(active - members),
    )


def next_members(before: Set[bytes], active: Set[bytes], min_cohort: int) -> frozenset[bytes]:
    """A roster after this one: enough newcomers come in, enough leavers go, each side by itself (GEN-1)."""
    joined, left = active - before, before - active
    members = frozenset(before)
    if len(joined) >= min_cohort or not before:
        members |= joined
    if len(left) >= min_cohort:
        members -= left
    return members


def keep_roster(connection: Connection, proposal: Proposal) -> Roster:
    """The generation of a proposal; a new one is entered into the log (GEN-2).

    Raises:
        InputError: Another generation was made in the meantime.
    """
    earlier = rosters(connection)
    if len(earlier) != proposal.number - proposal.is_new:
        raise InputError("another training was started in the meantime: start this one again")
    if not proposal.is_new:
        return earlier[-1]
    salt = os.urandom(SALT_BYTES)
    roster = Roster(
        number=proposal.number,
        salt=salt,
        leaf=enter(connection, _leaf(proposal.number, proposal.members, salt)),
        members=proposal.members,
    )
    add_generation(connection, roster)
    return roster


def _leaf(number: int, members: Sequence[bytes], salt: bytes) -> Generation:
    return Generation(number=number, members=len(members), commitment=commit_roster(members, salt))
