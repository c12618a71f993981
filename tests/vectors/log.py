"""A platform's log: what an operation of vectors/transparency.json gives."""

from collections.abc import Callable, Mapping
from dataclasses import fields

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.transparency import leaves
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.tree import Tree, verify_entry, verify_growth

from .notation import bytes_of


def _tree(inputs: Mapping) -> Tree:
    return Tree(map(bytes_of, inputs["entries"]))


def _root(inputs: Mapping) -> dict:
    return {"root": _tree(inputs).root().hex()}


def _inclusion(inputs: Mapping) -> dict:
    return {"hashes": [each.hex() for each in _tree(inputs).prove_entry(inputs["leaf"], len(inputs["entries"]))]}


def _verify_inclusion(inputs: Mapping) -> dict:
    proof = list(map(bytes_of, inputs["proof"]))
    verify_entry(bytes_of(inputs["entry"]), inputs["leaf"], proof, size=inputs["size"], root=bytes_of(inputs["root"]))
    return {}


def _consistency(inputs: Mapping) -> dict:
    return {"hashes": [each.hex() for each in _tree(inputs).prove_growth(inputs["old"], len(inputs["entries"]))]}


def _verify_consistency(inputs: Mapping) -> dict:
    old, new = ((inputs[name], bytes_of(inputs[f"{name}_root"])) for name in ("old", "new"))
    verify_growth(old, new, list(map(bytes_of, inputs["proof"])))
    return {}


def _sign(inputs: Mapping) -> dict:
    key = Ed25519PrivateKey.from_private_bytes(bytes_of(inputs["private_key"]))
    checkpoint = Checkpoint(origin=inputs["origin"], size=inputs["size"], root=bytes_of(inputs["root"]))
    public = key.public_key().public_bytes_raw()
    return {"note": checkpoint.sign(key).hex(), "digest": checkpoint.digest.hex(), "key": public.hex()}


def _open(inputs: Mapping) -> dict:
    found = Checkpoint.open(bytes_of(inputs["note"]), origin=inputs["origin"], key=bytes_of(inputs["key"]))
    return {"size": found.size, "root": found.root.hex()}


def _encode_leaf(inputs: Mapping) -> dict:
    values = {name: bytes_of(value) if isinstance(value, str) else value for name, value in inputs["fields"].items()}
    return {"encoding": leaves.KINDS[inputs["kind"]](**values).encode().hex()}


def _decode_leaf(inputs: Mapping) -> dict:
    leaf = leaves.decode(bytes_of(inputs["encoding"]))
    values = {item.name: getattr(leaf, item.name) for item in fields(leaf)}
    return {
        "kind": leaf.KIND,
        "fields": {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()},
    }


def _commit_identity(inputs: Mapping) -> dict:
    return {"commitment": leaves.commit_identity(bytes_of(inputs["identity"]), bytes_of(inputs["salt"])).hex()}


def _commit_roster(inputs: Mapping) -> dict:
    identities = list(map(bytes_of, inputs["identities"]))
    return {"commitment": leaves.commit_roster(identities, bytes_of(inputs["salt"])).hex()}


LOG_STEPS: dict[str, Callable[[Mapping], dict]] = {
    "log_root": _root,
    "log_inclusion": _inclusion,
    "verify_inclusion": _verify_inclusion,
    "log_consistency": _consistency,
    "verify_consistency": _verify_consistency,
    "sign_checkpoint": _sign,
    "open_checkpoint": _open,
    "encode_leaf": _encode_leaf,
    "decode_leaf": _decode_leaf,
    "commit_identity": _commit_identity,
    "commit_roster": _commit_roster,
}
