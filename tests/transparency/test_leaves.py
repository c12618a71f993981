import pytest

from fedstyle_secure.errors import InputError
from fedstyle_secure.transparency import leaves
from fedstyle_secure.transparency.leaves import (
    Drawn,
    Epoch,
    Generation,
    Joined,
    Model,
    Published,
    Retired,
    Session,
    Stopped,
    Training,
    Withdrawn,
    commit_identity,
    commit_roster,
    decode,
    published,
)

A, B = b"a" * 32, b"b" * 32
LEAVES = (
    Epoch(number=1, size=0, root=bytes(32)),
    Joined(commitment=A),
    Retired(commitment=A),
    Generation(number=1, members=8, commitment=A),
    Training(digest=A, generation=1),
    Stopped(training=A),
    Session(digest=A, training=B, survivors=0),
    Drawn(session=7),
    Model(digest=A, space=A, training=B),
    Published(digest=A),
    Withdrawn(digest=A),
)


@pytest.mark.parametrize("leaf", LEAVES, ids=[leaf.KIND for leaf in LEAVES])
def test_lea1_each_kind_has_one_encoding(leaf):
    data = leaf.encode()
    assert decode(data) == leaf
    assert len(data) <= leaves.MAX_LEAF
    for bent in (data + b" ", data.replace(b" ", b"  ", 1), data.replace(b":", b": ", 1), b"x" + data, data[:-1], b""):
        with pytest.raises(InputError):
            decode(bent)


def test_lea1_every_kind_is_here():
    assert {type(leaf) for leaf in LEAVES} == set(leaves.KINDS.values())


def test_lea1_numbers_and_digests_have_their_range():
    with pytest.raises(InputError, match="32 bytes"):
        Published(digest=b"short")
    with pytest.raises(InputError, match="0 to"):
        Session(digest=A, training=B, survivors=-1)
    with pytest.raises(InputError):
        decode(b'session {"digest":"%s","survivors":-1,"training":"%s"}' % (A.hex().encode(), B.hex().encode()))


def test_lea2_without_its_salt_a_commitment_says_nothing_of_who_it_is():
    """Two salts, two commitments: who knows all identities cannot tell which it is of."""
    assert commit_identity(A, bytes(32)) != commit_identity(A, B)
    assert commit_identity(A, B) != commit_identity(B, B)
    assert commit_roster([A, B], bytes(32)) != commit_roster([A, B], B)
    assert commit_roster([A, B], B) != commit_roster([B, A], B)
    assert commit_roster([A], B) != commit_identity(A, B)


def test_lea3_what_is_published_follows_from_the_log():
    history = [*LEAVES[:7], Published(digest=A), Published(digest=B), Withdrawn(digest=A)]
    assert published(history) == (B,)
    assert published([*history, Published(digest=A)]) == (B, A)


@pytest.mark.parametrize("history", [[Published(digest=A), Published(digest=A)], [Withdrawn(digest=A)]])
def test_lea3_a_log_that_contradicts_itself_is_refused(history):
    with pytest.raises(InputError, match="where it cannot be"):
        published(history)
