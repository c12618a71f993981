"""A second implementation of the log, as the RFC and C2SP write it; it shares no line with the library."""

import base64
import json
from collections.abc import Callable, Mapping
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import independent as second

_NODE = b"\1"


def _hashed(inputs: Mapping) -> list[bytes]:
    return [sha256(b"\0" + bytes.fromhex(entry)).digest() for entry in inputs["entries"]]


def _root(inputs: Mapping) -> dict:
    leaves = _hashed(inputs)
    return {"root": (second.tree_root(leaves, _NODE) if leaves else sha256().digest()).hex()}


def _inclusion(inputs: Mapping) -> dict:
    return {"hashes": [each.hex() for each in second.tree_proof(_hashed(inputs), {inputs["leaf"]}, _NODE)]}


def _growth(old: int, leaves: list[bytes], *, is_known: bool) -> list[bytes]:
    """RFC 9162, section 2.1.4.1: SUBPROOF."""
    if old == len(leaves):
        return [] if is_known else [second.tree_root(leaves, _NODE)]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= half:
        return [*_growth(old, leaves[:half], is_known=is_known), second.tree_root(leaves[half:], _NODE)]
    return [*_growth(old - half, leaves[half:], is_known=False), second.tree_root(leaves[:half], _NODE)]


def _consistency(inputs: Mapping) -> dict:
    old = inputs["old"]
    return {"hashes": [each.hex() for each in (_growth(old, _hashed(inputs), is_known=True) if old else [])]}


def _sign(inputs: Mapping) -> dict:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(inputs["private_key"]))
    public = key.public_key().public_bytes_raw()
    root = base64.b64encode(bytes.fromhex(inputs["root"])).decode()
    text = "".join(f"{line}\n" for line in (inputs["origin"], inputs["size"], root)).encode()
    mark = sha256(inputs["origin"].encode() + b"\n\1" + public).digest()[:4]
    signature = base64.b64encode(mark + key.sign(text))
    note = text + b"\n\xe2\x80\x94 " + inputs["origin"].encode() + b" " + signature + b"\n"
    return {"note": note.hex(), "digest": sha256(text).hexdigest(), "key": public.hex()}


def _open(inputs: Mapping) -> dict:
    _, size, root, *_ = bytes.fromhex(inputs["note"]).decode().split("\n")
    return {"size": int(size), "root": base64.b64decode(root).hex()}


def _encode_leaf(inputs: Mapping) -> dict:
    body = json.dumps(inputs["fields"], sort_keys=True, separators=(",", ":"))
    return {"encoding": f"{inputs['kind']} {body}".encode().hex()}


def _decode_leaf(inputs: Mapping) -> dict:
    kind, _, body = bytes.fromhex(inputs["encoding"]).decode().partition(" ")
    return {"kind": kind, "fields": json.loads(body)}


def _commit(label: bytes, salt: str, identities: list[str]) -> dict:
    content = label + bytes.fromhex(salt) + b"".join(map(bytes.fromhex, identities))
    return {"commitment": sha256(content).hexdigest()}


LOG_ANSWERS: dict[str, Callable[[Mapping], dict]] = {
    "log_root": _root,
    "log_inclusion": _inclusion,
    "verify_inclusion": lambda _inputs: {},
    "log_consistency": _consistency,
    "verify_consistency": lambda _inputs: {},
    "sign_checkpoint": _sign,
    "open_checkpoint": _open,
    "encode_leaf": _encode_leaf,
    "decode_leaf": _decode_leaf,
    "commit_identity": lambda i: _commit(b"fedstyle-secure/1/log-identity\0", i["salt"], [i["identity"]]),
    "commit_roster": lambda i: _commit(b"fedstyle-secure/1/log-roster\0", i["salt"], i["identities"]),
}
