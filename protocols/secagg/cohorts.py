"""What the sums over several cohorts tell together: whom their differences single out.

While models hardly change, a client brings nearly the same vector to every session, and sums over cohorts that differ
in one client differ by that client's vector (Lam et al., "Gradient Disaggregation", ICML 2021). Against that a cohort
stays as it is, or many of its clients change at once (So et al., "Securing Secure Aggregation", AAAI 2023).

COH-1  Every linear combination of the sums counts, not just differences of two. Where there are too many to go through,
       the worst is assumed.
"""

from collections.abc import Collection, Iterable

from ..primitives.algebra import is_searchable, lightest, reduce


def fewest_singled_out(rosters: Iterable[Collection[bytes]]) -> int:
    """Counts the clients in the smallest combination of sums over these rosters.

    Args:
        rosters: The identities in each session, at least one roster, none empty.

    Returns:
        The smallest number of clients whose vectors remain in some combination; 1, the worst, if the rosters span more
        subspaces than `primitives.algebra.lightest` goes through.
    """
    distinct = sorted({frozenset(roster) for roster in rosters}, key=sorted)
    if len(distinct) == 1:
        return len(distinct[0])
    people = {identity: place for place, identity in enumerate(sorted(frozenset().union(*distinct)))}
    basis = reduce({people[identity]: 1 for identity in roster} for roster in distinct)
    return len(lightest(basis)) if is_searchable(basis) else 1
