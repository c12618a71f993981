"""Whom the sums over two cohorts tell apart: the cohorts that sums were over before, and a rule for the next one.

While models hardly change, a client brings nearly the same vector to every session, and sums over cohorts that differ
in one client differ by that client's vector (Lam et al., "Gradient Disaggregation", ICML 2021). Against that a cohort
stays as it is, or many of its clients change at once (So et al., "Securing Secure Aggregation", AAAI 2023).

COH-1  Of two cohorts, those who are only in the one are nobody or enough, and so are those who are only in the other:
       what two sums differ in is over as many clients as any sum. More than two sums are not combined: no client need
       be in all of them, and what they tell together is for noise to bound (threat TM-7).
COH-2  A cohort is remembered for good, in one entry for each of its clients. The next one is compared entry by entry
       with those it shares clients with: by identities that are not in all cohorts, and never roster by roster.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from .errors import ParametersError
from .primitives.signing import IDENTITY_SIZE


class Cohorts:
    """Cohorts that sums are over, each counted once; a client keeps its own, a platform those of everybody.

    Args:
        rosters: The identities in each, as many as are remembered already.

    Raises:
        ParametersError: see `add`.
    """

    __slots__ = ("_cohorts_of", "_of_size", "_sizes")

    def __init__(self, rosters: Iterable[Collection[bytes]] = ()) -> None:
        self._cohorts_of: dict[bytes, array[int]] = {}
        self._sizes: list[int] = []
        self._of_size: Counter[int] = Counter()
        for roster in rosters:
            self.add(roster)

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[frozenset[bytes]]:
        """All rosters, in the order in which they were added, for whoever stores them."""
        rosters: list[list[bytes]] = [[] for _ in self._sizes]
        for identity, numbers in self._cohorts_of.items():
            for number in numbers:
                rosters[number].append(identity)
        return map(frozenset, rosters)

    def add(self, roster: Collection[bytes]) -> None:
        """Remembers a cohort; one that is there already stays once.

        Raises:
            ParametersError: it is empty, or an identity has the wrong size.
        """
        identities = frozenset(roster)
        if not identities or any(len(identity) != IDENTITY_SIZE for identity in identities):
            raise ParametersError(f"an earlier cohort is one or more identities of {IDENTITY_SIZE} bytes each")
        if (0, 0) in self._differences(identities):
            return
        for identity in identities:
            self._cohorts_of.setdefault(identity, array("L")).append(len(self._sizes))
        self._sizes.append(len(identities))
        self._of_size[len(identities)] += 1

    def conflict(self, roster: Collection[bytes], least: int) -> str:
        """Compares a cohort with all that are remembered (COH-1).

        Args:
            roster: Its identities.
            least: How many clients are enough.

        Returns:
            What the rule is broken by, for people; an empty string if it is not.
        """
        for left, joined in self._differences(frozenset(roster)):
            if 0 < left < least or 0 < joined < least:
                return (
                    f"{left} of an earlier cohort's clients have left and {joined} have joined: either may be none or "
                    f"at least {least}, or sums would differ by fewer"
                )
        return ""

    def _differences(self, roster: frozenset[bytes]) -> Iterator[tuple[int, int]]:
        """How many have left and how many have joined, for each cohort; once for all of one size that share nobody."""
        shared: Counter[int] = Counter()
        everywhere = 0
        for identity in roster:
            numbers = self._cohorts_of.get(identity, ())
            if len(numbers) == len(self._sizes):
                everywhere += 1  # as its owner is, in a client's own history
            else:
                shared.update(numbers)
        changing, compared = len(roster) - everywhere, Counter[int]()
        for number, common in shared.items():
            size = self._sizes[number]
            compared[size] += 1
            yield size - everywhere - common, changing - common
        for size, count in self._of_size.items():
            if compared[size] < count:
                yield size - everywhere, changing
