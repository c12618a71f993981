"""Who shares secrets and masks with whom, how many neighbors that takes, and how likely it fails.

Everyone is everyone's neighbor (Bonawitz et al., CCS 2017), or a client's k neighbors are the k/2 before and the k/2
after it on a ring in random order (a Harary graph; Bell et al., CCS 2020). Shares of t neighbors give back a secret.

GRA-1  The digest commits to the session and to every advertisement, the order to the digest: clients that were shown
       other advertisements compute another digest, and every key binds it.
GRA-2  Neighborhood is mutual, of exactly `degree` clients, never oneself, and the graph is connected.
GRA-3  A bound is never below the probability it stands for, over a uniform order, but for the last digits of floating
       point; -inf is what no order allows.
GRA-4  Whatever boxes a malicious server withholds or spoils and whomever it drops after seeing the order, the sum of
       all honest survivors is the only one it learns, unless an honest client has 2t - k or more corrupt neighbors, or
       two windows of k/2 positions, apart from one another on the ring, hold t - k/2 or more corrupt clients each.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from math import ceil, floor, inf, log2
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .codec import Domain, encode_table
from .errors import LocalProtocolError, ParametersError, require_type
from .params import DIGEST_SIZE
from .primitives.tails import log2_tail, log2_tails

SECURITY_BITS = 80
"""By default security fails, over a uniform order, with probability 2^-80 at most: a lying server tries orders."""


class Adversary(StrEnum):
    """What the server may do, besides learning all that the corrupt clients know."""

    SEMI_HONEST = "semi_honest"
    """It follows the protocol."""
    SEMI_MALICIOUS = "semi_malicious"
    """It lies once the order is drawn; chance draws the order and decides who drops out."""
    MALICIOUS = "malicious"
    """It lies, and decides at any time who drops out. How far it can influence the order: see `parameters`."""


class Bound(StrEnum):
    """Events that must not happen."""

    NEIGHBORHOOD = "neighborhood"
    """Some client has so many corrupt neighbors that the server takes its masks off."""
    CONNECTIVITY = "connectivity"
    """Corrupt clients and chance dropouts cut the ring in two, so the honest survivors' masks cancel in each part."""
    ISOLATION = "isolation"
    """Corrupt clients crowd two windows of the ring, so a server that drops the windows' honest ones sums a part."""
    CORRECTNESS = "correctness"
    """Some client loses so many neighbors that its masks never come off: the session aborts."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph over the clients that advertised keys.

    Attributes:
        order: Their indices, around the ring.
        degree: Neighbors of each client: the session's degree, or all others when fewer advertised.
        digest: What every key, box and signature binds, 32 bytes: SHA-256 over the session id and the digest of every
            advertisement, or whatever else fixes who knows whom by which keys.
    """

    order: tuple[int, ...]
    degree: int
    digest: bytes
    _places: Mapping[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {index: place for place, index in enumerate(self.order)})

    @classmethod
    def over(cls, session_id: bytes, degree: int, digests: Mapping[int, bytes]) -> Self:
        """Draws the order from a hash.

        Args:
            session_id: 32 bytes.
            degree: Neighbors of each client; even, unless that makes everyone everyone's neighbor.
            digests: SHA-256 of each advertisement by client index, 32 bytes each, at least two.

        Raises:
            LocalProtocolError: a size is wrong.
        """
        if any(len(digest) != DIGEST_SIZE for digest in (session_id, *digests.values())):
            raise LocalProtocolError(f"graph: session id and digests are {DIGEST_SIZE} bytes each")
        others = len(digests) - 1
        if min(others, degree) < 1 or (degree < others and degree % 2):
            raise LocalProtocolError(f"graph: {others + 1} clients cannot have {degree} neighbors each")
        digest = sha256(Domain.GRAPH.bind(session_id) + encode_table(digests)).digest()
        return cls(in_random_order(Domain.GRAPH_POSITION, digest, digests), min(degree, others), digest)

    def neighbors(self, index: int) -> frozenset[int]:
        """Returns the clients with which client `index` shares secrets and masks.

        Raises:
            LocalProtocolError: it did not advertise keys.
        """
        if index not in self._places:
            raise LocalProtocolError(f"graph: client {index} advertised no keys and has no neighbors")
        clients, place, reach = len(self.order), self._places[index], self.degree // 2
        if self.degree == clients - 1:
            return frozenset(self.order) - {index}
        return frozenset(self.order[(place + step) % clients] for step in range(-reach, reach + 1) if step)


