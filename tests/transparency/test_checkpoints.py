import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from fedstyle_secure.transparency.checkpoints import Checkpoint, CheckpointError, _key_id

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
ORIGIN = "gallery.example/log/1"
CHECKPOINT = Checkpoint(origin=ORIGIN, size=1234, root=bytes(range(100, 132)))
NOTE = CHECKPOINT.sign(KEY)


def test_a_checkpoint_opens_as_what_was_signed():
    assert Checkpoint.open(NOTE, origin=ORIGIN, key=PUBLIC) == CHECKPOINT
    assert NOTE.decode().startswith(f"{ORIGIN}\n1234\nZGVm")


def test_the_key_id_is_the_known_one_of_a_signed_note():
    """The example of golang.org/x/mod/sumdb/note, which C2SP's signed-note is the specification of."""
    name, id_, encoded = "PeterNeumann", "c74f20a3", "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = base64.b64decode(encoded)
    assert key[:1] == b"\1"
    assert _key_id(name, key[1:]).hex() == id_


def test_sigstore_reads_it_and_its_signature_verifies_under_plain_ed25519():
    rekor = pytest.importorskip("sigstore._internal.rekor.checkpoint", reason="pip install sigstore")
    read = rekor.SignedCheckpoint.from_text(NOTE.decode())
    assert (read.checkpoint.origin, read.checkpoint.log_size) == (ORIGIN, 1234)
    assert (read.checkpoint.log_hash, read.checkpoint.other_content) == (CHECKPOINT.root.hex(), [])
    (signature,) = read.signed_note.signatures
    assert (signature.name, signature.sig_hash) == (ORIGIN, _key_id(ORIGIN, PUBLIC))
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(
        base64.b64decode(signature.signature), read.signed_note.note.encode()
    )


def test_chk1_another_key_another_origin_and_another_log_are_refused():
    other = Ed25519PrivateKey.generate()
    for note, origin, key, reason in (
        (CHECKPOINT.sign(other), ORIGIN, PUBLIC, "another key"),
        (NOTE, ORIGIN, other.public_key().public_bytes_raw(), "another key"),
        (NOTE, "gallery.example/log/2", PUBLIC, "not of 'gallery.example/log/2'"),
        (Checkpoint(origin="x", size=0, root=bytes(32)).sign(KEY), ORIGIN, PUBLIC, "of the log 'x'"),
    ):
        with pytest.raises(CheckpointError, match=reason):
            Checkpoint.open(note, origin=origin, key=key)


@given(st.integers(0, 8 * len(NOTE) - 1))
def test_chk1_no_bit_of_it_may_differ(bit):
    bent = bytearray(NOTE)
    bent[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CheckpointError):
        Checkpoint.open(bytes(bent), origin=ORIGIN, key=PUBLIC)


@pytest.mark.parametrize(
    "bend",
    [
        lambda note: note + b"\n",
        lambda note: note + note.split(b"\n\n")[1],
        lambda note: note.replace(b"\n1234\n", b"\n01234\n"),
        lambda note: note.replace(b"\n1234\n", b"\n+1234\n"),
        lambda note: note.replace(b"\n1234\n", b"\n1234 \n"),
        lambda note: note.replace(b"\n\n", b"\nan extension\n\n"),
        lambda note: note.replace(b"\n", b"\r\n"),
        lambda note: re.sub(rb"(\n\xe2\x80\x94 \S+ \S+)\n", rb"\1", note),
        lambda note: note + bytes(2000),
        lambda _: b"",
        lambda _: b"\xff\xfe",
    ],
)
def test_chk1_there_is_one_form(bend):
    with pytest.raises(CheckpointError):
        Checkpoint.open(bend(NOTE), origin=ORIGIN, key=PUBLIC)


def test_chk1_the_same_bytes_in_another_base64_are_refused():
    """The last digit of 32 bytes has two spare bits."""
    root = base64.b64encode(CHECKPOINT.root)
    spare = root[:-2] + bytes([root[-2] + 1]) + b"="
    assert base64.b64decode(spare) == CHECKPOINT.root
    text = NOTE.split(b"\n\n")[0].replace(root, spare) + b"\n"
    signature = base64.b64encode(_key_id(ORIGIN, PUBLIC) + KEY.sign(text))
    with pytest.raises(CheckpointError, match="one form"):
        Checkpoint.open(text + f"\n\u2014 {ORIGIN} {signature.decode()}\n".encode(), origin=ORIGIN, key=PUBLIC)


def test_chk2_the_digest_tells_origin_size_and_root_apart():
    digests = {
        Checkpoint(origin=origin, size=size, root=root).digest
        for origin in ("a", "b")
        for size in (1, 2)
        for root in (bytes(32), bytes(31) + b"\1")
    }
    assert len(digests) == 8


@pytest.mark.parametrize("origin", ["", " ", "a b", "a\nb", "a+b", "é", "-a", "a" * 129])
def test_what_cannot_name_a_log_is_refused(origin):
    with pytest.raises(CheckpointError, match="does not name a log"):
        Checkpoint(origin=origin, size=0, root=bytes(32))


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), ((1 << 48) + 1, bytes(32)), (0, bytes(31))])
def test_sizes_and_roots_have_their_range(size, root):
    with pytest.raises(CheckpointError, match="size up to"):
        Checkpoint(origin="a", size=size, root=root)
