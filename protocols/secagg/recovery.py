"""What the server does with released shares: secrets of survivors and dropouts, and through them a sum without masks.

REC-1  Every reconstructed secret is checked against what its owner signed, a mask key against its public key, a seed
       against its commitment: the sum is right, or there is none.
"""

from ..errors import AbortReason, InvalidShareError, SessionAborted
from ..params import SessionParams
from ..primitives.key_agreement import KeyPair
from ..primitives.shamir import combine, lagrange_coefficients, secret_bytes
from .graph import neighbors
from .masking import pairwise_mask, remove_masks, self_mask
from .statements import commit
from .states import CollectingShares


def unmask_sum(params: SessionParams, state: CollectingShares) -> None:
    """Takes every mask out of the accumulator in place: the survivors' own, and those they share with dropouts.

    Args:
        params: The session's parameters.
        state: At least `threshold` responses to UnmaskingRequest are in.

    Raises:
        SessionAborted: the shares of some secret do not give back what its owner committed to.
    """
    secrets = _Secrets(params, state)
    session_id = params.session_id
    self_masks = [
        self_mask(seed=secrets.self_mask_seed(survivor), session_id=session_id, index=survivor)
        for survivor in state.survivors
    ]
    remove_masks(state.accumulator, self_masks)
    for dropout in state.holders - state.survivors:
        keys = secrets.mask_keys(dropout)
        left_over = [
            pairwise_mask(
                keys=keys,
                peer_key=state.advertisements[survivor].mask_key,
                session_id=session_id,
                index=survivor,
                peer=dropout,
            )
            for survivor in state.survivors & neighbors(params.clients, dropout)
        ]
        remove_masks(state.accumulator, left_over)


class _Secrets:
    """Reconstructs secrets from the shares of the first `threshold` holders that answered."""

    def __init__(self, params: SessionParams, state: CollectingShares) -> None:
        self._params = params
        self._state = state
        self._holders = sorted(state.received)[: params.threshold]
        self._weights = lagrange_coefficients([holder + 1 for holder in self._holders])

    def self_mask_seed(self, owner: int) -> bytes:
        shares = [self._state.received[holder].self_mask_shares[owner] for holder in self._holders]
        seed = self._combine(owner, shares)
        if commit(self._params, owner, seed) != self._state.advertisements[owner].commitment:
            raise self._inconsistent(owner)
        return seed

    def mask_keys(self, owner: int) -> KeyPair:
        shares = [self._state.received[holder].mask_key_shares[owner] for holder in self._holders]
        keys = KeyPair(self._combine(owner, shares))
        if keys.public != self._state.advertisements[owner].mask_key:
            raise self._inconsistent(owner)
        return keys

    def _combine(self, owner: int, shares: list[int]) -> bytes:
        try:
            return secret_bytes(combine(shares, self._weights))
        except InvalidShareError as error:
            raise self._inconsistent(owner) from error

    def _inconsistent(self, owner: int) -> SessionAborted:
        detail = f"secret of client {owner} from shares of clients {self._holders}: one of these clients lied"
        return SessionAborted(AbortReason.INCONSISTENT_SHARES, detail)
