"""What the server does with released shares: secrets of survivors and dropouts, and through them sums without masks.

REC-1  Every reconstructed secret is checked against what its owner signed, a mask key against its public key, a seed
       against its commitment: the sum is right, or there is none.
REC-2  When the first shares do not give the secret, up to floor((m - threshold) / 2) wrong ones of m are corrected and
       told apart from the others; beyond that the session ends.
REC-3  Whoever is called a liar lied, as long as at most `corrupt` clients do. A share may be wrong because its holder
       released another or because its owner dealt it so, and of a box that did not open its sender or its recipient
       says what is not: one of the two lied. An honest client is in such a pair with liars alone, so with at most
       `corrupt` others; whoever is in pairs with more is not honest. A pair of the first kind counts only if at least
       `threshold` honest holders must agree on the other shares, and an owner whose secret fails is called a
       liar only if the holders could not have done it without it: Reed-Solomon would have corrected them.
"""

from collections.abc import Callable, Iterable, Mapping

from ..errors import AbortReason, InvalidShareError, SessionAborted
from ..masking import Crew, pairwise_mask, remove_masks, self_mask
from ..params import SessionParams
from ..primitives.key_agreement import KeyPair
from ..primitives.shamir import combine, correct, lagrange_coefficients, secret_bytes
from .statements import commit
from .states import CollectingShares


def unmask_sum(
    params: SessionParams, state: CollectingShares, crew: Crew
) -> tuple[dict[int, frozenset[int]], frozenset[int]]:
    """Takes every mask out of the accumulator in place: the survivors' own, and those they share with dropouts.

    Args:
        params: The session's parameters.
        state: All responses to UnmaskingRequest that came are in.
        crew: Who takes the masks out.

    Returns:
        By owner of a secret, the holders whose share of it was wrong, owners without any left out; and who lied
        (REC-3).

    Raises:
        SessionAborted: too few shares of some secret came, or too many of them are wrong.
    """
    secrets = _Secrets(params, state)
    graph = state.graph
    seeds = {survivor: secrets.self_mask_seed(survivor) for survivor in sorted(state.survivors)}
    keys_of = {dropout: secrets.mask_keys(dropout) for dropout in sorted(state.sharers - state.survivors)}
    remove_masks(state.accumulator, [self_mask(seed=seed, graph=graph, index=i) for i, seed in seeds.items()], crew)
    for dropout, keys in keys_of.items():
        left_over = [
            pairwise_mask(
                keys=keys,
                peer_key=state.advertisements[survivor].mask_key,
                graph=graph,
                index=survivor,
                peer=dropout,
            )
            for survivor in state.survivors & graph.neighbors(dropout)
        ]
        remove_masks(state.accumulator, left_over, crew)
    return secrets.wrong, secrets.liars()


class _Secrets:
    """Reconstructs secrets from the shares that came.

    Attributes:
        wrong: By owner, the holders whose share was wrong; the owner may have dealt it so.
    """

    def __init__(self, params: SessionParams, state: CollectingShares) -> None:
        self._params = params
        self._state = state
        # Of the last holders only: neighbors in the complete graph mostly share theirs, in a sparse one nobody does.
        self._weights: tuple[list[int], list[int]] = [], []
        self.wrong: dict[int, frozenset[int]] = {}
        self._accused: dict[int, set[int]] = {}  # by client, those of whom it or the other must have lied
        for holder, senders in state.unopened.items():
            self._accuse(holder, senders)

    def liars(self, *proved: int) -> frozenset[int]:
        """Who lied, as far as this is certain (REC-3); nobody, if it would be more than are assumed to lie at all."""
        corrupt = self._params.corrupt
        named = {client for client, others in self._accused.items() if len(others) > corrupt}.union(proved)
        return frozenset(named) if len(named) <= corrupt else frozenset()

    def self_mask_seed(self, owner: int) -> bytes:
        commitment = self._state.advertisements[owner].commitment
        shares = {holder: self._state.received[holder].self_mask_shares[owner] for holder in self._holders(owner)}
        return self._recover(owner, shares, lambda seed: commit(self._params, owner, seed) == commitment)

    def mask_keys(self, owner: int) -> KeyPair:
        public = self._state.advertisements[owner].mask_key
        shares = {holder: self._state.received[holder].mask_key_shares[owner] for holder in self._holders(owner)}
        return KeyPair(self._recover(owner, shares, lambda private: KeyPair(private).public == public))

    def _holders(self, owner: int) -> list[int]:
        """Neighbors of `owner` that answered and hold its shares: all but those whose box did not open. In order."""
        answered = self._state.graph.neighbors(owner) & self._state.received.keys()
        holders = sorted(holder for holder in answered if owner not in self._state.unopened[holder])
        if len(holders) < self._params.threshold:
            detail = f"{len(holders)} hold shares of client {owner}, at least {self._params.threshold} are needed"
            raise SessionAborted(AbortReason.TOO_FEW_UNMASKINGS, detail, self.liars())
        return holders

    def _recover(self, owner: int, shares: Mapping[int, int], fits: Callable[[bytes], bool]) -> bytes:
        first = list(shares)[: self._params.threshold]
        if first != self._weights[0]:
            self._weights = first, lagrange_coefficients([holder + 1 for holder in first])
        try:
            secret = secret_bytes(combine([shares[holder] for holder in first], self._weights[1]))
            if fits(secret):
                return secret
        except InvalidShareError:
            pass  # wrong shares may combine to no 32 bytes; correction decides
        return self._correct(owner, shares, fits)

    def _correct(self, owner: int, shares: Mapping[int, int], fits: Callable[[bytes], bool]) -> bytes:
        holders, threshold, corrupt = list(shares), self._params.threshold, self._params.corrupt
        correctable = (len(holders) - threshold) // 2
        try:
            element, positions = correct(list(shares.values()), [holder + 1 for holder in holders], threshold)
        except InvalidShareError as error:
            raise self._inconsistent(owner, holders, proved=corrupt <= correctable) from error
        wrong = frozenset(position - 1 for position in positions)
        # So many honest holders agree that, if the owner is honest as well, it dealt just what they agree on.
        sound = len(holders) - len(wrong) - corrupt >= threshold
        try:
            secret = secret_bytes(element)
        except InvalidShareError as error:
            raise self._inconsistent(owner, holders, proved=sound) from error
        if not fits(secret):
            raise self._inconsistent(owner, holders, proved=sound)
        self.wrong[owner] = wrong
        self._accuse(owner, wrong if sound else ())
        return secret

    def _accuse(self, client: int, others: Iterable[int]) -> None:
        """Notes that in each of these pairs at least one lied."""
        for other in others:
            self._accused.setdefault(client, set()).add(other)
            self._accused.setdefault(other, set()).add(client)

    def _inconsistent(self, owner: int, holders: list[int], *, proved: bool) -> SessionAborted:
        correctable = (len(holders) - self._params.threshold) // 2
        detail = (
            f"secret of client {owner} from shares of clients {holders}: more than {correctable} of them are wrong, or "
            f"the owner dealt wrong ones"
        )
        return SessionAborted(AbortReason.INCONSISTENT_SHARES, detail, self.liars(owner) if proved else self.liars())