def in_random_order(purpose: Domain, seed: bytes, indices: Iterable[int]) -> tuple[int, ...]:
    """Sorts client indices by a hash of each with the seed, 32 bytes."""
    keys = {index: sha256(purpose.bind(seed, index)).digest() for index in indices}
    return tuple(sorted(keys, key=keys.__getitem__))


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphParameters:
    """What `parameters` found.

    Attributes:
        degree: Neighbors k of each client.
        threshold: Neighbors t whose shares give back a secret.
        corrupt: Corrupt clients that this withstands.
        min_survivors: Clients left after all dropouts. Against a MALICIOUS server the bounds need a session that never
            goes on with fewer, from the advertisements on.
        log2_bounds: Base-2 logarithm of an upper bound on the probability of each event.
    """

    degree: int
    threshold: int
    corrupt: int
    min_survivors: int
    log2_bounds: Mapping[Bound, float] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Requirements:
    """What `parameters` was asked for, in whole clients."""

    clients: int
    corrupt: int
    dropouts: int
    adversary: Adversary
    security_bits: int
    correctness_bits: int

    def bounds(self, degree: int, threshold: int) -> Mapping[Bound, float]:
        return security_bounds(
            self.clients,
            degree=degree,
            threshold=threshold,
            corrupt=self.corrupt,
            adversary=self.adversary,
            dropouts=self.dropouts,
        )

    def secure(self, degree: int, threshold: int) -> bool:
        """Whether the security bounds hold; a higher threshold never makes them fail."""
        possible = threshold >= 1 and self.corrupt <= self.clients - self.dropouts
        return possible and max(self.bounds(degree, threshold).values()) <= -(self.security_bits + 1)

    def log2_losses(self, degree: int) -> NDArray[np.float64]:
        """Bounds, for every number up to degree + 1, the probability that some client loses as many neighbors."""
        return np.minimum(0.0, log2(self.clients) + log2_tails(self.clients, self.dropouts, degree))

    def highest_threshold(self, degree: int) -> int:
        """The highest threshold that is correct; 0 or less if none is."""
        return degree + 1 - int(np.argmax(self.log2_losses(degree) <= -self.correctness_bits))

    def check_possible(self) -> None:
        """Checks that the complete graph will do. If it does not, no graph will: all its bounds are 0 or -inf."""
        everyone = self.clients - 1
        highest = self.highest_threshold(everyone)
        if not self.secure(everyone, highest):
            semi_honest = self.adversary is Adversary.SEMI_HONEST
            withstood = max(0, highest - 1 if semi_honest else 2 * highest - everyone - 1)
            raise ParametersError(
                f"{Bound.NEIGHBORHOOD}: with {self.dropouts} dropouts of {self.clients} clients no graph withstands "
                f"more than {withstood} corrupt clients, and {self.corrupt} are assumed: invite more clients, or "
                f"assume fewer dropouts or fewer corrupt clients"
            )


