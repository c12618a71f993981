"""vectors/transparency.json: a platform's log: tree, proofs, checkpoints, leaves, commitments, and what is refused."""

from .cases import Cases, Json
from .log import LOG_STEPS
from .materials import fixed_hex

_ENTRIES = [f"entry {number}".encode().hex() for number in range(11)]
_ORIGIN = "gallery.example/log/1"


def transparency() -> Json:
    """The content of the file."""
    cases = Cases("A platform's transparency log (docs/transparency.md).", entries=_ENTRIES)
    _trees(cases)
    _checkpoints(cases)
    _leaves(cases)
    cases.good("an identity", "commit_identity", identity=fixed_hex("a"), salt=fixed_hex("b"))
    cases.good("a roster", "commit_roster", identities=[fixed_hex("a"), fixed_hex("b")], salt=fixed_hex("c"))
    return cases.file()


def _bent(digest: str) -> str:
    """Another digest."""
    return ("0" if digest[0] != "0" else "1") + digest[1:]


def _trees(cases: Cases) -> None:
    for size in (0, 1, 2, 3, 7, 8, 11):
        cases.good(f"{size} entries", "log_root", entries=_ENTRIES[:size])
    root = LOG_STEPS["log_root"]({"entries": _ENTRIES})["root"]
    for leaf in (0, 6, 10):
        proved = cases.good(f"entry {leaf} of 11", "log_inclusion", leaf=leaf)
        honest = {"entry": _ENTRIES[leaf], "leaf": leaf, "size": 11, "root": root, "proof": proved["hashes"]}
        cases.good(f"entry {leaf} of 11 stands there", "verify_inclusion", **honest)
        hashes = proved["hashes"]
        for comment, changes in (
            ("another entry", {"entry": _ENTRIES[leaf - 1]}),
            ("another place", {"leaf": (leaf + 1) % 11}),
            ("a place outside", {"leaf": 11}),
            ("another size", {"size": 23}),
            ("another root", {"root": _bent(root)}),
            ("a hash too few", {"proof": hashes[1:]}),
            ("a hash too many", {"proof": [*hashes, root]}),
            ("another hash", {"proof": [_bent(hashes[0]), *hashes[1:]]}),
        ):
            cases.refused("ProofError", f"entry {leaf}: {comment}", "verify_inclusion", **{**honest, **changes})
    for old in (0, 1, 4, 6, 11):
        proved = cases.good(f"11 entries grew out of {old}", "log_consistency", old=old)
        old_root = LOG_STEPS["log_root"]({"entries": _ENTRIES[:old]})["root"]
        honest = {"old": old, "old_root": old_root, "new": 11, "new_root": root, "proof": proved["hashes"]}
        cases.good(f"11 entries grew out of {old}, by its proof", "verify_consistency", **honest)
        _refused_growths(cases, honest)


def _refused_growths(cases: Cases, honest: Json) -> None:
    old, hashes = honest["old"], honest["proof"]
    changes = [("a hash too many", {"proof": [*hashes, honest["new_root"]]})]
    if old:
        changes += [
            ("another old root", {"old_root": _bent(honest["old_root"])}),
            ("another new root", {"new_root": _bent(honest["new_root"])}),
            ("the sizes exchanged", {"old": 12}),
        ]
    if hashes:
        changes += [
            ("a hash too few", {"proof": hashes[:-1]}),
            ("another hash", {"proof": [_bent(hashes[0]), *hashes[1:]]}),
            ("no proof", {"proof": []}),
        ]
    for comment, change in changes:
        cases.refused("ProofError", f"from {old}: {comment}", "verify_consistency", **{**honest, **change})


def _checkpoints(cases: Cases) -> None:
    signed = {"origin": _ORIGIN, "size": 11, "root": fixed_hex("root"), "private_key": fixed_hex("log")}
    made = cases.good("a checkpoint", "sign_checkpoint", **signed)
    cases.good("a checkpoint of nothing", "sign_checkpoint", **{**signed, "size": 0})
    honest = {"note": made["note"], "origin": _ORIGIN, "key": made["key"]}
    cases.good("it opens", "open_checkpoint", **honest)
    text = bytes.fromhex(made["note"]).decode()
    for comment, note in (
        ("another size", text.replace("\n11\n", "\n12\n")),
        ("a leading zero", text.replace("\n11\n", "\n011\n")),
        ("an extension line", text.replace("\n\n", "\nmore\n\n")),
        ("a second signature", text + text.split("\n\n")[1]),
        ("carriage returns", text.replace("\n", "\r\n")),
        ("no line at the end", text.removesuffix("\n")),
        ("nothing", ""),
    ):
        cases.refused("CheckpointError", comment, "open_checkpoint", **{**honest, "note": note.encode().hex()})
    cases.refused(
        "CheckpointError", "another log's", "open_checkpoint", **{**honest, "origin": "gallery.example/log/2"}
    )
    cases.refused("CheckpointError", "another key's", "open_checkpoint", **{**honest, "key": fixed_hex("other")})
    for origin in ("", "two words", "a+b", "a" * 129):
        cases.refused("CheckpointError", f"origin {origin!r:.20}", "sign_checkpoint", **{**signed, "origin": origin})


def _leaves(cases: Cases) -> None:
    a, b = fixed_hex("a"), fixed_hex("b")
    for kind, fields in (
        ("epoch", {"number": 2, "size": 11, "root": a}),
        ("joined", {"commitment": a}),
        ("retired", {"commitment": a}),
        ("generation", {"number": 1, "members": 8, "commitment": a}),
        ("training", {"digest": a, "generation": 1}),
        ("session", {"digest": a, "training": b, "survivors": 7}),
        ("model", {"digest": a, "space": b, "training": a}),
        ("published", {"digest": a}),
        ("withdrawn", {"digest": a}),
        ("stopped", {"training": a}),
        ("drawn", {"session": 7}),
    ):
        made = cases.good(f"a leaf: {kind}", "encode_leaf", kind=kind, fields=fields)
        encoding = bytes.fromhex(made["encoding"])
        cases.good(f"reading: {kind}", "decode_leaf", encoding=made["encoding"])
        for comment, bent in (
            ("a space more", encoding.replace(b" ", b"  ", 1)),
            ("a space after a colon", encoding.replace(b":", b": ", 1)),
            ("a field more", encoding.replace(b"{", b'{"a":1,', 1)),
            ("a digest of 31 bytes", encoding.replace(bytes.fromhex(a).hex().encode(), a[2:].encode())),
            ("another kind", b"x" + encoding),
        ):
            if bent != encoding:  # not every kind holds a digest
                cases.refused("InputError", f"{kind}: {comment}", "decode_leaf", encoding=bent.hex())
