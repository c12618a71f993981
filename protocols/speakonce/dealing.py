"""How a client's secrets reach the committee: shares of each, sealed for each member, under one signed manifest.

DEA-1  Coefficients are fresh for each dealer and each secret: shares that both ends of a pair deal of their common
       secret lie on two polynomials, and never add up.
DEA-2  Every share is fixed by the manifest: a member proves what it was dealt, a dealer cannot take it back.
DEA-3  A box binds session, sender and recipient.
"""

from collections.abc import Sequence
from hashlib import sha256

from ..codec import Domain
from ..errors import InvalidBoxError, InvalidDataError
from ..primitives import aead, merkle
from ..primitives.field import ELEMENT_SIZE, UNIFORM_SIZE, decode_element, elements_from_uniform, encode_element
from ..primitives.key_agreement import KeyPair
from ..primitives.prg import Keystream
from ..primitives.shamir import split
from .messages import Delivery
from .params import WindowParams
from .statements import verify


def deal(params: WindowParams, secrets: Sequence[bytes], sharing_seed: bytes) -> list[bytes]:
    """Splits a client's secrets.

    Args:
        params: The window's parameters.
        secrets: With each neighbor, in order, and last its own; 32 bytes each.
        sharing_seed: 32 uniform bytes that are used for this and nothing else.

    Returns:
        For each member, in the committee's order, its share of each secret, 33 bytes each.
    """
    dealt: list[list[bytes]] = [[] for _ in params.committee]
    for place, secret in enumerate(secrets):
        stream = Keystream(sharing_seed, Domain.SHARING.bind(params.session_id, place))
        coefficients = elements_from_uniform(stream.read((params.threshold - 1) * UNIFORM_SIZE))
        shares = split(int.from_bytes(secret, "big"), coefficients, range(1, params.members + 1))
        for content, share in zip(dealt, shares, strict=True):
            content.append(encode_element(share))
    return [b"".join(content) for content in dealt]


def seal(params: WindowParams, keys: KeyPair, sender: int, contents: Sequence[bytes]) -> list[bytes]:
    """Seals what each member is dealt, in the committee's order."""
    boxes = []
    for member, content in zip(params.committee, contents, strict=True):
        context = Domain.BOX.bind(params.session_id, sender, member)
        boxes.append(aead.seal(keys.agree(params.prekeys[member].seal_key, context), content, context))
    return boxes


def unseal(params: WindowParams, keys: KeyPair, sender: int, recipient: int, delivery: Delivery) -> bytes:
    """Opens a box.

    Returns:
        A share of each of the sender's secrets, 33 bytes each: exactly those that its manifest fixes.

    Raises:
        InvalidSignatureError: the sender did not sign the manifest.
        InvalidProofError: the box is not under it. Neither is what an honest server delivers.
        InvalidBoxError: the box does not open, or holds something else: the sender's fault, or the server's.
    """
    manifest = delivery.manifest
    verify(params, Domain.MANIFEST, sender, manifest.content, manifest.signature)
    leaf = {params.committee.index(recipient): leaf_of_box(delivery.root, delivery.box)}
    merkle.verify(leaf, params.members, delivery.proof, manifest.boxes_root, Domain.BOXES_NODE.value)
    context = Domain.BOX.bind(params.session_id, sender, recipient)
    try:
        key = keys.agree(params.prekeys[sender].seal_key, context)
        content = aead.unseal(key, delivery.box, context)
        for share in shares_in(content):
            decode_element(share)
    except InvalidDataError as error:
        raise InvalidBoxError(str(error)) from error
    if tree_over(content).root != delivery.root:
        raise InvalidBoxError("the box holds other shares than its sender's message fixes")
    return content


def shares_in(content: bytes) -> list[bytes]:
    """Cuts what a member was dealt into encoded shares."""
    return [content[start : start + ELEMENT_SIZE] for start in range(0, len(content), ELEMENT_SIZE)]


def leaf_of_share(share: bytes) -> bytes:
    """Returns the leaf of an encoded share."""
    return sha256(Domain.DEALT_LEAF.value + share).digest()


def tree_over(content: bytes) -> merkle.Tree:
    """Returns the tree over what a member was dealt."""
    return merkle.Tree([leaf_of_share(share) for share in shares_in(content)], Domain.DEALT_NODE.value)


def leaf_of_box(root: bytes, box: bytes) -> bytes:
    """Returns the leaf of a box and the root over what is inside."""
    return sha256(Domain.BOXES_LEAF.value + root + box).digest()


def tree_over_boxes(roots: Sequence[bytes], boxes: Sequence[bytes]) -> merkle.Tree:
    """Returns the tree over all boxes of a client."""
    leaves = [leaf_of_box(root, box) for root, box in zip(roots, boxes, strict=True)]
    return merkle.Tree(leaves, Domain.BOXES_NODE.value)