def parameters(
    clients: int,
    *,
    corrupt: float,
    dropout: float,
    adversary: Adversary = Adversary.MALICIOUS,
    security_bits: int = SECURITY_BITS,
    correctness_bits: int = 30,
) -> GraphParameters:
    """Finds a secure and correct graph: the fewest neighbors, give or take rounding, then the lowest threshold.

    The order comes from a hash, and a MALICIOUS server has a hand in it: it decides whose advertisements arrive, and
    corrupt clients pick their keys last. One that tries 2^g orders before the clients' patience ends faces g bits less
    than `security_bits`; a minute at 10^10 hashes a second makes g less than 40. Only bounds of -inf, which hold for
    every order, lose nothing.

    Args:
        clients: Number of invited clients.
        corrupt: Fraction that colludes with the server; rounded up to whole clients, one at least.
        dropout: Fraction that may drop out; rounded down to whole clients.
        adversary: What the server may do.
        security_bits: Two events break security, each with probability 2^-(security_bits + 1) at most.
        correctness_bits: An honest session aborts for want of shares with probability 2^-correctness_bits at most.

    Raises:
        ParametersError: a number is out of range, or no graph will do; names the bound and what would be possible.
    """
    require_type("graph: clients", clients, int)
    for name, fraction in (("corrupt", corrupt), ("dropout", dropout)):
        require_type(f"graph: {name}", fraction, int, float)
    if clients < 2 or not (0 <= corrupt < 1 and 0 <= dropout < 1) or min(security_bits, correctness_bits) < 1:
        raise ParametersError("graph: at least 2 clients, fractions from 0 to below 1, and 1 bit or more are needed")
    needed = _Requirements(
        clients=clients,
        corrupt=max(1, ceil(round(corrupt * clients, 9))),  # in floating point 0.07 * 100 is above 7
        dropouts=floor(round(dropout * clients, 9)),
        adversary=adversary,
        security_bits=security_bits,
        correctness_bits=correctness_bits,
    )
    needed.check_possible()
    degrees = (*range(2, clients - 1, 2), clients - 1)
    degree = _first(degrees, lambda degree: needed.secure(degree, needed.highest_threshold(degree)))
    threshold = needed.highest_threshold(degree)
    while needed.secure(degree, threshold - 1):
        threshold -= 1
    abort = float(needed.log2_losses(degree)[degree + 1 - threshold])
    return GraphParameters(
        degree=degree,
        threshold=threshold,
        corrupt=needed.corrupt,
        min_survivors=clients - needed.dropouts,
        log2_bounds=MappingProxyType({**needed.bounds(degree, threshold), Bound.CORRECTNESS: abort}),
    )


def check(
    population: int,
    *,
    degree: int,
    threshold: int,
    corrupt: int,
    adversary: Adversary,
    dropouts: int = 0,
    security_bits: int = SECURITY_BITS,
) -> None:
    """Checks that each of the `security_bounds` of the same arguments is 2^-(security_bits + 1) at most.

    Raises:
        ParametersError: names the bound that fails, its value, and what is needed; or a number is out of range.
    """
    bounds = security_bounds(
        population, degree=degree, threshold=threshold, corrupt=corrupt, adversary=adversary, dropouts=dropouts
    )
    for bound, value in bounds.items():
        if value > -(security_bits + 1):
            raise ParametersError(
                f"{bound}: degree {degree} and threshold {threshold} can fail with probability 2^{value:.1f}, and "
                f"2^-{security_bits + 1} is allowed ({population} clients, {corrupt} corrupt, {dropouts} dropouts, "
                f"{adversary}): raise the threshold, or degree and threshold together, or assume fewer corrupt clients"
            )


