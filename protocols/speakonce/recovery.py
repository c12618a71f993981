"""What the server does with released shares: secrets of survivors, and through them sums without masks.

SRE-1  Every reconstructed secret is checked against the commitment in its owner's message: the sum is right, or there
       is none.
SRE-2  When it does not fit, every share of it must prove that it was dealt so. A share that cannot blames the member
       that released it. When a threshold of shares can and the secret does not fit, its owner dealt other shares than
       it committed to, and the session ends. Nothing else blames anybody.
"""

from collections.abc import Iterator, Mapping
from itertools import islice

from ..codec import Domain
from ..errors import AbortReason, InvalidProofError, InvalidShareError, SessionAborted
from ..masking import Crew, Mask, mask_of_pair, remove_masks, self_mask
from ..primitives import merkle
from ..primitives.field import encode_element
from ..primitives.shamir import combine, lagrange_coefficients, secret_bytes
from .dealing import leaf_of_share
from .messages import Release
from .params import WindowParams
from .statements import commit
from .states import CollectingShares

_BATCH = 256  # masks that are taken out at a time, each with a cipher of its own


def unmask_sum(params: WindowParams, state: CollectingShares, crew: Crew) -> frozenset[int]:
    """Takes every mask out of the accumulator in place: the survivors' own, and those they share with anybody else.

    Args:
        params: The window's parameters.
        state: All responses to UnmaskingRequest that came are in.
        crew: Who takes the masks out.

    Returns:
        Members that released another share than they were dealt.

    Raises:
        SessionAborted: too few shares of some secret came, or its owner dealt wrong ones; names the liars.
    """
    secrets = _Secrets(params, state)
    masks = secrets.masks()
    while batch := list(islice(masks, _BATCH)):
        remove_masks(state.accumulator, batch, crew)
    return frozenset(secrets.liars)


class _Secrets:
    """Reconstructs secrets from the shares that came.

    Attributes:
        liars: Members whose share was not the one they were dealt.
    """

    def __init__(self, params: WindowParams, state: CollectingShares) -> None:
        self._params = params
        self._state = state
        self._position = {member: place for place, member in enumerate(params.committee, start=1)}
        self._weights: dict[tuple[int, ...], list[int]] = {}  # nearly always the same members: the first who answered
        self.liars: set[int] = set()

    def masks(self) -> Iterator[Mask]:
        """Yields every mask that is in the sum, with its sign there."""
        params, ring = self._params, self._params.ring
        for owner in sorted(self._state.counted):
            peers, releases = (*params.neighbors(owner), owner), self._releases(owner)
            for number, place in enumerate(params.released(owner, self._state.counted.keys())):
                secret = self._secret(owner, number, place, peers[place], releases)
                if peers[place] == owner:
                    yield self_mask(seed=secret, graph=ring, index=owner)
                else:
                    yield mask_of_pair(secret=secret, graph=ring, index=owner, peer=peers[place])

    def _secret(self, owner: int, number: int, place: int, peer: int, releases: dict[int, Release]) -> bytes:
        """Recovers the owner's secret at `place`, of which each release holds the share with this number."""
        commitment = self._state.spoken[owner].commitments[place]
        secret = self._combine(releases, number)
        if secret is None or commit(self._params, owner, peer, secret) != commitment:
            self._convict(owner, releases)
            secret = self._combine(releases, number)
            if secret is None or commit(self._params, owner, peer, secret) != commitment:
                detail = f"client {owner} dealt shares of another secret than it committed to"
                raise SessionAborted(AbortReason.INCONSISTENT_SHARES, detail, frozenset({*self.liars, owner}))
        return secret

    def _releases(self, owner: int) -> dict[int, Release]:
        """What was released out of the owner's boxes, by position of the member, without those of liars."""
        releases = {
            self._position[member]: response.releases[owner]
            for member, response in sorted(self._state.received.items())
            if owner in response.releases and member not in self.liars
        }
        self._check_enough(owner, releases)
        return releases

    def _check_enough(self, owner: int, releases: Mapping[int, Release]) -> None:
        if len(releases) < self._params.threshold:
            detail = f"{len(releases)} of client {owner}'s secrets, at least {self._params.threshold} are needed"
            raise SessionAborted(AbortReason.TOO_FEW_UNMASKINGS, detail, frozenset(self.liars))

    def _combine(self, releases: Mapping[int, Release], number: int) -> bytes | None:
        first = tuple(islice(releases, self._params.threshold))
        if first not in self._weights:
            self._weights[first] = lagrange_coefficients(first)
        try:
            shares = [releases[position].shares[number] for position in first]
            return secret_bytes(combine(shares, self._weights[first]))
        except InvalidShareError:
            return None  # wrong shares may combine to no 32 bytes

    def _convict(self, owner: int, releases: dict[int, Release]) -> None:
        """Calls a liar whoever released shares of the owner's secrets that are not on the root it was dealt under.

        What liars released is taken out.
        """
        params = self._params
        places = params.released(owner, self._state.counted.keys())
        for position, release in tuple(releases.items()):
            leaves = {
                place: leaf_of_share(encode_element(share)) for place, share in zip(places, release.shares, strict=True)
            }
            root = self._state.spoken[owner].roots[position - 1]
            try:
                merkle.verify(leaves, params.degree + 1, release.proof, root, Domain.DEALT_NODE.value)
            except InvalidProofError:
                self.liars.add(params.committee[position - 1])
                del releases[position]
        self._check_enough(owner, releases)
