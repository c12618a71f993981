"""A catalogue is what the platform signed and the log says, signature by signature, or nothing."""

from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure import canonical
from fedstyle_secure.errors import InputError
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.leaves import Epoch, Model, Published, Withdrawn
from fedstyle_secure.transparency.tree import Tree
from fedstyle_secure.transparency.watch import Watch
from fedstyle_secure.wire.catalogue import CATALOGUE_DOMAIN, Collection, Contents, Listed, Listing, Manifest, check

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in (1, 2))
PUBLIC = KEY.public_key().public_bytes_raw()
A, B, MODEL, SPACE = (bytes([number]) * 32 for number in (10, 11, 12, 13))
ANNA, BEA = (Listed(training=A, name=name, link=None, vector=bytes(8)) for name in ("Anna", "Bea"))
LOG = [
    Epoch(number=1, size=0, root=bytes(32)),
    Model(digest=MODEL, space=SPACE, training=A),
    Published(digest=ANNA.digest),
    Published(digest=BEA.digest),
]
WITHDRAWN = [*LOG, Withdrawn(digest=BEA.digest)]


def shown(log, signatures, **changes):
    """Contents, files and the watch of a platform that shows these signatures on this log."""
    tree = Tree(leaf.encode() for leaf in log)
    note = Checkpoint(origin="a", size=len(tree), root=tree.root()).sign(KEY)
    listing = canonical.encode(Listing(signatures=tuple(signatures)))
    collection = Collection(training=A, model=MODEL, space=SPACE, signatures=sha256(listing).digest())
    contents = Contents(checkpoint=note, collections=(replace(collection, **changes),))
    return contents, {contents.collections[0].signatures: listing}, Watch(origin="a", key=PUBLIC, note=note), log


def test_cat1_a_manifest_is_the_platforms_own():
    contents = shown(LOG, [ANNA, BEA])[0]
    statement = CATALOGUE_DOMAIN + canonical.encode(contents)
    data = Manifest(contents=contents, signature=KEY.sign(statement)).encode()
    assert Manifest.open(data, platform_key=PUBLIC).contents == contents
    for wrong in (
        Manifest(contents=contents, signature=OTHER.sign(statement)).encode(),
        Manifest(contents=contents, signature=KEY.sign(statement[1:])).encode(),
        Manifest(contents=replace(contents, collections=()), signature=KEY.sign(statement)).encode(),
        data + b"\n",
        b"{}",
    ):
        with pytest.raises(InputError):
            Manifest.open(wrong, platform_key=PUBLIC)


def test_cat2_what_the_log_says_is_what_is_shown():
    assert check(*shown(LOG, [ANNA, BEA])) == {A: (ANNA, BEA)}
    assert check(*shown(WITHDRAWN, [ANNA])) == {A: (ANNA,)}


@pytest.mark.parametrize(
    ("log", "signatures", "problem"),
    [
        (WITHDRAWN, [ANNA, BEA], "shows a signature that was withdrawn"),
        (LOG, [ANNA], "hides a signature"),
        (LOG, [ANNA, replace(BEA, vector=bytes(12))], "shows a signature"),
        (LOG, [ANNA, replace(BEA, name="Eve")], "shows a signature"),
        (LOG, [ANNA, BEA, BEA], "shows a signature"),
        (LOG, [ANNA, replace(BEA, training=B)], "another training"),
    ],
)
def test_cat2_a_catalogue_that_differs_from_the_log_is_refused(log, signatures, problem):
    with pytest.raises(InputError, match=problem):
        check(*shown(log, signatures))


@pytest.mark.parametrize("changes", [{"model": A}, {"space": A}, {"training": B}])
def test_cat2_a_model_that_the_log_does_not_know_is_refused(changes):
    with pytest.raises(InputError, match="no such model"):
        check(*shown(LOG, [ANNA, BEA], **changes))


def test_cat2_another_file_another_checkpoint_and_a_training_shown_twice_are_refused():
    contents, files, watch, log = shown(LOG, [ANNA, BEA])
    (name,) = files
    with pytest.raises(InputError, match="not the one that the catalogue names"):
        check(contents, {name: files[name] + b" "}, watch, log)
    with pytest.raises(InputError, match="another checkpoint"):
        check(replace(contents, checkpoint=b"older"), files, watch, log)
    with pytest.raises(InputError, match="twice"):
        check(replace(contents, collections=contents.collections * 2), files, watch, log)