def security_bounds(
    population: int, *, degree: int, threshold: int, corrupt: int, adversary: Adversary, dropouts: int = 0
) -> Mapping[Bound, float]:
    """Bounds the probability, over a uniform order, that the server and the corrupt clients learn the sum of a part.

    NEIGHBORHOOD and CONNECTIVITY follow Bell et al., CCS 2020, and its implementation in Google's federated-compute;
    ISOLATION takes the place of the latter where the server decides who drops out (GRA-4).

    Args:
        population: Clients on the ring.
        degree: Neighbors k of each client; even, unless that makes everyone everyone's neighbor.
        threshold: Neighbors t whose shares give back a secret, at most k.
        corrupt: Corrupt clients among them.
        adversary: What the server may do.
        dropouts: Clients that may be lost. If the server is MALICIOUS, honest ones that it may keep off the ring: the
            bounds hold for any number on the ring from `population - dropouts` up, whoever drops out afterwards.
            Otherwise clients that chance takes away after the order is drawn.

    Returns:
        Base-2 logarithms of upper bounds: of NEIGHBORHOOD, and of ISOLATION if the server is MALICIOUS, else of
        CONNECTIVITY; -inf for what no order allows.

    Raises:
        ParametersError: a number is out of range.
    """
    ring = population - dropouts if adversary is Adversary.MALICIOUS else population
    if not (0 <= dropouts < population and 0 <= corrupt <= ring and 1 <= threshold <= degree):
        raise ParametersError(
            f"graph: {population} clients cannot be {corrupt} corrupt ones and {dropouts} dropouts, or threshold "
            f"{threshold} is not from 1 to degree {degree}"
        )
    if degree < population - 1 and degree % 2:
        raise ParametersError(f"graph: degree {degree}: an even number, unless everyone is everyone's neighbor")
    fatal = threshold if adversary is Adversary.SEMI_HONEST else 2 * threshold - degree
    # The expected number of clients with that many corrupt neighbors. On a larger ring the same few are sparser.
    bounds = {Bound.NEIGHBORHOOD: log2(ring) + log2_tail(ring, corrupt, min(degree, ring), fatal)}
    if adversary is Adversary.MALICIOUS:
        bounds[Bound.ISOLATION] = log2_isolation(ring, degree, threshold - degree // 2, corrupt)
    else:
        bounds[Bound.CONNECTIVITY] = _log2_disconnection(ring, degree, min(ring, corrupt + dropouts))
    return MappingProxyType({bound: min(0.0, value) for bound, value in bounds.items()})


def log2_isolation(ring: int, degree: int, crowd: int, corrupt: int) -> float:
    """Bounds the probability that two windows of degree / 2 positions, apart, hold `crowd` corrupt clients each.

    It is the expected number of such pairs, in base-2 logarithm; -inf if no order has one.

    Proof of GRA-4. Let T be a part of the honest clients in the survivor set and X the rest of them, and suppose the
    sum of T comes off. Then nobody in T has added a mask shared with somebody in X. A client answers in the last round
    only if a box of every neighbor in the survivor set came, and it added the masks of all whose boxes came, opened or
    not: whoever is in T and next to X stays silent. Of the k neighbors of a client in T at most k - t are in X, for it
    added masks of t, and at most k - t are dropouts or silent in T, for t holders of its shares answer. So if all of T
    is silent, each has 2t - k corrupt neighbors or more.
    Otherwise walk from a client of T that answers, in both directions, up to the first client of X; let u be the last
    one passed that is in T and answers. X is beyond its reach, so the k/2 positions after u hold only corrupt clients,
    dropouts and silent ones; at most k - t are of the latter two kinds, so t - k/2 or more are corrupt. The two windows
    are apart: T's answering clients lie between them on one side, X on the other.
    """
    window = degree // 2
    if ring <= degree + 1 or 2 * crowd > corrupt:
        return -inf
    # Given the first window's number, the second is hypergeometric among the rest, the larger the fewer the first has.
    rest = min(ring - window, corrupt - max(0, crowd))
    both = log2_tail(ring, corrupt, window, crowd) + log2_tail(ring - window, rest, window, crowd)
    return _log2_window_pairs(ring, degree) + both


def _log2_disconnection(ring: int, degree: int, gone: int) -> float:
    """Bounds the probability that two windows apart hold only clients that are gone, by the number of such pairs."""
    if ring <= degree + 1:
        return -inf
    return _log2_window_pairs(ring, degree) + log2_tail(ring, gone, degree, degree)


def _log2_window_pairs(ring: int, degree: int) -> float:
    """Pairs of windows of degree / 2 positions each with a position or more between them on either side."""
    return log2(ring * (ring - degree - 1) / 2)


def _first(candidates: Sequence[int], accept: Callable[[int], bool]) -> int:
    """Finds the first accepted candidate, if refusals that follow one are few and near it; the last is accepted."""
    low, high = -1, 0
    while not accept(candidates[high]):
        low, high = high, min(high + 1 + high // 16, len(candidates) - 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if accept(candidates[middle]) else (middle, high)
    return next(candidate for candidate in candidates[max(0, high - 4) : high + 1] if accept(candidate))
