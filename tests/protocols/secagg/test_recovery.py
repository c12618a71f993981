"""Lies in the last round: the server notices every one that would change the sum."""

from dataclasses import replace

import pytest

from protocols import AbortReason, SessionAborted
from protocols.primitives.field import PRIME
from protocols.primitives.shamir import combine, lagrange_coefficients
from protocols.secagg.messages import UnmaskingResponse


def lie(house, table, owner, change, liar=0):
    """Client 4 drops out before MaskedInput; `liar` changes one share it releases."""
    cohort = house.cohort(5, threshold=3).run(4, silent_from={4: 2})
    for index, request in cohort.requests[4].items():
        data = cohort.clients[index].receive(request)
        if index == liar:
            shares = dict(getattr(UnmaskingResponse.decode(data, cohort.params), table))
            shares[owner] = change(shares[owner])
            data = house.bend(data, UnmaskingResponse, cohort.params, **{table: shares})
        cohort.server.receive(index, data)
    return cohort


@pytest.mark.parametrize(("table", "owner"), [("self_mask_shares", 1), ("self_mask_shares", 0), ("mask_key_shares", 4)])
@pytest.mark.parametrize("change", [lambda share: (share + 1) % PRIME, lambda _: 0, lambda share: PRIME - 1 - share])
def test_a_wrong_share_ends_the_session_and_never_in_a_wrong_sum(house, table, owner, change):
    cohort = lie(house, table, owner, change)
    with pytest.raises(SessionAborted) as caught:
        cohort.server.close_round()
    assert caught.value.reason is AbortReason.INCONSISTENT_SHARES
    assert f"secret of client {owner}" in str(caught.value)


def test_a_wrong_share_that_is_not_needed_does_no_harm(house):
    cohort = lie(house, "self_mask_shares", 1, lambda share: share ^ 1, liar=3)
    cohort.server.close_round()
    assert cohort.server.aggregate().tolist() == cohort.sum_of(range(4)).tolist()


def test_shares_that_combine_to_no_32_bytes_end_the_session(house):
    """A share chosen so that the secret becomes 2^256, a field element that is no seed."""
    honest = house.cohort(5, threshold=3).run(silent_from={4: 2})
    shares = [
        UnmaskingResponse.decode(honest.responses[4][index], honest.params).self_mask_shares[1] for index in range(3)
    ]
    weights = lagrange_coefficients([1, 2, 3])
    missing = (2**256 - combine(shares, weights)) * pow(weights[0], -1, PRIME)
    cohort = lie(house, "self_mask_shares", 1, lambda share: (share + missing) % PRIME)
    with pytest.raises(SessionAborted) as caught:
        cohort.server.close_round()
    assert caught.value.reason is AbortReason.INCONSISTENT_SHARES


def test_a_client_that_shared_another_secret_than_it_signed_ends_the_session(house):
    """The owner lies, consistently, to everyone: the commitment tells."""
    for name in ("self_mask_seed", "mask_key"):
        cohort = house.cohort(5, threshold=3).run(1)
        liar = cohort.clients[4]
        liar._state = replace(liar._state, **{name: bytes(32)})
        with pytest.raises(SessionAborted) as caught:
            cohort.run(silent_from={4: 2} if name == "mask_key" else {})
        assert caught.value.reason is AbortReason.INCONSISTENT_SHARES
        assert "client 4" in str(caught.value)
